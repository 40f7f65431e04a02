/* The snapshot of a shard: "state" (a packed shard_state message behind the length of its envelope), the
 * tensors "parameters", "momentum", "open" and "residual", of the outer optimizer "start", "base", "outer" and "gathered", and
 * "queue/LAST", "cursor/LAST", "seen/LAST", "pending/REGION/NUMBER", "relay/REGION/NUMBER" and "relay_cursor/REGION/NUMBER" for what is
 * kept, and "cursor_of/REGION": the batches of another region that are in the parameters. Regions by index. */

#include "actors/shard/durable/carry.h"
#include "actors/shard/shard_internal.h"

#include "codec/base/run_id.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_FIELDS 6u
#define PENDING_FIELDS 6u
#define RELAY_FIELDS 9u /* those of pending, and the line */
#define HELD_FIELDS 3

/* -- out --------------------------------------------------------------------------------------------------
 */

static void s_set_ranges(wire_ranges_t *field, const ranges_t *ranges)
{
    message_set_ranges(field, ranges);
}

static void s_pack_regions(const shard_core_t *self, message_t *message)
{
    uint64_t columns[6][TOPOLOGY_REGIONS_MAX];
    size_t count = base_regions(self->base);
    for (size_t r = 0; r < count; r++) {
        const origin_t *origin = &self->stream->origins[r];
        columns[0][r] = origin->history;
        columns[1][r] = origin->taken;
        columns[2][r] = origin->samples;
        columns[3][r] = origin->final;
        columns[4][r] = origin->stable;
        columns[5][r] = origin->incarnation;
    }
    message_set_u64s(&message->shard_state.origin_history, columns[0], count);
    message_set_u64s(&message->shard_state.origin_taken, columns[1], count);
    message_set_u64s(&message->shard_state.origin_samples, columns[2], count);
    message_set_u64s(&message->shard_state.origin_final, columns[3], count);
    message_set_u64s(&message->shard_state.origin_stable, columns[4], count);
    message_set_u64s(&message->shard_state.origin_incarnation, columns[5], count);
    message_set_u64s(&message->shard_state.destination_durable, self->stream->destination_durable, count);
}

static void s_pack_head(const delta_head_t *head, uint64_t *out)
{
    out[0] = (uint64_t)head->kind;
    out[1] = head->steps;
    out[2] = head->samples;
    out[3] = head->final;
}

static void s_pack_lists(const shard_core_t *self, message_t *message)
{
    size_t most = self->stream->queue_count > self->replica->pending_count ? self->stream->queue_count
                                                                           : self->replica->pending_count;
    uint64_t *items = calloc(most * QUEUE_FIELDS + 1, sizeof *items);
    CHECK(items);
    for (size_t i = 0; i < self->stream->queue_count; i++) {
        uint64_t *row = items + i * QUEUE_FIELDS;
        row[0] = self->stream->queue[i].head.first;
        row[1] = self->stream->queue[i].head.last;
        s_pack_head(&self->stream->queue[i].head, row + 2);
    }
    message_set_u64s(&message->shard_state.queue, items, self->stream->queue_count * QUEUE_FIELDS);
    for (size_t i = 0; i < self->stream->queue_count; i++)
        items[i] = self->stream->queue[i].encoding;
    message_set_u64s(&message->shard_state.queue_encoding, items, self->stream->queue_count);
    for (size_t i = 0; i < self->replica->pending_count; i++) {
        uint64_t *row = items + i * PENDING_FIELDS;
        row[0] = self->replica->pending[i].region;
        row[1] = self->replica->pending[i].head.last;
        s_pack_head(&self->replica->pending[i].head, row + 2);
    }
    message_set_u64s(&message->shard_state.pending, items, self->replica->pending_count * PENDING_FIELDS);
    free(items);
}

static void s_pack_relays(const shard_core_t *self, message_t *message)
{
    uint64_t *items = calloc(self->rounds->relays.count * RELAY_FIELDS + 1, sizeof *items);
    CHECK(items);
    for (size_t i = 0; i < self->rounds->relays.count; i++) {
        const relay_t *relay = &self->rounds->relays.items[i];
        uint64_t *row = items + i * RELAY_FIELDS;
        row[0] = relay->region;
        row[1] = relay->kept.head.last;
        s_pack_head(&relay->kept.head, row + 2);
        row[PENDING_FIELDS] = relay->history;
        row[PENDING_FIELDS + 1] = relay->follows_history;
        row[PENDING_FIELDS + 2] = relay->follows;
    }
    message_set_u64s(&message->shard_state.relays, items, self->rounds->relays.count * RELAY_FIELDS);
    free(items);
}

