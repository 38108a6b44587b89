/* Addresses, headers, bodies: what a mail server and a reader get. */
#include "base/text.h"
#include "mail.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b", "dr.mutesi@district.example", "o'hara+x@mail-1.example.org",
                                       "{x}@localhost"};
    static const char *const bad[] = {
        "",        "plain", "@b",        "a@",     "a@@b",       "a b@c",         "a@b c",   "a@b\r\nRCPT TO:<x@y>",
        "a\n@b",   ".a@b",  "a.@b",      "a..b@c", "a@-b",       "a@b-",          "a@b..c",  "<a@b>",
        "a@b,c@d", "a@b>",  "\"a b\"@c", "a@b\t",  "\xc3\xa9@b", "a@[127.0.0.1]", "a@b\x7f", "a@b;c"};
    for (size_t i = 0; i < ARRAY_N(good); i++)
        assert_int_equal(mail_address_check(good[i], NULL), RC_OK);
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        struct err e = {0};
        assert_int_equal(mail_address_check(bad[i], &e), RC_INPUT);
        assert_int_equal(e.code, ERR_MAIL_ADDRESS);
    }
    char longest[300];
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 60, "@b", 3);
    assert_int_equal(mail_address_check(longest, NULL), RC_OK);
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 260, "@b", 3);
    assert_int_equal(mail_address_check(longest, NULL), RC_INPUT);
}

static struct mail_message sample(void)
{
    return (struct mail_message){.from = "station@clinic.example",
                                 .to = "dr@district.example",
                                 .from_name = "Demo clinic",
                                 .subject = "Chest X-ray result 000871",
                                 .text = "One\nTwo = 2\n.\n",
                                 .date_ms = 1772446440000,
                                 .message_id = "000871.1@clinic.example"};
}

static void plain_message(void **state)
{
    (void)state;
    struct mail_message m = sample();
    struct buf out = {0};
    assert_int_equal(mail_compose(&m, &out, NULL), RC_OK);
    assert_non_null(strstr(out.data, "Date: Mon, 2 Mar 2026 10:14:00 +0000\r\n"));
    assert_non_null(strstr(out.data, "From: \"Demo clinic\"\r\n <station@clinic.example>\r\n"));
    assert_non_null(strstr(out.data, "\r\nSubject: Chest X-ray result 000871\r\n"));
    assert_non_null(strstr(out.data, "\r\nMessage-ID: <000871.1@clinic.example>\r\n"));
    assert_non_null(strstr(out.data, "\r\n\r\nOne\r\nTwo =3D 2\r\n.\r\n"));
    for (size_t i = 0; i < out.len; i++)
        if (out.data[i] == '\n')
            assert_true(i > 0 && out.data[i - 1] == '\r');
    buf_free(&out);
}

static void foreign_words_are_encoded(void **state)
{
    (void)state;
    struct mail_message m = sample();
    struct buf out = {0};
    m.subject = "R\xc3\xb6ntgen "
                "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6"
                "\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac"
                "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac";
    assert_int_equal(mail_compose(&m, &out, NULL), RC_OK);
    const char *subject = strstr(out.data, "Subject: =?UTF-8?B?");
    assert_non_null(subject);
    assert_non_null(strstr(subject, "?=\r\n =?UTF-8?B?"));
    for (const char *line = out.data; line; line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL) {
        const char *end = strstr(line, "\r\n");
        assert_true((end ? (size_t)(end - line) : strlen(line)) <= 78);
    }
    buf_free(&out);
}

static void attachments(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {0, 255, '\n', '.', '\r'};
    const struct mail_part parts[] = {{"report.pdf", "application/pdf", bytes, sizeof bytes},
                                      {"\xc3\xa9t\xc3\xa9 \".pdf", "application/pdf", bytes, 0}};
    struct mail_message m = sample();
    struct buf first = {0}, second = {0};
    m.part = parts;
    m.part_n = 2;
    assert_int_equal(mail_compose(&m, &first, NULL), RC_OK);
    assert_int_equal(mail_compose(&m, &second, NULL), RC_OK);
    assert_string_equal(first.data, second.data); /* a retry sends the same bytes */
    assert_non_null(strstr(first.data, "filename=\"report.pdf\"\r\n\r\nAP8KLg0=\r\n--=_"));
    assert_non_null(strstr(first.data, "filename*=UTF-8''%C3%A9t%C3%A9%20%22.pdf"));
    assert_string_equal(first.data + first.len - 4, "--\r\n");
    buf_free(&first);
    buf_free(&second);
}

static void injection_is_refused(void **state)
{
    (void)state;
    struct buf out = {0};
    struct mail_message m = sample();
    m.subject = "x\r\nBcc: all@example.org";
    assert_int_equal(mail_compose(&m, &out, NULL), RC_INPUT);
    m = sample();
    m.to = "a@b\r\nBcc: c@d";
    assert_int_equal(mail_compose(&m, &out, NULL), RC_INPUT);
    m = sample();
    m.from_name = "x\nBcc: c@d";
    assert_int_equal(mail_compose(&m, &out, NULL), RC_INPUT);
    m = sample();
    m.subject = "\xff\xfe";
    assert_int_equal(mail_compose(&m, &out, NULL), RC_INPUT);
    const struct mail_part part = {"a\r\nX: y", "text/plain", "", 0};
    m = sample();
    m.part = &part;
    m.part_n = 1;
    assert_int_equal(mail_compose(&m, &out, NULL), RC_INPUT);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

static void text_is_quoted_safely(void **state)
{
    (void)state;
    char text[1200];
    struct buf out = {0};
    struct mail_message m = sample();
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i + 4 < sizeof text; i += 7)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof text - 2] = ' ';
    text[sizeof text - 1] = 0;
    m.text = text;
    assert_int_equal(mail_compose(&m, &out, NULL), RC_OK);
    for (const char *line = out.data; (line = strstr(line, "\r\n")) && *(line += 2);)
        assert_true(strcspn(line, "\r") <= 76);
    assert_non_null(strstr(out.data, "=20\r\n"));
    buf_free(&out);
}

static void loopback_names(void **state)
{
    (void)state;
    assert_true(mail_host_is_loopback("localhost") && mail_host_is_loopback("127.0.0.1") &&
                mail_host_is_loopback("127.8.9.1") && mail_host_is_loopback("::1"));
    assert_false(mail_host_is_loopback("127.0.0.1.example.org") || mail_host_is_loopback("localhost.example.org") ||
                 mail_host_is_loopback("10.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(plain_message),
        cmocka_unit_test(foreign_words_are_encoded),
        cmocka_unit_test(attachments),
        cmocka_unit_test(injection_is_refused),
        cmocka_unit_test(text_is_quoted_safely),
        cmocka_unit_test(loopback_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
