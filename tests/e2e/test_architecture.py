"""Files that hold weights alone: refused with what they hold, opened with the architecture beside them or named."""
import json
import shutil
from pathlib import Path

import numpy
import pytest

FILES = Path(__file__).parents[1] / "golden" / "nn" / "weights_only"


def noise(n, seed):
    u = (numpy.arange(n, dtype=numpy.uint64) * 2654435761 + seed) & 0xFFFFFFFF
    u ^= u >> numpy.uint64(15)
    u = (u * numpy.uint64(2246822519)) & numpy.uint64(0xFFFFFFFF)
    u ^= u >> numpy.uint64(13)
    return u.astype(numpy.float32) / numpy.float32(4294967296)


@pytest.fixture
def folder(tmp_path):
    shutil.copy(FILES / "classifier.h5", tmp_path / "net.h5")
    shutil.copy(FILES / "classifier-architecture.json", tmp_path / "described.json")
    numpy.save(tmp_path / "x.npy", noise(12, 12345).reshape(1, 12))
    return tmp_path


def run(clinic, folder, *more, expect=0):
    return clinic("model", "run", "net.h5", "--input", "x.npy", "--output", "y.npy", *more, cwd=folder, expect=expect)


def close(folder):
    expected = json.loads((FILES / "classifier-expected.json").read_text())["outputs"]
    return abs(numpy.load(folder / "y.npy")[0] - expected).max() < 1e-6


def test_weights_alone_are_refused_by_name_and_shape(clinic, folder):
    err = clinic("model", "show", "net.h5", cwd=folder, expect=2).talk
    assert "E205" in err and "weights of 2 layers" in err and "--architecture" in err
    assert "dense/kernel:0 12x8" in err and "dense/bias:0 8" in err
    run(clinic, folder, expect=2)
    assert not (folder / "y.npy").exists()


def test_named_architecture(clinic, folder):
    run(clinic, folder, "--architecture", "described.json")
    assert close(folder)
    o = clinic("model", "show", "net.h5", "--architecture", "described.json", "--json", cwd=folder, expect=0).json
    assert o["parameters"] == 12 * 8 + 8 + 8 * 3 + 3 and o["keras_version"].startswith("2.15")
    clinic("model", "show", "net.h5", "--architecture", "absent.json", cwd=folder, expect=4)


def test_architecture_beside_the_weights(clinic, folder):
    shutil.copy(folder / "described.json", folder / "net.json")
    run(clinic, folder)
    assert close(folder)


def test_another_architecture_is_another_network(clinic, folder):
    """The packed form of one architecture is not taken for that of another with the same weights."""
    run(clinic, folder, "--architecture", "described.json")
    text = (folder / "described.json").read_text()
    assert '"softmax"' in text
    (folder / "other.json").write_text(text.replace('"softmax"', '"sigmoid"'))
    run(clinic, folder, "--architecture", "other.json")
    assert not close(folder)
    run(clinic, folder, "--architecture", "described.json")
    assert close(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"class_name": "Model"}', "[" * 100000], ids=["empty", "list", "object", "half", "deep"])
def test_files_that_are_no_architecture(clinic, folder, text):
    (folder / "bad.json").write_text(text)
    answer = clinic("model", "show", "net.h5", "--architecture", "bad.json", cwd=folder, expect=2)
    assert answer.talk.count("\n") == 1 and answer.talk.startswith("clinic: E")


@pytest.mark.parametrize("text", ["{}", '{"class_name": "Model"}', '{"notes": [1, 2]}'])
def test_other_json_beside_the_weights_is_not_read(clinic, folder, text):
    (folder / "net.json").write_text(text)
    assert "E205" in clinic("model", "show", "net.h5", cwd=folder, expect=2).talk
