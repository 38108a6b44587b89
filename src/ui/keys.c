#include "ui/keys.h"
#include "base/text.h"
#include <string.h>

/* Sequences that terminals send whatever terminfo says (application and normal cursor mode, vt, xterm, rxvt, Linux
 * console). */
static const struct key_name common[] = {
    {"\033[A", K_UP},
    {"\033[B", K_DOWN},
    {"\033[C", K_RIGHT},
    {"\033[D", K_LEFT},
    {"\033OA", K_UP},
    {"\033OB", K_DOWN},
    {"\033OC", K_RIGHT},
    {"\033OD", K_LEFT},
    {"\033[H", K_HOME},
    {"\033[F", K_END},
    {"\033OH", K_HOME},
    {"\033OF", K_END},
    {"\033[1~", K_HOME},
    {"\033[4~", K_END},
    {"\033[7~", K_HOME},
    {"\033[8~", K_END},
    {"\033[5~", K_PAGE_UP},
    {"\033[6~", K_PAGE_DOWN},
    {"\033[3~", K_DELETE},
    {"\033[2~", K_INSERT},
    {"\033[Z", K_BACKTAB},
    {"\033OP", K_F1},
    {"\033OQ", K_F2},
    {"\033OR", K_F3},
    {"\033OS", K_F4},
    {"\033[11~", K_F1},
    {"\033[12~", K_F2},
    {"\033[13~", K_F3},
    {"\033[14~", K_F4},
    {"\033[[A", K_F1},
    {"\033[[B", K_F2},
    {"\033[[C", K_F3},
    {"\033[[D", K_F4},
    {"\033[[E", K_F5},
    {"\033[15~", K_F5},
    {"\033[17~", K_F6},
    {"\033[18~", K_F7},
    {"\033[19~", K_F8},
    {"\033[20~", K_F9},
    {"\033[21~", K_F10},
    {"\033[23~", K_F11},
    {"\033[24~", K_F12},
    /* F-keys for terminals without them: Esc 1 ... Esc 0 */
    {"\0331", K_F1},
    {"\0332", K_F2},
    {"\0333", K_F3},
    {"\0334", K_F4},
    {"\0335", K_F5},
    {"\0336", K_F6},
    {"\0337", K_F7},
    {"\0338", K_F8},
    {"\0339", K_F9},
    {"\0330", K_F10},
};
static const char paste_begin[] = "\033[200~", paste_end[] = "\033[201~";

void keys_fini(struct keys *k)
{
    buf_free(&k->paste);
    memset(k->data, 0, sizeof k->data);
    k->len = 0;
}

size_t keys_feed(struct keys *k, const void *bytes, size_t n)
{
    size_t room = sizeof k->data - k->len, take = n < room ? n : room;
    memcpy(k->data + k->len, bytes, take);
    k->len += take;
    return take;
}

static void drop(struct keys *k, size_t n)
{
    memmove(k->data, k->data + n, k->len - n);
    k->len -= n;
}

enum match { NO, PARTIAL, WHOLE };

static enum match compare(const struct keys *k, const char *sequence)
{
    size_t n = strlen(sequence), have = k->len < n ? k->len : n;
    if (memcmp(k->data, sequence, have) != 0)
        return NO;
    return have == n ? WHOLE : PARTIAL;
}

static enum match find(const struct keys *k, const struct key_name *names, size_t count, uint32_t *key, size_t *used)
{
    enum match best = NO;
    for (size_t i = 0; i < count; i++) {
        enum match m = compare(k, names[i].sequence);
        if (m == WHOLE && strlen(names[i].sequence) > *used) {
            *key = names[i].key;
            *used = strlen(names[i].sequence);
        }
        if (m > best)
            best = m;
    }
    return *used ? WHOLE : best;
}

/* An unknown CSI or SS3 sequence is swallowed whole, so that its letters are never taken for keys. Length, 0: not
 * complete. */
static size_t foreign_sequence(const struct keys *k)
{
    if (k->len < 2 || k->data[0] != 27)
        return 0;
    if (k->data[1] == 'O')
        return k->len >= 3 ? 3 : 0;
    if (k->data[1] != '[')
        return 0;
    /* "Esc [ [ A": the Linux console's F-keys have a second bracket */
    for (size_t i = k->len > 2 && k->data[2] == '[' ? 3 : 2; i < k->len; i++)
        if (k->data[i] >= 0x40 && k->data[i] <= 0x7e)
            return i + 1;
    return k->len >= 64 ? k->len : 0; /* nobody sends such: not a sequence */
}

