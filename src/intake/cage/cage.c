/* Locks the process, layer by layer, so that one failing layer leaves the others: descriptors, rlimits, privileges,
 * Landlock, seccomp. The order matters: seccomp last, because it forbids the calls that set up the rest. */
#include "intake/cage/cage.h"

#include "intake/cage/filter.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Exit codes of a child that could not lock itself; the parent reads them as "the cage failed" (E109). */
enum { EXIT_LIMITS = 71, EXIT_PRIVILEGES = 72, EXIT_SECCOMP = 73 };

#if CAGE_SANITIZED
const char *__asan_default_options(void);
/* Leak checking at exit stops the process with ptrace, which no cage allows. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0:allocator_may_return_null=1";
}
#endif

static void limit_or_die(int resource, rlim_t soft, rlim_t hard)
{
    struct rlimit l = {.rlim_cur = soft, .rlim_max = hard};
    if (setrlimit((__rlimit_resource_t)resource, &l) != 0) {
        _exit(EXIT_LIMITS);
    }
}

static void set_limits(enum cage_kind kind)
{
    if (!CAGE_SANITIZED) { /* shadow memory alone takes 16 TB of addresses */
        limit_or_die(RLIMIT_AS, (rlim_t)CAGE_ADDRESS_SPACE_MB << 20, (rlim_t)CAGE_ADDRESS_SPACE_MB << 20);
    }
    rlim_t cpu_s = kind == CAGE_NETWORK ? CAGE_NETWORK_CPU_S : CAGE_CPU_S + CAGE_CPU_WARM_S;
    limit_or_die(RLIMIT_CPU, cpu_s, cpu_s + 1);
    limit_or_die(RLIMIT_FSIZE, CAGE_OUT_MAX_BYTES, CAGE_OUT_MAX_BYTES);
    limit_or_die(RLIMIT_CORE, 0, 0);
    limit_or_die(RLIMIT_NPROC, 0, 0);
    /* Not 0: the kernel would then not hand over the descriptors of a request. No number beyond them exists. */
    limit_or_die(RLIMIT_NOFILE, CAGE_FD_END, CAGE_FD_END);
}

static void drop_privileges(enum cage_kind kind)
{
    /* The signal comes when the spawning *thread* ends, and a warm picture child may outlive that one: it leaves at the
     * end of its socket instead. A network child is born and buried in one call. */
    if (kind == CAGE_NETWORK && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
        _exit(EXIT_PRIVILEGES);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        _exit(EXIT_PRIVILEGES);
    }
    /* Matters only where the station is run by root, which it should not be: then root's powers end here. */
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    memset(none, 0, sizeof none);
    if (syscall(SYS_capset, &head, none) != 0) {
        _exit(EXIT_PRIVILEGES);
    }
}

/* Kernel interface, spelled out because Debian's headers are older than the kernels the program meets. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif
struct landlock_rules {
    uint64_t fs, net, scope;
};
enum { LANDLOCK_ASK_VERSION = 1 };

/* Handles every right the kernel knows of and grants none. Returns the kernel's ABI, 0 without Landlock. */
static uint32_t forbid_files(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_ASK_VERSION);
    if (abi < 1) {
        return 0;
    }
    static const uint64_t fs_bits[] = {13, 13, 14, 15, 15, 16}; /* rights on files known to ABI 1, 2, ... */
    size_t row = abi > 5 ? 5 : (size_t)abi;
    struct landlock_rules r = {
        .fs = ((uint64_t)1 << fs_bits[row]) - 1,
        .net = abi >= 4 ? 3 : 0,   /* bind and connect of TCP */
        .scope = abi >= 6 ? 3 : 0, /* abstract Unix sockets, signals */
    };
    long fd = syscall(SYS_landlock_create_ruleset, &r, sizeof r, 0);
    if (fd < 0) {
        return 0;
    }
    long done = syscall(SYS_landlock_restrict_self, (int)fd, 0);
    close((int)fd);
    return done == 0 ? (uint32_t)abi : 0;
}

void cage_enter(enum cage_kind kind, struct cage_hello *hello)
{
    (void)syscall(SYS_close_range, CAGE_FD_IN, ~0U, 0);
    *hello = (struct cage_hello){.magic = CAGE_HELLO_MAGIC, .version = CAGE_VERSION, .kind = kind};
    drop_privileges(kind);
    hello->landlock_abi = forbid_files(); /* needs a free descriptor: before the limits */
    set_limits(kind);
    if (!cage_filter_install()) {
        _exit(EXIT_SECCOMP);
    }
    hello->seccomp = 1;
}
