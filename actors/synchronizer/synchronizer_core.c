#include "actors/synchronizer/synchronizer_core.h"

#include "actors/kit/timers.h"
#include "actors/synchronizer/synchronizer_internal.h"
#include "codec/base/failpoint.h"
#include "codec/base/hash.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

static void s_name(wire_name_t ret_name, actor_role_t role, const char *region, size_t index)
{
    message_set_name(ret_name, actor_name_numbered(role, region, index).text);
}

/* -- life -------------------------------------------------------------------------------------------------
 */

/* The first pause is under way from the start. */
static backoff_t s_resend(void)
{
    backoff_t pause = backoff_of(SYNCHRONIZER_RESEND_FIRST_US, SYNCHRONIZER_RESEND_LAST_US);
    backoff_next(&pause);
    return pause;
}

static void s_add_destinations(synchronizer_core_t *self)
{
    const topology_t *topology = self->base.topology;
    self->destinations = calloc(topology->region_count, sizeof *self->destinations);
    CHECK(self->destinations);
    for (size_t r = 0; r < topology->region_count; r++) {
        if (r == self->spec.region_index)
            continue;
        destination_t *destination = &self->destinations[self->destination_count++];
        destination->region = r;
        destination->pause = s_resend();
        s_name(destination->name, ROLE_SHARD, topology->regions[r].name, self->spec.shard_index);
    }
}

synchronizer_core_t *synchronizer_core_new(const synchronizer_spec_t *spec)
{
    CHECK(spec->region_index < spec->topology->region_count);
    synchronizer_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    const char *region = spec->topology->regions[spec->region_index].name;
    core_init(&self->base, actor_name_numbered(ROLE_SYNCHRONIZER, region, spec->shard_index).text,
              spec->incarnation, spec->topology);
    s_name(self->shard, ROLE_SHARD, region, spec->shard_index);
    message_set_name(self->scheduler, actor_name(ROLE_SCHEDULER, region).text);
    outgoing_reset(&self->outgoing, 0);
    s_add_destinations(self);
    self->waits_for = SIZE_MAX;
    return self;
}

static void s_destroy_synchronizer(void **core_p)
{
    synchronizer_core_t *self = *core_p;
    *core_p = NULL;
    if (!self)
        return;
    outgoing_reset(&self->outgoing, 0);
    core_fini(&self->base);
    free(self->destinations);
    free(self);
}

/* -- towards the own shard --------------------------------------------------------------------------------
 */

static void s_tell_shard(synchronizer_core_t *self, const destination_t *destination)
{
    if (self->outgoing.history == 0)
        return;
    message_t *message = core_message(&self->base, KIND_stream, self->shard);
    message->number = destination->durable;
    message_set_name(message->stream.region, core_region_name(&self->base, destination->region));
    message->stream.history = self->outgoing.history;
    message->stream.applied = destination->applied;
    message->stream.durable = destination->durable;
    message->stream.generation = destination->generation;
    message->stream.away = destination->away;
    core_send(&self->base, &message);
}

static void s_fetch(synchronizer_core_t *self, uint64_t from)
{
    self->fetch_us = self->base.now_us + SYNCHRONIZER_FETCH_US;
    message_t *message = core_message(&self->base, KIND_stream_fetch, self->shard);
    message->stream_fetch.history = self->outgoing.history;
    message->stream_fetch.from = from;
    core_send(&self->base, &message);
}

static int64_t s_fetch_due(const void *core)
{
    const synchronizer_core_t *self = core;
    return outgoing_missing(&self->outgoing) ? self->fetch_us : ROLE_NEVER;
}

static void s_fetch_missing(void *core, int64_t now_us)
{
    synchronizer_core_t *self = core;
    if (now_us >= s_fetch_due(self))
        s_fetch(self, outgoing_missing(&self->outgoing));
}

/* -- towards a destination ---------------------------------------------------------------------------------
 */

static void s_send_chunk(synchronizer_core_t *self, const destination_t *destination, const message_t *chunk)
{
    message_t *message = message_dup(chunk);
    message_set_name(message->to, destination->name);
    core_send(&self->base, &message);
    FAILPOINT(synchronizer_forwarded);
}

