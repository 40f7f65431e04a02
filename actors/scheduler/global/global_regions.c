#include "actors/scheduler/global/global_regions.h"

#include "codec/base/grow.h"

#include <stdlib.h>
#include <string.h>

void global_regions_init(global_regions_t *self, global_base_t *base)
{
    memset(self, 0, sizeof *self);
    self->base = base;
    for (size_t index = 0; index < global_region_count(base); index++) {
        region_entry_t *region = &self->list[index];
        message_set_name(region->scheduler,
                         actor_name(ROLE_SCHEDULER, base->spec.topology->regions[index].name).text);
        region->seen_us = -1;
    }
}

void global_regions_fini(global_regions_t *self)
{
    for (size_t index = 0; index < global_region_count(self->base); index++) {
        message_destroy(&self->list[index].report);
        free(self->list[index].rows);
    }
}

size_t global_regions_of(const global_regions_t *self, const message_t *message)
{
    size_t index = 0, count = global_region_count(self->base);
    while (index < count && strcmp(self->list[index].scheduler, message->from))
        index++;
    return index;
}

bool global_regions_all(const global_regions_t *self, bool (*holds)(const region_entry_t *region))
{
    for (size_t index = 0; index < global_region_count(self->base); index++)
        if (!holds(&self->list[index]))
            return false;
    return true;
}

/* ---- reports ---- */

bool global_regions_is_late(const global_regions_t *self, size_t index, const message_t *report)
{
    const message_t *newest = self->list[index].report;
    if (!newest)
        return false;
    if (report->incarnation != newest->incarnation)
        return report->incarnation < newest->incarnation;
    return report->number < newest->number;
}

static bool s_runs_alike(const message_t *before, const message_t *now)
{
    return before->region_report.shards == now->region_report.shards &&
           before->region_report.workers == now->region_report.workers &&
           before->region_report.stopped == now->region_report.stopped;
}

static bool s_is_progress(const message_t *before, const message_t *now)
{
    return !before || before->region_report.samples != now->region_report.samples ||
           before->region_report.curve_rows != now->region_report.curve_rows || !s_runs_alike(before, now);
}

bool global_regions_take(global_regions_t *self, size_t index, message_t **report_p, bool ended,
                         int64_t now_us)
{
    region_entry_t *region = &self->list[index];
    message_t *report = *report_p;
    bool other = region->report && region->report->incarnation != report->incarnation;
    if (other && !ended)
        region->row_count =
            0; /* the region has the truth; a scheduler of it that is out of date may have told others */
    bool progress = s_is_progress(region->report, report);
    message_destroy(&region->report);
    region->report = report;
    *report_p = NULL;
    region->seen_us = now_us;
    region->placed = region->placed || report->region_report.placed;
    return progress;
}

size_t global_regions_other_data(const global_regions_t *self, size_t index)
{
    size_t count = global_region_count(self->base);
    uint64_t mine = self->list[index].report->region_report.epoch_samples;
    for (size_t other = 0; mine && other < count; other++) {
        const message_t *beside = self->list[other].report;
        uint64_t theirs = beside ? beside->region_report.epoch_samples : 0;
        if (theirs && theirs != mine)
            return other;
    }
    return count;
}

/* ---- curves ---- */

void global_regions_add_row(global_regions_t *self, size_t index, const message_t *message)
{
    region_entry_t *region = &self->list[index];
    if (message->curve.index != region->row_count || region->row_count == GLOBAL_ROWS_MAX)
        return;
    region->rows = grow(region->rows, region->row_count, &region->row_capacity, sizeof *region->rows);
    region->rows[region->row_count++] = (curve_row_t){
        .index = message->curve.index,
        .train_us = message->curve.train_us,
        .epoch = message->curve.epoch,
        .loss = message->curve.loss,
        .test_accuracy = message->curve.test_accuracy,
        .test_loss = message->curve.test_loss,
        .test_auc = message->curve.test_auc,
    };
}

void global_regions_take_curve(global_regions_t *self, const message_t *message)
{
    size_t index = global_regions_of(self, message);
    if (index == global_region_count(self->base))
        return;
    const message_t *report = self->list[index].report;
    bool foreign = message->incarnation && message->incarnation == self->list[index].foreign;
    if (!foreign && (!report || message->incarnation == report->incarnation))
        global_regions_add_row(self, index, message);
}
