"""What goes wrong at a station: each a clear message on the screen, nothing lost, and the terminal as it was."""
import os
import resource
import signal
import sqlite3
import subprocess
import time

import pytest

from conftest import BINARY, TREE
from demo_station import demo, demo_home  # noqa: F401 (fixtures)
from screen import Screen

SAMPLES = TREE / "samples"
FILM = "chest-normal-1.jpg"


@pytest.fixture
def at(demo):
    """at("doctor") opens the station as that person in a folder with pictures."""
    opened = []
    folder = demo.home / "desk"
    folder.mkdir()
    for i in range(4):
        (folder / f"{i}-{FILM}").write_bytes((SAMPLES / FILM).read_bytes())

    def start(user=None, cols=80, rows=24, **more):
        s = Screen(demo, BINARY, cols, rows, cwd=folder, **more)
        opened.append(s)
        return s.sign_in(user) if user else s
    yield start
    for s in opened:
        s.__exit__()


def results(demo):
    return demo("doctor", "results", "list", "--json", expect=0).json["count"]


def sound(demo):
    """The records hold together, and each has its picture."""
    db = sqlite3.connect(demo.home / "station" / "clinic.db")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",) and not db.execute("PRAGMA foreign_key_check").fetchall()
    for (path,) in db.execute("SELECT image FROM images"):
        assert (demo.home / "station" / "images" / path).exists()
    db.close()
    assert demo("admin", "audit", "verify", "--json", expect=0).json["ok"] is True


# ---- the records ----
def test_a_newer_database(at, demo):
    with sqlite3.connect(demo.home / "station" / "clinic.db") as db:
        db.execute("PRAGMA user_version = 900")
    s = at()
    s.wait("newer")
    s.keys("Ctrl-Q").end()
    assert s.process.poll() is not None and s.restored()
    with sqlite3.connect(demo.home / "station" / "clinic.db") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (900,)  # left as it is


def test_two_programs_at_once(at, demo):
    before = results(demo)
    both = [at("doctor").keys("2").wait(FILM) for _ in range(2)]
    for s in both:
        s.keys("*", "a")
    for s in both:
        s.wait("4 pictures analysed and saved", limit=60)
    assert results(demo) == before + 8
    for s in both:
        s.keys("4").wait(f"of {before + 8}")
    sound(demo)


def test_a_full_disk(at, demo):
    s = at("doctor").keys("2").wait(FILM)
    before = results(demo)
    resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))  # no file may grow
    s.keys("a").wait("nothing was lost. (E505)")
    assert s.process.poll() is None and "Saved as" not in s.text and results(demo) == before
    s.keys("4").wait(f"of {before}").keys("2").wait(FILM)                                    # reading goes on
    resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    s.keys("a").wait("Saved as #")
    assert results(demo) == before + 1
    sound(demo)


def test_a_full_disk_while_saving_a_file(at):
    s = at("doctor").keys("4").wait("000011").keys("s").wait("File name")
    resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    s.keys("Enter").wait(lambda s: "(E" in s.text)
    assert not [name for name in os.listdir(os.readlink(f"/proc/{s.process.pid}/cwd")) if "result-" in name]
    resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    s.keys("Enter").wait("Saved as result-")


def test_a_home_for_reading_only(demo, tmp_path):
    """The station's folder mounted read-only: said, and the terminal restored."""
    home = demo.home / "station"
    script = f"mount --bind {home} {home} && mount -o remount,bind,ro {home} && exec {BINARY}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", script + " health"], capture_output=True, env=demo.env).returncode == 1:
        pytest.skip("skipped: no mount of one's own here")
    with Screen(demo, "/usr/bin/unshare", args=["-rm", "sh", "-c", script]) as s:
        s.wait(lambda s: "Password" in s.text or "(E" in s.text or s.process.poll() is not None)
        if s.process.poll() is None:
            s.keys("doctor", "Enter", "demo-doctor", "Enter").wait(lambda s: "(E" in s.text or "E5" in s.text)
            s.keys("Ctrl-Q")
        assert s.end() is not None
        assert b"E" in s.raw and (b"read-only" in s.raw or b"Cannot write" in s.raw or b"cannot write" in s.raw), s.raw[-3000:]
        assert s.restored()


@pytest.mark.parametrize("delay", [0.02, 0.15, 0.4])
def test_killed_while_analysing(at, demo, delay):
    before = results(demo)
    s = at("doctor").keys("2").wait(FILM).keys("*")
    s.type("a")
    s.settle(delay, limit=delay)
    os.kill(s.process.pid, signal.SIGKILL)
    s.end()
    assert before <= results(demo) <= before + 4
    sound(demo)
    again = at("doctor").keys("2").wait(FILM).keys("a").wait("Saved as #")
    assert again.process.poll() is None


