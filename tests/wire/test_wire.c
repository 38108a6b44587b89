/* The same call in this process, over the socket and as JSON lines; and what can go wrong on a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "wire.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
    char home[200], socket[240];
    volatile bool stop;
    bool serving;
    pthread_t thread;
    enum rc served;
};

static struct err last;

static void ok(enum rc rc)
{
    if (rc)
        fail_msg("rc %d, E%d %s", (int)rc, (int)last.code, last.msg);
}

static int drop_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static enum rc call(struct wire *w, const char *token, const char *op, json_t *owned, json_t **out)
{
    struct station_answer a;
    const struct station_request q = {.op = op, .args = owned, .token = token, .fd = -1};
    last = (struct err){0};
    enum rc rc = wire_call(w, &q, &a, &last);
    if (out)
        *out = rc ? NULL : json_incref(a.result);
    if (!rc)
        station_answer_fini(&a);
    json_decref(owned);
    return rc;
}

static void *serve_main(void *arg)
{
    struct fixture *f = arg;
    const struct serve_options o = {.socket = f->socket, .max_sessions = 4};
    struct err why = {0};
    f->served = wire_serve(&o, &f->stop, &why);
    return NULL;
}

static struct wire *dial(struct fixture *f)
{
    struct wire *w = NULL;
    for (int i = 0; i < 200; i++) {
        last = (struct err){0};
        if (wire_open(&(struct wire_options){.socket = f->socket}, &w, &last) == RC_OK)
            return w;
        usleep(10000);
    }
    fail_msg("the server does not answer: %s", last.msg);
    return NULL;
}

static void serve(struct fixture *f)
{
    f->stop = false;
    assert_int_equal(pthread_create(&f->thread, NULL, serve_main, f), 0);
    f->serving = true;
    wire_close(dial(f));
}

static void stop(struct fixture *f)
{
    f->stop = true;
    pthread_join(f->thread, NULL);
    f->serving = false;
}

static int open_fixture(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct fixture *f = calloc(1, sizeof(*f));
    struct wire *w = NULL;
    assert_non_null(f);
    snprintf(f->home, sizeof(f->home), "%s/wire-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->home));
    snprintf(f->socket, sizeof(f->socket), "%s/s", f->home);
    setenv("CLINIC_HOME", f->home, 1);
    setenv("CLINIC_CLOCK", "2026-03-02T10:14:00Z", 1);
    setenv("CLINIC_BCRYPT_COST", "4", 1);
    unsetenv("CLINIC_SOCKET");
    ok(wire_open(&(struct wire_options){0}, &w, &last));
    assert_true(wire_is_local(w));
    ok(call(w, NULL, "station.init",
            json_pack("{s:b, s:s, s:s}", "site", 1, "admin", "admin", "password", "secret-admin"), NULL));
    wire_close(w);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    if (f->serving)
        stop(f);
    nftw(f->home, drop_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void sign_in(struct wire *w, char token[80])
{
    json_t *answer = NULL;
    ok(call(w, NULL, "session.sign_in", json_pack("{s:s, s:s}", "username", "admin", "password", "secret-admin"),
            &answer));
    str_copy(token, 80, json_string_value(json_object_get(answer, "token")));
    json_decref(answer);
}

static void socket_and_process_answer_alike(void **state)
{
    struct fixture *f = *state;
    struct wire *here = NULL, *there;
    char token[80];
    static const char *const ops[] = {"users.list",   "users.me",    "settings.list",
                                      "station.info", "models.list", "audit.verify"};
    ok(wire_open(&(struct wire_options){0}, &here, &last));
    serve(f);
    there = dial(f);
    assert_false(wire_is_local(there));
    sign_in(there, token);
    for (size_t i = 0; i < ARRAY_N(ops); i++) {
        json_t *a = NULL, *b = NULL;
        ok(call(here, token, ops[i], NULL, &a));
        ok(call(there, token, ops[i], NULL, &b));
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
    }
    struct err mine;
    assert_int_equal(call(here, NULL, "users.list", NULL, NULL), RC_SIGN_IN);
    mine = last;
    assert_int_equal(call(there, NULL, "users.list", NULL, NULL), RC_SIGN_IN);
    assert_int_equal(mine.code, last.code);
    assert_string_equal(mine.msg, last.msg);
    wire_close(here);
    wire_close(there);
    stop(f);
    assert_int_equal(f->served, RC_OK);
    assert_int_not_equal(access(f->socket, F_OK), 0);
}

static void local_operations_stay_local(void **state)
{
    struct fixture *f = *state;
    struct wire *w;
    serve(f);
    w = dial(f);
    /* Asked politely, the near end does it itself. */
    assert_int_equal(call(w, NULL, "models.run",
                          json_pack("{s:s, s:[s], s:[s]}", "model", "none", "input", "x", "output", "y"), NULL),
                     RC_NOT_FOUND);
    wire_close(w);
    /* Asked by hand over the line, the server refuses. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[1000] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    str_copy(address.sun_path, sizeof(address.sun_path), f->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    static const char line[] = "{\"id\":7,\"op\":\"station.init\",\"args\":{\"demo\":true}}\n";
    assert_int_equal(write(fd, line, sizeof(line) - 1), (ssize_t)sizeof(line) - 1);
    assert_true(read(fd, answer, sizeof(answer) - 1) > 0);
    assert_non_null(strstr(answer, "\"id\":7"));
    assert_non_null(strstr(answer, "E403"));
    close(fd);
}

static void garbage_is_answered_and_survived(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {"nonsense\n",
                                        "[]\n",
                                        "{}\n",
                                        "{\"op\":5}\n",
                                        "{\"op\":\"no.such\"}\n",
                                        "\"x\"\n",
                                        "{\"op\":\"users.list\",\"args\":[1]}\n",
                                        "{\"op\":\"station.info\",\"args\":{\"x\":1}}\n",
                                        "{\"op\":\"\\u0000\"}\n",
                                        "\xff\xfe\n",
                                        "{\"op\":\"users.list\",\"op\":\"users.me\"}\n"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    serve(f);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    str_copy(address.sun_path, sizeof(address.sun_path), f->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    for (size_t i = 0; i < ARRAY_N(lines); i++) {
        char answer[2000] = "";
        assert_int_equal(write(fd, lines[i], strlen(lines[i])), (ssize_t)strlen(lines[i]));
        assert_true(read(fd, answer, sizeof(answer) - 1) > 0);
        assert_non_null(strstr(answer, "\"ok\":false"));
    }
    close(fd);
    struct wire *w = dial(f);
    ok(call(w, NULL, "station.info", NULL, NULL));
    wire_close(w);
}

static void two_servers_and_a_dead_one(void **state)
{
    struct fixture *f = *state;
    const struct serve_options o = {.socket = f->socket, .max_sessions = 4};
    volatile bool at_once = true;
    serve(f);
    last = (struct err){0};
    assert_int_equal(wire_serve(&o, &at_once, &last), RC_BUSY);
    stop(f);
    /* What a killed server leaves behind. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy(address.sun_path, sizeof(address.sun_path), f->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    struct wire *w = NULL;
    assert_int_equal(wire_open(&(struct wire_options){.socket = f->socket}, &w, &last), RC_BUSY);
    serve(f);
    w = dial(f);
    ok(call(w, NULL, "station.info", NULL, NULL));
    /* The server goes and comes again: the line is found broken, then made anew. */
    stop(f);
    assert_int_equal(call(w, NULL, "station.info", NULL, NULL), RC_BUSY);
    serve(f);
    ok(call(w, NULL, "station.info", NULL, NULL));
    wire_close(w);
    /* A plain file is never taken for a socket. */
    stop(f);
    fd = open(f->socket, O_CREAT | O_WRONLY, 0600);
    close(fd);
    last = (struct err){0};
    assert_int_equal(wire_serve(&o, &at_once, &last), RC_INPUT);
}

