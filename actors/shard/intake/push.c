#include "actors/kit/breaks.h"
#include "actors/shard/intake/intake.h"

#include "codec/base/failpoint.h"
#include "codec/base/grow.h"
#include "codec/base/hash.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

/* -- who speaks -------------------------------------------------------------------------------------------
 */

static bool s_own_worker(const intake_t *self, const char *from)
{
    return actor_is_of(from, ROLE_WORKER, core_region_name(&self->base->core, self->base->spec.region_index));
}

static void s_renew(intake_t *self, worker_entry_t *worker, uint64_t incarnation)
{
    for (size_t i = 0; i < SHARD_STAGED_MAX; i++)
        staged_drop(&worker->staged[i]);
    worker->incarnation = incarnation;
    intake_forget_pull(self, worker);
    worker->pull_answered = 0;
}

worker_entry_t *intake_worker(intake_t *self, const message_t *message)
{
    if (!s_own_worker(self, message->from)) {
        core_refuse(&self->base->core, message, ERR_DENIED,
                    "only workers of the shard's own region push and pull");
        return NULL;
    }
    size_t i = names_find(&self->worker_names, message->from);
    i = i == SIZE_MAX ? self->worker_count : i;
    if (i == SHARD_WORKERS_MAX) {
        core_refuse(&self->base->core, message, ERR_LIMIT, "too many workers at one shard");
        return NULL;
    }
    worker_entry_t *worker = &self->workers[i];
    if (i == self->worker_count) {
        names_set(&self->worker_names, message->from, self->worker_count++);
        message_set_name(worker->name, message->from);
        worker->incarnation = message->incarnation;
    }
    if (message->incarnation < worker->incarnation && !(self->base->spec.breaks & BREAK_FENCING)) {
        core_refuse(&self->base->core, message, ERR_STALE, "a newer incarnation of this worker has spoken");
        return NULL;
    }
    if (message->incarnation > worker->incarnation)
        s_renew(self, worker, message->incarnation);
    return worker;
}

/* -- staging ----------------------------------------------------------------------------------------------
 */

void staged_drop(staged_t *self)
{
    assembly_fini(&self->assembly);
    *self = (staged_t){0};
}

void held_drop(intake_t *self, size_t index)
{
    assembly_fini(&self->held[index].assembly);
    patch_destroy(&self->held[index].patch);
    self->held_count--;
    memmove(&self->held[index], &self->held[index + 1], (self->held_count - index) * sizeof *self->held);
}

static staged_t *s_find_staged(worker_entry_t *worker, uint64_t batch)
{
    for (size_t i = 0; i < SHARD_STAGED_MAX; i++)
        if (worker->staged[i].used && worker->staged[i].batch == batch)
            return &worker->staged[i];
    return NULL;
}

/* The place for a push that begins: a free one, or that of the push whose last chunk is longest ago. */
static staged_t *s_make_room(worker_entry_t *worker)
{
    staged_t *oldest = &worker->staged[0];
    for (size_t i = 0; i < SHARD_STAGED_MAX; i++) {
        staged_t *staged = &worker->staged[i];
        if (!staged->used)
            return staged;
        if (staged->touched < oldest->touched)
            oldest = staged;
    }
    staged_drop(oldest);
    return oldest;
}

/* One worker may hold a whole step and one push more. Beyond that its push furthest ahead gives
 * way to one that is needed sooner. What finds no room, or loses it, is not acknowledged, so its
 * worker sends it again. */
static bool s_make_held_room(intake_t *self, size_t worker, uint64_t batch)
{
    size_t count = 0, furthest = 0;
    for (size_t i = 0; i < self->held_count; i++) {
        if (self->held[i].worker != worker)
            continue;
        if (!count++ || self->held[i].batch > self->held[furthest].batch)
            furthest = i;
    }
    if (count <= self->base->region->width)
        return true;
    if (self->held[furthest].batch < batch)
        return false;
    held_drop(self, furthest);
    return true;
}

static const held_t *s_find_held(const intake_t *self, uint64_t batch)
{
    for (size_t i = 0; i < self->held_count; i++)
        if (self->held[i].batch == batch)
            return &self->held[i];
    return NULL;
}

void held_add(intake_t *self, const held_t *held)
{
    self->held = grow(self->held, self->held_count, &self->held_capacity, sizeof *self->held);
    self->held[self->held_count++] = *held;
}