/* Sends what follows `sent`, in order, while the window has room; one delta always has. */
static void s_pump(synchronizer_core_t *self, destination_t *destination)
{
    uint64_t window = self->base.topology->job.sync.window_bytes;
    const outgoing_delta_t *delta;
    while ((delta = outgoing_find(&self->outgoing, destination->sent + 1))) {
        bool flying = destination->flying_bytes > 0;
        if (flying && destination->flying_bytes + delta->total_bytes > window)
            return;
        if (!flying)
            destination->heard_us = destination->advanced_us = self->base.now_us;
        for (uint64_t i = 0; i < delta->chunk_count; i++)
            s_send_chunk(self, destination, delta->chunks[i]);
        destination->sent = delta->last;
        destination->flying_bytes += delta->total_bytes;
    }
}

/* The last number that a destination has, or the one before the oldest that is kept. */
static uint64_t s_first_sent(const synchronizer_core_t *self, const destination_t *destination)
{
    uint64_t before = self->outgoing.oldest - 1;
    return destination->applied > before ? destination->applied : before;
}

/* Goes back to what the destination has; the pump sends the rest again, the same bytes. */
static void s_step_back(synchronizer_core_t *self, destination_t *destination)
{
    int64_t advanced_us = destination->advanced_us;
    destination->sent = s_first_sent(self, destination);
    destination->flying_bytes = 0;
    destination->stepped_us = self->base.now_us;
    s_pump(self, destination);
    destination->advanced_us = advanced_us; /* sending again is none */
}

/* The number that the destination expects is kept no longer. Its shard judges that for itself, and answers:
 * so this is also how a synchronizer asks where a destination stands. */
static void s_tell_gap(synchronizer_core_t *self, destination_t *destination)
{
    if (self->base.now_us < destination->gap_us)
        return;
    destination->gap_us = self->base.now_us + SYNCHRONIZER_FETCH_US;
    message_t *message = core_message(&self->base, KIND_stream_gap, destination->name);
    message_set_name(message->stream_gap.origin, core_region_name(&self->base, self->spec.region_index));
    message->stream_gap.shard = self->spec.shard_index;
    message->stream_gap.history = self->outgoing.history;
    message->stream_gap.oldest = self->outgoing.oldest;
    core_send(&self->base, &message);
}

/* Everything is taken but not known to be durable: one chunk of it is enough to be told. */
static void s_probe(synchronizer_core_t *self, const destination_t *destination)
{
    const outgoing_delta_t *delta = outgoing_find(&self->outgoing, destination->durable + 1);
    if (delta)
        s_send_chunk(self, destination, delta->chunks[0]);
}

/* How long silence may last: a second, three round trips, and what the flying bytes take on this link. */
static int64_t s_patience(const destination_t *destination)
{
    int64_t patience = destination->pause.now_us;
    if (!destination->link_known)
        return patience;
    if (3 * destination->rtt_us > patience)
        patience = 3 * destination->rtt_us;
    if (destination->rate_bytes_per_s)
        patience +=
            (int64_t)(1.5e6 * (double)destination->flying_bytes / (double)destination->rate_bytes_per_s);
    return patience;
}

/* Most of what flies still lies in the link's queue: the link brings it by itself, also after a cut, and
 * copies behind it would make a thin link slower. The queue may be of others: so this holds for a while
 * only. */
static bool s_carried(const synchronizer_core_t *self, const destination_t *destination)
{
    return destination->link_up && destination->flying_bytes &&
           destination->queued_bytes >= destination->flying_bytes / 2 &&
           self->base.now_us < destination->advanced_us + SYNCHRONIZER_CARRIED_US;
}

static bool s_lacks(const synchronizer_core_t *self, const destination_t *destination)
{
    return destination->durable < self->outgoing.last;
}

static int64_t s_silence_end(const synchronizer_core_t *self, const destination_t *destination)
{
    bool waits = s_lacks(self, destination);
    if (!waits || (destination->link_known && !destination->link_up))
        return ROLE_NEVER;
    return destination->heard_us + s_patience(destination);
}

static void s_check_silence(synchronizer_core_t *self, destination_t *destination)
{
    if (self->base.now_us < s_silence_end(self, destination))
        return;
    destination->heard_us = self->base.now_us;
    backoff_next(&destination->pause);
    if (destination->applied + 1 < self->outgoing.oldest)
        s_tell_gap(self, destination);
    if (destination->sent > destination->applied)
        s_step_back(self, destination);
    else
        s_probe(self, destination);
}

