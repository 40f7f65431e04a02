#include "actors/kit/breaks.h"
#include "actors/shard/stream/stream.h"

#include "codec/base/failpoint.h"
#include "codec/base/hash.h"

#include <string.h>

/* -- who speaks -------------------------------------------------------------------------------------------
 */

/* From the synchronizer of the region whose delta it is, or handed on by the same shard of a third one. */
static bool s_from_origin(const stream_t *self, const message_t *message, size_t *ret_origin, size_t *ret_by)
{
    size_t origin = topology_region_index(self->base->spec.topology, message->delta.origin);
    if (origin == SIZE_MAX || origin == self->base->spec.region_index)
        return false;
    *ret_origin = *ret_by = origin;
    if (strcmp(base_name_of(self->base, ROLE_SYNCHRONIZER, origin).text, message->from) == 0)
        return true;
    *ret_by = self->base->rules.votes ? base_region_of(self->base, ROLE_SHARD, message->from) : SIZE_MAX;
    return *ret_by != SIZE_MAX && *ret_by != origin;
}

/* The disk is full, and is not waited for: what is taken counts as kept. */
static bool s_goes_on(const stream_t *self)
{
    return self->undurable && !self->closed && !life_stops(&self->base->life);
}

void stream_ack(stream_t *self, size_t origin, err_code_t code)
{
    const origin_t *from = &self->origins[origin];
    message_t *ack = core_message(&self->base->core, KIND_delta_ack,
                                  base_name_of(self->base, ROLE_SYNCHRONIZER, origin).text);
    ack->number = from->taken;
    message_set_name(ack->delta_ack.origin, self->base->spec.topology->regions[origin].name);
    ack->delta_ack.shard = self->base->spec.shard_index;
    ack->delta_ack.history = from->history;
    ack->delta_ack.applied = from->taken;
    ack->delta_ack.durable = s_goes_on(self) && !from->final ? from->taken : from->durable;
    ack->delta_ack.code = (uint64_t)code;
    ack->delta_ack.generation = self->generation;
    core_send(&self->base->core, &ack);
}

/* -- assembling -------------------------------------------------------------------------------------------
 */

void incoming_drop(incoming_t *self)
{
    assembly_fini(&self->assembly);
    buf_destroy(&self->cursor);
    buf_destroy(&self->decoded);
    patch_destroy(&self->patch);
    *self = (incoming_t){0};
}

static incoming_t *s_find_incoming(origin_t *origin, uint64_t first)
{
    for (size_t i = 0; i < SHARD_INCOMING_MAX; i++)
        if (origin->incoming[i].used && origin->incoming[i].head.first == first)
            return &origin->incoming[i];
    return NULL;
}

/* How many deltas of one origin may be here in part: what the window allows. */
static size_t s_room(const stream_t *self)
{
    size_t bytes = encode_bytes_most(self->replica);
    uint64_t room = self->base->spec.topology->job.sync.window_bytes / (bytes ? bytes : 1);
    return room < 1 ? 1 : room < SHARD_INCOMING_MAX ? (size_t)room : SHARD_INCOMING_MAX;
}

/* A place for a delta that begins at `first`; what lies furthest ahead gives way to what is nearer. */
static incoming_t *s_make_room(const stream_t *self, origin_t *origin, uint64_t first)
{
    incoming_t *furthest = NULL;
    for (size_t i = 0; i < s_room(self); i++) {
        incoming_t *incoming = &origin->incoming[i];
        if (!incoming->used)
            return incoming;
        if (!furthest || incoming->head.first > furthest->head.first)
            furthest = incoming;
    }
    if (furthest->head.first < first)
        return NULL;
    incoming_drop(furthest);
    return furthest;
}

static delta_head_t s_head(const message_t *message)
{
    return (delta_head_t){
        .first = message->delta.first,
        .last = message->delta.last,
        .kind = (delta_kind_t)(message->delta.kind <= DELTA_DIFFERENCE ? message->delta.kind : DELTA_NOTHING),
        .steps = message->delta.steps,
        .samples = message->delta.samples,
        .final = message->delta.final,
    };
}

static bool s_same_head(const delta_head_t *a, const delta_head_t *b)
{
    bool same_work = a->steps == b->steps && a->samples == b->samples;
    return a->last == b->last && a->kind == b->kind && a->final == b->final && same_work;
}

