#include "actors/scheduler/plan/plan.h"

#include "actors/scheduler/plan/plan_frontier.h"
#include "actors/scheduler/plan/plan_wan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures ---- */

static const char *const s_names[TOPOLOGY_OBJECTIVES] = {
    [OBJECTIVE_EVERYTHING] = "everything", [OBJECTIVE_MATCH] = "match",       [OBJECTIVE_FASTEST] = "fastest",
    [OBJECTIVE_CHEAPEST] = "cheapest",     [OBJECTIVE_DEADLINE] = "deadline", [OBJECTIVE_BUDGET] = "budget",
    [OBJECTIVE_UNTIL_DONE] = "until-done",
};

const char *plan_objective_name(objective_t objective)
{
    return s_names[objective];
}

err_code_t plan_check(const topology_t *topology, err_t *err)
{
    for (size_t r = 0; r < topology->region_count; r++) {
        const topology_region_t *region = &topology->regions[r];
        if (!region->offer_count)
            return err_set(
                err, ERR_CONFIG,
                "regions[%zu].offers: region %s has nothing to rent; list its machines with cores, "
                "power and price_per_s",
                r, region->name);
        for (size_t i = 0; i < region->offer_count; i++)
            if (!(region->offers[i].price_per_s > 0))
                return err_set(err, ERR_CONFIG,
                               "regions[%zu].offers[%zu].price_per_s: offer %s of region %s has no price; "
                               "write one above 0",
                               r, i, region->offers[i].name, region->name);
    }
    return ERR_OK;
}

static double s_speed(const plan_input_t *input, size_t r)
{
    return input->samples_per_s * (input->speed[r] > 0 ? input->speed[r] : 1);
}

/* Strategies that wait add the exchange to the computing, but for the part that is overlapped with steps; the
 * others hide the shorter of both behind the longer. */
static double s_join(const plan_input_t *input, double compute_s, double wan_s)
{
    double overlap = (double)input->topology->job.sync.overlap;
    double hidden_s = overlap > 0 ? compute_s * overlap / (double)input->topology->job.sync.every : 0;
    if (input->job->waits)
        return compute_s + (wan_s > hidden_s ? wan_s - hidden_s : 0);
    return compute_s > wan_s ? compute_s : wan_s;
}

static double s_compute_s(const plan_input_t *input, size_t r, double power)
{
    double samples = (double)input->job->regions[r].samples;
    return samples > 0 ? samples / (power * s_speed(input, r)) : 0;
}

static void s_evaluate_region(const plan_input_t *input, const plan_wan_t *wan, size_t r,
                              plan_region_t *region)
{
    const topology_region_t *with = &input->topology->regions[r];
    const job_region_t *job = &input->job->regions[r];
    region->power = input->free_power[r];
    region->price_per_s = 0;
    region->workers = 0;
    for (size_t i = 0; i < with->offer_count; i++) {
        double units = (double)region->units[i];
        region->power += units * (double)with->offers[i].cores * with->offers[i].power;
        region->price_per_s += units * with->offers[i].price_per_s;
        region->workers += region->units[i] * with->offers[i].cores;
    }
    region->load_power = job->share > 0 ? region->power / job->share : 0;
    region->compute_s = s_compute_s(input, r, region->power);
    region->epoch_s = s_join(input, region->compute_s, plan_wan_least_s(wan, input, r));
}

static void s_evaluate(const plan_input_t *input, const plan_wan_t *wan, plan_t *plan)
{
    double prices = 0, wan_cost = 0;
    size_t count = input->topology->region_count;
    plan->straggler = 0;
    for (size_t r = 0; r < count; r++) {
        s_evaluate_region(input, wan, r, &plan->regions[r]);
        prices += plan->regions[r].price_per_s;
        if (plan->regions[r].epoch_s > plan->regions[plan->straggler].epoch_s)
            plan->straggler = r;
    }
    plan->epoch_s = plan->regions[plan->straggler].epoch_s;
    for (size_t r = 0; r < count; r++) {
        plan_wan_fill(wan, input, r, plan->epoch_s, &plan->regions[r]);
        wan_cost += plan->regions[r].wan_cost;
    }
    plan->last_s = wan->last_s;
    plan->run_s = input->start_s + plan->epoch_s * (double)input->job->epochs + wan->last_s;
    plan->rent = plan->run_s * prices;
    plan->cost = plan->rent + wan_cost * (double)input->job->epochs + plan_wan_last_cost(wan, input);
}

