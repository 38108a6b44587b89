#include "base/text.h"
#include "intake.h"
#include "intake/cage_priv.h"
#include "intake/child.h"

#include <limits.h>

/* Asks a real child rather than the kernel: what counts is what was locked. */
void intake_describe(char *out, size_t cap)
{
    char binary[PATH_MAX];
    struct child child = {.pid = 0};
    struct err e = {.rc = RC_OK};
    if (intake_cage_binary("clinic-cage-image", binary, sizeof binary, &e) != RC_OK ||
        child_start(&child, binary, &e) != RC_OK || child_greet(&child, CAGE_IMAGE, CAGE_WALL_MS, &e) != RC_OK) {
        (void)str_format(out, cap, "not working: %s", e.msg);
        return;
    }
    if (child.hello.landlock_abi > 0) {
        (void)str_format(out, cap, "seccomp yes, landlock yes (ABI %u), rlimits yes", child.hello.landlock_abi);
    } else {
        (void)str_format(out, cap, "seccomp yes, landlock no (kernel without it), rlimits yes");
    }
    child_end(&child);
}
