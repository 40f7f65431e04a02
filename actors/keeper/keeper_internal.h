/* keeper_internal - what the files of the keeper's core share: keeper_core.c (messages, jobs, life) and
 * keeper_take.c (how a snapshot that is offered gets here). */
#ifndef ACTORS_KEEPER_KEEPER_INTERNAL_H
#define ACTORS_KEEPER_KEEPER_INTERNAL_H

#include "actors/keeper/keeper_core.h"
#include "actors/keeper/transfer.h"
#include "actors/kit/core_base.h"

typedef enum { JOB_NONE, JOB_WANTED, JOB_OUT } job_state_t;

/* Everything that is kept of one shard. */
typedef struct {
    size_t region;
    uint64_t shard;
    uint64_t incarnation, number; /* of the newest snapshot held; 0: none */
    uint64_t seal, seal_stored;

    taker_t *taker;
    size_t far; /* region it comes from when that is another one; else SIZE_MAX */
    wire_name_t offered_by;
    uint64_t offered_incarnation, offered_number;

    snapshot_t *whole; /* waits to be stored */
    wire_name_t whole_by;
    job_state_t store, load, sealing;
    uint64_t storing_incarnation, storing_number;
    wire_name_t storing_by;
    bool answer_seal;

    giver_t *giver;
    int64_t served_us;

    bool asked; /* by its scheduler to fetch a certain snapshot from another keeper, whatever the seal */
    uint64_t asked_incarnation, asked_number;
    wire_name_t asked_source;
} keeper_entry_t;

struct keeper_core {
    core_base_t base;
    keeper_spec_t spec;
    wire_name_t scheduler;
    keeper_entry_t *entries;
    size_t count;
    uint64_t link_rate[TOPOLOGY_REGIONS_MAX]; /* as measured, 0: not known */
    uint64_t kept, refused;
    err_t reason;
    int64_t status_us, since_us;
    wire_name_t waits_for;
};

/* ---- keeper_core.c ---- */

const char *keeper_region_name(const keeper_core_t *self, const keeper_entry_t *entry);

/* Tells who offered a snapshot what became of it, and the scheduler when it had asked for it. */
void keeper_answer(keeper_core_t *self, keeper_entry_t *entry, const char *by, uint64_t incarnation,
                   uint64_t number, err_code_t code);

/* When a seal is stored, and nothing is being stored that is older. */
void keeper_tell_sealed(keeper_core_t *self, keeper_entry_t *entry);

/* ---- keeper_take.c ---- */

void keeper_offer(keeper_core_t *self, keeper_entry_t *entry, const message_t *offer);
void keeper_piece(keeper_core_t *self, keeper_entry_t *entry, const message_t *piece);
void keeper_drop_taker(keeper_core_t *self, keeper_entry_t *entry);

/* Transfers over one link share what they may take of it. */
void keeper_set_pace(keeper_core_t *self);

#endif
