/* room - room on a disk, taken before it is needed.
 *
 * Why      a write through a map of a file has no error: when the disk is full it kills the process (SIGBUS).
 *          So whoever maps a file that it writes has its blocks allocated before.
 * Threads  any.
 */
#ifndef STORE_ROOM_H
#define STORE_ROOM_H

#include "codec/base/err.h"

#include <stddef.h>

/* Makes sure that the first `bytes` of a file lie on the disk; creates it (mode 0600), and lets it grow,
 * where they do not. What it contains stays. A file that may not be written is left as it is: whoever opens
 * it is told.
 *
 * Errors   ERR_FULL, ERR_NOT_FOUND (no such directory), ERR_IO, ERR_LIMIT (descriptors) */
MUST_USE err_code_t room_take(const char *path, size_t bytes, err_t *err);

/* The same for bytes that are to be written: the file has as many as before, and room behind them where the
 * file system can do that. */
MUST_USE err_code_t room_take_ahead(const char *path, size_t bytes, err_t *err);

#endif
