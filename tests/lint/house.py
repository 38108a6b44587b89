"""What the lints share: files, rooms, reporting. A lint prints "file:line: what" and fails when it printed anything."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def files(*suffixes, under=("include", "src")):
    """Files of the tree, without what git ignores."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *under], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        paths = [ROOT / line for line in listed.stdout.splitlines()]
    else:  # a tree without git: an unpacked archive
        paths = [p for u in under for p in (ROOT / u).rglob("*") if not any(x.startswith("build") for x in p.relative_to(ROOT).parts)]
    return sorted(p for p in set(paths) if p.is_file() and (not suffixes or p.suffix in suffixes))


def name(path):
    return str(path.relative_to(ROOT))


def code(path):
    """Source text with comments and the inside of strings blanked; lines stay where they are."""
    def blank(found):
        text = found.group(0)
        if text[0] == '"':
            return '"' + " " * (len(text) - 2) + '"'
        return "".join(c if c == "\n" else " " for c in text)
    text = path.read_text(encoding="utf-8")
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def includes(path):
    """(line number, '<' or '"', header)"""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1), found.group(2)


def rooms():
    """room -> rooms it may use, as the Makefile links them (mk/rooms.mk)."""
    values = {}
    for line in (ROOT / "mk" / "rooms.mk").read_text().splitlines():
        found = re.match(r"(\w+)\s*:=\s*(.*)", line)
        if found:
            values[found.group(1)] = re.sub(r"\$\((\w+)\)", lambda v: values.get(v.group(1), ""), found.group(2))
    return {room: set(values[f"below_{room}"].split()) for room in values["ROOMS"].split()}


class Report:
    def __init__(self):
        self.found = 0

    def say(self, path, line, words):
        self.found += 1
        print(f"{name(path)}:{line}: {words}")

    def end(self, what):
        title = pathlib.Path(sys.argv[0]).name
        print(f"{title}: {what}" if not self.found else f"{title}: {self.found} found")
        sys.exit(1 if self.found else 0)
