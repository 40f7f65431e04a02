#include "actors/scheduler/global/global_mark.h"

#include "actors/kit/timers.h"
#include "actors/kit/mark_phase.h"
#include "actors/kit/role.h"
#include "codec/base/backoff.h"
#include "codec/wire/actor_name.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    wire_name_t name;
    bool answered; /* the phase that is under way */
} member_t;

struct global_mark {
    const topology_t *topology;
    uint64_t incarnation;
    member_t *members; /* (member_count) every shard of every region */
    size_t member_count, answered_count;
    mark_phase_t phase;
    uint64_t number; /* of the newest point begun */
    wire_name_t tag; /* of it */
    uint64_t begun;  /* how many times mark_every the newest point made, or left out, stands for */
    uint64_t wanted; /* the same of the point that is due */
    bool stopped;
    int64_t next_us, progress_us;
    backoff_t pause;  /* after a point that was given up */
    int64_t begin_us; /* the next one may begin; ROLE_NEVER: nothing has been heard of the job yet */
    uint64_t made, given_up;
    wire_name_t newest;
    global_mark_asked_t asked;
    bool fresh;       /* its name was never used */
    bool serves;      /* the point that is under way is the one that was asked for */
    uint64_t tries;   /* at it */
    int64_t asked_us; /* it may begin */
};

global_mark_t *global_mark_new(const topology_t *topology, uint64_t incarnation)
{
    global_mark_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->topology = topology;
    self->incarnation = incarnation;
    self->number = incarnation << 32;
    self->phase = PHASE_NONE;
    self->pause = backoff_of(GLOBAL_MARK_PAUSE_US, GLOBAL_MARK_PAUSE_LAST_US);
    self->begin_us = ROLE_NEVER;
    for (size_t r = 0; r < topology->region_count; r++)
        self->member_count += topology->regions[r].shards;
    self->members = calloc(self->member_count + 1, sizeof *self->members);
    CHECK(self->members);
    size_t at = 0;
    for (size_t r = 0; r < topology->region_count; r++)
        for (uint64_t k = 0; k < topology->regions[r].shards; k++)
            message_set_name(self->members[at++].name,
                             actor_name_numbered(ROLE_SHARD, topology->regions[r].name, k).text);
    return self;
}

void global_mark_destroy(global_mark_t **self_p)
{
    global_mark_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    free(self->members);
    free(self);
}

/* ---- one point ---- */

static void s_enter(global_mark_t *self, mark_phase_t phase, int64_t now_us)
{
    self->phase = phase;
    self->answered_count = 0;
    self->next_us = self->progress_us = now_us;
    for (size_t i = 0; i < self->member_count; i++)
        self->members[i].answered = false;
}

static void s_name(global_mark_t *self)
{
    double epoch = (double)self->wanted * self->topology->checkpoint.mark_every;
    char text[2 * WIRE_NAME_SIZE];
    int length = snprintf(text, sizeof text, "mark/epoch-%.9g", epoch);
    if (self->number != (UINT64_C(1) << 32 | self->wanted))
        snprintf(text + length, sizeof text - (size_t)length, ":%" PRIu64 ".%" PRIu64, self->number >> 32,
                 self->number & UINT32_MAX);
    message_set_name(self->tag, text);
}

/* The first attempt has the name as it was asked for, if nobody can mistake it for an earlier point. */
static void s_begin_asked(global_mark_t *self, int64_t now_us)
{
    char text[2 * WIRE_NAME_SIZE];
    self->number++;
    self->serves = true;
    int length = snprintf(text, sizeof text, "mark/%s", self->asked.name);
    if (self->tries++ || !self->fresh)
        snprintf(text + length, sizeof text - (size_t)length, ":%" PRIu64 ".%" PRIu64, self->number >> 32,
                 self->number & UINT32_MAX);
    message_set_name(self->tag, text);
    s_enter(self, PHASE_HOLD, now_us);
}

static void s_end_asked(global_mark_t *self, bool made, int64_t now_us)
{
    self->asked_us = now_us + GLOBAL_MARK_PAUSE_US;
    if (made)
        self->asked.state = MARK_MADE;
    else if (self->stopped || self->tries >= GLOBAL_MARK_TRIES)
        self->asked.state = MARK_FAILED;
    if (made)
        message_set_name(self->asked.tag, self->tag);
}

