#include "actors/scheduler/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures ---- */

static const char *const s_names[PLAN_OBJECTIVES] = {
    [PLAN_EVERYTHING] = "everything", [PLAN_MATCH] = "match",       [PLAN_FASTEST] = "fastest",
    [PLAN_CHEAPEST] = "cheapest",     [PLAN_DEADLINE] = "deadline", [PLAN_BUDGET] = "budget",
};

const char *plan_objective_name(plan_objective_t objective)
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

static double s_rounds(const plan_input_t *input, size_t r)
{
    uint64_t every =
        input->topology->job.sync.every ? input->topology->job.sync.every : 1; /* auto: at worst */
    return (double)input->job->regions[r].steps_per_epoch / (double)every;
}

/* Deltas of one epoch: seconds on the slowest link, bytes and price over all of them. */
static void s_wan(const plan_input_t *input, size_t r, plan_region_t *ret_region)
{
    const topology_t *topology = input->topology;
    double bytes = s_rounds(input, r) * (double)input->delta_bytes;
    ret_region->wan_s = ret_region->sent_gb = ret_region->wan_cost = 0;
    for (size_t other = 0; other < topology->region_count; other++) {
        const topology_link_t *link = other == r ? NULL : topology_link(topology, r, other);
        if (!link)
            continue;
        double took_s = link->rate_bytes_per_s ? bytes / (double)link->rate_bytes_per_s : 0;
        ret_region->wan_s = took_s > ret_region->wan_s ? took_s : ret_region->wan_s;
        ret_region->sent_gb += bytes / 1e9;
        ret_region->wan_cost += bytes / 1e9 * link->price_per_gb;
    }
}

/* Strategies that wait add the exchange to the computing; the others hide the shorter of both behind the longer. */
static double s_join(const plan_input_t *input, double compute_s, double wan_s)
{
    if (input->job->waits)
        return compute_s + wan_s;
    return compute_s > wan_s ? compute_s : wan_s;
}

static void s_evaluate_region(const plan_input_t *input, size_t r, plan_region_t *region)
{
    const topology_region_t *with = &input->topology->regions[r];
    const job_region_t *job = &input->job->regions[r];
    region->power = region->price_per_s = 0;
    region->workers = 0;
    for (size_t i = 0; i < with->offer_count; i++) {
        double units = (double)region->units[i];
        region->power += units * (double)with->offers[i].cores * with->offers[i].power;
        region->price_per_s += units * with->offers[i].price_per_s;
        region->workers += region->units[i] * with->offers[i].cores;
    }
    region->load_power = job->share > 0 ? region->power / job->share : 0;
    region->compute_s = (double)job->samples / (region->power * s_speed(input, r));
    s_wan(input, r, region);
    region->epoch_s = s_join(input, region->compute_s, region->wan_s);
}

void plan_evaluate(const plan_input_t *input, plan_t *plan)
{
    double prices = 0, wan_cost = 0;
    plan->straggler = 0;
    for (size_t r = 0; r < input->topology->region_count; r++) {
        s_evaluate_region(input, r, &plan->regions[r]);
        prices += plan->regions[r].price_per_s;
        wan_cost += plan->regions[r].wan_cost;
        if (plan->regions[r].epoch_s > plan->regions[plan->straggler].epoch_s)
            plan->straggler = r;
    }
    plan->epoch_s = plan->regions[plan->straggler].epoch_s;
    plan->run_s = plan->epoch_s * (double)input->job->epochs;
    plan->rent = plan->run_s * prices;
    plan->cost = plan->rent + wan_cost * (double)input->job->epochs;
}

/* ---- frontier of one region: power and price both ascend ---- */

typedef struct {
    double power, price;
    uint32_t units[TOPOLOGY_OFFERS_MAX];
} set_t;

typedef struct {
    set_t *items;
    size_t count;
} frontier_t;

/* Joins two ascending lists; of equal power the cheaper comes first. */
static size_t s_join_lists(const frontier_t *a, const frontier_t *b, set_t *out)
{
    size_t i = 0, k = 0, count = 0;
    while (i < a->count || k < b->count) {
        bool left = k == b->count ||
                    (i < a->count &&
                     (a->items[i].power < b->items[k].power ||
                      (a->items[i].power <= b->items[k].power && a->items[i].price <= b->items[k].price)));
        out[count++] = left ? a->items[i++] : b->items[k++];
    }
    return count;
}

