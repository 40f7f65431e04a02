#include "actors/scheduler/region/renting/region_rent.h"

#include "actors/kit/timers.h"
#include "codec/base/backoff.h"
#include "codec/base/grow.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_FIRST_US ((int64_t)1000000)
#define PAUSE_MOST_US ((int64_t)60000000)
#define STEADY_US ((int64_t)30000000) /* after being there so long a death counts as the first again */
#define LATE_US ((int64_t)2000000)    /* what an ended node said may arrive so long after */
#define RETURN_AGAIN_US                                                                                      \
    ((int64_t)30000000)             /* a unit that was returned and is still there is returned once more */
#define BACK_US ((int64_t)10000000) /* a predecessor's node that is there tells so within that time */

typedef enum {
    UNIT_FREE,      /* never rented, or ended */
    UNIT_ASKED,     /* the command was given */
    UNIT_HERE,      /* its node has announced itself */
    UNIT_RETURNING, /* told to leave; counts until it has ended */
    UNIT_PAUSING,   /* failed; wanted again later, costs nothing meanwhile */
} unit_state_t;

typedef struct {
    size_t offer;
    uint64_t number; /* K of OFFER-K */
    unit_state_t state;
    size_t shards; /* that it hosts, or that wait for it to come back */
    bool works;
    int64_t rented_us, next_us;
    backoff_t pause;
    int64_t here_us;   /* 0: its node has not been heard */
    int64_t before_us; /* from the command to the start of its node's process; -1: not known */
    bool inherited;    /* rented by a predecessor */
    uint64_t again;
} unit_t;

struct region_rent {
    region_rent_spec_t spec;
    int64_t started_us;
    bool wants, stay, done, stopping;
    uint64_t wanted[TOPOLOGY_OFFERS_MAX];
    int64_t rented_us[TOPOLOGY_OFFERS_MAX]; /* of units that have ended */
    uint64_t failures;
    int64_t start_us; /* from the command to the first work, of the newest that works */
    unit_t units[REGION_UNITS_MAX];
    size_t unit_count;
    rent_command_t *commands;
    size_t command_head, command_count, command_capacity;
    uint64_t issued;
};

region_rent_t *region_rent_new(const region_rent_spec_t *spec, int64_t now_us)
{
    region_rent_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    self->started_us = now_us;
    return self;
}

void region_rent_destroy(region_rent_t **self_p)
{
    if (*self_p)
        free((*self_p)->commands);
    free(*self_p);
    *self_p = NULL;
}

/* ---- units ---- */

static bool s_counts(const unit_t *unit)
{
    return unit->state == UNIT_ASKED || unit->state == UNIT_HERE || unit->state == UNIT_RETURNING;
}

static const char *s_offer_name(const region_rent_t *self, const unit_t *unit)
{
    return self->spec.region->offers[unit->offer].name;
}

static void s_name(const region_rent_t *self, const unit_t *unit, char ret_name[2 * TOPOLOGY_NAME_MAX])
{
    snprintf(ret_name, 2 * TOPOLOGY_NAME_MAX, "%s-%llu", s_offer_name(self, unit),
             (unsigned long long)unit->number);
}

static void s_command(region_rent_t *self, rent_verb_t verb, const unit_t *unit)
{
    self->commands =
        grow(self->commands, self->command_count, &self->command_capacity, sizeof *self->commands);
    rent_command_t *command = &self->commands[self->command_count++];
    self->issued++;
    *command = (rent_command_t){.verb = verb, .again = unit->again};
    snprintf(command->offer, sizeof command->offer, "%s", s_offer_name(self, unit));
    s_name(self, unit, command->name);
}

bool region_rent_take_command(region_rent_t *self, rent_command_t *ret_command)
{
    if (self->command_head == self->command_count) {
        self->command_head = self->command_count = 0;
        return false;
    }
    *ret_command = self->commands[self->command_head++];
    return true;
}

