/* The seccomp program, written out as classic BPF, five instructions a row: no library between table and kernel. */
#include "intake/cage/filter.h"

#include "base/text.h"
#include "intake/cage/record.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define CAGE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CAGE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the system call table of this architecture has not been reviewed"
#endif

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "low halves of arguments are read at offset 0");

enum rule { RULE_ALLOW, RULE_DENY, RULE_NO_EXEC, RULE_ON_FD };

static const struct call {
    int number;
    enum rule rule;
    unsigned fd;
} calls[] = {
#define ALLOW RULE_ALLOW, 0
#define DENY RULE_DENY, 0
#define NO_EXEC RULE_NO_EXEC, 0
#define ON_FD(n) RULE_ON_FD, n
#define CALL(name, rule) {SYS_##name, rule},
#include "intake/cage/calls.def"
#undef CALL
#undef ALLOW
#undef DENY
#undef NO_EXEC
#undef ON_FD
};

#if CAGE_SANITIZED
/* The sanitizers' run-time symbolizes, maps shadow memory and prints from inside: unknown calls fail instead of
 * killing, and these are allowed besides. Such a build is for tests only. */
static const int sanitizer_calls[] = {SYS_write,       SYS_mmap,         SYS_mprotect,       SYS_prlimit64,
                                      SYS_sched_yield, SYS_getpid,       SYS_gettid,         SYS_fstat,
                                      SYS_sigaltstack, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_tgkill};
enum { OTHERWISE = SECCOMP_RET_ERRNO | EPERM, EXTRA_N = ARRAY_N(sanitizer_calls) };
#else
#define OTHERWISE SECCOMP_RET_KILL_PROCESS
enum { EXTRA_N = 0 };
#endif

enum { PROGRAM_CAP = 16 + 5 * ARRAY_N(calls) + 2 * EXTRA_N };

struct program {
    struct sock_filter code[PROGRAM_CAP];
    unsigned short n;
};

static void emit(struct program *p, unsigned op, size_t k, unsigned jump_true, unsigned jump_false)
{
    p->code[p->n++] = (struct sock_filter){
        .code = (unsigned short)op, .jt = (unsigned char)jump_true, .jf = (unsigned char)jump_false, .k = (unsigned)k};
}

static void emit_load(struct program *p, size_t offset)
{
    emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void emit_return(struct program *p, unsigned action)
{
    emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* The accumulator holds the call's number; a row that decides never falls through. */
static void emit_call(struct program *p, const struct call *c)
{
    unsigned body = c->rule == RULE_ALLOW || c->rule == RULE_DENY ? 1 : 4;
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (unsigned)c->number, 0, body);
    switch (c->rule) {
    case RULE_ALLOW:
        emit_return(p, SECCOMP_RET_ALLOW);
        break;
    case RULE_DENY:
        emit_return(p, SECCOMP_RET_ERRNO | EPERM);
        break;
    case RULE_NO_EXEC:
        emit_load(p, offsetof(struct seccomp_data, args[2]));
        emit(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0);
        emit_return(p, SECCOMP_RET_ALLOW);
        emit_return(p, SECCOMP_RET_ERRNO | EPERM);
        break;
    case RULE_ON_FD:
        emit_load(p, offsetof(struct seccomp_data, args[0]));
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->fd, 0, 1);
        emit_return(p, SECCOMP_RET_ALLOW);
        emit_return(p, SECCOMP_RET_ERRNO | EPERM);
        break;
    }
}

bool cage_filter_install(void)
{
    struct program p = {.n = 0};
    emit_load(&p, offsetof(struct seccomp_data, arch));
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, CAGE_ARCH, 1, 0);
    emit_return(&p, SECCOMP_RET_KILL_PROCESS);
    emit_load(&p, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    /* x32 numbers reach other calls through the same entry. */
    emit(&p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    emit_return(&p, SECCOMP_RET_KILL_PROCESS);
#endif
#if CAGE_SANITIZED
    for (size_t i = 0; i < ARRAY_N(sanitizer_calls); i++) {
        emit_call(&p, &(struct call){sanitizer_calls[i], RULE_ALLOW, 0});
    }
#endif
    for (size_t i = 0; i < ARRAY_N(calls); i++) {
        emit_call(&p, &calls[i]);
    }
    emit_return(&p, OTHERWISE);
    assert(p.n <= PROGRAM_CAP);
    struct sock_fprog program = {.len = p.n, .filter = p.code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}
