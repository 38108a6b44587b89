"""The main job through the real program: the contract's JSON, the samples' known answers, thresholds, batches, networks by path."""
import hashlib
import json
import os
import pty
import re
import shutil
import subprocess

import pytest

FIELDS = ["file", "prediction", "confidence", "recommendations", "raw_score", "threshold", "scores", "model", "image",
          "processing_time", "timings_ms"]


def passport(tree, name):
    return json.loads((tree / "models" / f"{name}.json").read_text())


def samples(tree):
    """(network, picture, scores) of each synthetic sample."""
    return [(p.stem, s["picture"], s["scores"]) for p in sorted((tree / "models").glob("*.json"))
            for s in json.loads(p.read_text())["samples"]]


def test_contract(clinic, tree):
    path = tree / "samples" / "chest-pneumonia-1.jpg"
    answer = clinic("predict", path, "--json", expect=0)
    assert answer.err == b""
    assert answer.out.count(b"\n") == 1
    o = answer.json
    assert list(o)[:len(FIELDS)] == FIELDS
    assert o["file"] == str(path)
    assert o["prediction"] == "PNEUMONIA"
    assert isinstance(o["recommendations"], list) and all(isinstance(r, str) for r in o["recommendations"]) and o["recommendations"]
    assert o["threshold"] == 0.5
    assert list(o["scores"]) == ["NORMAL", "PNEUMONIA"]
    assert abs(sum(o["scores"].values()) - 1) < 1e-6
    assert o["raw_score"] == o["scores"]["PNEUMONIA"]
    assert o["confidence"] == round(100 * o["raw_score"], 2)
    assert o["model"] == {"id": "chest-pneumonia", "version": "1.0.0",
                          "sha256": hashlib.sha256((tree / "models/chest-pneumonia.h5").read_bytes()).hexdigest()}
    assert o["image"] == {"width": 512, "height": 512, "format": "jpeg", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert set(o["timings_ms"]) == {"decode", "prepare", "compute", "total"}
    assert abs(o["processing_time"] * 1000 - o["timings_ms"]["total"]) < 0.01
    assert all(v >= 0 for v in o["timings_ms"].values())


def test_samples_agree_with_keras(clinic, tree):
    rows = samples(tree)
    assert len(rows) == 11
    for network, picture, scores in rows:
        o = clinic("predict", tree / "samples" / picture, "--model", network, "--json", expect=0).json
        assert o["prediction"] == max(scores, key=scores.get), picture
        assert max(abs(o["scores"][c] - p) for c, p in scores.items()) < 1e-5, picture
        if len(scores) > 2:
            assert o["threshold"] is None
            assert o["confidence"] == pytest.approx(100 * max(o["scores"].values()), abs=0.006)


def test_every_isa_and_thread_count_says_the_same(clinic, tree):
    path, seen = tree / "samples" / "chest-pneumonia-2.png", []
    for more in (["--isa", "scalar"], ["--threads", "1"], ["--threads", "2"], ["--threads", "5"], []):
        seen.append(clinic("predict", path, "--json", *more, expect=0).json["raw_score"])
    assert max(seen) - min(seen) < 1e-5


def test_thresholds(clinic, tree):
    path = tree / "samples" / "chest-normal-1.jpg"
    score = clinic("predict", path, "--json", expect=0).json["raw_score"]
    at = clinic("predict", path, "--threshold", repr(score), "--json", expect=0).json
    assert (at["prediction"], at["confidence"], at["threshold"]) == ("PNEUMONIA", 50.0, score)
    above = clinic("predict", path, "--threshold", repr(2 * score), "--json", expect=0).json
    assert (above["prediction"], above["confidence"]) == ("NORMAL", 75.0)
    for wrong in ("-0.1", "1.5", "nan", "half"):
        answer = clinic("predict", path, "--threshold", wrong, "--json", expect=2)
        assert answer.out == b"" and answer.error["code"] == "E302"
    answer = clinic("predict", path, "--model", "skin-lesion", "--threshold", "0.5", expect=2)
    assert b"no operating point" in answer.err


def test_text_form(clinic, tree):
    answer = clinic("predict", tree / "samples" / "chest-pneumonia-1.jpg", expect=0)
    assert re.search(r"PNEUMONIA \[#+-*\] 98\.5 %", answer.text)
    assert "not a diagnosis" in answer.text
    assert "\x1b" not in answer.text


def test_batch(clinic, tree, tmp_path):
    folder = tmp_path / "films" / "deeper"
    folder.mkdir(parents=True)
    for name in ("chest-normal-1.jpg", "chest-pneumonia-1.jpg", "chest-pneumonia-2.png"):
        shutil.copy(tree / "samples" / name, folder)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (folder / "notes.txt").write_text("no picture, not tried")
    (tmp_path / "films" / "link.jpg").symlink_to(folder / "chest-normal-1.jpg")
    answer = clinic("predict", tmp_path / "films", "--json", "--jobs", "3", expect=2)
    names = [os.path.basename(o["file"]) for o in answer.lines]
    assert names == ["chest-normal-1.jpg", "chest-pneumonia-1.jpg", "chest-pneumonia-2.png"]
    errors = [json.loads(line) for line in answer.talk.splitlines() if line.startswith("{")]
    assert [(os.path.basename(e["file"]), e["code"]) for e in errors] == [("broken.png", "E103")]
    assert "3 of 4 pictures analysed, 1 failed" in answer.talk
    # The order and the numbers do not depend on how many work.
    one = clinic("predict", tmp_path / "films", "--json", "--jobs", "1", "--quiet", expect=2)
    assert [(o["file"], o["raw_score"]) for o in one.lines] == [(o["file"], o["raw_score"]) for o in answer.lines]
    (folder / "broken.png").unlink()
    clinic("predict", tmp_path / "films", "--json", expect=0)


def test_batch_continues_after_missing_file(clinic, tree):
    good = tree / "samples" / "chest-normal-1.jpg"
    answer = clinic("predict", good, "nowhere.png", good, "--json", expect=2)
    assert len(answer.lines) == 2


def test_batch_stops_when_the_network_is_missing(clinic, tree):
    answer = clinic("predict", tree / "samples", "--model", "nothing", "--json", "--jobs", "1", expect=2)
    assert answer.out == b""
    errors = [line for line in answer.talk.splitlines() if line.startswith("{")]
    assert len(errors) == 1 and json.loads(errors[0])["code"] == "E201"


def test_bar_on_a_terminal(clinic, tree):
    primary, secondary = pty.openpty()
    done = subprocess.Popen([str(clinic_binary()), "predict", str(tree / "samples"), "--json"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=secondary, env=clinic.env)
    os.close(secondary)
    out = done.stdout.read()
    talk = b""
    try:
        while more := os.read(primary, 65536):
            talk += more
    except OSError:
        pass
    assert done.wait() == 0
    assert len(out.splitlines()) == 11
    assert re.search(rb"\[#+-*\] \d+\.\d %  \d+/11", talk)


def clinic_binary():
    import conftest
    return conftest.BINARY


def test_missing_model_names_near_ones(clinic, tree):
    path = tree / "samples" / "chest-normal-1.jpg"
    error = clinic("predict", path, "--model", "chest-pneumona", "--json", expect=4).error
    assert error["code"] == "E201" and error["error"] == "Model file not found"
    assert "did you mean 'chest-pneumonia'" in error["message"] and "skin-lesion" in error["message"]
    error = clinic("predict", path, "--model", "zzz", "--json", expect=4).error
    assert "installed: brain-tumour, chest-pneumonia, kidney-stone, skin-lesion" in error["message"]
    wanted = tree / "models" / "chest-pneumnia.h5"
    error = clinic("predict", path, "--model", wanted, "--json", expect=4).error
    assert error["message"].startswith(f"Model file not found at {wanted}") and "chest-pneumonia.h5" in error["message"]
    for hostile in ("../models/chest-pneumonia", "..", "-x", "a\x1b[2J", ""):
        answer = clinic("predict", path, f"--model={hostile}", "--json")
        assert answer.rc in (2, 4) and answer.out == b"" and b"\x1b" not in answer.err


def copy_network(tree, tmp_path, name="kidney-stone", as_name="other"):
    shutil.copy(tree / "models" / f"{name}.h5", tmp_path / f"{as_name}.h5")
    return tmp_path / f"{as_name}.h5"


def test_network_by_path_without_passport(clinic, tree, tmp_path):
    path = copy_network(tree, tmp_path)
    o = clinic("predict", tree / "samples" / "kidney-stone-1.jpg", "--model", path, "--json", expect=0).json
    assert o["prediction"] == "class_1" and o["model"]["id"] == "other" and o["model"]["version"] == "-"
    assert any("No passport" in n for n in o["notes"])
    assert abs(o["scores"]["class_1"] - 0.923358) < 1e-5
    assert o["threshold"] is None


def test_passport_beside_a_path_is_used(clinic, tree, tmp_path):
    path = copy_network(tree, tmp_path)
    p = passport(tree, "kidney-stone")
    p["classes"][1]["name"] = "CALCULUS"
    p["positive_class"] = "CALCULUS"
    (tmp_path / "other.json").write_text(json.dumps(p))
    o = clinic("predict", tree / "samples" / "kidney-stone-1.jpg", "--model", path, "--json", expect=0).json
    assert o["prediction"] == "CALCULUS" and o["threshold"] == 0.5


def test_other_json_beside_a_path_is_no_passport(clinic, tree, tmp_path):
    path, picture = copy_network(tree, tmp_path), tree / "samples" / "kidney-stone-1.jpg"
    for text in ('{"cases": []}', '{"a": "' + "x" * (2 << 20) + '"}'):
        (tmp_path / "other.json").write_text(text)
        assert clinic("predict", picture, "--model", path, "--json", expect=0).json["prediction"] == "class_1"
    for text in ("{", "[]", '{"classes": []}'):
        (tmp_path / "other.json").write_text(text)
        assert clinic("predict", picture, "--model", path, "--json", expect=2).error["code"] == "E212"


@pytest.mark.parametrize("change, code", [
    (lambda p: p["golden"][0]["output"].__setitem__(0, 0.4), "E211"),
    (lambda p: p.update(sha256="0" * 64), "E212"),
    (lambda p: p["preprocessing"].update(width=100), "E212"),
    (lambda p: p["classes"].append({"name": "third"}), "E212"),
    (lambda p: p.update(classes=7), "E212"),
])
def test_wrong_passport_refuses_the_network(clinic, tree, tmp_path, change, code):
    path = copy_network(tree, tmp_path)
    p = passport(tree, "kidney-stone")
    change(p)
    (tmp_path / "other.json").write_text(json.dumps(p))
    for _ in range(2):  # nothing remembers a failure as a success
        answer = clinic("predict", tree / "samples" / "kidney-stone-1.jpg", "--model", path, "--json")
        assert answer.error["code"] == code and answer.out == b""
        assert answer.rc == (5 if code == "E211" else 2)


def test_changed_network_is_noticed(clinic, tree, tmp_path):
    """The remembered hash of a file falls with any change of it."""
    path = copy_network(tree, tmp_path)
    (tmp_path / "other.json").write_text(json.dumps(passport(tree, "kidney-stone")))
    picture = tree / "samples" / "kidney-stone-1.jpg"
    clinic("predict", picture, "--model", path, "--json", expect=0)
    stamps = list((clinic.home / "station" / "cache").glob("*.stamp"))
    clinic("predict", picture, "--model", path, "--json", expect=0)
    old = path.stat()
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))  # same size, same mtime
    answer = clinic("predict", picture, "--model", path, "--json")
    assert answer.rc == 2 and answer.error["code"] == "E212"
    assert len(stamps) <= 1