static size_t s_offer(const region_rent_t *self, const char *name)
{
    size_t index = 0;
    while (index < self->spec.region->offer_count && strcmp(self->spec.region->offers[index].name, name))
        index++;
    return index;
}

/* The number behind OFFER-, as it is written there; UINT64_MAX for a name that no unit has. */
static uint64_t s_number(const region_rent_t *self, size_t offer, const char *name)
{
    size_t length = strlen(self->spec.region->offers[offer].name);
    if (strncmp(name, self->spec.region->offers[offer].name, length) || name[length] != '-')
        return UINT64_MAX;
    const char *digits = name + length + 1;
    char own[24];
    uint64_t number = strtoull(digits, NULL, 10);
    snprintf(own, sizeof own, "%llu", (unsigned long long)number);
    return strcmp(own, digits) ? UINT64_MAX : number;
}

static unit_t *s_unit(region_rent_t *self, size_t offer, uint64_t number)
{
    for (size_t i = 0; i < self->unit_count; i++)
        if (self->units[i].offer == offer && self->units[i].number == number)
            return &self->units[i];
    return NULL;
}

static unit_t *s_find_unit(region_rent_t *self, const char *name)
{
    unit_t *unit = NULL;
    for (size_t offer = 0; offer < self->spec.region->offer_count && !unit; offer++) {
        uint64_t number = s_number(self, offer, name);
        unit = number == UINT64_MAX ? NULL : s_unit(self, offer, number);
    }
    return unit;
}

/* Ended ones are used again, so that a name's directory and its shards are. */
static unit_t *s_add_unit(region_rent_t *self, size_t offer, uint64_t number)
{
    unit_t *unit = s_unit(self, offer, number);
    if (!unit && self->unit_count == REGION_UNITS_MAX)
        return NULL;
    if (!unit)
        unit = &self->units[self->unit_count++];
    *unit = (unit_t){.offer = offer,
                     .number = number,
                     .pause = backoff_of(PAUSE_FIRST_US, PAUSE_MOST_US),
                     .before_us = -1};
    return unit;
}

static uint64_t s_least_free(const region_rent_t *self, size_t offer)
{
    for (uint64_t number = 0;; number++) {
        bool taken = false;
        for (size_t i = 0; i < self->unit_count; i++)
            taken |= self->units[i].offer == offer && self->units[i].number == number &&
                     self->units[i].state != UNIT_FREE;
        if (!taken)
            return number;
    }
}

static void s_end_unit(region_rent_t *self, unit_t *unit, int64_t now_us)
{
    if (s_counts(unit))
        self->rented_us[unit->offer] += now_us - unit->rented_us;
    unit->state = UNIT_FREE;
    unit->works = false;
    unit->next_us = now_us + LATE_US;
}

/* A machine of its own is still there when its node is not. */
static void s_clear(region_rent_t *self, const unit_t *unit)
{
    if (self->spec.outlive)
        s_command(self, RENT_CLEAR, unit);
}

/* It did not come, or died: again after a pause. */
static void s_fail_unit(region_rent_t *self, unit_t *unit, int64_t now_us)
{
    s_clear(self, unit);
    bool steady = unit->state == UNIT_HERE && now_us - unit->here_us >= STEADY_US;
    s_end_unit(self, unit, now_us);
    self->failures++;
    unit->again = steady ? 1 : unit->again + 1;
    if (steady)
        backoff_reset(&unit->pause);
    unit->state = UNIT_PAUSING;
    unit->next_us = now_us + backoff_next(&unit->pause);
}

static void s_start_unit(region_rent_t *self, unit_t *unit, int64_t now_us)
{
    unit->state = UNIT_ASKED;
    unit->rented_us = now_us;
    unit->here_us = 0;
    unit->before_us = -1;
    unit->inherited = unit->works = false;
    unit->next_us = now_us + self->spec.patience_us;
    s_command(self, RENT_START, unit);
}

