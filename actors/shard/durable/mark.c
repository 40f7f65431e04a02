/* Common points of all shards, so that they can be restored together. Shards exchange ordered streams of
 * deltas; a set of snapshots belongs together when no shard has taken what its origin had not cut, and every
 * origin keeps what the others had not taken. The first is kept by marks (Chandy and Lamport, Distributed
 * Snapshots, 1985): what is cut behind the point says so, and is taken only behind it. The second is kept by
 * the hold: before the first shard takes its snapshot all of them have stopped believing that anything more
 * is durable elsewhere, and so let nothing go.
 */

#include "actors/shard/durable/mark.h"

#include "actors/kit/mark_phase.h"
#include "codec/base/hash.h"
#include "codec/wire/actor_name.h"
#include "store/snapshot.h"

#include <string.h>

void mark_init(mark_t *self, base_t *base)
{
    *self = (mark_t){.base = base};
}

/* -- what is over ------------------------------------------------------------------------------------------
 */

static void s_over(mark_t *self, uint64_t number)
{
    if (gate_over(&self->base->gate, number, self->base->core.now_us))
        base_changed(self->base);
}

void mark_drop(mark_t *self)
{
    if (gate_drop(&self->base->gate, self->base->core.now_us))
        base_changed(self->base);
}

void mark_join(mark_t *self, uint64_t number)
{
    mark_drop(self);
    s_over(self, number);
}

void mark_tick(mark_t *self)
{
    if (gate_tick(&self->base->gate, self->base->core.now_us))
        base_changed(self->base);
}

/* ---- what the global scheduler says ---- */

static void s_answer_mark(mark_t *self, uint64_t number, uint64_t phase, err_code_t code)
{
    message_t *message = core_message(&self->base->core, KIND_marked, ACTOR_GLOBAL);
    message->number = message->marked.point = number;
    message->marked.phase = phase;
    message->marked.code = (uint64_t)code;
    core_send(&self->base->core, &message);
}

static void s_hold(mark_t *self, const message_t *message)
{
    gate_t *gate = &self->base->gate;
    uint64_t number = message->mark.point;
    if (number != gate->held)
        message_set_name(self->tag, message->mark.tag);
    if (gate_hold(gate, number, self->base->core.now_us))
        base_changed(self->base);
    s_answer_mark(self, number, PHASE_HOLD, ERR_OK);
}

static void s_take_point(mark_t *self, uint64_t number)
{
    if (number != self->base->gate.held) { /* this incarnation has let things go meanwhile */
        s_answer_mark(self, number, PHASE_TAKE, ERR_STATE);
        return;
    }
    gate_wait(&self->base->gate, self->base->core.now_us);
    self->wanted = number;
    if (self->shot == number)
        s_answer_mark(self, number, PHASE_HOLD, ERR_OK); /* it is being written */
}

static err_code_t s_check_mark(const mark_t *self, const message_t *message)
{
    if (message->mark.point == 0 || message->mark.point == UINT64_MAX || message->mark.phase > PHASE_END)
        return ERR_MALFORMED;
    if (!snapshot_is_mark(message->mark.tag))
        return ERR_MALFORMED;
    if (!life_runs(&self->base->life)) /* its state is about to be replaced, or is not sure */
        return ERR_STATE;
    return life_stops(&self->base->life) ? ERR_STOPPED : ERR_OK;
}

void mark_message(mark_t *self, const message_t *message, bool undurable)
{
    const gate_t *gate = &self->base->gate;
    uint64_t number = message->mark.point, phase = message->mark.phase;
    err_code_t code = s_check_mark(self, message);
    if (code == ERR_STOPPED || code == ERR_STATE) {
        s_answer_mark(self, number, phase, code);
    } else if (code) {
        core_refuse(&self->base->core, message, code, "not a common point");
    } else if (phase == PHASE_END) {
        s_over(self, number);
        s_answer_mark(self, number, phase, ERR_OK);
    } else if (number == self->done) {
        s_answer_mark(self, number, phase, ERR_OK);
    } else if (undurable) { /* its disk takes no snapshot, and nobody is to wait for one */
        s_answer_mark(self, number, phase, ERR_STATE);
    } else if (number != gate->held && number <= gate->number) {
        s_answer_mark(self, gate->number, phase, ERR_STALE);
    } else if (phase == PHASE_HOLD) {
        s_hold(self, message);
    } else {
        s_take_point(self, number);
    }
}

/* ---- the snapshot ---- */

const char *mark_tag(const mark_t *self)
{
    bool wanted = self->wanted && self->wanted == self->base->gate.held;
    return wanted && !life_stops(&self->base->life) ? self->tag : NULL;
}

/* Notes whose store has the snapshot; of several attempts at one point the newest counts, as in the store. */
static void s_pin(mark_t *self, uint64_t incarnation, size_t most)
{
    uint64_t name = hash_checksum(self->tag, snapshot_mark_length(self->tag));
    size_t count = 0;
    for (size_t i = 0; i < self->pinned_count; i++)
        if (self->pinned[i].tag != name)
            self->pinned[count++] = self->pinned[i];
    size_t gone = count >= most ? count - most + 1 : 0;
    count -= gone;
    memmove(self->pinned, self->pinned + gone, count * sizeof *self->pinned);
    self->pinned[count] = (shard_state_marks_t){incarnation, name};
    self->pinned_count = count + 1;
}

static size_t s_most(const mark_t *self)
{
    uint64_t marks = self->base->spec.topology->checkpoint.marks + 1; /* and the one that is being made */
    return marks < MARK_PINNED_MAX ? (size_t)marks : MARK_PINNED_MAX;
}

void mark_take(mark_t *self)
{
    self->shot = mark_tag(self) ? self->base->gate.held : 0;
    if (!self->shot)
        return;
    gate_take(&self->base->gate);
    s_pin(self, self->base->spec.incarnation, s_most(self));
}

/* Only what is durable is a point: a snapshot that failed is taken again, and what lies behind the
 * point waits for it. */
void mark_committed(mark_t *self, err_code_t code)
{
    uint64_t number = self->shot;
    self->shot = 0;
    if (code || !number || number != self->base->gate.held)
        return;
    self->done = number;
    s_over(self, number);
    s_answer_mark(self, number, PHASE_TAKE, ERR_OK);
}

bool mark_pins(const mark_t *self, uint64_t incarnation)
{
    for (size_t i = 0; i < self->pinned_count; i++)
        if (self->pinned[i].incarnation == incarnation)
            return true;
    return false;
}

void mark_pack(const mark_t *self, message_t *message)
{
    shard_state_marks_t *rows = message_set_rows(&message->shard_state.marks, self->pinned_count);
    for (size_t i = 0; i < self->pinned_count; i++)
        rows[i] = self->pinned[i];
}

void mark_load(mark_t *self, const message_t *message)
{
    size_t count = message->shard_state.marks.count, most = s_most(self);
    size_t first = count > most ? count - most : 0;
    self->pinned_count = count - first;
    for (size_t i = first; i < count; i++)
        self->pinned[i - first] = message->shard_state.marks.items[i];
}
