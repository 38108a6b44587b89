"""Foreign headers have one owner each; a header that is in no list is a new dependency that has to be written down here."""
import fnmatch
import house

# header pattern -> files that may include it
OWNERS = {
    "curses.h term.h ncursesw/* ncurses*": ["src/ui/term.c"],
    "caca*": ["src/image/ascii.c"],
    "hdf5*.h H5*.h": ["src/nn/import/*"],
    "cblas*.h openblas*": ["src/nn/kernel/gemm_blas.c"],
    "sqlite3.h": ["src/store/db.c", "src/store/migrate.c"],
    "curl/*": ["src/mail/smtp.c"],
    "png.h": ["src/image/png.c", "src/image/write.c"],
    "jpeglib.h jerror.h": ["src/image/jpeg.c", "src/image/write.c"],
    "crypt.h": ["src/auth/*"],
    "sodium.h": ["src/auth/*", "src/base/secret.c"],
    "seccomp.h linux/seccomp.h linux/landlock.h": ["src/intake/*"],
    "uniwidth.h unictype.h unicase.h uninorm.h unistr.h unigbrk.h": ["src/base/text.c"],
    "cairo*.h pango/* qpdf/*": ["src/report/pdf*"],
    "jansson.h": ["include/store.h", "include/station.h", "include/wire.h", "include/auth.h", "include/report.h", "include/mail.h",
                  "include/nn.h", "src/nn/*", "src/store/*", "src/intake/*", "src/auth/*", "src/report/*", "src/station/*",
                  "src/wire/*", "src/ui/*", "src/cli/*", "src/mail/*"],
    "immintrin.h smmintrin.h": ["*_avx2.c", "*_avx512.c", "*_sse41.c", "*_shani.c", "*_avx2.h", "*_avx512.h"],
    "cpuid.h": ["src/nn/*", "src/image/*", "src/base/*"],
}
SYSTEM = """assert.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h setjmp.h signal.h stdalign.h
stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h tgmath.h time.h uchar.h wchar.h wctype.h
unistd.h fcntl.h dirent.h dlfcn.h endian.h fnmatch.h getopt.h glob.h grp.h langinfo.h libgen.h netdb.h poll.h pthread.h pty.h pwd.h
sched.h spawn.h strings.h syslog.h termios.h malloc.h link.h regex.h semaphore.h""".split()
SYSTEM_FOLDERS = ("sys/*", "netinet/*", "arpa/*", "linux/*", "asm/*")

report = house.Report()
owners = [(pattern, files) for patterns, files in OWNERS.items() for pattern in patterns.split()]
for path in house.files(".c", ".h", ".def"):
    for line, kind, header in house.includes(path):
        if kind == '"' and ((house.ROOT / "include" / header).exists() or (house.ROOT / "src" / header).exists()
                            or (path.parent / header).exists()):
            continue
        owned = [files for pattern, files in owners if fnmatch.fnmatch(header, pattern)]
        if owned:
            if not any(fnmatch.fnmatch(house.name(path), f) for f in owned[0]):
                report.say(path, line, f"<{header}> belongs to {', '.join(owned[0])}")
        elif header not in SYSTEM and not any(fnmatch.fnmatch(header, f) for f in SYSTEM_FOLDERS):
            report.say(path, line, f"<{header}> has no owner in tests/lint/foreign.py")
report.end("every foreign header has its owner")
