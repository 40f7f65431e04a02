/* file - small files written whole or not at all, and directories to put them in.
 *
 * Why      a half-written file after a crash is worse than the old one.
 * Not      large data: that goes into a kv.
 * Threads  any.
 * Limits   FILE_MAX_BYTES per file read.
 */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "codec/base/buf.h"
#include "codec/base/err.h"

#include <stddef.h>

#define FILE_MAX_BYTES ((size_t)16 << 20)

/* Writes a file in one step: temporary name beside it, fsync, rename, fsync of the directory. A reader sees
 * the old contents or the new. Mode 0600. Errors: ERR_IO, ERR_FULL, ERR_DENIED, ERR_NOT_FOUND (directory);
 * the old file is then intact. */
MUST_USE err_code_t file_write(const char *path, const void *data, size_t size, err_t *err);

/* The contents of a file of at most max_bytes, followed by a zero byte that its size does not count, so that
 * text can be used in place. Errors: ERR_NOT_FOUND, ERR_LIMIT, ERR_IO, ERR_DENIED, ERR_MEMORY. */
MUST_USE err_code_t file_read(const char *path, size_t max_bytes, buf_t **ret_contents, err_t *err);

/* Creates a directory with all its parents, mode 0700; one that is there is fine. What was created survives a
 * power cut. Errors: ERR_IO, ERR_FULL, ERR_DENIED, ERR_EXISTS (not a directory). */
MUST_USE err_code_t file_make_dirs(const char *path, err_t *err);

/* Makes the names in a directory survive a power cut. Errors: ERR_IO, ERR_NOT_FOUND, ERR_DENIED. */
MUST_USE err_code_t file_sync_dir(const char *path, err_t *err);

/* Removes a directory with all that is in it; one that is not there is fine. Links are removed, not followed.
 * Errors: ERR_IO, ERR_DENIED. */
MUST_USE err_code_t file_remove_tree(const char *path, err_t *err);

/* Puts `from` in the place of `to`, or where nothing is yet, in one step, and makes the names survive a power
 * cut; what was at `to` is then at `from`. Works for files and directories of one file system. Errors:
 * ERR_IO, ERR_DENIED. */
MUST_USE err_code_t file_swap(const char *from, const char *to, err_t *err);

/* The code for an errno: ENOENT is ERR_NOT_FOUND, ENOSPC is ERR_FULL, and so on; ERR_IO for the rest. */
err_code_t file_code_of(int error_number);

#endif
