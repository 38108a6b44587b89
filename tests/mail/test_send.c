/* One delivery against a server that follows a script, and what is refused before any server is asked. */
#include "base/text.h"
#include "mail/smtp.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The steps of a delivery; an answer of NULL cuts the line instead. */
enum step { GREET, EHLO, MAIL, RCPT, DATA, DOT, QUIT, STEP_N };
static const char *const commands[STEP_N] = {"", "EHLO", "MAIL", "RCPT", "DATA", "", "QUIT"};

struct script {
    const char *name;
    const char *answer[STEP_N];
    enum mail_outcome outcome;
    enum err_code code;
    const char *reply;
};

struct server {
    int listening;
    uint16_t port;
    const struct script *script;
    pthread_t thread;
    struct buf heard; /* the message, as it came */
};

static bool say(int fd, const char *answer)
{
    return answer && write(fd, answer, strlen(answer)) == (ssize_t)strlen(answer) && write(fd, "\r\n", 2) == 2;
}

/* One line, or with until_dot the whole message. */
static bool hear(int fd, bool until_dot, struct buf *out)
{
    char c;
    while (read(fd, &c, 1) == 1) {
        buf_putc(out, c);
        if (until_dot ? out->len >= 5 && memcmp(out->data + out->len - 5, "\r\n.\r\n", 5) == 0 : c == '\n')
            return true;
    }
    return false;
}

static void converse(struct server *s, int fd)
{
    const char *const *answer = s->script->answer;
    bool welcome = say(fd, answer[GREET]) && str_starts(answer[GREET], "220");
    for (int step = welcome ? EHLO : STEP_N; step < STEP_N; step++) {
        struct buf line = {0};
        bool heard = hear(fd, step == DOT, step == DOT ? &s->heard : &line);
        bool left = heard && step != DOT && str_starts(line.data, "QUIT");
        bool expected = heard && (step == DOT || str_starts(line.data, commands[step]));
        buf_free(&line);
        if (left)
            (void)say(fd, "221 bye");
        if (left || !expected || !say(fd, answer[step]) || str_starts(answer[step], "421"))
            return;
        if (step == DATA && !str_starts(answer[step], "354"))
            step = DOT; /* no message follows */
    }
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->listening, NULL, NULL);
    if (fd >= 0) {
        converse(s, fd);
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *s, const struct script *script)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    *s = (struct server){.script = script, .listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(s->listening >= 0);
    assert_int_equal(bind(s->listening, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->listening, 4), 0);
    assert_int_equal(getsockname(s->listening, (struct sockaddr *)&at, &n), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
    shutdown(s->listening, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listening);
    buf_free(&s->heard);
}

static const char message[] = "Subject: x\r\n\r\n.dot at the start\r\n.\r\nend\r\n";

static struct mail_server server_of(uint16_t port)
{
    return (struct mail_server){
        .host = "127.0.0.1", .port = port, .timeout_s = 2, .user = "", .password_file = "", .ca_file = ""};
}

static enum mail_outcome deliver(uint16_t port, const volatile bool *cancel, char reply[120], struct err *e)
{
    struct mail_server to = server_of(port);
    const struct mail_delivery d = {.server = &to,
                                    .password = "",
                                    .from = "a@clinic.example",
                                    .to = "b@district.example",
                                    .message = message,
                                    .n = sizeof message - 1,
                                    .cancel = cancel,
                                    .reply = reply,
                                    .reply_cap = 120};
    reply[0] = 0;
    return mail_smtp_deliver(&d, e);
}

#define OK "250 fine"
static const struct script scripts[] = {
    {"taken", {"220 hi", OK, OK, OK, "354 go", "250 kept as 7", "221 bye"}, MAIL_SENT, ERR_NONE, "250 kept as 7"},
    {"cut after the answer", {"220 hi", OK, OK, OK, "354 go", OK, NULL}, MAIL_SENT, ERR_NONE, OK},
    {"no greeting", {NULL}, MAIL_RETRY, ERR_MAIL_OFFLINE, ""},
    {"busy at once", {"421 too many"}, MAIL_RETRY, ERR_MAIL_OFFLINE, "421 too many"},
    {"cut at EHLO", {"220 hi", NULL}, MAIL_RETRY, ERR_MAIL_OFFLINE, NULL},
    {"sender later", {"220 hi", OK, "451 later"}, MAIL_RETRY, ERR_MAIL_OFFLINE, "451 later"},
    {"sender never", {"220 hi", OK, "550 not you"}, MAIL_DEAD, ERR_MAIL_REFUSED, "550 not you"},
    {"nobody here", {"220 hi", OK, OK, "550 no such user"}, MAIL_DEAD, ERR_MAIL_REFUSED, "550 no such user"},
    {"greylisted", {"220 hi", OK, OK, "450 greylisted"}, MAIL_RETRY, ERR_MAIL_OFFLINE, "450 greylisted"},
    {"cut at RCPT", {"220 hi", OK, OK, NULL}, MAIL_RETRY, ERR_MAIL_OFFLINE, NULL},
    {"no data now", {"220 hi", OK, OK, OK, "451 later"}, MAIL_RETRY, ERR_MAIL_OFFLINE, "451 later"},
    {"no data ever", {"220 hi", OK, OK, OK, "554 go away"}, MAIL_DEAD, ERR_MAIL_REFUSED, "554 go away"},
    {"later after the dot",
     {"220 hi", OK, OK, OK, "354 go", "452 disk full"},
     MAIL_RETRY,
     ERR_MAIL_OFFLINE,
     "452 disk full"},
    {"refused after the dot",
     {"220 hi", OK, OK, OK, "354 go", "554 looks like spam"},
     MAIL_DEAD,
     ERR_MAIL_REFUSED,
     "554 looks like spam"},
    {"lost after the dot", {"220 hi", OK, OK, OK, "354 go", NULL}, MAIL_UNKNOWN, ERR_MAIL_UNKNOWN, NULL},
    {"words that drive terminals",
     {"220 hi", OK, OK, "550 no \x1b[31mred"},
     MAIL_DEAD,
     ERR_MAIL_REFUSED,
     "550 no ?[31mred"},
};

static void outcomes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(scripts); i++) {
        const struct script *sc = &scripts[i];
        struct server s;
        struct err e = {0};
        char reply[120];
        server_start(&s, sc);
        enum mail_outcome outcome = deliver(s.port, NULL, reply, &e);
        if (outcome != sc->outcome || e.code != sc->code || (sc->reply && !str_eq(reply, sc->reply)))
            fail_msg("%s: outcome %d, E%d '%s', reply '%s'", sc->name, outcome, e.code, e.msg, reply);
        if (outcome == MAIL_SENT)
            assert_non_null(memmem(s.heard.data, s.heard.len, "\r\n..dot at the start\r\n..\r\nend\r\n.\r\n", 34));
        server_end(&s);
    }
}

