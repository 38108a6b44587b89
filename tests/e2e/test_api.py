"""The JSON face: the same store whichever way an operation is asked for, over a pipe, a command or the socket."""
import base64
import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from conftest import BINARY
from test_records import api, as_user, demo, made, sign_in  # noqa: F401 (fixtures)


@pytest.fixture
def served(demo):
    """`clinic serve` over the demo station, ended by a signal afterwards."""
    socket = demo.home / "s"
    p = subprocess.Popen([BINARY, "serve", "--socket", socket], env=demo.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(200):
        if socket.exists() or p.poll() is not None:
            break
        time.sleep(0.02)
    assert p.poll() is None, p.communicate()
    yield demo, socket
    p.send_signal(signal.SIGTERM)
    assert p.wait(timeout=20) == 0
    assert not socket.exists()


def dump(clinic):
    """What is stored, without moments of the audit."""
    import sqlite3
    db = sqlite3.connect(clinic.home / "station" / "clinic.db")
    tables = ["patients", "images", "results", "result_events", "result_index", "result_totals", "drafts", "users"]
    out = {t: [r for r in db.execute(f"SELECT * FROM {t} ORDER BY 1, 2")] for t in tables}
    out["results"] = [r[:13] + r[15:] for r in out["results"]]  # how long it took is not the same twice
    out["audit"] = db.execute("SELECT op, subject, detail FROM audit WHERE op NOT LIKE 'session.%' ORDER BY id").fetchall()
    db.close()
    return out


def test_command_json_and_socket_give_the_same_store(demo, tree, tmp_path):
    picture = tree / "samples" / "chest-normal-2.png"
    steps = [
        ("patients.add", {"name": "Parity Test", "birth_year": 1990}, ["patients", "add", "Parity Test", "--birth-year", "1990"]),
        ("images.add", {"file": str(picture), "patient": 13, "notes": "x"}, ["images", "add", picture, "--patient", "13", "--notes", "x"]),
        ("results.review", {"id": 12, "agree": False, "own_class": "PNEUMONIA"}, ["results", "review", "12", "--no-agree", "--class", "PNEUMONIA"]),
        ("results.release", {"id": 12}, ["results", "release", "12"]),
        ("patients.set", {"id": 13, "phone": "1"}, ["patients", "set", "13", "--phone", "1"]),
        ("results.attach", {"id": 12, "patient": 1}, ["results", "attach", "12", "1"]),
        ("users.me_set", {"first_name": "Dan"}, ["me", "set", "--first-name", "Dan"]),
        ("results.show", {"id": 12}, ["results", "show", "12"]),
    ]
    start = demo.home / "station"
    stores, homes = [], []
    for face in ("command", "json", "socket"):
        home = tmp_path / face
        shutil.copytree(start, home / "station")
        env = demo.env | {"CLINIC_HOME": str(home / "station")}
        demo_here = type(demo)(home)
        demo_here.env = env
        homes.append(demo_here)
    token = sign_in(homes[0], "doctor")
    for _, _, words in steps:
        homes[0](*words, env=token, expect=0)
    for answer in api(homes[1], as_user("doctor"), *({"op": op, "args": args} for op, args, _ in steps)):
        assert answer["ok"], answer
    socket = tmp_path / "s"
    server = subprocess.Popen([BINARY, "serve", "--socket", socket], env=homes[2].env)
    while not socket.exists():
        time.sleep(0.02)
    try:
        for answer in api(homes[2], as_user("doctor"), *({"op": op, "args": args} for op, args, _ in steps),
                          env={"CLINIC_SOCKET": str(socket)}):
            assert answer["ok"], answer
    finally:
        server.terminate()
        assert server.wait(timeout=20) == 0
    stores = [dump(h) for h in homes]
    assert stores[0] == stores[1]
    assert stores[1] == stores[2]


def test_pictures_travel_over_the_socket(served, tree):
    demo, socket = served
    picture = (tree / "samples" / "chest-normal-2.png").read_bytes()
    env = {"CLINIC_SOCKET": str(socket)}
    answers = api(demo, as_user("doctor"),
                  {"op": "images.add", "args": {"file": "base64:" + base64.b64encode(picture).decode(), "name": "x.png"}},
                  {"op": "images.fetch", "args": {"result": 12}}, env=env)
    assert answers[1]["ok"], answers[1]
    assert base64.b64decode(answers[2]["result"]["file_base64"]) == picture
    token = sign_in(demo, "doctor") | env
    out = demo.home / "out.png"
    assert demo("images", "fetch", "12", "-o", out, env=token).rc == 0
    assert out.read_bytes() == picture


def test_a_forced_command_keeps_its_hands_off_files(demo, tree):
    ssh = {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}
    answers = api(demo, as_user("doctor"), {"op": "images.add", "args": {"file": "/etc/passwd", "name": "x"}},
                  {"op": "predict", "args": {"file": str(tree / "samples" / "chest-normal-2.png"), "name": "x"}},
                  {"op": "station.init", "args": {"demo": True}}, env=ssh)
    assert answers[1]["error"]["code"] == "E302"
    assert [a["error"]["code"] for a in answers[2:]] == ["E403", "E403"]


def test_errors_have_code_and_detail(demo):
    answers = api(demo, {"op": "results.list"}, {"op": "no.such"}, {"op": "results.list", "args": {"page": "x"}},
                  {"op": "session.sign_in", "args": {"username": "doctor", "password": "wrong"}}, as_user("doctor"),
                  {"op": "users.list"}, {"op": "results.show", "args": {"id": 999}}, {"op": "results.list", "args": {"nonsense": 1}})
    assert [a.get("error", {}).get("code") for a in answers] == ["E402", "E304", "E302", "E401", None, "E403", "E404", "E302"]
    assert all(a["error"]["detail"] for a in answers if not a["ok"])


def test_a_killed_server_leaves_nothing_in_the_way(demo):
    socket = demo.home / "s"
    for kill in (True, False):
        p = subprocess.Popen([BINARY, "serve", "--socket", socket], env=demo.env)
        for _ in range(200):
            if demo("info", "--json", env={"CLINIC_SOCKET": str(socket)}).rc == 0:
                break
            time.sleep(0.02)
        else:
            raise AssertionError("the server does not answer")
        p.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        p.wait(timeout=20)
    answer = demo("info", "--json", env={"CLINIC_SOCKET": str(socket)})
    assert answer.rc == 6 and answer.error["error"] == "The station does not answer"
