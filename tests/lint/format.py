"""clang-format 14 would change nothing ("make format" applies it). Other versions disagree with it in small things."""
import re
import shutil
import subprocess
import sys
import house

tool = shutil.which("clang-format-14") or shutil.which("clang-format")
version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout if tool else ""
if not re.search(r"version 14\.", version):
    print("format.py: clang-format 14 is not installed here (make check-deep installs it): nothing checked")
    sys.exit(0)
report = house.Report()
paths = house.files(".c", ".h", under=("include", "src", "tests"))
for start in range(0, len(paths), 40):
    part = [str(p) for p in paths[start:start + 40]]
    done = subprocess.run([tool, "--dry-run", "--ferror-limit=1", *part], cwd=house.ROOT, capture_output=True, text=True)
    for found in re.finditer(r"^(\S+?):(\d+):\d+: (?:warning|error): code should be clang-formatted", done.stderr, re.M):
        report.say(house.ROOT / found.group(1), found.group(2), "not as clang-format writes it (make format)")
report.end("as clang-format writes it")