static void nobody_listens(void **state)
{
    (void)state;
    struct server s;
    struct err e = {0};
    char reply[120];
    server_start(&s, &scripts[0]);
    server_end(&s); /* its port is free now */
    assert_int_equal(deliver(s.port, NULL, reply, &e), MAIL_RETRY);
    assert_int_equal(e.code, ERR_MAIL_OFFLINE);
}

static void stopped_before_the_dot(void **state)
{
    (void)state;
    struct server s;
    struct err e = {0};
    char reply[120];
    const volatile bool cancel = true;
    server_start(&s, &scripts[0]);
    assert_int_equal(deliver(s.port, &cancel, reply, &e), MAIL_RETRY);
    assert_int_equal(e.code, ERR_CANCELLED);
    server_end(&s);
}

/* With a user but without TLS the password stays here. */
static void no_password_in_the_clear(void **state)
{
    (void)state;
    struct server s;
    struct err e = {0};
    char reply[120] = "";
    server_start(&s, &scripts[0]);
    struct mail_server to = server_of(s.port);
    to.user = "clinic";
    const struct mail_delivery d = {.server = &to,
                                    .password = "secretpw",
                                    .from = "a@b",
                                    .to = "c@d",
                                    .message = message,
                                    .n = sizeof message - 1,
                                    .reply = reply,
                                    .reply_cap = sizeof reply};
    assert_int_equal(mail_smtp_deliver(&d, &e), MAIL_RETRY);
    assert_int_equal(e.code, ERR_MAIL_TLS);
    assert_int_equal(s.heard.len, 0);
    server_end(&s);
}

static enum mail_outcome send_with(struct mail_server s, const char *from, const char *to, struct err *e)
{
    char reply[120];
    *e = (struct err){0};
    return mail_send(&s, from, to, message, sizeof message - 1, NULL, reply, sizeof reply, e);
}

static void refused_before_any_server(void **state)
{
    (void)state;
    struct err e;
    static const char *const hosts[] = {"", "a b", "host/path", "user@host", "h\r\nx", "host?x"};
    for (size_t i = 0; i < ARRAY_N(hosts); i++) {
        struct mail_server s = server_of(25);
        s.host = hosts[i];
        assert_int_equal(send_with(s, "a@b", "c@d", &e), MAIL_RETRY);
        assert_int_equal(e.code, ERR_MAIL_SETUP);
    }
    assert_int_equal(send_with(server_of(25), "a@b\r\nRCPT TO:<x@y>", "c@d", &e), MAIL_DEAD);
    assert_int_equal(e.code, ERR_MAIL_ADDRESS);
    assert_int_equal(send_with(server_of(25), "a@b", "c@d>\r\nDATA", &e), MAIL_DEAD);
    assert_int_equal(e.code, ERR_MAIL_ADDRESS);
}

/* Only a regular file that nobody else may read holds a password. */
static void password_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/clinic-mail-XXXXXX", file[64], other[64];
    struct mail_server s = server_of(1);
    struct err e;
    assert_non_null(mkdtemp(dir));
    str_format(file, sizeof file, "%s/password", dir);
    str_format(other, sizeof other, "%s/other", dir);
    s.user = "clinic";
    s.password_file = file;
    assert_int_equal(send_with(s, "a@b", "c@d", &e), MAIL_RETRY); /* absent */
    assert_int_equal(e.code, ERR_MAIL_SETUP);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(send_with(s, "a@b", "c@d", &e), MAIL_RETRY);
    assert_int_equal(e.code, ERR_MAIL_SETUP);
    unlink(file);
    int fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, "secret\n", 7) == 7);
    close(fd);
    assert_int_equal(symlink(other, file), 0);
    assert_int_equal(send_with(s, "a@b", "c@d", &e), MAIL_RETRY);
    assert_int_equal(e.code, ERR_MAIL_SETUP);
    unlink(file);
    s.password_file = other;
    assert_int_equal(chmod(other, 0640), 0);
    assert_int_equal(send_with(s, "a@b", "c@d", &e), MAIL_RETRY);
    assert_int_equal(e.code, ERR_MAIL_SETUP);
    assert_non_null(strstr(e.msg, "0600"));
    unlink(other);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(stopped_before_the_dot),
        cmocka_unit_test(no_password_in_the_clear),
        cmocka_unit_test(refused_before_any_server),
        cmocka_unit_test(password_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
