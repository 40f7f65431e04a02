#include "actors/node/stopping.h"

#define NODE_STOPPED_US 200000 /* between two `stopped` */

void stopping_fail(stopping_t *self, const char *actor, const err_t *why)
{
    if (self->failure.code)
        return;
    self->failure = *why;
    err_prefix(&self->failure, why->code, "%s", actor);
}

void stopping_begin(stopping_t *self)
{
    if (self->life == NODE_WORKS)
        self->life = NODE_STOPS;
}

/* One that was missing at the end is a failure, unless the job was completed without it. */
static void s_conclude(stopping_t *self, const hosted_t *hosted, int64_t now_us)
{
    const hosted_actor_t *missing = hosted->done ? NULL : hosted_missing(hosted);
    self->life = NODE_STOPPED;
    self->stopped_us = now_us;
    if (missing)
        stopping_fail(self, missing->name, &missing->why);
}

bool stopping_go_on(stopping_t *self, hosted_t *hosted, int64_t now_us)
{
    unsigned rank = hosted_lowest(hosted);
    if (rank < ROLE_STOPS_LAST) {
        hosted_drain(hosted, rank, now_us);
        return false;
    }
    int64_t patience_us = hosted_serves_others(hosted) ? NODE_DRAIN_US : NODE_BYE_US;
    bool first = self->life != NODE_STOPPED;
    if (first)
        s_conclude(self, hosted, now_us);
    else if (now_us - self->stopped_us >= patience_us)
        self->finished = true;
    if (!first && (self->finished || now_us - self->said_us < NODE_STOPPED_US))
        return false;
    self->said_us = now_us;
    return true;
}

bool stopping_is_forgotten(const stopping_t *self, int64_t now_us)
{
    return self->leaving && (now_us - self->scheduler_us >= NODE_LEAVE_SILENCE_US ||
                             now_us - self->changed_us >= NODE_LEAVE_PATIENCE_US);
}

bool stopping_is_alone(stopping_t *self, const char *region, int64_t alone_us, int64_t now_us)
{
    if (!alone_us || now_us - self->broker_us < alone_us)
        return false;
    err_set(&self->failure, ERR_TIMEOUT,
            "no broker of region %s has answered for %lld s, and the job may be over; what is durable is in "
            "the state directory: start this node again to go on",
            region, (long long)(alone_us / 1000000));
    return true;
}

int64_t stopping_due(const stopping_t *self)
{
    bool says = self->life == NODE_STOPPED && !self->finished;
    return says ? self->said_us + NODE_STOPPED_US : ROLE_NEVER;
}
