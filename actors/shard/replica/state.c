/* Replica's part of a state: the version's tensors by name, its numbers, and contributions that
 * are not applied yet. */

#include "actors/shard/replica/replica.h"

/* -- tensors ----------------------------------------------------------------------------------------------
 */

/* Of the optimizer; how many. */
static size_t s_optimizer_tensors(replica_t *self, stored_tensor_t *ret_tensors)
{
    const optimizer_row_t *row = optimizer_find(self->optimizer.kind);
    size_t count = optimizer_state(row, base_lanes(self->base));
    for (size_t i = 0; i < count; i++) {
        bool always = i == 0 || !row->lanes[0]; /* other lanes come and go with a region's workers */
        ret_tensors[i] = (stored_tensor_t){optimizer_state_name(row, i), &self->state[i], always, always};
    }
    return count;
}

size_t replica_tensors(replica_t *self, stored_tensor_t ret_tensors[REPLICA_TENSORS_MAX])
{
    outer_t *outer = &self->outer;
    bool remembers = outer->mu > 0;
    bool has_base = outer->goes_on && self->open_steps && !self->base->visits;
    const struct {
        bool is;
        stored_tensor_t tensor;
    } others[] = {
        {true, {"open", &self->open, false, false}},
        {true, {"residual", &self->residual, false, false}},
        {outer->starts, {"start", &outer->start, true, true}},
        {has_base, {"base", &outer->base, false, false}},
        {remembers, {"outer", &outer->momentum, true, true}},
        {remembers, {"gathered", &outer->gathered, false, true}},
    };
    ret_tensors[0] = (stored_tensor_t){"parameters", &self->parameters, true, true};
    size_t count = 1 + s_optimizer_tensors(self, ret_tensors + 1);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].is)
            ret_tensors[count++] = others[i].tensor;
    return count;
}

/* The first of the list, of which a snapshot may have what has changed alone. */
static size_t s_stepped(const replica_t *self)
{
    return self->base->spec.patches ? 1 + optimizer_tensors(optimizer_find(self->optimizer.kind)) : 0;
}

bool replica_values(replica_t *self, snapshot_t *snapshot, err_t *err)
{
    stored_tensor_t tensors[REPLICA_TENSORS_MAX];
    size_t count = replica_tensors(self, tensors), stepped = s_stepped(self);
    bool added = true;
    for (size_t i = 0; i < stepped && added; i++)
        added = since_store(&self->stepped[i].since, snapshot, tensors[i].name, *tensors[i].slot, err);
    return added && stored_add_tensors(snapshot, tensors + stepped, count - stepped, err);
}

/* Where the steps since the cut of a round that is open will begin; once there are some it is stored. */
static void s_begin_base(replica_t *self, const message_t *message)
{
    bool open = message->shard_state.cut > message->shard_state.round;
    if (self->outer.goes_on && open && !self->open_steps && !self->base->visits)
        self->outer.base = buf_ref(self->parameters);
}

static err_code_t s_load_tensors(replica_t *self, const snapshot_t *snapshot, err_t *err)
{
    stored_tensor_t tensors[REPLICA_TENSORS_MAX];
    for (size_t i = 0; i < snapshot->count; i++)
        if (optimizer_foreign(optimizer_find(self->optimizer.kind), snapshot->values[i].name))
            return err_set(err, ERR_JOB, "the snapshot is of a job with another optimizer");
    err_code_t code = stored_tensors(self->base, snapshot, tensors, replica_tensors(self, tensors), err);
    if (code)
        return code;
    if (self->outer.arrivals >= base_regions(self->base))
        return err_set(err, ERR_MALFORMED, "state: more deltas than regions wait for their momentum");
    return ERR_OK;
}

/* -- numbers ----------------------------------------------------------------------------------------------
 */

