#include "actors/scheduler/global/global_state.h"

#include <stdlib.h>
#include <string.h>

#define MILLISECOND_US ((int64_t)1000)
#define REPEAT_EVERY_US (300 * MILLISECOND_US)
#define UNSEEN_US (2000 * MILLISECOND_US)  /* a stop does not wait longer for a region that never reported */
#define HOME_US (300 * MILLISECOND_US)     /* silence of the other regions before the home region may go */
#define LOOK_US (1000 * MILLISECOND_US)    /* between two looks at who is silent */
#define HELD_UP_US (3000 * MILLISECOND_US) /* between two events: this scheduler itself stood still */
#define LINGER_US (1000 * MILLISECOND_US)  /* after the last farewell, for reports whose bye was lost */
#define ACTORS_MAX 65536
#define OWN_NAME "scheduler/global"

static size_t s_region_count(const global_core_t *self)
{
    return self->spec.topology->region_count;
}

static bool s_ended(const global_core_t *self)
{
    return self->state >= RUN_DONE;
}

/* ---- sending ---- */

void global_send(global_core_t *self, message_t **message_p)
{
    (*message_p)->incarnation = self->spec.incarnation;
    outbox_add(&self->outbox, message_p);
}

static void s_refuse(global_core_t *self, const message_t *message, err_code_t code, const char *reason)
{
    message_t *answer = message_new(KIND_refused, message->from, OWN_NAME);
    answer->refused.kind = message->kind;
    answer->refused.code = code;
    answer->refused.incarnation = message->incarnation;
    message_set_text(&answer->refused.reason, reason);
    global_send(self, &answer);
}

/* One that does not belong to this job, which somebody ought to know. */
static void s_turn_away(global_core_t *self, const message_t *message, err_code_t code, const char *reason,
                        int64_t now_us)
{
    char text[ERR_TEXT_MAX];
    snprintf(text, sizeof text, "%s: %s", message->from, reason);
    global_run_note(self, text, now_us);
    s_refuse(self, message, code, reason);
}

static void s_send_plan(global_core_t *self, size_t index)
{
    const topology_region_t *region = &self->spec.topology->regions[index];
    message_t *plan = message_new(KIND_plan, self->regions[index].scheduler, OWN_NAME);
    plan->number = plan->plan.plan = global_rent_number(self);
    plan->plan.workers = region->workers;
    plan->plan.shards = region->shards;
    plan->plan.run = self->spec.run;
    plan->plan.adopts = self->spec.run_adopts;
    global_rent_fill(self, index, plan);
    global_send(self, &plan);
}

static void s_send_ack(global_core_t *self, size_t index)
{
    message_t *ack = message_new(KIND_report_ack, self->regions[index].scheduler, OWN_NAME);
    ack->report_ack.curve_have = self->regions[index].row_count;
    ack->report_ack.run = self->spec.run;
    global_send(self, &ack);
}

/* ---- the run ---- */

static void s_move(global_core_t *self, run_state_t state, int64_t now_us)
{
    self->state = state;
    self->since_us = now_us;
}

static void s_stop(global_core_t *self, bool done, const char *stopper, int64_t patience_us, int64_t now_us)
{
    if (self->state >= RUN_STOPPING) {
        if (patience_us < self->patience_us)
            self->patience_us = patience_us;
        return;
    }
    self->done = done;
    if (stopper != self->stopper)
        message_set_name(self->stopper, stopper);
    self->decisions++;
    self->drain_known = false;
    self->patience_us = patience_us;
    self->stop_us = self->stop_next_us = self->progress_us = self->farewell_us = now_us;
    global_mark_stop(self->mark, now_us);
    s_move(self, RUN_STOPPING, now_us);
}

void global_begin_stop(global_core_t *self, bool done, const char *stopper, int64_t now_us)
{
    s_stop(self, done, stopper, self->spec.topology->job.sync.away_after_us, now_us);
}

