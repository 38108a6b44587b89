/* Bytes of a terminal to keys. Pure: no terminal is touched here. */
#ifndef CLINIC_UI_KEYS_H
#define CLINIC_UI_KEYS_H

#include "base/mem.h"

/* A key is a code point (control characters as they come: Ctrl-X is 24, Enter 13, Tab 9, Esc 27) or one of these. */
enum {
    KEY_NONE_ = 0,
    KEYS_BASE = 0x110000,
    K_UP,
    K_DOWN,
    K_LEFT,
    K_RIGHT,
    K_HOME,
    K_END,
    K_PAGE_UP,
    K_PAGE_DOWN,
    K_DELETE,
    K_INSERT,
    K_BACKTAB,
    K_F1,
    K_F2,
    K_F3,
    K_F4,
    K_F5,
    K_F6,
    K_F7,
    K_F8,
    K_F9,
    K_F10,
    K_F11,
    K_F12,
    K_PASTE,   /* bracketed paste: text in keys.paste */
    K_UNKNOWN, /* a sequence nobody knows: ignored */
};
#define K_CTRL(letter) ((letter)&31)

enum { KEYS_BUFFER = 4096, KEYS_PASTE_MAX = 64 * 1024 };

/* What terminfo says beyond the common sequences; filled by term.c. */
struct key_name {
    char sequence[16];
    uint32_t key;
};
struct keys {
    unsigned char data[KEYS_BUFFER];
    size_t len;
    bool pasting;
    bool paste_cut;   /* the paste was longer than KEYS_PASTE_MAX: the rest was dropped */
    struct buf paste; /* owned; valid until the next K_PASTE */
    struct key_name extra[48];
    size_t extra_n;
};
void keys_fini(struct keys *k);
/* Appends bytes read from the terminal; returns how many were taken (call keys_next until it is empty, then again). */
size_t keys_feed(struct keys *k, const void *bytes, size_t n);
/* Next key, 0 when more bytes are needed. flush: no more bytes came within ESCDELAY, so a lone Esc is a key. */
uint32_t keys_next(struct keys *k, bool flush);
/* "Ctrl-X", "Enter", "Space", "F1", "PgUp", "a". */
const char *key_label(uint32_t key, char *buffer, size_t cap);
/* The opposite, for actions.def and rebinding; 0 when unknown. */
uint32_t key_from_label(const char *label);

#endif