static void s_return(region_rent_t *self, unit_t *unit, int64_t now_us)
{
    unit->state = UNIT_RETURNING;
    unit->next_us = now_us + RETURN_AGAIN_US;
    s_command(self, self->spec.outlive && !unit->here_us ? RENT_CLEAR : RENT_RETURN, unit);
}

/* ---- what is wanted ---- */

void region_rent_want(region_rent_t *self, const uint64_t *units, size_t count, bool stay, int64_t now_us)
{
    self->wants = true;
    self->stay = stay;
    for (size_t i = 0; i < self->spec.region->offer_count; i++)
        self->wanted[i] = i < count ? units[i] : 0;
    region_rent_tick(self, now_us);
}

void region_rent_work_done(region_rent_t *self, bool done)
{
    self->done = done;
}

void region_rent_stop(region_rent_t *self, int64_t now_us)
{
    if (self->stopping)
        return;
    self->stopping = true;
    for (size_t i = 0; self->spec.outlive && i < self->unit_count; i++)
        if (self->units[i].state == UNIT_ASKED)
            s_return(self, &self->units[i], now_us);
}

/* Of units that stay: wanted ones that pause are on their way as well. */
static uint64_t s_staying(const region_rent_t *self, size_t offer)
{
    uint64_t count = 0;
    for (size_t i = 0; i < self->unit_count; i++)
        count += self->units[i].offer == offer && self->units[i].state != UNIT_FREE &&
                 self->units[i].state != UNIT_RETURNING;
    return count;
}

/* Before others: what is not there yet, then what hosts fewer shards, then the newest. */
static bool s_goes_before(const unit_t *a, const unit_t *b)
{
    bool a_here = a->state == UNIT_HERE, b_here = b->state == UNIT_HERE;
    if (a_here != b_here)
        return !a_here;
    if (a->shards != b->shards)
        return a->shards < b->shards;
    return a->number > b->number;
}

static unit_t *s_first_to_go(region_rent_t *self, size_t offer)
{
    unit_t *first = NULL;
    for (size_t i = 0; i < self->unit_count; i++) {
        unit_t *unit = &self->units[i];
        bool stays = unit->state != UNIT_FREE && unit->state != UNIT_RETURNING;
        if (unit->offer == offer && stays && (!first || s_goes_before(unit, first)))
            first = unit;
    }
    return first;
}

static void s_drop_unit(region_rent_t *self, unit_t *unit, int64_t now_us)
{
    if (unit->state == UNIT_PAUSING)
        unit->state = UNIT_FREE;
    else
        s_return(self, unit, now_us);
}

/* All that the plan wants is there, and computes. */
static bool s_is_complete(const region_rent_t *self, int64_t now_us)
{
    uint64_t working[TOPOLOGY_OFFERS_MAX] = {0};
    for (size_t i = 0; i < self->unit_count; i++) {
        const unit_t *unit = &self->units[i];
        bool steady = now_us - unit->here_us >= STEADY_US;
        working[unit->offer] += unit->state == UNIT_HERE && (unit->works || steady);
    }
    for (size_t offer = 0; offer < self->spec.region->offer_count; offer++)
        if (working[offer] < self->wanted[offer])
            return false;
    return true;
}

/* A unit that may have shards, of which nobody else has as much, is needed until somebody can take them
 * over. */
static bool s_is_needed(const unit_t *unit, bool complete)
{
    bool here = unit->state == UNIT_HERE || (unit->inherited && unit->state == UNIT_ASKED);
    return here ? !complete : unit->shards > 0;
}

static void s_match(region_rent_t *self, size_t offer, bool complete, int64_t now_us)
{
    while (s_staying(self, offer) > self->wanted[offer]) {
        unit_t *unit = s_first_to_go(self, offer);
        if (s_is_needed(unit, complete))
            return; /* and so is every other */
        s_drop_unit(self, unit, now_us);
    }
    while (s_staying(self, offer) < self->wanted[offer] &&
           now_us - self->started_us >= self->spec.settle_us) {
        unit_t *unit = s_add_unit(self, offer, s_least_free(self, offer));
        if (!unit)
            return;
        s_start_unit(self, unit, now_us);
    }
}

