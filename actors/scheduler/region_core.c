#include "actors/scheduler/region_state.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GLOBAL_NAME "scheduler/global"
#define ROWS_PER_REPORT 16

/* ---- sending ---- */

void region_send(region_core_t *self, message_t **message_p)
{
    (*message_p)->incarnation = self->spec.term << 32;
    outbox_add(&self->outbox, message_p);
}

void region_refuse(region_core_t *self, const message_t *message, err_code_t code, const char *reason)
{
    message_t *answer = message_new(KIND_refused, message->from, self->name);
    answer->refused.kind = message->kind;
    answer->refused.code = code;
    answer->refused.incarnation = message->incarnation;
    message_set_text(&answer->refused.reason, reason);
    region_send(self, &answer);
}

void region_fail(region_core_t *self, err_code_t code, const char *format, ...)
{
    if (self->failure)
        return;
    self->failure = code ? code : ERR_STATE;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->reason, sizeof self->reason, format, arguments);
    va_end(arguments);
    self->report_us = 0;
}

void region_decide(region_core_t *self)
{
    self->decisions++;
}

void region_outdated(region_core_t *self)
{
    region_fail(self, ERR_STALE, "a newer scheduler of this region runs; this one ends");
    self->finished = self->outdated = true;
}

/* ---- reports ---- */

static void s_sum_shards(const region_core_t *self, message_t *report)
{
    bool first = true;
    for (size_t index = 0; self->actors && index < self->shard_count; index++) {
        const message_t *progress = self->shards[index].progress;
        if (!progress)
            continue;
        if (first || progress->progress.steps < report->region_report.steps)
            report->region_report.steps = progress->progress.steps;
        if (progress->progress.rounds > report->region_report.rounds)
            report->region_report.rounds = progress->progress.rounds;
        report->region_report.duplicates_refused += progress->progress.duplicates;
        report->region_report.refused += progress->progress.refused;
        report->region_report.not_finite += progress->progress.not_finite;
        report->region_report.updates_rolled_back += progress->progress.rolled_back;
        report->region_report.snapshots_failed += progress->progress.snapshots_failed;
        report->region_report.uncovered += progress->progress.uncovered;
        report->region_report.welcomes += progress->progress.welcomes;
        report->region_report.uncompensated += progress->progress.uncompensated;
        first = false;
    }
}

static void s_sum_links(const region_core_t *self, message_t *report)
{
    for (size_t index = 0; index < self->spec.topology->region_count; index++) {
        const region_link_t *link = &self->links[index];
        report->region_report.wan_sent_bytes += link->sent + link->sent_before;
        report->region_report.wan_received_bytes += link->received + link->received_before;
    }
}

static void s_newest_test(const region_core_t *self, message_t *report)
{
    report->region_report.test_accuracy = NAN;
    for (size_t index = self->row_count; index > 0; index--) {
        const region_row_t *row = &self->rows[index - 1];
        if (isnan(row->test_accuracy))
            continue;
        report->region_report.test_accuracy = row->test_accuracy;
        return;
    }
}

