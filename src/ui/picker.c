#include "ui/picker.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const picture_ends[] = {"png", "jpg", "jpeg"};

static bool openable(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(picture_ends); i++)
        if (str_eq_case(path_ext(name), picture_ends[i]))
            return true;
    return false;
}

static void entries_free(struct picker_entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        mem_free(entry[i].name);
    mem_free(entry);
}

void picker_close(struct picker *p)
{
    entries_free(p->entry, p->n);
    mem_free(p->shown);
    *p = (struct picker){0};
}

static int compare(const void *a, const void *b)
{
    const struct picker_entry *x = a, *y = b;
    bool x_up = str_eq(x->name, ".."), y_up = str_eq(y->name, "..");
    if (x_up != y_up)
        return x_up ? -1 : 1;
    if (x->folder != y->folder)
        return x->folder ? -1 : 1;
    return strverscmp(x->name, y->name);
}

struct reading {
    struct picker_entry *entry;
    int n;
    size_t cap;
    bool cut;
};

static enum rc take_entry(struct reading *r, DIR *dir, const char *name, bool hidden, struct err *e)
{
    struct stat st;
    bool up = str_eq(name, "..");
    if (str_eq(name, ".") || (name[0] == '.' && !hidden && !up))
        return RC_OK;
    if (r->n == PICKER_MAX) {
        r->cut = true;
        return RC_OK;
    }
    if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return RC_OK;
    if (mem_grow(&r->entry, &r->cap, (size_t)r->n + 1, sizeof *r->entry, e) != RC_OK)
        return RC_FAILED;
    char *copy = mem_strdup(name, e);
    if (!copy)
        return RC_FAILED;
    r->entry[r->n++] =
        (struct picker_entry){.name = copy,
                              .size_bytes = st.st_size,
                              .folder = S_ISDIR(st.st_mode),
                              .openable = S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && openable(name))};
    return RC_OK;
}

static enum rc apply_filter(struct picker *p, struct err *e)
{
    int *shown = mem_zalloc((size_t)p->n + 1, sizeof *shown, e);
    if (!shown)
        return RC_FAILED;
    mem_free(p->shown);
    p->shown = shown;
    p->shown_n = 0;
    for (int i = 0; i < p->n; i++) {
        char folded[512];
        text_fold(folded, sizeof folded, p->entry[i].name);
        if (!p->filter[0] || str_eq(p->entry[i].name, "..") || strstr(folded, p->filter))
            p->shown[p->shown_n++] = i;
    }
    return RC_OK;
}

enum rc picker_read(struct picker *p, const char *folder, const char *at, struct err *e)
{
    char real[PATH_MAX];
    struct reading r = {0};
    enum rc rc = RC_OK;
    const char *from = folder ? folder : p->folder;
    if (!realpath(from, real) || strlen(real) >= sizeof p->folder)
        return err_sys(e, ERR_FILE_OPEN, errno, "Cannot open the folder %s", path_base(from));
    DIR *dir = opendir(real);
    if (!dir)
        return err_sys(e, ERR_FILE_OPEN, errno, "Cannot open the folder %s", path_base(real));
    struct dirent *d;
    while (rc == RC_OK && (d = readdir(dir)))
        if (!(str_eq(d->d_name, "..") && str_eq(real, "/")))
            rc = take_entry(&r, dir, d->d_name, p->hidden, e);
    closedir(dir);
    if (rc != RC_OK) {
        entries_free(r.entry, r.n);
        return rc;
    }
    qsort(r.entry, (size_t)r.n, sizeof *r.entry, compare);
    entries_free(p->entry, p->n);
    p->entry = r.entry;
    p->n = r.n;
    p->cap = r.cap;
    p->cut = r.cut;
    p->marked_n = 0;
    p->filter[0] = 0;
    str_copy(p->folder, sizeof p->folder, real);
    rc = apply_filter(p, e);
    int cursor = 0;
    for (int i = p->shown_n - 1; i >= 0; i--)
        if (at ? str_eq(p->entry[i].name, at) : p->entry[i].openable && !p->entry[i].folder)
            cursor = i;
    p->top = 0;
    picker_go(p, cursor);
    return rc;
}

