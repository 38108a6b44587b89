"""Accounts on the screens: registering, the administrator's desk, sessions, audit trail, settings, the own profile."""
import sqlite3

import pytest

from conftest import BINARY
from demo_station import demo, demo_home  # noqa: F401 (fixtures)
from screen import Screen

F2, F3 = "\x1bOQ", "\x1bOR"


@pytest.fixture
def admin(demo):
    """The administrator's list of people at 80x24."""
    with Screen(demo, BINARY) as s:
        s.sign_in("admin").keys("4").wait("[People]")
        s.wait("Mugisha")
        yield s


def people(demo):
    return {u["username"]: u for u in demo("admin", "users", "list", "--json", expect=0).json["results"]}


def can_sign_in(demo, user, password):
    with Screen(demo, BINARY) as s:
        s.wait("Password").keys(user, "Enter", password, "Enter")
        s.wait(lambda s: "Before you start" in s.text or "[1 Home]" in s.text or "(E" in s.text)
        return "(E" not in s.text


def at(s, words):
    """Moves the list's cursor to the line with these words."""
    s.keys("g")
    for _ in range(30):
        if words in s.lines[s.cursor[0]]:
            return s
        s.keys("Down")
    raise AssertionError(f"no line with {words!r}\n{s.text}")


# ---- registering ----
def register(s, *fields):
    s.wait("Password").keys("Tab", "Tab", "Tab", "Enter").wait("Register as a patient")
    for text in fields:
        s.keys(*([text] if text else []), "Tab")
    return s


def test_register_then_sign_in(demo):
    with Screen(demo, BINARY) as s:
        register(s, "new.person", "new@example.org", "Nia", "Pérez", "three words here", "three words here")
        s.keys("Enter").wait("The account new.person is made")
        assert "Sign in" in s.text
    assert can_sign_in(demo, "new.person", "three words here")
    made = people(demo)["new.person"]
    assert made["role"] == "patient" and made["last_name"] == "Pérez" and made["email"] == "new@example.org"


def test_rules_are_told_when_a_field_is_left(demo):
    with Screen(demo, BINARY) as s:
        register(s, "a b").wait("User name:")
        s.keys("no-at-sign", "Tab").wait("E-mail:")
        s.keys("Tab", "Tab", "short", "Tab").wait("Password:")
        s.keys("other", "Tab").wait("The two passwords differ")
        assert sum("!" in line[:20] for line in s.lines) >= 4  # every wrong field is marked
        s.keys("Enter")
        s.settle()
        assert "Register as a patient" in s.text
    assert len(people(demo)) == 4


@pytest.mark.parametrize("password, fine", [("1234567", False), ("12345678", True), ("ä" * 36, True), ("ä" * 36 + "x", False)])
def test_password_length(demo, password, fine):
    with Screen(demo, BINARY) as s:
        register(s, "pw.person", "pw@example.org", "", "", password, password).keys("Enter")
        s.wait("is made" if fine else "Password:")
    assert ("pw.person" in people(demo)) == fine


def test_taken_name(demo):
    with Screen(demo, BINARY) as s:
        register(s, "Doctor", "d2@example.org", "", "", "three words here", "three words here")
        s.keys("Enter").wait("taken")
        assert "Register as a patient" in s.text and "d2@example.org" in s.text  # nothing typed is lost
        s.keys("Ctrl-U", "doctor2", *["Tab"] * 6, "Enter").wait("The account doctor2 is made")


def test_closed_self_registration(demo):
    (demo.home / "station" / "clinic.conf").write_text("self_register = no\n")
    with Screen(demo, BINARY) as s:
        s.wait("Password").settle()
        s.keys("Tab", "Tab", "Tab", "Enter").wait("Self-registration is closed")


# ---- the administrator's desk ----
def test_add_a_person(admin, demo):
    admin.keys("n").wait("Add a person")
    admin.keys("nurse1", "Tab", "Tab", "nurse1@example.org", "Tab", "Ann", "Tab", "Lee", "Tab", "three words here", "Tab",
               "three words here", "Tab", "Enter").wait("nurse1 is added as doctor")
    admin.wait("Ann Lee")
    assert people(demo)["nurse1"]["role"] == "doctor"
    assert can_sign_in(demo, "nurse1", "three words here")


