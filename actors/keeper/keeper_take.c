/* How a snapshot that is offered gets here: who may give it, how fast it comes, and what becomes of its
 * pieces. */
#include "actors/keeper/keeper_internal.h"

#include "codec/wire/actor_name.h"

#include <stdio.h>
#include <string.h>

#define PIECE_LEAST_BYTES ((size_t)16 << 10)
#define WINDOW_NEAR 8
#define PATIENCE_NEAR_US 1000000
#define PATIENCE_FAR_US 2000000
#define RATE_UNKNOWN_BYTES_PER_S 1000000 /* of a link that nobody has measured */

/* The region of an actor's name when it is another one than the keeper's; else SIZE_MAX. */
static size_t s_far(const keeper_core_t *self, const char *actor)
{
    actor_parts_t parts;
    if (!actor_split(actor, strlen(actor), &parts))
        return SIZE_MAX;
    size_t index = topology_region_of(self->base.topology, &parts);
    return index == self->spec.region_index ? SIZE_MAX : index;
}

static void s_note_refused(keeper_core_t *self, const keeper_entry_t *entry, const err_t *why)
{
    self->refused++;
    err_set(&self->reason, why->code, "%s", why->text);
    err_prefix(&self->reason, why->code, "snapshot %llu of %s from %s",
               (unsigned long long)entry->offered_number,
               actor_name_numbered(ROLE_SHARD, keeper_region_name(self, entry), entry->shard).text,
               entry->offered_by);
}

/* ---- pace ---- */

static uint64_t s_rate_of(const keeper_core_t *self, size_t region)
{
    uint64_t rate = self->link_rate[region];
    const topology_link_t *link = topology_link(self->base.topology, self->spec.region_index, region);
    if (!rate && link)
        rate = link->rate_bytes_per_s;
    if (!rate)
        rate = RATE_UNKNOWN_BYTES_PER_S;
    size_t sharing = 0;
    for (size_t i = 0; i < self->count; i++)
        sharing += self->entries[i].taker && self->entries[i].far == region;
    double share = (double)rate * self->base.topology->checkpoint.wan_share / (double)(sharing ? sharing : 1);
    return share >= 1 ? (uint64_t)share : 1;
}

void keeper_set_pace(keeper_core_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].taker && self->entries[i].far != SIZE_MAX)
            taker_set_rate(self->entries[i].taker, s_rate_of(self, self->entries[i].far));
}

static taker_spec_t s_taker_spec(const keeper_core_t *self, const keeper_entry_t *entry)
{
    size_t piece = self->spec.piece_bytes ? self->spec.piece_bytes : MESSAGE_CHUNK_BYTES;
    taker_spec_t spec = {.name = self->base.name,
                         .incarnation = self->base.incarnation,
                         .piece_bytes = piece,
                         .window = WINDOW_NEAR,
                         .patience_us = PATIENCE_NEAR_US,
                         .most_bytes = self->spec.most_bytes ? self->spec.most_bytes : KEEPER_MOST_BYTES};
    if (entry->far == SIZE_MAX)
        return spec;
    /* Far away the rate alone sets the pace; a piece is a tenth of a second of it, so that nothing waits
     * long behind one. */
    uint64_t rate = s_rate_of(self, entry->far);
    size_t tenth = rate / 10 > PIECE_LEAST_BYTES ? (size_t)(rate / 10) : PIECE_LEAST_BYTES;
    spec.piece_bytes = tenth < piece ? tenth : piece;
    spec.window = TRANSFER_WINDOW_MAX;
    spec.patience_us = PATIENCE_FAR_US;
    spec.rate_bytes_per_s = rate;
    return spec;
}

/* ---- offers ---- */

void keeper_drop_taker(keeper_core_t *self, keeper_entry_t *entry)
{
    taker_destroy(&entry->taker);
    keeper_set_pace(self);
}

static uint64_t s_bytes_in_hand(const keeper_core_t *self)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < self->count; i++) {
        const keeper_entry_t *entry = &self->entries[i];
        sum += entry->taker ? taker_total_bytes(entry->taker) : 0;
        for (size_t k = 0; entry->whole && k < entry->whole->count; k++)
            sum += buf_size(entry->whole->values[k].buf);
    }
    return sum;
}