static void s_fail(global_core_t *self, err_code_t code, const char *name, const char *reason, int64_t now_us)
{
    if (!self->failure) {
        self->failure = code ? code : ERR_STATE;
        self->decisions++;
        snprintf(self->reason, sizeof self->reason, "%s: %s", name,
                 reason && *reason ? reason : err_meaning(code));
    }
    s_stop(self, false, "", self->spec.topology->job.sync.away_after_us, now_us);
}

/* A region that was never there is not waited for, and one that fell silent no longer than a region may be
 * away. */
static void s_give_up(global_core_t *self, int64_t now_us)
{
    for (size_t index = 0; index < s_region_count(self); index++) {
        region_entry_t *region = &self->regions[index];
        if (region->stopped || region->given_up)
            continue;
        int64_t heard_us = region->seen_us > self->stop_us ? region->seen_us : self->stop_us;
        heard_us = self->listens_us > heard_us ? self->listens_us : heard_us;
        int64_t silence_us = region->seen_us < 0 ? UNSEEN_US : self->spec.topology->job.sync.away_after_us;
        region->given_up = now_us - heard_us >= silence_us || now_us - self->progress_us >= self->patience_us;
    }
}

static void s_send_stops(global_core_t *self, int64_t now_us)
{
    if (now_us < self->stop_next_us)
        return;
    self->stop_next_us = now_us + REPEAT_EVERY_US;
    for (size_t index = 0; index < s_region_count(self); index++) {
        if (self->regions[index].stopped)
            continue;
        message_t *stop = message_new(KIND_stop, self->regions[index].scheduler, OWN_NAME);
        stop->stop.done = self->done;
        stop->stop.run = self->spec.run;
        global_send(self, &stop);
    }
}

static bool s_all(const global_core_t *self, bool (*holds)(const region_entry_t *region))
{
    for (size_t index = 0; index < s_region_count(self); index++)
        if (!holds(&self->regions[index]))
            return false;
    return true;
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
static run_state_t s_outcome(const global_core_t *self)
{
    if (self->failure)
        return RUN_FAILED;
    return self->done ? RUN_DONE : RUN_DRAINED;
}

/* ---- regions that are away ---- */

static bool s_is_away(const global_core_t *self, const region_entry_t *region, int64_t now_us)
{
    int64_t heard_us = region->seen_us > self->listens_us ? region->seen_us : self->listens_us;
    return now_us - heard_us >= self->spec.topology->job.sync.away_after_us;
}

static bool s_has_ended_its_part(const region_entry_t *region)
{
    return region->report && (region->report->region_report.complete || region->report->region_report.closed);
}

/* All that can be heard have done their part and wait for a region that cannot: nothing would ever move again. */
static size_t s_missing(const global_core_t *self, int64_t now_us)
{
    size_t missing = SIZE_MAX, present = 0;
    for (size_t index = 0; index < s_region_count(self); index++) {
        const region_entry_t *region = &self->regions[index];
        if (s_is_away(self, region, now_us))
            missing = missing == SIZE_MAX ? index : missing;
        else if (!s_has_ended_its_part(region))
            return SIZE_MAX;
        else
            present++;
    }
    return present ? missing : SIZE_MAX;
}

static void s_end_without(global_core_t *self, size_t index, int64_t now_us)
{
    const region_entry_t *region = &self->regions[index];
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
             (double)self->spec.topology->job.sync.away_after_us / 1e6, lacks);
    s_fail(self, ERR_TIMEOUT, region->scheduler, text, now_us);
    for (size_t other = 0; other < s_region_count(self); other++)
        self->regions[other].given_up |= s_is_away(self, &self->regions[other], now_us);
}

/* Whom nobody hears is the one who is cut off: silence of others counts from when one of them is heard again. */
static void s_hear(global_core_t *self, int64_t now_us)
{
    if (now_us - self->heard_us > HELD_UP_US)
        self->listens_us = self->progress_us = now_us;
    self->heard_us = now_us;
}

/* Silence is counted while this scheduler listens. */
static void s_look_for_missing(global_core_t *self, int64_t now_us)
{
    if (now_us - self->advanced_us > HELD_UP_US)
        self->listens_us = now_us;
    self->advanced_us = now_us;
    size_t missing = self->state < RUN_STOPPING ? s_missing(self, now_us) : SIZE_MAX;
    if (missing != SIZE_MAX)
        s_end_without(self, missing, now_us);
}