def test_disable_and_enable(admin, demo):
    at(admin, "researcher").keys("X").wait("Disable researcher and end the sessions? [y/N]")
    admin.keys("Enter")  # Enter never confirms
    assert not people(demo)["researcher"]["disabled"]
    admin.keys("y").wait("is disabled")
    admin.wait(lambda s: "disabled" in s.lines[s.cursor[0]])
    assert people(demo)["researcher"]["disabled"]
    assert demo("researcher", "me").rc == 3  # the open session is over
    assert not can_sign_in(demo, "researcher", "demo-researcher")
    admin.keys("X").wait("Let researcher sign in again? [y/N]").keys("y").wait("may sign in again")
    assert can_sign_in(demo, "researcher", "demo-researcher")


def test_the_last_administrator_stays(admin, demo):
    at(admin, "administrator").keys("X").wait("Disable admin").keys("y").wait("last administrator")
    assert not people(demo)["admin"]["disabled"]


def test_role(admin, demo):
    at(admin, "researcher").keys("O").wait("Role of researcher").keys("Up", "Enter").wait("researcher is doctor now")
    assert people(demo)["researcher"]["role"] == "doctor"
    assert demo("researcher", "me").rc == 3


def test_reset_password(admin, demo):
    at(admin, "patient").keys("Z").wait("New password of patient").keys("one thing 1", "Enter").wait("Once more")
    admin.keys("another thing", "Enter").wait("the two passwords differ")
    assert can_sign_in(demo, "patient", "demo-patient")
    admin.keys("Z").wait("New password of patient").keys("short", "Enter").wait("Once more").keys("short", "Enter").wait("(E")
    admin.keys("Z").wait("New password of patient").keys("one thing 1", "Enter").wait("Once more").keys("one thing 1", "Enter")
    admin.wait("patient has a new password")
    assert "one thing" not in admin.raw.decode(errors="replace")  # never on the line
    assert can_sign_in(demo, "patient", "one thing 1") and not can_sign_in(demo, "patient", "demo-patient")


def test_search_people(admin):
    admin.keys("/", "lindq").wait(lambda s: s.lines[1].endswith(" 1 of 1"))
    assert "researcher" in admin.lines[3]
    admin.keys("Esc").wait("Mugisha")


def test_sessions_and_audit(admin, demo):
    admin.keys("Tab").wait("[Sessions]").wait("/dev/pts")
    assert any(line.startswith("> admin") and "open" in line for line in admin.lines)
    admin.keys("Tab").wait("[Audit]").wait("session.sign_in")
    admin.keys("c").wait("The audit trail is whole")
    admin.keys("/", "station.init", "Enter").wait("search: station.init")
    admin.wait(lambda s: "session.sign_in" not in s.text and "station.init" in s.lines[3])
    admin.keys("/", "Ctrl-U", "doctor", "Enter").wait("search: doctor")
    admin.wait(lambda s: "station.init" not in "".join(s.lines[3:-2]) and "doctor" in s.lines[3])


def test_a_changed_audit_row_is_found(admin, demo):
    with sqlite3.connect(next((demo.home / "station").glob("*.db"))) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE audit SET detail = 'nothing happened' WHERE id = 5")
    admin.keys("Tab", "Tab").wait("[Audit]").keys("c").wait("BROKEN at row 5")


def test_people_are_the_administrators(demo):
    for who in ("patient", "doctor", "researcher"):
        with Screen(demo, BINARY, 132, 43) as s:
            s.sign_in(who)
            assert "People" not in s.lines[0] and "Settings" not in s.lines[0]


# ---- settings ----
def setting(demo, name):
    rows = demo("admin", "settings", "list", "--json", expect=0).json["results"]
    return next(r for r in rows if r["name"] == name)


@pytest.fixture
def settings(demo):
    with Screen(demo, BINARY) as s:
        s.sign_in("admin").keys("5").wait("site_name")
        yield s


