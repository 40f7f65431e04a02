#include "actors/scheduler/global/global_plan_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_SLOWER 1.02 /* `match`: a cheaper plan may take so much longer */

/* ---- what is left ---- */

static objective_t s_objective(const global_plan_t *self)
{
    return self->topology->plan.objective;
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
    if (s_objective(self) == OBJECTIVE_DEADLINE)
        return (double)topology->plan.deadline_us / 1e6 - age_s;
    return topology->plan.budget - self->spent;
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

/* The largest change since the plan that runs was made: the reason that is logged for a new one. */
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

/* A region that has done its part keeps all that it rents: who hosts its shards is not known here. */
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

static gain_t s_gain(const plan_t *now, swap_t swap)
{
    if (!isfinite(now->run_s)) /* a region has nothing left that computes */
        return (gain_t){.quicker = isfinite(swap.run_s), .cheaper = isfinite(swap.run_s)};
    return (gain_t){.quicker = now->run_s - swap.run_s > GLOBAL_PLAN_GAIN * now->run_s,
                    .cheaper = now->cost - swap.cost > GLOBAL_PLAN_GAIN * now->cost,
                    .slower = swap.run_s > now->run_s * MATCH_SLOWER};
}

static bool s_pays(const global_plan_t *self, const plan_t *now, swap_t swap, double limit)
{
    gain_t gain = s_gain(now, swap);
    switch (s_objective(self)) {
    case OBJECTIVE_EVERYTHING:
    case OBJECTIVE_UNTIL_DONE:
        return true;
    case OBJECTIVE_CHEAPEST:
        return gain.cheaper;
    case OBJECTIVE_DEADLINE:
        return now->run_s > limit ? gain.quicker : gain.cheaper && swap.run_s <= limit;
    case OBJECTIVE_BUDGET:
        return now->cost > limit ? gain.cheaper : gain.quicker && swap.cost <= limit;
    default: /* match and fastest: time first, then money for no more time */
        return gain.quicker || (gain.cheaper && !gain.slower);
    }
}

/* ---- taking a plan ---- */

static void s_note(global_plan_t *self, global_plan_entry_t entry, swap_t rest, int64_t now_us)
{
    entry.at_us = now_us - self->began_us;
    entry.predicted_s = (double)entry.at_us / 1e6 + rest.run_s;
    entry.predicted_cost = self->spent + rest.cost;
    for (size_t r = 0; r < self->topology->region_count; r++)
        memcpy(entry.units[r], self->current.regions[r].units, sizeof entry.units[r]);
    if (self->entry_count == GLOBAL_PLAN_ENTRIES_MAX)
        memmove(self->entries + 1, self->entries + 2, (--self->entry_count - 1) * sizeof *self->entries);
    self->entries[self->entry_count++] = entry;
}

static void s_take_plan(global_plan_t *self, const plan_t *plan, swap_t rest, global_plan_entry_t why,
                        int64_t now_us)
{
    self->current = *plan;
    self->number++;
    self->changed = false;
    s_note(self, why, rest, now_us);
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
    swap_t swap = {0};
    if (made) {
        s_leave_done(self, next);
        plan_evaluate(&self->input, next);
        s_going_on(self, now);
        swap = global_plan_swap(self, now, next);
        made = s_differs(self, next, &self->current) && s_pays(self, now, swap, limit);
    }
    global_plan_entry_t why = s_why(self);
    self->changed = false;
    if (made)
        s_take_plan(self, next, swap, why, now_us);
    free(next);
    return made;
}

bool global_plan_tick(global_plan_t *self, int64_t now_us)
{
    if (now_us < global_plan_due(self))
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
    swap_t whole = {.run_s = self->next.run_s, .cost = self->next.cost};
    s_take_plan(self, &self->next, whole, (global_plan_entry_t){.because = BECAUSE_START}, now_us);
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

bool global_plan_stays(const global_plan_t *self)
{
    return s_objective(self) == OBJECTIVE_EVERYTHING;
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
