/* Common points of all shards, so that they can be restored together. Shards exchange ordered streams of deltas; a set of
 * snapshots belongs together when no shard has taken what its origin had not cut, and every origin keeps what the others
 * had not taken. The first is kept by marks (Chandy and Lamport, Distributed Snapshots, 1985): what is cut behind the
 * point says so, and is taken only behind it. The second is kept by the hold: before the first shard takes its snapshot
 * all of them have stopped believing that anything more is durable elsewhere, and so let nothing go.
 */

#include "actors/shard/shard_internal.h"

#include "actors/kit/mark_phase.h"
#include "codec/base/hash.h"

#include <string.h>

#define GLOBAL_SCHEDULER "scheduler/global"

/* ---- what is over ---- */

static void s_over(shard_core_t *self, uint64_t number)
{
    if (gate_over(&self->base->gate, number, self->base->now_us))
        base_changed(self->base);
}

void shard_mark_drop(shard_core_t *self)
{
    if (gate_drop(&self->base->gate, self->base->now_us))
        base_changed(self->base);
}

void shard_mark_join(shard_core_t *self, uint64_t number)
{
    shard_mark_drop(self);
    s_over(self, number);
}

void shard_mark_tick(shard_core_t *self)
{
    if (gate_tick(&self->base->gate, self->base->now_us))
        base_changed(self->base);
}

/* ---- what the global scheduler says ---- */

static void s_answer(shard_core_t *self, uint64_t number, uint64_t phase, err_code_t code)
{
    message_t *message = base_message(self->base, KIND_marked, GLOBAL_SCHEDULER);
    message->number = message->marked.mark = number;
    message->marked.phase = phase;
    message->marked.code = (uint64_t)code;
    base_send(self->base, &message);
}

static void s_hold(shard_core_t *self, const message_t *message)
{
    gate_t *gate = &self->base->gate;
    uint64_t number = message->mark.mark;
    if (number != gate->held)
        message_set_name(self->durable->mark.tag, message->mark.tag);
    if (gate_hold(gate, number, self->base->now_us))
        base_changed(self->base);
    s_answer(self, number, PHASE_HOLD, ERR_OK);
}

static void s_take(shard_core_t *self, uint64_t number)
{
    shard_mark_t *mark = &self->durable->mark;
    if (number != self->base->gate.held) { /* this incarnation has let things go meanwhile */
        s_answer(self, number, PHASE_TAKE, ERR_STATE);
        return;
    }
    gate_wait(&self->base->gate, self->base->now_us);
    mark->wanted = number;
    if (mark->shot == number)
        s_answer(self, number, PHASE_HOLD, ERR_OK); /* it is being written */
}

static err_code_t s_check(const shard_core_t *self, const message_t *message)
{
    if (strcmp(message->from, GLOBAL_SCHEDULER) != 0)
        return ERR_DENIED;
    if (message->mark.mark == 0 || message->mark.mark == UINT64_MAX || message->mark.phase > PHASE_END)
        return ERR_MALFORMED;
    if (!snapshot_is_mark(message->mark.tag))
        return ERR_MALFORMED;
    if (!life_runs(&self->base->life)) /* its state is about to be replaced, or is not sure */
        return ERR_STATE;
    return life_stops(&self->base->life) ? ERR_STOPPED : ERR_OK;
}

void shard_mark(shard_core_t *self, const message_t *message)
{
    const shard_mark_t *mark = &self->durable->mark;
    const gate_t *gate = &self->base->gate;
    uint64_t number = message->mark.mark, phase = message->mark.phase;
    err_code_t code = s_check(self, message);
    if (code == ERR_STOPPED || code == ERR_STATE) {
        s_answer(self, number, phase, code);
    } else if (code) {
        base_refuse(self->base, message, code, "not a common point, or not from the global scheduler");
    } else if (phase == PHASE_END) {
        s_over(self, number);
        s_answer(self, number, phase, ERR_OK);
    } else if (number == mark->done) {
        s_answer(self, number, phase, ERR_OK);
    } else if (shard_uncovered(self)) { /* its disk takes no snapshot, and nobody is to wait for one */
        s_answer(self, number, phase, ERR_STATE);
    } else if (number != gate->held && number <= gate->number) {
        s_answer(self, gate->number, phase, ERR_STALE);
    } else if (phase == PHASE_HOLD) {
        s_hold(self, message);
    } else {
        s_take(self, number);
    }
}

/* ---- the snapshot ---- */

const char *shard_mark_tag(const shard_core_t *self)
{
    const shard_mark_t *mark = &self->durable->mark;
    bool wanted = mark->wanted && mark->wanted == self->base->gate.held;
    return wanted && !life_stops(&self->base->life) ? mark->tag : NULL;
}

/* Notes whose store has the snapshot; of several attempts at one point the newest counts, as in the store. */
static void s_keep(shard_mark_t *mark, uint64_t incarnation, size_t most)
{
    uint64_t name = hash_checksum(mark->tag, snapshot_mark_length(mark->tag));
    size_t count = 0;
    for (size_t i = 0; i < mark->kept_count; i++) {
        const uint64_t *row = &mark->kept[i * SHARD_MARK_FIELDS];
        if (row[1] != name)
            memmove(&mark->kept[count++ * SHARD_MARK_FIELDS], row, SHARD_MARK_FIELDS * sizeof *row);
    }
    size_t gone = count >= most ? count - most + 1 : 0;
    count -= gone;
    memmove(mark->kept, mark->kept + gone * SHARD_MARK_FIELDS,
            count * SHARD_MARK_FIELDS * sizeof *mark->kept);
    mark->kept[count * SHARD_MARK_FIELDS] = incarnation;
    mark->kept[count * SHARD_MARK_FIELDS + 1] = name;
    mark->kept_count = count + 1;
}

static size_t s_most(const shard_core_t *self)
{
    uint64_t marks = self->base->spec.topology->checkpoint.marks + 1; /* and the one that is being made */
    return marks < SHARD_MARKS_MAX ? (size_t)marks : SHARD_MARKS_MAX;
}

void shard_mark_take(shard_core_t *self)
{
    shard_mark_t *mark = &self->durable->mark;
    mark->shot = shard_mark_tag(self) ? self->base->gate.held : 0;
    if (!mark->shot)
        return;
    gate_take(&self->base->gate);
    s_keep(mark, self->base->spec.incarnation, s_most(self));
}

/* Only what is durable is a point: a snapshot that failed is taken again, and what lies behind the point waits for it. */
void shard_mark_committed(shard_core_t *self, err_code_t code)
{
    shard_mark_t *mark = &self->durable->mark;
    uint64_t number = mark->shot;
    mark->shot = 0;
    if (code || !number || number != self->base->gate.held)
        return;
    mark->done = number;
    s_over(self, number);
    s_answer(self, number, PHASE_TAKE, ERR_OK);
}

bool shard_core_keeps(const shard_core_t *self, uint64_t incarnation)
{
    for (size_t i = 0; i < self->durable->mark.kept_count; i++)
        if (self->durable->mark.kept[i * SHARD_MARK_FIELDS] == incarnation)
            return true;
    return false;
}

void shard_mark_load(shard_core_t *self, const wire_u64s_t *kept)
{
    shard_mark_t *mark = &self->durable->mark;
    size_t count = kept->count / SHARD_MARK_FIELDS, most = s_most(self);
    size_t first = count > most ? count - most : 0;
    mark->kept_count = count - first;
    if (mark->kept_count)
        memcpy(mark->kept, kept->items + first * SHARD_MARK_FIELDS,
               mark->kept_count * SHARD_MARK_FIELDS * sizeof *mark->kept);
}
