/* output - a file that a user has asked for: it gets its name when it is whole, or never.
 *
 * Why      a half-written report or model must not stand where a whole one was, and what replaces a user's
 *          file should look like it: its permissions stay, a link still points to it, a new one follows the
 *          umask.
 * How      a temporary name beside the place, fsync, rename, fsync of the directory. What is no regular file
 *          (a terminal, /dev/null, a pipe) and "-", standard output, are written straight.
 * Not      files that belong to a run (store/file.h).
 * Threads  one owner.
 */
#ifndef CODEC_BASE_OUTPUT_H
#define CODEC_BASE_OUTPUT_H

#include "codec/base/err.h"

#include <limits.h>
#include <stddef.h>

typedef struct {
    int fd;                   /* to be written; -1: none */
    char path[PATH_MAX];      /* where it belongs, links followed */
    char temporary[PATH_MAX]; /* empty: written straight, or in its place already */
    bool overwrite;
} output_t;

/* A path that means standard output. */
bool output_is_stdout(const char *path);

/* Checks whether output_begin would find the place free: for dry runs. Errors: ERR_EXISTS. */
MUST_USE err_code_t output_check(const char *path, bool overwrite, err_t *err);

/* Begins a file. Errors: ERR_EXISTS (is there, without overwrite), ERR_USAGE (a link to nothing, no name),
 * ERR_NOT_FOUND (directory), ERR_DENIED, ERR_FULL, ERR_IO, ERR_LIMIT (too long). */
MUST_USE err_code_t output_begin(output_t *self, const char *path, bool overwrite, err_t *err);

/* Writes to it. Errors: ERR_FULL, ERR_IO. */
MUST_USE err_code_t output_write(output_t *self, const void *data, size_t size, err_t *err);

/* Syncs it and gives it its name. Without overwrite the system decides: of two writers one is refused. The
 * file is closed either way, and nothing is left of one that failed. Errors: ERR_EXISTS, ERR_FULL, ERR_IO,
 * ERR_DENIED. */
MUST_USE err_code_t output_finish(output_t *self, err_t *err);

/* Drops what is not finished; may be called always, also twice. */
void output_abandon(output_t *self);

#endif
