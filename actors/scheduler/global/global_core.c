#include "actors/scheduler/global/global_rooms.h"

#include "actors/kit/dispatch.h"
#include "actors/kit/timers.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_US (1000 * MILLISECOND_US) /* between two looks at who is silent */

/* ---- the advance loop ---- */

/* A common point of all shards may be due. */
static void s_lead(global_core_t *self, int64_t now_us)
{
    uint64_t samples = 0, epoch_samples = 0;
    for (size_t index = 0; index < global_region_count(&self->base); index++) {
        const message_t *report = self->regions.list[index].report;
        samples += report ? report->region_report.samples : 0;
        if (report && report->region_report.epoch_samples)
            epoch_samples = report->region_report.epoch_samples;
    }
    if (self->life.state == RUN_TRAINING)
        global_mark_reached(self->mark, samples, epoch_samples, now_us);
    if (!global_life_has_ended(&self->life))
        global_mark_tick(self->mark, now_us, &self->base.core.outbox);
}

static void s_show_self(global_core_t *self, int64_t now_us)
{
    static const char *const states[] = {
        [RUN_STARTING] = "starting", [RUN_TRAINING] = "running", [RUN_STOPPING] = "draining",
        [RUN_DONE] = "stopped",      [RUN_DRAINED] = "stopped",  [RUN_FAILED] = "failed",
    };
    global_view_self(&self->view, states[global_life_state(&self->life)], global_life_waits_for(&self->life),
                     self->life.since_us, now_us);
}

static void s_advance_global(global_core_t *self, int64_t now_us)
{
    if (self->base.core.finished)
        return;
    global_run_tick(&self->run, now_us);
    if (self->base.core.finished)
        return;
    global_life_look(&self->life, now_us);
    if (self->life.state < RUN_STOPPING)
        global_rent_tick(&self->rent, now_us);
    if (global_life_tick(&self->life, now_us))
        self->rent.ended_us = now_us;
    s_lead(self, now_us);
    s_show_self(self, now_us);
}

/* ---- reports ---- */

static void s_answer_report(global_core_t *self, size_t index)
{
    const region_entry_t *region = &self->regions.list[index];
    const message_t *report = region->report;
    message_t *ack = core_message(&self->base.core, KIND_report_ack, region->scheduler);
    ack->report_ack.curve_have = region->row_count;
    ack->report_ack.run = self->base.spec.run;
    core_send(&self->base.core, &ack);
    bool lacks = report->region_report.plan < global_rent_number(&self->rent) ||
                 report->region_report.run == RUN_ID_NONE;
    if (lacks && self->life.state < RUN_STOPPING)
        global_rent_send_plan(&self->rent, index);
}

/* Data sets of different sizes cut other batches, rounds and shares of the same job. */
static void s_compare_data(global_core_t *self, size_t index, int64_t now_us)
{
    const region_entry_t *region = &self->regions.list[index];
    size_t other = global_regions_other_data(&self->regions, index);
    char text[ERR_TEXT_MAX];
    if (other == global_region_count(&self->base))
        return;
    const message_t *beside = self->regions.list[other].report;
    snprintf(text, sizeof text,
             "its data set has %llu training samples, and that of region %s has %llu; have the same files in "
             "job.data.dir everywhere, or set job.data.samples",
             (unsigned long long)region->report->region_report.epoch_samples,
             self->base.spec.topology->regions[other].name,
             (unsigned long long)beside->region_report.epoch_samples);
    global_life_fail(&self->life, ERR_JOB, region->scheduler, text, now_us);
}

/* The region that it is of, if it belongs here; the count: it was turned away. */
static size_t s_judge_report(global_core_t *self, const message_t *report, int64_t now_us)
{
    size_t count = global_region_count(&self->base), index = global_regions_of(&self->regions, report);
    if (index == count ||
        strcmp(report->region_report.region, self->base.spec.topology->regions[index].name)) {
        global_run_turn_away(&self->run, report, ERR_NOT_FOUND, "the topology of this run has no such region",
                             now_us);
        return count;
    }
    if (strcmp(report->region_report.digest, self->base.digest)) {
        global_run_turn_away(&self->run, report, ERR_JOB,
                             "this region has another topology; start it with the topology of the job",
                             now_us);
        return count;
    }
    return global_run_is_foreign(&self->run, index, report, now_us) ? count : index;
}

/* Late, or of a scheduler that was started again after its region's final report. */
static bool s_is_passed_over(global_core_t *self, size_t index, const message_t *report)
{
    const region_entry_t *region = &self->regions.list[index];
    err_t why = {0};
    if (global_regions_is_late(&self->regions, index, report)) {
        if (report->incarnation < region->report->incarnation && dispatch_why(DISPATCH_STALE, report, &why))
            core_refuse(&self->base.core, report, why.code, why.text);
        return true;
    }
    return global_life_has_ended(&self->life) && region->stopped && !report->region_report.stopped;
}

