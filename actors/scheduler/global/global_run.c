#include "actors/scheduler/global/global_run.h"

#define ALONE_US ((int64_t)3000000)      /* until then a region of this run may still be heard */
#define STRANGERS_US ((int64_t)10000000) /* so long one that was refused is shown */

void global_run_init(global_run_t *self, global_base_t *base, global_regions_t *regions)
{
    *self = (global_run_t){.base = base, .regions = regions, .foreign_us = -1};
}

static bool s_has_one(const global_run_t *self)
{
    for (size_t index = 0; index < global_region_count(self->base); index++) {
        const message_t *report = self->regions->list[index].report;
        if (report && report->region_report.run == self->base->spec.run)
            return true;
    }
    return false;
}

static void s_note(global_run_t *self, size_t index, uint64_t incarnation, uint64_t run, int64_t now_us)
{
    self->regions->list[index].foreign = incarnation;
    if (self->foreign_us < 0) {
        self->foreign_us = now_us;
        self->foreign_run = run;
    }
}

static void s_note_stranger(global_run_t *self, const char *text, int64_t now_us)
{
    snprintf(self->strangers, sizeof self->strangers, "%s", text);
    self->strangers_us = now_us;
}

const char *global_run_strangers(const global_run_t *self, int64_t now_us)
{
    return now_us - self->strangers_us < STRANGERS_US ? self->strangers : "";
}

void global_run_turn_away(global_run_t *self, const message_t *message, err_code_t code, const char *reason,
                          int64_t now_us)
{
    char text[ERR_TEXT_MAX];
    snprintf(text, sizeof text, "%s: %s", message->from, reason);
    s_note_stranger(self, text, now_us);
    core_refuse(&self->base->core, message, code, reason);
}

bool global_run_is_foreign(global_run_t *self, size_t index, const message_t *report, int64_t now_us)
{
    err_t why = {0};
    uint64_t own = self->base->spec.run;
    if (!run_id_differs(report->region_report.run, own))
        return false;
    s_note(self, index, report->incarnation, report->region_report.run, now_us);
    run_id_refuse(&why, report->from, report->region_report.run, own);
    s_note_stranger(self, why.text, now_us);
    core_refuse_run(&self->base->core, report, &why, own);
    return true;
}

/* A region says that it is of another run. */
void global_run_refused(global_run_t *self, size_t index, const message_t *refused, int64_t now_us)
{
    if (!run_id_differs(refused->refused.run, self->base->spec.run))
        return;
    s_note(self, index, self->regions->list[index].foreign, refused->refused.run, now_us);
    s_note_stranger(self, refused->refused.reason ? refused->refused.reason : "a region of another run",
                    now_us);
}

void global_run_tick(global_run_t *self, int64_t now_us)
{
    err_t why = {0};
    if (self->foreign_us < 0 || now_us - self->foreign_us < ALONE_US)
        return;
    if (s_has_one(self)) {
        self->foreign_us = -1;
        return;
    }
    run_id_refuse(&why, "the directory of this global scheduler", self->base->spec.run, self->foreign_run);
    global_end(self->base, why.code, why.text);
}