static void s_pack_held(const shard_core_t *self, message_t *message)
{
    if (!life_stops(&self->base->life) || self->intake->held_count == 0)
        return;
    uint64_t *items = calloc(self->intake->held_count, HELD_FIELDS * sizeof *items);
    CHECK(items);
    for (size_t i = 0; i < self->intake->held_count; i++) {
        uint64_t *row = items + i * HELD_FIELDS;
        row[0] = self->intake->held[i].batch;
        row[1] = self->intake->held[i].samples;
        row[2] = (uint64_t)self->intake->held[i].code;
    }
    message_set_u64s(&message->shard_state.held, items, self->intake->held_count * HELD_FIELDS);
    free(items);
}

static void s_pack_numbers(const shard_core_t *self, message_t *message)
{
    message->shard_state.history = self->stream->history;
    message->shard_state.steps = self->replica->steps;
    message->shard_state.version = self->replica->version;
    message->shard_state.samples_applied = self->replica->samples_applied;
    message->shard_state.cut = self->stream->cut;
    message->shard_state.open_steps = self->replica->open_steps;
    message->shard_state.open_samples = self->replica->open_samples;
    message->shard_state.open_first = self->stream->open_first;
    message->shard_state.closed = self->stream->closed;
    message->shard_state.batches = self->base->region->batches;
    message->shard_state.rate = shard_carry_rate(self->base->spec.topology);
    message->shard_state.round = self->rounds->number;
    message->shard_state.duplicates = self->base->counts.duplicates;
    message->shard_state.refusals = self->base->counts.refusals;
    message->shard_state.not_finite = self->base->counts.not_finite;
    message->shard_state.rolled_back = self->base->counts.rolled_back;
    message->shard_state.uncompensated = self->base->counts.uncompensated;
    message->shard_state.muted = self->rounds->vote.muted;
    message->shard_state.arrivals = self->replica->outer.arrivals;
    message->shard_state.layout = self->base->spec.layout;
    message->shard_state.run = self->base->spec.run;
    message->shard_state.elements = self->base->spec.elements;
    message->shard_state.shard = self->base->spec.shard_index;
    message->shard_state.entry = self->entry->number;
    message->shard_state.follows_history = self->stream->follows_history;
    message->shard_state.follows = self->stream->follows;
    message->shard_state.welcomes = self->base->counts.welcomes;
    message->shard_state.mark = self->base->gate.number;
    message_set_u64s(&message->shard_state.marks, self->durable->mark.kept,
                     self->durable->mark.kept_count * SHARD_MARK_FIELDS);
}

static void s_pack_votes(const shard_core_t *self, message_t *message)
{
    const shard_vote_t *all = &self->rounds->vote;
    size_t regions = base_regions(self->base), fields = VOTE_FIELDS + regions;
    uint64_t *items = calloc(all->count * fields + 1, sizeof *items);
    CHECK(items);
    for (size_t i = 0; i < all->count; i++) {
        const vote_t *vote = &all->log[i];
        uint64_t *row = items + i * fields;
        row[0] = vote->round;
        row[1] = vote->promised;
        row[2] = vote->ballot;
        row[3] = vote->decided;
        memcpy(row + VOTE_FIELDS, vote->taken, regions * sizeof *row);
    }
    message_set_u64s(&message->shard_state.votes, items, all->count * fields);
    free(items);
}

buf_t *state_pack(const shard_core_t *self)
{
    message_t *message = base_message(self->base, KIND_shard_state, self->base->name);
    s_pack_numbers(self, message);
    s_set_ranges(&message->shard_state.applied, &self->replica->applied);
    s_set_ranges(&message->shard_state.refused, &self->replica->refused);
    message_set_name(message->shard_state.region,
                     self->base->spec.topology->regions[self->base->spec.region_index].name);
    s_pack_regions(self, message);
    s_pack_lists(self, message);
    s_pack_held(self, message);
    s_pack_votes(self, message);
    s_pack_relays(self, message);
    size_t envelope_bytes;
    buf_t *packed = message_pack(message, &envelope_bytes);
    message_destroy(&message);
    buf_t *out = packed ? buf_new(8 + buf_size(packed)) : NULL;
    if (out) {
        unsigned char *bytes = buf_data(out);
        for (size_t i = 0; i < 8; i++)
            bytes[i] = (unsigned char)((uint64_t)envelope_bytes >> (8 * i));
        memcpy(bytes + 8, buf_peek(packed), buf_size(packed));
    }
    buf_destroy(&packed);
    return out;
}