static bool s_same(const incoming_t *incoming, const message_t *message)
{
    delta_head_t head = s_head(message);
    bool same_pieces = incoming->code || incoming->assembly.chunk_count == message->delta.chunk_count;
    return s_same_head(&incoming->head, &head) && incoming->history == message->delta.history &&
           incoming->encoding == message->delta.encoding && same_pieces;
}

/* The content that a delta must have for this shard to apply it. */
static err_code_t s_content(const stream_t *self, size_t origin, const message_t *message)
{
    const job_region_t *region = &self->base->spec.job->regions[origin];
    bool nothing = message->delta.kind == DELTA_NOTHING;
    if (message->delta.layout != self->base->spec.layout ||
        message->delta.elements != self->base->spec.elements)
        return ERR_SHAPE;
    if (!encode_accepts(self->replica, message->delta.encoding))
        return ERR_VERSION;
    if (!nothing && message->delta.kind != (uint64_t)self->terms.kind)
        return ERR_SHAPE;
    if (nothing ? message->delta.total != 0
                : !encode_fits(self->replica, message->delta.encoding, message->delta.total))
        return ERR_SHAPE;
    if (message->delta.samples > region->samples * self->base->spec.job->epochs ||
        message->delta.steps > region->batches)
        return ERR_LIMIT;
    return self->terms.in_step && message->delta.first != message->delta.last ? ERR_SHAPE : ERR_OK;
}

static void s_mark(incoming_t *incoming, err_code_t code)
{
    assembly_fini(&incoming->assembly);
    incoming->code = code;
}

static incoming_t *s_stage(stream_t *self, size_t index, const message_t *message)
{
    origin_t *origin = &self->origins[index];
    incoming_t *incoming = s_find_incoming(origin, message->delta.first);
    if (incoming && s_same(incoming, message))
        return incoming;
    if (incoming)
        incoming_drop(incoming);
    else
        incoming = s_make_room(self, origin, message->delta.first);
    if (!incoming)
        return NULL;
    self->nothing_comes = false;
    *incoming = (incoming_t){.used = true,
                             .head = s_head(message),
                             .history = message->delta.history,
                             .parent_history = message->delta.parent_history,
                             .parent_number = message->delta.parent_number,
                             .encoding = message->delta.encoding};
    incoming->code = s_content(self, index, message);
    if (!incoming->code)
        incoming->code = assembly_begin(&incoming->assembly, message->delta.chunk_count, message->delta.total,
                                        self->base->spec.chunk_bytes);
    return incoming;
}

/* The origin's batches in this state once the delta is taken. */
static err_code_t s_add_cursor(const stream_t *self, size_t origin, incoming_t *incoming,
                               const message_t *message)
{
    const wire_ranges_t *cursor = &message->delta.cursor;
    if (cursor->count && cursor->items[cursor->count - 1].end > self->base->spec.job->regions[origin].batches)
        return ERR_LIMIT;
    if (!incoming->cursor)
        incoming->cursor = buf_new_copy(cursor->items, cursor->count * sizeof(range_t));
    CHECK(incoming->cursor);
    return ERR_OK;
}

/* How far the origin had taken this shard's stream when it cut. */
static err_code_t s_add_seen(const stream_t *self, incoming_t *incoming, const message_t *message)
{
    if (message->delta.seen.count == 0)
        return ERR_OK;
    if (message->delta.seen.count != base_regions(self->base))
        return ERR_SHAPE;
    const delta_seen_t *seen = &message->delta.seen.items[self->base->spec.region_index];
    incoming->tells = true;
    incoming->seen_history = seen->history;
    incoming->seen = seen->number;
    return ERR_OK;
}

static void s_add_chunk(stream_t *self, size_t origin, incoming_t *incoming, const message_t *message)
{
    /* Points are numbered below the terms of those who lead to them: nobody leads to another one. */
    if (incarnation_is_possible(message->delta.point) && message->delta.point > incoming->point)
        incoming->point = message->delta.point;
    if (incoming->code)
        return;
    incoming->stable = message->delta.stable > incoming->stable ? message->delta.stable : incoming->stable;
    err_code_t code = message->delta.chunk == 0 ? s_add_cursor(self, origin, incoming, message) : ERR_OK;
    if (!code && message->delta.chunk == 0)
        code = s_add_seen(self, incoming, message);
    if (!code)
        code = assembly_add(&incoming->assembly, message->delta.chunk, message->delta.offset, &message->data);
    if (!code && !incoming->encoding && !slice_finite(&message->data, self->replica->scratch))
        code = ERR_NUMBER;
    if (!code && assembly_complete(&incoming->assembly) && !assembly_seamless(&incoming->assembly))
        code = ERR_SHAPE;
    if (code)
        s_mark(incoming, code);
}

