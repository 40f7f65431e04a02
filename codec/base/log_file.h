/* log_file - a log that several processes append to, and that does not grow for ever.
 *
 * How      beyond its limit the file becomes PATH.1, in the place of an earlier one, and a new one is begun;
 *          whoever still has the old one open notices and follows. The descriptor keeps its number.
 * Threads  one at a time.       Limits  a writer looks every LOG_FILE_LOOK_BYTES of its own: files are longer
 *          by that.
 */
#ifndef CODEC_BASE_LOG_FILE_H
#define CODEC_BASE_LOG_FILE_H

#include "codec/base/err.h"

#include <limits.h>
#include <stddef.h>

#define LOG_FILE_MOST_BYTES ((size_t)32 << 20)
#define LOG_FILE_LOOK_BYTES ((size_t)64 << 10)

typedef struct {
    int fd; /* -1: not open */
    char path[PATH_MAX];
    size_t most_bytes, look_bytes, since_bytes;
} log_file_t;

/* Errors  ERR_IO with errno's text; the caller knows the path's meaning from errno */
MUST_USE err_code_t log_file_open(log_file_t *self, const char *path, size_t most_bytes, err_t *err);
void log_file_write(log_file_t *self, const char *bytes, size_t size);
void log_file_close(log_file_t *self);

#endif