/* The number is that of the point's place where that is free, so that a name needs nothing behind it. */
static void s_begin_point(global_mark_t *self, int64_t now_us)
{
    uint64_t natural = self->incarnation << 32 | self->wanted;
    self->number = natural > self->number ? natural : self->number + 1;
    self->serves = false;
    s_name(self);
    s_enter(self, PHASE_HOLD, now_us);
}

static void s_end_point(global_mark_t *self, bool made, int64_t now_us)
{
    if (self->serves)
        s_end_asked(self, made, now_us);
    if (made) {
        self->made++;
        self->begun = self->serves ? self->begun : self->wanted;
        message_set_name(self->newest, self->tag);
        backoff_reset(&self->pause);
    } else if (self->serves) {
        self->given_up++;
    } else {
        self->given_up++;
        self->begin_us = now_us + backoff_next(&self->pause);
    }
    s_enter(self, PHASE_END, now_us);
}

/* A phase that everybody has answered is followed by the next. */
static void s_advance_point(global_mark_t *self, int64_t now_us)
{
    if (self->answered_count < self->member_count)
        return;
    if (self->phase == PHASE_HOLD)
        s_enter(self, PHASE_TAKE, now_us);
    else if (self->phase == PHASE_TAKE)
        s_end_point(self, true, now_us);
    else
        self->phase = PHASE_NONE;
}

/* ---- what is heard ---- */

static member_t *s_find_member(global_mark_t *self, const char *name)
{
    for (size_t i = 0; i < self->member_count; i++)
        if (!strcmp(self->members[i].name, name))
            return &self->members[i];
    return NULL;
}

/* A shard remembers points of an earlier scheduler that this one has never heard of. */
static void s_raise(global_mark_t *self, uint64_t newest)
{
    if (newest > self->number && newest < UINT64_MAX - 1)
        self->number = newest;
}

void global_mark_answer(global_mark_t *self, const message_t *message, int64_t now_us)
{
    member_t *member = s_find_member(self, message->from);
    if (message->kind != KIND_marked || !member || self->phase == PHASE_NONE)
        return;
    bool stale = message->marked.code == ERR_STALE && message->marked.point >= self->number;
    if (self->phase == PHASE_TAKE && message->marked.phase == PHASE_HOLD && !message->marked.code &&
        message->marked.point == self->number)
        self->progress_us = now_us; /* it is being written */
    if (message->marked.phase != self->phase || (message->marked.point != self->number && !stale))
        return;
    if (message->marked.code && self->phase != PHASE_END) {
        s_end_point(self, false, now_us);
        if (stale) {
            s_raise(self, message->marked.point);
            if (self->serves)
                self->asked_us = now_us;
            else
                self->begin_us = now_us;
        }
        return;
    }
    self->answered_count += !member->answered;
    self->progress_us = member->answered ? self->progress_us : now_us;
    member->answered = true;
    s_advance_point(self, now_us);
}

/* A later scheduler does not make anew what lies behind the job; where the job is, the shards
 * tell within this time. */
static bool s_settled(global_mark_t *self, uint64_t place, int64_t now_us)
{
    if (self->begin_us == ROLE_NEVER)
        self->begin_us = now_us + (self->incarnation > 1 ? GLOBAL_MARK_SETTLE_US : 0);
    if (now_us >= self->begin_us)
        return true;
    if (self->number == self->incarnation << 32)
        self->begun = self->wanted = place;
    return false;
}

void global_mark_reached(global_mark_t *self, uint64_t samples, uint64_t epoch_samples, int64_t now_us)
{
    double every = self->topology->checkpoint.mark_every;
    if (!(every > 0) || epoch_samples == 0 || self->stopped)
        return;
    double epochs = (double)samples / (double)epoch_samples;
    double places = floor(epochs / every + 1e-9); /* 0.3 is three times 0.1 */
    bool ends = epochs >= (double)self->topology->job.epochs;
    bool idle = self->phase == PHASE_NONE || self->phase == PHASE_END;
    if (!idle || ends || !(places < UINT32_MAX) || !s_settled(self, (uint64_t)places, now_us))
        return;
    /* A point that was due and not made stays due under its name, so that at most one name is
     * without a whole point. */
    if (self->wanted == self->begun && places > (double)self->begun)
        self->wanted = (uint64_t)places;
    if (self->wanted > self->begun)
        s_begin_point(self, now_us);
}