static bool s_add(snapshot_t *snapshot, const char *name, buf_t *buf, err_t *err)
{
    buf_t *mine = buf_ref(buf);
    return !buf || !snapshot_add(snapshot, name, &mine, err);
}

static const char *s_key(char name[MANIFEST_NAME_MAX + 1], const char *what, uint64_t number)
{
    snprintf(name, MANIFEST_NAME_MAX + 1, "%s/%" PRIu64, what, number);
    return name;
}

static const char *s_region_key(char name[MANIFEST_NAME_MAX + 1], const char *what, uint64_t region,
                                uint64_t number)
{
    snprintf(name, MANIFEST_NAME_MAX + 1, "%s/%" PRIu64 "/%" PRIu64, what, region, number);
    return name;
}

static const char *s_cursor_key(char *name, size_t region)
{
    snprintf(name, MANIFEST_NAME_MAX + 1, "cursor_of/%zu", region);
    return name;
}

/* The gradients of pushes that wait for their step, each in one piece. */
static bool s_add_held(const shard_core_t *self, snapshot_t *snapshot, err_t *err)
{
    char name[MANIFEST_NAME_MAX + 1];
    for (size_t i = 0; life_stops(&self->base->life) && i < self->intake->held_count; i++) {
        if (self->intake->held[i].code)
            continue;
        buf_t *whole = buf_new(base_bytes(self->base));
        if (!whole)
            return false;
        float *to = buf_data(whole);
        const float *from = assembly_read(&self->intake->held[i].assembly, 0, self->base->spec.elements, to);
        if (from != to)
            memcpy(to, from, base_bytes(self->base));
        if (snapshot_add(snapshot, s_key(name, "held", self->intake->held[i].batch), &whole, err))
            return false;
    }
    return true;
}

static bool s_add_cursors(const shard_core_t *self, snapshot_t *snapshot, err_t *err)
{
    char name[MANIFEST_NAME_MAX + 1];
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (!s_add(snapshot, s_cursor_key(name, r), self->stream->origins[r].cursor, err))
            return false;
    return true;
}

bool state_add_values(const shard_core_t *self, snapshot_t *snapshot, err_t *err)
{
    char name[MANIFEST_NAME_MAX + 1];
    buf_t *state = state_pack(self);
    if (!state || snapshot_add(snapshot, "state", &state, err))
        return false;
    if (!s_add(snapshot, "parameters", self->replica->parameters, err) ||
        !s_add(snapshot, "momentum", self->replica->momentum, err) ||
        !s_add(snapshot, "open", self->replica->open, err) ||
        !s_add(snapshot, "residual", self->replica->residual, err) ||
        !s_add(snapshot, "start", self->replica->outer.start, err) ||
        !s_add(snapshot, "base", self->replica->open_steps ? self->replica->outer.base : NULL, err) ||
        !s_add(snapshot, "outer", self->replica->outer.momentum, err) ||
        !s_add(snapshot, "gathered", self->replica->outer.gathered, err))
        return false;
    for (size_t i = 0; i < self->stream->queue_count; i++) {
        const kept_t *kept = &self->stream->queue[i];
        if (!s_add(snapshot, s_key(name, "queue", kept->head.last), kept->data, err) ||
            !s_add(snapshot, s_key(name, "cursor", kept->head.last), kept->cursor, err) ||
            !s_add(snapshot, s_key(name, "seen", kept->head.last), kept->seen, err))
            return false;
    }
    for (size_t i = 0; i < self->replica->pending_count; i++) {
        const pending_t *pending = &self->replica->pending[i];
        if (!s_add(snapshot, s_region_key(name, "pending", pending->region, pending->head.last),
                   pending->data, err))
            return false;
    }
    for (size_t i = 0; i < self->rounds->relays.count; i++) {
        const relay_t *relay = &self->rounds->relays.items[i];
        uint64_t number = relay->kept.head.last;
        if (!s_add(snapshot, s_region_key(name, "relay", relay->region, number), relay->kept.data, err) ||
            !s_add(snapshot, s_region_key(name, "relay_cursor", relay->region, number), relay->kept.cursor,
                   err))
            return false;
    }
    return s_add_cursors(self, snapshot, err) && s_add_held(self, snapshot, err);
}

/* -- in ---------------------------------------------------------------------------------------------------
 */

