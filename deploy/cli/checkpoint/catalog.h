/* catalog - what a state directory holds for recovery: every store, every snapshot in it, and what its shard says of
 * itself there.
 *
 * Why      all commands of `cloudless checkpoint` look at the same list, in the same safe way: doubtful files are read by
 *          children, and with `hold` the newest stores of all shards are seen as they were at one moment.
 * Not      checksums of values: they are checked when a snapshot is loaded.
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_CATALOG_H
#define DEPLOY_CLI_CHECKPOINT_CATALOG_H

#include "brokers/topology.h"
#include "codec/wire/message.h"
#include "store/snapshot.h"
#include "store/stores.h"

typedef struct {
    uint64_t number;
    bool readable;       /* its manifest and its state */
    char why[256];       /* not, and why */
    manifest_t manifest; /* empty when it cannot be read */
    uint64_t size_bytes;
    message_t *state; /* a shard_state; NULL: not readable */
    uint64_t batches; /* applied */
} catalog_snapshot_t;

typedef struct {
    store_place_t place;
    char path[STATEDIR_PATH_MAX];
    bool readable;
    char why[256];                 /* not, and why */
    kv_t *kv;                      /* NULL: closed, opened again when needed */
    catalog_snapshot_t *snapshots; /* (count), by number */
    size_t count;
} catalog_store_t;

typedef struct {
    char dir[STATEDIR_PATH_MAX];
    topology_t *topology;    /* as in the state directory */
    catalog_store_t *stores; /* in the order of store/stores.h */
    size_t count;
} catalog_t;

/* Reads everything but the values.
 *
 *   in   hold  keep the newest store of each shard and copy open, as all were at one moment
 *
 * Errors   ERR_USAGE (no state directory), ERR_CONFIG (its topology), ERR_IO, ERR_MEMORY; what is damaged is in the list
 */
MUST_USE err_code_t catalog_open(const char *dir, bool hold, catalog_t **ret_self, err_t *err);
void catalog_destroy(catalog_t **self_p);

/* Reads one snapshot and checks all of it. Errors: those of snapshot_load, and ERR_MALFORMED for a store that cannot be
 * read. */
MUST_USE err_code_t catalog_load(catalog_store_t *store, uint64_t number, snapshot_t **ret_snapshot,
                                 err_t *err);

/* The state of a shard as its snapshots carry it. Errors: ERR_MALFORMED, ERR_VERSION, ERR_LIMIT. */
MUST_USE err_code_t catalog_decode(const buf_t *state, message_t **ret_state, err_t *err);

/* Which snapshot of each shard is meant. */
typedef struct {
    const char *tag; /* NULL: any; "noon" also finds "mark/noon" */
    uint64_t number; /* 0: any */
} choice_t;

typedef struct {
    size_t region_index;
    uint32_t shard;
    catalog_store_t *store;
    const catalog_snapshot_t *snapshot;
} pick_t;

bool choice_fits(const choice_t *choice, const manifest_id_t *id);

/* Whether any store of a region's own shards lies here. */
bool catalog_is_here(const catalog_t *self, const char *region);

/* The newest snapshot of a shard that fits, in its own stores.
 *
 * Errors   ERR_NOT_FOUND (none), ERR_CHECKSUM (the newest cannot be read; the text says why)
 */
MUST_USE err_code_t catalog_pick(const catalog_t *self, size_t region_index, uint32_t shard,
                                 const choice_t *choice, pick_t *ret_pick, err_t *err);

/* Those of all shards of the regions that have any here, or of the one named; with `here` without the shards that have no
 * store here at all. free() the list. Errors: as above, ERR_USAGE (no such region). */
MUST_USE err_code_t catalog_pick_all(const catalog_t *self, const char *region, bool here,
                                     const choice_t *choice, pick_t **ret_picks, size_t *ret_count,
                                     err_t *err);

/* Whether shards of different regions can go on together from these snapshots without losing or doubling anything: no one
 * has taken what another has not cut yet, and everybody still keeps what the others lack. `strict`: nobody knows of more
 * that another has than it has, either; only of one moment this can be asked. `err` says who does not fit. */
bool picks_fit(const topology_t *topology, const pick_t *picks, size_t count, bool strict, err_t *err);

/* Makes the state of one of them know no more of the others than they hold, so that all that they lack is sent again.
 * Returns whether it had to be changed. */
bool picks_settle(const pick_t *picks, size_t count, size_t index);

/* The bytes of a state, as a snapshot carries it; NULL without memory. */
buf_t *catalog_encode(const message_t *state);

#endif
