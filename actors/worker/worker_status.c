#include "actors/worker/worker_status.h"

#include <string.h>

#define EVERY_US 500000
#define CHANGE_US 100000 /* a change is told no sooner after the status before */

void worker_status_init(worker_status_t *self, int64_t every_us)
{
    *self = (worker_status_t){.every_us = every_us};
}

void worker_status_start(worker_status_t *self, int64_t now_us)
{
    self->due_us = self->sent_us = self->since_us = now_us;
}

void worker_status_show(worker_status_t *self, const char *waits_for, int64_t now_us)
{
    if (!strcmp(waits_for, self->waits_for))
        return;
    message_set_name(self->waits_for, waits_for);
    self->since_us = now_us;
    if (!self->every_us && self->due_us > self->sent_us + CHANGE_US)
        self->due_us = self->sent_us + CHANGE_US;
}

void worker_status_send(worker_status_t *self, core_base_t *base, const char *to, const char *state,
                        uint64_t done, int64_t now_us)
{
    message_t *status = core_message(base, KIND_status, to);
    message_set_name(status->status.actor, base->name);
    message_set_name(status->status.state, state);
    message_set_name(status->status.waits_for, self->waits_for);
    status->status.incarnation = base->incarnation;
    status->status.since_us = (uint64_t)(now_us - self->since_us);
    status->status.applied = done;
    core_send(base, &status);
    self->sent_us = now_us;
    self->due_us = now_us + (self->every_us ? self->every_us : EVERY_US);
}