static int64_t s_silence_due(const void *core)
{
    const synchronizer_core_t *self = core;
    int64_t due_us = ROLE_NEVER;
    for (size_t i = 0; i < self->destination_count; i++)
        due_us = timer_first(due_us, s_silence_end(self, &self->destinations[i]));
    return due_us;
}

static void s_silence(void *core, int64_t now_us)
{
    synchronizer_core_t *self = core;
    (void)now_us;
    for (size_t i = 0; i < self->destination_count; i++)
        s_check_silence(self, &self->destinations[i]);
}

/* Away: it lacks something, and nothing has been heard of it for longer than the job waits. */
static int64_t s_away_at(const synchronizer_core_t *self, const destination_t *destination)
{
    if (destination->away || destination->lacks_us == 0)
        return ROLE_NEVER;
    return destination->lacks_us + self->base.topology->job.sync.away_after_us;
}

static void s_check_away(synchronizer_core_t *self, destination_t *destination)
{
    if (!s_lacks(self, destination))
        destination->lacks_us = 0;
    else if (destination->lacks_us == 0)
        destination->lacks_us = self->base.now_us;
    if (self->base.now_us < s_away_at(self, destination))
        return;
    destination->away = true;
    s_tell_shard(self, destination);
}

static int64_t s_away_due(const void *core)
{
    const synchronizer_core_t *self = core;
    int64_t due_us = ROLE_NEVER;
    for (size_t i = 0; i < self->destination_count; i++)
        due_us = timer_first(due_us, s_away_at(self, &self->destinations[i]));
    return due_us;
}

static void s_away(void *core, int64_t now_us)
{
    synchronizer_core_t *self = core;
    (void)now_us;
    for (size_t i = 0; i < self->destination_count; i++)
        s_check_away(self, &self->destinations[i]);
}

static void s_heard(synchronizer_core_t *self, destination_t *destination)
{
    destination->heard_us = self->base.now_us;
    destination->lacks_us = 0;
    if (!destination->away)
        return;
    destination->away = false;
    s_tell_shard(self, destination);
}

/* -- the own shard speaks ---------------------------------------------------------------------------------
 */

static void s_restart(synchronizer_core_t *self, uint64_t history)
{
    outgoing_reset(&self->outgoing, history);
    for (size_t i = 0; i < self->destination_count; i++) {
        destination_t *destination = &self->destinations[i];
        destination->applied = destination->durable = destination->sent = destination->flying_bytes = 0;
        destination->heard_us = self->base.now_us;
        destination->pause = s_resend();
    }
}

/* Returns whether the own shard says it; its words from before its last start are not listened to. */
static bool s_from_shard(const synchronizer_core_t *self, const message_t *message, uint64_t history)
{
    bool late = message->incarnation < self->shard_incarnation && !(self->spec.breaks & BREAK_FENCING);
    return strcmp(message->from, self->shard) == 0 && history != 0 && !late;
}

/* A new history is a new stream. */
static void s_follow(synchronizer_core_t *self, const message_t *message, uint64_t history)
{
    self->shard_incarnation = message->incarnation;
    if (history != self->outgoing.history)
        s_restart(self, history);
}

/* Damaged bytes that were kept would be sent again and again. */
static bool s_intact(const synchronizer_core_t *self, const message_t *message)
{
    size_t size = message->data.buf ? message->data.size_bytes : 0;
    return (self->spec.breaks & BREAK_CHECKSUM) ||
           hash_checksum(slice_peek(&message->data), size) == message->delta.checksum;
}

static void s_on_delta(synchronizer_core_t *self, message_t **message_p)
{
    const delta_t_ *delta = &(*message_p)->delta;
    if (!s_intact(self, *message_p) || !relay_can_be(delta))
        return; /* missed, and fetched again */
    if (!s_from_shard(self, *message_p, delta->history))
        return;
    s_follow(self, *message_p, delta->history);
    self->outgoing.parent_history = delta->parent_history;
    self->outgoing.parent_number = delta->parent_number;
    FAILPOINT(synchronizer_received);
    outgoing_add(&self->outgoing, message_p);
    for (size_t i = 0; i < self->destination_count; i++)
        s_pump(self, &self->destinations[i]);
}

