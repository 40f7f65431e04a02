/* log - one line per event, logfmt:
 *
 *     t=2026-11-30T20:14:46.304Z up=12.304 lvl=warn machine=gpu-7 actor=shard/eu/2 ev=push_stale step=41
 *     from=worker/us/7
 *
 * Time     of day, in UTC, to compare machines by; and since the process began, which no clock that jumps
 *          changes.
 * Repeats  warnings and errors that come again are told at growing distances (log_repeat.h), with held=N.
 * Why      people grep it, programs parse it.       Not  for cores and libraries: they return errors; shells
 *          log.
 * Threads  any; a line is written by one write(2).
 */
#ifndef CODEC_BASE_LOG_H
#define CODEC_BASE_LOG_H

/* czmq.h brings syslog.h, whose macros have other values for the same names: it comes first, and they go. */
#include <syslog.h>
#undef LEVEL_DEBUG
#undef LEVEL_INFO

#include "codec/base/err.h"

#include <stddef.h>

typedef enum { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR } log_level_t;

/* Where lines go (default: standard error) and from which level on (default: info). */
void log_open(int fd, log_level_t least);

/* Lines go to a file that is begun anew when it has grown beyond most_bytes (log_file.h). Errors: ERR_IO,
 * with errno. */
MUST_USE err_code_t log_open_file(const char *path, size_t most_bytes, log_level_t least, err_t *err);

/* A second place for lines from this level on, for people who look at a terminal while the log is a file;
 * -1: none. */
void log_echo(int fd, log_level_t least);

/* log_event(LEVEL_WARN, "shard/eu/2", "push_stale", "step=%d from=%s; dropping", ...) */
void log_event(log_level_t level, const char *actor, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
