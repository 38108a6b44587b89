/* The lock itself, tried from inside: a probe locks itself exactly as the parsers do and then tries what a taken-over
 * parser would try. And the shipped programs, looked at from outside through /proc. */
#include "child_program.h"

#include "base/text.h"
#include "intake.h"
#include "intake/cage/cage.h"
#include "intake/cage/filter.h"
#include "intake/cage_priv.h"
#include "intake/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What a probe tells by its exit code; killed by SIGSYS is the third way out. */
enum { ALLOWED = 0, DENIED = 40, OTHER_ERROR = 41 };

static void tell(long result)
{
    _exit(result >= 0 ? ALLOWED : errno == EPERM ? DENIED : OTHER_ERROR);
}

#define PROBE(name, ...)                                                                                               \
    static void play_##name(void)                                                                                      \
    {                                                                                                                  \
        struct cage_hello h;                                                                                           \
        cage_enter(CAGE_IMAGE, &h);                                                                                    \
        tell(__VA_ARGS__);                                                                                             \
    }

static struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
static char one_byte[1];

/* Must fail with EPERM ... */
#define DENIED_PROBES(X)                                                                                               \
    X(open_file, syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY))                                               \
    X(open_write, syscall(SYS_openat, AT_FDCWD, "/tmp/clinic-probe", O_WRONLY | O_CREAT, 0600))                        \
    X(stat_file, syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", one_byte, 0))                                        \
    X(make_socket, syscall(SYS_socket, AF_INET, SOCK_STREAM, 0))                                                       \
    X(ask_ioctl, syscall(SYS_ioctl, 0, 0x5401, one_byte))                                                              \
    X(ask_fcntl, syscall(SYS_fcntl, CAGE_FD_TALK, F_DUPFD, 100))                                                       \
    X(map_code, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0)    \
    X(make_code, syscall(SYS_mprotect, (uintptr_t)&no_limit & ~(uintptr_t)4095, 4096, PROT_READ | PROT_EXEC))          \
    X(raise_limit, syscall(SYS_prlimit64, 0, RLIMIT_AS, &no_limit, NULL))                                              \
    X(shrink_input, ftruncate(CAGE_FD_IN, 0))                                                                          \
    X(write_input, pwrite(CAGE_FD_IN, "x", 1, 0))                                                                      \
    X(handle_signal, syscall(SYS_rt_sigaction, SIGXCPU, NULL, NULL, 8))
/* ... must kill. */
#define KILLED_PROBES(X)                                                                                               \
    X(fork_child, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))                                                             \
    X(run_program, execve("/bin/sh", (char *[]){(char *)one_byte, NULL}, (char *[]){NULL}))                            \
    X(trace_parent, ptrace(PTRACE_ATTACH, getppid(), 0, 0))                                                            \
    X(kill_parent, syscall(SYS_kill, 1, 0))                                                                            \
    X(connect_out, connect(CAGE_FD_TALK, (const struct sockaddr *)one_byte, 1))                                        \
    X(copy_descriptor, dup(CAGE_FD_TALK))                                                                              \
    X(remove_file, syscall(SYS_unlinkat, AT_FDCWD, "/tmp/nothing", 0))                                                 \
    X(make_ring, syscall(SYS_io_uring_setup, 1, one_byte))                                                             \
    X(load_bpf, syscall(SYS_bpf, 0, one_byte, 0))                                                                      \
    X(read_memory, syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0))                                              \
    X(new_namespace, syscall(SYS_unshare, 0x10000000))                                                                 \
    X(set_trap, syscall(SYS_userfaultfd, 0))                                                                           \
    X(other_filter, syscall(SYS_seccomp, 1, 0, NULL))                                                                  \
    X(unknown_call, syscall(1000))                                                                                     \
    X(x32_call, syscall(0x40000000 + 39))
/* Must still work, or every picture fails. */
#define ALLOWED_PROBES(X)                                                                                              \
    X(map_memory,                                                                                                      \
      mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0)          \
    X(complain, write(2, "", 0))

