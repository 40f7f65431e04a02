/* Installing another region's state D at this shard X. D's position of X's own stream is (h, n).
 *
 *   X keeps everything after (h, n)   state := D's state, and upon it again X's own deltas after n and its
 *                                     open accumulator; X's lineage, numbers and applied batches stay
 *                                     (differences and contributions to rounds are taken again as received
 *                                     ones are; those of asp, and what they left out, are in it at once)
 *   else                              state := D's state; own batches := those that are in it, the others are
 *                                     computed again; a new history follows (h, n)
 *   both                              positions in the streams of the others := D's;
 *                                     in D's own: its last delta
 *
 * so that afterwards the state is again the sum of the batches that the positions name.
 */

#include "actors/shard/durable/rooms.h"
#include "actors/shard/transfer/transfer.h"
#include "actors/shard/replica/exchange.h"

#include <stdlib.h>
#include <string.h>

/* -- the state of the donor, checked ------------------------------------------------------------------------
 */

static bool s_finite(const rooms_t *self, const buf_t *buf)
{
    return !buf || vector_finite(self->base.spec.elements, buf_peek(buf));
}

static err_code_t s_check_peer(rooms_t *peer, err_t *err)
{
    stored_tensor_t tensors[REPLICA_TENSORS_MAX];
    size_t count = replica_tensors(&peer->replica, tensors);
    bool finite = true, unique = true;
    for (size_t i = 0; i < count; i++)
        finite = finite && s_finite(peer, *tensors[i].slot);
    for (size_t i = 0; i < peer->replica.pending_count; i++)
        finite = finite && s_finite(peer, peer->replica.pending[i].data);
    if (!finite)
        return err_set(err, ERR_NUMBER, "the state of another region is not finite");
    /* Changed in place from here on, so that memory cannot run short half way. */
    for (size_t i = 0; i < count; i++)
        unique = unique && (!*tensors[i].slot || buf_make_unique(tensors[i].slot));
    return unique ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for the state of another region");
}

/* Loads it as what it is: a shard of the donor's region. */
static err_code_t s_load_peer(const transfer_t *self, size_t donor, snapshot_t **snapshot_p,
                              rooms_t **ret_peer, err_t *err)
{
    shard_spec_t spec = self->base->spec;
    spec.region_index = donor;
    spec.loses = spec.uncertain = false;
    rooms_t *peer = rooms_new(&spec, true);
    err_code_t code = state_load(&peer->durable, *snapshot_p, err);
    snapshot_destroy(snapshot_p); /* its references would make every buffer shared */
    if (!code)
        code = s_check_peer(peer, err);
    if (code)
        rooms_destroy(&peer);
    else
        *ret_peer = peer;
    return code;
}

/* -- own work, once more */

/* Contributions that the donor has not applied and does not hold. A gradient or difference that no round has
 * had yet is in a later one, however old it is. */
static void s_pend_again(transfer_t *self, uint64_t number, buf_t **views)
{
    for (size_t i = 0; i < self->stream->queue_count; i++) {
        const queued_t *queued = &self->stream->queue[i];
        if (queued->head.last <= number)
            continue;
        if (rounds_late(self->rounds, &queued->head)) {
            self->replica->samples_applied += queued->head.samples;
            continue;
        }
        pending_t own = {.region = self->base->spec.region_index, .head = queued->head};
        own.data = buf_ref(views[i] ? views[i] : queued->data);
        if (views[i])
            /* made or checked here */
            CHECK(!encode_view(self->replica, queued->encoding, queued->data, own.data));
        pending_add(self->replica, &own);
    }
}

/* Room for what encoded cuts carried, as the others see it: one for gradients, which are added one after the
 * other, and one for each contribution to a round. */
typedef struct {
    buf_t **views; /* as the queue, and one more */
    size_t count;
} room_t;

static void s_leave(room_t *room)
{
    for (size_t i = 0; i < room->count; i++)
        buf_destroy(&room->views[i]);
    free(room->views);
    *room = (room_t){0};
}