static void s_show_self(global_core_t *self, int64_t now_us);

static void s_bye(global_core_t *self, size_t index, int64_t now_us)
{
    self->farewell_us = now_us;
    message_t *bye = message_new(KIND_bye, self->regions[index].scheduler, OWN_NAME);
    bye->bye.run = self->spec.run;
    global_send(self, &bye);
}

/* Nobody is let go before all have stopped, and the home region last: its broker carries what the others and this
 * scheduler still have to say. */
static void s_farewell(global_core_t *self, int64_t now_us)
{
    if (self->home_released || now_us - self->farewell_us < HOME_US)
        return;
    self->home_released = true;
    s_bye(self, 0, now_us);
}

/* Whether a common point of all shards is due. */
static void s_lead(global_core_t *self, int64_t now_us)
{
    uint64_t samples = 0, epoch_samples = 0;
    for (size_t index = 0; index < s_region_count(self); index++) {
        const message_t *report = self->regions[index].report;
        samples += report ? report->region_report.samples : 0;
        if (report && report->region_report.epoch_samples)
            epoch_samples = report->region_report.epoch_samples;
    }
    if (self->state == RUN_TRAINING)
        global_mark_reached(self->mark, samples, epoch_samples, now_us);
    if (!s_ended(self))
        global_mark_tick(self->mark, now_us, &self->outbox);
}

static void s_advance(global_core_t *self, int64_t now_us)
{
    if (self->finished)
        return;
    global_run_tick(self, now_us);
    if (self->finished)
        return;
    s_look_for_missing(self, now_us);
    if (self->state < RUN_STOPPING)
        global_rent_tick(self, now_us);
    if (self->state == RUN_STARTING && s_all(self, s_is_placed))
        s_move(self, RUN_TRAINING, now_us);
    if (self->state < RUN_STOPPING && s_all(self, s_is_complete))
        s_stop(self, true, "", self->spec.topology->job.sync.away_after_us, now_us);
    if (self->state == RUN_STOPPING) {
        s_give_up(self, now_us);
        s_send_stops(self, now_us);
        if (s_all(self, s_is_over)) {
            s_move(self, s_outcome(self), now_us);
            self->ended_us = now_us;
            self->farewell_us = now_us;
            for (size_t index = 1; index < s_region_count(self); index++)
                s_bye(self, index, now_us);
        }
    }
    if (s_ended(self))
        s_farewell(self, now_us);
    if (s_ended(self) && self->home_released && now_us - self->farewell_us >= LINGER_US)
        self->finished = true;
    s_lead(self, now_us);
    s_show_self(self, now_us);
}

/* ---- messages ---- */

static size_t s_region_of(const global_core_t *self, const message_t *message)
{
    size_t index = 0;
    while (index < s_region_count(self) && strcmp(self->regions[index].scheduler, message->from))
        index++;
    return index;
}

/* Reports of one incarnation are numbered; what comes late is not newer. */
static bool s_is_late(const message_t *newest, const message_t *message)
{
    if (!newest)
        return false;
    if (message->incarnation != newest->incarnation)
        return message->incarnation < newest->incarnation;
    return message->number < newest->number;
}

static bool s_is_progress(const message_t *before, const message_t *now)
{
    return !before || before->region_report.samples != now->region_report.samples ||
           before->region_report.shards != now->region_report.shards ||
           before->region_report.workers != now->region_report.workers ||
           before->region_report.curve_rows != now->region_report.curve_rows ||
           before->region_report.stopped != now->region_report.stopped;
}