DENIED_PROBES(PROBE)
KILLED_PROBES(PROBE)
ALLOWED_PROBES(PROBE)

/* Inherited descriptors are gone. */
PROBE(inherited, pread(9, one_byte, 1, 0) == -1 && errno == EBADF ? 0 : -1)
/* One byte more than the address space allows is refused, without harm. */
PROBE(address_space,
      mmap(NULL, (size_t)CAGE_ADDRESS_SPACE_MB << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
              errno == ENOMEM
          ? 0
          : -1)

static enum rc parse_forever(const struct cage_request *q, struct cage_answer *a, struct err *e)
{
    (void)q;
    (void)a;
    for (volatile unsigned n = 0;; n++) {}
    return err_set(e, ERR_INTERNAL, "never");
}

static enum rc parse_bomb(const struct cage_request *q, struct cage_answer *a, struct err *e)
{
    (void)q;
    (void)a;
    /* Memory is touched, so that the limit and not the promise is tested. */
    for (size_t total = 0; total < (size_t)2 << 30; total += 16 << 20) {
        void *p = mem_aligned(16 << 20, e);
        if (!p) {
            return RC_FAILED;
        }
        memset(p, 1, 16 << 20);
    }
    return RC_OK;
}

static enum rc parse_output_bomb(const struct cage_request *q, struct cage_answer *a, struct err *e)
{
    (void)q;
    (void)a;
    (void)!ftruncate(CAGE_FD_OUT, (off_t)CAGE_OUT_MAX_BYTES + 1);
    return err_set(e, ERR_INTERNAL, "the kernel let it grow");
}

/* What an importer does with its three descriptors, and nothing else. */
static enum rc parse_copy(const struct cage_request *q, struct cage_answer *a, struct err *e)
{
    (void)a;
    static char part[1 << 16];
    uint64_t out = 0;
    for (uint64_t at = 0; at < q->in_bytes; at += sizeof part) {
        ssize_t n = pread(CAGE_FD_IN, part, sizeof part, (off_t)at);
        if (n <= 0 || pwrite(CAGE_FD_OUT, part, (size_t)n, (off_t)at) != n) {
            return err_sys(e, ERR_MODEL_TRUNCATED, errno, "copy");
        }
        out += (uint64_t)n;
    }
    if (q->extra_bytes > 0) {
        ssize_t n = pread(CAGE_FD_EXTRA, part, (size_t)q->extra_bytes, 0);
        if (n <= 0 || pwrite(CAGE_FD_OUT, part, (size_t)n, (off_t)out) != n) {
            return err_sys(e, ERR_MODEL_CONFIG, errno, "copy");
        }
    }
    return RC_OK;
}

static void play_copy(void)
{
    struct cage_hello h;
    cage_enter(CAGE_NETWORK, &h);
    cage_serve(&h, parse_copy);
}

#define SERVER(name)                                                                                                   \
    static void play_##name(void)                                                                                      \
    {                                                                                                                  \
        struct cage_hello h;                                                                                           \
        cage_enter(CAGE_IMAGE, &h);                                                                                    \
        cage_serve(&h, parse_##name);                                                                                  \
    }
SERVER(forever)
SERVER(bomb)
SERVER(output_bomb)

/* clang-format off */
#define SERVERS(X) X(inherited, 0) X(address_space, 0) X(forever, 0) X(bomb, 0) X(output_bomb, 0) X(copy, 0)
#define ROLE(name, ...) {#name, play_##name},
static const struct role roles[] = {DENIED_PROBES(ROLE) KILLED_PROBES(ROLE) ALLOWED_PROBES(ROLE) SERVERS(ROLE)};
/* clang-format on */

/* Every row of the table by its rule, with arguments that do no harm: descriptor 99 and zeros. */
enum rule { ALLOW, DENY, ON_SOME_FD, NO_EXEC };
#define ON_FD(n) ON_SOME_FD
static const struct row {
    const char *name;
    int number;
    enum rule rule;
} rows[] = {
#define CALL(name, rule) {#name, SYS_##name, rule},
#include "intake/cage/calls.def"
#undef CALL
};

static void play_row(const char *name)
{
    struct cage_hello h;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (str_eq(rows[i].name, name)) {
            cage_enter(CAGE_IMAGE, &h);
            tell(syscall(rows[i].number, 99, 0, 0, 0, 0, 0));
        }
    }
}

/* --- probes --------------------------------------------------------------------------------------------------------
 */

/* Runs a probe with a spare descriptor 9; the wait status. */
static int probe(const char *role)
{
    const char *path = child_program_path(role);
    posix_spawn_file_actions_t fds;
    assert_int_equal(posix_spawn_file_actions_init(&fds), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&fds, 9, "/proc/self/exe", O_RDONLY, 0), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&fds, 2, "/dev/null", O_WRONLY, 0), 0);
    char *argv[] = {(char *)(uintptr_t)path, NULL}, *env[] = {NULL};
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, path, &fds, NULL, argv, env), 0);
    posix_spawn_file_actions_destroy(&fds);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void expect_exit(const char *role, int code)
{
    int status = probe(role);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code) {
        fail_msg("%s: wait status 0x%x, expected exit %d", role, (unsigned)status, code);
    }
}

