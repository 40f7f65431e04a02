/* To which run the region belongs: its directory says so, or the first plan of a global scheduler. Before that nothing is
 * placed and no figures are told; afterwards a node or a global scheduler of another run is refused. */
#include "actors/scheduler/region/region_state.h"

#include <string.h>

#define GLOBAL_NAME "scheduler/global"

/* ---- what it is told by the global scheduler ---- */

static uint64_t s_told(const message_t *message)
{
    switch (message->kind) {
    case KIND_plan:
        return message->plan.run;
    case KIND_report_ack:
        return message->report_ack.run;
    case KIND_stop:
        return message->stop.run;
    case KIND_bye:
        return message->bye.run;
    default:
        return RUN_ID_NONE;
    }
}

static void s_refuse(region_core_t *self, const message_t *message, const err_t *why)
{
    message_t *answer = message_new(KIND_refused, message->from, self->name);
    answer->refused.kind = message->kind;
    answer->refused.code = why->code;
    answer->refused.incarnation = message->incarnation;
    answer->refused.run = self->run;
    message_set_text(&answer->refused.reason, why->text);
    region_send(self, &answer);
}

/* Its own global scheduler never learns of it. */
bool region_run_is_foreign(region_core_t *self, const message_t *message)
{
    err_t why = {0};
    uint64_t told = s_told(message);
    if (strcmp(message->from, GLOBAL_NAME))
        return false;
    if (!run_id_differs(told, self->run)) {
        self->run_shared |= told != RUN_ID_NONE && told == self->run;
        return false;
    }
    run_id_refuse(&why, "this global scheduler", told, self->run);
    s_refuse(self, message, &why);
    return true;
}

/* ---- nodes ---- */

err_code_t region_run_check(const region_core_t *self, const message_t *announce, err_t *err)
{
    uint64_t run = announce->announce.run;
    bool unnamed = run == RUN_ID_NONE && announce->announce.held_shards.count && !self->run_adopts;
    if (self->run == RUN_ID_NONE || run == self->run || (run == RUN_ID_NONE && !unnamed))
        return ERR_OK;
    return run_id_refuse(err, announce->from, run, self->run);
}

/* What came before the run was known, and is of another one. */
static void s_send_away(region_core_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->node_count; index++) {
        region_node_t *node = &self->nodes[index];
        err_t why = {0};
        if (node->lost || !region_run_check(self, node->announce, &why))
            continue;
        s_refuse(self, node->announce, &why);
        region_node_left(self, node, now_us);
    }
}

/* ---- joining ---- */

/* Nobody may say of which run what a predecessor kept is, unless that run is as old. */
static bool s_is_unnamed(const region_core_t *self)
{
    const message_t *saved = self->saved;
    return saved && (saved->region_state.plan || saved->region_state.workers || saved->region_state.elastic);
}

bool region_run_join(region_core_t *self, const message_t *plan, int64_t now_us)
{
    err_t why = {0};
    if (self->run != RUN_ID_NONE)
        return true;
    if (plan->plan.run == RUN_ID_NONE) {
        region_refuse(self, plan, ERR_MALFORMED, "the plan does not say of which run it is");
        return false;
    }
    if (s_is_unnamed(self) && !plan->plan.adopts) {
        run_id_refuse(&why, self->name, RUN_ID_NONE, plan->plan.run);
        region_run_end(self, &why);
        return false;
    }
    self->run = plan->plan.run;
    self->run_adopts = plan->plan.adopts;
    self->run_shared = true;
    region_decide(self);
    self->run_decision = self->decisions;
    s_send_away(self, now_us);
    return true;
}

bool region_run_ready(const region_core_t *self)
{
    return self->run != RUN_ID_NONE && self->decisions_kept >= self->run_decision;
}

/* ---- refused ---- */

/* The global scheduler that is there is of another run. A region that trains, or has heard its own one, is not the odd one. */
void region_run_refused(region_core_t *self, const message_t *message)
{
    err_t why = {.code = ERR_JOB};
    bool trains = self->run_shared || region_ready(self, ROLE_SHARD);
    if (!run_id_differs(message->refused.run, self->run) || trains)
        return;
    snprintf(why.text, sizeof why.text, "%s",
             message->refused.reason ? message->refused.reason : "another run");
    region_run_end(self, &why);
}

void region_run_end(region_core_t *self, const err_t *why)
{
    for (size_t index = 0; index < self->node_count; index++)
        if (self->nodes[index].announce && !self->nodes[index].lost)
            s_refuse(self, self->nodes[index].announce, why);
    region_fail(self, why->code, "%s", why->text);
    self->finished = true;
}
