/* Log: <home>/clinic.log, one line "2026-03-02T10:14:00Z warn mail: ..."; rotated by size. Never patient data, names,
 * passwords or file contents. Before log_open, and while there is no <home>, lines are dropped. Processes may share it.
 */
#ifndef CLINIC_BASE_LOG_H
#define CLINIC_BASE_LOG_H

#include "base/conf.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum rc log_open(const struct conf *c, struct err *e) MUST_USE;
void log_line(enum log_level level, const char *room, const char *fmt, ...) PRINTF_LIKE(3, 4);
void log_close(void);

#endif
