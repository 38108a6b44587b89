"""Making a station and keeping its records: nothing that was answered is ever lost."""
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from conftest import BINARY


@pytest.fixture(scope="module")
def made(tmp_path_factory, tree):
    """One demo station, copied for each test."""
    home = tmp_path_factory.mktemp("made")
    env = environment(home)
    done = subprocess.run([BINARY, "init", "--demo"], env=env, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return home, done


def environment(home):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CLINIC_", "XDG_", "SSH_"))}
    return env | {"HOME": str(home), "CLINIC_HOME": str(home / "station"), "LC_ALL": "C.UTF-8", "TZ": "UTC",
                  "CLINIC_CLOCK": "2026-03-02T10:14:00Z", "CLINIC_BCRYPT_COST": "4"}


@pytest.fixture
def demo(made, clinic):
    shutil.copytree(made[0] / "station", clinic.home / "station")
    clinic.env |= {k: v for k, v in environment(clinic.home).items() if k.startswith("CLINIC_")}
    return clinic


def sign_in(clinic, name):
    file = clinic.home / f"{name}.token"
    read, write = os.pipe()
    os.write(write, f"demo-{name}\n".encode())
    os.close(write)
    done = subprocess.run([BINARY, "login", "--username", name, "--password-fd", str(read), "--token-file", file],
                          env=clinic.env, pass_fds=[read], capture_output=True, timeout=60)
    os.close(read)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o77 == 0
    return {"CLINIC_TOKEN_FILE": str(file)}


def api(clinic, *requests, env=None):
    """Answers of one `clinic api`."""
    lines = "".join(json.dumps({"id": i} | r) + "\n" for i, r in enumerate(requests))
    answers = clinic("api", stdin=lines.encode(), expect=0, env=env).lines
    assert [a["id"] for a in answers] == list(range(len(requests)))
    return answers


def as_user(name):
    return {"op": "session.sign_in", "args": {"username": name, "password": f"demo-{name}"}}


def test_init_says_each_migration_and_is_idempotent(made, demo):
    first = made[1].stdout.decode()
    assert first.count(".sql ... OK") >= 3
    again = demo("init", "--demo", expect=0).text
    assert ".sql ... OK" not in again
    answer = api(demo, as_user("doctor"), {"op": "results.list"}, {"op": "patients.list"})
    assert answer[1]["result"]["count"] == 11
    assert answer[2]["result"]["count"] == 12


def test_a_site_gets_its_first_administrator(clinic):
    clinic.env |= {"CLINIC_CLOCK": "2026-03-02T10:14:00Z", "CLINIC_BCRYPT_COST": "4"}
    answer = clinic("init", "--site", "--admin", "anna", "--password-fd", "0", stdin=b"a-long-secret\n", expect=0)
    assert "001_people.sql ... OK" in answer.text
    got = api(clinic, {"op": "session.sign_in", "args": {"username": "anna", "password": "a-long-secret"}}, {"op": "station.info"})
    assert got[0]["result"]["user"]["role"] == "administrator"
    assert got[1]["result"]["demo"] is False
    clinic("init", "--demo", expect=2)


def test_the_working_day_in_commands(demo, tree):
    token = sign_in(demo, "doctor")
    run = lambda *words: demo(*words, "--json", env=token, expect=0).json
    patient = run("patients", "add", "Nakku Amina", "--sex", "F", "--birth-year", "2020")["patient"]
    added = run("images", "add", tree / "samples" / "chest-pneumonia-1.jpg", "--patient", patient["id"], "--notes", "cough")
    result = added["result"]
    assert result["predicted_class"] == "PNEUMONIA" and result["confidence"] > 90
    assert set(result) >= {"id", "xray_image", "predicted_class", "confidence", "raw_score", "created_at", "processing_time"}
    assert set(added["image"]) >= {"id", "image", "uploaded_at", "file_size", "result"}
    stored = demo.home / "station" / "images" / added["image"]["image"]
    assert stored.read_bytes() == (tree / "samples" / "chest-pneumonia-1.jpg").read_bytes()
    assert added["image"]["image"].startswith("2026/03/02/")
    shown = run("results", "show", result["id"])
    assert shown["result"]["notes"] == "cough" and "Not a medical device" in shown["disclaimer"]
    listed = run("results", "list", "--class", "PNEUMONIA", "--confidence-min", "80", "--date-from", "T", "--order", "-confidence")
    assert [r["id"] for r in listed["results"]] == [result["id"]]
    demo("results", "review", result["id"], "--agree", env=token, expect=0)
    demo("results", "release", result["id"], env=token, expect=0)
    assert demo("results", "void", result["id"], "--reason", "mix-up", env=token).rc in (0, 2)
    walk_in = run("images", "add", tree / "samples" / "chest-normal-1.jpg", "--patient-name", "Walk In", "--patient-age", "40")
    demo("results", "attach", walk_in["result"]["id"], patient["id"], env=token, expect=0)
    assert run("patients", "show", patient["id"])["count"] == 2
    demo("results", "show", "4711", env=token, expect=4)
    demo("users", "list", env=token, expect=7)
    demo("logout", "--token-file", token["CLINIC_TOKEN_FILE"], expect=0)
    demo("results", "list", env=token, expect=3)


def test_bad_pictures_are_refused_and_leave_nothing(demo, tmp_path):
    token = sign_in(demo, "doctor")
    text = tmp_path / "a.png"
    text.write_text("no picture")
    before = api(demo, as_user("doctor"), {"op": "images.list"})[1]["result"]["count"]
    answer = demo("images", "add", text, "--json", env=token, expect=2)
    assert answer.error["error"] == "Invalid file type"
    assert api(demo, as_user("doctor"), {"op": "images.list"})[1]["result"]["count"] == before


def test_two_programs_at_once(demo, tree):
    """Both write; both are heard."""
    token = sign_in(demo, "doctor")
    running = [subprocess.Popen([BINARY, "images", "add", tree / "samples" / name, "--json"], env=demo.env | token,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for name in ("chest-normal-1.jpg", "chest-normal-2.png", "chest-pneumonia-1.jpg", "chest-pneumonia-2.png")]
    ids = set()
    for p in running:
        out, err = p.communicate(timeout=60)
        assert p.returncode == 0, err
        ids.add(json.loads(out)["result"]["id"])
    assert len(ids) == 4


def test_killed_at_any_moment_nothing_answered_is_lost(demo, tree):
    """kill -9 at random moments while pictures are added, one answer a line; what was answered is there, whole."""
    request = "".join(json.dumps({"id": i, "op": "images.add", "args": {
        "file": str(tree / "samples" / ("chest-normal-2.png" if i % 2 else "chest-normal-1.jpg")), "notes": f"n{i}"}}) + "\n"
        for i in range(200))
    signed = json.dumps({"id": -1} | as_user("doctor")) + "\n"
    answered, dice = [], random.Random(7)
    for _ in range(6):
        p = subprocess.Popen([BINARY, "api"], env=demo.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(p.stdin.fileno(), False)
        p.stdin.write((signed + request).encode())
        p.stdin.flush()
        time.sleep(0.2 + dice.random() * 0.8)
        p.send_signal(signal.SIGKILL)
        out = p.stdout.read()
        p.wait()
        answered += [json.loads(line) for line in out.split(b"\n")[:-1]]
    added = [a["result"] for a in answered if a["id"] >= 0]
    assert len(added) >= 3 and all(a["ok"] for a in answered)
    got = api(demo, as_user("doctor"), *({"op": "results.show", "args": {"id": a["result"]["id"]}} for a in added))
    for a, show in zip(added, got[1:]):
        assert show["ok"] and show["result"]["image"]["sha256"] == a["image"]["sha256"]
        assert (demo.home / "station" / "images" / a["image"]["image"]).stat().st_size == a["image"]["file_size"]
    db = sqlite3.connect(demo.home / "station" / "clinic.db")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert db.execute("SELECT count(*) FROM results").fetchone() == db.execute("SELECT count(*) FROM result_index").fetchone()
    for (path,) in db.execute("SELECT image FROM images"):
        assert (demo.home / "station" / "images" / path).exists()
    db.close()
    verdict = api(demo, as_user("admin"), {"op": "audit.verify"})[1]["result"]
    assert verdict["ok"], verdict


def test_a_broken_audit_chain_is_an_error(demo):
    admin = sign_in(demo, "admin")
    assert demo("audit", "verify", "--json", env=admin, expect=0).json["ok"] is True
    with sqlite3.connect(demo.home / "station" / "clinic.db") as db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("UPDATE audit SET detail = 'nothing happened' WHERE id = 3")
    answer = demo("audit", "verify", "--json", env=admin)
    assert answer.rc == 5 and answer.error["code"] == "E509", answer
    assert answer.json["ok"] is False and answer.json["broken_at"] == 3
    assert api(demo, as_user("admin"), {"op": "audit.verify"})[1]["result"]["broken_at"] == 3


def test_a_newer_database_and_a_missing_one(demo, clinic):
    db = sqlite3.connect(demo.home / "station" / "clinic.db")
    db.execute("PRAGMA user_version = 900")
    db.close()
    answer = demo("login", "--username", "doctor", "--password-fd", "0", "--token-file", "t", "--json", stdin=b"demo-doctor\n")
    assert answer.rc == 5 and "newer" in answer.error["error"]
    shutil.rmtree(demo.home / "station")
    answer = demo("login", "--username", "doctor", "--password-fd", "0", "--token-file", "t", "--json", stdin=b"demo-doctor\n")
    assert answer.rc == 4 and answer.error["error"] == "No station here yet"


def test_a_full_disk_is_said(demo, tree):
    """Files may not grow: the same refusal as of a full disk."""
    token = sign_in(demo, "doctor")
    done = subprocess.run(["sh", "-c", 'trap "" XFSZ; ulimit -f 16; exec "$@"', "sh", BINARY, "images", "add",
                           tree / "samples" / "chest-normal-2.png", "--json"], env=demo.env | token, capture_output=True, timeout=60)
    assert done.returncode == 5, (done.stdout, done.stderr)
    assert json.loads(done.stderr.splitlines()[-1])["error"] == "Cannot write to the disk"
    demo("images", "add", tree / "samples" / "chest-normal-2.png", env=token, expect=0)