err_code_t shard_core_decode(const buf_t *state, message_t **ret_message, err_t *err)
{
    if (!state || buf_size(state) < 8)
        return err_set(err, ERR_MALFORMED, "the snapshot has no state");
    const unsigned char *bytes = buf_peek(state);
    uint64_t envelope_bytes = 0;
    for (size_t i = 0; i < 8; i++)
        envelope_bytes |= (uint64_t)bytes[i] << (8 * i);
    size_t size = buf_size(state) - 8;
    if (envelope_bytes > size)
        return err_set(err, ERR_MALFORMED, "the state's envelope is longer than the state");
    err_code_t code = message_unpack(bytes + 8, envelope_bytes, bytes + 8 + envelope_bytes,
                                     size - envelope_bytes, NULL, ret_message, err);
    if (code)
        return err_prefix(err, code, "state");
    if ((*ret_message)->kind == KIND_shard_state)
        return ERR_OK;
    message_destroy(ret_message);
    return err_set(err, ERR_MALFORMED, "the state is another message");
}

err_code_t shard_core_count(const buf_t *state, uint64_t *ret_batches, err_t *err)
{
    message_t *message = NULL;
    ranges_t applied = {0};
    err_code_t code = shard_core_decode(state, &message, err);
    if (code)
        return code;
    code = ranges_load(&applied, message->shard_state.applied.items, message->shard_state.applied.count, err);
    message_destroy(&message);
    if (!code)
        *ret_batches = ranges_size(&applied);
    ranges_fini(&applied);
    return code;
}

static err_code_t s_check_job(const shard_core_t *self, const message_t *message, err_t *err)
{
    const char *region = self->base->spec.topology->regions[self->base->spec.region_index].name;
    if (strcmp(message->shard_state.region, region) != 0 ||
        message->shard_state.shard != self->base->spec.shard_index)
        return err_set(err, ERR_JOB, "the snapshot is of shard %" PRIu64 " of region %s; start from its own",
                       message->shard_state.shard, message->shard_state.region);
    if (run_id_differs(message->shard_state.run, self->base->spec.run))
        return run_id_refuse(err, "the snapshot", message->shard_state.run, self->base->spec.run);
    if (message->shard_state.layout != self->base->spec.layout)
        return err_set(err, ERR_JOB, "the snapshot is of another model; use another state directory");
    if (message->shard_state.elements != self->base->spec.elements)
        return err_set(err, ERR_SHAPE, "the snapshot has %" PRIu64 " elements instead of %zu",
                       message->shard_state.elements, self->base->spec.elements);
    return message->shard_state.history ? ERR_OK : err_set(err, ERR_MALFORMED, "the snapshot has no history");
}

static err_code_t s_load_ranges(shard_core_t *self, const message_t *message, err_t *err)
{
    const wire_ranges_t *applied = &message->shard_state.applied, *refused = &message->shard_state.refused;
    err_code_t code = ranges_load(&self->replica->applied, applied->items, applied->count, err);
    if (!code)
        code = ranges_load(&self->replica->refused, refused->items, refused->count, err);
    if (!code)
        code = ranges_copy(&self->durable->applied, &self->replica->applied);
    if (code)
        return err_prefix(err, code, "state");
    for (size_t i = 0; i < self->replica->applied.count; i++)
        if (self->replica->applied.items[i].end > self->base->region->batches)
            return err_set(err, ERR_JOB, "the snapshot has batches that the job does not have");
    return ERR_OK;
}

static err_code_t s_load_regions(shard_core_t *self, const message_t *message, err_t *err)
{
    const wire_u64s_t *columns[] = {
        &message->shard_state.origin_history,      &message->shard_state.origin_taken,
        &message->shard_state.origin_samples,      &message->shard_state.origin_final,
        &message->shard_state.origin_stable,       &message->shard_state.origin_incarnation,
        &message->shard_state.destination_durable,
    };
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        if (columns[c]->count != base_regions(self->base))
            return err_set(err, ERR_JOB, "the snapshot is of a job with another number of regions");
    for (size_t r = 0; r < base_regions(self->base); r++) {
        origin_t *origin = &self->stream->origins[r];
        origin->history = columns[0]->items[r];
        origin->taken = origin->durable = columns[1]->items[r];
        origin->samples = columns[2]->items[r];
        origin->final = origin->final_durable = columns[3]->items[r] != 0;
        origin->stable = columns[4]->items[r];
        origin->incarnation = incarnation_is_possible(columns[5]->items[r]) ? columns[5]->items[r] : 0;
        self->stream->destination_durable[r] = self->stream->destination_taken[r] = columns[6]->items[r];
        if (self->stream->destination_durable[r] > message->shard_state.cut)
            return err_set(err, ERR_MALFORMED, "state: a destination has more than was cut");
    }
    return ERR_OK;
}