/* Holds a whole push until its step; the assembly moves out of `staged`, and the patch in. */
static void s_hold(intake_t *self, worker_entry_t *worker, uint64_t batch, uint64_t samples, err_code_t code,
                   staged_t *staged, patch_t *patch)
{
    held_t held = {.worker = (size_t)(worker - self->workers),
                   .batch = batch,
                   .samples = samples,
                   .code = code,
                   .patch = patch};
    if (staged && !code) {
        held.assembly = staged->assembly;
        held.serial = staged->serial;
        staged->assembly = (assembly_t){0};
    }
    held_add(self, &held);
    if (staged)
        staged_drop(staged);
}

/* -- one chunk --------------------------------------------------------------------------------------------
 */

void intake_ack(intake_t *self, const char *to, uint64_t batch, bool applied, err_code_t code)
{
    message_t *ack = core_message(&self->base->core, KIND_push_ack, to);
    ack->number = batch;
    ack->push_ack.batch = batch;
    ack->push_ack.applied = applied;
    ack->push_ack.code = (uint64_t)code;
    core_send(&self->base->core, &ack);
    FAILPOINT(shard_push_acked);
}

/* A batch that is in the version, or will be: acknowledged and not applied again. The one who waits for its
 * own push is told that it is here; anybody else need not compute it. */
static bool s_seen(intake_t *self, const worker_entry_t *worker, const message_t *message)
{
    uint64_t batch = message->push.batch;
    const held_t *held = s_find_held(self, batch);
    bool applied = ranges_has(&self->replica->applied, batch);
    if ((self->base->spec.breaks & BREAK_DEDUP) && !self->terms.in_order)
        return false;
    if (!held && !applied)
        return false;
    bool mine = held && !applied && held->worker == (size_t)(worker - self->workers);
    if (message->push.chunk == 0 && !mine)
        self->base->counts.duplicates++;
    intake_ack(self, message->from, batch, !mine,
               applied && ranges_has(&self->replica->refused, batch) ? ERR_NUMBER : ERR_OK);
    return true;
}

static bool s_intact(const intake_t *self, const message_t *message)
{
    if ((message->push.checksum == 0 && !self->base->spec.checksums) ||
        (self->base->spec.breaks & BREAK_CHECKSUM))
        return true;
    return hash_checksum(slice_peek(&message->data), message->data.buf ? message->data.size_bytes : 0) ==
           message->push.checksum;
}

/* The chunks together, in words of 4 bytes. */
static uint64_t s_words(const message_t *message)
{
    return message->push.patch ? message->push.words : message->push.total;
}

static err_code_t s_shape(const intake_t *self, const message_t *message)
{
    uint64_t first, end, patch = message->push.patch;
    job_batch_samples(self->base->region, message->push.batch, &first, &end);
    if (message->push.total != self->base->spec.elements || message->push.offset > s_words(message))
        return ERR_SHAPE;
    if (patch &&
        (!self->base->spec.patches || !patch_fits(self->base->spec.elements, patch - 1, message->push.words)))
        return ERR_SHAPE;
    return message->push.samples == end - first ? ERR_OK : ERR_SHAPE;
}

static bool s_is_piece(const staged_t *staged, const message_t *message)
{
    return staged->assembly.chunk_count == message->push.chunk_count &&
           staged->patch == message->push.patch &&
           staged->assembly.total_bytes == s_words(message) * sizeof(float);
}

static staged_t *s_stage(intake_t *self, worker_entry_t *worker, const message_t *message)
{
    staged_t *staged = s_find_staged(worker, message->push.batch);
    if (staged && !s_is_piece(staged, message))
        staged_drop(staged);
    if (!staged || !staged->used) {
        staged = s_make_room(worker);
        if (assembly_begin(&staged->assembly, message->push.chunk_count, s_words(message) * sizeof(float),
                           self->base->spec.chunk_bytes))
            return NULL;
        staged->used = true;
        staged->patch = message->push.patch;
        staged->serial = ++self->serials;
        staged->batch = message->push.batch;
        staged->samples = message->push.samples;
    }
    staged->touched = ++self->touches;
    if (message->push.pull) {
        staged->pull = message->push.pull;
        staged->pull_batch = message->push.pull_batch;
    }
    return staged;
}

