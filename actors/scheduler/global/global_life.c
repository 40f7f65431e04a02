#include "actors/scheduler/global/global_life.h"

#include "actors/kit/timers.h"

#define REPEAT_EVERY_US (300 * MILLISECOND_US)
#define UNSEEN_US (2000 * MILLISECOND_US) /* a stop does not wait longer for a region that never reported */
#define HOME_US (300 * MILLISECOND_US)    /* silence of the other regions before the home region may go */
#define LINGER_US (1000 * MILLISECOND_US) /* after the last farewell, for reports whose bye was lost */

void global_life_init(global_life_t *self, global_base_t *base, global_regions_t *regions,
                      global_mark_t *mark, int64_t now_us)
{
    *self = (global_life_t){.base = base, .regions = regions, .mark = mark, .since_us = now_us};
}

static size_t s_region_count(const global_life_t *self)
{
    return global_region_count(self->base);
}

static int64_t s_away_us(const global_life_t *self)
{
    return self->base->spec.topology->job.sync.away_after_us;
}

/* ---- states ---- */

run_state_t global_life_state(const global_life_t *self)
{
    return self->base->displaced ? RUN_FAILED : self->state;
}

bool global_life_has_ended(const global_life_t *self)
{
    return global_life_state(self) >= RUN_DONE;
}

int64_t global_life_patience_us(const global_life_t *self)
{
    return s_away_us(self);
}

static void s_move(global_life_t *self, run_state_t state, int64_t now_us)
{
    CHECK(state > self->state);
    self->state = state;
    self->since_us = now_us;
}

static bool s_is_placed(const region_entry_t *region)
{
    return region->placed;
}

static bool s_is_complete(const region_entry_t *region)
{
    return region->report && region->report->region_report.complete;
}

static bool s_is_over(const region_entry_t *region)
{
    return region->stopped || region->given_up;
}

/* Done is what all regions were before the stop; one that falls silent during it takes nothing away from
 * that. */
static run_state_t s_outcome(const global_life_t *self)
{
    if (self->base->failure)
        return RUN_FAILED;
    return self->done ? RUN_DONE : RUN_DRAINED;
}

const char *global_life_waits_for(const global_life_t *self)
{
    for (size_t index = 0; index < s_region_count(self); index++) {
        const region_entry_t *region = &self->regions->list[index];
        bool begins = self->state == RUN_STARTING && !region->placed;
        if (begins || (self->state == RUN_STOPPING && !s_is_over(region)))
            return region->scheduler;
    }
    return "";
}

/* ---- stopping ---- */

void global_life_stop(global_life_t *self, bool done, const char *stopper, int64_t patience_us,
                      int64_t now_us)
{
    if (global_life_state(self) >= RUN_STOPPING) {
        if (patience_us < self->patience_us)
            self->patience_us = patience_us;
        return;
    }
    self->done = done;
    if (stopper != self->stopper)
        message_set_name(self->stopper, stopper);
    global_decide(self->base);
    self->drain_known = false;
    self->patience_us = patience_us;
    self->stop_us = self->stop_next_us = self->progress_us = self->farewell_us = now_us;
    global_mark_stop(self->mark, now_us);
    s_move(self, RUN_STOPPING, now_us);
}

void global_life_fail(global_life_t *self, err_code_t code, const char *name, const char *reason,
                      int64_t now_us)
{
    global_base_t *base = self->base;
    if (!base->failure) {
        base->failure = code ? code : ERR_STATE;
        global_decide(base);
        snprintf(base->reason, sizeof base->reason, "%s: %s", name,
                 reason && *reason ? reason : err_meaning(code));
    }
    global_life_stop(self, false, "", s_away_us(self), now_us);
}

static int64_t s_after(int64_t at_us, int64_t pause_us)
{
    return pause_us < ROLE_NEVER - at_us ? at_us + pause_us : ROLE_NEVER;
}

/* A region that was never there is not waited for, and one that fell silent no longer than a region may be
 * away. */