/* Nothing is left to compute: what hosts no shard goes, whatever the plan says. */
static void s_return_idle(region_rent_t *self, int64_t now_us)
{
    bool hosts = false;
    for (size_t i = 0; i < self->unit_count; i++)
        hosts |= self->units[i].state == UNIT_HERE && self->units[i].shards > 0;
    for (size_t i = 0; hosts && i < self->unit_count; i++) {
        unit_t *unit = &self->units[i];
        bool goes = unit->state == UNIT_PAUSING || unit->state == UNIT_ASKED || unit->state == UNIT_HERE;
        if (goes && !unit->shards)
            s_drop_unit(self, unit, now_us);
    }
}

static void s_look_at_unit(region_rent_t *self, unit_t *unit, int64_t now_us)
{
    if (now_us < unit->next_us)
        return;
    if (unit->state == UNIT_ASKED) {
        if (!self->spec.outlive)
            s_command(self, RENT_RETURN, unit); /* whatever may still come of it */
        s_fail_unit(self, unit, now_us);
    } else if (unit->state == UNIT_PAUSING) {
        s_start_unit(self, unit, now_us);
    } else if (unit->state == UNIT_RETURNING) {
        s_return(self, unit, now_us);
    }
}

static void s_match_all(region_rent_t *self, int64_t now_us)
{
    bool complete = s_is_complete(self, now_us);
    for (size_t offer = 0; offer < self->spec.region->offer_count; offer++)
        s_match(self, offer, complete, now_us);
}

void region_rent_tick(region_rent_t *self, int64_t now_us)
{
    if (!self->wants || self->stopping)
        return;
    if (self->done && !self->stay)
        s_return_idle(self, now_us);
    else
        s_match_all(self, now_us);
    for (size_t i = 0; i < self->unit_count; i++)
        s_look_at_unit(self, &self->units[i], now_us);
}

int64_t region_rent_due(const region_rent_t *self)
{
    int64_t due = ROLE_NEVER, settled_us = self->started_us + self->spec.settle_us;
    if (!self->wants || self->stopping)
        return due;
    for (size_t i = 0; i < self->unit_count; i++) {
        const unit_t *unit = &self->units[i];
        if (unit->state != UNIT_FREE && unit->state != UNIT_HERE)
            due = timer_first(due, unit->next_us);
    }
    for (size_t offer = 0; !self->done && offer < self->spec.region->offer_count; offer++)
        if (s_staying(self, offer) < self->wanted[offer])
            due = timer_first(due, settled_us);
    return due;
}

/* ---- what is there ---- */

/* A unit that a predecessor rented is paid for since then, also while nobody counted: its node knows how old
 * it is. What is heard first may have been said long before, so that later ones count as well. */
static void s_take_over(unit_t *unit, int64_t age_us, int64_t now_us)
{
    int64_t rented_us = now_us - age_us - (unit->before_us > 0 ? unit->before_us : 0);
    if (unit->inherited && rented_us < unit->rented_us)
        unit->rented_us = rented_us;
    if (unit->before_us < 0)
        unit->before_us = now_us - age_us > unit->rented_us ? now_us - age_us - unit->rented_us : 0;
}

static void s_work(region_rent_t *self, unit_t *unit, int64_t now_us)
{
    if (!unit->works && !unit->inherited)
        self->start_us = now_us - unit->rented_us;
    unit->works = true;
}