/* -- taking -----------------------------------------------------------------------------------------------
 */

bool stream_values(const incoming_t *delta, part_t *ret_part)
{
    *ret_part = (part_t){.buf = delta->decoded, .weight = 1};
    if (!delta->decoded)
        ret_part->assembly = &delta->assembly;
    return delta->head.kind != DELTA_NOTHING;
}

/* Its origin's position changes with it; one that was refused for its content changes the position alone. */
void stream_taken(stream_t *self, size_t index, incoming_t *incoming)
{
    origin_t *origin = &self->origins[index];
    err_code_t code = incoming->code;
    if (code)
        base_refused(self->base, code);
    else
        origin->samples += incoming->head.samples;
    if (!code && incoming->incarnation > origin->incarnation)
        origin->incarnation = incoming->incarnation;
    origin->history = incoming->history;
    origin->taken = incoming->head.last;
    origin->final = incoming->head.final;
    if (incoming->cursor) {
        buf_destroy(&origin->cursor);
        origin->cursor = incoming->cursor;
        incoming->cursor = NULL;
    } else if (!origin->cursor) { /* refused before it was known: none of it is here */
        origin->cursor = buf_new(0);
        CHECK(origin->cursor);
    }
    origin->stable = incoming->stable > origin->stable ? incoming->stable : origin->stable;
    if (incoming->decoded)
        version_release(self->replica, &incoming->decoded);
    incoming_drop(incoming);
    compensation_trim(self->replica, stream_going(self));
    base_tell_soon(self->base);
    base_changed(self->base);
    FAILPOINT(shard_delta_taken);
    stream_ack(self, index, code);
}

/* A delta of that history goes on from the position that is taken, or will. */
static bool s_in_lineage(const origin_t *origin, uint64_t history, uint64_t parent_history,
                         uint64_t parent_number)
{
    return history == origin->history ||
           (parent_history == origin->history && parent_number == origin->taken);
}

static incoming_t *s_next(stream_t *self, origin_t *origin)
{
    incoming_t *next = s_find_incoming(origin, origin->taken + 1);
    if (!next || next->head.last > self->bound[origin - self->origins])
        return NULL;
    if (!s_in_lineage(origin, next->history, next->parent_history, next->parent_number)) {
        incoming_drop(next);
        return NULL;
    }
    if (!next->code && !assembly_complete(&next->assembly))
        return NULL;
    if (gate_lets(&self->base->gate, next->point))
        return next;
    gate_seen(&self->base->gate, next->point, self->base->core.now_us); /* it waits for nothing else */
    return NULL;
}

static bool s_some(const origin_t *origin)
{
    for (size_t i = 0; i < SHARD_INCOMING_MAX; i++)
        if (origin->incoming[i].used)
            return true;
    return false;
}

/* Its code tells what is wrong with it; false without memory. */
static bool s_decode(stream_t *self, incoming_t *incoming)
{
    if (incoming->code || incoming->encoding == 0 || incoming->decoded ||
        incoming->head.kind == DELTA_NOTHING)
        return true;
    if (!encode_decode(self->replica, incoming->encoding, &incoming->assembly, &incoming->decoded,
                       &incoming->patch, &incoming->code))
        return false;
    assembly_fini(&incoming->assembly);
    return true;
}

bool stream_next(stream_t *self, size_t *ret_origin, incoming_t **ret_delta)
{
    if (self->base->short_of_memory || self->nothing_comes)
        return false;
    bool some = false;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        some = some || s_some(&self->origins[r]);
        incoming_t *next = s_next(self, &self->origins[r]);
        if (!next)
            continue;
        *ret_origin = r;
        *ret_delta = next;
        return s_decode(self, next);
    }
    self->nothing_comes = !some;
    return false;
}

/* -- one chunk --------------------------------------------------------------------------------------------
 */

/* The numbers of a delta can be the stream's next ones, some time. */
static err_code_t s_numbers(const stream_t *self, const origin_t *origin, const message_t *message)
{
    uint64_t first = message->delta.first, last = message->delta.last;
    if (message->delta.history == 0 || first == 0 || first > last || last == UINT64_MAX)
        return ERR_MALFORMED;
    if (!s_in_lineage(origin, message->delta.history, message->delta.parent_history,
                      message->delta.parent_number))
        return ERR_STALE;
    if (last - first > self->base->spec.topology->job.sync.staleness + 1)
        return ERR_LIMIT;
    if (first <= origin->taken)
        return ERR_STALE; /* a range that overlaps what was taken */
    return origin->final && message->delta.history == origin->history ? ERR_STATE : ERR_OK;
}

