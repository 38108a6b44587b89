"""A row that no test covers fails the build. A table is covered by a test that walks it (includes the .def file, reads it
from Python, or is named here as its walker), or row by row: each name occurs in the tests of its room or in tests/e2e."""
import re
import house

# Tables that a test walks through a function of the door instead of including the file: table -> test file that must exist.
WALKERS = {"src/nn/ir_fns.def": "tests/nn/test_op_golden.c"}

report = house.Report()
tests = {path: path.read_text(encoding="utf-8", errors="replace")
         for path in house.files(".c", ".h", ".py", ".def", under=("tests",)) if "/lint/" not in house.name(path)}
tables = rows_n = 0
for table in house.files(".def"):
    tables += 1
    short = house.name(table).split("/", 1)[1]
    text = re.sub(r"/\*.*?\*/", "", table.read_text(encoding="utf-8"), flags=re.S)
    # The first word in quotes or, where there is none before the first comma, the first bare word that is no number.
    rows = []
    for found in re.finditer(r"^[A-Z][A-Z0-9_]*\((.*)$", text, re.M):
        words = [w.strip() for w in found.group(1).split(",")]
        row = next((w for w in words if not re.fullmatch(r"-?\d+", w)), words[0])
        rows.append((text[:found.start()].count("\n") + 1, row.strip('" )')))
    rows_n += len(rows)
    if any(f'#include "{short}"' in t or (p.suffix == ".py" and short in t) for p, t in tests.items()):
        continue
    if house.name(table) in WALKERS:
        if not (house.ROOT / WALKERS[house.name(table)]).exists():
            report.say(table, 1, f"its walker {WALKERS[house.name(table)]} is missing")
        continue
    room = house.name(table).split("/")[1]
    near = "\n".join(t for p, t in tests.items() if f"tests/{room}/" in house.name(p) or "tests/e2e/" in house.name(p))
    for line, row in rows:
        if not re.search(rf"(?<!\w){re.escape(row)}(?!\w)", near):
            report.say(table, line, f"row {row} is covered by no test")
report.end(f"{rows_n} rows of {tables} tables are covered")
