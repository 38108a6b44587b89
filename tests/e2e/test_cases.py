"""Four people's work from door to door, on the screens of the real program, as the person at the keys sees it."""
import csv
import datetime
import email
import email.policy
import io
import json
import time

import pytest

from conftest import BINARY, TREE, Clinic
from demo_station import Demo, demo, demo_home  # noqa: F401 (fixtures)
from screen import Screen
from test_records import api, as_user

SAMPLES = TREE / "samples"


@pytest.fixture
def at(demo):
    """at("doctor", pictures=[...]) opens the station as that person, in a folder with copies of these samples."""
    opened = []

    def start(user, cols=80, rows=24, pictures=(), sign_in=True):
        folder = demo.home / f"desk-{user}"
        folder.mkdir(exist_ok=True)
        for name in pictures:
            (folder / name).write_bytes((SAMPLES / name).read_bytes())
        s = Screen(demo, BINARY, cols, rows, cwd=folder)
        opened.append(s)
        s.folder = folder
        return s.sign_in(user) if sign_in else s
    yield start
    for s in opened:
        s.__exit__()


def pick(s, name):
    """The cursor onto a picture, by its name."""
    return s.keys("/", name, "Enter").wait(lambda s: any(line.startswith("|>") and name[:12] in line for line in s.lines))


def listed(s):
    """Numbers of the results on the screen, from the top."""
    return [int(line[2:8]) for line in s.lines if line[:1] in " >|" and line[2:8].isdigit()]


# ---- a patient ----
@pytest.mark.parametrize("size", [(80, 24), (40, 12), (132, 43)], ids=str)
def test_a_patient_sees_the_own_result_when_it_is_released(at, demo, size):
    s = at("patient", *size, pictures=["chest-pneumonia-1.jpg"])
    assert not any(tab in s.lines[0] for tab in ("Patients", "People", "Settings"))
    before = demo("patient", "results", "list", "--json", expect=0).json["count"]
    s.keys("2").wait("chest-pneumonia").keys("a").wait("Waits for a doctor")
    # Neither a class nor a figure, on this screen or on another, before a doctor has looked.
    for key in ("2", "3", "1"):
        s.keys(key).settle()
        assert "[!!] PNEU" not in s.text and "98." not in s.text, s.text
    assert demo("patient", "results", "list", "--json", expect=0).json["count"] == before
    (new,) = [r for r in demo("doctor", "results", "list", "--json", expect=0).json["results"] if r["predicted_class"] == "PNEUMONIA"
              and r["created_at"] > "2026" and not r["released"] and r["patient"] and r["patient"]["id"] == 1][:1]

    doctor = at("doctor").keys("4").wait(f"{new['id']:06d}")
    assert doctor.lines[doctor.cursor[0]].startswith(f"> {new['id']:06d}")  # the newest is on top
    doctor.keys("Enter").wait(f"Result {new['id']:06d}").keys("R").wait("[y/N]").keys("y").wait("changed")

    s.keys("3").wait("[!!] PNEUMONIA").keys("Enter").wait(f"Result {new['id']:06d}").wait("PNEUMONIA")
    assert "98." in s.text
    s.keys("G").settle()
    assert "Research and education." in s.text
    assert demo("patient", "results", "list", "--json", expect=0).json["count"] == before + 1


def test_a_patient_comes_to_nobody_elses_result(at, demo):
    others = [r["id"] for r in demo("doctor", "results", "list", "--json", expect=0).json["results"] if r["patient"]["id"] != 1]
    s = at("patient").keys("3")
    s.wait("all results").settle()
    assert not set(listed(s)) & set(others) and "MUKASA" not in s.text
    assert demo("patient", "results", "show", others[0], "--json").rc == 4


