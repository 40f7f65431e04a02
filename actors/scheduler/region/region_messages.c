/* Messages: the table of who may say what, and the room that is told. */
#include "actors/scheduler/region/region_rooms.h"

#include "actors/kit/dispatch.h"

/* ---- what has happened below ---- */

void region_note_gone(region_core_t *self, int64_t now_us)
{
    const region_actor_t *worker;
    for (size_t node; (node = nodes_take_gone(&self->nodes)) != NOWHERE;) {
        renting_gone(&self->renting, node, now_us);
        if (!self->nodes.list[node].lost)
            continue;
        actors_node_gone(&self->actors, node, now_us);
        workers_look(&self->workers, now_us);
    }
    while ((worker = actors_take_ended(&self->actors)))
        training_worker_lost(&self->training, worker);
}

/* ---- nodes ---- */

static void s_take_announce(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    const message_t *announce = *message_p;
    nodes_news_t news;
    size_t node =
        nodes_take_announce(&self->nodes, announce, training_has_begun(&self->training), now_us, &news);
    if (node == NOWHERE)
        return;
    if (news.emptied)
        actors_node_gone(&self->actors, node, now_us);
    if (news.changed)
        workers_look(&self->workers, now_us);
    region_note_gone(self, now_us);
    keeping_node_came(&self->keeping, node);
    adopting_check_term(&self->adopting, announce);
    if (adopting_heard(&self->adopting, announce))
        ending_begin(&self->ending, false, now_us);
    adopting_make_known(&self->adopting, announce);
    renting_seen(&self->renting, node, now_us);
}

static void s_take_placed(void *core, message_t **message_p, int64_t now_us)
{
    placing_take_placed(&((region_core_t *)core)->placing, *message_p, now_us);
}

static void s_take_stopped(void *core, message_t **message_p, int64_t now_us)
{
    ending_take_stopped(&((region_core_t *)core)->ending, *message_p, now_us);
}

/* ---- actors, in the incarnation that runs ---- */

static void s_take_status(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    region_actor_t *actor = actors_sender(&self->actors, *message_p, now_us);
    if (actor)
        actor_note_status(actor, message_p, now_us);
}

static void s_take_progress(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    const region_actor_t *shard = actors_sender(&self->actors, *message_p, now_us);
    if (shard)
        shards_take_progress(&self->shards, *message_p, shard->index);
}

static void s_take_lease_want(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    computed_t computed;
    region_actor_t *worker = actors_sender(&self->actors, *message_p, now_us);
    if (!worker || !training_take_want(&self->training, *message_p, worker, now_us, &computed))
        return;
    renting_computed(&self->renting, worker, computed);
    workers_told(&self->workers, *message_p, worker, now_us);
}

static void s_take_evaluated(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    const region_actor_t *worker = actors_sender(&self->actors, *message_p, now_us);
    if (worker)
        training_take_evaluated(&self->training, *message_p, worker, now_us);
}

/* ---- keepers, and schedulers of other regions ---- */

static void s_take_sealed(void *core, message_t **message_p, int64_t now_us)
{
    keeping_take_sealed(&((region_core_t *)core)->keeping, *message_p, now_us);
}

static void s_take_kept(void *core, message_t **message_p, int64_t now_us)
{
    (void)now_us;
    keeping_take_kept(&((region_core_t *)core)->keeping, *message_p);
}

static void s_take_keeper_want(void *core, message_t **message_p, int64_t now_us)
{
    keeping_take_want(&((region_core_t *)core)->keeping, *message_p, now_us);
}

static void s_take_keeper_named(void *core, message_t **message_p, int64_t now_us)
{
    keeping_take_named(&((region_core_t *)core)->keeping, *message_p, now_us);
}

/* ---- the broker ---- */

static void s_take_link_state(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    if (region_links_take(&self->links, message_p, now_us))
        self->reports.links_us = 0; /* with the next statuses */
    training_note_standing(&self->training, now_us);
}

/* ---- the global scheduler ---- */

static void s_end_region(region_core_t *self, const err_t *why)
{
    nodes_refuse_all(&self->nodes, why);
    region_fail(&self->base, why->code, "%s", why->text);
    self->base.core.finished = true;
}

static void s_take_plan(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    err_t why = {0};
    region_run_heard(&self->run, *message_p, now_us);
    switch (region_run_join(&self->run, *message_p, &why)) {
    case RUN_JOINED:
        nodes_send_away(&self->nodes);
        region_note_gone(self, now_us);
        break;
    case RUN_SAME:
        break;
    case RUN_UNNAMED:
        return;
    case RUN_NOT_ITS:
        s_end_region(self, &why);
        return;
    }
    placing_take_plan(&self->placing, *message_p, now_us);
}

static void s_take_ack(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    region_run_heard(&self->run, *message_p, now_us);
    training_rows_had(&self->training, (*message_p)->report_ack.curve_have);
}

static void s_take_bye(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    region_run_heard(&self->run, *message_p, now_us);
    ending_take_bye(&self->ending);
}

