/* Stream's part of a state: the lineage of the own one with every delta that is kept, where each destination
 * and each origin stands, and which batches of an origin are in the parameters. */

#include "actors/shard/stream/stream.h"

/* -- out --------------------------------------------------------------------------------------------------
 */

static void s_pack_regions(const stream_t *self, message_t *message)
{
    size_t count = base_regions(self->base);
    shard_state_regions_t *rows = message_set_rows(&message->shard_state.regions, count);
    for (size_t r = 0; r < count; r++) {
        const origin_t *origin = &self->origins[r];
        rows[r] = (shard_state_regions_t){.history = origin->history,
                                          .taken = origin->taken,
                                          .samples = origin->samples,
                                          .final = origin->final,
                                          .destination_durable = self->destination_durable[r],
                                          .stable = origin->stable,
                                          .incarnation = origin->incarnation};
    }
}

static void s_pack_queue(const stream_t *self, message_t *message)
{
    shard_state_queue_t *rows = message_set_rows(&message->shard_state.queue, self->queue_count);
    for (size_t i = 0; i < self->queue_count; i++) {
        const delta_head_t *head = &self->queue[i].head;
        rows[i] = (shard_state_queue_t){.first = head->first,
                                        .last = head->last,
                                        .kind = (uint64_t)head->kind,
                                        .steps = head->steps,
                                        .samples = head->samples,
                                        .final = head->final,
                                        .encoding = self->queue[i].encoding};
    }
}

void stream_pack(const stream_t *self, message_t *message)
{
    message->shard_state.history = self->history;
    message->shard_state.follows_history = self->parent_history;
    message->shard_state.follows = self->parent_number;
    message->shard_state.cut = self->cut;
    message->shard_state.open_first = self->open_first;
    message->shard_state.closed = self->closed;
    message->shard_state.entry = self->generation;
    s_pack_regions(self, message);
    s_pack_queue(self, message);
}

bool stream_queue_values(const stream_t *self, snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    bool added = true;
    for (size_t i = 0; i < self->queue_count && added; i++) {
        const queued_t *queued = &self->queue[i];
        added = stored_add(snapshot, stored_key(name, "queue", queued->head.last), queued->data, err) &&
                stored_add(snapshot, stored_key(name, "cursor", queued->head.last), queued->cursor, err) &&
                stored_add(snapshot, stored_key(name, "seen", queued->head.last), queued->seen, err);
    }
    return added;
}

bool stream_cursor_values(const stream_t *self, snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    bool added = true;
    for (size_t r = 0; r < base_regions(self->base) && added; r++)
        added = stored_add(snapshot, stored_key(name, "cursor_of", r), self->origins[r].cursor, err);
    return added;
}

/* -- in ---------------------------------------------------------------------------------------------------
 */

static err_code_t s_load_numbers(stream_t *self, const message_t *message, err_t *err)
{
    self->history = message->shard_state.history;
    self->parent_history = message->shard_state.follows_history;
    self->parent_number = message->shard_state.follows;
    self->cut = message->shard_state.cut;
    self->open_first = message->shard_state.open_first;
    self->closed = message->shard_state.closed;
    self->generation = message->shard_state.entry;
    if (self->parent_number >= self->open_first)
        return err_set(err, ERR_MALFORMED, "state: follows what was cut later");
    if (self->open_first == 0 || self->open_first > self->cut + 1)
        return err_set(err, ERR_MALFORMED, "state: numbers of cuts that cannot be");
    return ERR_OK;
}

static err_code_t s_load_regions(stream_t *self, const message_t *message, err_t *err)
{
    if (message->shard_state.regions.count != base_regions(self->base))
        return err_set(err, ERR_JOB, "the snapshot is of a job with another number of regions");
    for (size_t r = 0; r < base_regions(self->base); r++) {
        const shard_state_regions_t *row = &message->shard_state.regions.items[r];
        origin_t *origin = &self->origins[r];
        origin->history = row->history;
        origin->taken = origin->durable = row->taken;
        origin->samples = row->samples;
        origin->final = origin->final_durable = row->final;
        origin->stable = row->stable;
        origin->incarnation = incarnation_is_possible(row->incarnation) ? row->incarnation : 0;
        self->destination_durable[r] = self->destination_taken[r] = row->destination_durable;
        if (self->destination_durable[r] > self->cut)
            return err_set(err, ERR_MALFORMED, "state: a destination has more than was cut");
    }
    return ERR_OK;
}

