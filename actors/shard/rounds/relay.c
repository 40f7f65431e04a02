/* Handing on: what is in a round can be had by a part of the regions alone, when who sent it is cut off or gone. So each
 * shard keeps other regions' contributions until all know them durably, and gives them to whoever lacks them for a
 * round that is decided. Bytes are what every receiver decodes, under the name that the origin gave: it does not matter
 * from whom they come, or how often.
 *
 * What is kept is bounded by `window` per origin, as the origin's own queue is; what has to go then must be waited for. */

#include "actors/shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

#define SILENCE_US 1000000 /* of the origin, before others are asked */
#define AGAIN_US 100000    /* while they give, the next are asked for */
#define GIVEN_MAX SHARD_INCOMING_MAX

/* -- keeping ----------------------------------------------------------------------------------------------
 */

static void s_fini(shard_core_t *self, relay_t *relay)
{
    if (relay->kept.data)
        version_release(self->replica, &relay->kept.data);
    buf_destroy(&relay->kept.cursor);
    free(relay->kept.checksums);
}

static void s_remove(shard_core_t *self, size_t index)
{
    shard_relays_t *all = &self->rounds->relays;
    s_fini(self, &all->items[index]);
    memmove(all->items + index, all->items + index + 1, (--all->count - index) * sizeof *all->items);
}

void shard_relay_drop(shard_core_t *self)
{
    while (self->rounds->relays.count)
        s_fini(self, &self->rounds->relays.items[--self->rounds->relays.count]);
}

void shard_relay_fini(shard_core_t *self)
{
    shard_relay_drop(self);
    free(self->rounds->relays.items);
}

static bool s_too_many(const shard_core_t *self, size_t region)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->rounds->relays.count; i++)
        if (self->rounds->relays.items[i].region == region && self->rounds->relays.items[i].kept.data)
            bytes += buf_size(self->rounds->relays.items[i].kept.data);
    return bytes > self->base->spec.topology->job.sync.window_bytes ||
           self->rounds->relays.count > SHARD_KEPT_MAX;
}

/* The oldest of that region: without it those that follow are of no use to who lacks it, but another one may lack less. */
static void s_remove_oldest(shard_core_t *self, size_t region)
{
    size_t i = 0;
    while (self->rounds->relays.items[i].region != region)
        i++;
    s_remove(self, i);
}

void shard_relay_add(shard_core_t *self, const relay_t *relay)
{
    shard_relays_t *all = &self->rounds->relays;
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 8;
        all->items = realloc(all->items, all->capacity * sizeof *all->items);
        CHECK(all->items);
    }
    all->items[all->count++] = *relay;
}

void shard_relay_keep(shard_core_t *self, size_t origin, const incoming_t *incoming, buf_t *data)
{
    if (!self->base->rules.votes || !incoming->cursor)
        return;
    relay_t relay = {.region = origin,
                     .history = incoming->history,
                     .follows_history = incoming->follows_history,
                     .follows = incoming->follows,
                     .kept = {.head = incoming->head, .mark = incoming->mark}};
    relay.kept.data = buf_ref(data);
    relay.kept.cursor = buf_ref(incoming->cursor);
    shard_relay_add(self, &relay);
    while (s_too_many(self, origin))
        s_remove_oldest(self, origin);
}

void shard_relay_trim(shard_core_t *self)
{
    for (size_t i = self->rounds->relays.count; i-- > 0;)
        if (!shard_vote_lacked(self, self->rounds->relays.items[i].region,
                               self->rounds->relays.items[i].kept.head.last))
            s_remove(self, i);
}

/* -- asking -----------------------------------------------------------------------------------------------
 */

/* The next region after the one that was asked before which has that, as far as is known. */
static size_t s_whom(const shard_core_t *self, size_t origin, uint64_t number)
{
    size_t count = base_regions(self->base), other = SIZE_MAX;
    for (size_t i = 1; i <= count; i++) {
        size_t r = (self->rounds->relays.asked + i) % count;
        if (r == origin || r == self->base->spec.region_index)
            continue;
        if (shard_vote_has(self, r, origin, number))
            return r;
        other = other == SIZE_MAX ? r : other;
    }
    return other; /* who has come back knows of nobody */
}