void replica_pack(const replica_t *self, message_t *message)
{
    message->shard_state.steps = self->steps;
    message->shard_state.version = self->version;
    message->shard_state.samples_applied = self->samples_applied;
    message->shard_state.open_steps = self->open_steps;
    message->shard_state.open_samples = self->open_samples;
    message->shard_state.arrivals = self->outer.arrivals;
    if (optimizer_find(self->optimizer.kind)->counts || base_lanes(self->base) > 1)
        message->shard_state.optimizer_steps = self->state_steps;
    message_set_ranges(&message->shard_state.applied, &self->applied);
    message_set_ranges(&message->shard_state.refused, &self->refused);
}

static void s_load_numbers(replica_t *self, const message_t *message)
{
    self->steps = message->shard_state.steps;
    self->version = message->shard_state.version;
    self->samples_applied = message->shard_state.samples_applied;
    self->open_steps = message->shard_state.open_steps;
    self->open_samples = message->shard_state.open_samples;
    self->outer.arrivals = message->shard_state.arrivals;
    self->state_steps = message->shard_state.optimizer_steps;
}

static err_code_t s_load_ranges(replica_t *self, const message_t *message, err_t *err)
{
    const wire_ranges_t *applied = &message->shard_state.applied, *refused = &message->shard_state.refused;
    err_code_t code = ranges_load(&self->applied, applied->items, applied->count, err);
    if (!code)
        code = ranges_load(&self->refused, refused->items, refused->count, err);
    if (code)
        return err_prefix(err, code, "state");
    for (size_t i = 0; i < self->applied.count; i++)
        if (self->applied.items[i].end > self->base->region->batches)
            return err_set(err, ERR_JOB, "the snapshot has batches that the job does not have");
    return ERR_OK;
}

err_code_t replica_load(replica_t *self, const message_t *message, const snapshot_t *snapshot, err_t *err)
{
    s_load_numbers(self, message);
    err_code_t code = s_load_ranges(self, message, err);
    if (!code)
        code = s_load_tensors(self, snapshot, err);
    if (code)
        return code;
    replica_begin_state(self);
    s_begin_base(self, message);
    start_begin(self);
    return ERR_OK;
}

/* -- contributions ------------------------------------------------------------------------------------------
 */

void pending_pack(const replica_t *self, message_t *message)
{
    shard_state_pending_t *rows = message_set_rows(&message->shard_state.pending, self->pending_count);
    for (size_t i = 0; i < self->pending_count; i++) {
        const delta_head_t *head = &self->pending[i].head;
        rows[i] = (shard_state_pending_t){.region = self->pending[i].region,
                                          .number = head->last,
                                          .kind = (uint64_t)head->kind,
                                          .steps = head->steps,
                                          .samples = head->samples,
                                          .final = head->final};
    }
}

bool pending_values(const replica_t *self, snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    bool added = true;
    for (size_t i = 0; i < self->pending_count && added; i++) {
        const pending_t *pending = &self->pending[i];
        stored_region_key(name, "pending", pending->region, pending->head.last);
        added = stored_add(snapshot, name, pending->data, err);
    }
    return added;
}

static err_code_t s_load_pending(replica_t *self, const shard_state_pending_t *row,
                                 const snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    pending_t pending = {.region = (size_t)row->region,
                         .head = {.first = row->number,
                                  .last = row->number,
                                  .steps = row->steps,
                                  .samples = row->samples,
                                  .final = row->final}};
    if (!stored_head(&pending.head, row->kind) || row->region >= base_regions(self->base))
        return err_set(err, ERR_MALFORMED, "state: pending");
    stored_region_key(name, "pending", row->region, row->number);
    err_code_t code =
        stored_tensor(self->base, snapshot, name, pending.head.kind != DELTA_NOTHING, &pending.data, err);
    if (!code)
        pending_add(self, &pending);
    return code;
}

err_code_t pending_load(replica_t *self, const message_t *message, const snapshot_t *snapshot, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < message->shard_state.pending.count && !code; i++)
        code = s_load_pending(self, &message->shard_state.pending.items[i], snapshot, err);
    return code;
}

void pending_reopen(replica_t *self)
{
    for (size_t i = 0; i < self->pending_count; i++)
        self->pending[i].head.final = false;
}
