/* What crosses the border between the station and a caged parser: fixed records over one SOCK_SEQPACKET socket, bulk
 * data in memfds sent along (SCM_RIGHTS). Both ends are built together, so a version mismatch means a wrong
 * installation. */
#ifndef CLINIC_INTAKE_CAGE_RECORD_H
#define CLINIC_INTAKE_CAGE_RECORD_H

#include <assert.h>
#include <stdint.h>

enum {
    CAGE_HELLO_MAGIC = 0x31474143,   /* "CAG1" */
    CAGE_REQUEST_MAGIC = 0x32474143, /* "CAG2" */
    CAGE_ANSWER_MAGIC = 0x33474143,  /* "CAG3" */
    CAGE_VERSION = 1,
    CAGE_MSG_CAP = 200,
};

/* The child's descriptors; there are no others. The last three arrive with each request, always at these numbers
 * because they are the lowest free ones, and are closed after it. */
enum {
    CAGE_FD_TALK = 3,
    CAGE_FD_IN = 4,
    CAGE_FD_OUT = 5,
    CAGE_FD_EXTRA = 6, /* network: architecture of a weights-only file */
    CAGE_FD_END = 7,
};

/* Limits of the child. */
enum {
    CAGE_ADDRESS_SPACE_MB = 768,
    CAGE_CPU_S = 5,      /* for one file */
    CAGE_CPU_WARM_S = 1, /* a child that has used more takes no further file, so each has CAGE_CPU_S before it */
    CAGE_WALL_MS = 6000,
    CAGE_NETWORK_MS_PER_MB = 10, /* besides: VGG16 has 553 MB, and a slow disk's worth of memory to fill */
    CAGE_NETWORK_CPU_S = 30,     /* for the one file of its life; the wall clock is the nearer limit */
};
#define CAGE_OUT_MAX_BYTES ((uint64_t)2 << 30)

enum cage_kind { CAGE_IMAGE = 1, CAGE_NETWORK = 2 };

/* First message of a child, sent when it is locked and before it has seen any foreign byte. */
struct cage_hello {
    uint32_t magic, version;
    uint32_t kind;
    uint32_t landlock_abi; /* 0: the kernel has none */
    uint32_t seccomp;      /* 1: the filter is on */
    uint32_t reserved;
};

struct cage_request {
    uint32_t magic, version;
    uint64_t in_bytes;
    uint64_t extra_bytes; /* 0: no CAGE_FD_EXTRA */
    uint64_t out_max_bytes;
};

struct cage_answer {
    uint32_t magic, version;
    int32_t code;                                                                  /* 0 or a number of errors.def */
    int32_t width_px, height_px, channels, bits, source_bits, format, orientation; /* image only, else 0 */
    uint64_t out_bytes;
    uint32_t msg_n; /* bytes of msg, no NUL counted; 0 without an error */
    uint32_t reserved;
    char msg[CAGE_MSG_CAP];
};
static_assert(sizeof(struct cage_hello) == 24, "no padding in what crosses the border");
static_assert(sizeof(struct cage_request) == 32, "no padding in what crosses the border");
static_assert(sizeof(struct cage_answer) == 56 + CAGE_MSG_CAP, "no padding in what crosses the border");

#endif