static void s_answer(global_core_t *self, size_t index, int64_t now_us)
{
    region_entry_t *region = &self->regions[index];
    const message_t *report = region->report;
    s_send_ack(self, index);
    bool lacks =
        report->region_report.plan < global_rent_number(self) || report->region_report.run == RUN_ID_NONE;
    if (lacks && self->state < RUN_STOPPING)
        s_send_plan(self, index);
    if (!report->region_report.stopped || report->region_report.curve_rows > region->row_count) {
        region->stopped = false; /* started again since */
        return;
    }
    self->decisions += !region->stopped;
    region->stopped = true;
    if (s_ended(self) && (index > 0 || self->home_released))
        s_bye(self, index, now_us);
}

/* Data sets of different sizes cut other batches, rounds and shares of the same job. */
static void s_compare_data(global_core_t *self, size_t index, int64_t now_us)
{
    const message_t *report = self->regions[index].report;
    uint64_t mine = report->region_report.epoch_samples;
    for (size_t other = 0; mine && other < s_region_count(self); other++) {
        const message_t *beside = self->regions[other].report;
        uint64_t theirs = beside ? beside->region_report.epoch_samples : 0;
        if (!theirs || theirs == mine)
            continue;
        char text[ERR_TEXT_MAX];
        snprintf(
            text, sizeof text,
            "its data set has %llu training samples, and that of region %s has %llu; have the same files in "
            "job.data.dir everywhere, or set job.data.samples",
            (unsigned long long)mine, self->spec.topology->regions[other].name, (unsigned long long)theirs);
        s_fail(self, ERR_JOB, self->regions[index].scheduler, text, now_us);
        return;
    }
}

static void s_take_report(global_core_t *self, message_t **message_p, int64_t now_us)
{
    message_t *message = *message_p;
    size_t index = s_region_of(self, message);
    if (index == s_region_count(self) ||
        strcmp(message->region_report.region, self->spec.topology->regions[index].name)) {
        s_turn_away(self, message, ERR_NOT_FOUND, "the topology of this run has no such region", now_us);
        return;
    }
    if (strcmp(message->region_report.digest, self->digest)) {
        s_turn_away(self, message, ERR_JOB,
                    "this region has another topology; start it with the topology of the job", now_us);
        return;
    }
    if (global_run_is_foreign(self, index, message, now_us))
        return;
    s_hear(self, now_us);
    region_entry_t *region = &self->regions[index];
    if (s_is_late(region->report, message)) {
        if (message->incarnation < region->report->incarnation)
            s_refuse(self, message, ERR_STALE, "a newer scheduler of this region runs");
        return;
    }
    if (s_ended(self) && region->stopped && !message->region_report.stopped)
        return; /* of a scheduler that was started again after its region's final report */
    bool same = region->report && region->report->incarnation == message->incarnation;
    if (region->report && !same && !s_ended(self))
        /* the region has the truth; a scheduler of it that is out of date may have told others */
        region->row_count = 0;
    if (s_is_progress(region->report, message))
        self->progress_us = now_us;
    message_destroy(&region->report);
    region->report = message;
    *message_p = NULL;
    region->seen_us = now_us;
    region->placed = region->placed || message->region_report.placed;
    global_rent_report(self, index, now_us);
    if (self->state < RUN_STOPPING)
        s_compare_data(self, index, now_us);
    if (message->region_report.code)
        s_fail(self, (err_code_t)message->region_report.code, region->scheduler,
               message->region_report.reason, now_us);
    else if ((message->region_report.stopped && !message->region_report.complete) ||
             (self->drain_known && same))
        /* drained from its side, or by the predecessor */
        global_begin_stop(self, false, self->drain_known ? self->stopper : region->scheduler, now_us);
    s_answer(self, index, now_us);
}

void global_add_row(global_core_t *self, size_t index, const message_t *message)
{
    region_entry_t *region = &self->regions[index];
    if (message->curve.index != region->row_count || region->row_count == GLOBAL_ROWS_MAX)
        return;
    if (region->row_count == region->row_capacity) {
        region->row_capacity = region->row_capacity ? 2 * region->row_capacity : 16;
        region->rows = realloc(region->rows, region->row_capacity * sizeof *region->rows);
        CHECK(region->rows);
    }
    region->rows[region->row_count++] = (curve_row_t){
        .index = message->curve.index,
        .train_us = message->curve.train_us,
        .epoch = message->curve.epoch,
        .loss = message->curve.loss,
        .test_accuracy = message->curve.test_accuracy,
        .test_loss = message->curve.test_loss,
    };
}

