"""The build keeps the rules of the house: what is linked, how it is hardened, and lints that see what they should."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest


def readelf(flag, path):
    return subprocess.run(["readelf", "-W", flag, str(path)], capture_output=True, text=True, check=True).stdout


def needed(path):
    return set(re.findall(r"\(NEEDED\).*\[(.+?)\]", readelf("-d", path)))


def programs(build):
    return [build / "bin" / "clinic", build / "lib" / "clinic-cage-image", build / "lib" / "clinic-cage-network"]


def test_no_parser_and_nothing_heavy_in_the_program(build):
    forbidden = ("libpng", "libjpeg", "libhdf5", "libcurl", "libcairo", "libpango", "libqpdf", "libopenblas", "libcaca")
    wrong = [lib for lib in needed(build / "bin" / "clinic") if lib.startswith(forbidden)]
    assert not wrong


@pytest.mark.parametrize("name, only", [
    ("clinic-cage-image", ("libpng16", "libjpeg", "libsodium", "libunistring", "libm.", "libc.", "libjansson", "ld-linux")),
    ("clinic-cage-network", ("libhdf5", "libz.", "libjansson", "libsodium", "libunistring", "libm.", "libc.", "ld-linux")),
])
def test_a_cage_links_its_parser_only(build, name, only):
    wrong = [lib for lib in needed(build / "lib" / name) if not lib.startswith(only)]
    assert not wrong


def test_hardened(build):
    for path in programs(build) + sorted((build / "lib").glob("*.so")):
        head, dynamic, segments = readelf("-h", path), readelf("-d", path), readelf("-l", path)
        assert re.search(r"Type:\s+DYN", head), f"{path} is not position independent"
        assert "BIND_NOW" in dynamic or "FLAGS_1" in dynamic and "NOW" in dynamic, f"{path} binds lazily"
        assert "GNU_RELRO" in segments, f"{path} without RELRO"
        stack = re.search(r"GNU_STACK.*\s(R\w*)\s+0x", segments)
        assert stack and "E" not in stack.group(1), f"{path} has an executable stack"
        assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
    symbols = readelf("--dyn-syms", build / "bin" / "clinic")
    assert "__stack_chk_fail" in symbols
    assert "_chk@" in symbols  # FORTIFY


def dynamic_names(path, flag):
    listed = subprocess.run(["nm", "-D", flag, str(path)], capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in listed.splitlines() if line.split()[-2] in "TDBRWV"}


def copied_names(path):
    """Variables of libraries (stdout, COLORS) that the linker placed in the program: not names of ours."""
    return set(re.findall(r"R_X86_64_COPY\s+\S+\s+([^\s@]+)", readelf("-r", path)))


def test_no_library_is_given_a_function_of_ours(build):
    """The program shows its functions to its modules; a library that exports or wants one of the same name would get ours."""
    for program, loaded in [(build / "bin" / "clinic", [build / "bin" / "clinic", *(build / "lib").glob("*.so")]),
                            *[(p, [p]) for p in programs(build)[1:]]]:
        ours = {name for name in dynamic_names(program, "--defined-only") if not name.startswith("_")} - copied_names(program)
        if program.name == "clinic":
            assert "err_set_at" in ours
        libraries = set()
        for path in loaded:
            listed = subprocess.run(["ldd", str(path)], capture_output=True, text=True).stdout
            libraries |= set(re.findall(r"=> (/\S+)", listed))
        for library in sorted(libraries):
            taken = ours & dynamic_names(library, "--defined-only")
            assert not taken, f"{library} has its own {taken}"


@pytest.fixture
def small_tree(tree, tmp_path):
    """A tree with the lints and two good files; the tests spoil it."""
    shutil.copytree(tree / "tests" / "lint", tmp_path / "tests" / "lint", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(tree / "mk", tmp_path / "mk")
    shutil.copy(tree / ".clang-format", tmp_path)
    for folder in ("include/base", "src/base", "src/nn", "src/ui", "src/store", "tests/base"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "include" / "nn.h").write_text("int nn_go(void);\n")
    (tmp_path / "src" / "nn" / "priv.h").write_text("int nn_inner(void);\n")
    (tmp_path / "src" / "nn" / "a.c").write_text('#include "nn.h"\n#include <stdio.h>\n\nint nn_go(void)\n{\n    return 0;\n}\n')
    return tmp_path


def lint(tree, name):
    done = subprocess.run([sys.executable, str(tree / "tests" / "lint" / name)], capture_output=True, text=True,
                          env=os.environ | {"CLINIC_TEST_BUILD": str(tree / "build"), "GIT_DIR": str(tree / "none")})
    return done.returncode, done.stdout


LINTS = ["layering.py", "foreign.py", "banned.py", "caps.py", "rows.py", "blanks.py", "format.py"]


@pytest.mark.parametrize("name", LINTS)
def test_good_files_pass(small_tree, name):
    rc, out = lint(small_tree, name)
    assert rc == 0, out


LONG_FUNCTION = "void f(void)\n{\n" + "    g();\n" * 91 + "}\n"


@pytest.mark.parametrize("name, path, text, says", [
    ("layering.py", "src/base/x.c", '#include "nn.h"\n', "base may not use nn"),
    ("layering.py", "src/store/x.c", '#include "nn.h"\n', "store may not use nn"),
    ("layering.py", "src/ui/x.c", '#include "nn/priv.h"\n', "includes a private header of nn"),
    ("layering.py", "src/nn/x.c", '#include "nn/absent.h"\n', "no such header"),
    ("layering.py", "src/attic/x.c", '#include "nn.h"\n', "belongs to no room"),
    ("foreign.py", "src/nn/x.c", "#include <sqlite3.h>\n", "<sqlite3.h> belongs to src/store/db.c"),
    ("foreign.py", "src/nn/x.c", "#include <png.h>\n", "belongs to"),
    ("foreign.py", "src/nn/x.c", "#include <zstd.h>\n", "has no owner"),
    ("banned.py", "src/nn/x.c", "void f(char *a)\n{\n    strcpy(a, a);\n}\n", "x.c:3: strcpy() is banned"),
    ("banned.py", "src/nn/x.c", "void *f(void)\n{\n    return malloc(1);\n}\n", "malloc() belongs to src/base/mem.c"),
    ("banned.py", "src/nn/x.c", "void f(void)\n{\n    fputs(a, stderr);\n}\n", "only app, cli and the log"),
    ("banned.py", "src/nn/x.c", "/* TO" "DO */\n", "in the source"),
    ("banned.py", "src/nn/x.h", "typedef struct a b;\n", "no typedef"),
    ("caps.py", "src/nn/x.c", LONG_FUNCTION, "f() has 91 lines, cap 90"),
    ("caps.py", "src/nn/x.c", "int a;\n" * 801, "801 lines, cap 800"),
    ("caps.py", "include/nn_more.h", "int a;\n" * 201, "201 lines, cap 200"),
    ("caps.py", "src/nn/x.c", "/* " + "x" * 120 + " */\n", "126 columns"),
    ("rows.py", "src/nn/x.def", "ROW(alpha, 1)\nROW(beta, 2)\n", "x.def:2: row beta is covered by no test"),
    ("blanks.py", "src/nn/x.c", "int a; \n", "trailing blanks"),
    ("blanks.py", "src/nn/x.c", "\tint a;\n", "a tab"),
    ("blanks.py", "src/nn/x.c", "int a;", "no newline at the end"),
    ("blanks.py", "README.md", "see /" "work/main for more\n", "a path of one machine"),
])
def test_bad_files_are_found(small_tree, name, path, text, says):
    target = small_tree / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    (small_tree / "tests" / "base" / "test_x.c").write_text("/* alpha */\n")
    rc, out = lint(small_tree, name)
    assert rc == 1, out
    assert says in out


def test_comments_and_strings_are_not_code(small_tree):
    (small_tree / "src" / "nn" / "x.c").write_text('/* never strcpy(a, b) */\nconst char *s = "malloc(1)"; // system(x)\n')
    rc, out = lint(small_tree, "banned.py")
    assert rc == 0, out


def test_mutable_statics_are_found(small_tree):
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    source = small_tree / "src" / "nn" / "x.c"
    source.write_text("static int counter;\nstatic const char *const names[] = {\"a\"};\nint f(int i);\nint f(int i)\n{\n"
                      "    static long calls;\n    return counter++ + (int)calls++ + names[i][0];\n}\n")
    target = small_tree / "build" / "obj" / "src" / "nn"
    target.mkdir(parents=True)
    subprocess.run(["gcc", "-fPIE", "-c", str(source), "-o", str(target / "x.o")], check=True)
    rc, out = lint(small_tree, "statics.py")
    assert rc == 1
    assert "'counter'" in out and "'calls'" in out and "names" not in out


def test_installed_program_finds_its_things(tree, build, tmp_path):
    """Moved elsewhere, with nothing of the tree around it."""
    done = subprocess.run(["make", "-C", str(tree), f"BUILD={os.path.relpath(build, tree)}", "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/clinic"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    root = tmp_path / "opt" / "clinic"
    assert (root / "share" / "man" / "man1" / "clinic.1").stat().st_size > 1000
    assert "clinic" in (root / "share" / "bash-completion" / "completions" / "clinic").read_text()
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    run = subprocess.run([str(root / "bin" / "clinic"), "model", "list", "--json"], capture_output=True, text=True, env=env, cwd="/")
    assert run.returncode == 0, run.stderr
    assert "chest-pneumonia" in run.stdout
    for path in pathlib.Path(root).rglob("*"):
        assert not path.is_symlink()


def deps(tree, tmp_path, installed, uid="1000"):
    """mk/deps on a machine made of four small scripts."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, body in {"dpkg-query": "echo installed" if installed else "exit 1", "id": f"echo {uid}", "sudo": "exit 1",
                       "apt-get": "echo apt-get \"$@\" >&2; exit 100"}.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    return subprocess.run(["sh", str(tree / "mk" / "deps")], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={"PATH": f"{tools}:/usr/bin:/bin"})


def test_deps_does_nothing_when_all_is_there(tree, tmp_path):
    done = deps(tree, tmp_path, installed=True)
    assert done.returncode == 0 and done.stdout == "deps: every Debian package of deps.txt is installed\n" and not done.stderr


@pytest.mark.parametrize("uid, words", [("1000", "cannot install without root or sudo"), ("0", "could not be installed:")])
def test_deps_names_what_is_missing(tree, tmp_path, uid, words):
    done = deps(tree, tmp_path, installed=False, uid=uid)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert words in last and "libhdf5-dev" in last and "python3-pyte" in last and "valgrind" not in last
