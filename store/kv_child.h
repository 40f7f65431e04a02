/* kv_child - a store of kv_lmdb read by a short-lived child, at one moment.
 *
 * Why      a damaged file can kill the process that maps it; here that is a child, and the caller gets an
 *          error. And a tool that reads beside a running job sees the store as it was at one instant, however
 *          long it takes.
 * Not      writing: kv_begin fails with ERR_DENIED.
 * How      the child opens the directory and answers over a socket; from the first read on it holds one read
 *          transaction, so a store that is written meanwhile grows until kv_destroy: do not keep it for long.
 * Threads  one owner. It forks: for programs without threads of their own that hold locks (the tools).
 * Limits   values of at most the size of the file.
 */
#ifndef STORE_KV_CHILD_H
#define STORE_KV_CHILD_H

#include "store/kv.h"

/* Starts the child and has it open the directory.
 *
 * Errors   ERR_NOT_FOUND (no store there), ERR_DENIED, ERR_MALFORMED (damaged; also when it killed the
 *          child),
 * ERR_IO (no process), ERR_MEMORY. Once a child has died every further call fails with ERR_MALFORMED.
 */
MUST_USE err_code_t kv_child_open(const char *dir, kv_t **ret_self, err_t *err);

/* Holds the moment now, so that several stores can be held at nearly the same one before any is read. Errors:
 * as kv_read. */
MUST_USE err_code_t kv_child_hold(kv_t *self, err_t *err);

#endif