static void s_take_curve(global_core_t *self, const message_t *message)
{
    size_t index = s_region_of(self, message);
    if (index == s_region_count(self))
        return;
    const message_t *report = self->regions[index].report;
    bool foreign = message->incarnation && message->incarnation == self->regions[index].foreign;
    if (!foreign && (!report || message->incarnation == report->incarnation))
        global_add_row(self, index, message);
}

void global_end(global_core_t *self, err_code_t code, const char *reason)
{
    self->failure = code;
    snprintf(self->reason, sizeof self->reason, "%s", reason);
    self->state = RUN_FAILED;
    self->finished = self->displaced = true;
}

/* The broker knows another process by this name. */
static bool s_is_taken(const message_t *message)
{
    return message->refused.kind == KIND_hello && message->refused.code == ERR_IN_USE;
}

/* A region has heard of a newer global scheduler: this one ends where it stands. */
static void s_take_refused(global_core_t *self, const message_t *message, int64_t now_us)
{
    size_t region = s_region_of(self, message);
    if (s_is_taken(message))
        global_end(self, ERR_IN_USE, message->refused.reason ? message->refused.reason : "another one runs");
    if (message->refused.incarnation != self->spec.incarnation || self->finished)
        return;
    if (message->refused.code == ERR_STALE)
        global_end(self, ERR_STALE, "a newer global scheduler of this job runs; this one ends");
    else if (message->refused.code == ERR_JOB && region < s_region_count(self))
        global_run_refused(self, region, message, now_us);
}

static actor_entry_t *s_actor(global_core_t *self, const char *name)
{
    size_t known = names_find(&self->names, name);
    if (known != SIZE_MAX)
        return &self->actors[known];
    if (self->actor_count == ACTORS_MAX)
        return NULL;
    if (self->actor_count == self->actor_capacity) {
        self->actor_capacity = self->actor_capacity ? 2 * self->actor_capacity : 64;
        self->actors = realloc(self->actors, self->actor_capacity * sizeof *self->actors);
        CHECK(self->actors);
    }
    names_set(&self->names, name, self->actor_count);
    actor_entry_t *actor = &self->actors[self->actor_count++];
    *actor = (actor_entry_t){.status = message_new(KIND_status, OWN_NAME, OWN_NAME)};
    message_set_name(actor->status->status.actor, name);
    return actor;
}

static void s_take_status(global_core_t *self, message_t **message_p, int64_t now_us)
{
    message_t *message = *message_p;
    size_t region = s_region_of(self, message);
    if (region == s_region_count(self) || !message->status.actor[0] ||
        (message->incarnation && message->incarnation == self->regions[region].foreign))
        return;
    actor_entry_t *actor = s_actor(self, message->status.actor);
    if (!actor || message->status.incarnation < actor->status->status.incarnation)
        return;
    message_destroy(&actor->status);
    actor->status = message;
    *message_p = NULL;
    actor->seen_us = now_us;
}

/* What a region's scheduler hands on of its broker's; a broker's own goes nowhere. */
static void s_take_link(global_core_t *self, message_t **message_p, int64_t now_us)
{
    size_t from = s_region_of(self, *message_p);
    size_t to = topology_region_index(self->spec.topology, (*message_p)->link_state.region);
    if (from == s_region_count(self) || to == SIZE_MAX || from == to)
        return;
    link_entry_t *link = &self->links[from * s_region_count(self) + to];
    message_destroy(&link->state);
    *link = (link_entry_t){.state = *message_p, .seen_us = now_us};
    *message_p = NULL;
}

static void s_show_picture(global_core_t *self, const message_t *want, int64_t now_us)
{
    message_t *picture = message_new(KIND_picture, want->from, OWN_NAME);
    if (self->picture) {
        picture->picture.age_us = now_us - self->pictured_us;
        picture->data = slice_of(self->picture, 0, buf_size(self->picture));
    }
    global_send(self, &picture);
}