/* Keeps what nothing stronger undercuts: from the strongest down, only what is cheaper than all before. */
static size_t s_prune(set_t *items, size_t count)
{
    size_t kept = count;
    double least = INFINITY;
    for (size_t i = count; i-- > 0;) {
        bool same = kept < count && items[i].power >= items[kept].power;
        if (items[i].price < least) {
            least = items[i].price;
            kept -= !same;
            items[kept] = items[i];
        }
    }
    memmove(items, items + kept, (count - kept) * sizeof *items);
    return count - kept;
}

/* Of sets that are nearly equal the strongest stays; the first set is empty. */
static size_t s_thin(set_t *items, size_t count)
{
    if (count <= PLAN_FRONTIER_MAX)
        return count;
    double base = log(items[1].power), range = log(items[count - 1].power) - base;
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        double here = floor((log(items[i].power) - base) / range * (PLAN_FRONTIER_MAX - 1));
        double next = i + 1 < count
                          ? floor((log(items[i + 1].power) - base) / range * (PLAN_FRONTIER_MAX - 1))
                          : INFINITY;
        if (next > here)
            items[kept++] = items[i];
    }
    return kept;
}

/* Adds `units` of an offer, all or none, to every set. */
static err_code_t s_add_units(frontier_t *self, const topology_offer_t *offer, size_t index, uint64_t units,
                              err_t *err)
{
    set_t *more = malloc(self->count * sizeof *more), *out = malloc((2 * self->count) * sizeof *out);
    if (!more || !out) {
        free(more);
        free(out);
        return err_set(err, ERR_MEMORY, "no memory for %zu sets of units", 2 * self->count);
    }
    for (size_t i = 0; i < self->count; i++) {
        more[i] = self->items[i];
        more[i].power += (double)units * (double)offer->cores * offer->power;
        more[i].price += (double)units * offer->price_per_s;
        more[i].units[index] += (uint32_t)units;
    }
    size_t count = s_join_lists(self, &(frontier_t){more, self->count}, out);
    free(more);
    free(self->items);
    self->items = out;
    self->count = s_thin(out, s_prune(out, count));
    return ERR_OK;
}

/* 1, 2, 4 ... and the rest add up to every number of units. */
static err_code_t s_frontier(const topology_region_t *region, frontier_t *self, err_t *err)
{
    self->items = calloc(1, sizeof *self->items);
    self->count = 1;
    if (!self->items)
        return err_set(err, ERR_MEMORY, "no memory for a plan");
    for (size_t i = 0; i < region->offer_count; i++) {
        uint64_t left = region->offers[i].count;
        for (uint64_t units = 1; left; units *= 2) {
            uint64_t some = units < left ? units : left;
            left -= some;
            err_code_t rc = s_add_units(self, &region->offers[i], i, some, err);
            if (rc)
                return rc;
        }
    }
    self->count--; /* renting nothing trains nothing */
    memmove(self->items, self->items + 1, self->count * sizeof *self->items);
    return ERR_OK;
}

/* ---- the sweep over times ---- */

typedef struct {
    double epoch_s;
    size_t region, set;
} point_t;

typedef struct {
    const plan_input_t *input;
    frontier_t frontiers[TOPOLOGY_REGIONS_MAX];
    double wan_s[TOPOLOGY_REGIONS_MAX];
    double wan_cost; /* of one epoch */
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
        free(self->frontiers[r].items);
    free(self->points);
}

static void s_add_points(sweep_t *self, size_t r)
{
    const plan_input_t *input = self->input;
    for (size_t i = 0; i < self->frontiers[r].count; i++) {
        double compute_s =
            (double)input->job->regions[r].samples / (self->frontiers[r].items[i].power * s_speed(input, r));
        self->points[self->point_count++] =
            (point_t){.epoch_s = s_join(input, compute_s, self->wan_s[r]), .region = r, .set = i};
    }
}

static err_code_t s_sweep_init(sweep_t *self, const plan_input_t *input, bool wan, err_t *err)
{
    *self = (sweep_t){.input = input, .lacking = input->topology->region_count};
    size_t count = 0;
    for (size_t r = 0; r < input->topology->region_count; r++) {
        plan_region_t region;
        s_wan(input, r, &region);
        self->wan_s[r] = wan ? region.wan_s : 0;
        self->wan_cost += region.wan_cost;
        self->chosen[r] = SIZE_MAX;
        err_code_t rc = s_frontier(&input->topology->regions[r], &self->frontiers[r], err);
        if (rc)
            return rc;
        count += self->frontiers[r].count;
    }
    self->points = malloc((count + 1) * sizeof *self->points);
    if (!self->points)
        return err_set(err, ERR_MEMORY, "no memory for a plan");
    for (size_t r = 0; r < input->topology->region_count; r++)
        s_add_points(self, r);
    qsort(self->points, self->point_count, sizeof *self->points, s_by_time);
    return ERR_OK;
}

