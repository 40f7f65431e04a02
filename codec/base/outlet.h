/* outlet - text to where perhaps nobody reads: handed over at once, written by a thread of its own.
 *
 * Why      a pipe that nobody empties, or Ctrl-S on a terminal, must not stop whoever prints.
 * How      pipes, sockets and terminals have a queue and a thread; all else (files) takes what is written at
 *          once.
 * Threads  any.
 * Limits   OUTLET_WAITS_MAX bytes wait for standard error, whole messages beyond that are dropped and counted
 *          where they would have been. What goes to standard output is an outcome, which is not dropped.
 */
#ifndef CODEC_BASE_OUTLET_H
#define CODEC_BASE_OUTLET_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define OUTLET_WAITS_MAX (256 << 10)

/* fd is that of standard output or of standard error. Never waits. */
void outlet_write(int fd, const char *bytes, size_t size);

/* To standard error, the same. */
void outlet_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns when all is written, or nobody has taken anything for `patience_us`. Errors: ERR_TIMEOUT; ERR_IO,
 * ERR_FULL (the first write that was refused since the beginning). */
MUST_USE err_code_t outlet_flush(int fd, int64_t patience_us, err_t *err);

#endif