static void s_report(region_core_t *self, int64_t now_us)
{
    message_t *report = message_new(KIND_region_report, GLOBAL_NAME, self->name);
    report->number = ++self->reports;
    message_set_name(report->region_report.region, self->region->name);
    message_set_name(report->region_report.digest, self->digest);
    message_set_name(report->region_report.machine, self->spec.machine ? self->spec.machine : "");
    report->region_report.run = self->run;
    report->region_report.stopped = self->final;
    report->region_report.code = self->failure;
    message_set_text(&report->region_report.reason, self->reason);
    if (self->run == RUN_ID_NONE) { /* what there may be of figures is of an unknown run */
        report->region_report.test_accuracy = NAN;
        region_send(self, &report);
        return;
    }
    s_sum_shards(self, report);
    s_sum_links(self, report);
    s_newest_test(self, report);
    report->region_report.samples = self->samples_reached;
    report->region_report.samples_repeated = self->samples_repeated;
    report->region_report.workers = region_ready(self, ROLE_WORKER);
    report->region_report.shards = region_ready(self, ROLE_SHARD);
    report->region_report.restarts = self->restarts;
    report->region_report.loss = region_loss(self);
    report->region_report.train_us = region_train_us(self, now_us);
    report->region_report.lived_us = self->lived_before_us + now_us - self->started_us;
    report->region_report.compute_us = self->compute_us;
    report->region_report.rented_us = region_rented_us(self, now_us);
    report->region_report.placed = region_placed(self);
    /* What a predecessor knew is asked again: a shard may have come back from something older. */
    report->region_report.complete = self->complete && (self->stopping || region_has_all(self));
    report->region_report.closed = region_closed(self);
    report->region_report.samples_total =
        self->share ? self->share->samples * self->spec.topology->job.epochs : 0;
    char kernels[REGION_KERNELS_MAX];
    message_set_text(&report->region_report.kernels, region_kernels(self, kernels));
    report->region_report.plan = self->plan;
    report->region_report.curve_rows = self->row_count;
    report->region_report.keep_lag_us = region_keep_lag_us(self);
    report->region_report.worker_start_us = self->worker_start_worst_us;
    report->region_report.worker_start_median_us = region_worker_start_median_us(self);
    report->region_report.worker_starts = self->worker_start_count;
    report->region_report.join_us = self->join_worst_us;
    report->region_report.joins = self->join_count;
    report->region_report.moves = self->moves;
    for (size_t node = 0; node < self->node_count; node++)
        report->region_report.nodes += region_node_alive(self, node);
    report->region_report.epoch_samples = self->job_known ? self->job.samples : 0;
    region_units_report(self, report, now_us);
    region_still_report(self, report);
    region_send(self, &report);
}

static void s_send_curve(region_core_t *self)
{
    size_t end = self->row_count;
    if (end - self->rows_known > ROWS_PER_REPORT)
        end = self->rows_known + ROWS_PER_REPORT;
    for (size_t index = self->rows_known; index < end; index++) {
        const region_row_t *row = &self->rows[index];
        message_t *curve = message_new(KIND_curve, GLOBAL_NAME, self->name);
        curve->curve.index = index;
        curve->curve.train_us = row->train_us;
        curve->curve.epoch = row->epoch;
        curve->curve.loss = row->loss;
        curve->curve.test_accuracy = row->test_accuracy;
        curve->curve.test_loss = row->test_loss;
        region_send(self, &curve);
    }
}

/* ---- status ---- */

static const char *s_actor_state(const region_actor_t *actor)
{
    if (actor->state == PLACE_NONE && !actor->wanted)
        return "stopped";
    if (actor->state == PLACE_NONE)
        return actor->ran && !actor->moved ? "lost" : "starting";
    return "starting";
}

static void s_forward(region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    message_t *status;
    if (actor->status) {
        status = message_dup(actor->status);
        status->status.since_us += (uint64_t)(now_us - actor->status_us);
        message_set_name(status->to, GLOBAL_NAME);
        message_set_name(status->from, self->name);
    } else {
        status = message_new(KIND_status, GLOBAL_NAME, self->name);
        message_set_name(status->status.state, s_actor_state(actor));
        status->status.since_us = (uint64_t)(now_us - actor->since_us);
    }
    message_set_name(status->status.actor, actor->name);
    status->status.incarnation = actor->incarnation;
    if (actor->node != NOWHERE) {
        message_set_name(status->status.node, self->nodes[actor->node].name);
        message_set_name(status->status.machine, self->nodes[actor->node].announce->announce.host);
    }
    region_send(self, &status);
}

static const char *s_own_state(const region_core_t *self)
{
    if (self->final)
        return "stopped";
    if (self->failure)
        return "failed";
    if (self->stopping)
        return "draining";
    if (!region_placed(self))
        return "starting";
    return self->waits_for[0] ? "waiting" : "running";
}

static void s_send_statuses(region_core_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count; index++)
        s_forward(self, &self->actors[index], now_us);
    message_t *status = message_new(KIND_status, GLOBAL_NAME, self->name);
    message_set_name(status->status.actor, self->name);
    message_set_name(status->status.state, s_own_state(self));
    message_set_name(status->status.waits_for, self->waits_for);
    status->status.pid = self->spec.pid;
    message_set_name(status->status.machine, self->spec.machine ? self->spec.machine : "");
    status->status.incarnation = self->spec.term << 32;
    status->status.since_us = (uint64_t)(now_us - self->waits_since_us);
    if (self->leases) {
        status->status.applied = ranges_size(lease_table_applied(self->leases));
        status->status.durable = lease_table_durable_count(self->leases);
    }
    region_send(self, &status);
}

