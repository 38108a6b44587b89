"""What a locked parser asks of the kernel, seen by strace: no file is opened once the lock is on."""
import re
import shutil
import subprocess

import conftest
import pictures
import pytest

# The calls a parser of pictures really needs; the allow-list of the cage is not much longer.
IMAGE_CALLS = {"sendto", "recvmsg", "mmap", "munmap", "mremap", "brk", "madvise", "ftruncate", "close", "getrandom", "futex",
               "clock_gettime", "exit_group", "restart_syscall", "write", "pread64"}
# HDF5 asks for the working folder and qsort() for the size of the memory; both are refused, which they can live with.
NETWORK_CALLS = IMAGE_CALLS | {"pwrite64", "getcwd", "sysinfo"}
REFUSED = {"getcwd", "sysinfo"}


@pytest.fixture(scope="module")
def strace(tmp_path_factory):
    tool = shutil.which("strace")
    works = tool and subprocess.run([tool, "-o", "/dev/null", "true"], capture_output=True).returncode == 0
    if not works:
        pytest.skip("skipped: strace cannot trace here")

    def trace(clinic, *args):
        log = tmp_path_factory.mktemp("trace") / "log"
        subprocess.run([tool, "-f", "-qq", "-s", "64", "-o", str(log), str(conftest.BINARY), *map(str, args)], env=clinic.env,
                       capture_output=True, timeout=120)
        return log.read_text(errors="replace").splitlines()

    return trace


def locked_calls(lines, program):
    """Names of the calls of each child that ran `program`, from its lock on: {pid: [line]}."""
    children, locked = set(), {}
    for line in lines:
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.startswith("execve(") and program in call.split(",")[0]:
            children.add(pid)
        elif pid in children and call.startswith("seccomp(SECCOMP_SET_MODE_FILTER"):
            locked[pid] = []
        elif pid in locked and not call.startswith(("+++", "---", "<... seccomp resumed")):
            locked[pid].append(call)
    return locked


def check(locked, allowed):
    assert locked, "no caged child was seen"
    for calls in locked.values():
        for call in calls:
            name = re.match(r"(?:<\.\.\. )?(\w+)", call).group(1)
            assert name in allowed, call
            assert name not in REFUSED or "EPERM" in call or "unfinished" in call, call


def test_pictures_open_nothing(clinic, strace):
    files = {"good.png": pictures.small_png(), "good.jpg": pictures.jpeg(), "progressive.jpg": pictures.jpeg(progressive=True)}
    files |= {name: data for name, (data, codes) in pictures.bad_pictures().items() if len(data) < 1 << 20}
    for name, data in files.items():
        (clinic.home / name).write_bytes(data)
    lines = strace(clinic, "predict", *(clinic.home / name for name in files), "--json", "--jobs", "1")
    locked = locked_calls(lines, "clinic-cage-image")
    check(locked, IMAGE_CALLS)
    assert len(locked) > 5  # a child that has seen a bad file is not used again


def test_networks_open_nothing(clinic, strace, tree):
    networks = sorted((tree / "models").glob("*.h5"))
    assert networks
    lines = strace(clinic, "model", "show", networks[0], "--json")
    check(locked_calls(lines, "clinic-cage-network"), NETWORK_CALLS)
