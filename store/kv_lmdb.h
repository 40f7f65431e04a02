/* kv_lmdb - a kv in a directory, on LMDB; the one doorway to lmdb.h.
 *
 * Why      survives kill -9 at any instant, and with `disk` a power cut; readers never wait for the writer.
 * Not      for network file systems (LMDB maps the file), and not for a file that may be damaged: reading one
 *          can kill the process, so verify it first (store/verify.h).
 * Threads  as kv.h. Never use a kv across fork: the child opens the directory itself.
 * Room     what LMDB writes through a map is reserved before it is mapped: on a full disk that write would be
 *          a SIGBUS.
 * Limits   the file grows by doubling up to map_max_bytes, then ERR_FULL.
 */
#ifndef STORE_KV_LMDB_H
#define STORE_KV_LMDB_H

#include "store/kv.h"

#define KV_LMDB_MAP_BYTES ((size_t)64 << 20)
#define KV_LMDB_MAP_MAX_BYTES ((size_t)1 << 40)

typedef struct {
    kv_durability_t durability;
    /* beside a writer in another process too, and without the right to write; creates nothing */
    bool read_only;
    size_t map_bytes;     /* to begin with; 0: KV_LMDB_MAP_BYTES */
    size_t map_max_bytes; /* 0: KV_LMDB_MAP_MAX_BYTES */
} kv_lmdb_options_t;

/* Opens, and unless read only creates (mode 0700), the directory.
 *
 *   in   options  NULL: process durability and the sizes above
 *
 * Errors   ERR_IN_USE (open in this process, or another one writes: its pid is in the text), ERR_NOT_FOUND
 * (read only and not there, or no parent), ERR_FULL (nothing is damaged, try again when there is room),
 * ERR_IO, ERR_DENIED, ERR_MALFORMED (not an LMDB file, or damaged)
 */
MUST_USE err_code_t kv_lmdb_open(const char *dir, const kv_lmdb_options_t *options, kv_t **ret_self,
                                 err_t *err);

/* All further reads see the store as it is now, until it is destroyed. Once, and only for a kv opened read
 * only that one thread uses; a store that is written meanwhile grows as long. Errors: ERR_IO,
 * ERR_MALFORMED, ERR_LIMIT. */
MUST_USE err_code_t kv_lmdb_hold(kv_t *self, err_t *err);

/* How large the map is now. */
size_t kv_lmdb_map_bytes(kv_t *self);

#endif
