#include "actors/scheduler/region/base/region_run.h"

#include <string.h>

void region_run_init(region_run_t *self, region_base_t *base)
{
    *self = (region_run_t){
        .base = base, .id = base->spec.run, .adopts = base->spec.run_adopts, .global_heard_us = -1};
}

/* ---- the global scheduler ---- */

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

bool region_run_is_foreign(region_run_t *self, const message_t *message)
{
    err_t why = {0};
    uint64_t told = s_told(message);
    if (strcmp(message->from, ACTOR_GLOBAL))
        return false;
    if (!run_id_differs(told, self->id)) {
        self->shared |= told != RUN_ID_NONE && told == self->id;
        return false;
    }
    run_id_refuse(&why, "this global scheduler", told, self->id);
    core_refuse_run(&self->base->core, message, &why, self->id);
    return true;
}

void region_run_heard(region_run_t *self, const message_t *message, int64_t now_us)
{
    if (message->incarnation != self->global_incarnation)
        region_decide(self->base);
    self->global_incarnation = message->incarnation;
    self->global_heard_us = now_us;
}

bool region_run_is_odd(const region_run_t *self, const message_t *refused, bool trains, err_t *ret_why)
{
    if (!run_id_differs(refused->refused.run, self->id) || self->shared || trains)
        return false;
    *ret_why = (err_t){.code = ERR_JOB};
    snprintf(ret_why->text, sizeof ret_why->text, "%s",
             refused->refused.reason ? refused->refused.reason : "another run");
    return true;
}

/* ---- nodes ---- */

err_code_t region_run_check(const region_run_t *self, const message_t *announce, err_t *err)
{
    uint64_t run = announce->announce.run;
    bool unnamed = run == RUN_ID_NONE && announce->announce.held.count && !self->adopts;
    if (self->id == RUN_ID_NONE || run == self->id || (run == RUN_ID_NONE && !unnamed))
        return ERR_OK;
    return run_id_refuse(err, announce->from, run, self->id);
}

err_code_t region_run_derive(region_run_t *self, uint64_t samples, err_t *err)
{
    if (self->job_known && samples != self->samples_announced)
        return err_set(err, ERR_JOB,
                       "the data set has %llu samples, other nodes have %llu; use the same data set",
                       (unsigned long long)samples, (unsigned long long)self->samples_announced);
    if (self->job_known)
        return ERR_OK;
    err_code_t code = job_derive(self->base->spec.topology, samples, &self->job, err);
    if (code)
        return code;
    self->job_known = true;
    self->samples_announced = samples;
    self->share = &self->job.regions[self->base->spec.region_index];
    return ERR_OK;
}

/* ---- joining ---- */

/* Nobody may say of which run what a predecessor kept is, unless that run is as old. */
static bool s_is_unnamed(const region_run_t *self)
{
    const message_t *saved = self->base->saved;
    return saved && (saved->region_state.plan || saved->region_state.workers || saved->region_state.elastic);
}

run_joined_t region_run_join(region_run_t *self, const message_t *plan, err_t *ret_why)
{
    if (self->id != RUN_ID_NONE)
        return RUN_SAME;
    if (plan->plan.run == RUN_ID_NONE) {
        core_refuse(&self->base->core, plan, ERR_MALFORMED, "the plan does not say of which run it is");
        return RUN_UNNAMED;
    }
    if (s_is_unnamed(self) && !plan->plan.adopts) {
        run_id_refuse(ret_why, self->base->core.name, RUN_ID_NONE, plan->plan.run);
        return RUN_NOT_ITS;
    }
    self->id = plan->plan.run;
    self->adopts = plan->plan.adopts;
    self->shared = true;
    region_decide(self->base);
    self->decision = self->base->decisions;
    return RUN_JOINED;
}

bool region_run_ready(const region_run_t *self)
{
    return self->id != RUN_ID_NONE && self->base->decisions_stored >= self->decision;
}

/* ---- for a successor ---- */

void region_run_put(const region_run_t *self, message_t *state)
{
    state->region_state.run = self->id;
    state->region_state.samples_announced = self->job_known ? self->samples_announced : 0;
    state->region_state.global = self->global_incarnation;
}
