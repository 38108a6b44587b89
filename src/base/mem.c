#include "base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The allocator hook: allocations since the last mem_fail_nth, and the one of them that fails. */
static atomic_ulong counted, fail_at;

static bool refused(void)
{
    unsigned long nth = atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed) + 1;
    return nth == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

unsigned long mem_fail_nth(unsigned long nth)
{
    atomic_store(&fail_at, nth);
    return atomic_exchange(&counted, 0);
}

static void *exhausted(size_t bytes, struct err *e)
{
    err_set(e, ERR_MEMORY, "Out of memory (%zu bytes)", bytes);
    return NULL;
}

void *mem_zalloc(size_t n, size_t size, struct err *e)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return exhausted(SIZE_MAX, e);
    void *p = refused() ? NULL : calloc(bytes ? bytes : 1, 1);
    return p ? p : exhausted(bytes, e);
}

void *mem_aligned(size_t bytes, struct err *e)
{
    enum { ALIGN = 64 };
    size_t whole;
    if (__builtin_add_overflow(bytes ? bytes : 1, (size_t)ALIGN - 1, &whole))
        return exhausted(bytes, e);
    void *p = refused() ? NULL : aligned_alloc(ALIGN, whole & ~(size_t)(ALIGN - 1));
    return p ? p : exhausted(bytes, e);
}

enum rc mem_grow(void *items, size_t *cap, size_t need, size_t size, struct err *e)
{
    if (need <= *cap)
        return RC_OK;
    size_t n = *cap < 8 ? 8 : *cap;
    while (n < need && !__builtin_mul_overflow(n, (size_t)2, &n))
        ;
    size_t bytes;
    void *old;
    memcpy(&old, items, sizeof(old));
    if (n < need || __builtin_mul_overflow(n, size, &bytes)) {
        exhausted(SIZE_MAX, e);
        return RC_FAILED;
    }
    void *grown = refused() ? NULL : realloc(old, bytes);
    if (!grown) {
        exhausted(bytes, e);
        return RC_FAILED;
    }
    memcpy(items, &grown, sizeof(grown));
    *cap = n;
    return RC_OK;
}

char *mem_strdup(const char *s, struct err *e)
{
    size_t n = strlen(s) + 1;
    char *copy = mem_zalloc(n, 1, e);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

char *mem_printf(struct err *e, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *s = NULL;
    if (n < 0)
        err_set(e, ERR_INTERNAL, "a text could not be formatted");
    else
        s = mem_zalloc((size_t)n + 1, 1, e);
    if (s)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    return s;
}

void mem_free(void *p)
{
    free(p);
}

/* Room for n more bytes and the NUL. */
static bool buf_room(struct buf *b, size_t n)
{
    size_t need;
    if (b->failed)
        return false;
    if (__builtin_add_overflow(b->len, n, &need) || __builtin_add_overflow(need, (size_t)1, &need) ||
        mem_grow(&b->data, &b->cap, need, 1, NULL))
        b->failed = true;
    return !b->failed;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (!buf_room(b, n))
        return;
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n < 0) {
        b->failed = true;
    } else if (buf_room(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

enum rc buf_check(const struct buf *b, struct err *e)
{
    return b->failed ? err_set(e, ERR_MEMORY, "Out of memory (a text of %zu bytes)", b->len) : RC_OK;
}

void buf_free(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){0};
}