# ---- a doctor with one patient ----
@pytest.mark.parametrize("size", [(80, 24), (40, 12)], ids=str)
def test_a_doctor_registers_analyses_reviews_and_releases(at, demo, size):
    s = at("doctor", *size, pictures=["chest-normal-1.jpg", "chest-pneumonia-1.jpg"])
    s.keys("3").wait("MUKASA").keys("n").wait("New patient")
    s.keys("okelo grace", "Enter").wait("Likely the same person?")
    s.keys(*["Tab"] * 6, "Enter").wait("is registered as #000013")       # warned of, not kept from it
    assert demo("doctor", "patients", "show", 13, "--json", expect=0).json["patient"]["name"] == "okelo grace"
    s.keys("p").wait(lambda s: s.lines[1].startswith("okelo grace"))     # bound: the banner follows everywhere
    s.keys("2").wait("chest-normal")
    assert s.lines[1].startswith("okelo grace") and "#000013" in s.text
    pick(s, "chest-pneumonia-1.jpg").keys("a").wait("Saved as #000012").wait("PNEUMONIA")
    record = demo("doctor", "results", "show", 12, "--json", expect=0).json
    assert record["patient"]["id"] == 13 and record["result"]["released"] is False

    s.keys("4").wait("> 000012" if size[0] == 80 else "> okelo grace").keys("Enter").wait("Result 000012").keys("r").wait("Own class")
    s.keys("Space", "Tab", "Space", "Tab", "film too dark, repeat", "Enter", "Enter").wait("recorded")
    record = demo("doctor", "results", "show", 12, "--json", expect=0).json
    assert record["review"]["agree"] is False and record["review"]["note"] == "film too dark, repeat"
    assert record["review"]["own_class"] in ("NORMAL", "PNEUMONIA")
    assert record["result"]["predicted_class"] == "PNEUMONIA"            # what the network said stays what it said
    s.wait("Result 000012").keys("R").wait("[y/N]").keys("Enter").settle()
    assert demo("doctor", "results", "show", 12, "--json").json["result"]["released"] is False  # Enter never confirms
    s.keys("R").wait("[y/N]").keys("y").wait("changed").keys("G").wait("Released  yes")
    assert demo("doctor", "results", "show", 12, "--json", expect=0).json["result"]["released"] is True
    told = {row["op"] for row in demo("admin", "audit", "list", "--page-size", 60, "--json", expect=0).json["results"]}
    assert {"patients.add", "images.add", "results.review", "results.release"} <= told


# ---- a researcher ----
NAMES = ("OKELLO", "Grace", "MUKASA", "NAKATO", "García", "ÅNGSTRÖM", "Иванова", "محمد", "王", "अनिता", "ΠΑΠΑΔΟΠΟΥΛΟΣ", "김", "TESFAYE",
         "0772 000", "0772000", "brain-glioma", "chest-pneumonia-1", "skin-nevus", "kidney-stone-1")


def nameless(text):
    found = [name for name in NAMES if name in text]
    assert not found, f"{found} in\n{text}"


@pytest.mark.parametrize("size", [(80, 24), (132, 43)], ids=str)
def test_a_researcher_compares_results_without_names(at, demo, size):
    s = at("researcher", *size)
    nameless(s.text)
    s.keys("2").wait("000011").settle()
    nameless(s.text)
    s.keys("o", "o").wait("surest first").settle()
    surest = listed(s)
    rows = {r["id"]: r for r in demo("researcher", "results", "list", "--page-size", 50, "--json", expect=0).json["results"]}
    figures = [rows[i]["confidence"] for i in surest]
    assert len(figures) > 3 and figures == sorted(figures, reverse=True)
    s.keys("f").wait("Confidence from").keys(*["Tab"] * 5, "skin-lesion", "Tab", "Enter").wait("model=skin-lesion").settle()
    assert sorted(listed(s)) == sorted(i for i, r in rows.items() if r["model"]["id"] == "skin-lesion"
                                       or r["model"] == "skin-lesion")
    for _ in listed(s):
        s.keys("Enter").wait("Result 0000").settle(0.4)
        nameless(s.text)
        s.keys("G").settle()
        nameless(s.text)
        s.keys("Tab").settle()
        nameless(s.text)
        s.keys("q").wait("model=skin-lesion").keys("Down").settle()
    s.keys("x").wait("Export").settle()
    nameless(s.text)
    s.keys("Enter").wait("Saved as results.csv")
    nameless((s.folder / "results.csv").read_text())
    assert len((s.folder / "results.csv").read_text().splitlines()) == 1 + len([r for r in rows.values() if "skin" in json.dumps(r["model"])])
    for key in "13":
        s.keys(key).settle(0.3)
        nameless(s.text)
    s.keys(":").wait("Actions").keys("patients").settle()
    assert "Go to Patients" not in s.text
    nameless(s.text)