void plan_evaluate(const plan_input_t *input, plan_t *plan)
{
    plan_wan_t *wan = plan_wan_new(input);
    s_evaluate(input, wan, plan);
    free(wan);
}

/* ---- the sweep over times ---- */

typedef struct {
    double epoch_s;
    uint32_t region, set;
} point_t;

typedef struct {
    const plan_input_t *input;
    plan_wan_t *wan;
    double wan_cost, last_cost; /* of one epoch, where it does not depend on its time; of the run's end */
    plan_frontier_t frontiers[TOPOLOGY_REGIONS_MAX];
    point_t *points; /* by time */
    size_t point_count;
    size_t chosen[TOPOLOGY_REGIONS_MAX]; /* SIZE_MAX: none is fast enough yet */
    size_t lacking;
    double prices;
} sweep_t;

static int s_by_time(const void *a, const void *b)
{
    const point_t *left = a, *right = b;
    return (left->epoch_s > right->epoch_s) - (left->epoch_s < right->epoch_s);
}

static void s_sweep_fini(sweep_t *self)
{
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        plan_frontier_fini(&self->frontiers[r]);
    free(self->points);
    free(self->wan);
}

static void s_restart(sweep_t *self)
{
    self->prices = 0;
    self->lacking = self->input->topology->region_count;
    for (size_t r = 0; r < self->lacking; r++)
        self->chosen[r] = SIZE_MAX;
}

static void s_add_points(sweep_t *self, size_t r, bool wan)
{
    const plan_input_t *input = self->input;
    double wan_s = wan ? plan_wan_least_s(self->wan, input, r) : 0;
    for (size_t i = 0; i < self->frontiers[r].count; i++)
        self->points[self->point_count++] = (point_t){
            .epoch_s = s_join(input, s_compute_s(input, r, self->frontiers[r].items[i].power), wan_s),
            .region = (uint32_t)r,
            .set = (uint32_t)i};
}

static err_code_t s_sweep_init(sweep_t *self, const plan_input_t *input, bool wan, err_t *err)
{
    *self = (sweep_t){.input = input, .wan = plan_wan_new(input)};
    self->wan_cost = plan_wan_cost(self->wan, input, 0);
    self->last_cost = plan_wan_last_cost(self->wan, input);
    s_restart(self);
    size_t count = 0;
    for (size_t r = 0; r < input->topology->region_count; r++) {
        err_code_t rc =
            plan_frontier_init(&self->frontiers[r], &input->topology->regions[r], input->free_power[r], err);
        if (!rc && !self->frontiers[r].count)
            rc = err_set(err, ERR_CONFIG, "regions[%zu].offers: nothing of them is to be had", r);
        if (rc)
            return rc;
        count += self->frontiers[r].count;
    }
    self->points = malloc((count + 1) * sizeof *self->points);
    if (!self->points)
        return err_set(err, ERR_MEMORY, "no memory for a plan");
    for (size_t r = 0; r < input->topology->region_count; r++)
        s_add_points(self, r, wan);
    qsort(self->points, self->point_count, sizeof *self->points, s_by_time);
    return ERR_OK;
}

/* From this time on the region may take this set, if it is cheaper than what it has. */
static void s_pass(sweep_t *self, const point_t *point)
{
    const plan_frontier_t *frontier = &self->frontiers[point->region];
    size_t *chosen = &self->chosen[point->region];
    if (*chosen != SIZE_MAX && frontier->items[*chosen].price <= frontier->items[point->set].price)
        return;
    self->prices += frontier->items[point->set].price;
    if (*chosen == SIZE_MAX)
        self->lacking--;
    else
        self->prices -= frontier->items[*chosen].price;
    *chosen = point->set;
}