static int64_t s_give_up_us(const global_life_t *self, const region_entry_t *region)
{
    if (s_is_over(region))
        return ROLE_NEVER;
    int64_t heard_us = region->seen_us > self->stop_us ? region->seen_us : self->stop_us;
    int64_t patience_us = region->seen_us < 0 ? UNSEEN_US : s_away_us(self);
    int64_t silent_us = s_after(global_listened_us(self->base, heard_us), patience_us);
    return timer_first(silent_us, s_after(self->progress_us, self->patience_us));
}

static void s_give_up_regions(global_life_t *self, int64_t now_us)
{
    for (size_t index = 0; index < s_region_count(self); index++) {
        region_entry_t *region = &self->regions->list[index];
        region->given_up |= now_us >= s_give_up_us(self, region);
    }
}

static void s_send_stops(global_life_t *self, int64_t now_us)
{
    if (now_us < self->stop_next_us)
        return;
    self->stop_next_us = now_us + REPEAT_EVERY_US;
    for (size_t index = 0; index < s_region_count(self); index++) {
        if (self->regions->list[index].stopped)
            continue;
        message_t *stop = core_message(&self->base->core, KIND_stop, self->regions->list[index].scheduler);
        stop->stop.done = self->done;
        stop->stop.run = self->base->spec.run;
        core_send(&self->base->core, &stop);
    }
}

/* ---- regions that are away ---- */

static bool s_is_away(const global_life_t *self, const region_entry_t *region, int64_t now_us)
{
    return global_silence_us(self->base, region->seen_us, now_us) >= s_away_us(self);
}

static bool s_has_ended_its_part(const region_entry_t *region)
{
    return region->report && (region->report->region_report.complete || region->report->region_report.closed);
}

/* All that can be heard have done their part and wait for a region that cannot: nothing would ever move
 * again. */
static size_t s_missing(const global_life_t *self, int64_t now_us)
{
    size_t missing = SIZE_MAX, present = 0;
    for (size_t index = 0; index < s_region_count(self); index++) {
        const region_entry_t *region = &self->regions->list[index];
        if (s_is_away(self, region, now_us))
            missing = missing == SIZE_MAX ? index : missing;
        else if (!s_has_ended_its_part(region))
            return SIZE_MAX;
        else
            present++;
    }
    return present ? missing : SIZE_MAX;
}

static void s_end_without(global_life_t *self, size_t index, int64_t now_us)
{
    const region_entry_t *region = &self->regions->list[index];
    const message_t *report = region->report;
    char text[ERR_TEXT_MAX], lacks[128] = "it never reported";
    if (report && report->region_report.samples_total)
        snprintf(lacks, sizeof lacks, "%llu of its %llu samples are missing",
                 (unsigned long long)(report->region_report.samples_total - report->region_report.samples),
                 (unsigned long long)report->region_report.samples_total);
    snprintf(text, sizeof text,
             "not heard of for longer than job.sync.away_after (%.0f s) while all others wait for it, and "
             "%s; start it "
             "again and go on with --resume",
             (double)s_away_us(self) / 1e6, lacks);
    global_life_fail(self, ERR_TIMEOUT, region->scheduler, text, now_us);
    for (size_t other = 0; other < s_region_count(self); other++)
        self->regions->list[other].given_up |= s_is_away(self, &self->regions->list[other], now_us);
}

void global_life_look(global_life_t *self, int64_t now_us)
{
    global_advances(self->base, now_us);
    size_t missing = self->state < RUN_STOPPING ? s_missing(self, now_us) : SIZE_MAX;
    if (missing != SIZE_MAX)
        s_end_without(self, missing, now_us);
}

void global_life_heard(global_life_t *self, int64_t now_us)
{
    if (global_hears(self->base, now_us))
        self->progress_us = now_us;
}

/* ---- farewell ---- */

static void s_bye(global_life_t *self, size_t index, int64_t now_us)
{
    self->farewell_us = now_us;
    message_t *bye = core_message(&self->base->core, KIND_bye, self->regions->list[index].scheduler);
    bye->bye.run = self->base->spec.run;
    core_send(&self->base->core, &bye);
}

