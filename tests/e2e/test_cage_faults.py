"""System calls of intake that fail, one after the other, in the station and in the caged child: an error in words and the
right exit code each time, never a crash, a hang or half an answer."""
import shutil
import subprocess
import time

import conftest
import pictures
import pytest

# call, error, exit codes that fit when it was made to fail
FAULTS = [
    ("memfd_create", "ENFILE", {0, 5}),
    ("socketpair", "EMFILE", {0, 5}),
    ("pidfd_open", "EMFILE", {0, 5}),
    ("sendmsg", "ENOBUFS", {0, 5}),
    ("recvfrom", "ECONNRESET", {0, 5}),
    ("pread64", "EIO", {0, 2, 4, 5}),
    ("ftruncate", "ENOSPC", {0, 2, 5}),
    # in the child only
    ("recvmsg", "ECONNRESET", {0, 5}),
    ("sendto", "EPIPE", {0, 5}),
    ("seccomp", "EINVAL", {5}),
    ("capset", "EPERM", {5}),
    ("close_range", "EINVAL", {0, 5}),
    ("landlock_create_ruleset", "EOPNOTSUPP", {0}),
    ("landlock_restrict_self", "EPERM", {0}),
]
MOST = 60


@pytest.fixture(scope="module")
def tool():
    path = shutil.which("strace")
    probe = path and subprocess.run([path, "-o", "/dev/null", "-e", "inject=getpid:error=EPERM:when=1", "true"],
                                    capture_output=True)
    if not path or probe.returncode != 0:
        pytest.skip("skipped: strace cannot inject here")
    return path


@pytest.mark.parametrize("call, error, fits", FAULTS, ids=[f[0] for f in FAULTS])
def test_every_failure_is_told(clinic, tool, call, error, fits):
    picture, log = clinic.home / "good.png", clinic.home / "log"
    picture.write_bytes(pictures.small_png())
    clinic("predict", picture, "--json", expect=0)  # the network is packed now
    for nth in range(1, MOST):
        started = time.monotonic()
        done = subprocess.run([tool, "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}",
                               conftest.BINARY, "predict", picture, "--json"], env=clinic.env, capture_output=True, timeout=60)
        answer = conftest.Answer(done)
        assert time.monotonic() - started < 15
        if "(INJECTED)" not in log.read_text(errors="replace"):
            assert answer.rc == 0 and nth > 1
            return
        if b"loading shared libraries" in answer.err:  # the fault struck before the program began
            continue
        assert answer.rc in fits, (nth, answer.rc, answer.err)
        if answer.rc == 0:
            assert answer.json["prediction"]
        else:
            assert answer.out == b"" and answer.error["error"] and answer.error["detail"]
    pytest.fail(f"{call} is called more than {MOST} times")
