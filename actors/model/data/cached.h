/* cached - a file that is made of others once, for all processes that need it.
 *
 * Why      unpacking and parsing are done once per machine and run, however many workers read the result.
 * How      it has a name of its own for each state of its sources, appears whole by a rename, and a lock file
 *          keeps others waiting meanwhile.
 * Threads  any.
 */
#ifndef ACTORS_MODEL_DATA_CACHED_H
#define ACTORS_MODEL_DATA_CACHED_H

#include "codec/base/err.h"

#include <limits.h>
#include <stddef.h>

#define CACHED_STAMP_MAX (PATH_MAX + 64)

/* "REALPATH SIZE TIME" of a source: something else when the file has changed. Errors: ERR_IO. */
MUST_USE err_code_t cached_stamp(const char *path, char ret_stamp[CACHED_STAMP_MAX], err_t *err);

/* CACHE/NAME.DIGEST, the digest being of `source` (length), all that the file depends on. The directory is
 * made when missing. Errors: ERR_LIMIT, those of file_make_dirs. */
MUST_USE err_code_t cached_path(const char *cache_dir, const char *name, const char *source, size_t length,
                                char ret_path[PATH_MAX], err_t *err);

/* Writes the contents to `fd`; `path` is for messages. */
typedef err_code_t cached_fill_t(void *hint, int fd, const char *path, err_t *err);

/* Makes the file unless it is there. Errors: ERR_IO, ERR_FULL, ERR_LIMIT, those of fill. */
MUST_USE err_code_t cached_make(const char *path, cached_fill_t *fill, void *hint, err_t *err);

/* Writes all of it. Errors: ERR_IO, ERR_FULL. */
MUST_USE err_code_t cached_write(int fd, const void *bytes, size_t size, const char *path, err_t *err);

/* "PATH: cannot WHAT: REASON", by errno: ERR_FULL or ERR_IO. */
err_code_t cached_io(err_t *err, const char *what, const char *path);

#endif