def test_setting_is_checked_and_kept(settings, demo):
    at(settings, "session_hours").keys("Enter").wait("session_hours (1 to 720):")
    settings.keys("Ctrl-U", "0", "Enter").wait("expected a whole number from 1 to 720")
    assert setting(demo, "session_hours")["value"] == "12"
    settings.wait("session_hours (1 to 720): [0")  # what was typed is there again
    settings.keys("Ctrl-U", "24", "Enter").wait("session_hours is 24 now")
    kept = setting(demo, "session_hours")
    assert kept["value"] == "24" and kept["origin"] == "file"
    settings.wait(lambda s: "24" in s.lines[s.cursor[0]] and "file" in s.lines[s.cursor[0]])


def test_choice_and_switch(settings, demo):
    at(settings, "log_level").keys("Enter").wait("Value: Enter takes it").keys("Down", "Enter").wait("log_level is error now")
    at(settings, "self_register").keys("Enter").wait("Value: Enter takes it").keys("Down", "Enter").wait("self_register is no now")
    assert setting(demo, "log_level")["value"] == "error" and setting(demo, "self_register")["value"] == "no"


def test_what_the_environment_sets_stays(demo):
    with Screen(demo, BINARY, env={"CLINIC_SESSION_HOURS": "7"}) as s:
        s.sign_in("admin").keys("5").wait("site_name")
        at(s, "session_hours").keys("Enter").wait("set by the environment")
        assert "environment" in s.lines[s.cursor[0]]


def test_others_read_settings_but_change_none(demo):
    with Screen(demo, BINARY) as s:
        s.sign_in("doctor").keys(F2).wait("Profile").keys(F3).wait("site_name")
        assert "smtp_host" not in s.text
        s.keys("Enter", "E")
        s.settle()
        assert "bytes):" not in s.text and "edit" not in s.lines[-1]


# ---- the own profile ----
def test_profile_shows_and_edits(demo):
    mine = demo("doctor", "me", "--json", expect=0).json
    with Screen(demo, BINARY) as s:
        s.sign_in("doctor").keys(F2).wait("Daniel Mugisha")
        assert any("Analyses" in line and str(mine["total_scans"]) in line for line in s.lines)
        s.keys("E").wait("Edit the profile").keys("Ctrl-U", "not an address", "Tab").wait("E-mail:")
        s.keys("BackTab", "Ctrl-U", "dan@example.org", "Tab", "Ctrl-U", "Dañiel", "Tab", "Tab", "Enter").wait("The profile is saved")
        s.wait("Dañiel Mugisha")
    mine = demo("doctor", "me", "--json", expect=0).json
    assert mine["email"] == "dan@example.org" and mine["first_name"] == "Dañiel" and mine["last_name"] == "Mugisha"


def test_change_password_ends_other_sessions(demo):
    demo("doctor", "me", expect=0)
    with Screen(demo, BINARY) as s:
        s.sign_in("doctor").keys(F2).wait("Daniel").keys("w").wait("Change the password")
        s.keys("wrong one", "Tab", "a new long one", "Tab", "a new long one", "Tab", "Enter").wait("(E")
        assert "Change the password" in s.text
        demo("doctor", "me", expect=0)
        s.keys("Ctrl-U", "demo-doctor")
        s.keys("Tab", "Ctrl-U", "a new long one", "Tab", "Ctrl-U", "a new long one", "Tab", "Enter").wait("The password is changed")
        s.keys("q").wait("[1 Home]")  # this session goes on
    assert demo("doctor", "me").rc == 3  # the other one is over
    assert can_sign_in(demo, "doctor", "a new long one") and not can_sign_in(demo, "doctor", "demo-doctor")


@pytest.mark.parametrize("cols, rows", [(40, 12), (80, 24), (132, 43), (200, 60)])
def test_sizes(demo, cols, rows):
    with Screen(demo, BINARY, cols, rows) as s:
        s.sign_in("admin").keys("4").wait("researcher")
        assert s.cursor == (3, 0)
        s.keys("n").wait("Add a person").keys(*["Tab"] * 7)
        assert "[ Add ]" in s.text
        s.keys("Esc").wait("[People]").keys("Tab").wait("[Sessions]").keys("Tab").wait("[Audit]").wait("session.sign_in")
        s.keys("5").wait("site_name").keys("G").wait("page_size")
        s.keys(F2).wait("Namara").keys("w").wait("Change the password")
        for _ in range(3):
            s.resize(12 if s.rows == rows else rows, 40 if s.cols == cols else cols)
            s.settle()
        assert "Change the password" in s.text
