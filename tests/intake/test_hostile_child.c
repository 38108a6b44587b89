/* The station's side of the cage against a child that was taken over: it lies, hangs, floods, crashes. The station must
 * answer with the right error, in time, and be left without a process or descriptor too many. */
#include "child_program.h"

#include "base/text.h"
#include "intake.h"
#include "intake/cage/record.h"
#include "intake/cage_priv.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the children --------------------------------------------------------------------------------------------------
 */

static void say(const void *record, size_t n)
{
    (void)!send(CAGE_FD_TALK, record, n, MSG_NOSIGNAL);
}

static void greet(enum cage_kind kind)
{
    struct cage_hello h = {.magic = CAGE_HELLO_MAGIC, .version = CAGE_VERSION, .kind = kind, .seccomp = 1};
    say(&h, sizeof h);
}

static struct cage_request listen_once(void)
{
    struct cage_request q;
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(3 * sizeof(int))];
    } control;
    struct iovec part = {&q, sizeof q};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(CAGE_FD_TALK, &m, 0) != (ssize_t)sizeof q) {
        _exit(0);
    }
    return q;
}

/* A right answer: 2x3 grey, level 9. */
static struct cage_answer honest(void)
{
    if (ftruncate(CAGE_FD_OUT, 6) != 0 || pwrite(CAGE_FD_OUT, "\t\t\t\t\t\t", 6, 0) != 6) {
        _exit(1);
    }
    return (struct cage_answer){.magic = CAGE_ANSWER_MAGIC,
                                .version = CAGE_VERSION,
                                .width_px = 2,
                                .height_px = 3,
                                .channels = 1,
                                .bits = 8,
                                .source_bits = 8,
                                .format = IMAGE_PNG,
                                .orientation = 1,
                                .out_bytes = 6};
}

static struct cage_answer begin(void)
{
    greet(CAGE_IMAGE);
    (void)listen_once();
    return honest();
}

/* One role per lie about one field. */
#define LIE(name, ...)                                                                                                 \
    static void play_##name(void)                                                                                      \
    {                                                                                                                  \
        struct cage_answer a = begin();                                                                                \
        __VA_ARGS__;                                                                                                   \
        say(&a, sizeof a);                                                                                             \
        pause();                                                                                                       \
    }
LIE(magic, a.magic ^= 1)
LIE(version, a.version++)
LIE(code_negative, a.code = -1)
LIE(code_unknown, a.code = 99999)
LIE(code_foreign, a.code = ERR_POLICY)
LIE(msg_long, a.code = ERR_FILE_CORRUPT; a.msg_n = CAGE_MSG_CAP)
LIE(msg_huge, a.code = ERR_FILE_CORRUPT; a.msg_n = UINT32_MAX)
LIE(width_zero, a.width_px = 0)
LIE(width_negative, a.width_px = -2; a.height_px = -3)
LIE(width_wraps, a.width_px = 65536; a.height_px = 65536; a.channels = 4; a.out_bytes = 0)
LIE(side_long, a.width_px = IMAGE_SIDE_MAX_PX + 1; a.height_px = 1)
LIE(area_large, a.width_px = 8192; a.height_px = 8192)
LIE(dims_disagree, a.width_px = 3)
LIE(bytes_disagree, a.out_bytes = 7)
LIE(file_short, a.width_px = 4; a.height_px = 4; a.out_bytes = 16)
LIE(file_long, if (ftruncate(CAGE_FD_OUT, 4096) != 0) _exit(1))
LIE(channels_zero, a.channels = 0)
LIE(channels_five, a.channels = 5)
LIE(bits_odd, a.bits = 7)
LIE(bits_sixteen, a.bits = 16)
LIE(source_bits, a.source_bits = 3)
LIE(format, a.format = IMAGE_JPEG)
LIE(format_wild, a.format = 1 << 30)
LIE(orientation_zero, a.orientation = 0)
LIE(orientation_nine, a.orientation = 9)
LIE(still_writing, if (mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, CAGE_FD_OUT, 0) == MAP_FAILED) _exit(1))

/* Not even a record. */
static void play_short(void)
{
    struct cage_answer a = begin();
    say(&a, sizeof a - 1);
    pause();
}

static void play_long(void)
{
    static char flood[65536];
    struct cage_answer a = begin();
    memcpy(flood, &a, sizeof a);
    say(flood, sizeof flood);
    pause();
}

static void play_empty(void)
{
    (void)begin();
    say("", 0);
    pause();
}