static void s_farewell(global_life_t *self, int64_t now_us)
{
    if (!self->home_released && now_us - self->farewell_us >= HOME_US) {
        self->home_released = true;
        s_bye(self, 0, now_us);
    }
    if (self->home_released && now_us - self->farewell_us >= LINGER_US)
        self->base->core.finished = true;
}

/* Its final report is here, with its whole curve; or it was started again since. */
void global_life_note_stopped(global_life_t *self, size_t index, int64_t now_us)
{
    region_entry_t *region = &self->regions->list[index];
    const message_t *report = region->report;
    bool stopped = report->region_report.stopped && report->region_report.curve_rows <= region->row_count;
    self->base->decisions += stopped && !region->stopped;
    region->stopped = stopped;
    if (stopped && global_life_has_ended(self) && (index > 0 || self->home_released))
        s_bye(self, index, now_us);
}

void global_life_take(global_life_t *self, size_t index, bool same, int64_t now_us)
{
    const region_entry_t *region = &self->regions->list[index];
    const message_t *report = region->report;
    bool drained = report->region_report.stopped && !report->region_report.complete;
    bool carried_on = self->drain_known && same;
    if (report->region_report.code)
        global_life_fail(self, (err_code_t)report->region_report.code, region->scheduler,
                         report->region_report.reason, now_us);
    else if (drained || carried_on) /* from its side, or by the predecessor */
        global_life_stop(self, false, self->drain_known ? self->stopper : region->scheduler, s_away_us(self),
                         now_us);
}

/* ---- moving on ---- */

bool global_life_tick(global_life_t *self, int64_t now_us)
{
    bool ends = false;
    if (self->state == RUN_STARTING && global_regions_all(self->regions, s_is_placed))
        s_move(self, RUN_TRAINING, now_us);
    if (self->state < RUN_STOPPING && global_regions_all(self->regions, s_is_complete))
        global_life_stop(self, true, "", s_away_us(self), now_us);
    if (self->state == RUN_STOPPING) {
        s_give_up_regions(self, now_us);
        s_send_stops(self, now_us);
        ends = global_regions_all(self->regions, s_is_over);
    }
    if (ends) {
        s_move(self, s_outcome(self), now_us);
        self->farewell_us = now_us;
        for (size_t index = 1; index < s_region_count(self); index++)
            s_bye(self, index, now_us);
    }
    if (global_life_has_ended(self))
        s_farewell(self, now_us);
    return ends;
}

int64_t global_life_due(const global_life_t *self)
{
    if (self->state < RUN_STOPPING)
        return ROLE_NEVER;
    if (global_life_has_ended(self))
        return self->farewell_us + (self->home_released ? LINGER_US : HOME_US);
    int64_t due_us = self->stop_next_us;
    for (size_t index = 0; index < s_region_count(self); index++)
        due_us = timer_first(due_us, s_give_up_us(self, &self->regions->list[index]));
    return due_us;
}

/* ---- for a successor ---- */

void global_life_put(const global_life_t *self, message_t *state)
{
    state->global_state.stopping = global_life_state(self) >= RUN_STOPPING || self->drain_known;
    state->global_state.stop_done = self->done;
    message_set_text(&state->global_state.stopper, self->stopper);
    state->global_state.code = self->base->failure;
    message_set_text(&state->global_state.reason, self->base->reason);
}

static bool s_goes_on(const region_entry_t *region)
{
    return !region->stopped;
}

/* An end goes on where it stood. A drain does when some region has stopped for it, or is still the one that
 * was told to; where all were started anew it is over. */
void global_life_load(global_life_t *self, const message_t *state, int64_t now_us)
{
    global_base_t *base = self->base;
    if (!state->global_state.stopping)
        return;
    base->failure = (err_code_t)state->global_state.code;
    snprintf(base->reason, sizeof base->reason, "%s",
             state->global_state.reason ? state->global_state.reason : "");
    self->drain_known = true;
    snprintf(self->stopper, sizeof self->stopper, "%s",
             state->global_state.stopper ? state->global_state.stopper : "");
    bool stopped = !global_regions_all(self->regions, s_goes_on);
    if (state->global_state.stop_done || base->failure || stopped)
        global_life_stop(self, state->global_state.stop_done, self->stopper, s_away_us(self), now_us);
}