/* A delta that is kept no longer cannot be sent; whether the destination has it, it will say. */
static void s_raise(destination_t *destination, uint64_t number)
{
    if (destination->sent < number)
        destination->sent = number;
}

static void s_on_head(synchronizer_core_t *self, const message_t *message)
{
    const stream_head_t_ *head = &message->stream_head;
    if (head->oldest == 0 || !s_from_shard(self, message, head->history))
        return;
    s_follow(self, message, head->history);
    self->outgoing.parent_history = head->parent_history;
    self->outgoing.parent_number = head->parent_number;
    /* A shard that came back keeps again what it had let go since its snapshot. */
    bool renewed = message->incarnation > self->outgoing.head_incarnation;
    self->outgoing.head_incarnation = message->incarnation;
    if (head->oldest > self->outgoing.oldest || renewed)
        self->outgoing.oldest = head->oldest;
    if (head->last > self->outgoing.last)
        self->outgoing.last = head->last;
    outgoing_drop_below(&self->outgoing, self->outgoing.oldest);
    for (size_t i = 0; i < self->destination_count; i++) {
        s_raise(&self->destinations[i], self->outgoing.oldest - 1);
        s_tell_shard(self, &self->destinations[i]);
        s_pump(self, &self->destinations[i]);
    }
    s_fetch_missing(self, self->base.now_us);
}

/* -- a destination speaks ---------------------------------------------------------------------------------
 */

static destination_t *s_find_destination(synchronizer_core_t *self, const message_t *message)
{
    for (size_t i = 0; i < self->destination_count; i++)
        if (strcmp(self->destinations[i].name, message->from) == 0)
            return &self->destinations[i];
    return NULL;
}

uint64_t synchronizer_core_delivered(const synchronizer_core_t *self)
{
    uint64_t delivered = self->destination_count ? UINT64_MAX : self->outgoing.last;
    for (size_t i = 0; i < self->destination_count; i++)
        if (self->destinations[i].durable < delivered)
            delivered = self->destinations[i].durable;
    return delivered;
}

static bool s_ack_valid(const synchronizer_core_t *self, const message_t *message)
{
    const delta_ack_t_ *ack = &message->delta_ack;
    return self->outgoing.history &&
           strcmp(ack->origin, core_region_name(&self->base, self->spec.region_index)) == 0 &&
           ack->shard == self->spec.shard_index && ack->durable <= ack->applied &&
           incarnation_is_possible(ack->generation);
}

/* Returns whether its position is one of this lineage. What follows its end is the first of the present
 * history. */
static bool s_in_lineage(const outgoing_t *outgoing, const delta_ack_t_ *ack)
{
    return ack->history == outgoing->history ||
           (ack->history == outgoing->parent_history && ack->applied == outgoing->parent_number);
}

static uint64_t s_flying(const synchronizer_core_t *self, const destination_t *destination)
{
    uint64_t bytes = 0;
    const outgoing_t *outgoing = &self->outgoing;
    for (size_t i = 0; i < outgoing->count; i++)
        if (outgoing->items[i].last > destination->applied && outgoing->items[i].last <= destination->sent)
            bytes += outgoing->items[i].total_bytes;
    return bytes;
}

/* Takes its positions; a newer incarnation may have gone back to what it had durably. Returns whether it
 * advanced. */
static bool s_positions(const synchronizer_core_t *self, destination_t *destination, const message_t *message)
{
    const delta_ack_t_ *ack = &message->delta_ack;
    bool renewed = destination->incarnation && message->incarnation > destination->incarnation;
    uint64_t applied = destination->applied, durable = destination->durable;
    if (ack->applied > applied || renewed)
        destination->applied = ack->applied < destination->durable ? destination->durable : ack->applied;
    if (ack->durable > durable)
        destination->durable = ack->durable;
    if ((renewed && destination->sent > destination->applied) || destination->sent < destination->applied)
        destination->sent = s_first_sent(self, destination);
    return destination->applied > applied || destination->durable > durable;
}