static err_code_t s_find_room(const transfer_t *self, uint64_t number, room_t *ret, err_t *err)
{
    *ret = (room_t){.count = self->stream->queue_count + 1};
    ret->views = calloc(ret->count, sizeof(buf_t *));
    CHECK(ret->views);
    for (size_t i = 0; i < self->stream->queue_count; i++) {
        const queued_t *queued = &self->stream->queue[i];
        buf_t **view = &ret->views[self->stream->terms.hands ? i : self->stream->queue_count];
        if (queued->head.last <= number || !queued->data || !queued->encoding || *view)
            continue;
        *view = buf_new(base_bytes(self->base));
        if (!*view) {
            s_leave(ret);
            return err_set(err, ERR_MEMORY, "no memory for the own deltas beside another region's state");
        }
    }
    return ERR_OK;
}

/* ---- taking over ---- */

static void s_take_origin(origin_t *origin, uint64_t history, uint64_t taken, buf_t *cursor, bool final)
{
    buf_destroy(&origin->cursor);
    if (origin->history != history) { /* who sent the other lineage may have been nobody's synchronizer */
        origin->incarnation = 0;
        origin->synchronizer = (speaker_t){0};
    }
    origin->history = history;
    origin->taken = taken;
    origin->durable = 0; /* told anew when this state is committed */
    origin->cursor = buf_ref(cursor);
    origin->final = final;
    origin->final_durable = false;
    origin->suspect = origin->position_told = false;
}

/* The donor's batches as of its last cut. Nothing is cut for a newcomer where regions wait for each other:
 * there steps go in order, and those that are open are the last. */
static buf_t *s_cursor(const rooms_t *peer)
{
    uint64_t open = rounds_are(&peer->rounds) ? peer->replica.open_steps * peer->base.region->width : 0;
    range_t below = {0, ranges_size(&peer->replica.applied) - open};
    buf_t *cursor =
        open ? buf_new_copy(&below, below.end ? sizeof below : 0)
             : buf_new_copy(peer->replica.applied.items, peer->replica.applied.count * sizeof(range_t));
    CHECK(cursor);
    return cursor;
}

static void s_take_positions(transfer_t *self, const rooms_t *peer)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        const origin_t *from = &peer->stream.origins[r];
        if (r == self->base->spec.region_index)
            continue;
        if (r != peer->base.spec.region_index) {
            s_take_origin(&self->stream->origins[r], from->history, from->taken, from->cursor, from->final);
            self->stream->origins[r].samples = from->samples;
            continue;
        }
        buf_t *cursor = s_cursor(peer);
        s_take_origin(&self->stream->origins[r], peer->stream.history, stream_last(&peer->stream), cursor,
                      peer->stream.closed);
        buf_destroy(&cursor);
    }
}

static void s_take_pending(transfer_t *self, rooms_t *peer)
{
    for (size_t i = 0; i < self->replica->pending_count; i++)
        buf_destroy(&self->replica->pending[i].data);
    self->replica->pending_count = 0;
    for (size_t i = 0; i < peer->replica.pending_count; i++)
        pending_add(self->replica, &peer->replica.pending[i]);
    peer->replica.pending_count = 0;
}

/* The tensors that are given; the same names at both sides, as they are of one job. */
static size_t s_given(replica_t *self, stored_tensor_t ret_tensors[REPLICA_TENSORS_MAX])
{
    stored_tensor_t all[REPLICA_TENSORS_MAX];
    size_t count = replica_tensors(self, all), given = 0;
    for (size_t i = 0; i < count; i++)
        if (all[i].given)
            ret_tensors[given++] = all[i];
    return given;
}

static void s_move_tensors(replica_t *to, replica_t *from)
{
    stored_tensor_t ours[REPLICA_TENSORS_MAX], theirs[REPLICA_TENSORS_MAX];
    size_t count = s_given(to, ours);
    CHECK(s_given(from, theirs) == count);
    for (size_t i = 0; i < count; i++) {
        buf_destroy(ours[i].slot);
        *ours[i].slot = *theirs[i].slot;
        *theirs[i].slot = NULL;
    }
}

/* The tensors, and what goes with them. Returns the former parameters, and where their
 * open local steps began. */
