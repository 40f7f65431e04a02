/* Handing on: what is in a round can be had by a part of the regions alone, when who sent it is cut off or
 * gone. So each shard keeps other regions' contributions until all know them durably, and gives them to
 * whoever lacks them for a round that is decided. Bytes are what every receiver decodes, under the name that
 * the origin gave: it does not matter from whom they come, or how often.
 *
 * What is kept is bounded by `window` per origin, as the origin's own queue is; what has to go then
 * must be waited for. */

#include "actors/shard/rounds/rounds.h"

#include "codec/base/grow.h"

#include <stdlib.h>
#include <string.h>

#define SILENCE_US 1000000 /* of the origin, before others are asked */
#define AGAIN_US 100000    /* while they give, the next are asked for */
#define GIVEN_MAX SHARD_INCOMING_MAX

/* -- keeping */

static void s_fini(rounds_t *self, forward_t *forward)
{
    if (forward->delta.data)
        version_release(self->replica, &forward->delta.data);
    buf_destroy(&forward->delta.cursor);
    free(forward->delta.checksums);
}

static void s_remove(rounds_t *self, size_t index)
{
    forwards_t *all = &self->forwards;
    s_fini(self, &all->items[index]);
    memmove(all->items + index, all->items + index + 1, (--all->count - index) * sizeof *all->items);
}

void forward_init(rounds_t *self)
{
    self->forwards = (forwards_t){.lacked = SIZE_MAX, .ask_us = ROLE_NEVER};
}

void forward_drop(rounds_t *self)
{
    while (self->forwards.count)
        s_fini(self, &self->forwards.items[--self->forwards.count]);
}

void forward_fini(rounds_t *self)
{
    forward_drop(self);
    free(self->forwards.items);
}

static bool s_too_many(const rounds_t *self, size_t region)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->forwards.count; i++)
        if (self->forwards.items[i].region == region && self->forwards.items[i].delta.data)
            bytes += buf_size(self->forwards.items[i].delta.data);
    return bytes > self->base->spec.topology->job.sync.window_bytes || self->forwards.count > SHARD_QUEUE_MAX;
}

/* The oldest of that region: without it those that follow are of no use to who lacks it, but
 * another one may lack less. */
static void s_remove_oldest(rounds_t *self, size_t region)
{
    size_t i = 0;
    while (self->forwards.items[i].region != region)
        i++;
    s_remove(self, i);
}

void forward_add(rounds_t *self, const forward_t *forward)
{
    forwards_t *all = &self->forwards;
    all->items = grow(all->items, all->count, &all->capacity, sizeof *all->items);
    all->items[all->count++] = *forward;
}

void forward_hold(rounds_t *self, size_t origin, const incoming_t *incoming, buf_t *data)
{
    if (!self->base->rules.votes || !incoming->cursor)
        return;
    forward_t forward = {.region = origin,
                         .history = incoming->history,
                         .parent_history = incoming->parent_history,
                         .parent_number = incoming->parent_number,
                         .delta = {.head = incoming->head, .point = incoming->point}};
    forward.delta.data = buf_ref(data);
    forward.delta.cursor = buf_ref(incoming->cursor);
    forward_add(self, &forward);
    while (s_too_many(self, origin))
        s_remove_oldest(self, origin);
}

void forward_trim(rounds_t *self)
{
    for (size_t i = self->forwards.count; i-- > 0;)
        if (!vote_lacked(self, self->forwards.items[i].region, self->forwards.items[i].delta.head.last))
            s_remove(self, i);
}

/* -- asking */

/* The next region after the one that was asked before which has that, as far as is known. */
static size_t s_whom(const rounds_t *self, size_t origin, uint64_t number)
{
    size_t count = base_regions(self->base), other = SIZE_MAX;
    for (size_t i = 1; i <= count; i++) {
        size_t r = (self->forwards.asked + i) % count;
        if (r == origin || r == self->base->spec.region_index)
            continue;
        if (vote_has(self, r, origin, number))
            return r;
        other = other == SIZE_MAX ? r : other;
    }
    return other; /* who has come back knows of nobody */
}

static void s_ask_for(rounds_t *self, size_t origin, uint64_t number)
{
    size_t whom = s_whom(self, origin, number);
    if (whom == SIZE_MAX)
        return;
    actor_name_t to = base_name_of(self->base, ROLE_SHARD, whom);
    self->forwards.asked = whom;
    message_t *message = core_message(&self->base->core, KIND_stream_fetch, to.text);
    message->stream_fetch.from = self->stream->origins[origin].taken + 1;
    message_set_name(message->stream_fetch.origin, self->base->spec.topology->regions[origin].name);
    core_send(&self->base->core, &message);
}

/* A region whose stream the next round needs more of; SIZE_MAX: none. */
static size_t s_lacks(const rounds_t *self, const uint64_t *decided)
{
    for (size_t r = 0; decided && r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && self->stream->origins[r].taken < decided[r])
            return r;
    return SIZE_MAX;
}

static int64_t s_patience_us(const forwards_t *all, size_t origin)
{
    return all->handed >> origin & 1 ? AGAIN_US : SILENCE_US;
}

void forward_advance(rounds_t *self)
{
    forwards_t *all = &self->forwards;
    if (!self->base->rules.votes)
        return;
    const uint64_t *decided = vote_decided(self, self->number + 1);
    size_t origin = s_lacks(self, decided);
    if (origin == SIZE_MAX) {
        all->ask_us = ROLE_NEVER;
        all->lacked = SIZE_MAX;
        return;
    }
    if (origin != all->lacked || all->ask_us == ROLE_NEVER) {
        all->lacked = origin;
        all->ask_us = self->base->core.now_us + s_patience_us(all, origin);
    }
    if (self->base->core.now_us < all->ask_us)
        return;
    all->ask_us = self->base->core.now_us + SILENCE_US;
    s_ask_for(self, origin, decided[origin]);
}

int64_t forward_due(const rounds_t *self)
{
    return self->base->rules.votes ? self->forwards.ask_us : ROLE_NEVER;
}

/* Whoever gives is given time; the origin itself above all. */
void rounds_given(rounds_t *self, size_t origin, bool handed)
{
    uint64_t bit = UINT64_C(1) << origin;
    self->forwards.handed = handed ? self->forwards.handed | bit : self->forwards.handed & ~bit;
    if (self->forwards.lacked == origin && self->forwards.ask_us != ROLE_NEVER)
        self->forwards.ask_us = self->base->core.now_us + s_patience_us(&self->forwards, origin);
}

/* -- giving */

void rounds_give(rounds_t *self, const message_t *message)
{
    size_t origin = topology_region_index(self->base->spec.topology, message->stream_fetch.origin);
    size_t to = base_region_of(self->base, ROLE_SHARD, message->from);
    bool of_third = origin != SIZE_MAX && to != SIZE_MAX && to != origin;
    if (!self->base->rules.votes || !of_third) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, ERR_DENIED,
                    "only the same shard of another region is given what others sent");
        return;
    }
    delivery_t stream = {.origin = origin, .stable = self->stream->origins[origin].stable};
    message_set_name(stream.to, message->from);
    size_t given = 0;
    for (size_t i = 0; i < self->forwards.count && given < GIVEN_MAX; i++) {
        forward_t *forward = &self->forwards.items[i];
        if (forward->region != origin || forward->delta.head.first < message->stream_fetch.from)
            continue;
        stream.history = forward->history;
        stream.parent_history = forward->parent_history;
        stream.parent_number = forward->parent_number;
        stream_send_queued(self->stream, &forward->delta, &stream);
        given++;
    }
}