/* What the broker says of every way to another region goes on to whoever looks at the run. */
static void s_send_links(region_core_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->spec.topology->region_count; index++) {
        const region_link_t *link = &self->links[index];
        if (!link->state)
            continue;
        message_t *state = message_dup(link->state);
        message_set_name(state->to, GLOBAL_NAME);
        message_set_name(state->from, self->name);
        state->link_state.since_us += now_us - link->state_us;
        region_send(self, &state);
    }
}

/* ---- the state machine ---- */

static void s_update_waits_for(region_core_t *self, int64_t now_us)
{
    const char *name = self->stopping ? region_stop_waits_for(self) : region_place_waits_for(self);
    if (!self->stopping && self->failure)
        name = GLOBAL_NAME;
    else if (!self->stopping && !name[0])
        name = region_train_waits_for(self);
    if (!strcmp(name, self->waits_for))
        return;
    message_set_name(self->waits_for, name);
    self->waits_since_us = now_us;
}

static void s_advance(region_core_t *self, int64_t now_us)
{
    self->due_known = false;
    if (self->finished)
        return;
    region_lose_silent(self, now_us);
    region_note_standing(self, now_us);
    region_units(self, now_us);
    region_known_drained(self, now_us);
    if (self->stopping)
        region_stop(self, now_us);
    else if (!self->failure) {
        region_place(self, now_us);
        region_keep(self, now_us);
        region_let_go(self, now_us);
        region_train(self, now_us);
    }
    s_update_waits_for(self, now_us);
    region_still(self, now_us);
    if (now_us >= self->report_us) {
        self->report_us = now_us + REPORT_EVERY_US;
        s_report(self, now_us);
        if (self->run != RUN_ID_NONE)
            s_send_curve(self);
    }
    if (now_us >= self->status_us) {
        int64_t every_us = self->spec.status_us ? self->spec.status_us : STATUS_EVERY_US;
        self->status_us = now_us + every_us;
        s_send_statuses(self, now_us);
        if (now_us >= self->links_us) {
            self->links_us = now_us + LINKS_PER_STATUS * every_us;
            s_send_links(self, now_us);
        }
    }
}

/* A broker counts from its own start; what it had counted before a restart is kept. */
static void s_take_reading(uint64_t *now, uint64_t *before, uint64_t reading)
{
    if (reading < *now)
        *before += *now;
    *now = reading;
}

static void s_take_link_state(region_core_t *self, message_t **message_p, int64_t now_us)
{
    const message_t *message = *message_p;
    size_t index = topology_region_index(self->spec.topology, message->link_state.region);
    if (index == SIZE_MAX || index == self->spec.region_index)
        return;
    region_link_t *link = &self->links[index];
    link->rate = message->link_state.rate_bytes_per_s;
    s_take_reading(&link->sent, &link->sent_before, message->link_state.sent_bytes);
    s_take_reading(&link->received, &link->received_before, message->link_state.received_bytes);
    if (!link->state || link->state->link_state.up != message->link_state.up)
        self->links_us = 0; /* with the next statuses */
    message_destroy(&link->state);
    link->state = *message_p;
    *message_p = NULL;
    if (link->state->link_state.since_us < 0 || link->state->link_state.since_us > INT64_MAX / 2)
        link->state->link_state.since_us = 0;
    link->state_us = now_us;
    region_note_standing(self, now_us);
}

/* The actor that sent a message, in its incarnation; it and its node are alive. NULL for anybody else. */
static region_actor_t *s_sender(region_core_t *self, const message_t *message, int64_t now_us)
{
    region_actor_t *actor = region_actor_find(self, message);
    if (!actor)
        return NULL;
    actor->seen_us = now_us;
    self->nodes[actor->node].seen_us = now_us;
    return actor;
}

static void s_take_status(region_core_t *self, message_t **message_p, int64_t now_us)
{
    region_actor_t *actor = s_sender(self, *message_p, now_us);
    if (!actor)
        return;
    message_destroy(&actor->status);
    actor->status = *message_p;
    *message_p = NULL;
    actor->status_us = now_us;
    if (actor->status->status.since_us > INT64_MAX / 2)
        actor->status->status.since_us = 0;
}

