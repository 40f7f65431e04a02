/* base - what all rooms of a shard stand on: who it is, what the job's settings come to, the
 * time, and its way to speak.
 *
 * Owns     the base of the core, names, counters, the number of changes of what is stored, the gate of
 *          common points.
 * Reads    nothing of any other room.
 * Called   by every room.
 * Threads  those of the core.
 */
#ifndef ACTORS_SHARD_BASE_BASE_H
#define ACTORS_SHARD_BASE_BASE_H

#include "actors/kit/core_base.h"
#include "actors/shard/base/gate.h"
#include "actors/shard/base/life.h"
#include "actors/shard/base/shard_spec.h"
#include "actors/synchronizer/strategy.h"
#include "codec/wire/actor_name.h"
#include "codec/wire/message.h"

#define SHARD_BLOCK 4096u /* elements worked on at a time: 16 KiB, stays in the first-level cache */
#define SHARD_QUEUE_MAX                                                                                      \
    1024u /* own deltas, whatever their bytes: each is a row of the state and two values */

/* A place in a stream: the same set of its region's batches wherever it is met. */
typedef struct {
    uint64_t history, number;
} position_t;

/* The head of a delta: all that it says beside its data. */
typedef struct {
    uint64_t first, last;
    delta_kind_t kind;
    uint64_t steps, samples;
    bool final;
} delta_head_t;

/* Settings of the job that several rooms go by; what a room alone goes by is in its terms. */
typedef struct {
    bool votes;     /* rounds that do not need every region: what is in them is decided */
    bool plain_sum; /* the ledger: gradients are counts, not means */
} rules_t;

typedef struct {
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help) uint64_t name;
#include "codec/wire/counters.def"
} counts_t;

typedef struct {
    shard_spec_t spec;
    const job_region_t *region;
    rules_t rules;
    core_base_t core;
    wire_name_t synchronizer, scheduler;
    uint64_t scheduler_incarnation; /* newest seen */
    uint64_t changes;               /* grows with every change of what is stored */
    counts_t counts;
    /* since when something is taken that others wait to hear the durability of; ROLE_NEVER: nothing */
    int64_t told_us;
    gate_t gate;
    bool stored;          /* a snapshot of the present lineage is durable */
    bool short_of_memory; /* something could not be applied: tried again at the next tick */
    life_t life;
    bool report_soon;
    bool visits; /* is the state of another region's shard, loaded to be adopted */
} base_t;

void base_init(base_t *self, const shard_spec_t *spec);
void base_fini(base_t *self);

size_t base_regions(const base_t *self);
size_t base_bytes(const base_t *self);     /* of a tensor of this shard */
size_t base_lanes(const base_t *self);     /* in which the optimizer's steps take turns */
uint64_t base_members(const base_t *self); /* a bit for each region */

/* The state to be stored is another than before. */
void base_changed(base_t *self);
/* Something is taken that others wait to hear the durability of: it is stored soon. */
void base_tell_soon(base_t *self);

/* state: what is stored; that it is of this shard durable/state checks. */
void base_pack(const base_t *self, message_t *message);
void base_load(base_t *self, const message_t *message);
/* progress: what was counted */
void base_tell_counts(const base_t *self, message_t *message);

/* Counts an update that was refused for its content. */
void base_refused(base_t *self, err_code_t code);

/* -- names */

/* The region whose "ROLE/REGION/K", with this shard's K, it is; SIZE_MAX: of none but the own. */
size_t base_region_of(const base_t *self, actor_role_t role, const char *from);
/* "ROLE/REGION/K" of a region. */
actor_name_t base_name_of(const base_t *self, actor_role_t role, size_t region);

#endif
