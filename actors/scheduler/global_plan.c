#include "actors/scheduler/global_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CORE_LEAST_S 3.0 /* measured computing that says something about a speed */
#define LINK_BUSY 0.6 /* part of its measured rate that a link must carry for the measure to be its limit */
#define MATCH_SLOWER 1.02 /* `match`: a cheaper plan may take so much longer */

typedef struct {
    message_t *report; /* newest; NULL: none yet */
    int64_t since_us;  /* of the window */
    uint64_t computed; /* and what was counted at its beginning */
    double core_s;
    uint64_t sent[TOPOLOGY_REGIONS_MAX];
    double speed;                                /* measured / assumed, 0: not yet */
    double rates[TOPOLOGY_REGIONS_MAX];          /* measured bytes per second to each region, 0: as assumed */
    int64_t lacks_since_us[TOPOLOGY_OFFERS_MAX]; /* fewer are there than were rented; 0: not so */
    int64_t lack_until_us[TOPOLOGY_OFFERS_MAX];  /* fewer are to be had; 0: not so */
    uint64_t had[TOPOLOGY_OFFERS_MAX];
} measured_t;

/* What the plan that runs was made for. */
typedef struct {
    double speed[TOPOLOGY_REGIONS_MAX], free_power[TOPOLOGY_REGIONS_MAX];
    double rates[TOPOLOGY_REGIONS_MAX]; /* least of a region's links / assumed */
    bool lacks[TOPOLOGY_REGIONS_MAX];
} made_for_t;

struct global_plan {
    const topology_t *topology;
    global_plan_with_t with;
    measured_t regions[TOPOLOGY_REGIONS_MAX];
    made_for_t made_for;
    topology_t *rest; /* the topology with what is to be had and measured */
    job_t rest_job;
    plan_input_t input; /* of the two */
    plan_t current, next;
    bool changed;
    double spent;
    int64_t began_us, look_us;
    uint64_t number;
    global_plan_entry_t *entries;
    size_t entry_count;
};

/* ---- what is left ---- */

static plan_objective_t s_objective(const global_plan_t *self)
{
    return (plan_objective_t)self->topology->plan.objective;
}

/* The rest of a region's batches as one epoch. */
static void s_rest_of(global_plan_t *self, size_t r)
{
    const job_region_t *all = &self->with.job.regions[r];
    const message_t *report = self->regions[r].report;
    uint64_t total = all->samples * self->with.job.epochs, done = report ? report->region_report.samples : 0;
    job_region_t *rest = &self->rest_job.regions[r];
    *rest = *all;
    rest->samples = done < total ? total - done : 0;
    rest->steps_per_epoch =
        total ? (uint64_t)((double)all->steps * (double)rest->samples / (double)total) : 0;
}

static void s_limit_units(global_plan_t *self, size_t r, int64_t now_us)
{
    measured_t *region = &self->regions[r];
    topology_region_t *rest = &self->rest->regions[r];
    for (size_t i = 0; i < rest->offer_count; i++) {
        if (region->lack_until_us[i] && now_us >= region->lack_until_us[i])
            region->lack_until_us[i] = 0;
        if (region->lack_until_us[i] && region->had[i] < rest->offers[i].count)
            rest->offers[i].count = region->had[i];
    }
}

static void s_set_rates(global_plan_t *self)
{
    for (size_t i = 0; i < self->rest->link_count; i++) {
        topology_link_t *link = &self->rest->links[i];
        double a = self->regions[link->between[0]].rates[link->between[1]],
               b = self->regions[link->between[1]].rates[link->between[0]];
        double rate = a > 0 && (b <= 0 || a < b) ? a : b;
        if (rate > 0)
            link->rate_bytes_per_s = (uint64_t)rate;
    }
}

