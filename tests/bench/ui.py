#!/usr/bin/python3
"""Bytes and milliseconds of the screens: a byte-counting pseudo-terminal and pyte. make bench-ui

Budgets: a whole session 16,000 B, one key 250 B, a screen change 2,200 B, idle 0 B; start to the sign-in prompt 50 ms, key echo
while an analysis runs 30 ms (99 of 100), first preview of a 3000x2500 JPEG 150 ms, a page of --rows results 30 ms."""
import argparse
import os
import pathlib
import platform
import sqlite3
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "e2e")]


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


class Table:
    def __init__(self):
        self.over = 0

    def row(self, name, value, unit, limit=None):
        late = limit is not None and value > limit
        self.over += late
        print(f"{name:<52} {value:>10.1f} {unit:<3}" + (f" budget {limit:g}" + ("  OVER" if late else "") if limit is not None else ""),
              flush=True)


def big_picture(path):
    """A 3000x2500 grey JPEG with some structure in it."""
    import numpy
    from PIL import Image
    y, x = numpy.mgrid[0:2500, 0:3000]
    grey = 128 + 60 * numpy.sin(x / 97.0) + 50 * numpy.cos(y / 61.0) + 15 * numpy.sin(x * y / 9e4)
    Image.fromarray(grey.clip(0, 255).astype("uint8")).save(path, quality=88)


def session(clinic, term, table):
    """Sign in, results, pick, preview, analyse, save, compose with 60 typed letters, queue, lock."""
    env = {"NO_COLOR": "1"}
    steps = [("results", ["4"], "all results", True), ("one row down", ["Down"], None, False), ("next row", ["Down"], None, False),
             ("analyse", ["2"], "Model:", True), ("next picture: the key", ["Down"], None, False), ("its preview", [], None, True),
             ("analyse it", ["a"], "Saved as", True), ("save form", ["s"], "File name", True), ("save", ["Enter"], "Saved as result", True),
             ("compose form", ["e"], "Subject", True), ("address, 26 letters", ["dr.mutesi@district.example"], None, False),
             ("to the note", ["Tab", "Tab"], None, False), ("note, 34 letters", ["please look at this picture today."], None, False),
             ("to send", ["Enter"], None, False), ("queue", ["Enter"], "Queued", True), ("lock", ["Ctrl-X"], "Locked", True)]
    with make_screen(clinic, term, env) as s:
        s.sign_in("doctor")
        print(f"\n{term}, mono, 80x24")
        table.row("sign-in to home", s.bytes, "B")
        for name, keys, there, change in steps:
            before = s.bytes
            s.keys(*keys)
            if there:
                s.wait(there)
            s.settle(0.08 if name.endswith("the key") else 0.4)
            letters = sum(len(k) for k in keys) if len(keys) == 1 and len(keys[0]) > 9 else len(keys)
            spent = (s.bytes - before) / (1 if change else letters)
            table.row(name + ("" if change or letters == 1 else ", per key"), spent, "B", 2200 if change else 250)
        table.row("whole session", s.bytes, "B", 16000)
        before = s.bytes
        s.settle(5, limit=5)
        table.row("idle for 5 s, locked", s.bytes - before, "B", 0)


def idle(clinic, table):
    with make_screen(clinic, "xterm-256color", {}) as s:
        s.sign_in("doctor").keys("4").wait("all results").settle(0.5)
        before = s.bytes
        s.settle(10, limit=10)
        table.row("idle for 10 s, results", s.bytes - before, "B", 0)


def start_to_prompt(clinic, table, runs=7):
    times = []
    for _ in range(runs):
        begun = time.monotonic()
        with make_screen(clinic, "xterm-256color", {}) as s:
            while "Password" not in s.text:
                s.take(0.001)
            times.append(1000 * (time.monotonic() - begun))
    table.row("start to sign-in prompt, least of 7", min(times), "ms", 50)


def echo(s, key, limit=1.0):
    """Milliseconds from a key to the first byte of its answer."""
    s.settle(0.005)
    begun = time.monotonic()
    s.type(key)
    before = s.bytes
    while s.bytes == before and time.monotonic() - begun < limit:
        s.take(0.001)
    return 1000 * (time.monotonic() - begun)