static void s_take_from_actor(region_core_t *self, const message_t *message, int64_t now_us)
{
    region_actor_t *actor = s_sender(self, message, now_us);
    if (!actor)
        return;
    if (message->kind == KIND_progress && actor->role == ROLE_SHARD)
        region_take_progress(self, message, actor->index);
    else if (message->kind == KIND_lease_want && actor->role == ROLE_WORKER)
        region_take_want(self, message, actor, now_us);
    else if (message->kind == KIND_evaluated && actor->role == ROLE_WORKER)
        region_take_evaluated(self, message, actor, now_us);
}

static void s_note_global(region_core_t *self, const message_t *message, int64_t now_us)
{
    if (message->incarnation != self->global_incarnation)
        region_decide(self);
    self->global_incarnation = message->incarnation;
    self->global_heard_us = now_us;
}

static void s_take_from_global(region_core_t *self, const message_t *message, int64_t now_us)
{
    if (strcmp(message->from, GLOBAL_NAME))
        return;
    s_note_global(self, message, now_us);
    if (message->kind == KIND_plan)
        region_take_plan(self, message, now_us);
    else if (message->kind == KIND_bye)
        region_take_bye(self);
    else if (message->report_ack.curve_have <= self->row_count)
        self->rows_known = message->report_ack.curve_have;
}

/* Two global schedulers: what the older one says is refused, and what one of another run says. */
static bool s_is_outdated(region_core_t *self, const message_t *message)
{
    if (region_run_is_foreign(self, message))
        return true;
    if (strcmp(message->from, GLOBAL_NAME) || message->kind == KIND_refused ||
        message->incarnation >= self->global_incarnation)
        return false;
    region_refuse(self, message, ERR_STALE, "a newer global scheduler runs");
    return true;
}

static void s_take_refused(region_core_t *self, const message_t *message)
{
    if (message->refused.kind == KIND_hello && message->refused.code == ERR_IN_USE) {
        region_fail(self, ERR_IN_USE, "%s",
                    message->refused.reason ? message->refused.reason : "another one runs");
        self->finished = self->outdated = true;
    } else if (message->refused.code == ERR_STALE && message->refused.incarnation == self->spec.term << 32)
        region_outdated(self);
    else if (!strcmp(message->from, GLOBAL_NAME) && message->refused.run != RUN_ID_NONE)
        region_run_refused(self, message);
    else if (!strcmp(message->from, GLOBAL_NAME) && message->refused.code == ERR_JOB)
        region_fail(self, ERR_JOB, "%s",
                    message->refused.reason ? message->refused.reason
                                            : "the global scheduler runs another job");
}

static void s_take(region_core_t *self, message_t **message_p, int64_t now_us)
{
    message_t *message = *message_p;
    switch (message->kind) {
    case KIND_announce:
        region_take_announce(self, message, now_us);
        break;
    case KIND_placed:
        region_take_placed(self, message, now_us);
        break;
    case KIND_status:
        s_take_status(self, message_p, now_us);
        break;
    case KIND_progress:
    case KIND_lease_want:
    case KIND_evaluated:
        s_take_from_actor(self, message, now_us);
        break;
    case KIND_sealed:
    case KIND_snapshot_kept:
    case KIND_keeper_want:
    case KIND_keeper_named:
        region_keep_message(self, message, now_us);
        break;
    case KIND_link_state:
        s_take_link_state(self, message_p, now_us);
        break;
    case KIND_plan:
    case KIND_report_ack:
    case KIND_bye:
        s_take_from_global(self, message, now_us);
        break;
    case KIND_stop:
        if (!strcmp(message->from, GLOBAL_NAME))
            s_note_global(self, message, now_us);
        region_take_stop(self, message, now_us);
        break;
    case KIND_stopped:
        region_take_stopped(self, message, now_us);
        break;
    case KIND_refused:
        s_take_refused(self, message);
        break;
    default: /* unreachable above all: whoever it was will be asked again by its timer */
        break;
    }
}

static int64_t s_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t s_find_due(const region_core_t *self)
{
    int64_t due = s_least(s_least(self->report_us, self->status_us), region_units_due(self));
    due = self->stopping ? due : s_least(due, region_keep_due(self));
    return s_least(due, self->stopping ? region_stop_due(self) : region_place_due(self));
}