def test_damaged_cache_is_rebuilt(clinic, tree):
    picture = tree / "samples" / "chest-normal-1.jpg"
    want = clinic("predict", picture, "--json", expect=0).json["raw_score"]
    cache = clinic.home / "station" / "cache"
    packed = list(cache.glob("*.nn"))
    assert packed
    for damage in (lambda p: p.write_bytes(b""), lambda p: p.write_bytes(p.read_bytes()[:5000]),
                   lambda p: p.write_bytes(b"x" * 4096 + p.read_bytes()[4096:])):
        for p in packed:
            damage(p)
        assert clinic("predict", picture, "--json", expect=0).json["raw_score"] == want
    for stamp in cache.glob("*.stamp"):
        stamp.write_bytes(b"clinic-stamp 1 nonsense")
    assert clinic("predict", picture, "--json", expect=0).json["raw_score"] == want


def test_read_only_home_still_works(clinic, tree, tmp_path):
    home = tmp_path / "sealed"
    home.mkdir()
    home.chmod(0o500)
    env = {"CLINIC_HOME": str(home / "none"), "XDG_CACHE_HOME": str(tmp_path / "xdg")}
    clinic("predict", tree / "samples" / "chest-normal-1.jpg", "--json", env=env, expect=0)


def test_wrong_extension_is_read_and_noted(clinic, tree, tmp_path):
    odd = tmp_path / "film.txt"
    shutil.copy(tree / "samples" / "chest-normal-2.png", odd)
    o = clinic("predict", odd, "--json", expect=0).json
    assert any(".txt" in n and "png" in n for n in o["notes"])
    foreign = tmp_path / ("film.x" + 12 * "é") # longer than what is shown of it
    shutil.copy(odd, foreign)
    o = clinic("predict", foreign, "--json", expect=0).json
    assert "The name ends in .x" + 9 * "é" + ", the content is png" in o["notes"]
    renamed = tmp_path / "film.jpg"
    shutil.copy(odd, renamed)
    assert clinic("predict", renamed, "--json", expect=0).json["image"]["format"] == "png"


