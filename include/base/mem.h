/* Memory and byte strings. Every size is checked before allocation. */
#ifndef CLINIC_BASE_MEM_H
#define CLINIC_BASE_MEM_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

/* n objects of size bytes, zeroed; NULL with ERR_MEMORY on overflow or exhaustion. n == 0 gives a valid pointer. */
void *mem_zalloc(size_t n, size_t size, struct err *e) MUST_USE;
/* 64-byte aligned, not zeroed; free with mem_free. */
void *mem_aligned(size_t bytes, struct err *e) MUST_USE;
/* Grows *items (count *cap of size bytes) so that at least need fit; doubles. */
enum rc mem_grow(void *items, size_t *cap, size_t need, size_t size, struct err *e) MUST_USE;
char *mem_strdup(const char *s, struct err *e) MUST_USE;
char *mem_printf(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_USE;
void mem_free(void *p); /* NULL is fine; so is what a library handed out with malloc (json_dumps) */
/* Test hook: the nth allocation from now fails (0: never). Returns how many were counted since the last call. */
unsigned long mem_fail_nth(unsigned long nth);

/* Growing byte string. Owner: whoever declared it; zero-initialise, buf_free at the end. A failed append sets failed
 * and later appends do nothing, so one check at the end is enough. data is NUL-terminated when non-NULL. */
struct buf {
    char *data;
    size_t len, cap;
    bool failed;
};
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum rc buf_check(const struct buf *b, struct err *e) MUST_USE; /* ERR_MEMORY when an append failed */
void buf_free(struct buf *b);

#endif
