/* Giving the own state to the same shard of another region: a cut of all that is open, a snapshot, and
 * when that is durable an offer. What is given are the bytes of a committed snapshot, so nothing that
 * could be lost here again. */

#include "actors/shard/transfer/transfer.h"

#include <string.h>

static bool s_active(const transfer_t *self)
{
    return self->giving.region != SIZE_MAX;
}

void donor_drop(transfer_t *self)
{
    snapshot_destroy(&self->giving.snapshot);
    giver_destroy(&self->giving.giver);
    self->giving = (donor_t){.region = SIZE_MAX};
    self->durable->wants &= ~DURABLE_TRANSFER;
}

static void s_offer(transfer_t *self)
{
    actor_name_t to = base_name_of(self->base, ROLE_SHARD, self->giving.region);
    giver_offer(self->giving.giver, to.text, self->giving.incarnation, &self->base->core.outbox);
}

static void s_begin_giving(transfer_t *self, size_t region, const message_t *want)
{
    donor_drop(self);
    self->giving.region = region;
    self->giving.incarnation = want->incarnation;
    self->giving.attempt = want->number;
    self->giving.heard_us = self->base->core.now_us;
    self->durable->wants |= DURABLE_TRANSFER;
    base_changed(self->base); /* a snapshot of its own, also when nothing else is new */
}

/* One newcomer at a time; the others see by the answer that this shard is there. */
void donor_want(transfer_t *self, const message_t *message)
{
    size_t region = base_region_of(self->base, ROLE_SHARD, message->from);
    if (life_stops(&self->base->life) || region == SIZE_MAX)
        return;
    peer_status_say(self, region);
    if (!life_runs(&self->base->life) || (s_active(self) && self->giving.region != region))
        return;
    const donor_t *donor = &self->giving;
    int order = 1;
    if (s_active(self))
        order =
            incarnation_compare(message->incarnation, message->number, donor->incarnation, donor->attempt);
    if (order < 0)
        return; /* late */
    if (order > 0)
        s_begin_giving(self, region, message);
    self->giving.heard_us = self->base->core.now_us;
    if (self->giving.giver)
        s_offer(self);
}

void donor_fetch(transfer_t *self, const message_t *message)
{
    size_t region = base_region_of(self->base, ROLE_SHARD, message->from);
    if (life_stops(&self->base->life) || region == SIZE_MAX)
        return;
    if (!s_active(self) || self->giving.region != region || !self->giving.giver) {
        giver_refuse(message, self->base->core.name, self->base->spec.incarnation, &self->base->core.outbox);
        return;
    }
    self->giving.heard_us = self->base->core.now_us;
    giver_serve(self->giving.giver, message, &self->base->core.outbox);
}

/* A newcomer needs that value of a snapshot; own deltas are not among them. */
static bool s_given(const void *hint, const char *name)
{
    const transfer_t *self = hint;
    static const char *const prefixes[] = {"state", "pending/", "cursor_of/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    stored_tensor_t tensors[REPLICA_TENSORS_MAX];
    size_t count = replica_tensors(self->replica, tensors);
    for (size_t i = 0; i < count; i++)
        if (tensors[i].given && snapshot_patch_is_of(name, tensors[i].name))
            return true;
    return false;
}

void donor_taken(transfer_t *self, const snapshot_t *snapshot)
{
    snapshot_t *given = snapshot_share(snapshot, s_given, self);
    if (!given)
        return; /* no memory: the next snapshot */
    self->giving.snapshot = given;
    self->giving.number = snapshot->id.number;
    self->durable->wants &= ~DURABLE_TRANSFER;
}

void donor_committed(transfer_t *self, uint64_t number, err_code_t code)
{
    donor_t *donor = &self->giving;
    if (!s_active(self) || donor->number != number || !donor->snapshot)
        return;
    const char *region = self->base->spec.topology->regions[self->base->spec.region_index].name;
    if (!code)
        code = giver_new(donor->snapshot, region, self->base->spec.shard_index, self->base->core.name,
                         self->base->spec.incarnation, &donor->giver, NULL);
    snapshot_destroy(&donor->snapshot);
    if (!code) {
        s_offer(self);
        return;
    }
    donor->number = 0; /* another one */
    self->durable->wants |= DURABLE_TRANSFER;
}

void donor_tick(transfer_t *self)
{
    if (s_active(self) && self->base->core.now_us - self->giving.heard_us > SHARD_DONOR_SILENCE_US)
        donor_drop(self);
}