static void s_take_global_stop(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    region_run_heard(&self->run, *message_p, now_us);
    ending_take_stop(&self->ending, *message_p, now_us);
}

static void s_take_stop(void *core, message_t **message_p, int64_t now_us)
{
    ending_take_stop(&((region_core_t *)core)->ending, *message_p, now_us);
}

/* ---- refusals ---- */

static const char *s_reason(const message_t *refused, const char *otherwise)
{
    return refused->refused.reason ? refused->refused.reason : otherwise;
}

/* Of what this scheduler said: another one runs by its name, or in a greater term. */
static bool s_is_succeeded(region_core_t *self, const message_t *refused)
{
    if (refused->refused.kind == KIND_hello && refused->refused.code == ERR_IN_USE) {
        region_fail(&self->base, ERR_IN_USE, "%s", s_reason(refused, "another one runs"));
        return self->base.core.finished = true;
    }
    if (refused->refused.code != ERR_STALE || refused->refused.incarnation != self->base.core.incarnation)
        return false;
    region_outdated(&self->base);
    return true;
}

static void s_take_refusal(void *core, message_t **message_p, int64_t now_us)
{
    (void)now_us;
    s_is_succeeded(core, *message_p);
}

static void s_take_global_refusal(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    const message_t *refused = *message_p;
    err_t why = {0};
    (void)now_us;
    if (s_is_succeeded(self, refused))
        return;
    if (refused->refused.run == RUN_ID_NONE && refused->refused.code == ERR_JOB)
        region_fail(&self->base, ERR_JOB, "%s", s_reason(refused, "the global scheduler runs another job"));
    else if (refused->refused.run != RUN_ID_NONE &&
             region_run_is_odd(&self->run, refused, actors_ready(&self->actors, ROLE_SHARD) > 0, &why))
        s_end_region(self, &why);
}

/* ---- who may say what ---- */

/* All of it at any time: this scheduler may have been started again, and what it waits for is said again. */
static const dispatch_row_t s_rows[] = {
    {KIND_announce, FROM_NODES, DISPATCH_ALWAYS, s_take_announce},
    {KIND_placed, FROM_NODES, DISPATCH_ALWAYS, s_take_placed},
    {KIND_stopped, FROM_NODES, DISPATCH_ALWAYS, s_take_stopped},
    {KIND_status, FROM_HOSTED, DISPATCH_ALWAYS, s_take_status},
    {KIND_progress, FROM_SHARDS, DISPATCH_ALWAYS, s_take_progress},
    {KIND_lease_want, FROM_WORKERS, DISPATCH_ALWAYS, s_take_lease_want},
    {KIND_evaluated, FROM_WORKERS, DISPATCH_ALWAYS, s_take_evaluated},
    {KIND_sealed, FROM_KEEPERS, DISPATCH_ALWAYS, s_take_sealed},
    {KIND_snapshot_kept, FROM_KEEPERS, DISPATCH_ALWAYS, s_take_kept},
    {KIND_keeper_want, FROM_SCHEDULERS, DISPATCH_ALWAYS, s_take_keeper_want},
    {KIND_keeper_named, FROM_SCHEDULERS, DISPATCH_ALWAYS, s_take_keeper_named},
    {KIND_link_state, FROM_BROKER, DISPATCH_ALWAYS, s_take_link_state},
    {KIND_plan, FROM_GLOBAL, DISPATCH_ALWAYS, s_take_plan},
    {KIND_report_ack, FROM_GLOBAL, DISPATCH_ALWAYS, s_take_ack},
    {KIND_bye, FROM_GLOBAL, DISPATCH_ALWAYS, s_take_bye},
    {KIND_stop, FROM_GLOBAL, DISPATCH_ALWAYS, s_take_global_stop},
    {KIND_stop, FROM_SCHEDULER, DISPATCH_ALWAYS, s_take_stop}, /* its own process */
    {KIND_refused, FROM_GLOBAL, DISPATCH_ALWAYS, s_take_global_refusal},
    {KIND_refused, FROM_ANYBODY, DISPATCH_ALWAYS, s_take_refusal},
};
const dispatch_t region_dispatch = {s_rows, sizeof s_rows / sizeof *s_rows, FROM_GLOBAL};

void region_take(region_core_t *self, message_t **message_p, int64_t now_us)
{
    const dispatch_self_t who = {.region = self->base.region->name, .number = DISPATCH_NO_NUMBER};
    uint64_t newest = self->run.global_incarnation;
    const dispatch_row_t *row;
    err_t why = {0};
    if (self->base.core.finished || region_run_is_foreign(&self->run, *message_p))
        return;
    dispatch_verdict_t verdict =
        dispatch_judge(&region_dispatch, &who, *message_p, self->base.life, &newest, &row);
    if (verdict == DISPATCH_ACCEPTED)
        row->handle(self, message_p, now_us);
    else if (verdict == DISPATCH_STALE)
        core_refuse(&self->base.core, *message_p, dispatch_why(verdict, *message_p, &why), why.text);
    region_note_gone(self, now_us);
}
