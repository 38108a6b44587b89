#include "base/file.h"
#include "base/text.h"

#include "support.h"

#include <stdlib.h>
#include <time.h>

static void iso_round_trip(void **state)
{
    (void)state;
    static const char *const times[] = {"1970-01-01T00:00:00Z", "2026-03-02T10:14:00Z", "2000-02-29T23:59:59Z",
                                        "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"};
    for (size_t i = 0; i < ARRAY_N(times); i++) {
        int64_t ms;
        char b[25];
        assert_true(clock_parse_iso(times[i], &ms));
        assert_ptr_equal(clock_iso(b, sizeof(b), ms), b);
        assert_string_equal(b, times[i]);
    }
    int64_t ms;
    assert_true(clock_parse_iso("2026-03-02T10:14:00Z", &ms));
    assert_true(ms == 1772446440000);
    assert_true(clock_parse_iso("2026-03-02T10:14:00.250Z", &ms));
    assert_true(ms == 1772446440250);
    assert_true(clock_parse_iso("2026-03-02", &ms));
    assert_true(ms == 1772409600000);
    assert_true(clock_parse_iso("2026-03-02T10:14Z", &ms));
    assert_true(ms == 1772446440000);
    char b[25];
    assert_string_equal(clock_iso(b, sizeof(b), -1), "1969-12-31T23:59:59Z");
    assert_string_equal(clock_iso(b, sizeof(b), INT64_MAX), "0000-00-00T00:00:00Z");
    assert_string_equal(clock_iso(b, sizeof(b), INT64_MIN), "0000-00-00T00:00:00Z");
}

static void iso_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-02-30",
                                      "2025-02-29",
                                      "1900-02-29",
                                      "2026-1-1",
                                      "2026-03-02T",
                                      "2026-03-02T24:00:00Z",
                                      "2026-03-02T10:60:00Z",
                                      "2026-03-02T10:14:60Z",
                                      "2026-03-02T10:14:00",
                                      "2026-03-02T10:14:00Zx",
                                      "2026-03-02T10:14:00+01:00",
                                      " 2026-03-02",
                                      "2026-03-02 ",
                                      "0000-01-01",
                                      "2026-03-02T10:14:00.5Z",
                                      "20260302"};
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        int64_t ms = 42;
        assert_false(clock_parse_iso(bad[i], &ms));
        assert_true(ms == 42);
    }
}

static void freezes(void **state)
{
    (void)state;
    setenv("CLINIC_CLOCK", "2026-03-02T10:14:00Z", 1);
    assert_true(clock_wall_ms() == 1772446440000);
    setenv("CLINIC_CLOCK", "yesterday", 1); /* no time: the real clock */
    assert_true(llabs(clock_wall_ms() / 1000 - (int64_t)time(NULL)) <= 2);
    unsetenv("CLINIC_CLOCK");
    assert_true(llabs(clock_wall_ms() / 1000 - (int64_t)time(NULL)) <= 2);
    int64_t before = clock_mono_ns();
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    assert_true(clock_mono_ns() > before);
    assert_true(clock_ms_since(before) >= 2);
}

/* What a person types on Monday 2026-03-02, and the day it is. */
static void human(const char *typed, const char *day)
{
    int64_t now, ms = 42;
    char b[25];
    assert_true(clock_parse_iso("2026-03-02T10:14:00Z", &now));
    if (!clock_parse_human(typed, now, &ms))
        fail_msg("'%s' was not understood", typed);
    clock_iso(b, sizeof(b), ms);
    b[10] = '\0';
    assert_string_equal(b, day);
}

static void days_people_type(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    human("T", "2026-03-02");
    human(" t ", "2026-03-02");
    human("T-7", "2026-02-23");
    human("T+1", "2026-03-03");
    human("t-2d", "2026-02-28");
    human("T+3W", "2026-03-23");
    human("T-2M", "2026-01-02");
    human("T-3M", "2025-12-02");
    human("T+1Y", "2027-03-02");
    human("T-0", "2026-03-02");
    human("2026-03-02", "2026-03-02");
    human("1950-12-31", "1950-12-31");
    human("12 mar", "2026-03-12");
    human("12mar", "2026-03-12");
    human("12 March 1987", "1987-03-12");
    human("1 SEPT", "2026-09-01");
    human("1 june", "2026-06-01");
    human("12/3/2026", "2026-03-12");
    human("12.3.2026", "2026-03-12");
    human("12/3", "2026-03-12");
    human("29 feb 2024", "2024-02-29");
}

static void days_nobody_means(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "x",
                                      "T-",
                                      "T7",
                                      "T+1Q",
                                      "T-7 W",
                                      "T--1",
                                      "T+999999",
                                      "T-9999Y",
                                      "30 feb",
                                      "0 mar",
                                      "32/1/2026",
                                      "12/13/2026",
                                      "12/3/26",
                                      "12/3.2026",
                                      "12 ma",
                                      "12 marchx",
                                      "mar 12",
                                      "2026-02-30",
                                      "2026-3-2",
                                      "12 mar 20266",
                                      "12//2026",
                                      "12/3/",
                                      "T7777777777777777777777777",
                                      "12 mar 2026 12 mar 2026 12 mar 2026 12 mar 2026",
                                      "\xd9\xa1 mar"};
    int64_t now;
    assert_true(clock_parse_iso("2026-03-02T10:14:00Z", &now));
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        int64_t ms = 42;
        if (clock_parse_human(bad[i], now, &ms))
            fail_msg("'%s' was taken for a day", bad[i]);
        assert_true(ms == 42);
    }
}

static void months_that_are_too_short(void **state)
{
    (void)state;
    int64_t now, ms;
    char b[25];
    assert_true(clock_parse_iso("2026-03-31T10:14:00Z", &now));
    assert_true(clock_parse_human("T-1M", now, &ms));
    assert_string_equal(clock_iso(b, sizeof(b), ms), "2026-02-28T00:00:00Z");
    assert_true(clock_parse_iso("2024-02-29T10:14:00Z", &now));
    assert_true(clock_parse_human("T+1Y", now, &ms));
    assert_string_equal(clock_iso(b, sizeof(b), ms), "2025-02-28T00:00:00Z");
}

static void midnight_is_local(void **state)
{
    (void)state;
    int64_t now, ms;
    char b[25];
    setenv("TZ", "EAT-3", 1); /* three hours ahead of UTC */
    tzset();
    assert_true(clock_parse_iso("2026-03-02T22:30:00Z", &now)); /* already the 3rd there */
    assert_true(clock_parse_human("T", now, &ms));
    assert_string_equal(clock_iso(b, sizeof(b), ms), "2026-03-02T21:00:00Z");
    setenv("TZ", "UTC", 1);
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_round_trip),    cmocka_unit_test(iso_refuses),
        cmocka_unit_test(freezes),           cmocka_unit_test(days_people_type),
        cmocka_unit_test(days_nobody_means), cmocka_unit_test(months_that_are_too_short),
        cmocka_unit_test(midnight_is_local),
    };
    return RUN(tests);
}
