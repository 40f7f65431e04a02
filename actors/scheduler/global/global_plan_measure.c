/* Measures beside assumptions: speeds of regions, rates of links, units that do not come. */
#include "actors/scheduler/global/global_cost.h"
#include "actors/scheduler/global/global_plan_state.h"

#define CORE_LEAST_S 3.0 /* measured computing that says something about a speed */
#define LINK_BUSY 0.6 /* part of its measured rate that a link must carry for the measure to be its limit */

static void s_begin_window(measured_t *self, const message_t *report, int64_t now_us)
{
    self->since_us = now_us;
    self->computed = report->region_report.computed;
    self->core_s = report->region_report.core_s;
    for (size_t other = 0; other < TOPOLOGY_REGIONS_MAX; other++)
        self->sent[other] = global_report_link(report, other).sent_bytes;
}

/* A measured rate is the link's limit where it is kept busy; and one above the assumed is one in any case. */
static void s_measure_links(global_plan_t *self, size_t r, const message_t *report, double window_s)
{
    measured_t *region = &self->regions[r];
    for (size_t other = 0; other < self->topology->region_count; other++) {
        const topology_link_t *link = other == r ? NULL : topology_link(self->topology, r, other);
        double rate = (double)global_report_link(report, other).rate_bytes_per_s;
        double sent = (double)(global_report_link(report, other).sent_bytes - region->sent[other]) / window_s;
        if (!link || rate <= 0 || !link->rate_bytes_per_s)
            continue;
        if (sent >= LINK_BUSY * rate || rate > (double)link->rate_bytes_per_s)
            region->rates[other] = rate;
    }
}

static void s_measure(global_plan_t *self, size_t r, const message_t *report, int64_t now_us)
{
    measured_t *region = &self->regions[r];
    bool again = report->region_report.computed < region->computed || !region->since_us;
    if (!again && now_us - region->since_us < GLOBAL_PLAN_WINDOW_US)
        return;
    double core_s = report->region_report.core_s - region->core_s;
    if (!again && core_s >= CORE_LEAST_S)
        region->speed =
            (double)(report->region_report.computed - region->computed) / core_s / self->with.samples_per_s;
    if (!again)
        s_measure_links(self, r, report, (double)(now_us - region->since_us) / 1e6);
    s_begin_window(region, report, now_us);
}

/* Units that were rented and are not there. */
static void s_look_for_lacks(global_plan_t *self, size_t r, const message_t *report, int64_t now_us)
{
    measured_t *region = &self->regions[r];
    bool idle = report->region_report.closed || report->region_report.complete;
    for (size_t i = 0; i < self->topology->regions[r].offer_count; i++) {
        uint64_t present = global_report_offer(report, i).units;
        bool lacks = !idle && present < self->current.regions[r].units[i];
        if (!lacks)
            region->lacks_since_us[i] = 0;
        else if (!region->lacks_since_us[i])
            region->lacks_since_us[i] = now_us;
        else if (now_us - region->lacks_since_us[i] >= self->topology->plan.rent_patience_us) {
            region->lack_until_us[i] = now_us + GLOBAL_PLAN_LACK_US;
            region->had[i] = present;
        }
    }
}

void global_plan_report(global_plan_t *self, size_t r, const message_t *report, int64_t now_us)
{
    measured_t *region = &self->regions[r];
    s_measure(self, r, report, now_us);
    s_look_for_lacks(self, r, report, now_us);
    message_destroy(&region->report);
    region->report = message_dup(report);
}