static double s_run_s(const sweep_t *self, double epoch_s)
{
    return self->input->start_s + (double)self->input->job->epochs * epoch_s + self->wan->last_s;
}

static double s_cost(const sweep_t *self, double epoch_s)
{
    bool follows = !self->input->topology->job.sync.every;
    double wan_cost = follows ? plan_wan_cost(self->wan, self->input, epoch_s) : self->wan_cost;
    return s_run_s(self, epoch_s) * self->prices + (double)self->input->job->epochs * wan_cost +
           self->last_cost;
}

static void s_take_chosen(const sweep_t *self, const size_t *chosen, plan_t *ret_plan)
{
    *ret_plan = (plan_t){0};
    for (size_t r = 0; r < self->input->topology->region_count; r++)
        plan_frontier_units(&self->frontiers[r], chosen[r], ret_plan->regions[r].units);
    s_evaluate(self->input, self->wan, ret_plan);
}

/* Visits every time at which some region may rent less, after all points of that time. */
typedef bool visit_fn(void *hint, const sweep_t *sweep, double epoch_s); /* false: enough */

static void s_run_sweep(sweep_t *self, visit_fn *visit, void *hint)
{
    for (size_t i = 0; i < self->point_count; i++) {
        s_pass(self, &self->points[i]);
        bool last = i + 1 == self->point_count || self->points[i + 1].epoch_s > self->points[i].epoch_s;
        if (!self->lacking && last && !visit(hint, self, self->points[i].epoch_s))
            return;
    }
}

/* ---- objectives ---- */

typedef struct {
    objective_t objective;
    double limit;
    bool found;                          /* within the limit */
    double best;                         /* cost of the best plan so far */
    double nearest;                      /* what comes nearest to an impossible limit */
    size_t chosen[TOPOLOGY_REGIONS_MAX]; /* of it */
} search_t;

static bool s_keep_best(search_t *self, const sweep_t *sweep, double cost)
{
    if (self->best > cost) {
        self->best = cost;
        memcpy(self->chosen, sweep->chosen, sizeof self->chosen);
    }
    return true;
}

static bool s_visit(void *hint, const sweep_t *sweep, double epoch_s)
{
    search_t *self = hint;
    double cost = s_cost(sweep, epoch_s), run_s = s_run_s(sweep, epoch_s);
    switch (self->objective) {
    case OBJECTIVE_DEADLINE:
        if (run_s > self->limit && !self->found) { /* even the fastest takes longer */
            s_keep_best(self, sweep, cost);
            self->nearest = run_s;
            return false;
        }
        self->found = true;
        return run_s <= self->limit && s_keep_best(self, sweep, cost);
    case OBJECTIVE_BUDGET:
        self->found = cost <= self->limit;
        s_keep_best(self, sweep, cost);
        self->nearest = self->best;
        return !self->found;
    case OBJECTIVE_CHEAPEST:
        return s_keep_best(self, sweep, cost);
    default: /* the first one is the fastest */
        s_keep_best(self, sweep, cost);
        return false;
    }
}

static void s_everything(const plan_input_t *input, plan_t *ret_plan)
{
    *ret_plan = (plan_t){0};
    for (size_t r = 0; r < input->topology->region_count; r++)
        for (size_t i = 0; i < input->topology->regions[r].offer_count; i++)
            ret_plan->regions[r].units[i] = input->topology->regions[r].offers[i].count;
    plan_evaluate(input, ret_plan);
}

/* How many units of a region host its shards, which stay until the end; of all of them that part. */
static double s_hosting(const topology_region_t *region, const plan_region_t *plan)
{
    double units = 0, shards = (double)region->shards;
    for (size_t i = 0; i < region->offer_count; i++)
        units += (double)plan->units[i];
    return units > shards ? shards / units : 1;
}