static err_code_t s_load_numbers(shard_core_t *self, const message_t *message, err_t *err)
{
    self->stream->history = message->shard_state.history;
    self->replica->steps = message->shard_state.steps;
    self->replica->version = message->shard_state.version;
    self->replica->samples_applied = message->shard_state.samples_applied;
    self->stream->cut = message->shard_state.cut;
    self->replica->open_steps = message->shard_state.open_steps;
    self->replica->open_samples = message->shard_state.open_samples;
    self->stream->open_first = message->shard_state.open_first;
    self->stream->closed = message->shard_state.closed;
    self->rounds->number = message->shard_state.round;
    self->rounds->vote.muted = message->shard_state.muted;
    self->replica->outer.arrivals = message->shard_state.arrivals;
    self->base->counts.duplicates = message->shard_state.duplicates;
    self->base->counts.refusals = message->shard_state.refusals;
    self->base->counts.not_finite = message->shard_state.not_finite;
    self->base->counts.rolled_back = message->shard_state.rolled_back;
    self->base->counts.uncompensated = message->shard_state.uncompensated;
    self->entry->number = message->shard_state.entry;
    self->stream->follows_history = message->shard_state.follows_history;
    self->stream->follows = message->shard_state.follows;
    self->base->counts.welcomes = message->shard_state.welcomes;
    if (self->stream->follows >= self->stream->open_first)
        return err_set(err, ERR_MALFORMED, "state: follows what was cut later");
    shard_mark_load(self, message->shard_state.mark, &message->shard_state.marks);
    if (self->stream->open_first == 0 || self->stream->open_first > self->stream->cut + 1 ||
        self->rounds->number > self->stream->cut + UINT32_MAX)
        return err_set(err, ERR_MALFORMED, "state: numbers of cuts that cannot be");
    return ERR_OK;
}

static err_code_t s_load_cursors(shard_core_t *self, const snapshot_t *snapshot, err_t *err)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        char name[MANIFEST_NAME_MAX + 1];
        buf_t *cursor = snapshot_peek(snapshot, s_cursor_key(name, r));
        if (!cursor && self->stream->origins[r].taken)
            return err_set(err, ERR_MALFORMED, "the snapshot has no %s", name);
        if (!cursor)
            continue;
        size_t count = buf_size(cursor) / sizeof(range_t);
        const range_t *items = buf_peek(cursor);
        if (buf_size(cursor) % sizeof(range_t) || ranges_check(items, count, NULL) ||
            (count && items[count - 1].end > self->base->spec.job->regions[r].batches))
            return err_set(err, ERR_MALFORMED, "%s is not a set of batches of that region", name);
        self->stream->origins[r].cursor = buf_ref(cursor);
    }
    return ERR_OK;
}

/* A tensor of the shard. `required` false: it may be absent. */
static err_code_t s_load_tensor(const shard_core_t *self, const snapshot_t *snapshot, const char *name,
                                bool required, buf_t **ret_buf, err_t *err)
{
    buf_t *buf = snapshot_peek(snapshot, name);
    if (!buf)
        return required ? err_set(err, ERR_MALFORMED, "the snapshot has no %s", name) : ERR_OK;
    if (buf_size(buf) != base_bytes(self->base))
        return err_set(err, ERR_SHAPE, "%s has %zu bytes instead of %zu", name, buf_size(buf),
                       base_bytes(self->base));
    *ret_buf = buf_ref(buf);
    return ERR_OK;
}

static bool s_load_head(const uint64_t *row, uint64_t first, uint64_t last, delta_head_t *ret_head)
{
    *ret_head = (delta_head_t){
        .first = first, .last = last, .steps = row[1], .samples = row[2], .final = row[3] != 0};
    if (first == 0 || first > last || row[0] > DELTA_DIFFERENCE)
        return false;
    ret_head->kind = (delta_kind_t)row[0];
    return true;
}

/* The bytes of a kept delta, of a length that its encoding can have. */
static err_code_t s_load_kept(const shard_core_t *self, const snapshot_t *snapshot, const char *name,
                              kept_t *kept, err_t *err)
{
    buf_t *data = snapshot_peek(snapshot, name);
    if (!data && kept->head.kind == DELTA_NOTHING)
        return ERR_OK;
    if (!data || !encode_accepts(self->replica, kept->encoding) ||
        !encode_fits(self->replica, kept->encoding, buf_size(data)))
        return err_set(err, ERR_MALFORMED, "the snapshot has no %s that fits", name);
    kept->data = buf_ref(data);
    return ERR_OK;
}