static void expect_killed(const char *role)
{
    int status = probe(role);
    bool stopped = CAGE_SANITIZED ? WIFEXITED(status) && WEXITSTATUS(status) != ALLOWED
                                  : WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    if (!stopped && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)) {
        fail_msg("%s: wait status 0x%x, expected SIGSYS", role, (unsigned)status);
    }
}

static void test_doubtful_calls_fail(void **state)
{
    (void)state;
    if (CAGE_SANITIZED) {
        skip(); /* such a build's run-time needs some of them */
    }
#define ROW(name, ...) expect_exit(#name, DENIED);
    DENIED_PROBES(ROW)
#undef ROW
}

static void test_every_row_of_the_table(void **state)
{
    (void)state;
    if (CAGE_SANITIZED) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        char role[64];
        assert_true(str_format(role, sizeof role, "row-%s", rows[i].name));
        int status = rows[i].number < 0 ? -1 : probe(role);
        bool denied = WIFEXITED(status) && WEXITSTATUS(status) == DENIED;
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
        bool right = rows[i].rule == DENY || rows[i].rule == ON_SOME_FD ? denied : !denied && !killed;
        if (rows[i].number >= 0 && !right) {
            fail_msg("%s: wait status 0x%x", rows[i].name, (unsigned)status);
        }
    }
}

static void test_other_calls_kill(void **state)
{
    (void)state;
#define ROW(name, ...) expect_killed(#name);
    KILLED_PROBES(ROW)
#undef ROW
}

static void test_needed_calls_work(void **state)
{
    (void)state;
#define ROW(name, ...) expect_exit(#name, ALLOWED);
    ALLOWED_PROBES(ROW)
#undef ROW
    expect_exit("inherited", ALLOWED);
}

static void test_bombs(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        enum err_code code;
        const char *says;
    } bombs[] = {
        {"bomb", ERR_IMAGE_LIMIT, "needs more than 768 MB"},
        {"output_bomb", ERR_IMAGE_LIMIT, "grows beyond"},
        {"forever", ERR_IMAGE_TIME, "computing"},
    };
    struct err e = {.rc = RC_OK};
    struct intake_file f;
    assert_int_equal(intake_open(test_file("tiny.png", tiny_png, tiny_png_n), 1 << 20, &f, &e), RC_OK);
    if (!CAGE_SANITIZED) {
        expect_exit("address_space", ALLOWED);
    }
    for (size_t i = CAGE_SANITIZED ? 1 : 0; i < ARRAY_N(bombs); i++) {
        struct intake_cage *cage;
        struct image im;
        e = (struct err){.rc = RC_OK};
        assert_int_equal(intake_cage_open_at(child_program_path(bombs[i].role), 60000, &cage, &e), RC_OK);
        enum rc rc = intake_decode(cage, &f, NULL, &im, &e);
        if (rc != RC_INPUT || e.code != bombs[i].code || !strstr(e.msg, bombs[i].says)) {
            fail_msg("%s: rc %d, E%d '%s'", bombs[i].role, rc, (int)e.code, e.msg);
        }
        intake_cage_close(cage);
    }
    intake_close(&f);
    assert_true(test_childless());
}