static void s_begin_taking(keeper_core_t *self, keeper_entry_t *entry, const message_t *offer)
{
    const snapshot_offer_t_ *what = &offer->snapshot_offer;
    err_t why = {0};
    entry->far = s_far(self, offer->from);
    taker_spec_t spec = s_taker_spec(self, entry);
    if (s_bytes_in_hand(self) && what->total_bytes > spec.most_bytes - s_bytes_in_hand(self))
        return; /* it is offered again when there is room */
    message_set_name(entry->offered_by, offer->from);
    entry->offered_incarnation = what->incarnation;
    entry->offered_number = what->number;
    err_code_t code = taker_new(&spec, offer, self->base.now_us, &entry->taker, &why);
    if (code) {
        s_note_refused(self, entry, &why);
        keeper_answer(self, entry, offer->from, what->incarnation, what->number, code);
        return;
    }
    keeper_set_pace(self);
    taker_tick(entry->taker, self->base.now_us, &self->base.outbox);
}

void keeper_offer(keeper_core_t *self, keeper_entry_t *entry, const message_t *offer)
{
    const snapshot_offer_t_ *what = &offer->snapshot_offer;
    bool asked =
        entry->asked && what->incarnation == entry->asked_incarnation && what->number == entry->asked_number;
    if (what->incarnation < entry->seal && !asked) {
        keeper_answer(self, entry, offer->from, what->incarnation, what->number, ERR_STALE);
        keeper_tell_sealed(self, entry); /* whoever adopted the sealed one may not know of the seal */
    } else if (incarnation_compare(what->incarnation, what->number, entry->incarnation, entry->number) <= 0) {
        bool held = what->incarnation == entry->incarnation;
        keeper_answer(self, entry, offer->from, what->incarnation, what->number, held ? ERR_OK : ERR_STALE);
    } else if ((entry->whole && entry->whole->id.incarnation == what->incarnation &&
                entry->whole->id.number == what->number) ||
               (entry->store == JOB_OUT && entry->storing_incarnation == what->incarnation &&
                entry->storing_number == what->number)) {
        return; /* is being stored: the answer comes */
    } else if (entry->taker && taker_is_of(entry->taker, offer)) {
        bool silent = self->base.now_us - taker_progress_us(entry->taker) >= KEEPER_SILENCE_US;
        if (!silent && strcmp(offer->from, entry->offered_by) == 0)
            return;
        if (taker_follow(entry->taker, offer)) {
            message_set_name(entry->offered_by, offer->from);
            taker_tick(entry->taker, self->base.now_us, &self->base.outbox);
            return;
        }
        keeper_drop_taker(self, entry);
        s_begin_taking(self, entry, offer);
    } else if (!entry->taker || incarnation_compare(what->incarnation, what->number,
                                                    entry->offered_incarnation, entry->offered_number) > 0) {
        keeper_drop_taker(self, entry);
        s_begin_taking(self, entry, offer);
    }
}

/* ---- pieces ---- */

void keeper_piece(keeper_core_t *self, keeper_entry_t *entry, const message_t *piece)
{
    err_t why = {0};
    const snapshot_piece_t_ *what = &piece->snapshot_piece;
    if (!entry->taker && what->code) /* the source that its scheduler named does not have it */
        keeper_answer(self, entry, NULL, what->incarnation, what->number, ERR_NOT_FOUND);
    if (!entry->taker || !taker_is_of(entry->taker, piece))
        return;
    taker_state_t state = taker_piece(entry->taker, piece, self->base.now_us, &self->base.outbox, &why);
    if (state == TAKER_RUNS)
        return;
    if (state == TAKER_WHOLE) {
        snapshot_destroy(&entry->whole);
        entry->whole = taker_take(entry->taker);
        message_set_name(entry->whole_by, entry->offered_by);
        if (entry->store == JOB_NONE)
            entry->store = JOB_WANTED;
    } else {
        if (state == TAKER_BAD)
            s_note_refused(self, entry, &why);
        keeper_answer(self, entry, entry->offered_by, entry->offered_incarnation, entry->offered_number,
                      why.code);
    }
    keeper_drop_taker(self, entry);
}