/* The input of a plan for what is left of the run. */
static void s_prepare(global_plan_t *self, int64_t now_us)
{
    *self->rest = *self->topology;
    self->rest_job = self->with.job;
    self->rest_job.epochs = 1;
    self->input = (plan_input_t){.topology = self->rest,
                                 .job = &self->rest_job,
                                 .samples_per_s = self->with.samples_per_s,
                                 .delta_bytes = self->with.delta_bytes,
                                 .last_bytes = self->with.last_bytes,
                                 .start_s = self->number ? 0 : self->with.start_s};
    for (size_t r = 0; r < self->topology->region_count; r++) {
        const message_t *report = self->regions[r].report;
        s_rest_of(self, r);
        s_limit_units(self, r, now_us);
        self->input.speed[r] = self->regions[r].speed;
        self->input.free_power[r] =
            report && report->region_report.free_power > 0 ? report->region_report.free_power : 0;
    }
    s_set_rates(self);
}

static double s_limit(const global_plan_t *self, int64_t now_us)
{
    const topology_t *topology = self->topology;
    double age_s = self->number ? (double)(now_us - self->began_us) / 1e6 : 0;
    if (s_objective(self) == PLAN_DEADLINE)
        return (double)topology->plan.deadline_us / 1e6 - age_s;
    return topology->plan.budget - self->spent;
}

/* ---- measuring ---- */

static uint64_t s_item(const wire_u64s_t *items, size_t index)
{
    return index < items->count ? items->items[index] : 0;
}

static void s_begin_window(measured_t *self, const message_t *report, int64_t now_us)
{
    self->since_us = now_us;
    self->computed = report->region_report.computed;
    self->core_s = report->region_report.core_s;
    for (size_t other = 0; other < TOPOLOGY_REGIONS_MAX; other++)
        self->sent[other] = s_item(&report->region_report.link_sent, other);
}

