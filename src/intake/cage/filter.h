#ifndef CLINIC_INTAKE_CAGE_FILTER_H
#define CLINIC_INTAKE_CAGE_FILTER_H

#include <stdbool.h>
#include <sys/syscall.h>

#if defined(__aarch64__)
/* Old calls that newer architectures never had: a number no kernel uses. */
#define SYS_open (-1)
#define SYS_stat (-1)
#define SYS_lstat (-1)
#define SYS_access (-1)
#define SYS_readlink (-1)
#endif

/* 1 where the sanitizers' run-time lives in the process: it needs calls and an address space no parser needs. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAGE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define CAGE_SANITIZED 1
#endif
#endif
#ifndef CAGE_SANITIZED
#define CAGE_SANITIZED 0
#endif

/* Installs the table of calls.def for the whole process; needs no_new_privs. False with errno. */
bool cage_filter_install(void);

#endif
