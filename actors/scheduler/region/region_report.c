/* News for the global scheduler: reports, rows of the curve, how every actor is doing. */
#include "actors/scheduler/region/region_rooms.h"

#include "actors/kit/timers.h"

#include <math.h>
#include <string.h>

#define REPORT_EVERY_US (250 * MILLISECOND_US)
#define STATUS_EVERY_US (500 * MILLISECOND_US)
#define LINKS_PER_STATUS 2 /* links are told so much more seldom than actors */

/* ---- reports ---- */

static const char *s_machine(const region_core_t *self)
{
    return self->base.spec.machine ? self->base.spec.machine : "";
}

static message_t *s_head(region_core_t *self)
{
    message_t *report = core_message(&self->base.core, KIND_region_report, ACTOR_GLOBAL);
    report->number = ++self->reports.count;
    message_set_name(report->region_report.region, self->base.region->name);
    message_set_name(report->region_report.digest, self->base.digest);
    message_set_name(report->region_report.machine, s_machine(self));
    report->region_report.run = self->run.id;
    report->region_report.stopped = self->base.life == REGION_STOPPED;
    report->region_report.code = self->base.failure;
    message_set_text(&report->region_report.reason, self->base.reason);
    return report;
}

static void s_put_figures(region_core_t *self, message_t *report, int64_t now_us)
{
    report->region_report.workers = actors_ready(&self->actors, ROLE_WORKER);
    report->region_report.shards = actors_ready(&self->actors, ROLE_SHARD);
    report->region_report.restarts = self->actors.restarts;
    report->region_report.placed = actors_placed(&self->actors);
    report->region_report.lived_us = self->reports.lived_before_us + now_us - self->base.started_us;
    report->region_report.plan = self->placing.plan;
    report->region_report.moves = self->moving.moves;
    region_links_report(&self->links, report);
    nodes_report(&self->nodes, report, now_us);
    shards_report(&self->shards, report);
    training_report(&self->training, report, now_us);
    training_judge(&self->training, report);
    still_report(&self->still, report);
    workers_report(&self->workers, report);
    renting_report(&self->renting, report, now_us);
}

static void s_report(region_core_t *self, int64_t now_us)
{
    message_t *report = s_head(self);
    if (self->run.id == RUN_ID_NONE) /* what there may be of figures is of an unknown run */
        report->region_report.test_accuracy = NAN;
    else
        s_put_figures(self, report, now_us);
    core_send(&self->base.core, &report);
    if (self->run.id != RUN_ID_NONE)
        training_send_curve(&self->training);
}

/* ---- status ---- */

static const char *s_own_state(const region_core_t *self)
{
    if (self->base.life == REGION_STOPPED)
        return "stopped";
    if (self->base.failure)
        return "failed";
    if (region_stops(&self->base))
        return "draining";
    if (!actors_placed(&self->actors))
        return "starting";
    return self->reports.waits_for[0] ? "waiting" : "running";
}

static void s_tell_statuses(region_core_t *self, int64_t now_us)
{
    actors_tell(&self->actors, now_us);
    message_t *status = core_message(&self->base.core, KIND_status, ACTOR_GLOBAL);
    message_set_name(status->status.actor, self->base.core.name);
    message_set_name(status->status.state, s_own_state(self));
    message_set_name(status->status.waits_for, self->reports.waits_for);
    status->status.pid = self->base.spec.pid;
    message_set_name(status->status.machine, s_machine(self));
    status->status.incarnation = self->base.core.incarnation;
    status->status.since_us = (uint64_t)(now_us - self->reports.waits_since_us);
    if (self->shards.leases) {
        status->status.applied = ranges_size(lease_table_applied(self->shards.leases));
        status->status.durable = lease_table_durable_count(self->shards.leases);
    }
    core_send(&self->base.core, &status);
}

/* ---- waiting ---- */

static const char *s_waits_for(const region_core_t *self)
{
    if (region_stops(&self->base))
        return ending_waits_for(&self->ending);
    if (self->base.failure)
        return ACTOR_GLOBAL;
    const char *name = placing_waits_for(&self->placing);
    return name[0] ? name : training_waits_for(&self->training);
}

void region_note_waits(region_core_t *self, int64_t now_us)
{
    const char *name = s_waits_for(self);
    if (!strcmp(name, self->reports.waits_for))
        return;
    message_set_name(self->reports.waits_for, name);
    self->reports.waits_since_us = now_us;
}

/* ---- when ---- */

static int64_t s_report_due(const region_core_t *self)
{
    return self->base.report_soon ? TIMER_NOW : self->reports.report_us;
}

int64_t region_tell_due(const region_core_t *self)
{
    return timer_first(s_report_due(self), self->reports.status_us);
}

void region_tell(region_core_t *self, int64_t now_us)
{
    region_reports_t *reports = &self->reports;
    if (now_us >= s_report_due(self)) {
        self->base.report_soon = false;
        reports->report_us = now_us + REPORT_EVERY_US;
        s_report(self, now_us);
    }
    if (now_us < reports->status_us)
        return;
    int64_t every_us = self->base.spec.status_us ? self->base.spec.status_us : STATUS_EVERY_US;
    reports->status_us = now_us + every_us;
    s_tell_statuses(self, now_us);
    if (now_us < reports->links_us)
        return;
    reports->links_us = now_us + LINKS_PER_STATUS * every_us;
    region_links_tell(&self->links, now_us);
}