void region_rent_seen(region_rent_t *self, const region_rent_node_t *node, int64_t now_us)
{
    const char *offer = node->offer, *name = node->name;
    size_t index = s_offer(self, offer);
    unit_t *unit = s_find_unit(self, name);
    if (index == self->spec.region->offer_count)
        return;
    if (unit && unit->state == UNIT_FREE && now_us < unit->next_us)
        return;
    if (!unit || unit->state == UNIT_FREE || unit->state == UNIT_PAUSING) {
        uint64_t number = s_number(self, index, name);
        unit = number == UINT64_MAX ? NULL : s_add_unit(self, index, number);
        if (!unit)
            return;
        unit->rented_us = now_us;
        unit->state = UNIT_ASKED;
    }
    unit->shards = node->shards;
    if (node->works)
        s_work(self, unit, now_us);
    s_take_over(unit, node->age_us, now_us);
    if (!unit->here_us)
        unit->here_us = now_us;
    if (unit->state == UNIT_ASKED)
        unit->state = UNIT_HERE;
}

void region_rent_ended(region_rent_t *self, const char *name, int64_t now_us)
{
    unit_t *unit = s_find_unit(self, name);
    if (!unit || !s_counts(unit))
        return;
    if (unit->state == UNIT_RETURNING && !unit->shards) {
        s_end_unit(self, unit, now_us);
    } else if (self->stopping || !self->wants) {
        s_clear(self, unit);
        s_end_unit(self, unit, now_us);
    } else {
        s_fail_unit(self, unit, now_us);
    }
}

void region_rent_gone(region_rent_t *self, const char *name, int64_t now_us)
{
    const unit_t *unit = s_find_unit(self, name);
    if (unit && unit->here_us)
        region_rent_ended(self, name, now_us);
}

void region_rent_hosts(region_rent_t *self, const char *name, size_t shards)
{
    unit_t *unit = s_find_unit(self, name);
    if (unit)
        unit->shards = shards;
}

void region_rent_works(region_rent_t *self, const char *name, int64_t now_us)
{
    unit_t *unit = s_find_unit(self, name);
    if (unit && unit->state == UNIT_HERE)
        s_work(self, unit, now_us);
}

bool region_rent_missed(const region_rent_t *self, size_t *at_p, char ret_name[2 * TOPOLOGY_NAME_MAX])
{
    while (*at_p < self->unit_count) {
        const unit_t *unit = &self->units[(*at_p)++];
        if (!unit->shards || (unit->state != UNIT_ASKED && unit->state != UNIT_PAUSING))
            continue;
        s_name(self, unit, ret_name);
        return true;
    }
    return false;
}

void region_rent_refused(region_rent_t *self, const char *name, int64_t now_us)
{
    unit_t *unit = s_find_unit(self, name);
    if (unit && unit->state == UNIT_ASKED && !unit->inherited)
        s_fail_unit(self, unit, now_us);
}

void region_rent_given_back(region_rent_t *self, const char *name, int64_t now_us)
{
    unit_t *unit = s_find_unit(self, name);
    if (unit && unit->state == UNIT_RETURNING && !unit->here_us)
        s_end_unit(self, unit, now_us);
}

/* ---- figures ---- */

bool region_rent_swaps(const region_rent_t *self)
{
    for (size_t offer = 0; offer < self->spec.region->offer_count; offer++)
        if (s_staying(self, offer) > self->wanted[offer])
            return self->wants && !self->stopping;
    return false;
}

bool region_rent_coming(const region_rent_t *self)
{
    bool coming = false;
    for (size_t i = 0; i < self->unit_count; i++)
        coming |= self->units[i].state == UNIT_ASKED || self->units[i].state == UNIT_PAUSING;
    return coming && self->wants && !self->stopping;
}

bool region_rent_wants(const region_rent_t *self)
{
    return self->wants;
}

bool region_rent_stays(const region_rent_t *self)
{
    return self->stay;
}

uint64_t region_rent_wanted(const region_rent_t *self, size_t offer)
{
    return self->wanted[offer];
}

uint64_t region_rent_wanted_all(const region_rent_t *self)
{
    uint64_t sum = 0;
    for (size_t offer = 0; offer < self->spec.region->offer_count; offer++)
        sum += self->wanted[offer];
    return sum;
}