def echo_while_analysing(clinic, table):
    """A batch runs; the cursor of the picker moves up and down."""
    with make_screen(clinic, "xterm-256color", {"NO_COLOR": "1"}, cwd=clinic.home / "batch") as s:
        s.sign_in("doctor").keys("2").wait("Model:").keys("*", "a")
        times = []
        while "Ctrl-C stops" in s.text or len(times) < 20:
            times.append(echo(s, "\x1b[A" if len(times) % 2 else "\x1b[B"))
            if len(times) > 400:
                break
        times.sort()
        table.row(f"key echo while analysing, p99 of {len(times)}", times[int(len(times) * 0.99) - 1], "ms", 30)
        table.row("  median", times[len(times) // 2], "ms")


def first_preview(clinic, table, runs=5):
    times = []
    for _ in range(runs):
        with make_screen(clinic, "xterm-256color", {"NO_COLOR": "1"}, cwd=clinic.home / "big") as s:
            s.sign_in("doctor").settle()
            begun = time.monotonic()
            s.keys("2").wait("3000x2500")
            times.append(1000 * (time.monotonic() - begun))
    table.row("key to first preview of 3000x2500, least of 5", min(times), "ms", 150)


def fill(clinic, rows):
    """Copies of the demo's results until there are that many, straight into the tables that the lists are read from."""
    db = sqlite3.connect(clinic.home / "station" / "clinic.db")
    have = db.execute("SELECT min(id) FROM (SELECT max(id) AS id FROM results UNION SELECT max(id) FROM images)").fetchone()[0]
    first = db.execute("SELECT max(id) FROM (SELECT max(id) AS id FROM results UNION SELECT max(id) FROM images)").fetchone()[0] + 1
    last = first + rows - db.execute("SELECT count(*) FROM results").fetchone()[0] - 1
    own = {"id": "k", "image_id": "k", "created_at": "t.created_at - 60000 * k", "confidence": "50 + (k * 7919 % 5000) / 100.0"}
    with db:
        for table in ("images", "results", "result_index"):
            names = [r[1] for r in db.execute(f"PRAGMA table_info({table})")]
            db.execute(f"WITH RECURSIVE n(k) AS (SELECT {first} UNION ALL SELECT k + 1 FROM n WHERE k < {last}) "
                       f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(own.get(n, 't.' + n) for n in names)} "
                       f"FROM n JOIN {table} t ON t.id = 1 + k % {have}")
    db.execute("ANALYZE")
    db.close()


def many_results(clinic, table, rows):
    fill(clinic, rows)
    with make_screen(clinic, "xterm-256color", {"NO_COLOR": "1"}) as s:
        s.sign_in("doctor").keys("4").wait(f"of {rows:,}", limit=60)
        print(f"\n{rows:,} results")

        def until(keys, done, limit=60):
            s.settle(0.2)
            begun = time.monotonic()
            s.type(keys)
            s.wait(done, limit)
            return 1000 * (time.monotonic() - begun)
        table.row("last page (G)", until("G", f"{rows:,} of {rows:,}"), "ms", 30)
        table.row("first page (g)", until("g", f"1 of {rows:,}"), "ms", 30)
        times = [until("o", lambda s, word=word: word in s.text) for word in ("oldest first", "surest first", "least sure first")]
        table.row("other order, worst of 3", max(times), "ms", 30)
        s.keys("f", "PNEUMONIA", "Tab", "90")
        s.settle(0.2)
        begun = time.monotonic()
        s.keys(*["Tab"] * 9)
        table.row("filtered by class and confidence", until("\r", "class=PNEUMONIA"), "ms")


def make_screen(clinic, term, env, cwd=None):
    from conftest import BINARY
    from screen import Screen
    return Screen(clinic, BINARY, 80, 24, term=term, env=env, cwd=cwd or clinic.home / "xrays")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", default="build")
    options.add_argument("--rows", type=int, default=1000000, help="results in the large table; 0: leave it out")
    asked = options.parse_args()
    os.environ["CLINIC_TEST_BUILD"] = str((ROOT / asked.build).resolve())
    from conftest import Clinic
    table = Table()
    print(f"{processor()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="clinic-bench-") as folder:
        home = pathlib.Path(folder)
        clinic = Clinic(home)
        clinic("init", "--demo", expect=0)
        (home / "xrays").mkdir()
        (home / "big").mkdir()
        (home / "batch").mkdir()
        for sample in sorted((ROOT / "samples").glob("*.[jp]*g")):
            (home / "xrays" / sample.name).write_bytes(sample.read_bytes())
            for copy in range(5):
                (home / "batch" / f"{copy}-{sample.name}").write_bytes(sample.read_bytes())
        big_picture(home / "big" / "large.jpg")
        for term in ("vt100", "xterm-256color"):
            for old in (home / "xrays").glob("result-*"):
                old.unlink()
            session(clinic, term, table)
        print()
        idle(clinic, table)
        start_to_prompt(clinic, table)
        echo_while_analysing(clinic, table)
        first_preview(clinic, table)
        if asked.rows:
            many_results(clinic, table, asked.rows)
    print(f"\n{table.over} over budget")


if __name__ == "__main__":
    main()