/* Snapshots of before there were encodings do not name them. */
static err_code_t s_load_queue(shard_core_t *self, const message_t *message, const snapshot_t *snapshot,
                               err_t *err)
{
    const wire_u64s_t *rows = &message->shard_state.queue, *encodings = &message->shard_state.queue_encoding;
    if (rows->count % QUEUE_FIELDS || (encodings->count && encodings->count * QUEUE_FIELDS != rows->count))
        return err_set(err, ERR_MALFORMED, "state: queue");
    uint64_t before = 0;
    for (size_t i = 0; i < rows->count; i += QUEUE_FIELDS) {
        char name[MANIFEST_NAME_MAX + 1];
        const uint64_t *row = rows->items + i;
        kept_t kept = {.encoding = encodings->count ? encodings->items[i / QUEUE_FIELDS] : 0};
        if (!s_load_head(row + 2, row[0], row[1], &kept.head) || kept.head.last >= self->stream->open_first ||
            (before && kept.head.first != before + 1))
            return err_set(err, ERR_MALFORMED, "state: queue");
        before = kept.head.last;
        buf_t *cursor = snapshot_peek(snapshot, s_key(name, "cursor", kept.head.last));
        if (!cursor || buf_size(cursor) % sizeof(range_t))
            return err_set(err, ERR_MALFORMED, "the snapshot has no %s", name);
        err_code_t code = s_load_kept(self, snapshot, s_key(name, "queue", kept.head.last), &kept, err);
        if (code)
            return code;
        kept.cursor = buf_ref(cursor);
        buf_t *seen = snapshot_peek(snapshot, s_key(name, "seen", kept.head.last));
        if (seen && buf_size(seen) == 2 * sizeof(uint64_t) * base_regions(self->base))
            kept.seen = buf_ref(seen);
        kept.mark = self->base->gate.number; /* at least the one it was cut with */
        shard_queue_add(self, &kept);
    }
    return ERR_OK;
}

static err_code_t s_load_pending(shard_core_t *self, const wire_u64s_t *rows, const snapshot_t *snapshot,
                                 err_t *err)
{
    if (rows->count % PENDING_FIELDS)
        return err_set(err, ERR_MALFORMED, "state: pending");
    for (size_t i = 0; i < rows->count; i += PENDING_FIELDS) {
        char name[MANIFEST_NAME_MAX + 1];
        const uint64_t *row = rows->items + i;
        pending_t pending = {.region = (size_t)row[0]};
        if (!s_load_head(row + 2, row[1], row[1], &pending.head) || row[0] >= base_regions(self->base))
            return err_set(err, ERR_MALFORMED, "state: pending");
        err_code_t code = s_load_tensor(self, snapshot, s_region_key(name, "pending", row[0], row[1]),
                                        pending.head.kind != DELTA_NOTHING, &pending.data, err);
        if (code)
            return code;
        pending_add(self->replica, &pending);
    }
    return ERR_OK;
}

static err_code_t s_load_relay(shard_core_t *self, const uint64_t *row, const snapshot_t *snapshot,
                               err_t *err)
{
    char name[MANIFEST_NAME_MAX + 1];
    relay_t relay = {.region = (size_t)row[0],
                     .history = row[PENDING_FIELDS],
                     .follows_history = row[PENDING_FIELDS + 1],
                     .follows = row[PENDING_FIELDS + 2],
                     .kept = {.mark = self->base->gate.number}}; /* at least the one it was cut with */
    if (!s_load_head(row + 2, row[1], row[1], &relay.kept.head) || row[0] >= base_regions(self->base))
        return err_set(err, ERR_MALFORMED, "state: relays");
    buf_t *cursor = snapshot_peek(snapshot, s_region_key(name, "relay_cursor", row[0], row[1]));
    if (!cursor || buf_size(cursor) % sizeof(range_t))
        return err_set(err, ERR_MALFORMED, "the snapshot has no %s", name);
    err_code_t code = s_load_tensor(self, snapshot, s_region_key(name, "relay", row[0], row[1]),
                                    relay.kept.head.kind != DELTA_NOTHING, &relay.kept.data, err);
    if (code)
        return code;
    relay.kept.cursor = buf_ref(cursor);
    shard_relay_add(self, &relay);
    return ERR_OK;
}

static err_code_t s_load_relays(shard_core_t *self, const wire_u64s_t *rows, const snapshot_t *snapshot,
                                err_t *err)
{
    if (rows->count % RELAY_FIELDS)
        return err_set(err, ERR_MALFORMED, "state: relays");
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < rows->count && !code; i += RELAY_FIELDS)
        code = s_load_relay(self, rows->items + i, snapshot, err);
    return code;
}

