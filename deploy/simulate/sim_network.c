/* The network: every message is packed and unpacked, and may be lost, doubled, late or cut off, by the
 * world's seed. */
#include "deploy/simulate/sim_internal.h"

#include "codec/wire/actor_name.h"

#include <string.h>

/* The message that the receiver decodes, from the bytes that the sender's message packs to. */
static message_t *s_over_the_wire(sim_t *self, const message_t *message)
{
    size_t envelope_bytes;
    buf_t *bytes = message_pack(message, &envelope_bytes);
    self->stats.bytes += buf_size(bytes) + message->data.size_bytes;
    message_t *copy = NULL;
    err_t err = {0};
    const char *head = buf_peek(bytes);
    err_code_t code =
        message_unpack(head, envelope_bytes, head + envelope_bytes, buf_size(bytes) - envelope_bytes,
                       message->data.buf ? &message->data : NULL, &copy, &err);
    if (code) {
        fprintf(stderr, "sim: a core sent what cannot be unpacked: %s\n", err.text);
        message_print(message, stderr);
    }
    CHECK(!code);
    buf_destroy(&bytes);
    sim_damage(self, copy);
    return copy;
}

static int64_t s_delay(sim_t *self, bool wan)
{
    int64_t delay = sim_random_us(self, wan ? self->spec.wan_delay_us : self->spec.lan_delay_us);
    if (rng_unit(&self->rng) < self->spec.reorder) {
        self->stats.reordered++;
        delay += (int64_t)rng_below(&self->rng, (uint64_t)self->spec.reorder_us + 1);
    }
    return delay;
}

/* In a world that is timed nothing is lost but what is sent to nobody. */
static void s_hand_over(sim_t *self, const sim_actor_t *from, size_t to, message_t **message_p)
{
    if (to == SIZE_MAX || !self->actors[to].alive) {
        message_destroy(message_p);
        return;
    }
    const sim_pace_t *pace = self->spec.pace;
    int64_t leaves_us = from->free_us > self->now_us ? from->free_us : self->now_us;
    sim_schedule(self, (sim_event_t){.at_us = pace->arrives(pace->hint, *message_p, from->region,
                                                            self->actors[to].region, leaves_us),
                                     .kind = SIM_DELIVER,
                                     .actor = (uint32_t)to,
                                     .what = *message_p});
    *message_p = NULL;
}

void sim_send(sim_t *self, size_t from_actor, message_t **message_p)
{
    message_t *message = *message_p;
    const sim_actor_t *from = &self->actors[from_actor];
    size_t to = sim_find(self, message->to);
    self->stats.messages++;
    CHECK(to == SIZE_MAX || says_may(message->kind, from->says, self->actors[to].says));
    if (self->spec.pace) {
        s_hand_over(self, from, to, message_p);
        return;
    }
    sim_zombie_hears(self, message);
    if (message->kind == KIND_hand_over && !from->zombie)
        sim_check_move(self, message);
    /* Its region's broker knows the successor, and carries on nothing of an older incarnation. */
    if (from->zombie && !(self->spec.breaks & BREAK_FENCING)) {
        self->stats.zombies_refused++;
        message_destroy(message_p);
        return;
    }
    bool lost = to == SIZE_MAX || !self->actors[to].alive;
    lost = lost || sim_is_cut(self, from, &self->actors[to]);
    if (!lost && rng_unit(&self->rng) < self->spec.loss) {
        self->stats.lost++;
        lost = true;
    }
    int copies = lost ? 0 : 1;
    if (copies && rng_unit(&self->rng) < self->spec.duplicate) {
        self->stats.duplicated++;
        copies = 2;
    }
    size_t zombie = sim_zombie_of(self, message->to);
    if (zombie != SIZE_MAX && zombie != from_actor && !lost)
        sim_schedule(self, (sim_event_t){.at_us = self->now_us + s_delay(self, false),
                                         .kind = SIM_DELIVER,
                                         .actor = (uint32_t)zombie,
                                         .what = s_over_the_wire(self, message)});
    for (int i = 0; i < copies; i++)
        sim_schedule(self, (sim_event_t){.at_us = self->now_us +
                                                  s_delay(self, from->region != self->actors[to].region),
                                         .kind = SIM_DELIVER,
                                         .actor = (uint32_t)to,
                                         .what = s_over_the_wire(self, message)});
    message_destroy(message_p);
}

/* ---- what brokers say of the links ---- */

static void s_tell_link(sim_t *self, size_t region, const char *listener)
{
    const sim_pace_t *pace = self->spec.pace;
    size_t actor = sim_find(self, listener);
    actor_name_t broker = actor_name(ROLE_BROKER, self->topology->regions[region].name);
    for (size_t other = 0; other < self->topology->region_count; other++) {
        if (other == region || actor == SIZE_MAX || !self->actors[actor].alive)
            continue;
        message_t *state = message_new(KIND_link_state, listener, broker.text);
        message_set_name(state->link_state.region, self->topology->regions[other].name);
        if (pace->link(pace->hint, region, other, state))
            self->actors[actor].role->message(self->actors[actor].core, &state, self->now_us);
        message_destroy(&state);
        sim_after(self, actor);
    }
}

void sim_tell_links(sim_t *self)
{
    for (size_t r = 0; r < self->topology->region_count; r++) {
        const topology_region_t *region = &self->topology->regions[r];
        s_tell_link(self, r, actor_name(ROLE_SCHEDULER, region->name).text);
        for (uint64_t k = 0; k < region->shards; k++)
            s_tell_link(self, r, actor_name_numbered(ROLE_SYNCHRONIZER, region->name, k).text);
    }
    sim_schedule(self,
                 (sim_event_t){.at_us = self->now_us + self->spec.pace->link_every_us, .kind = SIM_LINKS});
}