/* A line sent while another one's work goes on is answered, too: nobody waits for ever. */
static void every_line_is_answered(void **state)
{
    struct fixture *f = *state;
    /* A wrong password takes its quarter of a second. */
    static const char lines[] = "{\"id\":1,\"job\":true,\"op\":\"session.sign_in\",\"args\":{\"username\":\"admin\","
                                "\"password\":\"not this one\"}}\n{\"id\":2,\"op\":\"station.info\"}\nnonsense\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answers[8000] = "";
    size_t n = 0;
    int ends = 0;
    serve(f);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    const struct timeval patience = {.tv_sec = 10};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    str_copy(address.sun_path, sizeof(address.sun_path), f->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(write(fd, lines, sizeof(lines) - 1), (ssize_t)sizeof(lines) - 1);
    while (ends < 3) {
        ssize_t got = read(fd, answers + n, sizeof(answers) - 1 - n);
        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++)
            ends += answers[n + (size_t)i] == '\n';
        n += (size_t)got;
    }
    assert_non_null(strstr(answers, "\"id\":1"));
    assert_non_null(strstr(answers, "\"id\":2"));
    close(fd);
}

static void too_many_sessions_are_told(void **state)
{
    struct fixture *f = *state;
    struct wire *w[5];
    serve(f);
    for (int i = 0; i < 4; i++) {
        w[i] = dial(f);
        /* The session that only tried whether the server is there may not be over yet. */
        for (int n = 0; n < 100 && call(w[i], NULL, "station.info", NULL, NULL); n++)
            usleep(10000);
        ok(call(w[i], NULL, "station.info", NULL, NULL));
    }
    w[4] = dial(f);
    assert_int_equal(call(w[4], NULL, "station.info", NULL, NULL), RC_BUSY);
    wire_close(w[0]);
    for (int i = 0; i < 100 && call(w[4], NULL, "station.info", NULL, NULL); i++)
        usleep(10000);
    ok(call(w[4], NULL, "station.info", NULL, NULL));
    for (int i = 1; i < 5; i++)
        wire_close(w[i]);
}