static void test_networks_pass_through(void **state)
{
    (void)state;
    enum { N = 3 * 1000 * 1000 + 17 };
    struct err e = {.rc = RC_OK};
    struct intake_file f, json;
    char *data = mem_zalloc(N, 1, &e);
    assert_non_null(data);
    for (size_t i = 0; i < N; i++) {
        data[i] = (char)(i * 7 + i / 256);
    }
    assert_int_equal(intake_open_network(test_file("net.h5", data, N), N, &f, &e), RC_OK);
    assert_int_equal(intake_open_network(test_file("net.json", "{}", 2), 100, &json, &e), RC_OK);
    for (int with_json = 0; with_json < 2; with_json++) {
        int fd;
        if (intake_import_at(child_program_path("copy"), 60000, N + 2, &f, with_json ? &json : NULL, &fd, &e) !=
            RC_OK) {
            fail_msg("%s", e.msg);
        }
        size_t n = N + (with_json ? 2 : 0);
        assert_int_equal(lseek(fd, 0, SEEK_END), n);
        char *copy = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
        assert_ptr_not_equal(copy, MAP_FAILED);
        assert_memory_equal(copy, data, N);
        assert_memory_equal(copy + N, "{}", n - N);
        munmap(copy, n);
        close(fd);
    }
    /* One byte less than is needed: the cap is checked here, whatever the child thinks of it. */
    int fd = 0;
    assert_int_equal(intake_import_at(child_program_path("copy"), 60000, N - 1, &f, NULL, &fd, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_CAGE);
    assert_int_equal(fd, -1);
    intake_close(&f);
    intake_close(&json);
    mem_free(data);
    assert_true(test_childless());
}

/* --- the shipped programs --------------------------------------------------------------------------------------------
 */

static char *proc_text(pid_t pid, const char *name)
{
    static char text[8192];
    char path[64];
    assert_true(str_format(path, sizeof path, "/proc/%d/%s", (int)pid, name));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n > 0);
    text[n] = '\0';
    return text;
}

/* The rest of the line that starts with label, blanks squeezed. */
static void assert_line(pid_t pid, const char *name, const char *label, const char *want)
{
    const char *text = proc_text(pid, name), *at = strstr(text, label);
    assert_non_null(at);
    char got[128];
    size_t n = 0;
    for (at += strlen(label); *at && *at != '\n' && n < sizeof got - 1; at++) {
        bool blank = *at == ' ' || *at == '\t';
        if (!blank || (n > 0 && got[n - 1] != ' ')) {
            got[n++] = blank ? ' ' : *at;
        }
    }
    got[n] = '\0';
    if (!str_starts(got, want)) {
        fail_msg("/proc/.../%s: %s '%s', expected '%s'", name, label, got, want);
    }
}

static void check_locked(const char *program, enum cage_kind kind)
{
    char binary[PATH_MAX];
    struct err e = {.rc = RC_OK};
    assert_int_equal(intake_cage_binary(program, binary, sizeof binary, &e), RC_OK);
    if (access(binary, X_OK) != 0) {
        print_message("%s is not built\n", program);
        skip();
    }
    struct child c = {.pid = 0};
    assert_int_equal(child_start(&c, binary, &e), RC_OK);
    if (child_greet(&c, kind, CAGE_WALL_MS, &e) != RC_OK) {
        fail_msg("%s", e.msg);
    }
    assert_line(c.pid, "status", "NoNewPrivs:", "1");
    assert_line(c.pid, "status", "Seccomp:", "2");
    assert_line(c.pid, "status", "CapEff:", "0000000000000000");
    assert_line(c.pid, "status", "CapPrm:", "0000000000000000");
    assert_line(c.pid, "status", "Threads:", "1");
    if (!CAGE_SANITIZED) {
        assert_line(c.pid, "limits", "Max address space", "805306368 805306368 bytes");
    }
    assert_line(c.pid, "limits", "Max cpu time", kind == CAGE_NETWORK ? "30 31 seconds" : "6 7 seconds");
    assert_line(c.pid, "limits", "Max core file size", "0 0 bytes");
    assert_line(c.pid, "limits", "Max processes", "0 0 processes");
    assert_line(c.pid, "limits", "Max open files", "7 7 files");
    assert_line(c.pid, "limits", "Max file size", "2147483648 2147483648 bytes");
    if (geteuid() == 0) { /* not dumpable: only root may look */
        char path[64];
        for (int fd = 0; fd < 16; fd++) {
            assert_true(str_format(path, sizeof path, "/proc/%d/fd/%d", (int)c.pid, fd));
            char to[64] = "";
            bool open = readlink(path, to, sizeof to - 1) > 0;
            assert_int_equal(open, fd <= CAGE_FD_TALK);
            assert_true(!open || fd == CAGE_FD_TALK || CAGE_SANITIZED || str_eq(to, "/dev/null"));
        }
    }
    child_end(&c);
    assert_true(test_childless());
}

