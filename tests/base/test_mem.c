#include "base/mem.h"

#include "support.h"

#include <pthread.h>

static void zeroed_and_checked(void **state)
{
    (void)state;
    struct err e = {0};
    unsigned char *p = mem_zalloc(1000, 3, &e);
    assert_non_null(p);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(p[i], 0);
    mem_free(p);
    p = mem_zalloc(0, 8, &e);
    assert_non_null(p);
    mem_free(p);
    mem_free(NULL);
    assert_null(mem_zalloc(SIZE_MAX / 2, 3, &e));
    assert_int_equal(e.code, ERR_MEMORY);
    assert_null(mem_zalloc(1, SIZE_MAX / 2, NULL));
}

static void aligned(void **state)
{
    (void)state;
    struct err e = {0};
    for (size_t n = 0; n < 300; n += 7) {
        char *p = mem_aligned(n, &e);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        memset(p, 1, n);
        mem_free(p);
    }
    assert_null(mem_aligned(SIZE_MAX - 3, &e));
    assert_int_equal(e.code, ERR_MEMORY);
}

static void grows_by_doubling(void **state)
{
    (void)state;
    struct err e = {0};
    int *items = NULL;
    size_t cap = 0;
    unsigned long allocations = 0;
    mem_fail_nth(0);
    for (int i = 0; i < 10000; i++) {
        OK(mem_grow(&items, &cap, (size_t)i + 1, sizeof(*items), &e));
        items[i] = i;
    }
    allocations = mem_fail_nth(0);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(items[i], i);
    assert_true(allocations < 15);
    assert_true(cap >= 10000 && cap < 40000);
    size_t before = cap;
    assert_int_equal(mem_grow(&items, &cap, SIZE_MAX / 2, sizeof(*items), &e), RC_FAILED);
    assert_int_equal(e.code, ERR_MEMORY);
    assert_int_equal(cap, before);
    assert_int_equal(items[9999], 9999);
    mem_free(items);
}

static void strings(void **state)
{
    (void)state;
    struct err e = {0};
    char *s = mem_strdup("", &e);
    assert_string_equal(s, "");
    mem_free(s);
    s = mem_printf(&e, "%s-%05d", "a", 42);
    assert_string_equal(s, "a-00042");
    mem_free(s);
}

/* Everything that allocates once, as one scenario: true when it went through. */
static bool scenario(struct err *e)
{
    bool ok = false;
    int *items = NULL;
    size_t cap = 0;
    struct buf b = {0};
    char *copy = NULL, *words = NULL;
    void *zeroed = mem_zalloc(4, 4, e), *straight = mem_aligned(100, e);
    if (!zeroed || !straight || mem_grow(&items, &cap, 20, sizeof(*items), e))
        goto done;
    copy = mem_strdup("copy", e);
    words = mem_printf(e, "%d words", 2);
    if (!copy || !words)
        goto done;
    for (int i = 0; i < 100; i++)
        buf_printf(&b, "line %d\n", i);
    ok = buf_check(&b, e) == RC_OK;
done:
    mem_free(zeroed);
    mem_free(straight);
    mem_free(items);
    mem_free(copy);
    mem_free(words);
    buf_free(&b);
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct err e = {0};
    mem_fail_nth(0);
    assert_true(scenario(&e));
    unsigned long n = mem_fail_nth(0);
    assert_true(n >= 8);
    for (unsigned long nth = 1; nth <= n; nth++) {
        err_clear(&e);
        mem_fail_nth(nth);
        assert_false(scenario(&e));
        assert_int_equal(e.code, ERR_MEMORY);
        assert_int_equal(e.rc, RC_FAILED);
    }
    err_clear(&e);
    mem_fail_nth(n + 1);
    assert_true(scenario(&e));
    mem_fail_nth(0);
}

static void *allocate_much(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10000; i++)
        mem_free(mem_zalloc(1, 1, NULL));
    return NULL;
}

static void counts_from_all_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    mem_fail_nth(0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_much, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(mem_fail_nth(0), 40000);
}

static void buffers(void **state)
{
    (void)state;
    struct err e = {0};
    struct buf b = {0};
    buf_add(&b, "", 0);
    assert_string_equal(b.data, "");
    buf_puts(&b, "abc");
    buf_putc(&b, '\0');
    buf_add(&b, "d\0e", 3);
    buf_printf(&b, "%s%d", "x", 7);
    OK(buf_check(&b, &e));
    assert_int_equal(b.len, 9);
    assert_memory_equal(b.data, "abc\0d\0ex7", 10);
    buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
}

static void failed_buffer_stays_failed(void **state)
{
    (void)state;
    struct err e = {0};
    struct buf b = {0};
    buf_puts(&b, "kept");
    mem_fail_nth(1);
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "more and more");
    mem_fail_nth(0);
    assert_true(b.failed);
    assert_string_equal(b.data, "kept");
    assert_int_equal(buf_check(&b, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_MEMORY);
    buf_free(&b);
    assert_false(b.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_and_checked),
        cmocka_unit_test(aligned),
        cmocka_unit_test(grows_by_doubling),
        cmocka_unit_test(strings),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(counts_from_all_threads),
        cmocka_unit_test(buffers),
        cmocka_unit_test(failed_buffer_stays_failed),
    };
    return RUN(tests);
}
