#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400 };

int64_t clock_wall_ms(void)
{
    const char *frozen = secure_getenv("CLINIC_CLOCK");
    int64_t ms;
    if (frozen && *frozen && clock_parse_iso(frozen, &ms))
        return ms;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double clock_ms_since(int64_t mono_ns)
{
    return (double)(clock_mono_ns() - mono_ns) / 1e6;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar (H. Hinnant, "days_from_civil"). */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_of_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool date_exists(int64_t year, int64_t month, int64_t day)
{
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= days_of_month(year, month);
}

char *clock_iso(char *dst, size_t cap, int64_t wall_ms)
{
    time_t s = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
    struct tm t;
    if (!gmtime_r(&s, &t) || t.tm_year + 1900 < 0 || t.tm_year + 1900 > 9999)
        str_copy(dst, cap, "0000-00-00T00:00:00Z");
    else
        str_format(dst, cap, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                   t.tm_min, t.tm_sec);
    return dst;
}

/* Exactly n digits at *s; advances. */
static bool digits(const char **s, int n, int64_t *out)
{
    int64_t v = 0;
    for (int i = 0; i < n; i++) {
        char c = (*s)[i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    *s += n;
    *out = v;
    return true;
}

static bool letter(const char **s, char c)
{
    if (**s != c)
        return false;
    ++*s;
    return true;
}

static bool iso_date(const char **s, int64_t *year, int64_t *month, int64_t *day)
{
    return digits(s, 4, year) && letter(s, '-') && digits(s, 2, month) && letter(s, '-') && digits(s, 2, day) &&
           date_exists(*year, *month, *day);
}

bool clock_parse_iso(const char *s, int64_t *wall_ms)
{
    int64_t year, month, day, hour = 0, minute = 0, second = 0, ms = 0;
    if (!iso_date(&s, &year, &month, &day))
        return false;
    if (*s) {
        if (!(letter(&s, 'T') || letter(&s, ' ')) || !digits(&s, 2, &hour) || !letter(&s, ':') ||
            !digits(&s, 2, &minute))
            return false;
        if (letter(&s, ':') && !digits(&s, 2, &second))
            return false;
        if (letter(&s, '.') && !digits(&s, 3, &ms))
            return false;
        if (!letter(&s, 'Z') || *s || hour > 23 || minute > 59 || second > 59)
            return false;
    }
    *wall_ms = ((days_from_date(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000 + ms;
    return true;
}

static bool local_midnight(int64_t year, int64_t month, int64_t day, int64_t *wall_ms)
{
    struct tm t = {.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day, .tm_isdst = -1};
    time_t s = mktime(&t);
    if (s == (time_t)-1 && !(year == 1969 && month == 12))
        return false;
    *wall_ms = (int64_t)s * 1000;
    return true;
}

/* T, T-7, T+3W, T-2M, T+1Y: days when no unit is given; a month that is too short gives its last day. */
static bool relative_day(const char *s, const struct tm *today, int64_t *wall_ms)
{
    int64_t year = today->tm_year + 1900, month = today->tm_mon + 1, day = today->tm_mday, n = 0;
    char unit = 'D';
    if (*s) {
        char number[8];
        size_t len = 1;
        if (*s != '+' && *s != '-')
            return false;
        while (s[len] >= '0' && s[len] <= '9' && len < sizeof(number) - 1)
            len++;
        str_copy(number, len + 1, s);
        if (!str_to_i64(number, -99999, 99999, &n))
            return false;
        s += len;
        if (*s)
            unit = (char)(*s++ & ~0x20);
        if (*s)
            return false;
    }
    if (unit == 'D' || unit == 'W') {
        int64_t noon_s = (days_from_date(year, month, day) + n * (unit == 'W' ? 7 : 1)) * DAY_S + DAY_S / 2;
        time_t t = (time_t)noon_s;
        struct tm then;
        if (!gmtime_r(&t, &then))
            return false;
        year = then.tm_year + 1900, month = then.tm_mon + 1, day = then.tm_mday;
    } else if (unit == 'M' || unit == 'Y') {
        int64_t months = year * 12 + month - 1 + n * (unit == 'Y' ? 12 : 1);
        if (months < 12)
            return false;
        year = months / 12, month = months % 12 + 1;
        if (year <= 9999 && day > days_of_month(year, month))
            day = days_of_month(year, month);
    } else {
        return false;
    }
    return date_exists(year, month, day) && local_midnight(year, month, day, wall_ms);
}

/* A number of at most max_n digits. */
static bool number(const char **s, int max_n, int64_t *out)
{
    int n = 0;
    while (n < max_n && (*s)[n] >= '0' && (*s)[n] <= '9')
        n++;
    return n > 0 && digits(s, n, out);
}

/* "mar", "March": three letters of an English month name or more of it. */
static bool month_name(const char **s, int64_t *month)
{
    static const char *const names[] = {"january", "february", "march",     "april",   "may",      "june",
                                        "july",    "august",   "september", "october", "november", "december"};
    char word[12];
    size_t n = 0;
    while (n < sizeof(word) - 1 && (((*s)[n] | 0x20) >= 'a' && ((*s)[n] | 0x20) <= 'z')) {
        word[n] = (char)((*s)[n] | 0x20);
        n++;
    }
    word[n] = '\0';
    for (size_t i = 0; i < ARRAY_N(names); i++)
        if (n >= 3 && str_starts(names[i], word)) {
            *s += n;
            *month = (int64_t)i + 1;
            return true;
        }
    return false;
}

static void blanks(const char **s)
{
    while (**s == ' ')
        ++*s;
}

/* "12/3/2026", "12.3.2026", "12 mar 2026"; the year may be left out. */
static bool day_first(const char *s, int64_t *year, int64_t *month, int64_t *day)
{
    if (!number(&s, 2, day))
        return false;
    char mark = *s;
    if (mark == '/' || mark == '.') {
        s++;
        if (!number(&s, 2, month))
            return false;
        if (*s == '\0')
            return true;
        if (!letter(&s, mark))
            return false;
    } else {
        blanks(&s);
        if (!month_name(&s, month))
            return false;
        blanks(&s);
        if (*s == '\0')
            return true;
    }
    return digits(&s, 4, year) && *s == '\0';
}

bool clock_parse_human(const char *s, int64_t now_ms, int64_t *wall_ms)
{
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm today;
    char text[40];
    blanks(&s);
    if (!localtime_r(&now_s, &today) || !str_copy(text, sizeof(text), s))
        return false;
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == ' ')
        text[--n] = '\0';
    const char *p = text;
    if (letter(&p, 'T') || letter(&p, 't'))
        return relative_day(p, &today, wall_ms);
    int64_t year, month, day;
    bool iso = iso_date(&p, &year, &month, &day) && *p == '\0';
    if (!iso) {
        year = today.tm_year + 1900;
        if (!day_first(text, &year, &month, &day) || !date_exists(year, month, day))
            return false;
    }
    return local_midnight(year, month, day, wall_ms);
}