/* A cursor must be a set of batches that its region has. */
static bool s_is_of_region(const stream_t *self, const buf_t *cursor, size_t region)
{
    size_t count = buf_size(cursor) / sizeof(range_t);
    const range_t *items = buf_peek(cursor);
    uint64_t batches = self->base->spec.job->regions[region].batches;
    if (buf_size(cursor) % sizeof(range_t) || ranges_check(items, count, NULL))
        return false;
    return !count || items[count - 1].end <= batches;
}

static err_code_t s_load_cursors(stream_t *self, const snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        buf_t *cursor = snapshot_peek(snapshot, stored_key(name, "cursor_of", r));
        if (!cursor && self->origins[r].taken)
            return err_set(err, ERR_MALFORMED, "the snapshot has no %s", name);
        if (!cursor)
            continue;
        if (!s_is_of_region(self, cursor, r))
            return err_set(err, ERR_MALFORMED, "%s is not a set of batches of that region", name);
        self->origins[r].cursor = buf_ref(cursor);
    }
    return ERR_OK;
}

/* The bytes of a kept delta, of a length that its encoding can have. */
static err_code_t s_load_data(const stream_t *self, const snapshot_t *snapshot, queued_t *queued, err_t *err)
{
    stored_name_t name;
    buf_t *data = snapshot_peek(snapshot, stored_key(name, "queue", queued->head.last));
    if (!data && queued->head.kind == DELTA_NOTHING)
        return ERR_OK;
    if (!data || !encode_accepts(self->replica, queued->encoding) ||
        !encode_fits(self->replica, queued->encoding, buf_size(data)))
        return err_set(err, ERR_MALFORMED, "the snapshot has no %s that fits", name);
    queued->data = buf_ref(data);
    return ERR_OK;
}

static err_code_t s_load_values(const stream_t *self, const snapshot_t *snapshot, queued_t *queued,
                                err_t *err)
{
    stored_name_t name;
    buf_t *cursor = snapshot_peek(snapshot, stored_key(name, "cursor", queued->head.last));
    if (!cursor || buf_size(cursor) % sizeof(range_t))
        return err_set(err, ERR_MALFORMED, "the snapshot has no %s", name);
    err_code_t code = s_load_data(self, snapshot, queued, err);
    if (code)
        return code;
    queued->cursor = buf_ref(cursor);
    buf_t *seen = snapshot_peek(snapshot, stored_key(name, "seen", queued->head.last));
    if (seen && buf_size(seen) == sizeof(position_t) * base_regions(self->base))
        queued->seen = buf_ref(seen);
    return ERR_OK;
}

/* The queue has no gaps, and ends where the next cut begins. */
static bool s_is_next(const stream_t *self, const delta_head_t *head)
{
    bool is_next = !self->queue_count || head->first == self->queue[self->queue_count - 1].head.last + 1;
    return is_next && head->last < self->open_first;
}

static err_code_t s_load_queue(stream_t *self, const message_t *message, const snapshot_t *snapshot,
                               err_t *err)
{
    for (size_t i = 0; i < message->shard_state.queue.count; i++) {
        const shard_state_queue_t *row = &message->shard_state.queue.items[i];
        queued_t queued = {.head = {.first = row->first,
                                    .last = row->last,
                                    .steps = row->steps,
                                    .samples = row->samples,
                                    .final = row->final},
                           .encoding = row->encoding,
                           .point = self->base->gate.number}; /* at least the one it was cut with */
        if (!stored_head(&queued.head, row->kind) || !s_is_next(self, &queued.head))
            return err_set(err, ERR_MALFORMED, "state: queue");
        err_code_t code = s_load_values(self, snapshot, &queued, err);
        if (code)
            return code;
        stream_queue_add(self, &queued);
    }
    return ERR_OK;
}

err_code_t stream_load(stream_t *self, const message_t *message, const snapshot_t *snapshot, err_t *err)
{
    err_code_t code = s_load_numbers(self, message, err);
    if (!code)
        code = s_load_regions(self, message, err);
    if (!code)
        code = s_load_cursors(self, snapshot, err);
    if (!code && !self->base->visits)
        code = s_load_queue(self, message, snapshot, err);
    return code;
}

void stream_reopen(stream_t *self)
{
    self->closed = false;
    for (size_t r = 0; r < base_regions(self->base); r++)
        self->origins[r].final = false;
    for (size_t i = 0; i < self->queue_count; i++)
        self->queue[i].head.final = false;
}