void picker_filter(struct picker *p, const char *text)
{
    struct err ignored = {0};
    text_fold(p->filter, sizeof p->filter, text);
    if (apply_filter(p, &ignored) != RC_OK)
        return;
    int first = 0;
    while (first + 1 < p->shown_n && !p->entry[p->shown[first]].openable)
        first++;
    if (first + 1 < p->shown_n && str_eq(p->entry[p->shown[first]].name, ".."))
        first++;
    picker_go(p, first);
}

void picker_go(struct picker *p, int position)
{
    int rows = p->rows > 0 ? p->rows : 1;
    p->cursor = position >= p->shown_n ? p->shown_n - 1 : position;
    if (p->cursor < 0)
        p->cursor = 0;
    if (p->cursor < p->top)
        p->top = p->cursor;
    if (p->cursor >= p->top + rows)
        p->top = p->cursor - rows + 1;
}

void picker_fit(struct picker *p, int rows)
{
    p->rows = rows;
    picker_go(p, p->cursor);
}

void picker_move(struct picker *p, int delta)
{
    picker_go(p, p->cursor + delta);
}

struct picker_entry *picker_current(const struct picker *p)
{
    return p->cursor < p->shown_n ? &p->entry[p->shown[p->cursor]] : NULL;
}

void picker_mark(struct picker *p, struct picker_entry *entry, bool on)
{
    if (entry->folder || !entry->openable || entry->marked == on)
        return;
    entry->marked = on;
    p->marked_n += on ? 1 : -1;
}

bool picker_path(const struct picker *p, const struct picker_entry *entry, char *dst, size_t cap)
{
    struct err ignored = {0};
    return path_join(dst, cap, p->folder, entry->name, &ignored) == RC_OK;
}

static void size_text(const struct picker_entry *entry, char *dst, size_t cap)
{
    double kb = (double)entry->size_bytes / 1024;
    if (entry->folder)
        str_copy(dst, cap, "dir");
    else if (!entry->openable)
        str_copy(dst, cap, "-");
    else if (kb < 1000)
        str_format(dst, cap, "%.0fk", kb < 1 ? 1 : kb);
    else
        str_format(dst, cap, "%.1fM", kb / 1024);
}

void picker_draw(const struct picker *p, const struct pane *pane, bool focused)
{
    for (int row = 0; row < pane->rows && p->top + row < p->shown_n; row++) {
        const struct picker_entry *entry = &p->entry[p->shown[p->top + row]];
        bool active = p->top + row == p->cursor;
        enum style s = active && focused ? STYLE_SELECTED
                       : entry->marked   ? STYLE_MARKED
                       : entry->openable ? STYLE_TEXT
                                         : STYLE_DIM;
        char name[512], size[24];
        str_format(name, sizeof name, "%s%s", entry->name, entry->folder ? "/" : "");
        size_text(entry, size, sizeof size);
        int width = pane->cols - 2 - (int)strlen(size) - 1;
        pane_text(pane, row, 0, s, active ? ">" : " ");
        pane_text(pane, row, 1, s, entry->marked ? "*" : " ");
        pane_field(pane, row, 2, width, s, name);
        pane_field(pane, row, 2 + width, pane->cols - 2 - width, s, "");
        pane_right(pane, row, s, size);
    }
    if (focused)
        pane_cursor(pane, p->cursor - p->top, 0, false);
    if (p->shown_n <= 1 && !p->filter[0] && pane->rows > 2)
        pane_text(pane, p->shown_n + 1, 1, STYLE_DIM, "No pictures here");
}

void picker_title(const struct picker *p, char *dst, size_t cap)
{
    const char *home = getenv("HOME");
    size_t n = home ? strlen(home) : 0;
    if (n > 1 && strncmp(p->folder, home, n) == 0 && (p->folder[n] == '/' || !p->folder[n]))
        str_format(dst, cap, "~%s", p->folder + n);
    else
        str_copy(dst, cap, p->folder);
}
