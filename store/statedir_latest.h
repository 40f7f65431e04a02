/* statedir_latest - the snapshot that a shard can go on from, among all that lies in a state directory.
 *
 * Reads    the stores (statedir_stores.h), each whole in a child process.
 * Threads  any.
 */
#ifndef STORE_STATEDIR_LATEST_H
#define STORE_STATEDIR_LATEST_H

#include "store/statedir.h"

/* The newest store of a shard that a restart can go on from: its own or copies, by (incarnation, number). */
typedef struct {
    char path[STATEDIR_PATH_MAX];
    bool kept; /* copies: the shard ran on another node, and may have had something newer there */
    uint64_t incarnation;
    uint64_t number;  /* of its newest good snapshot */
    uint32_t skipped; /* newer stores without a good snapshot, and newer damaged snapshots: if not 0, this is
                         a loss ... */
    char damaged_path[STATEDIR_PATH_MAX]; /* store of the newest damaged snapshot, empty when there is none or
                                             it must not be opened */
    uint64_t damaged_number;              /* of that snapshot */
    char why[ERR_TEXT_MAX]; /* ... and this says of the newest of them why; empty stores do not count */
} statedir_latest_t;

/* Finds it, each candidate being read whole in a child process first (store/verify.h).
 *
 * Errors   ERR_NOT_FOUND (no store of that shard holds a snapshot), ERR_CHECKSUM (all that do are damaged),
 * ERR_IO, ERR_MEMORY
 */
MUST_USE err_code_t statedir_shard_latest(const char *path, const char *region, uint32_t shard,
                                          statedir_latest_t *ret_latest, err_t *err);

#endif