/* In a paste: everything up to the end mark is text. True when the paste is complete. */
static bool take_paste(struct keys *k, bool flush)
{
    const size_t end_n = sizeof paste_end - 1;
    unsigned char *end = memmem(k->data, k->len, paste_end, end_n);
    size_t keep = flush || k->len < end_n ? 0 : end_n - 1;
    size_t text = end ? (size_t)(end - k->data) : k->len > keep ? k->len - keep : 0;
    if (!end && k->len < end_n)
        text = 0;
    size_t room = KEYS_PASTE_MAX - k->paste.len;
    k->paste_cut |= text > room;
    buf_add(&k->paste, k->data, text < room ? text : room);
    drop(k, text + (end ? end_n : 0));
    return end != NULL;
}

static uint32_t plain_key(struct keys *k, bool flush)
{
    unsigned char first = k->data[0];
    size_t n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
    if (k->len < n && !flush)
        return 0;
    char utf8[5] = {0};
    memcpy(utf8, k->data, n < k->len ? n : k->len);
    uint32_t key;
    if (n > 1 && n <= k->len && utf8_valid(utf8, n)) {
        const char *at = utf8;
        key = utf8_next(&at);
    } else {
        n = 1;
        key = first < 0x80 ? first : K_UNKNOWN;
    }
    drop(k, n);
    return key == 0 ? K_UNKNOWN : key;
}

uint32_t keys_next(struct keys *k, bool flush)
{
    if (k->pasting) {
        if (!take_paste(k, flush))
            return 0;
        k->pasting = false;
        return K_PASTE;
    }
    if (k->len == 0)
        return 0;
    if (k->data[0] != 27)
        return plain_key(k, flush);

    uint32_t key = K_UNKNOWN;
    size_t used = 0;
    enum match paste = compare(k, paste_begin);
    if (paste == WHOLE) {
        drop(k, sizeof paste_begin - 1);
        k->pasting = true;
        k->paste.len = 0;
        k->paste_cut = false;
        return keys_next(k, flush);
    }
    enum match m = find(k, k->extra, k->extra_n, &key, &used);
    enum match c = find(k, common, ARRAY_N(common), &key, &used);
    if (used) {
        drop(k, used);
        return key;
    }
    size_t foreign = foreign_sequence(k);
    if (foreign) {
        drop(k, foreign);
        return K_UNKNOWN;
    }
    if (!flush && (m == PARTIAL || c == PARTIAL || paste == PARTIAL || (k->len >= 2 && k->data[1] == '[')))
        return 0;
    drop(k, 1);
    return 27;
}

static const struct {
    uint32_t key;
    const char *label;
} labels[] = {
    {13, "Enter"},         {9, "Tab"},        {27, "Esc"},       {' ', "Space"},
    {127, "Backspace"},    {K_UP, "Up"},      {K_DOWN, "Down"},  {K_LEFT, "Left"},
    {K_RIGHT, "Right"},    {K_HOME, "Home"},  {K_END, "End"},    {K_PAGE_UP, "PgUp"},
    {K_PAGE_DOWN, "PgDn"}, {K_DELETE, "Del"}, {K_INSERT, "Ins"}, {K_BACKTAB, "Shift-Tab"},
    {K_F1, "F1"},          {K_F2, "F2"},      {K_F3, "F3"},      {K_F4, "F4"},
    {K_F5, "F5"},          {K_F6, "F6"},      {K_F7, "F7"},      {K_F8, "F8"},
    {K_F9, "F9"},          {K_F10, "F10"},    {K_F11, "F11"},    {K_F12, "F12"},
    {K_PASTE, "paste"},
};

const char *key_label(uint32_t key, char *buffer, size_t cap)
{
    for (size_t i = 0; i < ARRAY_N(labels); i++)
        if (labels[i].key == key)
            return labels[i].label;
    if (key < 32) {
        str_format(buffer, cap, "Ctrl-%c", (char)(key + 64));
    } else {
        char utf8[5] = {0};
        utf8_put(utf8, key < KEYS_BASE ? key : '?');
        str_format(buffer, cap, "%s", utf8);
    }
    return buffer;
}

uint32_t key_from_label(const char *label)
{
    for (size_t i = 0; i < ARRAY_N(labels); i++)
        if (str_eq_case(labels[i].label, label))
            return labels[i].key;
    if (str_starts(label, "Ctrl-") && label[5] && !label[6])
        return (uint32_t)(label[5] & 31);
    const char *at = label;
    uint32_t key = utf8_next(&at);
    return *at ? 0 : key;
}