static void play_descriptors(void)
{
    struct cage_answer a = begin();
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {&a, sizeof a};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), (int[]){0, 1}, 2 * sizeof(int));
    if (sendmsg(CAGE_FD_TALK, &m, 0) < 0) {
        _exit(1);
    }
    pause();
}

static void play_hello_twice(void)
{
    greet(CAGE_IMAGE);
    greet(CAGE_IMAGE);
    pause();
}

static void play_wrong_kind(void)
{
    greet(CAGE_NETWORK);
    pause();
}

static void play_unlocked(void)
{
    struct cage_hello h = {.magic = CAGE_HELLO_MAGIC, .version = CAGE_VERSION, .kind = CAGE_IMAGE};
    say(&h, sizeof h);
    pause();
}

static void play_silent(void)
{
    pause();
}

static void play_hang(void)
{
    (void)begin();
    pause();
}

static void play_leave(void)
{
    (void)begin();
    _exit(3);
}

static void play_crash(void)
{
    (void)begin();
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
}

static void play_forbidden(void)
{
    (void)begin();
    (void)signal(SIGSYS, SIG_DFL);
    (void)raise(SIGSYS);
}

static void play_grow(void)
{
    (void)begin();
    (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
    (void)!ftruncate(CAGE_FD_OUT, 8192);
    pause();
}

static void play_spin(void)
{
    (void)begin();
    (void)setrlimit(RLIMIT_CPU, &(struct rlimit){1, 2});
    for (volatile unsigned n = 0;; n++) {}
}

static void play_memory(void)
{
    struct cage_answer a = begin();
    a.code = ERR_MEMORY;
    say(&a, sizeof a);
}

static void play_rude(void)
{
    struct cage_answer a = begin();
    static const char words[] = "Invalid or corrupted image file: \033]0;owned\007\xff\n";
    a.code = ERR_FILE_CORRUPT;
    a.msg_n = sizeof words - 1;
    memcpy(a.msg, words, sizeof words - 1);
    say(&a, sizeof a);
}

/* Honest and steady: the level of its pixels is the number of pictures it has read. */
static void play_steady(void)
{
    greet(CAGE_IMAGE);
    for (char served = 1;; served++) {
        (void)listen_once();
        struct cage_answer a = honest();
        char row[6];
        memset(row, served, sizeof row);
        (void)!pwrite(CAGE_FD_OUT, row, sizeof row, 0);
        (void)close(CAGE_FD_IN);
        (void)close(CAGE_FD_OUT);
        say(&a, sizeof a);
    }
}

static void play_network_empty(void)
{
    greet(CAGE_NETWORK);
    (void)listen_once();
    struct cage_answer a = {.magic = CAGE_ANSWER_MAGIC, .version = CAGE_VERSION};
    say(&a, sizeof a);
    pause();
}

static void play_network_large(void)
{
    greet(CAGE_NETWORK);
    struct cage_request q = listen_once();
    struct cage_answer a = {.magic = CAGE_ANSWER_MAGIC, .version = CAGE_VERSION};
    (void)!ftruncate(CAGE_FD_OUT, (off_t)q.out_max_bytes + 1);
    say(&a, sizeof a);
    pause();
}

static void play_network_mapped(void)
{
    greet(CAGE_NETWORK);
    (void)listen_once();
    struct cage_answer a = {.magic = CAGE_ANSWER_MAGIC, .version = CAGE_VERSION};
    (void)!ftruncate(CAGE_FD_OUT, 4096);
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, CAGE_FD_OUT, 0) == MAP_FAILED) {
        _exit(1);
    }
    say(&a, sizeof a);
    pause();
}

static void play_network_refusal(void)
{
    greet(CAGE_NETWORK);
    (void)listen_once();
    struct cage_answer a = {
        .magic = CAGE_ANSWER_MAGIC, .version = CAGE_VERSION, .code = ERR_MODEL_HOSTILE, .msg_n = 4, .msg = "link"};
    say(&a, sizeof a);
    pause();
}

/* clang-format off */
#define LIES(X) \
    X(magic) X(version) X(code_negative) X(code_unknown) X(code_foreign) X(msg_long) X(msg_huge) X(width_zero) \
    X(width_negative) X(width_wraps) X(side_long) X(area_large) X(dims_disagree) X(bytes_disagree) X(file_short) \
    X(file_long) X(channels_zero) X(channels_five) X(bits_odd) X(bits_sixteen) X(source_bits) X(format) \
    X(format_wild) X(orientation_zero) X(orientation_nine) X(still_writing) X(short) X(long) X(empty) X(hello_twice) \
    X(wrong_kind) X(unlocked) X(leave) X(crash) X(forbidden)