/* Lines through `clinic api`'s function: the session of one line holds for the next. */
static void lines_of_the_api(void **state)
{
    (void)state;
    static const char lines[] =
        "{\"id\":1,\"op\":\"users.me\"}\n\n"
        "{\"id\":\"two\",\"op\":\"session.sign_in\",\"args\":{\"username\":\"admin\",\"password\":\"secret-admin\"}}\n"
        "{\"id\":3,\"op\":\"users.me\"}\n"
        "broken\n"
        "{\"id\":5,\"op\":\"images.add\",\"args\":{\"file\":\"base64:!!\",\"name\":\"x\"}}\n"
        "{\"id\":6,\"op\":\"session.sign_out\"}\n"
        "{\"id\":7,\"op\":\"users.me\"}";
    static const bool good[] = {false, true, true, false, false, true, false};
    struct wire *w = NULL;
    int in[2], out[2];
    char text[20000] = "";
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(write(in[1], lines, sizeof(lines) - 1), (ssize_t)sizeof(lines) - 1);
    close(in[1]);
    ok(wire_open(&(struct wire_options){0}, &w, &last));
    ok(wire_api(w, in[0], out[1], &last));
    wire_close(w);
    close(out[1]);
    for (size_t n = 0;;) {
        ssize_t got = read(out[0], text + n, sizeof(text) - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    const char *at = text;
    for (size_t i = 0; i < ARRAY_N(good); i++) {
        const char *end = strchr(at, '\n');
        assert_non_null(end);
        json_t *o = json_loadb(at, (size_t)(end - at), 0, NULL);
        assert_non_null(o);
        assert_int_equal(json_is_true(json_object_get(o, "ok")), good[i]);
        if (!good[i])
            assert_non_null(json_string_value(json_object_get(json_object_get(o, "error"), "code")));
        json_decref(o);
        at = end + 1;
    }
    assert_int_equal(*at, '\0');
    close(in[0]);
    close(out[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(socket_and_process_answer_alike),
        TEST(local_operations_stay_local),
        TEST(garbage_is_answered_and_survived),
        TEST(two_servers_and_a_dead_one),
        TEST(every_line_is_answered),
        TEST(too_many_sessions_are_told),
        TEST(lines_of_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
