"""Malicious and damaged network files through the real program: each refused in time with its cause, by exit code 2, with
nothing on stdout, and no byte that could drive a terminal."""
import json
import subprocess
import sys
import time

import pytest

pytest.importorskip("h5py")
AT_WORST_S = 6.0


@pytest.fixture(scope="module")
def bad(tmp_path_factory, tree):
    folder = tmp_path_factory.mktemp("bad_networks")
    subprocess.run([sys.executable, tree / "tests/faults/mkbad_h5.py", folder, "25"], check=True, capture_output=True)
    return folder


def show(clinic, path):
    started = time.monotonic()
    answer = clinic("model", "show", path, "--json")
    return answer, time.monotonic() - started


def harmless(data):
    text = data.decode("utf-8")
    return all(c >= " " and c not in "\x7f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b" or c == "\n" for c in text)


def test_each_names_its_cause(clinic, bad):
    wrong = []
    for name, (code, words) in json.loads((bad / "expect.json").read_text()).items():
        answer, took_s = show(clinic, bad / f"{name}.h5")
        text = answer.talk
        if answer.rc != 2 or answer.out or words not in text or took_s > AT_WORST_S or not harmless(answer.err):
            wrong.append((name, answer.rc, words, text[-300:], round(took_s, 1)))
    assert not wrong, wrong


def test_mutations_leave_the_program_standing(clinic, bad):
    files = [f for pattern in ("mut_*", "trunc_*", "empty*", "growing*") for f in sorted(bad.glob(pattern))]
    assert len(files) > 30
    for path in files:
        answer, took_s = show(clinic, path)
        assert answer.rc in (0, 2, 5), (path.name, answer.rc, answer.talk)
        assert took_s <= AT_WORST_S, path.name
        assert harmless(answer.err), path.name


def test_plugin_path_in_the_environment_is_ignored(clinic, bad, tmp_path):
    answer = clinic("model", "show", bad / "unknown_filter.h5", "--json", env={"HDF5_PLUGIN_PATH": str(tmp_path)})
    assert answer.rc == 2 and "filter 32000" in answer.talk


def test_the_good_one_is_read(clinic, bad):
    answer = clinic("model", "show", bad / "good.h5", "--json", expect=0)
    assert answer.json["parameters"] == 64 * 8 + 8
