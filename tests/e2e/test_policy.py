"""The four people of a clinic, each with the own door."""
import base64
import hashlib
import io
import json
import time

import numpy
from PIL import Image
from pictures import jpeg
from test_records import api, as_user, demo, made  # noqa: F401 (fixtures)


def test_a_patient_sees_the_result_when_it_is_released(demo, tree):
    picture = str(tree / "samples" / "chest-normal-2.png")
    sent = api(demo, as_user("patient"), {"op": "images.add", "args": {"file": picture}},
               {"op": "images.add", "args": {"file": picture, "patient": 2}}, {"op": "results.list"}, {"op": "images.list"})
    assert sent[1]["ok"] and sent[1]["result"]["result"] is None
    assert not sent[2]["ok"]
    before = sent[3]["result"]["count"]
    assert sent[4]["result"]["results"][0]["result"] is None
    found = api(demo, as_user("doctor"), {"op": "results.list", "args": {"released": False, "patient": 1}})[1]["result"]
    assert found["count"] == 1
    number = found["results"][0]["id"]
    assert api(demo, as_user("patient"), {"op": "results.show", "args": {"id": number}})[1]["error"]["code"] == "E404"
    assert all(a["ok"] for a in api(demo, as_user("doctor"), {"op": "results.review", "args": {"id": number, "agree": True}},
                                    {"op": "results.release", "args": {"id": number}}))
    seen = api(demo, as_user("patient"), {"op": "results.list"}, {"op": "results.show", "args": {"id": number}},
               {"op": "users.me"}, {"op": "stats.home"}, {"op": "patients.list"}, {"op": "audit.list"})
    assert seen[1]["result"]["count"] == before + 1
    assert seen[2]["result"]["result"]["predicted_class"] == "NORMAL"
    assert seen[3]["result"]["total_scans"] == before + 1
    assert seen[4]["result"]["total"] == before + 1
    assert [a["error"]["code"] for a in seen[5:]] == ["E403", "E403"]


def test_immediate_release_is_a_setting(demo, tree):
    assert api(demo, as_user("admin"), {"op": "settings.set", "args": {"name": "immediate_release", "value": "yes"}})[1]["ok"]
    sent = api(demo, as_user("patient"), {"op": "images.add", "args": {"file": str(tree / "samples" / "chest-normal-2.png")}})
    assert sent[1]["result"]["result"]["predicted_class"] == "NORMAL"


def test_a_researcher_compares_results_without_names(demo):
    answers = api(demo, as_user("researcher"), {"op": "results.list", "args": {"page_size": 50}}, {"op": "results.show", "args": {"id": 1}},
                  {"op": "images.fetch", "args": {"result": 1}}, {"op": "patients.list"}, {"op": "results.release", "args": {"id": 1}},
                  {"op": "results.list", "args": {"patient": 1}}, {"op": "models.list"})
    text = json.dumps(answers[1:4], ensure_ascii=False)
    for word in ("OKELLO", "MUKASA", "García", "Иванова", "0772", "brain-glioma-1"):
        assert word not in text
    names = {r["patient"]["name"] for r in answers[1]["result"]["results"]}
    assert len(names) == 11 and all(n.startswith("P-") for n in names)
    assert [a["ok"] for a in answers[4:]] == [False, False, False, True]


def test_a_researcher_gets_pixels_without_the_comments_of_the_file(demo):
    pixels = Image.open(io.BytesIO(small_jpeg := jpeg()))
    named = small_jpeg[:2] + b"\xff\xfe\x00\x0eOKELLO Grace" + small_jpeg[2:]
    sent = {"file": "base64:" + base64.b64encode(named).decode(), "name": "okello.jpg", "patient": 1}
    number = api(demo, as_user("doctor"), {"op": "images.add", "args": sent})[1]["result"]["result"]["id"]
    whole, bare = (api(demo, as_user(who), {"op": "images.fetch", "args": {"result": number}})[1]["result"]
                   for who in ("doctor", "researcher"))
    assert base64.b64decode(whole["file_base64"]) == named
    handed = base64.b64decode(bare["file_base64"])
    assert handed.startswith(b"\x89PNG") and b"OKELLO" not in handed
    assert (bare["format"], bare["file_size"]) == ("png", len(handed)) and bare["name"].endswith(".png")
    assert bare["sha256"] == hashlib.sha256(handed).hexdigest() != whole["sha256"]
    assert numpy.array_equal(numpy.asarray(Image.open(io.BytesIO(handed))), numpy.asarray(pixels))


def test_an_administrator_manages_people_and_sees_no_charts(demo):
    answers = api(demo, as_user("admin"), {"op": "users.list"}, {"op": "session.list"}, {"op": "results.list"},
                  {"op": "patients.show", "args": {"id": 1}}, {"op": "images.fetch", "args": {"result": 1}}, {"op": "stats.home"},
                  {"op": "settings.list"})
    assert answers[1]["result"]["count"] == 4
    assert [a["ok"] for a in answers[2:]] == [True, False, False, False, True, True]
    assert "recent" not in answers[6]["result"]
    assert any(s["name"] == "smtp_host" for s in answers[7]["result"]["results"])
    shown = api(demo, as_user("doctor"), {"op": "settings.list"})[1]["result"]["results"]
    assert not any(s["name"].startswith("smtp_") for s in shown)


def test_drafts_are_their_owner_s(demo):
    save = {"op": "drafts.save", "args": {"form": "compose", "fields": {"to": "a@b.example", "note": "half a sent"}}}
    load = {"op": "drafts.load", "args": {"form": "compose"}}
    assert api(demo, as_user("doctor"), save)[1]["ok"]
    assert api(demo, as_user("doctor"), load)[1]["result"]["fields"]["note"] == "half a sent"
    assert api(demo, as_user("patient"), load)[1]["error"]["code"] == "E404"


def test_wrong_user_and_wrong_password_read_and_take_the_same(demo):
    def attempt(name):
        start = time.monotonic()
        answer = api(demo, {"op": "session.sign_in", "args": {"username": name, "password": "not-the-one"}})[0]
        return answer["error"], time.monotonic() - start
    (known, a), (unknown, b) = attempt("doctor"), attempt("nobody-here")
    assert known == unknown and known["code"] == "E401"
    assert max(a, b) < 3 * min(a, b)
    for _ in range(4):
        attempt("doctor")
    assert attempt("doctor")[0]["code"] == "E405"
    assert api(demo, as_user("doctor"))[0]["error"]["code"] == "E405"
    assert api(demo, as_user("admin"), {"op": "users.enable", "args": {"username": "doctor"}})[1]["ok"]
    assert api(demo, as_user("doctor"))[0]["ok"]


def test_nothing_of_a_patient_is_in_the_log(demo, tree):
    api(demo, as_user("doctor"), {"op": "patients.add", "args": {"name": "Unmistakable Name"}},
        {"op": "images.add", "args": {"file": str(tree / "samples" / "chest-normal-2.png"), "patient_name": "Unmistakable Name"}})
    log = demo.home / "station" / "clinic.log"
    assert not log.exists() or "Unmistakable" not in log.read_text()
    trail = api(demo, as_user("admin"), {"op": "audit.list", "args": {"page_size": 100}})[1]
    assert "Unmistakable" not in json.dumps(trail)
