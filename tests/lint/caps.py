"""Caps that keep rooms readable: file 800 lines, function 90 (70 is the aim), door 200, line 120 columns."""
import re
import house

FILE, FUNCTION, AIM, DOOR, COLUMNS = 800, 90, 70, 200, 120
report = house.Report()
long_functions = 0
for path in house.files(".c", ".h", under=("include", "src", "tests")):
    lines = path.read_text(encoding="utf-8").splitlines()
    test = house.name(path).startswith("tests/")
    cap = DOOR if house.name(path).startswith("include/") else FILE
    if len(lines) > cap:
        report.say(path, len(lines), f"{len(lines)} lines, cap {cap}")
    start, title = None, ""
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            report.say(path, number, f"{len(line)} columns, cap {COLUMNS}")
        if line == "{":
            start = number
            before = next((text for text in reversed(lines[:number - 1]) if re.match(r"\w", text)), "")
            title = (re.search(r"(\w+)\s*\(", before) or re.search(r"(\w+)", before + " ?")).group(1)
        elif line == "}" and start:
            body = number - start - 1
            if body > FUNCTION:
                report.say(path, start, f"{title}() has {body} lines, cap {FUNCTION}")
            elif body > AIM and not test:
                long_functions += 1
            start = None
report.end(f"within the caps ({long_functions} functions between {AIM} and {FUNCTION} lines)")