static void s_take_report(void *core, message_t **message_p, int64_t now_us)
{
    global_core_t *self = core;
    size_t index = s_judge_report(self, *message_p, now_us);
    if (index == global_region_count(&self->base))
        return;
    global_life_heard(&self->life, now_us);
    if (s_is_passed_over(self, index, *message_p))
        return;
    const message_t *before = self->regions.list[index].report;
    bool same = before && before->incarnation == (*message_p)->incarnation;
    if (global_regions_take(&self->regions, index, message_p, global_life_has_ended(&self->life), now_us))
        self->life.progress_us = now_us;
    global_rent_report(&self->rent, index, now_us);
    if (self->life.state < RUN_STOPPING)
        s_compare_data(self, index, now_us);
    global_life_take(&self->life, index, same, now_us);
    s_answer_report(self, index);
    global_life_note_stopped(&self->life, index, now_us);
}

/* ---- other messages ---- */

static void s_take_curve(void *core, message_t **message_p, int64_t now_us)
{
    (void)now_us;
    global_regions_take_curve(&((global_core_t *)core)->regions, *message_p);
}

static void s_take_status(void *core, message_t **message_p, int64_t now_us)
{
    global_view_take_status(&((global_core_t *)core)->view, message_p, now_us);
}

static void s_take_link(void *core, message_t **message_p, int64_t now_us)
{
    global_view_take_link(&((global_core_t *)core)->view, message_p, now_us);
}

static void s_take_picture_want(void *core, message_t **message_p, int64_t now_us)
{
    global_view_answer(&((global_core_t *)core)->view, *message_p, now_us);
}

static void s_take_marked(void *core, message_t **message_p, int64_t now_us)
{
    global_mark_answer(((global_core_t *)core)->mark, *message_p, now_us);
}

static void s_take_stop(void *core, message_t **message_p, int64_t now_us)
{
    global_life_t *life = &((global_core_t *)core)->life;
    global_life_stop(life, false, (*message_p)->from, global_life_patience_us(life), now_us);
}

/* The broker knows another process by this name; or a region has heard of a newer global scheduler, or is of
 * another run. */
static void s_take_refused(void *core, message_t **message_p, int64_t now_us)
{
    global_core_t *self = core;
    const message_t *refused = *message_p;
    size_t region = global_regions_of(&self->regions, refused);
    if (refused->refused.kind == KIND_hello && refused->refused.code == ERR_IN_USE)
        global_end(&self->base, ERR_IN_USE,
                   refused->refused.reason ? refused->refused.reason : "another one runs");
    if (refused->refused.incarnation != self->base.core.incarnation || self->base.core.finished)
        return;
    if (refused->refused.code == ERR_STALE)
        global_end(&self->base, ERR_STALE, "a newer global scheduler of this job runs; this one ends");
    else if (refused->refused.code == ERR_JOB && region < global_region_count(&self->base))
        global_run_refused(&self->run, region, refused, now_us);
}

/* ---- who may say what ---- */

/* All of it at any time: regions come in any order, and are told again by timers. A stop may be asked for by
 * anybody who can say so. */
static const dispatch_row_t s_rows[] = {
    {KIND_region_report, FROM_SCHEDULERS, DISPATCH_ALWAYS, s_take_report},
    {KIND_curve, FROM_SCHEDULERS, DISPATCH_ALWAYS, s_take_curve},
    {KIND_status, FROM_SCHEDULERS, DISPATCH_ALWAYS, s_take_status},
    {KIND_link_state, FROM_SCHEDULERS, DISPATCH_ALWAYS, s_take_link},
    {KIND_marked, FROM_ALL_SHARDS, DISPATCH_ALWAYS, s_take_marked},
    {KIND_picture_want, FROM_ANYBODY, DISPATCH_ALWAYS, s_take_picture_want},
    {KIND_refused, FROM_ANYBODY, DISPATCH_ALWAYS, s_take_refused},
    {KIND_stop, FROM_ANYBODY, DISPATCH_ALWAYS, s_take_stop},
};
const dispatch_t global_dispatch = {s_rows, sizeof s_rows / sizeof *s_rows, FROM_NOBODY};

static void s_take_message(global_core_t *self, message_t **message_p, int64_t now_us)
{
    const dispatch_self_t who = {.region = "global", .number = DISPATCH_NO_NUMBER};
    const dispatch_row_t *row;
    uint64_t newest = 0;
    if (self->base.core.finished)
        return;
    if (dispatch_judge(&global_dispatch, &who, *message_p, global_life_state(&self->life), &newest, &row) ==
        DISPATCH_ACCEPTED)
        row->handle(self, message_p, now_us);
}

/* ---- the role ---- */

static void s_message_global(void *core, message_t **message_p, int64_t now_us)
{
    global_core_t *self = core;
    self->base.core.now_us = now_us;
    s_take_message(self, message_p, now_us);
    message_destroy(message_p);
    s_advance_global(self, now_us);
}

static void s_tick_global(void *core, int64_t now_us)
{
    global_core_t *self = core;
    self->base.core.now_us = now_us;
    s_advance_global(self, now_us);
}