/* A region that is done before the others pays on for what hosts its shards; where regions wait, none is. */
static void s_until_done(const plan_input_t *input, plan_t *plan)
{
    s_everything(input, plan);
    for (size_t r = 0; r < input->topology->region_count && !input->job->waits; r++) {
        const plan_region_t *region = &plan->regions[r];
        double early_s = (double)input->job->epochs * (plan->epoch_s - region->epoch_s);
        double saved = early_s * region->price_per_s * (1 - s_hosting(&input->topology->regions[r], region));
        plan->rent -= saved;
        plan->cost -= saved;
    }
}

static err_code_t s_impossible(const search_t *self, err_t *err)
{
    if (self->objective == OBJECTIVE_DEADLINE)
        return err_set(err, ERR_LIMIT,
                       "plan.deadline: %.6g s is impossible with these offers; the fastest takes %.6g s",
                       self->limit, self->nearest);
    return err_set(err, ERR_LIMIT,
                   "plan.budget: %.6g is impossible with these offers; the cheapest costs %.6g", self->limit,
                   self->nearest);
}

err_code_t plan_make(const plan_input_t *input, objective_t objective, double limit, plan_t *ret_plan,
                     err_t *err)
{
    CHECK(input->samples_per_s > 0);
    err_code_t rc = plan_check(input->topology, err);
    if (rc)
        return rc;
    if (objective == OBJECTIVE_EVERYTHING || objective == OBJECTIVE_UNTIL_DONE) {
        objective == OBJECTIVE_EVERYTHING ? s_everything(input, ret_plan) : s_until_done(input, ret_plan);
        return ERR_OK;
    }
    sweep_t sweep;
    search_t search = {.objective = objective, .limit = limit, .best = INFINITY};
    rc = s_sweep_init(&sweep, input, objective != OBJECTIVE_MATCH, err);
    if (!rc) {
        s_run_sweep(&sweep, s_visit, &search);
        s_take_chosen(&sweep, search.chosen, ret_plan);
    }
    s_sweep_fini(&sweep);
    bool limited = objective == OBJECTIVE_DEADLINE || objective == OBJECTIVE_BUDGET;
    return !rc && limited && !search.found ? s_impossible(&search, err) : rc;
}

/* ---- all of them ---- */

typedef struct {
    size_t seen;        /* undominated plans */
    size_t total, most; /* second pass: how many there are, and how many are wanted */
    plan_t *plans;      /* NULL: first pass, which counts */
    size_t count;
    double best;
} list_t;

/* Times ascend, so a plan is beaten exactly when an earlier one is not dearer. */
static bool s_collect(void *hint, const sweep_t *sweep, double epoch_s)
{
    list_t *self = hint;
    double cost = s_cost(sweep, epoch_s);
    if (cost >= self->best)
        return true;
    self->best = cost;
    size_t index = self->seen++;
    if (!self->plans)
        return true;
    size_t wanted =
        self->total <= self->most ? self->count : self->count * (self->total - 1) / (self->most - 1);
    if (index == wanted)
        s_take_chosen(sweep, sweep->chosen, &self->plans[self->count++]);
    return true;
}

err_code_t plan_choices(const plan_input_t *input, size_t most, plan_t **ret_plans, size_t *ret_count,
                        err_t *err)
{
    CHECK(input->samples_per_s > 0 && most >= 2);
    err_code_t rc = plan_check(input->topology, err);
    if (rc)
        return rc;
    sweep_t sweep;
    list_t count = {.best = INFINITY};
    rc = s_sweep_init(&sweep, input, true, err);
    if (!rc)
        s_run_sweep(&sweep, s_collect, &count);
    list_t list = {.best = INFINITY, .total = count.seen, .most = most};
    if (!rc && !(list.plans = calloc(most, sizeof *list.plans)))
        rc = err_set(err, ERR_MEMORY, "no memory for %zu plans", most);
    if (!rc) {
        s_restart(&sweep);
        s_run_sweep(&sweep, s_collect, &list);
        *ret_plans = list.plans;
        *ret_count = list.count;
    }
    s_sweep_fini(&sweep);
    return rc;
}
