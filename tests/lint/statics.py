"""No mutable statics but the few the house has: read from the objects, so that nothing hides behind a macro."""
import os
import re
import subprocess
import sys
import house

# object -> symbols; why.
ALLOWED = {
    "src/base/log.o": {"sink"},                  # one log per process
    "src/base/mem.o": {"counted", "fail_at"},    # the failing allocator of the tests
    "src/base/sha256.o": {"known"},              # what the processor can, asked once
    "src/base/secret.o": {"requests"},           # seeded random numbers of the tests
    "src/ui/term.o": None,                       # there is one terminal
}
build = house.ROOT / os.environ.get("CLINIC_TEST_BUILD", "build")
objects = sorted((build / "obj" / "src").rglob("*.o"))
if not objects:
    print("statics.py: nothing is built here: nothing checked")
    sys.exit(0)
report = house.Report()
for path in objects:
    inside = str(path.relative_to(build / "obj"))
    allowed = ALLOWED.get(inside, set())
    source = (house.ROOT / inside).with_suffix(".c")
    if allowed is None or not source.exists():
        continue
    listed = subprocess.run(["nm", "-f", "sysv", str(path)], capture_output=True, text=True).stdout
    for line in listed.splitlines():
        fields = [f.strip() for f in line.split("|")]
        if len(fields) == 7 and re.match(r"\.(data|bss|tdata|tbss)(\.(?!rel\.ro)|$)", fields[6]) and fields[3] == "OBJECT":
            symbol = fields[0].split(".")[0]
            if symbol not in allowed:
                report.say(source, 1, f"mutable static '{symbol}'")
report.end("no mutable statics but those of the house")
