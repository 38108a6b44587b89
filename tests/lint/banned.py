"""Functions that are not used, and those that only some files may use. "lint: reason" in a comment on the line allows one."""
import fnmatch
import re
import house

NEVER = """strcpy strcat sprintf vsprintf strtok strtok_r atoi atol atoll atof gets system popen alloca strncpy strncat scanf sscanf
fscanf vscanf vsscanf vfscanf rand srand random tmpnam mktemp tempnam gmtime localtime ctime asctime strerror
bcopy bzero signal_handler vfork""".split()
SOME = {
    "malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf aligned_alloc posix_memalign": ["src/base/mem.c"],
    "exit quick_exit": ["src/app/main.c"],
    "_exit": ["src/app/main.c", "src/intake/*", "src/ui/term.c"],
    "printf puts putchar perror vprintf": ["src/app/*", "src/cli/*"],
    "setlocale": ["src/app/main.c", "src/ui/term.c"],
    "setenv putenv unsetenv": ["src/app/main.c"],
    "setjmp longjmp": ["src/image/png.c", "src/image/jpeg.c", "src/image/write.c"],  # the way out of libpng and libjpeg
    "fork posix_spawn execve fexecve execv execvp clone": ["src/intake/*"],
}
STDERR = ["src/app/*", "src/cli/*", "src/intake/cage/*_main.c"]
WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK|for now|not implemented|not yet implemented|stub)\b")

report = house.Report()
never = re.compile(r"(?<![\w.>])(" + "|".join(NEVER) + r")\s*\(")
some = [(re.compile(r"(?<![\w.>])(" + "|".join(names.split()) + r")\s*\("), files) for names, files in SOME.items()]


def allowed(path, patterns):
    return any(fnmatch.fnmatch(house.name(path), p) for p in patterns)


for path in house.files(".c", ".h"):
    raw = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(house.code(path).splitlines(), 1):
        if "lint: " in raw[number - 1]:
            continue
        for found in never.findall(line):
            report.say(path, number, f"{found}() is banned")
        for pattern, files in some:
            for found in pattern.findall(line):
                if not allowed(path, files):
                    report.say(path, number, f"{found}() belongs to {', '.join(files)}")
        if re.search(r"\b(stdout|stderr)\b", line) and not allowed(path, STDERR):
            report.say(path, number, "only app, cli and the log write to stdout and stderr")
        if re.search(r"\btypedef\s+(struct|union)\b", line):
            report.say(path, number, "a struct keeps its name: no typedef")
for path in house.files(".c", ".h", ".def", ".mk", ".sh", under=("include", "src", "mk", "tests", "Makefile")):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = WORDS.search(line)
        if found and "lint: " not in line:
            report.say(path, number, f"'{found.group(1)}' in the source: finish it or leave it out")
report.end("no banned function")