static err_code_t s_load_votes(shard_core_t *self, const wire_u64s_t *rows, err_t *err)
{
    size_t regions = base_regions(self->base), fields = VOTE_FIELDS + regions;
    if (rows->count % fields || rows->count > 2 * SHARD_KEPT_MAX * fields)
        return err_set(err, ERR_MALFORMED, "state: votes");
    for (size_t i = 0; i < rows->count; i += fields) {
        const uint64_t *row = rows->items + i;
        vote_t vote = {
            .round = row[0], .promised = row[1], .ballot = row[2], .decided = row[3] != 0, .asker = SIZE_MAX};
        if (vote.round == 0 || vote.ballot > vote.promised)
            return err_set(err, ERR_MALFORMED, "state: votes");
        memcpy(vote.taken, row + VOTE_FIELDS, regions * sizeof *row);
        shard_vote_add(self, &vote);
    }
    return ERR_OK;
}

static err_code_t s_load_one_held(shard_core_t *self, const uint64_t *row, const snapshot_t *snapshot,
                                  err_t *err)
{
    held_t held = {.worker = HELD_RESTORED, .batch = row[0], .samples = row[1], .code = (err_code_t)row[2]};
    char name[MANIFEST_NAME_MAX + 1];
    buf_t *data = NULL;
    if (row[0] >= self->base->region->batches || ranges_has(&self->replica->applied, row[0]))
        return err_set(err, ERR_MALFORMED, "state: held");
    err_code_t code = s_load_tensor(self, snapshot, s_key(name, "held", row[0]), !held.code, &data, err);
    if (code || held.code) {
        buf_destroy(&data);
        return code ? code : (held_add(self->intake, &held), ERR_OK);
    }
    slice_t whole = slice_of(data, 0, buf_size(data));
    buf_destroy(&data);
    code = assembly_begin(&held.assembly, 1, whole.size_bytes, self->base->spec.chunk_bytes);
    if (!code)
        code = assembly_add(&held.assembly, 0, 0, &whole);
    slice_fini(&whole);
    if (code) {
        assembly_fini(&held.assembly);
        return err_set(err, code, "state: held");
    }
    held_add(self->intake, &held);
    return ERR_OK;
}

