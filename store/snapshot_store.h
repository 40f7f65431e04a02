/* snapshot_store - the inside of a store of snapshots, for the files that open, commit and load.
 *
 * Threads  everything but the atomics belongs to the holder of `lock`.
 */
#ifndef STORE_SNAPSHOT_STORE_H
#define STORE_SNAPSHOT_STORE_H

#include "store/snapshot.h"
#include "store/snapshot_view.h"

#include <pthread.h>
#include <stdatomic.h>

struct snapshot_store {
    kv_t *kv;
    snapshot_store_options_t options;
    pthread_mutex_t lock;
    snapshot_view_t view;
    uint64_t next_key;         /* never given back, so that a key never means two values */
    manifest_value_t *garbage; /* what failed commits may have stored */
    size_t garbage_count;
    atomic_uint_fast64_t newest;
    atomic_uint_fast64_t written_bytes;
};

/* Takes `newest` and the next key from the view, which was just read. */
void snapshot_store_note_view(snapshot_store_t *self);

#endif
