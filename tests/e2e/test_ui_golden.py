"""Golden pictures of every row of ui/screens.def, and of what stands over screens, at 80x24, 40x12 and 132x43.

CLINIC_GOLDEN=write draws them anew (tests/golden/ui/<screen>.txt); look at the difference before it is committed."""
import os
import re
import shutil

import pytest

from conftest import BINARY, TREE, Clinic
from screen import Screen

GOLDEN = TREE / "tests" / "golden" / "ui"
WRITE = os.environ.get("CLINIC_GOLDEN") == "write"
SIZES = [(80, 24), (40, 12), (132, 43)]
CLOCK = "2026-03-02T10:14:00Z"

# name of the picture: keys that lead there from the picture before, text that says it is there. A role signs in anew.
WALKS = {
    None: [("sign_in", [], "Password"), ("register", ["Tab", "Tab", "Tab", "Enter"], "egister")],
    "doctor": [
        ("disclaimer", [], "Before you start"),
        ("home", ["y"], "Latest results"),
        ("help", ["?"], "Help"),
        ("words", ["?"], "Words on this screen"),
        ("palette", ["Esc", ":", "res"], "Actions"),
        ("analyse", ["Esc", "2"], "Model:"),
        ("picture", ["Tab"], None),
        ("patients", ["3"], "MUKASA"),
        ("patient", ["Enter"], None),
        ("patient_form", ["3", "n"], "Name"),
        ("results", ["Esc", "4"], "1 of 11"),
        ("results-filter", ["f"], "Filter"),
        ("results-filtered", ["PNEUMONIA", "Tab", "80", "Tab", "Tab", "T-300"] + ["Tab"] * 7 + ["Enter"], "class=PNEUMONIA"),
        ("result", ["Enter"], "PNEUMONIA"),
        ("save", ["s"], "File name"),
        ("compose", ["Esc", "e"], "Subject"),
        ("review", ["Esc", "r"], "Own class"),
        ("void_result", ["Esc", "D"], "Type VOID"),
        ("confirm", ["Esc", "R"], "[y/N]"),
        ("queued", ["n", "e", "dr.mutesi@district.example", "Enter", "Enter"], "takes it back"),
        ("outbox", ["6"], "queued 1"),
        ("models", ["5"], "chest-pneumonia"),
        ("model", ["Enter"], None),
        ("profile", ["F2"], "doctor"),
        ("settings_view", ["F3"], "site_name"),
        ("messages", ["M"], "Messages"),
        ("lock", ["Ctrl-X"], "Locked"),
    ],
    "admin": [("home-admin", ["y"], "people"), ("people", ["4"], "researcher"), ("person_form", ["n"], "Role"),
              ("settings", ["Esc", "5"], "site_name")],
    "researcher": [("home-researcher", ["y"], "Latest results"), ("results-researcher", ["2"], "1 of 11")],
    "patient": [("home-patient", ["y"], "Latest results")],
}
NAMES = [name for walk in WALKS.values() for name, _, _ in walk]


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    """A demo station with a frozen clock; every walk gets a copy."""
    home = tmp_path_factory.mktemp("golden")
    clinic = Clinic(home, clock=CLOCK)
    clinic("init", "--demo", expect=0)
    pictures = home / "xrays"
    pictures.mkdir()
    for sample in sorted((TREE / "samples").glob("*.jpg"))[:4]:
        shutil.copyfile(sample, pictures / sample.name)
        os.utime(pictures / sample.name, (1772446440, 1772446440))
    return home


def normal(line):
    """Milliseconds and instruction sets differ from run to run and machine to machine, and so do folders."""
    plain = re.sub(r"\b(avx512|avx2|sse41|scalar)\b", "ISA", re.sub(r"\b\d+(\.\d+)? ms\b", "N ms", line))
    if plain != line:
        plain = re.sub(r"  +", "  ", plain)
    return re.sub(r"/[^ ]*/xrays", "~/xrays", plain).rstrip()


def picture(s):
    lines = [normal(line) for line in s.lines]
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines + [f"cursor {s.cursor[0]},{s.cursor[1]}"]) + "\n"


def walk(home, role, size, tmp_path):
    cols, rows = size
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    clinic = Clinic(copy, clock=CLOCK)
    taken = {}
    # the take-back is offered on every picture after the e-mail, however slow the machine
    with Screen(clinic, BINARY, cols, rows, cwd=copy / "xrays", env={"CLINIC_MAIL_DELAY_S": "3600"}) as s:
        s.wait("Password").settle()
        if role:
            s.keys(role, "Enter", f"demo-{role}", "Enter").wait("Before you start")
        for name, keys, there in WALKS[role]:
            s.keys(*keys)
            if there:
                s.wait(there)
            s.settle(0.35)
            taken[name] = picture(s)
    return taken


def golden_of(name):
    path = GOLDEN / f"{name}.txt"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = re.split(r"^=== (\d+x\d+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def write(name, size, text):
    parts = golden_of(name) | {size: text}
    GOLDEN.mkdir(parents=True, exist_ok=True)
    order = [f"{c}x{r}" for c, r in SIZES]
    (GOLDEN / f"{name}.txt").write_text("".join(f"=== {k}\n{parts[k]}" for k in order if k in parts), encoding="utf-8")


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("role", WALKS, ids=str)
def test_golden(station, role, size, tmp_path):
    shown = f"{size[0]}x{size[1]}"
    wrong = []
    for name, text in walk(station, role, size, tmp_path).items():
        if WRITE:
            write(name, shown, text)
        elif golden_of(name).get(shown) != text:
            wrong.append(f"{name} {shown} is now\n{text}it was\n{golden_of(name).get(shown)}")
    assert not wrong, "\n".join(wrong)


def test_every_screen_has_pictures():
    rows = re.findall(r"^SCREEN\((\w+)\)", (TREE / "src/ui/screens.def").read_text(), re.M)
    assert rows and not [row for row in rows if row not in NAMES]
    for name in NAMES:
        assert len(golden_of(name)) == len(SIZES), f"{name} lacks pictures; CLINIC_GOLDEN=write makes them"


def test_pictures_fit_their_sizes():
    for name in NAMES:
        for shown, text in golden_of(name).items():
            cols, rows = map(int, shown.split("x"))
            lines = text.splitlines()[:-1]
            assert len(lines) <= rows and any(lines), f"{name} {shown}"
