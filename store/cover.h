/* cover - whether all that others may have seen of a shard is in its store.
 *
 * Why      with checkpoint.when_full: go_on a shard trains on while its disk is full. A start that finds such
 *          a store must know that it is not the newest there was; and to say so must need no room.
 * How      a file in the store's directory that is there from the start, under one of two names.
 * Threads  any; one owner of a directory changes it.
 */
#ifndef STORE_COVER_H
#define STORE_COVER_H

#include "codec/base/err.h"

#include <stdbool.h>

/* All is in the store: at its beginning, and when it is so again. On the disk when it returns. Errors:
 * ERR_FULL, ERR_IO. */
MUST_USE err_code_t cover_put_on(const char *dir, err_t *err);

/* Something will not be. On the disk when it returns; needs no room after cover_put_on. Errors: ERR_FULL,
 * ERR_IO. */
MUST_USE err_code_t cover_take_off(const char *dir, err_t *err);

/* A store without either name is covered. */
bool cover_is_off(const char *dir);

#endif
