"""No trailing blanks, no tabs in C, a newline at the end of every file, no carriage returns, no paths of one machine."""
import re
import house

BINARY = {".h5", ".png", ".jpg", ".jpeg", ".npy", ".gif", ".pdf", ".bin", ".keras", ".db", ".gz", ".ttf", ".dcm"}
# A place on somebody's machine; reference data is looked up beside the checkout through CLINIC_SHARED.
MACHINE = re.compile(r"(?<![\w.~$}/-])/(work|home/\w|root/|Users/|tmp/w/)\S*")
report = house.Report()
for path in house.files(under=(".",)):
    if path.suffix in BINARY or "/corpus/" in house.name(path) or "/golden/" in house.name(path) or path.name == "blanks.py":
        continue
    data = path.read_bytes()
    if b"\0" in data or not data:
        continue
    text = data.decode("utf-8", "replace")
    if "\r\n" in text:
        report.say(path, 1, "carriage returns")
    if not text.endswith("\n"):
        report.say(path, text.count("\n") + 1, "no newline at the end")
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip() and path.suffix != ".md":
            report.say(path, number, "trailing blanks")
        if "\t" in line and path.suffix in (".c", ".h", ".def", ".py"):
            report.say(path, number, "a tab")
        if MACHINE.search(line):
            report.say(path, number, "a path of one machine: " + MACHINE.search(line).group(0))
report.end("clean")