uint64_t region_rent_present(const region_rent_t *self, size_t offer)
{
    uint64_t count = 0;
    for (size_t i = 0; i < self->unit_count; i++)
        count += self->units[i].offer == offer && self->units[i].state == UNIT_HERE;
    return count;
}

int64_t region_rent_us(const region_rent_t *self, size_t offer, int64_t now_us)
{
    int64_t sum = self->rented_us[offer];
    for (size_t i = 0; i < self->unit_count; i++)
        if (self->units[i].offer == offer && s_counts(&self->units[i]))
            sum += now_us - self->units[i].rented_us;
    return sum;
}

int64_t region_rent_start_us(const region_rent_t *self)
{
    return self->start_us;
}

uint64_t region_rent_failures(const region_rent_t *self)
{
    return self->failures;
}

uint64_t region_rent_issued(const region_rent_t *self)
{
    return self->issued;
}

/* ---- for a successor ---- */

void region_rent_restore(region_rent_t *self, const uint64_t *rented_us, size_t count, uint64_t failures)
{
    self->failures = failures;
    for (size_t offer = 0; offer < count && offer < self->spec.region->offer_count; offer++)
        self->rented_us[offer] = (int64_t)rented_us[offer];
}

void region_rent_put(const region_rent_t *self, message_t *state, int64_t now_us)
{
    region_state_rented_units_t *rows = message_set_rows(&state->region_state.rented_units, self->unit_count);
    size_t count = 0;
    for (size_t i = 0; i < self->unit_count; i++) {
        const unit_t *unit = &self->units[i];
        if (self->spec.outlive ? !s_counts(unit) : !unit->shards)
            continue;
        rows[count++] = (region_state_rented_units_t){.offer = unit->offer,
                                                      .number = unit->number,
                                                      .state = unit->state,
                                                      .rented_us = now_us - unit->rented_us,
                                                      .before_us = unit->before_us + 1,
                                                      .again = unit->again};
    }
    state->region_state.rented_units.count = count;
}

/* One that was there tells so soon; one that was on its way has all its time; one that was to go goes. */
static void s_inherit(region_rent_t *self, const region_state_rented_units_t *row, int64_t now_us)
{
    unit_t *unit = s_add_unit(self, row->offer, row->number);
    if (!unit)
        return;
    bool leaves = row->state == UNIT_RETURNING;
    int64_t patience_us = self->spec.patience_us;
    if (row->state == UNIT_HERE && patience_us > BACK_US)
        patience_us = BACK_US;
    unit->state = leaves ? UNIT_RETURNING : UNIT_ASKED;
    unit->inherited = true;
    unit->rented_us = now_us - row->rented_us;
    unit->before_us = row->before_us - 1;
    unit->again = row->again;
    unit->next_us = leaves ? now_us : now_us + patience_us;
    unit->shards = row->state == UNIT_HERE;         /* it may have some */
    self->rented_us[unit->offer] -= row->rented_us; /* was counted among what its offer had come to */
}

/* It ended with the predecessor; what it has on its disk nobody else has. */
static void s_begin_again(region_rent_t *self, const region_state_rented_units_t *row, int64_t now_us)
{
    unit_t *unit = s_add_unit(self, row->offer, row->number);
    if (!unit)
        return;
    unit->state = UNIT_PAUSING;
    unit->shards = 1;
    unit->next_us = now_us + self->spec.settle_us;
}

void region_rent_take(region_rent_t *self, const message_t *saved, int64_t now_us)
{
    for (size_t i = 0; i < saved->region_state.rented_units.count; i++) {
        const region_state_rented_units_t *row = &saved->region_state.rented_units.items[i];
        if (row->offer >= self->spec.region->offer_count)
            continue;
        if (self->spec.outlive)
            s_inherit(self, row, now_us);
        else
            s_begin_again(self, row, now_us);
    }
}