void global_core_show(global_core_t *self, buf_t **picture_p, int64_t now_us)
{
    buf_destroy(&self->picture);
    if (*picture_p && buf_size(*picture_p) <= MESSAGE_DATA_MAX)
        self->picture = buf_ref(*picture_p);
    self->pictured_us = now_us;
    buf_destroy(picture_p);
}

static const char *s_waited_for(const global_core_t *self)
{
    for (size_t index = 0; index < s_region_count(self); index++) {
        const region_entry_t *region = &self->regions[index];
        if ((self->state == RUN_STARTING && !region->placed) ||
            (self->state == RUN_STOPPING && !s_is_over(region)))
            return region->scheduler;
    }
    return "";
}

static void s_show_self(global_core_t *self, int64_t now_us)
{
    static const char *const states[] = {
        [RUN_STARTING] = "starting", [RUN_TRAINING] = "running", [RUN_STOPPING] = "draining",
        [RUN_DONE] = "stopped",      [RUN_DRAINED] = "stopped",  [RUN_FAILED] = "failed",
    };
    actor_entry_t *own = s_actor(self, OWN_NAME);
    message_set_name(own->status->status.state, states[self->state]);
    message_set_name(own->status->status.waits_for, s_waited_for(self));
    own->status->status.pid = self->spec.pid;
    message_set_name(own->status->status.machine, self->machine);
    own->status->status.incarnation = self->spec.incarnation;
    own->status->status.since_us = (uint64_t)(now_us - self->since_us);
    own->seen_us = now_us;
}

static void s_message(void *core, message_t **message_p, int64_t now_us)
{
    global_core_t *self = core;
    switch (self->finished ? KIND_bye : (*message_p)->kind) {
    case KIND_region_report:
        s_take_report(self, message_p, now_us);
        break;
    case KIND_curve:
        s_take_curve(self, *message_p);
        break;
    case KIND_status:
        s_take_status(self, message_p, now_us);
        break;
    case KIND_link_state:
        s_take_link(self, message_p, now_us);
        break;
    case KIND_picture_want:
        s_show_picture(self, *message_p, now_us);
        break;
    case KIND_marked:
        global_mark_answer(self->mark, *message_p, now_us);
        break;
    case KIND_refused:
        s_take_refused(self, *message_p, now_us);
        break;
    case KIND_stop:
        global_begin_stop(self, false, (*message_p)->from, now_us);
        break;
    default: /* unreachable above all: regions come in any order and are told again by timers */
        break;
    }
    message_destroy(message_p);
    s_advance(self, now_us);
}

static void s_tick(void *core, int64_t now_us)
{
    s_advance(core, now_us);
}

static int64_t s_due(const void *core)
{
    const global_core_t *self = core;
    if (self->finished)
        return ROLE_NEVER;
    if (self->state < RUN_STOPPING) {
        int64_t mark_us = global_mark_due(self->mark), look_us = self->advanced_us + LOOK_US;
        int64_t due_us = mark_us < look_us ? mark_us : look_us, rent_us = global_rent_due(self);
        return rent_us < due_us ? rent_us : due_us;
    }
    if (s_ended(self))
        return self->farewell_us + (self->home_released ? LINGER_US : HOME_US);
    int64_t left_us = ROLE_NEVER - self->progress_us;
    int64_t patience_us = self->patience_us < left_us ? self->progress_us + self->patience_us : ROLE_NEVER;
    return patience_us < self->stop_next_us ? patience_us : self->stop_next_us;
}

static outbox_t *s_outbox(void *core)
{
    global_core_t *self = core;
    return &self->outbox;
}

static bool s_finished(const void *core)
{
    const global_core_t *self = core;
    return self->finished;
}

