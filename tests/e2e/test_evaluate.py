"""Evaluation: counting against labelled folders, and the figures of the passports again."""
import json
import shutil

import pytest


@pytest.fixture
def folders(tree, tmp_path):
    root = tmp_path / "set"
    for name, sample in [("normal", "chest-normal-1.jpg"), ("normal", "chest-normal-2.png"), ("normal", "chest-pneumonia-1.jpg"),
                         ("PNEUMONIA", "chest-pneumonia-2.png"), ("Other", "skin-nevus-1.jpg")]:
        (root / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / "samples" / sample, root / name)
    (root / "PNEUMONIA" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (root / "notes.txt").write_text("a file among the folders")
    return root


def test_counts(clinic, folders):
    o = clinic("evaluate", folders, "--model", "chest-pneumonia", "--list", "--json", expect=0).json
    assert o["n"] == 4 and o["right"] == 3
    assert o["confusion"] == {"NORMAL": {"NORMAL": 2, "PNEUMONIA": 1}, "PNEUMONIA": {"NORMAL": 0, "PNEUMONIA": 1}}
    assert o["counts"]["NORMAL"] == {"n": 3, "said": 2, "right": 2}
    assert (o["sensitivity"]["value"], o["precision"]["value"]) == (1.0, 0.5)
    assert o["specificity"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert o["f1"] == pytest.approx(2 / 3, abs=1e-6)
    assert o["auc"]["value"] == 1.0
    assert o["accuracy"]["ci95"] == pytest.approx([0.300642, 0.954413], abs=1e-6)  # Wilson, 3 of 4
    assert o["skipped_folders"] == ["Other"]
    assert [u["file"].rsplit("/", 1)[1] for u in o["unreadable"]] == ["broken.jpg"]
    assert [(w["file"].rsplit("/", 1)[1], w["class"], w["prediction"]) for w in o["wrong"]] == [
        ("chest-pneumonia-1.jpg", "NORMAL", "PNEUMONIA")]
    assert o["images_per_second"] > 0
    assert "wrong" not in clinic("evaluate", folders, "--model", "chest-pneumonia", "--json", expect=0).json


def test_jobs_do_not_change_the_answer(clinic, folders):
    def figures(jobs):
        o = clinic("evaluate", folders, "--model", "chest-pneumonia", "--list", "--jobs", jobs, "--json", expect=0).json
        return {k: v for k, v in o.items() if k not in ("seconds", "images_per_second")}
    assert figures(1) == figures(4)


def test_threshold_moves_the_counts(clinic, folders):
    o = clinic("evaluate", folders, "--model", "chest-pneumonia", "--threshold", "1", "--json", expect=0).json
    assert o["sensitivity"]["value"] == 0 and o["specificity"]["value"] == 1 and o["precision"]["value"] is None
    assert o["threshold"] == 1.0


def test_many_classes(clinic, tree, tmp_path):
    for name, sample in [("glioma", "brain-glioma-1.jpg"), ("notumor", "brain-notumor-1.jpg"), ("Pituitary", "brain-pituitary-1.jpg"),
                         ("meningioma", "brain-glioma-1.jpg")]:
        (tmp_path / "set" / name).mkdir(parents=True)
        shutil.copy(tree / "samples" / sample, tmp_path / "set" / name)
    o = clinic("evaluate", tmp_path / "set", "--model", "brain-tumour", "--json", expect=0).json
    assert o["n"] == 4 and o["right"] == 3 and o["balanced_accuracy"] == 0.75
    assert o["confusion"]["meningioma"]["glioma"] == 1 and o["threshold"] is None
    assert "macro_auc" in o and "specificity" not in o


def test_text(clinic, folders):
    text = clinic("evaluate", folders, "--model", "chest-pneumonia", "--list", expect=0).text
    for word in ("accuracy", "sensitivity", "specificity", "auc", "<- said", "pictures a second", "skipped", "not readable", "wrong:"):
        assert word in text


def test_refused(clinic, tmp_path):
    assert clinic("evaluate", tmp_path / "none", "--model", "chest-pneumonia", "--json", expect=4).error["code"] == "E104"
    (tmp_path / "x").mkdir()
    answer = clinic("evaluate", tmp_path, "--model", "chest-pneumonia", "--json", expect=2)
    assert "no folder named like a class" in answer.error["message"]
    assert clinic("evaluate", tmp_path, "--model", "none", "--json", expect=4).error["code"] == "E201"
    assert clinic("evaluate", tmp_path, "--json", expect=2).out == b""


@pytest.mark.parametrize("name, folder, right, n", [("chest-pneumonia", "cxr", 555, 618), ("kidney-stone", "kidney", 200, 200),
                                                    ("brain-tumour", "brain", 1149, 1281), ("skin-lesion", "skin", 925, 1212)])
def test_passport_figures_again(clinic, tree, shared, name, folder, right, n):
    o = clinic("evaluate", shared / "datasets" / folder, "--model", name, "--jobs", "2", "--json", expect=0, timeout=280).json
    assert (o["right"], o["n"]) == (right, n)
    claimed = json.loads((tree / "models" / f"{name}.json").read_text())["metrics"][0]
    for key in ("accuracy", "sensitivity", "specificity", "precision", "f1", "auc", "balanced_accuracy", "macro_auc", "confusion"):
        if key in claimed:
            assert o[key] == claimed[key], key