/* A measured rate is the link's limit where it is kept busy; and one above the assumed is one in any case. */
static void s_measure_links(global_plan_t *self, size_t r, const message_t *report, double window_s)
{
    measured_t *region = &self->regions[r];
    for (size_t other = 0; other < self->topology->region_count; other++) {
        const topology_link_t *link = other == r ? NULL : topology_link(self->topology, r, other);
        double rate = (double)s_item(&report->region_report.link_rates, other);
        double sent =
            (double)(s_item(&report->region_report.link_sent, other) - region->sent[other]) / window_s;
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
        uint64_t present = s_item(&report->region_report.units, i);
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

void global_plan_spent(global_plan_t *self, double cost)
{
    self->spent = cost;
}

void global_plan_reread(global_plan_t *self)
{
    self->changed = true;
    self->look_us = 0;
}

/* ---- why ---- */

static double s_worst_rate(const global_plan_t *self, size_t r)
{
    double worst = 1;
    for (size_t other = 0; other < self->topology->region_count; other++) {
        const topology_link_t *link = other == r ? NULL : topology_link(self->topology, r, other);
        double rate = self->regions[r].rates[other];
        if (link && rate > 0 && link->rate_bytes_per_s)
            worst = fmin(worst, rate / (double)link->rate_bytes_per_s);
    }
    return worst;
}

static bool s_lacks(const global_plan_t *self, size_t r)
{
    for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
        if (self->regions[r].lack_until_us[i])
            return true;
    return false;
}

static double s_known(double speed)
{
    return speed > 0 ? speed : 1;
}

static bool s_is_off(double now, double then)
{
    return fabs(now / then - 1) > GLOBAL_PLAN_OFF;
}

/* What has changed most since the plan that runs was made. */
static global_plan_entry_t s_why(const global_plan_t *self)
{
    const made_for_t *then = &self->made_for;
    if (self->changed)
        return (global_plan_entry_t){.because = BECAUSE_FILE};
    for (size_t r = 0; r < self->topology->region_count; r++) {
        if (s_lacks(self, r) && !then->lacks[r])
            return (global_plan_entry_t){.because = BECAUSE_LOST, .region = r};
        if (self->input.free_power[r] > then->free_power[r] || (!s_lacks(self, r) && then->lacks[r]))
            return (global_plan_entry_t){.because = BECAUSE_JOINED, .region = r};
        if (self->input.free_power[r] < then->free_power[r])
            return (global_plan_entry_t){.because = BECAUSE_LOST, .region = r};
    }
    global_plan_entry_t why = {.because = BECAUSE_REST};
    for (size_t r = 0; r < self->topology->region_count; r++) {
        double speed = s_known(self->input.speed[r]), rate = s_worst_rate(self, r);
        if (s_is_off(speed, s_known(then->speed[r])) &&
            (why.because != BECAUSE_SPEED || fabs(log(speed)) > fabs(log(why.value))))
            why = (global_plan_entry_t){.because = BECAUSE_SPEED, .region = r, .value = speed};
        if (why.because == BECAUSE_REST && s_is_off(rate, then->rates[r] > 0 ? then->rates[r] : 1))
            why = (global_plan_entry_t){.because = BECAUSE_LINK, .region = r, .value = rate};
    }
    return why;
}

const char *global_plan_reason(const global_plan_entry_t *entry, const topology_t *topology,
                               char out[GLOBAL_PLAN_REASON_MAX])
{
    const char *region = topology->regions[entry->region].name;
    const char *const texts[] = {[BECAUSE_START] = "the run begins",
                                 [BECAUSE_FILE] = "prices, offers or links in the topology have changed",
                                 [BECAUSE_LOST] = "lacks nodes that were there or rented",
                                 [BECAUSE_JOINED] = "has further nodes",
                                 [BECAUSE_SPEED] = "of the speed that was assumed",
                                 [BECAUSE_LINK] = "of the rate that its links were assumed to have",
                                 [BECAUSE_REST] = "less is left to do"};
    bool bare = entry->because <= BECAUSE_FILE || entry->because == BECAUSE_REST;
    bool figure = entry->because == BECAUSE_SPEED || entry->because == BECAUSE_LINK;
    if (bare)
        snprintf(out, GLOBAL_PLAN_REASON_MAX, "%s", texts[entry->because]);
    else if (figure)
        snprintf(out, GLOBAL_PLAN_REASON_MAX, "%s has %.2f %s", region, entry->value, texts[entry->because]);
    else
        snprintf(out, GLOBAL_PLAN_REASON_MAX, "%s %s", region, texts[entry->because]);
    return out;
}

/* ---- whether it pays ---- */

/* What is rented goes on in a region that has done its part: who hosts its shards is not known here. */
static void s_leave_done(global_plan_t *self, plan_t *plan)
{
    for (size_t r = 0; r < self->topology->region_count; r++)
        if (!self->rest_job.regions[r].samples)
            memcpy(plan->regions[r].units, self->current.regions[r].units, sizeof plan->regions[r].units);
}

static void s_going_on(global_plan_t *self, plan_t *ret_plan)
{
    *ret_plan = self->current;
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
            if (ret_plan->regions[r].units[i] > self->rest->regions[r].offers[i].count)
                ret_plan->regions[r].units[i] = self->rest->regions[r].offers[i].count;
    plan_evaluate(&self->input, ret_plan);
}

/* Price per second of what the new plan rents and the old one has not. */
static double s_started(const global_plan_t *self, const plan_t *from, const plan_t *to)
{
    double price = 0;
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
            if (to->regions[r].units[i] > from->regions[r].units[i])
                price += (double)(to->regions[r].units[i] - from->regions[r].units[i]) *
                         self->topology->regions[r].offers[i].price_per_s;
    return price;
}

static bool s_differs(const global_plan_t *self, const plan_t *a, const plan_t *b)
{
    for (size_t r = 0; r < self->topology->region_count; r++)
        if (memcmp(a->regions[r].units, b->regions[r].units, sizeof a->regions[r].units))
            return true;
    return false;
}

typedef struct {
    bool quicker, cheaper; /* by more than it takes */
    bool slower;
} gain_t;

static gain_t s_gain(const global_plan_t *self, const plan_t *now, const plan_t *next)
{
    double start_s = self->with.start_s, own = s_started(self, now, next) * start_s;
    if (!isfinite(now->run_s)) /* a region has nothing left that computes */
        return (gain_t){.quicker = isfinite(next->run_s), .cheaper = isfinite(next->run_s)};
    double saved_s = (now->run_s - next->run_s) * fmax(0, 1 - start_s / fmax(next->run_s, 1e-9));
    return (gain_t){.quicker = saved_s > GLOBAL_PLAN_GAIN * now->run_s,
                    .cheaper = now->cost - next->cost - own > GLOBAL_PLAN_GAIN * now->cost,
                    .slower = next->run_s > now->run_s * MATCH_SLOWER};
}

static bool s_pays(const global_plan_t *self, const plan_t *now, const plan_t *next, double limit)
{
    gain_t gain = s_gain(self, now, next);
    switch (s_objective(self)) {
    case PLAN_EVERYTHING:
        return true;
    case PLAN_CHEAPEST:
        return gain.cheaper;
    case PLAN_DEADLINE:
        return now->run_s > limit ? gain.quicker : gain.cheaper && next->run_s <= limit;
    case PLAN_BUDGET:
        return now->cost > limit ? gain.cheaper : gain.quicker && next->cost <= limit;
    default: /* match and fastest: time first, then money for no more time */
        return gain.quicker || (gain.cheaper && !gain.slower);
    }
}

/* ---- taking a plan ---- */

static void s_note(global_plan_t *self, global_plan_entry_t entry, int64_t now_us)
{
    entry.at_us = now_us - self->began_us;
    entry.predicted_s = (double)entry.at_us / 1e6 + self->current.run_s;
    entry.predicted_cost = self->spent + self->current.cost;
    for (size_t r = 0; r < self->topology->region_count; r++)
        memcpy(entry.units[r], self->current.regions[r].units, sizeof entry.units[r]);
    if (self->entry_count == GLOBAL_PLAN_ENTRIES_MAX)
        memmove(self->entries + 1, self->entries + 2, (--self->entry_count - 1) * sizeof *self->entries);
    self->entries[self->entry_count++] = entry;
}

static void s_take(global_plan_t *self, const plan_t *plan, global_plan_entry_t why, int64_t now_us)
{
    self->current = *plan;
    self->number++;
    self->changed = false;
    s_note(self, why, now_us);
    made_for_t *made_for = &self->made_for;
    for (size_t r = 0; r < self->topology->region_count; r++) {
        made_for->speed[r] = self->input.speed[r];
        made_for->free_power[r] = self->input.free_power[r];
        made_for->rates[r] = s_worst_rate(self, r);
        made_for->lacks[r] = s_lacks(self, r);
    }
}

static bool s_known_everywhere(const global_plan_t *self)
{
    for (size_t r = 0; r < self->topology->region_count; r++)
        if (!self->regions[r].report || !self->regions[r].report->region_report.placed)
            return false;
    return true;
}

static bool s_replan(global_plan_t *self, int64_t now_us)
{
    s_prepare(self, now_us);
    plan_t *now = &self->next, *next = malloc(sizeof *next);
    CHECK(next);
    double limit = s_limit(self, now_us);
    err_code_t rc = plan_make(&self->input, s_objective(self), limit, next, NULL);
    bool made = !rc || rc == ERR_LIMIT;
    if (made) {
        s_leave_done(self, next);
        plan_evaluate(&self->input, next);
        s_going_on(self, now);
        made = s_differs(self, next, &self->current) && s_pays(self, now, next, limit);
    }
    global_plan_entry_t why = s_why(self);
    self->changed = false;
    if (made)
        s_take(self, next, why, now_us);
    free(next);
    return made;
}

bool global_plan_tick(global_plan_t *self, int64_t now_us)
{
    if (now_us < self->look_us || !s_known_everywhere(self))
        return false;
    self->look_us = now_us + GLOBAL_PLAN_LOOK_US;
    return s_replan(self, now_us);
}

int64_t global_plan_due(const global_plan_t *self)
{
    return s_known_everywhere(self) ? self->look_us : INT64_MAX;
}

/* ---- life ---- */

err_code_t global_plan_new(const topology_t *topology, const global_plan_with_t *with, int64_t now_us,
                           global_plan_t **ret_self, err_t *err)
{
    global_plan_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->topology = topology;
    self->with = *with;
    self->began_us = now_us;
    self->look_us = now_us + GLOBAL_PLAN_LOOK_US;
    self->rest = malloc(sizeof *self->rest);
    self->entries = calloc(GLOBAL_PLAN_ENTRIES_MAX, sizeof *self->entries);
    CHECK(self->rest && self->entries);
    s_prepare(self, now_us);
    err_code_t rc = plan_make(&self->input, s_objective(self), s_limit(self, now_us), &self->next, err);
    if (rc && rc != ERR_LIMIT) {
        global_plan_destroy(&self);
        return rc;
    }
    s_take(self, &self->next, (global_plan_entry_t){.because = BECAUSE_START}, now_us);
    *ret_self = self;
    return ERR_OK;
}

void global_plan_destroy(global_plan_t **self_p)
{
    global_plan_t *self = *self_p;
    if (!self)
        return;
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        message_destroy(&self->regions[r].report);
    free(self->rest);
    free(self->entries);
    free(self);
    *self_p = NULL;
}

/* ---- figures ---- */

uint64_t global_plan_number(const global_plan_t *self)
{
    return self->number;
}

bool global_plan_keeps(const global_plan_t *self)
{
    return s_objective(self) == PLAN_EVERYTHING;
}

int64_t global_plan_age_us(const global_plan_t *self, int64_t now_us)
{
    return now_us - self->began_us;
}

const global_plan_entry_t *global_plan_newest(const global_plan_t *self)
{
    return &self->entries[self->entry_count - 1];
}

size_t global_plan_count(const global_plan_t *self)
{
    return self->entry_count;
}

const global_plan_entry_t *global_plan_at(const global_plan_t *self, size_t index)
{
    CHECK(index < self->entry_count);
    return &self->entries[index];
}

/* ---- for a successor ---- */

#define ENTRY_WORDS 6

static uint64_t s_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double s_value(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static size_t s_entry_words(const global_plan_t *self)
{
    size_t words = ENTRY_WORDS;
    for (size_t r = 0; r < self->topology->region_count; r++)
        words += self->topology->regions[r].offer_count;
    return words;
}

void global_plan_put(const global_plan_t *self, int64_t now_us, message_t *state)
{
    size_t count = 0;
    uint64_t *words = calloc(1 + self->entry_count * s_entry_words(self), sizeof *words);
    CHECK(words);
    words[count++] = self->number;
    for (size_t e = 0; e < self->entry_count; e++) {
        const global_plan_entry_t *entry = &self->entries[e];
        words[count++] = (uint64_t)entry->at_us;
        words[count++] = entry->because;
        words[count++] = entry->region;
        words[count++] = s_bits(entry->value);
        words[count++] = s_bits(entry->predicted_s);
        words[count++] = s_bits(entry->predicted_cost);
        for (size_t r = 0; r < self->topology->region_count; r++)
            for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
                words[count++] = entry->units[r][i];
    }
    message_set_u64s(&state->global_state.plans, words, count);
    state->global_state.planned_us = now_us - self->began_us;
    free(words);
}

static void s_take_entry(global_plan_t *self, const uint64_t *words)
{
    global_plan_entry_t *entry = &self->entries[self->entry_count++];
    *entry = (global_plan_entry_t){.at_us = (int64_t)words[0],
                                   .because = words[1] <= BECAUSE_REST ? (because_t)words[1] : BECAUSE_REST,
                                   .region = words[2] < self->topology->region_count ? words[2] : 0,
                                   .value = s_value(words[3]),
                                   .predicted_s = s_value(words[4]),
                                   .predicted_cost = s_value(words[5])};
    size_t at = ENTRY_WORDS;
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
            entry->units[r][i] = words[at++];
}

void global_plan_take(global_plan_t *self, const message_t *state, int64_t now_us)
{
    const wire_u64s_t *words = &state->global_state.plans;
    size_t each = s_entry_words(self);
    if (words->count < 1 + each || (words->count - 1) % each ||
        words->count > 1 + each * GLOBAL_PLAN_ENTRIES_MAX)
        return;
    self->entry_count = 0;
    for (size_t at = 1; at < words->count; at += each)
        s_take_entry(self, words->items + at);
    self->number = words->items[0];
    self->began_us = now_us - state->global_state.planned_us;
    for (size_t r = 0; r < self->topology->region_count; r++)
        memcpy(self->current.regions[r].units, global_plan_newest(self)->units[r],
               sizeof self->current.regions[r].units);
}