/* It has taken another region's state since: it stands where that one stood, which may be further back. */
static bool s_entered(const destination_t *destination, const message_t *message)
{
    uint64_t generation = message->delta_ack.generation;
    return generation > destination->generation ||
           (message->incarnation > destination->incarnation && generation != destination->generation);
}

static void s_begin_anew(synchronizer_core_t *self, destination_t *destination, const delta_ack_t_ *ack)
{
    destination->generation = ack->generation;
    destination->applied = ack->applied;
    destination->durable = ack->durable;
    if (self->outgoing.oldest > ack->applied + 1) {
        self->outgoing.oldest = ack->applied + 1; /* the shard says what it keeps of it */
        s_fetch(self, self->outgoing.oldest);
    }
    destination->sent = s_first_sent(self, destination);
}

static bool s_same_gap(const synchronizer_core_t *self, const destination_t *destination)
{
    int64_t within =
        3 * destination->rtt_us / 2 > SYNCHRONIZER_GAP_US ? 3 * destination->rtt_us / 2 : SYNCHRONIZER_GAP_US;
    return destination->stepped_us && self->base.now_us - destination->stepped_us < within;
}

static void s_advanced(synchronizer_core_t *self, destination_t *destination)
{
    destination->pause = s_resend();
    destination->advanced_us = self->base.now_us;
    s_tell_shard(self, destination);
    outgoing_drop_below(&self->outgoing, synchronizer_core_delivered(self) + 1);
    if (self->outgoing.oldest <= synchronizer_core_delivered(self))
        self->outgoing.oldest = synchronizer_core_delivered(self) + 1;
}

/* It has more of this history than the shard ever made: the shard was rolled back, and judges that for
 * itself. */
static void s_tell_stale(synchronizer_core_t *self, const destination_t *destination, uint64_t applied)
{
    message_t *message = core_message(&self->base, KIND_stream, self->shard);
    message->number = applied;
    message_set_name(message->stream.region, core_region_name(&self->base, destination->region));
    message->stream.history = self->outgoing.history;
    message->stream.applied = applied;
    message->stream.durable = destination->durable;
    message->stream.generation = destination->generation;
    message->stream.away = destination->away;
    message->stream.code = ERR_STALE;
    core_send(&self->base, &message);
}

static void s_answer_destination(synchronizer_core_t *self, destination_t *destination, err_code_t code)
{
    bool again = code == ERR_GAP || code == ERR_CHECKSUM;
    if (again && destination->applied + 1 < self->outgoing.oldest)
        s_tell_gap(self, destination);
    else if (again && !s_same_gap(self, destination))
        s_step_back(self, destination);
    else
        s_pump(self, destination);
}

static void s_on_ack(synchronizer_core_t *self, const message_t *message)
{
    const delta_ack_t_ *ack = &message->delta_ack;
    destination_t *destination = s_find_destination(self, message);
    if (!destination || !s_ack_valid(self, message))
        return;
    bool fenced = !(self->spec.breaks & BREAK_FENCING);
    if (fenced && message->incarnation < destination->incarnation)
        return;
    if (message->incarnation == destination->incarnation && ack->generation < destination->generation)
        return; /* late */
    s_heard(self, destination);
    if (!s_in_lineage(&self->outgoing, ack)) {
        s_tell_gap(self, destination); /* it finds out for itself, and enters */
        return;
    }
    if (ack->applied > self->outgoing.last) {
        s_tell_stale(self, destination, ack->applied);
        return;
    }
    FAILPOINT(synchronizer_acked);
    bool advanced = true;
    if (s_entered(destination, message))
        s_begin_anew(self, destination, ack);
    else
        advanced = s_positions(self, destination, message);
    destination->incarnation = message->incarnation;
    destination->flying_bytes = s_flying(self, destination);
    if (advanced)
        s_advanced(self, destination);
    s_answer_destination(self, destination, (err_code_t)ack->code);
}

static void s_on_link(synchronizer_core_t *self, const message_t *message)
{
    for (size_t i = 0; i < self->destination_count; i++) {
        destination_t *destination = &self->destinations[i];
        if (strcmp(core_region_name(&self->base, destination->region), message->link_state.region) != 0)
            continue;
        bool returned = destination->link_known && !destination->link_up && message->link_state.up;
        destination->link_known = true;
        destination->link_up = message->link_state.up;
        destination->rate_bytes_per_s = message->link_state.rate_bytes_per_s;
        destination->rtt_us =
            message->link_state.rtt_us < INT32_MAX ? (int64_t)message->link_state.rtt_us : INT32_MAX;
        destination->queued_bytes = message->link_state.queued_bytes;
        if (returned)
            destination->pause = s_resend();
        if (s_carried(self, destination))
            destination->heard_us = self->base.now_us;
    }
}