static int64_t s_due(const void *core)
{
    const region_core_t *self = core;
    if (self->finished)
        return ROLE_NEVER;
    return self->due_known ? self->due_us : s_find_due(self);
}

/* Told with every announcement of its node. */
static bool s_knows_placed(region_core_t *self, const message_t *message)
{
    const region_actor_t *actor = region_actor_named(self, message->placed.actor);
    return actor && !message->placed.code && actor->state == PLACE_READY &&
           actor->incarnation == message->placed.incarnation;
}

/* What a region of many workers hears most moves nothing on: the timers look at what came of it. Not right after a while
 * without an event, in which this scheduler may have stood still. */
static bool s_only_tells(region_core_t *self, const message_t *message, int64_t now_us)
{
    bool tells = message->kind == KIND_status || message->kind == KIND_lease_want ||
                 message->kind == KIND_link_state ||
                 (message->kind == KIND_placed && s_knows_placed(self, message));
    if (!tells || self->finished || now_us - self->advanced_us >= REPORT_EVERY_US)
        return false;
    if (!self->due_known)
        self->due_us = s_find_due(self);
    self->due_known = true;
    return now_us < self->due_us;
}

static void s_message(void *core, message_t **message_p, int64_t now_us)
{
    region_core_t *self = core;
    bool only_tells = s_only_tells(self, *message_p, now_us);
    if (!self->finished && !s_is_outdated(self, *message_p))
        s_take(self, message_p, now_us);
    message_destroy(message_p);
    if (!only_tells || self->report_us == 0)
        s_advance(self, now_us);
}

static void s_tick(void *core, int64_t now_us)
{
    s_advance(core, now_us);
}

static outbox_t *s_outbox(void *core)
{
    region_core_t *self = core;
    return &self->outbox;
}

static bool s_finished(const void *core)
{
    return region_core_finished(core);
}

static void s_destroy(void **core_p)
{
    region_core_t *self = *core_p;
    if (!self)
        return;
    region_train_fini(self);
    region_keep_fini(self);
    region_rent_destroy(&self->rent);
    for (size_t index = 0; index < self->node_count; index++)
        message_destroy(&self->nodes[index].announce);
    for (size_t index = 0; index < self->actor_count; index++)
        message_destroy(&self->actors[index].status);
    free(self->actors);
    names_fini(&self->names);
    for (size_t index = 0; index < self->spec.topology->region_count; index++)
        message_destroy(&self->links[index].state);
    message_destroy(&self->saved);
    free(self->died);
    free(self->known);
    outbox_fini(&self->outbox);
    free(self);
    *core_p = NULL;
}

region_core_t *region_core_new(const region_spec_t *spec, int64_t now_us)
{
    CHECK(spec->region_index < spec->topology->region_count);
    region_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    self->region = &spec->topology->regions[spec->region_index];
    snprintf(self->name, sizeof self->name, "scheduler/%s", self->region->name);
    topology_digest(spec->topology, self->digest);
    outbox_init(&self->outbox);
    self->started_us = self->advanced_us = self->listens_us = self->waits_since_us = now_us;
    self->issued = spec->term << 32;
    self->run = spec->run;
    self->run_adopts = spec->run_adopts;
    self->loss_before = NAN;
    self->first_lease_us = self->train_end_us = self->global_heard_us = -1;
    self->report_us = self->status_us = now_us;
    region_units_init(self, now_us);
    region_restore(self, now_us);
    self->spec.kept = NULL;
    return self;
}

uint64_t region_core_run(const region_core_t *self, bool *ret_adopts)
{
    *ret_adopts = self->run_adopts;
    return self->run;
}

bool region_core_finished(const region_core_t *self)
{
    return self->finished;
}

err_code_t region_core_failure(const region_core_t *self, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = self->reason;
    return self->failure;
}

const char *region_core_waits_for(const region_core_t *self, int64_t *ret_since_us)
{
    if (ret_since_us)
        *ret_since_us = self->waits_since_us;
    return self->waits_for;
}

const role_t region_role = {
    .name = "scheduler",
    .message = s_message,
    .tick = s_tick,
    .due = s_due,
    .outbox = s_outbox,
    .finished = s_finished,
    .destroy = s_destroy,
};