def test_what_stops_a_batch_is_said_once(clinic, tree):
    answer = clinic("predict", tree / "samples", "--model", "nowhere", "--jobs", "4", expect=2)
    assert answer.out == b"" and answer.err.count(b"E201") == 1 and b"0 of 11 pictures analysed" in answer.err


def test_settings_count(clinic, tree):
    path = tree / "samples" / "kidney-stone-1.jpg"
    o = clinic("predict", path, "--json", env={"CLINIC_DEFAULT_MODEL": "kidney-stone"}, expect=0).json
    assert o["model"]["id"] == "kidney-stone" and o["prediction"] == "Stone"
    answer = clinic("predict", path, "--json", env={"CLINIC_MAX_FILE_MB": "zero"}, expect=2)
    assert answer.out == b""


def test_nothing_is_written_but_the_cache(clinic, tree):
    clinic("predict", tree / "samples" / "chest-normal-1.jpg", expect=0)
    kinds = {p.suffix for p in clinic.home.rglob("*") if p.is_file()}
    assert kinds <= {".nn", ".stamp"}


def test_all_test_pictures_agree_with_keras(clinic, tree, shared):
    """Class agreement is total, outputs agree within 1e-5, on every picture of the reference sets."""
    folders = {"chest-pneumonia": "cxr", "kidney-stone": "kidney", "brain-tumour": "brain", "skin-lesion": "skin"}
    want = {}
    for line in (shared / "models" / "expected.tsv").read_text().splitlines():
        network, name, *values = re.split(r"[\t,]", line)
        want[network, name] = [float(v) for v in " ".join(values).split()]
    assert len(want) == 3311
    for network, folder in folders.items():
        classes = [c["name"] for c in passport(tree, network)["classes"]]
        root = shared / "datasets"
        answer = clinic("predict", root / folder, "--model", network, "--json", "--jobs", "2", "--quiet", expect=0, timeout=280)
        seen = 0
        for o in answer.lines:
            key = network, os.path.relpath(o["file"], root)
            if key not in want:
                continue
            seen += 1
            got = [o["raw_score"]] if len(want[key]) == 1 else [o["scores"][c] for c in classes]
            assert max(abs(a - b) for a, b in zip(got, want[key])) < 1e-5, key
            top = classes[want[key][0] >= 0.5] if len(got) == 1 else classes[want[key].index(max(want[key]))]
            assert o["prediction"] == top, key
        assert seen == sum(1 for n, _ in want if n == network)
