"""Pictures in characters on standard output."""
import re

import pytest

MODES = ["mono", "grey16", "256", "braille", "half"]


@pytest.fixture
def film(tree):
    return tree / "samples" / "chest-normal-1.jpg"


def columns(line):
    return len(re.sub(r"\x1b\[[0-9;]*m", "", line))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(78, 21), (40, 10), (10, 30), (2, 1), (200, 60)])
def test_fits_its_room(clinic, film, mode, size):
    answer = clinic("preview", film, "--mode", mode, "--width", size[0], "--height", size[1], expect=0)
    lines = answer.text.splitlines()
    assert 1 <= len(lines) <= size[1]
    assert max(columns(line) for line in lines) <= size[0]
    # Square picture, cells twice as high as wide: twice as many columns as rows, within one cell.
    used = max(columns(line.strip()) for line in lines)
    if size in ((78, 21), (200, 60)):
        assert abs(used - 2 * len(lines)) <= 0.2 * used + 2
    assert re.sub(r"\x1b\[[0-9;]*m", "", answer.text).isprintable() or "\n" in answer.text
    if "\x1b" in answer.text:
        assert all(line.endswith("\x1b[0m") or "\x1b" not in line for line in lines)


@pytest.mark.parametrize("film_size", [(78, 21), (33, 9)])
def test_mono_is_plain_ascii(clinic, film, film_size):
    out = clinic("preview", film, "--mode", "mono", "--width", film_size[0], "--height", film_size[1], expect=0).out
    assert set(out) <= set(range(32, 127)) | {10}


def test_default_is_mono_78_by_21(clinic, film):
    assert clinic("preview", film, expect=0).out == clinic("preview", film, "--mode", "mono", "--width", 78, "--height", 21, expect=0).out


def test_invert_turns_light_and_dark(clinic, film):
    assert clinic("preview", film, expect=0).out != clinic("preview", film, "--invert", expect=0).out


def test_zoom_shows_less(clinic, film):
    assert clinic("preview", film, "--zoom", "3", expect=0).out != clinic("preview", film, expect=0).out


def test_setting_chooses_the_mode(clinic, film):
    assert "\u2800" <= max(clinic("preview", film, env={"CLINIC_PREVIEW_MODE": "braille"}, expect=0).text)


@pytest.mark.parametrize("more", [["--mode", "colour"], ["--width", "0"], ["--width", "100000000"], ["--height", "-3"],
                                  ["--zoom", "0"], ["--zoom", "nan"], ["--width", "x"]])
def test_refused(clinic, film, more):
    answer = clinic("preview", film, *more, "--json", expect=2)
    assert answer.out == b"" and answer.error["code"] in ("E302", "E301")


def test_bad_files(clinic, tmp_path):
    (tmp_path / "x.png").write_bytes(b"GIF89a")
    assert clinic("preview", tmp_path / "x.png", "--json", expect=2).error["code"] == "E101"
    assert clinic("preview", tmp_path / "none.png", "--json", expect=4).error["code"] == "E104"
    assert clinic("preview", "/dev/zero", "--json", expect=2).error["code"] == "E105"
    assert clinic("preview", tmp_path, "--json", expect=2).error["code"] == "E105"
