/* The advance loop: rooms are asked from the bottom what has happened, and those above them are told. */
#include "actors/scheduler/region/region_rooms.h"

#include "actors/kit/timers.h"

#include <stdlib.h>

#define TELLS_US                                                                                             \
    (250 * MILLISECOND_US) /* after so long without an event what only tells moves things on as well */

/* ---- the advance loop ---- */

static void s_lose_silent(region_core_t *self, int64_t now_us)
{
    region_hears(&self->base, now_us);
    nodes_lose_silent(&self->nodes, now_us);
    region_note_gone(self, now_us);
    if (region_stops(&self->base))
        return;
    actors_lose_silent(&self->actors, now_us);
    region_note_gone(self, now_us);
}

static void s_go_on(region_core_t *self, int64_t now_us)
{
    if (region_stops(&self->base)) {
        ending_tick(&self->ending, now_us);
        return;
    }
    if (self->base.failure)
        return;
    placing_tick(&self->placing, now_us);
    keeping_tick(&self->keeping, now_us);
    moving_let_go(&self->moving, renting_is_coming(&self->renting), now_us);
    training_tick(&self->training, now_us);
}

static void s_advance_region(region_core_t *self, int64_t now_us)
{
    self->due_known = false;
    if (self->base.core.finished)
        return;
    s_lose_silent(self, now_us);
    training_note_standing(&self->training, now_us);
    renting_tick(&self->renting, now_us);
    if (adopting_has_drained(&self->adopting, now_us))
        ending_begin(&self->ending, false, now_us);
    s_go_on(self, now_us);
    region_note_waits(self, now_us);
    still_look(&self->still, now_us);
    region_tell(self, now_us);
}

/* ---- the role ---- */

static int64_t s_find_due(const region_core_t *self)
{
    int64_t due = timer_first(region_tell_due(self), renting_due(&self->renting));
    if (region_stops(&self->base))
        return timer_first(due, ending_due(&self->ending));
    return timer_first(due, timer_first(keeping_due(&self->keeping), placing_due(&self->placing)));
}

static int64_t s_due_region(const void *core)
{
    const region_core_t *self = core;
    if (self->base.core.finished)
        return ROLE_NEVER;
    return self->due_known ? self->due_us : s_find_due(self);
}

/* Told with every announcement of its node. */
static bool s_knows_placed(region_core_t *self, const message_t *placed)
{
    const region_actor_t *actor = actors_named(&self->actors, placed->placed.actor);
    return actor && !placed->placed.code && actor->state == PLACE_READY &&
           actor->incarnation == placed->placed.incarnation;
}

static bool s_is_news(region_core_t *self, const message_t *message)
{
    switch (message->kind) {
    case KIND_status:
    case KIND_lease_want:
    case KIND_link_state:
        return false;
    case KIND_placed:
        return !s_knows_placed(self, message);
    default:
        return true;
    }
}

/* News that a region of many workers hears most moves nothing on: the timers look at what came of it. Not
 * right after a while without an event, in which this scheduler may have stood still. */
static bool s_only_tells(region_core_t *self, const message_t *message, int64_t now_us)
{
    bool held_up = now_us - self->base.advanced_us >= TELLS_US;
    if (held_up || self->base.core.finished || s_is_news(self, message))
        return false;
    if (!self->due_known)
        self->due_us = s_find_due(self);
    self->due_known = true;
    return now_us < self->due_us;
}

static void s_message_region(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    self->base.core.now_us = now_us;
    bool only_tells = s_only_tells(self, *message_p, now_us);
    region_take(self, message_p, now_us);
    message_destroy(message_p);
    if (!only_tells || self->base.report_soon)
        s_advance_region(self, now_us);
}

static void s_tick_region(void *core, int64_t now_us)
{
    region_core_t *self = core;
    self->base.core.now_us = now_us;
    s_advance_region(self, now_us);
}

static void s_destroy_region(void **core_p)
{
    region_core_t *self = *core_p;
    if (!self)
        return;
    region_rooms_fini(self);
    free(self);
    *core_p = NULL;
}

/* ---- the contract ---- */

region_core_t *region_core_new(const region_spec_t *spec, int64_t now_us)
{
    region_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    region_rooms_init(self, spec, now_us);
    region_restore(self, now_us);
    self->base.spec.legacy = NULL;
    return self;
}

uint64_t region_core_run(const region_core_t *self, bool *ret_adopts)
{
    *ret_adopts = self->run.adopts;
    return self->run.id;
}

void region_core_rent(region_core_t *self, const uint64_t *units, bool stay, int64_t now_us)
{
    renting_want(&self->renting, units, stay, now_us);
}

bool region_core_take_command(region_core_t *self, rent_command_t *ret_command)
{
    return renting_take_command(&self->renting, ret_command);
}

void region_core_unit_ended(region_core_t *self, const char *name, rent_end_t end, int64_t now_us)
{
    renting_unit_ended(&self->renting, name, end, now_us);
}

bool region_core_take_move(region_core_t *self, region_move_t *ret_move)
{
    return moving_take(&self->moving, ret_move);
}

bool region_core_take_missing(region_core_t *self, region_missing_t *ret_missing)
{
    return placing_take_missing(&self->placing, ret_missing);
}

bool region_core_finished(const region_core_t *self)
{
    return self->base.core.finished;
}

err_code_t region_core_failure(const region_core_t *self, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = self->base.reason;
    return self->base.failure;
}

const char *region_core_waits_for(const region_core_t *self, int64_t *ret_since_us)
{
    if (ret_since_us)
        *ret_since_us = self->reports.waits_since_us;
    return self->reports.waits_for;
}

const role_t region_role = {
    .name = "scheduler",
    .message = s_message_region,
    .tick = s_tick_region,
    .due = s_due_region,
    .outbox = core_outbox,
    .finished = core_finished,
    .destroy = s_destroy_region,
};
