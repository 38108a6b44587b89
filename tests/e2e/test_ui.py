"""The station on a terminal: the main job by keys alone, lock and drafts, bad lines and bad terminals."""
import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import BINARY, TREE, Clinic
from screen import Screen


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One demo station for the whole file; its pictures lie in xrays/."""
    home = tmp_path_factory.mktemp("station")
    clinic = Clinic(home)
    clinic("init", "--demo", expect=0)
    (home / "xrays").mkdir()
    for sample in sorted((TREE / "samples").glob("*.jpg")):
        (home / "xrays" / sample.name).write_bytes(sample.read_bytes())
    return clinic


@pytest.fixture
def screen(demo):
    """screen(cols, rows, ...) opens the station in the folder of pictures; everything is closed at the end."""
    opened = []

    def start(cols=80, rows=24, cwd=None, **more):
        s = Screen(demo, BINARY, cols, rows, cwd=cwd or demo.home / "xrays", **more)
        opened.append(s)
        return s
    yield start
    for s in opened:
        s.__exit__()


def token(demo, user="doctor"):
    path = demo.home / f"{user}.token"
    if not path.exists():
        demo("login", "--username", user, "--password-fd", "0", "--token-file", path, stdin=f"demo-{user}\n".encode(), expect=0)
    return {"CLINIC_TOKEN_FILE": str(path)}


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (132, 43)], ids=str)
def test_main_job_in_under_twelve_keys(demo, screen, size):
    folder = demo.home / f"job-{size[0]}"
    folder.mkdir()
    (folder / "film.jpg").write_bytes((TREE / "samples" / "chest-pneumonia-1.jpg").read_bytes())
    s = screen(*size, cwd=folder).sign_in("doctor")
    s.sent = 0
    s.keys("2").wait("film.jpg")                          # pick and see
    s.keys("a").wait("Saved as #").wait("PNEUMONIA")      # analyse, read
    s.keys("s").wait("File name").keys("Enter").wait("Saved as result-")
    s.keys("e").wait("Subject").paste("dr.mutesi@district.example")
    s.keys("Enter", "Enter").wait("Queued; sends in")
    assert s.sent < 12, s.sent
    saved = list(folder.glob("result-*.pdf"))
    assert len(saved) == 1 and saved[0].read_bytes().startswith(b"%PDF") and saved[0].stat().st_mode & 0o777 == 0o600
    mails = demo("mail", "list", "--json", env=token(demo), expect=0).json["results"]
    assert mails[0]["to"] == "dr.mutesi@district.example" and mails[0]["state"] in ("queued", "in_flight", "sent")


def test_take_back(demo, screen):
    s = screen().sign_in("doctor").keys("4").wait("000011")
    s.keys("e").wait("Subject").keys("wrong@district.example", "Enter", "Enter").wait("Queued; sends")
    s.keys("u").wait("Taken back")
    mail = next(m for m in demo("mail", "list", "--json", env=token(demo), expect=0).json["results"] if m["to"] == "wrong@district.example")
    assert mail["state"] == "dead"


def test_save_never_overwrites(demo, screen):
    folder = demo.home / "keep"
    folder.mkdir()
    s = screen(cwd=folder).sign_in("doctor").keys("4").wait("000011")
    number = next(l for l in s.lines if l.startswith(">")).split()[1]
    s.keys("Enter").wait(f"Result {number}").keys("s").wait("File name")
    name = folder / f"result-{number}.pdf"
    name.write_text("mine")
    s.keys("Enter").wait("is there already").keys("Enter").wait(f"Saved as result-{number}-2.pdf")
    assert name.read_text() == "mine" and (folder / f"result-{number}-2.pdf").stat().st_size > 1000


def test_export_of_marked_rows(demo, screen):
    folder = demo.home / "export"
    folder.mkdir()
    s = screen(cwd=folder).sign_in("doctor").keys("4").wait("000011")
    s.keys("Space", "Space", "Space").wait("3 marked").keys("x").wait("Export 3 results").keys("Enter").wait("Saved as results.csv")
    assert len((folder / "results.csv").read_text().splitlines()) == 4


def test_search_filter_sort(screen):
    s = screen().sign_in("doctor").keys("4").wait("000011")
    s.keys("/", "nakato").wait(lambda s: s.lines[1].endswith(" 1 of 1")).keys("Enter").settle()
    assert "NAKATO Amina" in s.text and "MUKASA" not in s.text
    s.keys("Esc").wait("All results")
    s.keys("f").wait("Confidence from").keys("PNEUMONIA", "Tab", "80")
    s.keys(*["Tab"] * 9).keys("Enter").wait("class=PNEUMONIA conf>=80")
    assert "NORMAL" not in "\n".join(s.lines[3:18])
    s.keys("o", "o").wait("surest first")
    assert "Conf" in s.lines[2] and "v" in s.lines[2].split("Conf")[1][:2]


def test_void_needs_reason_and_word(demo, screen):
    s = screen().sign_in("doctor").keys("4").wait("000011").keys("/", "mukasa")
    s.wait(lambda s: s.lines[1].endswith(" 1 of 1")).keys("Enter").settle()
    s.keys("D").wait("Type VOID")
    s.keys("wrong person", "Enter", "void", "Enter", "Enter").wait("capitals")
    s.keys("BackTab").settle()
    if not s.lines[s.cursor[0]].count("Type VOID"):
        s.keys("Tab")
    s.keys("Ctrl-U", "VOID", "Enter", "Enter").wait("is void")


def test_review_disagrees_with_own_class(demo, screen):
    s = screen().sign_in("doctor").keys("4").wait("000011").keys("r").wait("Own class")
    s.keys("Space", "Tab", "Space", "Tab", "blurred film", "Enter", "Enter").wait("recorded").wait("> 0")
    number = int(next(l for l in s.lines if l.startswith(">")).split()[1])
    record = demo("results", "show", number, "--json", env=token(demo), expect=0).json
    assert record["review"]["agree"] is False and record["review"]["note"] == "blurred film" and record["review"]["own_class"]


def test_researcher_sees_no_names(screen):
    s = screen().sign_in("researcher").keys("2").wait("000011")
    for name in ("OKELLO", "NAKATO", "MUKASA", "García"):
        assert name not in s.text
    s.keys("Enter").wait("Result 0000")
    assert "0772" not in s.text


def test_lock_shows_nothing_and_returns_to_the_same_place(screen):
    s = screen().sign_in("doctor").keys("4").wait("OKELLO")
    s.keys("e").wait("Subject").keys("someone@district.example", "Ctrl-X").wait("Locked")
    assert "someone" not in s.text and "result" not in s.text.lower()
    s.keys("wrong", "Enter").wait(lambda s: "failed" in s.text.lower() or "wrong" in s.text.lower())
    assert "someone" not in s.text
    s.keys("demo-doctor", "Enter").wait("someone@district.example")


def test_draft_survives_a_dropped_line(screen):
    s = screen().sign_in("doctor").keys("4").wait("000011").keys("e").wait("Subject")
    s.keys("kept@district.example", "Tab", "Tab", "half a sentence")
    os.kill(s.process.pid, signal.SIGHUP)
    assert s.end() is not None
    again = screen().sign_in("doctor").keys("4").wait("000011").keys("e").wait("Your draft is back")
    assert "kept@district.example" in again.text and "half a sentence" in again.text
    again.keys("Ctrl-X").wait("Locked")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, None], ids=str)
def test_terminal_restored(screen, number):
    s = screen().sign_in("doctor").keys("4").wait("OKELLO")
    if number is None:
        s.keys("Ctrl-Q")
    else:
        os.kill(s.process.pid, number)
    status = s.end()
    assert status is not None and s.restored()
    assert b"\x1b[?1049l" in s.raw and b"\x1b[?2004l" in s.raw.split(b"\x1b[?1049h")[-1]
    assert "OKELLO" not in s.text
    assert status == 0 if number in (None, signal.SIGTERM) else status == -number


def test_idle_costs_nothing(screen):
    s = screen().sign_in("doctor").keys("4").wait("OKELLO")
    s.settle(0.6)
    before = s.bytes
    s.settle(2, limit=2)
    assert s.bytes == before


@pytest.mark.parametrize("term", ["vt100", "xterm", "xterm-256color", "screen", "linux", "vt220"])
def test_terminals(screen, term):
    s = screen(term=term).sign_in("doctor")
    assert "Latest results" in s.text and s.lines[0].startswith("clinic")


@pytest.mark.parametrize("term", ["dumb", "nonesuch", ""])
def test_terminals_that_cannot(screen, term):
    s = screen(term=term)
    assert s.end() not in (0, None) and "E511" in s.text and s.restored()


def test_no_terminal_at_all(demo):
    answer = demo(env={"TERM": "xterm"})
    assert answer.out + answer.err and b"\x1b" not in answer.out + answer.err


def test_c_locale_is_ascii(screen):
    s = screen(env={"LC_ALL": "C", "LANG": "C"}).sign_in("doctor").keys("4").wait("000011")
    assert s.raw.isascii() and "OKELLO Grace" in s.text


def test_too_small_then_grown(screen):
    s = screen(20, 5).wait("too small")
    s.resize(24, 80)
    os.kill(s.process.pid, signal.SIGWINCH)
    s.wait("Password")


def test_resize_storm(screen):
    s = screen().sign_in("doctor").keys("4").wait("OKELLO")
    for i in range(60):
        s.resize(10 + i * 7 % 40, 30 + i * 13 % 120)
        if i % 3 == 0:
            s.keys("Down")
    s.resize(24, 80)
    s.settle(0.4)
    s.keys("Ctrl-L").wait("OKELLO").wait(lambda s: s.lines[0].startswith("clinic"))
    s.settle()
    assert s.process.poll() is None


def test_every_byte(screen):
    """Nothing typed at random breaks the program or leaves it deaf."""
    s = screen().sign_in("doctor").keys("4").wait("OKELLO")
    skipped = {3, 17, 24}  # stop, quit, lock: tested by themselves
    for byte in range(256):
        if byte not in skipped:
            s.type(bytes([byte]))
            s.settle(0.02)
    s.settle(0.5)
    assert s.process.poll() is None
    for _ in range(6):
        s.keys("Esc")
    s.keys("Ctrl-X").wait("Locked")
    assert s.process.poll() is None


def test_large_pastes(screen):
    s = screen()
    s.wait("Password")
    s.type(b"\x1b[200~" + b"A" * 10_000_000 + b"\x1b[201~")
    s.settle(0.5, limit=30)
    assert s.process.poll() is None
    s.keys("Ctrl-U", "doctor", "Enter", "demo-doctor", "Enter").wait("Home")


def test_pasted_path_opens_its_file(demo, screen):
    other = demo.home / "elsewhere"
    other.mkdir(exist_ok=True)
    (other / "a film.png").write_bytes((TREE / "samples" / "chest-normal-2.png").read_bytes())
    s = screen().sign_in("doctor").keys("2").wait("Model:")
    s.paste(f"'{other}/a film.png'\n").wait("a film.png 448x448")


def test_five_wrong_passwords_lock_the_account(tmp_path):
    clinic = Clinic(tmp_path)
    clinic("init", "--demo", expect=0)
    with Screen(clinic, BINARY) as s:
        s.wait("Password").keys("patient", "Enter")
        for _ in range(5):
            s.keys("nonsense", "Enter").wait(lambda s: "E40" in s.text, limit=40)
            s.settle(0.3)
        s.keys("demo-patient", "Enter").wait("locked", limit=40)


def test_words_explained(screen):
    s = screen().sign_in("doctor").keys("4").wait("000011").keys("?").wait("Help").keys("?").wait("Words on this screen")
    assert "confidence" in s.text.lower()
    s.keys("Esc").gone("Words on this screen")


def test_palette_goes_anywhere(screen):
    s = screen().sign_in("doctor").keys(":").wait("Actions").keys("results", "Enter").wait("all results")


def test_messages_are_kept(screen):
    s = screen().sign_in("doctor").keys("4").wait("000011").keys("o", "o", "M").wait("Messages")
    assert "Order: oldest first" in s.text and "Order: surest first" in s.text
