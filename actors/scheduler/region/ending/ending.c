#include "actors/scheduler/region/ending/ending.h"

#include "actors/kit/timers.h"

#include <string.h>

#define FAREWELL_US (5 * SECOND_US) /* the final report of a drain of our own is repeated for so long */

/* ---- beginning ---- */

void ending_begin(ending_t *self, bool done, int64_t now_us)
{
    if (region_stops(self->base))
        return;
    if (done)
        training_conclude(self->training, false, now_us);
    region_move_on(self->base, REGION_STOPS);
    adopting_forget_drain(self->adopting);
    self->done = done;
    self->stop_us = now_us;
    training_end(self->training, now_us);
    region_decide(self->base);
}

void ending_take_stop(ending_t *self, const message_t *message, int64_t now_us)
{
    self->own |= !region_stops(self->base) && !strcmp(message->from, self->base->core.name);
    ending_begin(self, message->stop.done, now_us);
}

/* ---- nodes ---- */

static void s_say_bye(ending_t *self, const char *node)
{
    message_t *bye = core_message(&self->base->core, KIND_bye, node);
    core_send(&self->base->core, &bye);
}

/* A node that leaves has ended, or one has done as it was told. */
static void s_note_stopped(ending_t *self, region_node_t *node, const message_t *message, int64_t now_us)
{
    node->seen_us = now_us;
    if (!region_stops(self->base)) {
        nodes_leave(self->nodes, nodes_index(self->nodes, node));
        return;
    }
    if (node->stopped)
        return;
    nodes_stop(self->nodes, nodes_index(self->nodes, node));
    if (message->stopped.code)
        region_fail(self->base, (err_code_t)message->stopped.code, "%s: %s", node->name,
                    message->stopped.reason ? message->stopped.reason : "failed while it stopped");
}

/* A keeper is there for the other nodes' last snapshots: nobody goes before all have stopped. */
static bool s_may_go(const ending_t *self)
{
    bool keeps = self->base->spec.topology->checkpoint.replicas > 0;
    return !keeps || self->base->life != REGION_STOPS;
}

void ending_take_stopped(ending_t *self, const message_t *message, int64_t now_us)
{
    region_node_t *node = nodes_find(self->nodes, message->from);
    bool known = adopting_stopped(self->adopting, message->from);
    if (!node && !known)
        return;
    if (self->adopting->drain_known)
        ending_begin(self, false, now_us); /* it was told to by the predecessor */
    if (node)
        s_note_stopped(self, node, message, now_us);
    if (s_may_go(self))
        s_say_bye(self, message->from);
}

static void s_stop_nodes(ending_t *self)
{
    for (size_t node = 0; node < self->nodes->count; node++) {
        if (!nodes_is_alive(self->nodes, node))
            continue;
        message_t *stop = core_message(&self->base->core, KIND_stop, self->nodes->list[node].name);
        stop->stop.done = self->done;
        core_send(&self->base->core, &stop);
    }
}

/* Those that were not let go when they had stopped. */
static void s_release_nodes(ending_t *self)
{
    for (size_t node = 0; self->base->spec.topology->checkpoint.replicas && node < self->nodes->count; node++)
        if (self->nodes->list[node].stopped)
            s_say_bye(self, self->nodes->list[node].name);
}

/* ---- the final report ---- */

/* The stop is over: a scheduler that is started after this begins, or resumes, a run. */
static void s_finish(ending_t *self)
{
    self->base->core.finished = true;
    region_decide(self->base);
}

void ending_take_bye(ending_t *self)
{
    if (self->base->life == REGION_STOPPED)
        s_finish(self);
}

/* The farewell ends by silence of the global scheduler: each sign of life from it gives it the whole time
 * again. One that has decided the stop may have been killed since, and comes back for the report. */
static int64_t s_farewell_us(const ending_t *self)
{
    int64_t heard_us = self->run->global_heard_us;
    int64_t from_us = self->final_us > heard_us ? self->final_us : heard_us;
    int64_t away_us = self->base->spec.topology->job.sync.away_after_us;
    return from_us + (self->own || away_us < FAREWELL_US ? FAREWELL_US : away_us);
}

/* One that came when all was over already, as it was stopped at its start, is told at once: nobody else
 * would. */
static void s_say_farewell(ending_t *self, int64_t now_us)
{
    if (nodes_running(self->nodes) && now_us >= self->stop_us) {
        self->stop_us = now_us + REPEAT_EVERY_US;
        s_stop_nodes(self);
    }
    if (now_us >= s_farewell_us(self))
        s_finish(self);
}

/* ---- stopping ---- */

/* A scheduler that was started again first hears from the shards: the final report is of all that was
 * done. */
static bool s_may_stop(const ending_t *self, int64_t now_us)
{
    return !self->adopting->known_count || shards_known(self->shards) ||
           region_is_silent(self->base, self->base->started_us, SILENCE_US, now_us);
}

void ending_tick(ending_t *self, int64_t now_us)
{
    if (self->base->life == REGION_STOPPED) {
        s_say_farewell(self, now_us);
        return;
    }
    if (now_us >= self->stop_us) {
        self->stop_us = now_us + REPEAT_EVERY_US;
        if (!s_may_stop(self, now_us))
            return;
        if (self->done)
            training_conclude(self->training, true, now_us);
        s_stop_nodes(self);
    }
    if (nodes_running(self->nodes) || !adopting_settle(self->adopting, now_us))
        return;
    s_release_nodes(self);
    region_move_on(self->base, REGION_STOPPED);
    self->final_us = now_us;
    self->base->report_soon = true;
    region_decide(self->base);
}

int64_t ending_due(const ending_t *self)
{
    if (self->base->life != REGION_STOPPED)
        return self->stop_us;
    return timer_first(s_farewell_us(self), nodes_running(self->nodes) ? self->stop_us : ROLE_NEVER);
}

const char *ending_waits_for(const ending_t *self)
{
    const region_node_t *node = nodes_running(self->nodes);
    if (node)
        return node->name;
    return self->base->life == REGION_STOPPED ? ACTOR_GLOBAL : adopting_waits_for(self->adopting);
}

/* An end that is over is no stop that a successor would have to carry on. */
void ending_put(const ending_t *self, message_t *state)
{
    const adopting_t *adopting = self->adopting;
    bool goes_on = !self->base->core.finished;
    state->region_state.stopping = goes_on && (region_stops(self->base) || adopting->drain_known);
    state->region_state.stop_done = goes_on && self->done;
    state->region_state.stopped = goes_on && (self->base->life == REGION_STOPPED || adopting->drained_known);
}