def test_stopped_batch_keeps_what_is_done(at, demo):
    before = results(demo)
    for i in range(4, 60):
        (demo.home / "desk" / f"{i}-{FILM}").write_bytes((SAMPLES / FILM).read_bytes())
    s = at("doctor").keys("2").wait(FILM).keys("*")
    s.type("a")
    s.wait(" of 60").type("\x03")
    s.wait("the rest stays marked")
    done = results(demo) - before
    assert 0 <= done < 60 and f"{done} of 60" in s.text
    s.keys("4").wait(f"of {before + done}")


# ---- addresses ----
@pytest.mark.parametrize("typed", ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "nobody", "a@b@c.example",
                                   "<a@b.example>", "x" * 300 + "@b.example", "a b@c.example"])
def test_addresses_refused(at, demo, typed):
    s = at("doctor").keys("4").wait("000011").keys("e").wait("Subject").paste(typed)
    s.keys("Enter", "Enter").settle(0.5)
    assert "Queued" not in s.text and "Subject" in s.text
    assert demo("doctor", "mail", "list", "--json", expect=0).json["count"] == 0
    s.keys("BackTab", "BackTab").settle()


def test_a_subject_of_two_lines_becomes_one(at, demo):
    s = at("doctor").keys("4").wait("000011").keys("e").wait("Subject").keys("a@b.example", "Tab", "Ctrl-U")
    s.paste("Result\r\nBcc: c@d.example")
    s.keys(*["Tab"] * 6, "Enter").wait("Queued")
    mail = demo("doctor", "mail", "list", "--json", expect=0).json["results"][0]
    assert mail["subject"].split() == ["Result", "Bcc:", "c@d.example"] and "\n" not in mail["subject"]


# ---- bytes ----
PLACES = {"sign_in": [], "analyse": ["2"], "patients": ["3"], "patient": ["3", "Enter"], "patient_form": ["3", "n"], "result": ["4", "Enter"],
          "compose": ["4", "e"], "filter": ["4", "f"], "models": ["5"], "outbox": ["6"], "palette": [":"], "profile": ["F2"], "lock": ["Ctrl-X"]}


@pytest.mark.parametrize("place", PLACES)
def test_every_byte_on_every_screen(at, demo, place):
    s = at(None if place == "sign_in" else "doctor")
    s.wait("Password" if place == "sign_in" else "Home").settle()
    s.keys(*PLACES[place]).settle(0.3)
    s.type(bytes(b for b in range(256) if b not in (3, 17, 24)))  # stop, quit and lock have tests of their own
    s.settle(0.4)
    s.type(bytes(b for b in range(255, -1, -1) if b not in (3, 17, 24)))
    s.settle(0.4)
    assert s.process.poll() is None
    s.keys("Esc", "Esc", "Esc", "Esc", "Esc", "Ctrl-L").settle(0.3)
    assert s.text.strip()
    s.keys("Ctrl-Q").settle(0.3)
    if s.process.poll() is None:
        s.keys("y")
    assert s.end() == 0 and s.restored()
    sound(demo)


@pytest.mark.parametrize("place", ["analyse", "patient_form", "compose", "filter", "palette"])
def test_a_large_paste(at, demo, place):
    s = at("doctor").keys(*PLACES[place])
    s.settle(0.3)
    begin = time.monotonic()
    s.type(b"\x1b[200~" + "Ā\n".encode() * 1_000_000 + b"\x1b[201~")
    s.settle(0.5, limit=30)
    assert s.process.poll() is None and time.monotonic() - begin < 25
    s.keys("Esc", "Esc", "Ctrl-X").wait("Locked")


# ---- sizes ----
def test_nothing_typed_is_lost_in_a_small_window(at):
    s = at("doctor").keys("3").wait("MUKASA").keys("n").wait("New patient").keys("Half Typed", "Tab", "Tab", "19")
    s.resize(5, 20)
    s.wait("too small")
    s.resize(24, 80)
    s.wait("Half Typed").keys("84").settle()
    assert "1984" in s.text


def test_resize_storm_while_analysing(at, demo):
    before = results(demo)
    s = at("doctor").keys("2").wait(FILM).keys("*")
    s.type("a")
    for i in range(40):
        s.resize(5 + i * 7 % 45, 18 + i * 13 % 150)
        s.settle(0.02, limit=0.04)
    s.resize(24, 80)
    s.settle(0.3)
    s.keys("Ctrl-L", "4").wait(f"of {before + 4}", limit=40)
    assert s.lines[0].startswith("clinic")