static speaker_t *s_speaker(stream_t *self, size_t origin, size_t by)
{
    return by == origin ? &self->origins[origin].synchronizer : &self->origins[by].shard;
}

/* Chunks of a newer synchronizer that has gone silent are not mixed with those of an older one. */
static void s_make_way(stream_t *self, const message_t *message, size_t index, size_t by)
{
    bool older = message->incarnation < s_speaker(self, index, by)->incarnation;
    for (size_t i = 0; older && !(self->base->spec.breaks & BREAK_FENCING) && i < SHARD_INCOMING_MAX; i++)
        incoming_drop(&self->origins[index].incoming[i]);
}

/* Returns what to answer; sets *ret_quiet when taking it answers already, and *ret_news when it is, or may
 * be, something new. `by`: who sent it, the origin itself or who hands on; whose lineage is another may be
 * the one who is wrong. Of what is not taken nothing lasts. */
static err_code_t s_chunk(stream_t *self, size_t index, size_t by, const message_t *message, bool *ret_quiet,
                          bool *ret_news)
{
    origin_t *origin = &self->origins[index];
    bool own = by == index;
    bool same_history = message->delta.history && message->delta.history == origin->history;
    if (same_history && message->delta.first <= message->delta.last && message->delta.last <= origin->taken) {
        self->base->counts.duplicates += message->delta.chunk == 0;
        return ERR_OK;
    }
    err_code_t code = s_numbers(self, origin, message);
    if (code) {
        self->base->counts.refusals++;
        if (own && message->delta.history && message->delta.history != origin->history)
            stream_doubt(self, index);
        return code;
    }
    if (!(self->base->spec.breaks & BREAK_CHECKSUM) &&
        message->delta.checksum !=
            hash_checksum(slice_peek(&message->data), message->data.buf ? message->data.size_bytes : 0))
        return ERR_CHECKSUM;
    s_make_way(self, message, index, by);
    incoming_t *incoming = s_stage(self, index, message);
    if (!incoming)
        return ERR_GAP;
    *ret_news = true;
    stream_spoke(self, s_speaker(self, index, by), message->incarnation);
    if (own)
        incoming->incarnation = message->incarnation;
    s_add_chunk(self, index, incoming, message);
    *ret_quiet = s_next(self, origin) != NULL && !self->base->short_of_memory;
    const incoming_t *next = s_find_incoming(origin, origin->taken + 1);
    /* a chunk of the next one is lost */
    bool passed = incoming != next && assembly_complete(&incoming->assembly);
    return next && !passed ? ERR_OK : ERR_GAP;
}

/* One whose deltas were taken stays the newest; one that has only spoken, while it does. */
static bool s_is_newest(stream_t *self, const message_t *message, size_t origin, size_t by)
{
    bool older = by == origin && message->incarnation < self->origins[origin].incarnation;
    if (self->base->spec.breaks & BREAK_FENCING)
        return true;
    if (!older && stream_may_speak(self, s_speaker(self, origin, by), message->incarnation))
        return true;
    core_refuse(&self->base->core, message, ERR_STALE, "a newer incarnation of the sender has spoken");
    return false;
}

heard_t stream_delta(stream_t *self, const message_t *message)
{
    size_t index, by;
    if (!s_from_origin(self, message, &index, &by) || message->delta.shard != self->base->spec.shard_index) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, ERR_DENIED,
                    "not this shard's stream, or not from its synchronizer");
        return (heard_t){.origin = SIZE_MAX};
    }
    if (!s_is_newest(self, message, index, by))
        return (heard_t){.origin = SIZE_MAX};
    FAILPOINT(shard_delta_received);
    bool quiet = false, news = false;
    err_code_t code = s_chunk(self, index, by, message, &quiet, &news);
    if (!quiet && by == index)
        stream_ack(self, index, code);
    return (heard_t){.origin = news ? index : SIZE_MAX, .handed = by != index};
}

void stream_doubt(stream_t *self, size_t origin)
{
    if (!life_runs(&self->base->life) || self->origins[origin].suspect)
        return;
    self->origins[origin].suspect = true;
    self->doubt_us = self->base->core.now_us;
}