/* From this time on the region may take this set, if it is cheaper than what it has. */
static void s_pass(sweep_t *self, const point_t *point)
{
    const frontier_t *frontier = &self->frontiers[point->region];
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

static double s_cost(const sweep_t *self, double epoch_s)
{
    return (double)self->input->job->epochs * (epoch_s * self->prices + self->wan_cost);
}

static void s_take(const sweep_t *self, plan_t *ret_plan)
{
    *ret_plan = (plan_t){0};
    for (size_t r = 0; r < self->input->topology->region_count; r++)
        for (size_t i = 0; i < self->input->topology->regions[r].offer_count; i++)
            ret_plan->regions[r].units[i] = self->frontiers[r].items[self->chosen[r]].units[i];
    plan_evaluate(self->input, ret_plan);
}

/* Visits every time at which some region may rent less, after all points of that time. */
typedef bool visit_fn(void *hint, const sweep_t *sweep, double epoch_s); /* false: enough */

static void s_run(sweep_t *self, visit_fn *visit, void *hint)
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
    plan_objective_t objective;
    double limit;
    bool found;     /* within the limit */
    double best;    /* cost of the best plan so far */
    double nearest; /* what comes nearest to an impossible limit */
    plan_t *plan;
} search_t;

static bool s_keep(search_t *self, const sweep_t *sweep, double cost)
{
    if (self->best > cost) {
        self->best = cost;
        s_take(sweep, self->plan);
    }
    return true;
}

static bool s_visit(void *hint, const sweep_t *sweep, double epoch_s)
{
    search_t *self = hint;
    double cost = s_cost(sweep, epoch_s), run_s = epoch_s * (double)sweep->input->job->epochs;
    switch (self->objective) {
    case PLAN_DEADLINE:
        if (run_s > self->limit && !self->found) { /* even the fastest takes longer */
            s_keep(self, sweep, cost);
            self->nearest = run_s;
            return false;
        }
        self->found = true;
        return run_s <= self->limit && s_keep(self, sweep, cost);
    case PLAN_BUDGET:
        self->found = cost <= self->limit;
        s_keep(self, sweep, cost);
        self->nearest = self->best;
        return !self->found;
    case PLAN_CHEAPEST:
        return s_keep(self, sweep, cost);
    default: /* the first one is the fastest */
        s_keep(self, sweep, cost);
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

static err_code_t s_impossible(const search_t *self, err_t *err)
{
    if (self->objective == PLAN_DEADLINE)
        return err_set(err, ERR_LIMIT,
                       "plan.deadline: %.6g s is impossible with these offers; the fastest takes %.6g s",
                       self->limit, self->nearest);
    return err_set(err, ERR_LIMIT,
                   "plan.budget: %.6g is impossible with these offers; the cheapest costs %.6g", self->limit,
                   self->nearest);
}

err_code_t plan_make(const plan_input_t *input, plan_objective_t objective, double limit, plan_t *ret_plan,
                     err_t *err)
{
    CHECK(input->samples_per_s > 0);
    err_code_t rc = plan_check(input->topology, err);
    if (rc)
        return rc;
    if (objective == PLAN_EVERYTHING) {
        s_everything(input, ret_plan);
        return ERR_OK;
    }
    sweep_t sweep;
    search_t search = {.objective = objective, .limit = limit, .best = INFINITY, .plan = ret_plan};
    rc = s_sweep_init(&sweep, input, objective != PLAN_MATCH, err);
    if (!rc)
        s_run(&sweep, s_visit, &search);
    s_sweep_fini(&sweep);
    bool limited = objective == PLAN_DEADLINE || objective == PLAN_BUDGET;
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
        s_take(sweep, &self->plans[self->count++]);
    return true;
}

static void s_restart(sweep_t *self)
{
    self->prices = 0;
    self->lacking = self->input->topology->region_count;
    for (size_t r = 0; r < self->lacking; r++)
        self->chosen[r] = SIZE_MAX;
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
        s_run(&sweep, s_collect, &count);
    list_t list = {.best = INFINITY, .total = count.seen, .most = most};
    if (!rc && !(list.plans = calloc(most, sizeof *list.plans)))
        rc = err_set(err, ERR_MEMORY, "no memory for %zu plans", most);
    if (!rc) {
        s_restart(&sweep);
        s_run(&sweep, s_collect, &list);
        *ret_plans = list.plans;
        *ret_count = list.count;
    }
    s_sweep_fini(&sweep);
    return rc;
}