static void s_destroy(void **core_p)
{
    global_core_t *self = *core_p;
    if (!self)
        return;
    for (size_t index = 0; index < s_region_count(self); index++) {
        message_destroy(&self->regions[index].report);
        free(self->regions[index].rows);
    }
    for (size_t index = 0; index < self->actor_count; index++)
        message_destroy(&self->actors[index].status);
    for (size_t index = 0; index < s_region_count(self) * s_region_count(self); index++)
        message_destroy(&self->links[index].state);
    free(self->links);
    buf_destroy(&self->picture);
    free(self->actors);
    names_fini(&self->names);
    global_rent_fini(self);
    global_mark_destroy(&self->mark);
    outbox_fini(&self->outbox);
    free(self);
    *core_p = NULL;
}

/* ---- the contract ---- */

global_core_t *global_core_new(const global_spec_t *spec, int64_t now_us)
{
    global_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    topology_digest(spec->topology, self->digest);
    outbox_init(&self->outbox);
    self->links = calloc(s_region_count(self) * s_region_count(self) + 1, sizeof *self->links);
    CHECK(self->links);
    global_rent_init(self, now_us);
    self->mark = global_mark_new(spec->topology, spec->incarnation);
    self->since_us = self->advanced_us = self->listens_us = self->heard_us = now_us;
    self->foreign_us = -1;
    for (size_t index = 0; index < s_region_count(self); index++) {
        region_entry_t *region = &self->regions[index];
        snprintf(region->scheduler, sizeof region->scheduler, "scheduler/%s",
                 spec->topology->regions[index].name);
        region->seen_us = -1;
    }
    message_set_name(self->machine, spec->machine ? spec->machine : "");
    self->spec.machine = NULL;
    global_restore(self, now_us);
    self->spec.kept = NULL;
    s_show_self(self, now_us);
    return self;
}

run_state_t global_core_state(const global_core_t *self)
{
    return self->state;
}

void global_core_stop(global_core_t *self, int64_t patience_us, int64_t now_us)
{
    s_stop(self, false, GLOBAL_STOPPER_HERE, patience_us, now_us);
    s_advance(self, now_us);
}

void global_core_region_failed(global_core_t *self, size_t region_index, err_code_t code, const char *reason,
                               int64_t now_us)
{
    CHECK(region_index < s_region_count(self));
    region_entry_t *region = &self->regions[region_index];
    region->given_up = true;
    s_fail(self, code, region->scheduler, reason, now_us);
    s_advance(self, now_us);
}

link_view_t global_core_link(const global_core_t *self, size_t from, size_t to)
{
    CHECK(from < s_region_count(self) && to < s_region_count(self));
    const link_entry_t *link = &self->links[from * s_region_count(self) + to];
    return (link_view_t){.state = link->state, .seen_us = link->seen_us};
}

size_t global_core_actor_count(const global_core_t *self)
{
    return self->actor_count;
}

actor_view_t global_core_actor(const global_core_t *self, size_t index)
{
    CHECK(index < self->actor_count);
    return (actor_view_t){.status = self->actors[index].status, .seen_us = self->actors[index].seen_us};
}

region_view_t global_core_region(const global_core_t *self, size_t index)
{
    CHECK(index < s_region_count(self));
    const region_entry_t *region = &self->regions[index];
    return (region_view_t){
        .seen = region->seen_us >= 0,
        .seen_us = region->seen_us,
        .report = region->report,
        .curve = region->rows,
        .curve_count = region->row_count,
    };
}

void global_core_ask_mark(global_core_t *self, const char *name, bool fresh, int64_t now_us)
{
    global_mark_ask(self->mark, name, fresh, now_us);
}

const global_mark_t *global_core_mark(const global_core_t *self)
{
    return self->mark;
}

bool global_core_displaced(const global_core_t *self)
{
    return self->displaced;
}

err_code_t global_core_failure(const global_core_t *self, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = self->reason;
    return self->failure;
}

const char *global_core_stopper(const global_core_t *self)
{
    return self->stopper;
}

const char *global_core_machine(const global_core_t *self)
{
    return self->machine;
}

const role_t global_role = {
    .name = "scheduler",
    .message = s_message,
    .tick = s_tick,
    .due = s_due,
    .outbox = s_outbox,
    .finished = s_finished,
    .destroy = s_destroy,
};
