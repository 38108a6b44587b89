"""The numbered prompts of --plain: the main job by lines alone, the same rights, nothing but text."""
import os
import re
import subprocess

import pytest

from conftest import BINARY, TREE
from demo_station import demo, demo_home  # noqa: F401 (fixtures)
from screen import Screen

SAMPLE = TREE / "samples" / "chest-pneumonia-1.jpg"


def plain(demo, *lines, args=(), env=None):
    answer = demo(None, "--plain", *args, stdin="".join(f"{line}\n" for line in lines).encode(), env={"TERM": "dumb"} | (env or {}))
    assert answer.rc == 0 and b"\x1b" not in answer.out, answer.text
    return answer.text


def signed_in(demo, who, *lines, **kw):
    """First lines: name, password, the notice."""
    return plain(demo, who, f"demo-{who}", "y", *lines, **kw)


def test_main_job(demo, tmp_path):
    text = signed_in(demo, "doctor", 4, "okello", 1, "", 1, SAMPLE, "", 1, tmp_path / "out.pdf", 2, "dr.mutesi@district.example",
                     "please call", "", 0)
    assert "OKELLO Grace is bound" in text
    assert re.search(r"Finding +\[!!\] PNEUMONIA +98\.5 %", text) and "Result        000012" in text
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF") and (tmp_path / "out.pdf").stat().st_mode & 0o777 == 0o600
    assert "Queued as e-mail 1" in text and "Signed out." in text
    shown = demo("doctor", "results", "show", 12, "--json", expect=0).json
    assert shown["result"]["predicted_class"] == "PNEUMONIA" and shown["patient"]["name"] == "OKELLO Grace"
    mail = demo("doctor", "mail", "list", "--json", expect=0).json["results"]
    assert [m["to"] for m in mail] == ["dr.mutesi@district.example"]


def test_an_existing_file_stays(demo, tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text("mine")
    text = signed_in(demo, "doctor", 3, "#1", 1, kept, 1, tmp_path / "new.txt", "", 0)
    assert "Cannot make kept.txt" in text and kept.read_text() == "mine"
    assert "glioma" in (tmp_path / "new.txt").read_text()


def test_results_page_by_page(demo):
    text = signed_in(demo, "doctor", 2, "", "n", 1, "", 0)
    assert "10 of 11." in text and "11 of 11." in text
    listed = re.findall(r"^\d+  #(\d{6})  ", text, re.M)
    assert listed == [f"{i:06d}" for i in range(11, 0, -1)]
    assert "Result        000001" in text  # the one that was chosen


def test_review_and_release(demo):
    before = next(r for r in demo("doctor", "results", "list", "--json", expect=0).json["results"] if not r["released"])
    signed_in(demo, "doctor", 3, before["id"], 3, "y", "as I see it", 4, "n", "", 0)
    shown = demo("doctor", "results", "show", before["id"], "--json", expect=0).json
    assert shown["result"]["reviewed"] and shown["review"]["note"] == "as I see it" and not shown["result"]["released"]
    plain(demo, "doctor", "demo-doctor", 3, before["id"], 4, "y", "", 0)
    assert demo("doctor", "results", "show", before["id"], "--json", expect=0).json["result"]["released"]


@pytest.mark.parametrize("who, may, may_not", [
    ("patient", ["Analyse a picture", "Results"], ["Patients"]),
    ("doctor", ["Analyse a picture", "Results", "Patients", "Outbox"], []),
    ("researcher", ["Results"], ["Analyse a picture", "Patients", "Outbox"]),
    ("admin", ["Outbox", "Figures"], ["Analyse a picture", "Results", "Patients"]),
])
def test_each_role_has_its_menu(demo, who, may, may_not):
    titles = re.findall(r"^\d  (.+)$", signed_in(demo, who, 0), re.M)
    for title in may:
        assert title in titles
    for title in may_not:
        assert title not in titles


def test_a_researcher_reads_no_names(demo):
    text = signed_in(demo, "researcher", 1, "", "n", 1, "", 0)
    assert "#000011" in text and "Result        000001" in text
    for name in ("OKELLO", "MUKASA", "García"):
        assert name not in text


def test_wrong_password_and_wrong_lines(demo):
    text = plain(demo, "doctor", "wrong", "doctor", "demo-doctor", "y", "x", "99", "", 1, "/no/such/file.png", "", "", 0)
    assert text.count("(E") == 2 and "Cannot open file.png" in text
    assert text.count("Type a number from 0 to") == 3


def test_notice_not_accepted(demo):
    text = plain(demo, "doctor", "demo-doctor", "n")
    assert "Not a medical device" in text and "1  Analyse" not in text


def test_end_of_input_ends_the_session(demo):
    signed_in(demo, "doctor", 2)
    newest = demo("admin", "sessions", "list", "--json", expect=0).json["results"][0]
    assert newest["username"] == "doctor" and newest["why"] == "end of input" and newest["ended_at"]


def test_nobody_there(demo):
    """Signed out after idle_lock_s, as the screens would lock."""
    reader, writer = os.pipe()
    with open(writer, "wb", buffering=0) as lines:
        process = subprocess.Popen([BINARY, "--plain"], stdin=reader, stdout=subprocess.PIPE,
                                   env=demo.env | {"CLINIC_IDLE_LOCK_S": "30", "TERM": "dumb"})
        os.close(reader)
        lines.write(b"doctor\ndemo-doctor\ny\n")
        seen = b""
        while b"signed out" not in seen:
            byte = process.stdout.read(1)
            assert byte, seen
            seen += byte
    assert process.wait(20) == 0  # the end of the input leaves
    newest = demo("admin", "sessions", "list", "--json", expect=0).json["results"][0]
    assert newest["why"] == "idle"


def test_on_a_terminal_the_password_is_not_shown(demo):
    with Screen(demo, BINARY, args=["--plain"], term="dumb") as s:
        s.wait("User name").keys("doctor", "Enter").wait("Password:").keys("demo-doctor", "Enter").wait("y/n:")
        assert "demo-doctor" not in s.text and b"\x1b" not in s.raw
        s.keys("y", "Enter").wait("Number:").keys("0", "Enter").wait("Signed out").keys("Enter")
        assert s.end() == 0 and s.restored()


def test_c_locale(demo):
    text = signed_in(demo, "doctor", 4, "", "n", "", 0, env={"LC_ALL": "C", "LANG": "C"})
    assert text.isascii() and "OKELLO Grace" in text