static void test_image_program_is_locked(void **state)
{
    (void)state;
    check_locked("clinic-cage-image", CAGE_IMAGE);
}

static void test_network_program_is_locked(void **state)
{
    (void)state;
    check_locked("clinic-cage-network", CAGE_NETWORK);
}

static void test_real_pictures(void **state)
{
    (void)state;
    char binary[PATH_MAX];
    struct err e = {.rc = RC_OK};
    assert_int_equal(intake_cage_binary("clinic-cage-image", binary, sizeof binary, &e), RC_OK);
    if (access(binary, X_OK) != 0) {
        print_message("clinic-cage-image is not built\n");
        skip();
    }
    struct intake_cage *cage;
    struct intake_file f;
    struct image im;
    size_t fds_n = test_fds_n();
    assert_int_equal(intake_cage_open_at(binary, CAGE_WALL_MS, &cage, &e), RC_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(intake_open(test_file("tiny.png", tiny_png, tiny_png_n), 1 << 20, &f, &e), RC_OK);
        if (intake_decode(cage, &f, NULL, &im, &e) != RC_OK) {
            fail_msg("%s", e.msg);
        }
        assert_int_equal(im.width_px, 1);
        assert_int_equal(im.u8[0], 77);
        image_fini(&im);
        intake_close(&f);
        /* Every cut of the file: an error in the decoder's words, never a picture. */
        if ((size_t)i >= 8 && (size_t)i < tiny_png_n) {
            assert_int_equal(intake_open(test_file("cut.png", tiny_png, (size_t)i), 1 << 20, &f, &e), RC_OK);
            assert_int_equal(intake_decode(cage, &f, NULL, &im, &e), RC_INPUT);
            assert_int_equal(e.code, ERR_FILE_CORRUPT);
            assert_true(str_starts(e.msg, "Invalid or corrupted image file"));
            assert_null(im.owned);
            e = (struct err){.rc = RC_OK};
            intake_close(&f);
        }
    }
    intake_cage_close(cage);
    assert_int_equal(test_fds_n(), fds_n);
    assert_true(test_childless());
    char words[200];
    intake_describe(words, sizeof words);
    assert_true(str_starts(words, "seccomp yes, landlock "));
    assert_true(test_childless());
}

int main(int argc, char **argv)
{
    (void)argc;
    child_program_run(argv[0], roles, ARRAY_N(roles));
    if (str_starts(path_base(argv[0]), "row-")) {
        play_row(path_base(argv[0]) + strlen("row-"));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubtful_calls_fail),     cmocka_unit_test(test_every_row_of_the_table),
        cmocka_unit_test(test_other_calls_kill),        cmocka_unit_test(test_needed_calls_work),
        cmocka_unit_test(test_networks_pass_through),   cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_image_program_is_locked), cmocka_unit_test(test_network_program_is_locked),
        cmocka_unit_test(test_real_pictures),
    };
    int failed = cmocka_run_group_tests_name("cage", tests, NULL, NULL);
    child_program_clean();
    return failed;
}
