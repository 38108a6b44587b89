"""Networks: list, card, golden vectors, raw tensors in NumPy's format."""
import json
import shutil

import numpy
import pytest

IDS = ["brain-tumour", "chest-pneumonia", "kidney-stone", "skin-lesion"]


def noise(n, seed=12345):
    h = (numpy.arange(n, dtype=numpy.uint64) * 2654435761 + seed) & 0xFFFFFFFF
    h ^= h >> numpy.uint64(15)
    h = (h * numpy.uint64(2246822519)) & numpy.uint64(0xFFFFFFFF)
    h ^= h >> numpy.uint64(13)
    return h.astype(numpy.float32) / numpy.float32(4294967296.0)


def test_list(clinic):
    o = clinic("model", "list", "--json", expect=0).json
    assert o["count"] == 4 and [r["id"] for r in o["results"]] == IDS
    assert [r["id"] for r in o["results"] if r["default"]] == ["chest-pneumonia"]
    assert all(r["classes"] and r["version"] == "1.0.0" and "problem" not in r for r in o["results"])
    assert clinic("model", "list", expect=0).text.count("\n") == 5


def test_list_says_what_is_wrong(clinic, tree, tmp_path):
    shutil.copy(tree / "models" / "kidney-stone.h5", tmp_path / "bare.h5")
    shutil.copy(tree / "models" / "kidney-stone.h5", tmp_path / "odd.h5")
    (tmp_path / "odd.json").write_text("{")
    rows = clinic("model", "list", "--json", env={"CLINIC_MODELS": str(tmp_path)}, expect=0).json["results"]
    assert [r["id"] for r in rows] == ["bare", "odd"]
    assert rows[0]["problem"] == "no passport" and "JSON" in rows[1]["problem"]


@pytest.mark.parametrize("name, parameters", [("chest-pneumonia", 2259265), ("kidney-stone", 345506), ("brain-tumour", 2263108),
                                              ("skin-lesion", 2266951)])
def test_show(clinic, tree, name, parameters):
    o = clinic("model", "show", name, "--layers", "--json", expect=0).json
    assert o["parameters"] == parameters == sum(layer["params"] for layer in o["layers"])
    assert o["inputs"][0]["shape"] == [224, 224, 3]
    assert o["outputs"][0]["shape"] == [len(o["passport"]["classes"]) if o["passport"]["classes"][0]["name"] != "NORMAL" else 1]
    assert o["macs"] > 1e8 and o["milliseconds"] > 0
    assert o["passport"] == json.loads((tree / "models" / f"{name}.json").read_text())
    text = clinic("model", "show", name, expect=0).text
    for word in ("sha256", "measured", "limits", "licence", "multiply-adds", " ms"):
        assert word in text


def test_show_by_path(clinic, tree, tmp_path):
    shutil.copy(tree / "models" / "kidney-stone.h5", tmp_path / "n.h5")
    o = clinic("model", "show", tmp_path / "n.h5", "--no-timing", "--json", expect=0).json
    assert o["passport"] is None and o["milliseconds"] is None and o["id"] == "n"


@pytest.mark.parametrize("name", IDS)
def test_golden_vectors(clinic, name):
    o = clinic("model", "test", name, "--json", expect=0).json
    assert o["passed"] is True and o["cases"] == 2 and o["max_difference"] < 1e-5


def test_selftest(clinic):
    o = clinic("selftest", "--json", expect=0).json
    assert o["passed"] is True and len(o["cases"]) == 4 + 11
    assert all(c["max_difference"] < 1e-4 for c in o["cases"])


def test_selftest_fails_loudly(clinic, tree, tmp_path):
    shutil.copy(tree / "models" / "kidney-stone.h5", tmp_path)
    p = json.loads((tree / "models" / "kidney-stone.json").read_text())
    p["golden"][0]["output"] = [0.0, 1.0]
    (tmp_path / "kidney-stone.json").write_text(json.dumps(p))
    answer = clinic("selftest", "--json", env={"CLINIC_MODELS": str(tmp_path)}, expect=5)
    assert answer.json["passed"] is False and "golden vector" in answer.json["cases"][0]["detail"]


