#include "actors/scheduler/region_state.h"

#include <string.h>

void region_begin_stop(region_core_t *self, bool done, int64_t now_us)
{
    if (self->stopping)
        return;
    if (done)
        region_conclude(self, false, now_us);
    self->stopping = true;
    self->drain_known = self->drained_known = false;
    self->stop_done = done;
    self->stop_us = now_us;
    if (self->train_end_us < 0)
        self->train_end_us = now_us;
    region_decide(self);
}

void region_take_stop(region_core_t *self, const message_t *message, int64_t now_us)
{
    self->stop_own |= !self->stopping && !strcmp(message->from, self->name);
    region_begin_stop(self, message->stop.done, now_us);
}

static const region_node_t *s_running(const region_core_t *self)
{
    for (size_t index = 0; index < self->node_count; index++)
        if (!self->nodes[index].lost && !self->nodes[index].stopped)
            return &self->nodes[index];
    return NULL;
}

static void s_say_bye(region_core_t *self, const char *node)
{
    message_t *bye = message_new(KIND_bye, node, self->name);
    region_send(self, &bye);
}

void region_take_stopped(region_core_t *self, const message_t *message, int64_t now_us)
{
    region_node_t *node = region_node_find(self, message->from);
    bool known = region_known_stopped(self, message->from);
    if (!node && !known)
        return;
    if (self->drain_known)
        region_begin_stop(self, false, now_us); /* it was told to by the predecessor */
    if (node)
        node->seen_us = now_us;
    if (node && !self->stopping)
        region_node_left(self, node, now_us);
    else if (node && !node->stopped) {
        node->stopped = true;
        region_units_gone(self, node, now_us);
        if (message->stopped.code)
            region_fail(self, (err_code_t)message->stopped.code, "%s: %s", node->name,
                        message->stopped.reason ? message->stopped.reason : "failed while it stopped");
    }
    /* A keeper is there for the other nodes' last snapshots: nobody goes before all have stopped. */
    if (!self->stopping || !self->spec.topology->checkpoint.replicas || self->final)
        s_say_bye(self, message->from);
}

/* The stop is over: a scheduler that is started after this begins, or resumes, a run. */
static void s_finish(region_core_t *self)
{
    self->finished = true;
    region_decide(self);
}

void region_take_bye(region_core_t *self)
{
    if (self->final)
        s_finish(self);
}

static void s_stop_nodes(region_core_t *self)
{
    for (size_t index = 0; index < self->node_count; index++) {
        const region_node_t *node = &self->nodes[index];
        if (node->lost || node->stopped)
            continue;
        message_t *stop = message_new(KIND_stop, node->name, self->name);
        stop->stop.done = self->stop_done;
        region_send(self, &stop);
    }
}

/* The farewell ends by silence of the global scheduler: each sign of life from it gives it the whole time
 * again. One that has decided the stop may have been killed since, and comes back for the report. */
static int64_t s_farewell_us(const region_core_t *self)
{
    int64_t from = self->final_us > self->global_heard_us ? self->final_us : self->global_heard_us;
    int64_t away_us = self->spec.topology->job.sync.away_after_us;
    return from + (self->stop_own || away_us < FAREWELL_US ? FAREWELL_US : away_us);
}

/* Who was started again first hears from the shards: the final report is of all that was done. */
static bool s_may_stop(const region_core_t *self, int64_t now_us)
{
    return !self->known_count || region_shards_known(self) ||
           region_is_silent(self, self->started_us, SILENCE_US, now_us);
}

/* Those that were not let go when they had stopped. */
static void s_release_nodes(region_core_t *self)
{
    for (size_t index = 0; self->spec.topology->checkpoint.replicas && index < self->node_count; index++)
        if (self->nodes[index].stopped)
            s_say_bye(self, self->nodes[index].name);
}

/* One that came when all was over already, as it was stopped at its start, is told at once: nobody else would. */
static void s_stop_late(region_core_t *self, int64_t now_us)
{
    if (!s_running(self) || now_us < self->stop_us)
        return;
    self->stop_us = now_us + REPEAT_EVERY_US;
    s_stop_nodes(self);
}

void region_stop(region_core_t *self, int64_t now_us)
{
    if (self->final) {
        s_stop_late(self, now_us);
        if (now_us >= s_farewell_us(self))
            s_finish(self);
        return;
    }
    if (now_us >= self->stop_us) {
        self->stop_us = now_us + REPEAT_EVERY_US;
        if (!s_may_stop(self, now_us))
            return;
        if (self->stop_done)
            region_conclude(self, true, now_us);
        s_stop_nodes(self);
    }
    if (!s_running(self) && region_settle(self, now_us)) {
        s_release_nodes(self);
        self->final = true;
        self->final_us = now_us;
        self->report_us = now_us;
        region_decide(self);
    }
}

int64_t region_stop_due(const region_core_t *self)
{
    return self->final ? s_farewell_us(self) : self->stop_us;
}

const char *region_stop_waits_for(const region_core_t *self)
{
    const region_node_t *node = s_running(self);
    if (node)
        return node->name;
    return self->final ? "scheduler/global" : region_adopt_waits_for(self);
}
