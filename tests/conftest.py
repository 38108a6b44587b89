"""What the tests of the real program share. Run by tests/run, or: python3 -m pytest tests/e2e (after make)."""
import json
import os
import pathlib
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CLINIC_TEST_BUILD", TREE / "build"))
BINARY = BUILD / "bin" / "clinic"
SHARED = pathlib.Path(os.environ.get("CLINIC_SHARED", TREE.parent / "shared"))


class Answer:
    """How one call of the program ended."""

    def __init__(self, done):
        self.rc, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def text(self):
        return self.out.decode("utf-8")

    @property
    def talk(self):
        return self.err.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        """JSON objects, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self):
        """The error object on stderr."""
        return json.loads(self.err.splitlines()[-1])


class Clinic:
    """The program with a home of its own. clinic("predict", file) -> Answer; expect= checks the exit code."""

    def __init__(self, home, clock=None):
        self.home = home
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("CLINIC_", "XDG_"))}
        self.env |= {"HOME": str(home), "CLINIC_HOME": str(home / "station"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        if clock:
            self.env |= {"CLINIC_CLOCK": clock, "CLINIC_SEED": "tests"}

    def __call__(self, *args, expect=None, stdin=b"", env=None, timeout=60, cwd=None, binary=BINARY):
        done = subprocess.run([str(binary), *map(str, args)], input=stdin, capture_output=True, timeout=timeout,
                              env=self.env | (env or {}), cwd=cwd or self.home)
        answer = Answer(done)
        if expect is not None:
            assert answer.rc == expect, f"exit code {answer.rc}, expected {expect}\n{answer.out!r}\n{answer.err!r}"
        return answer


@pytest.fixture
def clinic(tmp_path):
    """The real clock."""
    return Clinic(tmp_path)


@pytest.fixture
def frozen(tmp_path):
    """Clock and random numbers the same every time."""
    return Clinic(tmp_path, clock="2026-03-02T10:14:00Z")


@pytest.fixture(scope="session")
def tree():
    return TREE


@pytest.fixture(scope="session")
def build():
    return BUILD


@pytest.fixture(scope="session")
def shared():
    """Reference data beside the checkout; a bare clone has none."""
    if not SHARED.is_dir():
        pytest.skip("skipped: reference data not present")
    return SHARED