def test_run_batch(clinic, tree, tmp_path):
    want = json.loads((tree / "models" / "chest-pneumonia.json").read_text())["golden"][0]["output"]
    x = numpy.stack([noise(224 * 224 * 3).reshape(224, 224, 3), numpy.full((224, 224, 3), 0.25, numpy.float32)])
    numpy.save(tmp_path / "x.npy", x)
    o = clinic("model", "run", "chest-pneumonia", "--input", "x.npy", "--output", "y.npy", "--json", cwd=tmp_path, expect=0).json
    assert o["outputs"] == [{"file": "y.npy", "shape": [2, 1]}] and o["milliseconds"] > 0
    y = numpy.load(tmp_path / "y.npy")
    assert y.dtype == numpy.float32 and y.shape == (2, 1)
    assert abs(y[0, 0] - want[0]) < 1e-5
    # The same sample alone, on other instructions and threads.
    numpy.save(tmp_path / "one.npy", x[1:])
    for more in (["--isa", "scalar"], ["--threads", "3"]):
        clinic("model", "run", "chest-pneumonia", "--input", "one.npy", "--output", "z.npy", *more, cwd=tmp_path, expect=0)
        assert abs(numpy.load(tmp_path / "z.npy")[0, 0] - y[1, 0]) < 1e-5


@pytest.mark.parametrize("array, words", [
    (numpy.zeros((1, 224, 224), numpy.float32), "224x224x3"), (numpy.zeros((1, 100, 224, 3), numpy.float32), "100x224x3"),
    (numpy.zeros((0, 224, 224, 3), numpy.float32), "batch is empty"), (numpy.zeros((), numpy.float32), "dimensions"),
    (numpy.zeros((1, 2, 2, 3), dtype="O"), "elements"), (numpy.zeros((1, 224, 224, 3), numpy.float16), "float16"),
])
def test_run_refuses(clinic, tmp_path, array, words):
    numpy.save(tmp_path / "x.npy", array)
    answer = clinic("model", "run", "kidney-stone", "--input", "x.npy", "--output", "y.npy", "--json", cwd=tmp_path, expect=2)
    assert words in answer.error["message"] and answer.error["code"] in ("E210", "E214")
    assert not (tmp_path / "y.npy").exists()


def test_run_counts_files(clinic, tmp_path):
    numpy.save(tmp_path / "x.npy", numpy.zeros((1, 224, 224, 3), numpy.float32))
    two = ["--input", "x.npy", "--input", "x.npy"]
    assert "2 inputs" in clinic("model", "run", "kidney-stone", *two, "--output", "y.npy", "--json", cwd=tmp_path, expect=2).error["message"]
    outs = ["--output", "a.npy", "--output", "b.npy"]
    assert "output" in clinic("model", "run", "kidney-stone", "--input", "x.npy", *outs, "--json", cwd=tmp_path, expect=2).error["message"]
    assert clinic("model", "run", "kidney-stone", "--input", "none.npy", "--output", "y.npy", "--json", cwd=tmp_path, expect=4).error["code"] == "E104"
    clinic("model", "run", "kidney-stone", "--output", "y.npy", cwd=tmp_path, expect=2)


def test_bad_network_files(clinic, tree, tmp_path):
    whole = (tree / "models" / "kidney-stone.h5").read_bytes()
    for name, data, codes in [("empty", b"", ("E106", "E202", "E203")), ("text", b"hello" * 100, ("E202",)),
                              ("cut", whole[:len(whole) // 2], ("E203",)), ("head", whole[:600], ("E203", "E202"))]:
        (tmp_path / f"{name}.h5").write_bytes(data)
        answer = clinic("model", "show", tmp_path / f"{name}.h5", "--json", expect=2)
        assert answer.error["code"] in codes, (name, answer.error)
    (tmp_path / "folder.h5").mkdir()
    assert clinic("model", "show", tmp_path / "folder.h5", "--json").rc in (2, 4)


def test_real_networks_of_other_people(clinic, shared, tmp_path):
    """The public files of the reference data: raw tensors reproduce Keras' outputs."""
    seen = 0
    for path in sorted((shared / "keras" / "real").glob("*.json")):
        golden = json.loads(path.read_text())
        if golden.get("weights_only") or golden.get("expect") == "unsupported" or "cases" not in golden:
            continue
        network, case = path.with_suffix(".h5"), golden["cases"][0]
        arguments = []
        for k, shape in enumerate(golden["input_shapes"]):
            n = int(numpy.prod(shape[1:])) if len(shape) > 1 else 1
            assert case["pattern"] == "p0"
            scale = numpy.float32(golden.get("input_scale", 1))
            numpy.save(tmp_path / f"x{k}.npy", (scale * noise(n, 12345 + 1000003 * k)).reshape([1] + shape[1:]))
            arguments += ["--input", f"x{k}.npy"]
        for k in range(len(case["outputs"])):
            arguments += ["--output", f"y{k}.npy"]
        clinic("model", "run", network, *arguments, cwd=tmp_path, expect=0)
        for k, want in enumerate(case["outputs"]):
            got = numpy.load(tmp_path / f"y{k}.npy").ravel()[:len(want)]
            want = numpy.array(want)
            assert numpy.all(numpy.abs(got - want) <= 1e-5 + 1e-4 * numpy.abs(want)), (path.stem, numpy.abs(got - want).max())
        seen += 1
    assert seen >= 8
