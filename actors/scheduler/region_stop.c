#include "actors/scheduler/region_state.h"

#include <string.h>

void region_take_stop(region_core_t *self, const message_t *message, int64_t now_us)
{
    if (self->stopping)
        return;
    self->stopping = true;
    self->stop_done = message->stop.done;
    self->stop_us = now_us;
    if (self->train_end_us < 0)
        self->train_end_us = now_us;
}

static const region_node_t *s_running(const region_core_t *self)
{
    for (size_t index = 0; index < self->node_count; index++)
        if (!self->nodes[index].lost && !self->nodes[index].stopped)
            return &self->nodes[index];
    return NULL;
}

static void s_say_bye(region_core_t *self, const region_node_t *node)
{
    message_t *bye = message_new(KIND_bye, node->name, self->name);
    region_send(self, &bye);
}

void region_take_stopped(region_core_t *self, const message_t *message, int64_t now_us)
{
    region_node_t *node = region_node_find(self, message->from);
    if (!node)
        return;
    node->seen_us = now_us;
    if (!self->stopping)
        region_node_left(self, node, now_us);
    else if (!node->stopped) {
        node->stopped = true;
        if (message->stopped.code)
            region_fail(self, (err_code_t)message->stopped.code, "%s: %s", node->name,
                        message->stopped.reason ? message->stopped.reason : "failed while it stopped");
    }
    /* A keeper is there for the other nodes' last snapshots: nobody goes before all have stopped. */
    if (!self->stopping || !self->spec.topology->checkpoint.replicas || !s_running(self))
        s_say_bye(self, node);
}

void region_take_bye(region_core_t *self)
{
    if (self->final)
        self->finished = true;
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
 * again. */
static int64_t s_farewell_us(const region_core_t *self)
{
    int64_t from = self->final_us > self->global_heard_us ? self->final_us : self->global_heard_us;
    return from + FAREWELL_US;
}

void region_stop(region_core_t *self, int64_t now_us)
{
    if (self->final) {
        if (now_us >= s_farewell_us(self))
            self->finished = true;
        return;
    }
    if (now_us >= self->stop_us) {
        self->stop_us = now_us + REPEAT_EVERY_US;
        s_stop_nodes(self);
    }
    if (!s_running(self)) {
        for (size_t index = 0; index < self->node_count; index++)
            if (self->nodes[index].stopped)
                s_say_bye(self, &self->nodes[index]);
        self->final = true;
        self->final_us = now_us;
        self->report_us = now_us;
    }
}

int64_t region_stop_due(const region_core_t *self)
{
    return self->final ? s_farewell_us(self) : self->stop_us;
}

const char *region_stop_waits_for(const region_core_t *self)
{
    const region_node_t *node = s_running(self);
    return node ? node->name : "scheduler/global";
}