void global_mark_stop(global_mark_t *self, int64_t now_us)
{
    self->stopped = true;
    if (self->phase == PHASE_HOLD || self->phase == PHASE_TAKE)
        s_end_point(self, false, now_us);
    if (self->asked.state == MARK_AWAITED)
        self->asked.state = MARK_FAILED;
}

/* ---- a point that is asked for ---- */

bool global_mark_name_fits(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t length = strlen(name);
    bool own = strncmp(name, "epoch-", strlen("epoch-")) == 0;
    bool spelt = length && strspn(name, letters) == length && !strchr("-_.", name[0]);
    return spelt && !own && length <= GLOBAL_MARK_NAME_MAX;
}

void global_mark_ask(global_mark_t *self, const char *name, bool fresh, int64_t now_us)
{
    if (self->asked.state == MARK_AWAITED || !global_mark_name_fits(name))
        return;
    self->asked = (global_mark_asked_t){.state = self->stopped ? MARK_FAILED : MARK_AWAITED};
    snprintf(self->asked.name, sizeof self->asked.name, "%s", name);
    self->fresh = fresh;
    self->tries = 0;
    self->asked_us = now_us;
}

const global_mark_asked_t *global_mark_asked(const global_mark_t *self)
{
    return &self->asked;
}

/* ---- time ---- */

/* The hold is told to those too who have answered: they give it up when they hear nothing for long. */
static void s_tell_members(const global_mark_t *self, outbox_t *outbox)
{
    for (size_t i = 0; i < self->member_count; i++) {
        if (self->members[i].answered && self->phase != PHASE_HOLD)
            continue;
        message_t *message = message_new(KIND_mark, self->members[i].name, ACTOR_GLOBAL);
        message->incarnation = self->incarnation;
        message->number = message->mark.point = self->number;
        message_set_name(message->mark.tag, self->tag);
        message->mark.phase = self->phase;
        outbox_add(outbox, &message);
    }
}

/* When the point that was asked for may begin; a later scheduler first hears where the job is. */
static int64_t s_asked_due(const global_mark_t *self)
{
    bool idle = self->phase == PHASE_NONE || self->phase == PHASE_END;
    bool unsettled = self->topology->checkpoint.mark_every > 0 && self->incarnation > 1 &&
                     self->number == self->incarnation << 32;
    if (!idle || self->asked.state != MARK_AWAITED)
        return ROLE_NEVER;
    return unsettled && self->begin_us > self->asked_us ? self->begin_us : self->asked_us;
}

void global_mark_tick(global_mark_t *self, int64_t now_us, outbox_t *outbox)
{
    bool impatient = self->phase != PHASE_NONE && now_us - self->progress_us >= GLOBAL_MARK_PATIENCE_US;
    if (impatient && self->phase == PHASE_END)
        self->phase = PHASE_NONE; /* who has not heard of the end finds it by itself */
    else if (impatient)
        s_end_point(self, false, now_us);
    if (now_us >= s_asked_due(self))
        s_begin_asked(self, now_us);
    if (self->phase == PHASE_NONE || now_us < self->next_us)
        return;
    self->next_us = now_us + GLOBAL_MARK_REPEAT_US;
    s_tell_members(self, outbox);
}

int64_t global_mark_due(const global_mark_t *self)
{
    return timer_first(s_asked_due(self), self->phase == PHASE_NONE ? ROLE_NEVER : self->next_us);
}

/* ---- what others see ---- */

uint64_t global_mark_made(const global_mark_t *self)
{
    return self->made;
}

uint64_t global_mark_given_up(const global_mark_t *self)
{
    return self->given_up;
}

const char *global_mark_newest(const global_mark_t *self)
{
    return self->newest;
}