static buf_t *s_take_tensors(transfer_t *self, rooms_t *peer, buf_t **ret_start)
{
    buf_t *former = buf_ref(self->replica->parameters);
    *ret_start = buf_ref(self->replica->outer.base ? self->replica->outer.base : self->replica->outer.start);
    buf_destroy(&self->replica->outer.base);
    s_move_tensors(self->replica, &peer->replica);
    self->replica->outer.arrivals = peer->replica.outer.arrivals;
    self->replica->state_steps = peer->replica.state_steps;
    self->replica->samples_applied = peer->replica.samples_applied;
    self->replica->version =
        (self->replica->version > peer->replica.version ? self->replica->version : peer->replica.version) + 1;
    return former;
}

/* A cut as the others see it; NULL: it carries nothing. */
static const buf_t *s_seen(const transfer_t *self, const queued_t *queued, buf_t *view)
{
    if (!queued->data || !queued->encoding)
        return queued->data;
    CHECK(!encode_view(self->replica, queued->encoding, queued->data, view)); /* made or checked here */
    return view;
}

static void s_keep_own(transfer_t *self, const buf_t *former, const buf_t *start, uint64_t number,
                       const room_t *room)
{
    const exchange_t *exchange = self->replica->exchange;
    former_t before = {.parameters = former, .start = start};
    bool hands = self->stream->terms.hands; /* own cuts act as contributions */
    if (hands)
        s_pend_again(self, number, room->views);
    for (size_t i = 0; i < self->stream->queue_count; i++) {
        const queued_t *queued = &self->stream->queue[i];
        if (queued->head.last <= number)
            continue;
        before.some = true;
        exchange->again(self->replica, &queued->head,
                        hands ? NULL : s_seen(self, queued, room->views[self->stream->queue_count]));
    }
    exchange->open_again(self->replica, &before);
}

/* The residual of the last of the cuts that the others have is gone, too: only deltas that are not
 * encoded lose nothing. */
static void s_lose_own(transfer_t *self, const rooms_t *peer)
{
    const origin_t *own = &peer->stream.origins[self->base->spec.region_index];
    ranges_t view = {0};
    if (own->cursor) {
        view.items = buf_data(own->cursor);
        view.count = buf_size(own->cursor) / sizeof(range_t);
    }
    uint64_t had = ranges_size(&self->replica->applied) + self->base->spec.lost, has = ranges_size(&view);
    self->base->counts.rolled_back += had > has ? had - has : 0;
    self->base->spec.lost = 0;
    CHECK(!ranges_copy(&self->replica->applied, &view) && !ranges_intersect(&self->replica->refused, &view));
    self->replica->steps = has / self->base->region->width;
    durable_lost(self->durable);
    buf_destroy(&self->replica->open);
    buf_destroy(&self->replica->residual);
    self->replica->open_steps = self->replica->open_samples = 0;
    if (self->replica->outer.on)
        start_return(self->replica); /* the donor's local steps are its own */
    peer_status_mute(self);
    self->stream->closed = own->final;
    durable_begin_lineage(self->durable, &(position_t){own->history, own->taken});
    stream_announce(self->stream);
    durable_collect(self->durable);
}

err_code_t transfer_install(transfer_t *self, size_t donor, snapshot_t **snapshot_p, err_t *err)
{
    rooms_t *peer = NULL;
    err_code_t code = s_load_peer(self, donor, snapshot_p, &peer, err);
    if (code)
        return code;
    const origin_t *own = &peer->stream.origins[self->base->spec.region_index];
    bool keeps = !self->base->life.lossy && stream_has(self->stream, own->history, own->taken);
    room_t room = {0};
    code = keeps ? s_find_room(self, own->taken, &room, err) : ERR_OK;
    if (code) {
        rooms_destroy(&peer);
        return code;
    }
    ahead_drop(self->intake);
    mark_join(&self->durable->mark, peer->base.gate.number);
    s_take_pending(self, peer);
    rounds_join(self->rounds, &peer->rounds);
    buf_t *start = NULL, *former = s_take_tensors(self, peer, &start);
    s_take_positions(self, peer);
    if (keeps)
        s_keep_own(self, former, start, own->taken, &room);
    else
        s_lose_own(self, peer);
    stream_rebase(self->stream);
    buf_destroy(&former);
    buf_destroy(&start);
    s_leave(&room);
    stream_next_generation(self->stream);
    self->base->counts.transfers++;
    durable_replaced(self->durable);
    rooms_destroy(&peer);
    return ERR_OK;
}
