/* Stamps of network files. */
#include "station/stamp.h"

#include "base/text.h"

#include <string.h>
#include <time.h>

static uint64_t ns_of(struct timespec t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void stamp_of_stat(const struct stat *st, uint64_t field[STAMP_FIELDS])
{
    field[0] = (uint64_t)st->st_dev;
    field[1] = (uint64_t)st->st_ino;
    field[2] = (uint64_t)st->st_size;
    field[3] = ns_of(st->st_mtim);
    field[4] = ns_of(st->st_ctim);
}

static bool stamp_path(const char *cache, const char *path, char *dst, size_t cap)
{
    unsigned char hash[BLAKE2B_BYTES];
    char name[64];
    blake2b(hash, path, strlen(path), NULL, 0);
    size_t at = 0;
    for (size_t i = 0; i < 12; i++)
        at += (size_t)(str_format(name + at, sizeof(name) - at, "%02x", hash[i]) ? 2 : 0);
    str_copy(name + at, sizeof(name) - at, ".stamp");
    return *cache && path_join(dst, cap, cache, name, NULL) == RC_OK; /* never the working directory */
}

static void head(const struct stamp *s, struct buf *b)
{
    buf_puts(b, "clinic-stamp 1");
    for (int i = 0; i < STAMP_FIELDS; i++)
        buf_printf(b, " %llu", (unsigned long long)s->field[i]);
    buf_putc(b, ' ');
}

void stamp_load(const char *cache, const char *path, const struct stat *st, struct stamp *out)
{
    *out = (struct stamp){0};
    stamp_of_stat(st, out->field);
    char name[4096], *text = NULL;
    size_t n = 0;
    if (!stamp_path(cache, path, name, sizeof(name)) || file_read(name, STAMP_TEXT_MAX, &text, &n, NULL))
        return;
    struct buf want = {0};
    head(out, &want);
    size_t hex = SHA256_HEX - 1;
    if (!want.failed && n > want.len + hex && memcmp(text, want.data, want.len) == 0 &&
        strspn(text + want.len, "0123456789abcdef") == hex && text[want.len + hex] == '\n') {
        memcpy(out->sha256, text + want.len, hex);
        out->sha256[hex] = '\0';
        out->verified = mem_strdup(text + want.len + hex + 1, NULL);
    }
    buf_free(&want);
    mem_free(text);
}

void stamp_save(const char *cache, const char *path, const struct stamp *s)
{
    enum { SETTLED_NS = 100 * 1000 * 1000 };
    struct timespec now;
    char name[4096];
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t changed = s->field[3] > s->field[4] ? s->field[3] : s->field[4];
    if (changed + SETTLED_NS > ns_of(now) || !stamp_path(cache, path, name, sizeof(name)))
        return;
    struct buf b = {0};
    head(s, &b);
    buf_puts(&b, s->sha256);
    buf_putc(&b, '\n');
    if (s->verified)
        buf_puts(&b, s->verified);
    if (!b.failed) {
        /* A stamp only saves time: a full disk is no reason to stop. */
        enum rc ignored = file_write_atomic(name, b.data, b.len, 0600, NULL);
        (void)ignored;
    }
    buf_free(&b);
}

static void line_of(const char *what, char *dst, size_t cap)
{
    str_format(dst, cap, "golden %s %s\n", what, CLINIC_VERSION);
}

bool stamp_verified(const struct stamp *s, const char *what)
{
    char line[512];
    line_of(what, line, sizeof(line));
    return s->verified && strstr(s->verified, line);
}

enum rc stamp_add_verified(struct stamp *s, const char *what, struct err *e)
{
    char line[512];
    line_of(what, line, sizeof(line));
    char *all = mem_printf(e, "%s%s", s->verified ? s->verified : "", line);
    if (!all)
        return RC_FAILED;
    mem_free(s->verified);
    s->verified = all;
    return RC_OK;
}

void stamp_fini(struct stamp *s)
{
    mem_free(s->verified);
    s->verified = NULL;
}