#define OTHERS(X) \
    X(descriptors) X(silent) X(hang) X(grow) X(spin) X(memory) X(rude) X(steady) X(network_empty) X(network_large) \
    X(network_mapped) X(network_refusal)
#define ROLE(name) {#name, play_##name},
static const struct role roles[] = {LIES(ROLE) OTHERS(ROLE)};
/* clang-format on */

/* --- the tests -----------------------------------------------------------------------------------------------------
 */

static struct intake_file png;

static enum rc decode_by(const char *role, int deadline_ms, const volatile bool *cancel, struct image *im,
                         struct err *e)
{
    *e = (struct err){.rc = RC_OK};
    struct intake_cage *cage;
    size_t fds_n = test_fds_n();
    assert_int_equal(intake_cage_open_at(child_program_path(role), deadline_ms, &cage, e), RC_OK);
    enum rc rc = intake_decode(cage, &png, cancel, im, e);
    intake_cage_close(cage);
    if (!test_childless() || test_fds_n() != fds_n) {
        fail_msg("%s: a process or a descriptor is left", role);
    }
    return rc;
}

static void expect(const char *role, enum err_code code)
{
    struct image im;
    struct err e;
    int64_t t = clock_mono_ns();
    enum rc rc = decode_by(role, 5000, NULL, &im, &e);
    if (rc == RC_OK || e.code != code || e.msg[0] == '\0' || im.owned != NULL) {
        fail_msg("%s: rc %d, E%d, '%s'", role, rc, (int)e.code, e.msg);
    }
    assert_true(clock_ms_since(t) < 4000);
}

static void test_every_lie_is_refused(void **state)
{
    (void)state;
#define LIE_ROW(name) expect(#name, ERR_CAGE);
    LIES(LIE_ROW)
#undef LIE_ROW
}

static void test_limits_have_their_own_codes(void **state)
{
    (void)state;
    expect("grow", ERR_IMAGE_LIMIT);
    expect("memory", ERR_IMAGE_LIMIT);
    expect("spin", ERR_IMAGE_TIME);
}

