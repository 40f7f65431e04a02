/* catalog - what a state directory or an archive holds for recovery: every store, every snapshot in it, and
 * what its shard says of itself there.
 *
 * Why      all commands of `cloudless checkpoint` look at the same list, in the same safe way: doubtful files
 *          are read by children, a snapshot that says it is of another shard, model or incarnation than it
 *          lies under is damaged, and with `hold` the newest stores of all shards are seen as they were at
 *          one moment.
 * Not      checksums of values: they are checked when a snapshot is loaded.
 * Threads  the main thread.
 */
#ifndef DEPLOY_STATE_CATALOG_H
#define DEPLOY_STATE_CATALOG_H

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
    char path[STATEDIR_PATH_MAX]; /* of the archive, when it is in one */
    bool archived;
    bool readable;
    char why[256];                 /* not, and why */
    kv_t *kv;                      /* NULL: closed, opened again when needed */
    catalog_snapshot_t *snapshots; /* (count), by number */
    size_t count;
} catalog_store_t;

typedef struct {
    char dir[STATEDIR_PATH_MAX]; /* or the archive */
    bool is_archive;
    bool live;               /* somebody worked there when it was opened */
    topology_t *topology;    /* as in the state directory or the archive */
    uint64_t run;            /* of the directory, or of the archive's snapshots; RUN_ID_NONE: not known */
    uint64_t layout;         /* digest of the model's; 0: no such model is known here */
    catalog_store_t *stores; /* in the order of store/stores.h */
    size_t count;
} catalog_t;

/* Reads everything but the values.
 *
 *   in   hold  keep the newest store of each shard and copy open, as all were at one moment
 *
 * Errors   ERR_USAGE (no state directory), ERR_CONFIG (its topology), ERR_IO, ERR_MEMORY; what is damaged is
 *          in the list
 */
MUST_USE err_code_t catalog_open(const char *dir, bool hold, catalog_t **ret_self, err_t *err);

/* The same of an archive, which is read whole: nothing in it is damaged. Errors: those of archive_read;
 * ERR_MALFORMED (it has no topology), ERR_JOB (a snapshot is of another shard or model than it lies
 * under). */
MUST_USE err_code_t catalog_open_archive(const char *path, catalog_t **ret_self, err_t *err);

/* Either, whichever lies there. */
MUST_USE err_code_t catalog_open_any(const char *path, bool hold, catalog_t **ret_self, err_t *err);
void catalog_destroy(catalog_t **self_p);

/* Reads one snapshot and checks all of it. Errors: those of snapshot_load, and ERR_MALFORMED for a store that
 * cannot be read. */
MUST_USE err_code_t catalog_load(catalog_store_t *store, uint64_t number, snapshot_t **ret_snapshot,
                                 err_t *err);

/* The state of a shard as its snapshots carry it. Errors: ERR_MALFORMED, ERR_VERSION, ERR_LIMIT. */
MUST_USE err_code_t catalog_decode(const buf_t *state, message_t **ret_state, err_t *err);

/* How many batches of its own region a state has applied. */
uint64_t catalog_batches(const message_t *state);

/* Returns whether a snapshot is what it lies under: of that run, region, shard, model and incarnation. `why`
 * says what it is instead. */
bool catalog_is_own(const catalog_t *self, const store_place_t *place, const catalog_snapshot_t *snapshot,
                    err_t *why);

/* Returns whether a running job has removed the store since it was listed. */
bool catalog_is_gone(const catalog_t *self, const catalog_store_t *store);

/* Marks what turns out to be damaged when all values are read, so that a choice passes it over. */
void catalog_read_values(catalog_t *self);

/* ---- Choosing: pick.c, the one place that decides which snapshot of a shard is meant ---- */

typedef struct {
    const char *tag; /* NULL: any; "noon" also finds "mark/noon" */
    uint64_t number; /* 0: any */
    bool older;      /* what is damaged is passed over, and something older taken */
} choice_t;

typedef struct {
    size_t region_index;
    uint32_t shard;
    catalog_store_t *store;
    const catalog_snapshot_t *snapshot;
    catalog_store_t *twin; /* has the very same snapshot, in case this one is damaged; NULL: none */
    bool passed_over;      /* something newer is damaged */
} pick_t;

bool choice_fits(const choice_t *choice, const manifest_id_t *id);

/* Returns whether any store of a region's own shards lies here. */
bool catalog_is_here(const catalog_t *self, const char *region);

/* The newest snapshot of a shard that fits, in its own stores or in copies of them, as a start chooses.
 *
 * Errors   ERR_NOT_FOUND (none; of a tag that nothing here has the text names those there are), ERR_CHECKSUM
 *          (the newest
 * cannot be read; the text says why)
 */
MUST_USE err_code_t catalog_pick(const catalog_t *self, size_t region_index, uint32_t shard,
                                 const choice_t *choice, pick_t *ret_pick, err_t *err);

/* Reads it whole, from its twin where it is damaged. Errors: those of catalog_load. */
MUST_USE err_code_t pick_load(const pick_t *self, snapshot_t **ret_snapshot, err_t *err);

/* Those of all shards of the regions that have any here, or of the one named; with `here` without the shards
 * that have no store here at all. free() the list. Errors: as above, ERR_USAGE (no such region). */
MUST_USE err_code_t catalog_pick_all(const catalog_t *self, const char *region, bool here,
                                     const choice_t *choice, pick_t **ret_picks, size_t *ret_count,
                                     err_t *err);

/* Returns whether the shards of each region are of about one moment: none lacks what another had already in
 * the oldest snapshot that it keeps. `err` says who is behind. */
bool picks_abreast(const topology_t *topology, const pick_t *picks, size_t count, err_t *err);

/* Returns whether shards of different regions can go on together from these snapshots without losing or
 * doubling anything: no one has taken what another has not cut yet, and everybody still keeps what the others
 * lack. `strict`: nobody knows of more that another has than it has, either; only of one moment this can be
 * asked. `err` says who does not fit. */
bool picks_fit(const topology_t *topology, const pick_t *picks, size_t count, bool strict, err_t *err);

/* Makes the state of one of them know no more of the others than they hold, so that all that they lack is
 * sent again. Returns whether it had to be changed. */
bool picks_settle(const pick_t *picks, size_t count, size_t index);

/* ---- Common points: points.c ---- */

typedef struct {
    char tag[MANIFEST_NAME_MAX + 1];
    size_t shards;        /* how many have it, readable */
    uint64_t least, most; /* batches that these had applied */
} point_t;

/* The common points of which anything is here, in the order in which they were made; free() the list. */
void points_find(const catalog_t *self, point_t **ret_points, size_t *ret_count);

/* ": common points here are a, b and c", or that there is none. */
void points_say(const catalog_t *self, char *out, size_t size);

/* The bytes of a state, as a snapshot carries it; NULL without memory. */
buf_t *catalog_encode(const message_t *state);

#endif