static err_code_t s_load_held(shard_core_t *self, const wire_u64s_t *rows, const snapshot_t *snapshot,
                              err_t *err)
{
    if (rows->count % HELD_FIELDS)
        return err_set(err, ERR_MALFORMED, "state: held");
    for (size_t i = 0; i < rows->count; i += HELD_FIELDS) {
        err_code_t code = s_load_one_held(self, rows->items + i, snapshot, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

/* Where the steps since an open round's cut began; or, as there are none yet, will begin. */
static err_code_t s_load_base(shard_core_t *self, const snapshot_t *snapshot, err_t *err)
{
    if (!self->base->rules.overlap || self->replica->open_steps || !shard_round_open(self))
        return s_load_tensor(self, snapshot, "base", false, &self->replica->outer.base, err);
    self->replica->outer.base = buf_ref(self->replica->parameters);
    return ERR_OK;
}

static err_code_t s_load_outer(shard_core_t *self, const snapshot_t *snapshot, err_t *err)
{
    outer_t *outer = &self->replica->outer;
    bool on = self->base->rules.strategy->outer && base_regions(self->base) > 1;
    if (!on && !(self->rounds->vote.on && self->base->rules.strategy->cuts == DELTA_MODEL))
        return ERR_OK;
    bool remembers =
        on && !self->base->rules.strategy->adds && self->base->spec.topology->job.sync.outer_momentum > 0;
    err_code_t code = s_load_tensor(self, snapshot, "start", true, &outer->start, err);
    if (!code && on && self->base->rules.waits && !self->entry->visits)
        code = s_load_base(self, snapshot, err);
    if (!code && remembers)
        code = s_load_tensor(self, snapshot, "outer", true, &outer->momentum, err);
    if (!code && remembers)
        code = s_load_tensor(self, snapshot, "gathered", false, &outer->gathered, err);
    if (!code && outer->arrivals >= base_regions(self->base))
        code = err_set(err, ERR_MALFORMED, "state: more deltas than regions wait for their momentum");
    if (!code)
        outer_begin(self->replica);
    return code;
}

static err_code_t s_load_tensors(shard_core_t *self, const snapshot_t *snapshot, err_t *err)
{
    err_code_t code = s_load_tensor(self, snapshot, "parameters", true, &self->replica->parameters, err);
    if (!code)
        code = s_load_tensor(self, snapshot, "momentum", self->replica->optimizer.kind == OPTIMIZER_MOMENTUM,
                             &self->replica->momentum, err);
    if (!code)
        code = s_load_tensor(self, snapshot, "open", false, &self->replica->open, err);
    if (!code)
        code = s_load_tensor(self, snapshot, "residual", false, &self->replica->residual, err);
    if (!code)
        code = s_load_outer(self, snapshot, err);
    if (!code && self->replica->optimizer.kind != OPTIMIZER_MOMENTUM && self->replica->momentum)
        code = err_set(err, ERR_JOB, "the snapshot is of a job with another optimizer");
    return code;
}

/* What was loaded may lie here alone, committed and never kept by others: nothing of it is durable, and none of its deltas
 * may leave, before the keepers have it again. */
static void s_forget_durable(shard_core_t *self)
{
    self->durable->stored = false;
    self->durable->committed_last = 0;
    self->durable->closed = false;
    ranges_fini(&self->durable->applied);
    for (size_t r = 0; r < base_regions(self->base); r++) {
        self->stream->origins[r].durable = 0;
        self->stream->origins[r].final_durable = false;
    }
}

/* The job has got more epochs since: what was the last of a region goes on from there. */
static void s_reopen(shard_core_t *self)
{
    self->stream->closed = false;
    for (size_t r = 0; r < base_regions(self->base); r++)
        self->stream->origins[r].final = false;
    for (size_t i = 0; i < self->stream->queue_count; i++)
        self->stream->queue[i].head.final = false;
    for (size_t i = 0; i < self->replica->pending_count; i++)
        self->replica->pending[i].head.final = false;
    for (size_t i = 0; i < self->rounds->relays.count; i++)
        self->rounds->relays.items[i].kept.head.final = false;
}

/* What was committed is what was loaded. After a loss other regions may have what is not here: the numbers of
 * the old history must not be given to other bytes, so a new one begins, and is stored at once. */
static void s_settle(shard_core_t *self, const snapshot_t *snapshot)
{
    self->durable->number = snapshot->id.number;
    self->durable->stored = true;
    self->base->changes = self->durable->committed_changes = 1;
    if (self->base->spec.loses) {
        self->stream->history = self->base->spec.history;
        self->base->counts.rolled_back += self->base->spec.lost;
        self->base->changes++;
        self->durable->stored = false;
    }
    self->durable->committed_steps = self->replica->steps;
    self->durable->committed_last = self->stream->open_first - 1;
    bool settled = shard_round_settled(self);
    self->durable->closed = self->stream->closed && settled;
    for (size_t r = 0; r < base_regions(self->base); r++)
        self->stream->origins[r].final_durable = self->stream->origins[r].final && settled;
    if (self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA)
        s_forget_durable(self);
    if (self->entry->number) /* nobody knows whether its positions were ever heard */
        self->entry->position_us = 0;
}

static err_code_t s_load(shard_core_t *self, const message_t *message, const snapshot_t *snapshot, err_t *err)
{
    err_code_t code = s_check_job(self, message, err);
    /* Where something may be lost others are asked, and one of their states is taken. */
    bool whole = !self->entry->visits && !self->base->spec.loses && !self->base->spec.uncertain;
    if (!code && whole)
        code = shard_carry(self->base->spec.topology, self->base->spec.job, self->base->spec.region_index,
                           message, err);
    if (!code)
        code = s_load_numbers(self, message, err);
    if (!code)
        code = s_load_ranges(self, message, err);
    if (!code)
        code = s_load_regions(self, message, err);
    if (!code)
        code = s_load_tensors(self, snapshot, err);
    if (!code)
        code = s_load_cursors(self, snapshot, err);
    if (!code && !self->entry->visits)
        code = s_load_queue(self, message, snapshot, err);
    if (!code)
        code = s_load_pending(self, &message->shard_state.pending, snapshot, err);
    if (!code)
        code = s_load_votes(self, &message->shard_state.votes, err);
    if (!code && !self->entry->visits)
        code = s_load_relays(self, &message->shard_state.relays, snapshot, err);
    if (!code && !self->entry->visits)
        code = s_load_held(self, &message->shard_state.held, snapshot, err);
    return code;
}

err_code_t state_load(shard_core_t *self, const snapshot_t *snapshot, err_t *err)
{
    message_t *message = NULL;
    err_code_t code = shard_core_decode(snapshot_peek(snapshot, "state"), &message, err);
    if (code)
        return code;
    code = s_load(self, message, snapshot, err);
    bool grown = !code && shard_carry_has_grown(self->base->region, message),
         had_closed = self->stream->closed;
    message_destroy(&message);
    if (code)
        return code;
    if (grown)
        s_reopen(self);
    s_settle(self, snapshot);
    if (!self->entry->visits)
        shard_drift_begin(self);
    if (grown && had_closed && !self->entry->visits)
        shard_cut_catch_up(self);
    return ERR_OK;
}
