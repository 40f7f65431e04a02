/* Regions of another run: what they say is not taken, and they are told. One among others of this run is the odd one, and
 * ends; where all that are heard are of another run, this scheduler is. */
#include "actors/scheduler/global/global_state.h"

#include <string.h>

#define OWN_NAME "scheduler/global"
#define ALONE_US ((int64_t)3000000)      /* until then a region of this run may still be heard */
#define STRANGERS_US ((int64_t)10000000) /* so long who was refused is shown */

static bool s_has_one(const global_core_t *self)
{
    for (size_t index = 0; index < self->spec.topology->region_count; index++) {
        const message_t *report = self->regions[index].report;
        if (report && report->region_report.run == self->spec.run)
            return true;
    }
    return false;
}

static void s_note(global_core_t *self, size_t index, uint64_t incarnation, uint64_t run, int64_t now_us)
{
    self->regions[index].foreign = incarnation;
    if (self->foreign_us < 0) {
        self->foreign_us = now_us;
        self->foreign_run = run;
    }
}

void global_run_note(global_core_t *self, const char *text, int64_t now_us)
{
    snprintf(self->strangers, sizeof self->strangers, "%s", text);
    self->strangers_us = now_us;
}

const char *global_core_strangers(const global_core_t *self, int64_t now_us)
{
    return now_us - self->strangers_us < STRANGERS_US ? self->strangers : "";
}

bool global_run_is_foreign(global_core_t *self, size_t index, const message_t *report, int64_t now_us)
{
    err_t why = {0};
    if (!run_id_differs(report->region_report.run, self->spec.run))
        return false;
    s_note(self, index, report->incarnation, report->region_report.run, now_us);
    run_id_refuse(&why, report->from, report->region_report.run, self->spec.run);
    global_run_note(self, why.text, now_us);
    message_t *answer = message_new(KIND_refused, report->from, OWN_NAME);
    answer->refused.kind = report->kind;
    answer->refused.code = why.code;
    answer->refused.incarnation = report->incarnation;
    answer->refused.run = self->spec.run;
    message_set_text(&answer->refused.reason, why.text);
    global_send(self, &answer);
    return true;
}

/* A region says that it is of another run. */
void global_run_refused(global_core_t *self, size_t index, const message_t *refused, int64_t now_us)
{
    if (run_id_differs(refused->refused.run, self->spec.run)) {
        s_note(self, index, self->regions[index].foreign, refused->refused.run, now_us);
        global_run_note(self, refused->refused.reason ? refused->refused.reason : "a region of another run",
                        now_us);
    }
}

void global_run_tick(global_core_t *self, int64_t now_us)
{
    err_t why = {0};
    if (self->foreign_us < 0 || now_us - self->foreign_us < ALONE_US)
        return;
    if (s_has_one(self)) {
        self->foreign_us = -1;
        return;
    }
    run_id_refuse(&why, "the directory of this global scheduler", self->spec.run, self->foreign_run);
    global_end(self, why.code, why.text);
}