def test_a_researchers_files_hold_no_names(demo, tmp_path):
    for kind in ("csv", "json", "pdf"):
        file = tmp_path / f"out.{kind}"
        demo("researcher", "results", "save", 1, "--as", kind, "-o", file, expect=0)
        nameless(file.read_bytes().decode("utf-8", "replace"))


# ---- a doctor with many results ----
@pytest.fixture
def many(tmp_path):
    """A station two months old, its demo results with it, and thirty results of today."""
    old = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    station = Demo(tmp_path)
    station(None, "init", "--demo", env={"CLINIC_CLOCK": old}, expect=0)
    station(None, "login", "--username", "doctor", "--password-fd", "0", "--token-file", tmp_path / "doctor.token",
            stdin=b"demo-doctor\n", expect=0)
    added = api(Clinic(tmp_path), as_user("doctor"), *[
        {"op": "images.add", "args": {"file": str(SAMPLES / name), "patient": 2}}
        for name in ("chest-pneumonia-1.jpg", "chest-normal-1.jpg")] * 15)
    assert all(answer["ok"] for answer in added), added
    return station


def test_a_doctor_handles_many_results(many):
    folder = many.home / "desk"
    folder.mkdir()
    with Screen(many, BINARY, cwd=folder) as s:
        handle_many(s.sign_in("doctor"), folder, many)


def handle_many(s, folder, many):
    everything = many("doctor", "results", "list", "--page-size", 100, "--json", expect=0).json["results"]
    since = (datetime.date.today() - datetime.timedelta(days=30)).isoformat()
    wanted = [r["id"] for r in everything if r["predicted_class"] == "PNEUMONIA" and r["created_at"][:10] >= since]
    assert 0 < len(wanted) < sum(r["predicted_class"] == "PNEUMONIA" for r in everything) < len(everything) == 41

    s.keys("4").wait("1 of 41")
    s.keys("f").wait("Confidence from").keys("PNEUMONIA", "Tab", "Tab", "Tab", "T-30", "Tab").wait(since)  # echoed in ISO
    s.keys(*["Tab"] * 6, "Enter").wait(f"1 of {len(wanted)}").wait("class=PNEUMONIA")
    assert f"from={since}" in s.lines[1]
    assert set(listed(s)) <= set(wanted) and listed(s)
    s.keys("Space", "Down", "Space", "Space").wait("3 marked")
    shown = listed(s)
    marked = [shown[0], shown[2], shown[3]]

    s.keys("x").wait("Export 3 results").keys("Enter").wait("Saved as results.csv")
    rows = list(csv.DictReader(io.StringIO((folder / "results.csv").read_text("utf-8-sig"))))
    assert sorted(int(row["id"]) for row in rows) == sorted(marked)

    s.wait("[4 Results]").keys("e").wait("Subject").keys("ward@district.example", "Enter", "Enter").wait("Queued; sends in")
    (mail,) = many("doctor", "mail", "list", "--json", expect=0).json["results"]
    assert mail["to"] == "ward@district.example" and mail["state"] == "queued"
    time.sleep(10.5)                                              # the take-back runs out
    many("doctor", "mail", "flush", "--json", expect=0)
    (file,) = (many.home / "station" / "mail").iterdir()
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert message["To"] == "ward@district.example"
    body = message.get_body(("plain",)).get_content()
    assert all(f"{number:06d}" in body for number in marked)

    s.keys("4").wait("[4 Results]").keys("g").settle()
    first = listed(s)[0]
    s.keys("U", "D").wait("Type VOID").keys("wrong patient", "Enter", "VOID", "Enter", "Enter").wait("is void")
    record = many("doctor", "results", "show", first, "--json", expect=0).json
    assert record["result"]["voided"] is True and record["void"]["reason"] == "wrong patient"
    s.wait(f"of {len(wanted) - 1}").settle()
    assert first not in listed(s)