static int64_t s_due_global(const void *core)
{
    const global_core_t *self = core;
    if (self->base.core.finished)
        return ROLE_NEVER;
    if (self->life.state >= RUN_STOPPING)
        return global_life_due(&self->life);
    int64_t due_us = timer_first(global_mark_due(self->mark), self->base.advanced_us + LOOK_US);
    return timer_first(due_us, global_rent_due(&self->rent));
}

static void s_destroy_global(void **core_p)
{
    global_core_t *self = *core_p;
    if (!self)
        return;
    global_mark_destroy(&self->mark);
    global_rent_fini(&self->rent);
    global_view_fini(&self->view);
    global_regions_fini(&self->regions);
    global_base_fini(&self->base);
    free(self);
    *core_p = NULL;
}

const role_t global_role = {
    .name = "scheduler",
    .message = s_message_global,
    .tick = s_tick_global,
    .due = s_due_global,
    .outbox = core_outbox,
    .finished = core_finished,
    .destroy = s_destroy_global,
};

/* ---- the contract ---- */

global_core_t *global_core_new(const global_spec_t *spec, int64_t now_us)
{
    global_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    global_base_init(&self->base, spec, now_us);
    global_regions_init(&self->regions, &self->base);
    global_run_init(&self->run, &self->base, &self->regions);
    global_view_init(&self->view, &self->base, &self->regions);
    global_rent_init(&self->rent, &self->base, &self->regions, now_us);
    self->mark = global_mark_new(spec->topology, spec->incarnation);
    global_life_init(&self->life, &self->base, &self->regions, self->mark, now_us);
    global_restore(self, now_us);
    self->base.spec.legacy = NULL;
    s_show_self(self, now_us);
    return self;
}

run_state_t global_core_state(const global_core_t *self)
{
    return global_life_state(&self->life);
}

void global_core_stop(global_core_t *self, int64_t patience_us, int64_t now_us)
{
    global_life_stop(&self->life, false, GLOBAL_STOPPER_HERE, patience_us, now_us);
    s_advance_global(self, now_us);
}

void global_core_region_failed(global_core_t *self, size_t region_index, err_code_t code, const char *reason,
                               int64_t now_us)
{
    CHECK(region_index < global_region_count(&self->base));
    region_entry_t *region = &self->regions.list[region_index];
    region->given_up = true;
    global_life_fail(&self->life, code, region->scheduler, reason, now_us);
    s_advance_global(self, now_us);
}

void global_core_reread(global_core_t *self, const topology_t *changed, int64_t now_us)
{
    global_rent_reread(&self->rent, changed, now_us);
}

void global_core_show(global_core_t *self, buf_t **picture_p, int64_t now_us)
{
    global_view_show(&self->view, picture_p, now_us);
}

void global_core_ask_mark(global_core_t *self, const char *name, bool fresh, int64_t now_us)
{
    global_mark_ask(self->mark, name, fresh, now_us);
}

/* ---- everything that is known ---- */

link_view_t global_core_link(const global_core_t *self, size_t from, size_t to)
{
    size_t count = global_region_count(&self->base);
    CHECK(from < count && to < count);
    const link_entry_t *link = &self->view.links[from * count + to];
    return (link_view_t){.state = link->state, .seen_us = link->seen_us};
}

size_t global_core_actor_count(const global_core_t *self)
{
    return self->view.actor_count;
}

actor_view_t global_core_actor(const global_core_t *self, size_t index)
{
    CHECK(index < self->view.actor_count);
    const actor_entry_t *actor = &self->view.actors[index];
    return (actor_view_t){.status = actor->status, .seen_us = actor->seen_us};
}

region_view_t global_core_region(const global_core_t *self, size_t index)
{
    CHECK(index < global_region_count(&self->base));
    const region_entry_t *region = &self->regions.list[index];
    return (region_view_t){
        .seen = region->seen_us >= 0,
        .seen_us = region->seen_us,
        .report = region->report,
        .curve = region->rows,
        .curve_count = region->row_count,
    };
}

const global_mark_t *global_core_mark(const global_core_t *self)
{
    return self->mark;
}

const topology_t *global_core_topology(const global_core_t *self)
{
    return self->rent.topology;
}

global_cost_t global_core_cost(const global_core_t *self, size_t index)
{
    return global_rent_cost(&self->rent, index);
}

const global_plan_t *global_core_plan(const global_core_t *self)
{
    return self->rent.plan;
}

int64_t global_core_planned_us(const global_core_t *self, int64_t now_us)
{
    return global_rent_planned_us(&self->rent, now_us);
}

const char *global_core_strangers(const global_core_t *self, int64_t now_us)
{
    return global_run_strangers(&self->run, now_us);
}

bool global_core_displaced(const global_core_t *self)
{
    return self->base.displaced;
}

err_code_t global_core_failure(const global_core_t *self, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = self->base.reason;
    return self->base.failure;
}

const char *global_core_stopper(const global_core_t *self)
{
    return self->life.stopper;
}

const char *global_core_machine(const global_core_t *self)
{
    return self->view.machine;
}
