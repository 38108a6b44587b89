"""Patients on the screens: found, registered, edited, chosen, read; every step held against the command line's JSON."""
import pytest

from conftest import BINARY
from demo_station import demo, demo_home  # noqa: F401 (fixtures)
from screen import Screen


@pytest.fixture
def desk(demo):
    """The doctor's list of patients at 80x24."""
    with Screen(demo, BINARY) as s:
        s.sign_in("doctor").keys("3").wait("MUKASA")
        yield s


def one(s):
    """Exactly one patient is listed."""
    return any(line.endswith(" 1 of 1") for line in s.lines[1:3])


def patient(demo, number):
    return demo("doctor", "patients", "show", number, "--json", expect=0).json["patient"]


@pytest.mark.parametrize("typed, found", [
    ("kell", "OKELLO Grace"),        # any part of the name
    ("pena", "García Peña, José"),   # accents folded
    ("angstrom", "ÅNGSTRÖM Zoë"),
    ("0772000007", "王 小明"),        # phone, however it is spaced
    ("1992", "OKELLO Grace"),        # birth year
    ("000012", "TESFAYE Selam"),     # number
    ("иванова", "Иванова Мария"),
])
def test_search_while_typing(desk, typed, found):
    desk.keys("/", typed).wait(one)
    assert found in desk.text
    assert "MUKASA" not in desk.text or found.startswith("MUKASA")
    desk.keys("Enter")
    assert f"search: {typed}" in desk.lines[1]
    desk.keys("q").wait("MUKASA")  # back takes the search away first
    assert "[3 Patients]" in desk.lines[0]


def test_nobody_found(desk):
    desk.keys("/", "zzzz").wait("Nobody like that")
    desk.keys("Esc").wait("MUKASA")


def test_register_names_duplicates_but_never_refuses(desk, demo):
    before = demo("doctor", "patients", "list", "--json", expect=0).json["count"]
    desk.keys("n").wait("New patient")
    desk.keys("okelo grace", "Enter").wait("Likely the same person?")
    assert "#000001 OKELLO Grace" in desk.text
    desk.keys("Space", "Tab", "1992", "Tab", "0701 222 333", "Tab", "Space", "Tab", "wheezes at night", "Tab", "Tab", "Enter")
    desk.wait("is registered as #000013")
    assert "okelo grace" in desk.text and "Chart: 0 results" in desk.text
    made = patient(demo, 13)
    assert made["name"] == "okelo grace" and made["sex"] == "F" and made["birth_year"] == 1992
    assert made["phone"] == "0701 222 333" and made["consent"] is True and made["notes"] == "wheezes at night"
    assert demo("doctor", "patients", "list", "--json", expect=0).json["count"] == before + 1


@pytest.mark.parametrize("name", ["Ѳёдоръ Ұлы", "ナカムラ さくら", "نور الهدى", "Zoë 'O’Brien'; DROP TABLE"])
def test_names_of_any_script_come_back(desk, demo, name):
    desk.keys("n").wait("New patient").keys(name, *["Tab"] * 7, "Enter").wait("is registered as")
    assert patient(demo, 13)["name"] == name


def test_form_says_how_to_put_it_right(desk, demo):
    desk.keys("n").wait("New patient")
    desk.keys("Tab", "Tab", "92", "Tab").wait("Birth year: Write a number from 1880 to")
    desk.keys(*["Tab"] * 4, "Enter").wait("Name is needed")
    assert demo("doctor", "patients", "list", "--json", expect=0).json["count"] == 12
    assert desk.cursor == (2, 15)  # on the name
    desk.keys("Late Guess", "Tab", "Tab", *["Backspace"] * 2, "1990", *["Tab"] * 5, "Enter").wait("is registered as")
    assert patient(demo, 13)["birth_year"] == 1990


def test_draft_survives(desk, demo):
    desk.keys("n").wait("New patient").keys("Half Typed", "Tab", "Tab", "2001", "Esc").wait("kept as a draft")
    assert demo("doctor", "patients", "list", "--json", expect=0).json["count"] == 12
    desk.keys("Ctrl-X").wait("Locked").keys("demo-doctor", "Enter").wait("MUKASA")
    desk.keys("n").wait("Your draft is back")
    assert "Half Typed" in desk.text and "2001" in desk.text
    desk.keys(*["Tab"] * 7, "Enter").wait("is registered as")
    assert patient(demo, 13)["birth_year"] == 2001
    desk.keys("q", "n").wait("New patient")
    assert "Half Typed" not in desk.text  # used up


def test_draft_survives_a_hang_up(demo):
    with Screen(demo, BINARY) as s:
        s.sign_in("doctor").keys("3").wait("MUKASA").keys("n").wait("New patient").keys("Cut Off")
        s.process.send_signal(1)
        assert s.end() is not None
    with Screen(demo, BINARY) as s:
        s.sign_in("doctor").keys("3").wait("MUKASA").keys("n").wait("Your draft is back")
        assert "Cut Off" in s.text


