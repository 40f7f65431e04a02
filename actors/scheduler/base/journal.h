/* journal - what a scheduler puts where its successor finds it: its state, and per region a report and
 * the rows of the curve.
 *
 * Why      a scheduler may be killed at any moment. What it has decided is stored before anything is sent
 *          that follows from it; its figures are stored twice a second, if they changed.
 * How      the driver calls journal_work between a core's events and its outbox. A value is a message as it
 *          is packed, behind its length and checksum: LMDB gives damaged bytes back without a word.
 * Not      the truth about samples, which the shards have: what is lost here costs figures, never an update.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_BASE_JOURNAL_H
#define ACTORS_SCHEDULER_BASE_JOURNAL_H

#include "actors/kit/outbox.h"
#include "brokers/topology.h"
#include "codec/wire/message.h"
#include "store/kv.h"

#include <stdbool.h>

#define JOURNAL_EVERY_US ((int64_t)500000)
#define JOURNAL_WITHHOLD_US                                                                                  \
    ((int64_t)15000000) /* as long as a shard whose disk is full is waited for at its end */

/* The functions of a core that say what is to be stored; messages that they return are the caller's. */
typedef struct {
    message_t *(*state)(const void *core, int64_t now_us);
    /* borrowed; NULL: none (also as a function) */
    const message_t *(*report)(const void *core, size_t region);
    size_t (*row_count)(const void *core, size_t region);
    message_t *(*row)(const void *core, size_t region, size_t index); /* a curve message */
    uint64_t (*decisions)(const void *core); /* grows with each that must be durable before it is told */
    void (*stored)(void *core, uint64_t decisions); /* so many are durable; may be NULL */
} journal_source_t;

typedef struct {
    message_t *report; /* NULL: none */
    message_t **rows;
    size_t row_count;
} legacy_region_t;

/* Everything that a predecessor stored. */
typedef struct {
    message_t *state; /* NULL: nothing */
    legacy_region_t regions[TOPOLOGY_REGIONS_MAX];
} legacy_t;

void legacy_fini(legacy_t *self);

/* Opens the store of a scheduler, having read it in a child first. One that is damaged is set aside,
 * beside its place under a name with a dot, and a new one begun: what it kept are figures and
 * decisions, never an update.
 *
 *   out  ret_kv    the caller's
 *   out  ret_lost  why it was set aside, and where it is now; code ERR_OK: it was not
 *
 * Errors   those of kv_lmdb_open
 */
MUST_USE err_code_t journal_open(const char *path, kv_t **ret_kv, err_t *ret_lost, err_t *err);

/* Puts a damaged store aside, as journal_open does; *ret_lost says why and where, or is ERR_OK when it is
 * whole or not there. With `dry` it stays where it is. Errors: ERR_IO, ERR_DENIED. */
MUST_USE err_code_t journal_set_aside(const char *path, bool dry, err_t *ret_lost, err_t *err);

/* Reads everything that schedulers keep and checks it; for tools. Errors: ERR_CHECKSUM, ERR_MALFORMED,
 * ERR_VERSION, and those of kv_get. */
MUST_USE err_code_t journal_check(kv_t *kv, err_t *err);

typedef struct journal journal_t;

/* The kv is borrowed, and given back by the caller after journal_destroy. */
journal_t *journal_new(kv_t *kv, const journal_source_t *source, size_t region_count);
void journal_destroy(journal_t **self_p);

/* Reads what is there; a state of another kind, or a damaged one, is an error and leaves ret_kept empty. A
 * damaged report or row only ends what is taken of its region.
 *
 * Errors   ERR_MALFORMED, ERR_CHECKSUM, ERR_IO, ERR_MEMORY
 */
MUST_USE err_code_t journal_load(journal_t *self, message_kind_t kind, legacy_t *ret_legacy, err_t *err);

/* Stores what is due. On an error it tries again later; what was stored before is intact. Errors:
 * those of kv_commit. */
MUST_USE err_code_t journal_work(journal_t *self, void *core, int64_t now_us, err_t *err);
/* The same at once, whatever is due. */
MUST_USE err_code_t journal_now(journal_t *self, void *core, int64_t now_us, err_t *err);

/* The text of the log while farewells are withheld. */
#define JOURNAL_WITHHELD                                                                                     \
    "reason=\"what was decided is not on the disk yet\"; nobody is let go before there is room, for 15 s "   \
    "at most"

/* Drops from the outbox what lets others go for good, the stop of a job that is done and every farewell,
 * while a decision before it is not kept: whoever else knew what a successor must ask is gone then. All of it
 * is said again by the core; without room it is let through after JOURNAL_WITHHOLD_US. To be called after
 * journal_work; returns whether anything was dropped. */
bool journal_withhold(journal_t *self, const void *core, outbox_t *outbox, int64_t now_us);

/* Forgets everything that was kept. */
MUST_USE err_code_t journal_clear(kv_t *kv, err_t *err);

#endif
