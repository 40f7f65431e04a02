/* log - one line per event, logfmt: t=12.304 lvl=warn actor=shard/eu/2 ev=push_stale step=41 from=worker/us/7
 *
 * Why      people grep it, programs parse it.       Not  for cores and libraries: they return errors; shells log.
 * Threads  any; a line is written by one write(2).
 */
#ifndef CODEC_BASE_LOG_H
#define CODEC_BASE_LOG_H

/* czmq.h brings syslog.h, whose macros have other values for the same names: it comes first, and they go. */
#include <syslog.h>
#undef LEVEL_DEBUG
#undef LEVEL_INFO

typedef enum { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR } log_level_t;

/* Where lines go (default: standard error) and from which level on (default: info). */
void log_open(int fd, log_level_t least);

/* A second place for lines from this level on, for people who look at a terminal while the log is a file; -1: none. */
void log_echo(int fd, log_level_t least);

/* log_event(LEVEL_WARN, "shard/eu/2", "push_stale", "step=%d from=%s; dropping", ...) */
void log_event(log_level_t level, const char *actor, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