static void s_ask(shard_core_t *self, size_t origin, uint64_t number)
{
    size_t whom = s_whom(self, origin, number);
    if (whom == SIZE_MAX)
        return;
    char to[3 * WIRE_NAME_SIZE];
    base_name_of(self->base, "shard", whom, to, sizeof to);
    self->rounds->relays.asked = whom;
    message_t *message = base_message(self->base, KIND_stream_fetch, to);
    message->stream_fetch.from = self->stream->origins[origin].taken + 1;
    message_set_name(message->stream_fetch.origin, self->base->spec.topology->regions[origin].name);
    base_send(self->base, &message);
}

/* A region whose stream the next round needs more of; SIZE_MAX: none. */
static size_t s_lacks(const shard_core_t *self, const uint64_t *decided)
{
    for (size_t r = 0; decided && r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && self->stream->origins[r].taken < decided[r])
            return r;
    return SIZE_MAX;
}

void shard_relay_advance(shard_core_t *self)
{
    shard_relays_t *all = &self->rounds->relays;
    if (!self->base->rules.votes || life_stops(&self->base->life) || !life_runs(&self->base->life))
        return;
    const uint64_t *decided = shard_vote_decided(self, self->rounds->number + 1);
    size_t origin = s_lacks(self, decided);
    if (origin == SIZE_MAX) {
        all->ask_us = ROLE_NEVER;
        all->lacked = SIZE_MAX;
        return;
    }
    if (origin != all->lacked || all->ask_us == ROLE_NEVER) {
        all->lacked = origin;
        all->ask_us = self->base->now_us + (self->stream->origins[origin].handed ? AGAIN_US : SILENCE_US);
    }
    if (self->base->now_us < all->ask_us)
        return;
    all->ask_us = self->base->now_us + SILENCE_US;
    s_ask(self, origin, decided[origin]);
}

int64_t shard_relay_due(const shard_core_t *self)
{
    bool asks = self->base->rules.votes && !life_stops(&self->base->life) && life_runs(&self->base->life);
    return asks ? self->rounds->relays.ask_us : ROLE_NEVER;
}

/* Whoever gives is given time; the origin itself above all. */
void shard_relay_heard(shard_core_t *self, size_t origin, bool handed)
{
    self->stream->origins[origin].handed = handed;
    if (self->rounds->relays.lacked == origin && self->rounds->relays.ask_us != ROLE_NEVER)
        self->rounds->relays.ask_us = self->base->now_us + (handed ? AGAIN_US : SILENCE_US);
}

/* -- giving -----------------------------------------------------------------------------------------------
 */

void shard_relay_give(shard_core_t *self, const message_t *message)
{
    size_t origin = topology_region_index(self->base->spec.topology, message->stream_fetch.origin);
    size_t to = base_region_of(self->base, "shard", message->from);
    if (!self->base->rules.votes || origin == SIZE_MAX || to == SIZE_MAX || to == origin) {
        self->base->counts.refusals++;
        base_refuse(self->base, message, ERR_DENIED,
                    "only the same shard of another region is given what others sent");
        return;
    }
    delivery_t stream = {.origin = origin, .stable = self->stream->origins[origin].stable};
    message_set_name(stream.to, message->from);
    size_t given = 0;
    for (size_t i = 0; i < self->rounds->relays.count && given < GIVEN_MAX; i++) {
        relay_t *relay = &self->rounds->relays.items[i];
        if (relay->region != origin || relay->kept.head.first < message->stream_fetch.from)
            continue;
        stream.history = relay->history;
        stream.follows_history = relay->follows_history;
        stream.follows = relay->follows;
        stream_send_kept(self->stream, &relay->kept, &stream);
        given++;
    }
}
