"""The lights go out while pictures are added: what was answered is on the disk, whole. The program runs on top of a model
of a disk that keeps what was synced and nothing else (tests/faults/power_cut.c); it is killed at random moments, and what
the model kept is judged: alone, and with blocks that the disk wrote of its own accord before the lights went out."""
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from conftest import BINARY, TREE, Clinic

BLOCK = 4096
CUTS = 5


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    made = tmp_path_factory.mktemp("power") / "power_cut.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", made,
                    TREE / "tests" / "faults" / "power_cut.c", "-ldl"], check=True)
    return made


class Disk:
    """A station on the model: home/station is what programs see, kept is what the disk is bound to keep."""

    def __init__(self, home, model):
        self.clinic, self.live, self.kept = Clinic(home), home / "station", home / "kept"
        (self.kept / ".bytes").mkdir(parents=True)
        self.live.mkdir(mode=0o700)
        self.clinic.env |= {"CLINIC_BCRYPT_COST": "4"}
        self.model = {"LD_PRELOAD": str(model), "POWER_CUT_LIVE": str(self.live), "POWER_CUT_KEPT": str(self.kept)}

    def found(self, name, dice=None):
        """A station from what was kept; with dice each block that has changed since may have reached the disk too."""
        home = self.clinic.home / name
        station = home / "station"
        shutil.copytree(self.kept, station, ignore=shutil.ignore_patterns(".bytes"))
        for path in station.rglob("*") if dice else []:
            now = self.live / path.relative_to(station)
            if path.is_file() and now.is_file():
                then, later = path.read_bytes(), now.read_bytes()
                n = dice.choice((len(then), max(len(then), len(later))))
                blocks = (dice.choice((then, later))[at:at + BLOCK].ljust(min(BLOCK, n - at), b"\0")[:n - at]
                          for at in range(0, n, BLOCK))
                path.write_bytes(b"".join(blocks))
        station.chmod(0o700)
        clinic = Clinic(home)
        clinic.env |= {"CLINIC_BCRYPT_COST": "4"}
        return clinic


@pytest.fixture
def disk(tmp_path, model):
    made = Disk(tmp_path, model)
    made.clinic("init", "--demo", env=made.model, expect=0, timeout=120)
    return made


def as_user(name):
    return {"op": "session.sign_in", "args": {"username": name, "password": f"demo-{name}"}}


def requests(*asked):
    return "".join(json.dumps({"id": i} | r) + "\n" for i, r in enumerate(asked)).encode()


def picture(folder, i):
    """Each its own bytes: text after the end of the picture changes its name in the store."""
    path = folder / f"{i}.jpg"
    path.write_bytes((TREE / "samples" / "chest-normal-1.jpg").read_bytes() + b"%d" % i)
    return path


def judge(clinic, added):
    station = clinic.home / "station"
    got = clinic("api", stdin=requests(as_user("doctor"), *({"op": "results.show", "args": {"id": a["result"]["id"]}}
                                                            for a in added)), expect=0).lines
    assert got[0]["ok"], got[0]
    for a, shown in zip(added, got[1:], strict=True):
        assert shown["ok"], shown
        assert shown["result"]["image"]["sha256"] == a["image"]["sha256"]
        assert shown["result"]["result"]["confidence"] == a["result"]["confidence"]
    verdict = clinic("api", stdin=requests(as_user("admin"), {"op": "audit.verify"}), expect=0).lines[1]
    assert verdict["ok"] and verdict["result"]["ok"] is True, verdict
    with sqlite3.connect(station / "clinic.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = db.execute("SELECT image, sha256 FROM images").fetchall()
    assert len(rows) >= len(added)
    for path, sha256 in rows:
        assert subprocess.run(["sha256sum", station / "images" / path], capture_output=True).stdout[:64].decode() == sha256


def test_a_new_station_stays(disk):
    """init has answered: all of it is there."""
    judge(disk.found("morning"), [])
    again = disk.found("again")
    assert ".sql ... OK" not in again("init", "--demo", expect=0).text


def test_the_model_forgets(disk):
    """What was never synced is gone: otherwise the other tests would show nothing."""
    (disk.live / "note").write_text("not synced")
    script = ("import os; f = open('half', 'w'); f.write('first'); f.flush(); os.fsync(f.fileno()); f.write(' and more'); f.flush();"
              "os.fsync(os.open('.', os.O_RDONLY)); open('late', 'w').write('x')")
    subprocess.run(["python3", "-c", script], cwd=disk.live, env=disk.clinic.env | disk.model, check=True)
    found = disk.found("morning").home / "station"
    assert (found / "half").read_text() == "first"
    assert (found / "note").read_text() == ""
    assert not (found / "late").exists()


def test_nothing_answered_is_lost(disk):
    dice, answered = random.Random(11), []
    for cut in range(CUTS):
        asked = [{"op": "images.add", "args": {"file": str(picture(disk.clinic.home, 100 * cut + i)), "notes": f"cut {cut}"}}
                 for i in range(60)]
        p = subprocess.Popen([BINARY, "api"], env=disk.clinic.env | disk.model, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(p.stdin.fileno(), False)
        p.stdin.write(requests(as_user("doctor"), *asked))
        p.stdin.flush()
        lines = [p.stdout.readline()]  # signed in
        for _ in range(1 + dice.randrange(6)):
            lines.append(p.stdout.readline())
        time.sleep(dice.random() * 0.1)
        p.send_signal(signal.SIGKILL)
        lines += p.stdout.read().split(b"\n")[:-1]
        p.wait()
        got = [json.loads(line) for line in lines]
        assert all(a["ok"] for a in got), got
        answered += [a["result"] for a in got[1:]]
        judge(disk.found(f"strict{cut}"), answered)
        judge(disk.found(f"early{cut}", dice), answered)
    assert len(answered) >= 2 * CUTS