err_code_t held_read_patch(const intake_t *self, const assembly_t *assembly, uint64_t patch,
                           patch_t **ret_patch)
{
    size_t runs = (size_t)patch - 1, words = 2 * runs;
    float *room = malloc((words + 1) * sizeof *room);
    if (!room)
        return ERR_MEMORY;
    patch_t *made = NULL;
    const void *index = runs ? assembly_read(assembly, 0, words, room) : room;
    err_code_t code = patch_load(index, runs, self->base->spec.elements, &made, NULL);
    if (!code && patch_words(made) * sizeof(float) != assembly->total_bytes)
        code = ERR_SHAPE;
    free(room);
    if (code)
        patch_destroy(&made);
    else
        *ret_patch = made;
    return code;
}

/* Adds a chunk. Returns whether the push is whole now, or refused (*ret_code). */
static bool s_add_push(intake_t *self, worker_entry_t *worker, const message_t *message,
                       staged_t **ret_staged, patch_t **ret_patch, err_code_t *ret_code)
{
    *ret_staged = s_find_staged(worker, message->push.batch);
    *ret_code = s_shape(self, message);
    if (*ret_code)
        return true;
    *ret_staged = s_stage(self, worker, message);
    uint64_t had = *ret_staged ? (*ret_staged)->assembly.have : 0;
    *ret_code = *ret_staged ? assembly_add(&(*ret_staged)->assembly, message->push.chunk,
                                           message->push.offset * sizeof(float), &message->data)
                            : ERR_SHAPE;
    if (*ret_code)
        return true;
    if (!slice_finite(&message->data, self->replica->scratch)) {
        *ret_code = ERR_NUMBER;
        return true;
    }
    if ((*ret_staged)->assembly.have > had && !message->push.patch)
        ahead_add(self, *ret_staged, message->push.chunk, message->push.offset, &message->data);
    if (!assembly_complete(&(*ret_staged)->assembly))
        return false;
    else if (!assembly_seamless(&(*ret_staged)->assembly))
        *ret_code = ERR_SHAPE;
    else if (message->push.patch)
        *ret_code = held_read_patch(self, &(*ret_staged)->assembly, message->push.patch, ret_patch);
    return true;
}

static void s_chunk(intake_t *self, worker_entry_t *worker, const message_t *message)
{
    uint64_t batch = message->push.batch;
    staged_t *staged = s_find_staged(worker, batch);
    if (message->push.samples == 0 && !message->data.buf) { /* the worker found NaN or Inf itself */
        s_hold(self, worker, batch, 0, ERR_NUMBER, staged, NULL);
        if (message->push.pull)
            intake_want(self, worker, message->push.pull, message->push.pull_batch);
        return;
    }
    if (!s_intact(self, message)) {
        if (staged)
            staged_drop(staged);
        intake_ack(self, message->from, batch, false, ERR_CHECKSUM);
        return;
    }
    err_code_t code;
    patch_t *patch = NULL;
    if (!s_add_push(self, worker, message, &staged, &patch, &code))
        return;
    if (code == ERR_MEMORY) { /* not acknowledged, so it is sent again */
        staged_drop(staged);
        return;
    }
    FAILPOINT(shard_push_whole);
    uint64_t pull = staged ? staged->pull : message->push.pull;
    uint64_t pull_batch = staged ? staged->pull_batch : message->push.pull_batch;
    s_hold(self, worker, batch, code ? 0 : message->push.samples, code, staged, patch);
    if (pull)
        intake_want(self, worker, pull, pull_batch);
}

void intake_push(intake_t *self, message_t *message)
{
    if (life_stops(&self->base->life))
        return;
    worker_entry_t *worker = intake_worker(self, message);
    if (!worker)
        return;
    FAILPOINT(shard_push_received);
    uint64_t batch = message->push.batch;
    if (batch >= self->base->region->batches) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, ERR_LIMIT, "no such batch in this region");
        return;
    }
    if (s_seen(self, worker, message)) {
        bool last = message->push.chunk + 1 == message->push.chunk_count;
        if (message->push.pull && (last || message->push.pull != worker->pull_answered))
            intake_want(self, worker, message->push.pull, message->push.pull_batch);
        return;
    }
    bool touches = (batch && ranges_has(&self->replica->applied, batch - 1)) ||
                   ranges_has(&self->replica->applied, batch + 1);
    if (self->replica->applied.count + self->held_count >= SHARD_INTERVALS_MAX && !touches) {
        core_refuse(&self->base->core, message, ERR_LIMIT, "too many gaps in the set of applied batches");
        return;
    }
    if (s_make_held_room(self, (size_t)(worker - self->workers), batch))
        s_chunk(self, worker, message);
}