def test_edit(desk, demo):
    desk.keys("/", "mukasa", "Enter").wait(one).keys("E").wait("Patient 000002")
    desk.wait("MUKASA John").keys(*["Tab"] * 3, "Ctrl-U", "+256 700 1", "Tab", "Space", *["Tab"] * 3, "Enter")
    desk.wait("saved, #000002")
    changed = patient(demo, 2)
    assert changed["phone"] == "+256 700 1" and changed["consent"] is False and changed["name"] == "MUKASA John"
    assert "NO" in desk.text


def test_linked_account_must_be_a_patients(desk, demo):
    desk.keys("/", "tesfaye", "Enter").wait(one).keys("E").wait("TESFAYE")
    desk.keys("BackTab", "BackTab", "Ctrl-U", "doctor", "Tab", "Enter").wait("not one of a patient")
    assert patient(demo, 12)["username"] is None
    assert "doctor" in desk.text  # what was typed stays


def test_bind_and_unbind(desk):
    desk.keys("/", "okello", "Enter").wait(one).keys("p")
    assert desk.lines[1].startswith("OKELLO Grace") and "#000001" in desk.lines[1]
    desk.keys("2").wait("Model:")
    assert desk.lines[1].startswith("OKELLO Grace")
    desk.keys("3").wait("all patients").keys("U").gone("consent: yes")
    desk.keys("p").wait("consent: yes").keys("p").wait("No patient is bound now")
    assert "consent: yes" not in desk.text


def test_choose_from_analyse(desk):
    desk.keys("2").wait("Model:").keys("p").wait("Choose a patient")
    desk.keys("/", "selam", "Enter").wait(one).keys("Enter").wait("Model:")
    assert desk.lines[1].startswith("TESFAYE Selam")
    desk.keys("p").wait("Choose a patient").keys("n").wait("New patient")
    desk.keys("New Comer", *["Tab"] * 7, "Enter").wait("Model:")
    assert desk.lines[1].startswith("New Comer")  # registered, bound and back where one came from


def test_chart(desk, demo):
    expected = demo("doctor", "patients", "show", 1, "--json", expect=0).json["results"]
    desk.keys("/", "okello", "Enter").wait(one).keys("Enter").wait("Chart:")
    for row in expected:
        assert f"{row['id']:06d}" in desk.text and row["predicted_class"] in desk.text
        assert f"{row['confidence']:.1f}" in desk.text
    assert "score over time" in desk.text and f"{expected[0]['raw_score']:.2f} now" in desk.text
    desk.keys("Enter").wait(f"Result {expected[0]['id']:06d}")
    desk.keys("q").wait("Chart:").keys("a").wait("Model:")
    assert desk.lines[1].startswith("OKELLO Grace")


def test_chart_shows_the_picture_where_there_is_room(demo):
    with Screen(demo, BINARY, 132, 43) as s:
        s.sign_in("doctor").keys("3").wait("MUKASA").keys("/", "okello", "Enter").wait(one).keys("Enter").wait("Chart:")
        s.wait("1.0:1")
        assert sum(len(line[62:].strip("| +-")) > 20 for line in s.lines) > 10  # the dithered picture
        s.resize(24, 80)
        s.wait(lambda s: "1.0:1" not in s.text and "Chart:" in s.text)
        s.resize(12, 40)
        s.wait(lambda s: "Chart:" in s.text and "OKELLO" in s.text)


def test_every_look_at_a_chart_is_in_the_audit_trail(desk, demo):
    desk.keys("/", "okello", "Enter").wait(one).keys("Enter").wait("Chart:")
    rows = demo("admin", "audit", "list", "--json", expect=0).json["results"]
    assert any(r["op"] == "patients.show" and r["subject"] == "patient 1" and r["user"] == "doctor" for r in rows)
    assert not any("OKELLO" in str(r) for r in rows)  # never a name


@pytest.mark.parametrize("who", ["patient", "researcher", "admin"])
def test_patients_are_the_doctors(demo, who):
    with Screen(demo, BINARY) as s:
        s.sign_in(who)
        assert "Patients" not in s.lines[0]
        s.keys(":", "bind").wait("Actions")
        assert "Bind a patient" not in s.text


@pytest.mark.parametrize("cols, rows", [(40, 12), (80, 24), (132, 43), (200, 60)])
def test_sizes(demo, cols, rows):
    with Screen(demo, BINARY, cols, rows) as s:
        s.sign_in("doctor").keys("3").wait("OKELLO Grace")
        assert s.cursor == (3, 0)
        s.keys("Down", "Down", "Enter").wait("Chart:").keys("q").wait("all patients")
        assert s.cursor == (5, 0)  # back on the same line
        s.keys("E").wait("Name")
        s.wait("MUKASA")
        s.keys(*["Tab"] * 7)
        assert "[ Save ]" in s.text  # the focused field is in sight at any height