/* -- status -----------------------------------------------------------------------------------------------
 */

/* The destination that lacks most; it is waited for since it began to lack anything. */
static void s_update_wait(synchronizer_core_t *self)
{
    size_t slowest = SIZE_MAX;
    for (size_t i = 0; i < self->destination_count; i++) {
        const destination_t *destination = &self->destinations[i];
        if (s_lacks(self, destination) &&
            (slowest == SIZE_MAX || destination->durable < self->destinations[slowest].durable))
            slowest = i;
    }
    if (slowest != self->waits_for || self->waits_since_us == 0)
        self->waits_since_us = self->base.now_us;
    self->waits_for = slowest;
}

const char *synchronizer_core_waits_for(const synchronizer_core_t *self, int64_t *ret_since_us)
{
    *ret_since_us = self->waits_since_us;
    return self->waits_for == SIZE_MAX
               ? ""
               : core_region_name(&self->base, self->destinations[self->waits_for].region);
}

static int64_t s_status_due(const void *core)
{
    return ((const synchronizer_core_t *)core)->status_us;
}

static void s_say_status_synchronizer(void *core, int64_t now_us)
{
    synchronizer_core_t *self = core;
    int64_t since_us;
    const char *waits_for = synchronizer_core_waits_for(self, &since_us);
    self->status_us = now_us + SYNCHRONIZER_STATUS_US;
    message_t *message = core_message(&self->base, KIND_status, self->scheduler);
    message_set_name(message->status.actor, self->base.name);
    message->status.incarnation = self->base.incarnation;
    message_set_name(message->status.state, self->base.finished ? "stopped"
                                            : waits_for[0]      ? "waiting"
                                                                : "running");
    message_set_name(message->status.waits_for, waits_for);
    message->status.since_us = (uint64_t)(now_us - since_us);
    message->status.applied = self->outgoing.last;
    message->status.durable = synchronizer_core_delivered(self);
    core_send(&self->base, &message);
}

/* -- events -----------------------------------------------------------------------------------------------
 */

static void s_on_message(void *core, message_t **message_p, int64_t now_us)
{
    synchronizer_core_t *self = core;
    self->base.now_us = now_us;
    switch ((*message_p)->kind) {
    case KIND_delta:
        s_on_delta(self, message_p);
        break;
    case KIND_stream_head:
        s_on_head(self, *message_p);
        break;
    case KIND_delta_ack:
        s_on_ack(self, *message_p);
        break;
    case KIND_link_state:
        s_on_link(self, *message_p);
        break;
    case KIND_stop: /* soft state: nothing to save */
        self->base.finished = true;
        s_say_status_synchronizer(self, now_us);
        break;
    default:
        break;
    }
    message_destroy(message_p);
    if (!self->base.finished)
        s_away(self, now_us);
    s_update_wait(self);
}

static const timer_row_t s_timers[] = {
    {s_silence_due, s_silence},
    {s_away_due, s_away},
    {s_fetch_due, s_fetch_missing},
    {s_status_due, s_say_status_synchronizer},
};
#define TIMERS (sizeof s_timers / sizeof *s_timers)

static void s_tick_synchronizer(void *core, int64_t now_us)
{
    synchronizer_core_t *self = core;
    self->base.now_us = now_us;
    if (self->base.finished)
        return;
    s_update_wait(self);
    timers_run(s_timers, TIMERS, self, now_us);
}

static int64_t s_due_synchronizer(const void *core)
{
    const synchronizer_core_t *self = core;
    return self->base.finished ? ROLE_NEVER : timers_due(s_timers, TIMERS, self);
}

const role_t synchronizer_role = {
    .name = "synchronizer",
    .message = s_on_message,
    .tick = s_tick_synchronizer,
    .due = s_due_synchronizer,
    .outbox = core_outbox,
    .finished = core_finished,
    .destroy = s_destroy_synchronizer,
};