static void test_missing_program(void **state)
{
    (void)state;
    struct err e = {.rc = RC_OK};
    struct image im;
    struct intake_cage *cage;
    assert_int_equal(intake_cage_open_at("/nowhere/clinic-cage-image", 1000, &cage, &e), RC_OK);
    intake_cage_warm(cage);
    assert_int_equal(intake_decode(cage, &png, NULL, &im, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_CAGE);
    assert_non_null(strstr(e.msg, "clinic-cage-image"));
    intake_cage_close(cage);
}

static void test_words_of_the_child_are_made_safe(void **state)
{
    (void)state;
    struct image im;
    struct err e;
    assert_int_equal(decode_by("rude", 5000, NULL, &im, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_CORRUPT);
    assert_true(str_starts(e.msg, "Invalid or corrupted image file: "));
    for (const char *p = e.msg; *p; p++) {
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
    assert_true(utf8_valid(e.msg, strlen(e.msg)));
}

static void test_descriptors_of_the_child_are_dropped(void **state)
{
    (void)state;
    struct image im;
    struct err e;
    assert_int_equal(decode_by("descriptors", 5000, NULL, &im, &e), RC_OK); /* decode_by counts descriptors */
    assert_int_equal(im.u8[5], 9);
    image_fini(&im);
}

static void test_deadline(void **state)
{
    (void)state;
    struct image im;
    struct err e;
    int64_t t = clock_mono_ns();
    assert_int_equal(decode_by("hang", 300, NULL, &im, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_IMAGE_TIME);
    assert_string_equal(e.msg, "The picture takes more than 0.3 s to read");
    assert_int_equal(decode_by("silent", 300, NULL, &im, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_CAGE);
    assert_true(clock_ms_since(t) < 3000);
}

static volatile bool stop;

static void *stop_soon(void *unused)
{
    usleep(50 * 1000);
    stop = true;
    return unused;
}

static void test_cancel(void **state)
{
    (void)state;
    struct image im;
    struct err e;
    pthread_t thread;
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
    int64_t t = clock_mono_ns();
    assert_int_equal(decode_by("hang", 6000, &stop, &im, &e), RC_BUSY);
    assert_int_equal(e.code, ERR_CANCELLED);
    assert_true(clock_ms_since(t) < 2000);
    pthread_join(thread, NULL);
}

static void test_one_child_serves_a_batch(void **state)
{
    (void)state;
    struct err e = {.rc = RC_OK};
    struct intake_cage *cage;
    assert_int_equal(intake_cage_open_at(child_program_path("steady"), 5000, &cage, &e), RC_OK);
    intake_cage_warm(cage);
    struct image first, im;
    assert_int_equal(intake_decode(cage, &png, NULL, &first, &e), RC_OK);
    for (int i = 2; i < 20; i++) {
        assert_int_equal(intake_decode(cage, &png, NULL, &im, &e), RC_OK);
        assert_int_equal(im.u8[0], i);
        assert_int_equal(im.u8[5], i);
        image_fini(&im);
    }
    intake_cage_close(cage);
    assert_int_equal(first.u8[0], 1); /* pixels outlive the cage and later pictures */
    image_fini(&first);
}

static void test_a_dead_warm_child_is_replaced(void **state)
{
    (void)state;
    struct err e = {.rc = RC_OK};
    struct intake_cage *cage;
    assert_int_equal(intake_cage_open_at(child_program_path("steady"), 5000, &cage, &e), RC_OK);
    struct image im;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(intake_decode(cage, &png, NULL, &im, &e), RC_OK);
        assert_int_equal(im.u8[0], 1); /* the first picture of a new child */
        image_fini(&im);
        char task[64], words[64] = "";
        assert_true(str_format(task, sizeof task, "/proc/self/task/%d/children", (int)gettid()));
        int fd = open(task, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            skip(); /* kernel without CONFIG_PROC_CHILDREN */
        }
        assert_true(read(fd, words, sizeof words - 1) > 0);
        close(fd);
        assert_int_equal(kill((pid_t)strtol(words, NULL, 10), SIGKILL), 0);
        usleep(100 * 1000);
    }
    intake_cage_close(cage);
    assert_true(test_childless());
}

static void test_not_an_image_starts_nothing(void **state)
{
    (void)state;
    struct err e = {.rc = RC_OK};
    struct intake_file f;
    struct image im;
    struct intake_cage *cage;
    assert_int_equal(intake_open(test_file("words.png", "not a picture", 13), 1 << 20, &f, &e), RC_OK);
    assert_int_equal(intake_cage_open_at("/nowhere", 1000, &cage, &e), RC_OK);
    assert_int_equal(intake_decode(cage, &f, NULL, &im, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_TYPE);
    assert_string_equal(e.msg, "Invalid file type. Please upload a PNG, JPG, or JPEG image.");
    intake_cage_close(cage);
    intake_close(&f);
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        enum err_code code;
    } rows[] = {{"network_empty", ERR_CAGE},
                {"network_large", ERR_CAGE},
                {"network_refusal", ERR_MODEL_HOSTILE},
                {"unlocked", ERR_CAGE},
                {"hang", ERR_CAGE /* greets as the picture child */}};
    size_t fds_n = test_fds_n();
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct err e = {.rc = RC_OK};
        int fd = 0;
        enum rc rc = intake_import_at(child_program_path(rows[i].role), 2000, 1 << 20, &png, NULL, &fd, &e);
        if (rc == RC_OK || e.code != rows[i].code || fd != -1) {
            fail_msg("%s: rc %d, E%d, '%s', fd %d", rows[i].role, rc, (int)e.code, e.msg, fd);
        }
    }
    /* A child that keeps its mapping is gone before the seals: nothing can change under the reader. */
    struct err e = {.rc = RC_OK};
    int fd = -1;
    assert_int_equal(intake_import_at(child_program_path("network_mapped"), 2000, 1 << 20, &png, NULL, &fd, &e), RC_OK);
    assert_int_equal(fcntl(fd, F_GET_SEALS),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | (fcntl(fd, F_GET_SEALS) & ~0xf));
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    close(fd);
    assert_int_equal(test_fds_n(), fds_n);
    assert_true(test_childless());
}

int main(int argc, char **argv)
{
    (void)argc;
    child_program_run(argv[0], roles, ARRAY_N(roles));
    struct err e = {.rc = RC_OK};
    if (intake_open(test_file("tiny.png", tiny_png, tiny_png_n), 1 << 20, &png, &e) != RC_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_lie_is_refused),
        cmocka_unit_test(test_limits_have_their_own_codes),
        cmocka_unit_test(test_missing_program),
        cmocka_unit_test(test_words_of_the_child_are_made_safe),
        cmocka_unit_test(test_descriptors_of_the_child_are_dropped),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_one_child_serves_a_batch),
        cmocka_unit_test(test_a_dead_warm_child_is_replaced),
        cmocka_unit_test(test_not_an_image_starts_nothing),
        cmocka_unit_test(test_networks),
    };
    int failed = cmocka_run_group_tests_name("hostile child", tests, NULL, NULL);
    intake_close(&png);
    child_program_clean();
    return failed;
}
