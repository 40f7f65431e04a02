#include "actors/scheduler/plan/plan_frontier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SETS_MAX (PLAN_FRONTIER_MAX + 2) /* the empty one, and one that rounding leaves over */

void plan_frontier_fini(plan_frontier_t *self)
{
    for (size_t i = 0; i < self->step_count; i++)
        free(self->steps[i].from);
    free(self->steps);
    free(self->items);
    *self = (plan_frontier_t){0};
}

/* Every set without and with a pack, from the strongest down: what nothing stronger undercuts stays. Fills
 * `out` from its end and returns how many there are. */
static size_t s_join(const plan_set_t *items, size_t count, double power, double price, plan_set_t *out)
{
    size_t without = count, with = count, at = 2 * count;
    double least = INFINITY;
    while (without || with) {
        plan_set_t a = without ? items[without - 1] : (plan_set_t){.power = -1};
        plan_set_t b = with ? items[with - 1] : (plan_set_t){.power = -1};
        bool takes = with && b.power + power >= a.power;
        plan_set_t set =
            takes ? (plan_set_t){.power = b.power + power,
                                 .price = b.price + price,
                                 .from = (uint32_t)(2 * with - 1)}
                  : (plan_set_t){.power = a.power, .price = a.price, .from = (uint32_t)(2 * without - 2)};
        with -= takes;
        without -= !takes;
        /* Written in any case, and kept by moving `at`: a branch here would be guessed wrong every other
         * time. */
        bool kept = set.price < least, same = kept && at < 2 * count && set.power >= out[at].power;
        size_t slot = same ? at : at - 1;
        least = kept ? set.price : least;
        out[slot] = set;
        at = kept ? slot : at;
    }
    memmove(out, out + at, (2 * count - at) * sizeof *out);
    return 2 * count - at;
}

/* Of sets that are nearly equal the strongest stays; the first set is what costs nothing. */
static size_t s_thin(plan_set_t *items, size_t count)
{
    if (count <= PLAN_FRONTIER_MAX)
        return count;
    double ratio = pow(items[count - 1].power / items[1].power, 1.0 / (PLAN_FRONTIER_MAX - 1));
    double bound = items[1].power * ratio;
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        while (items[i].power >= bound)
            bound *= ratio;
        if (i + 1 == count || items[i + 1].power >= bound)
            items[kept++] = items[i];
    }
    return kept;
}

static err_code_t s_step(plan_frontier_t *self, const topology_offer_t *offer, size_t index, uint64_t units,
                         plan_set_t *scratch, err_t *err)
{
    size_t count = s_join(self->items, self->count, (double)units * (double)offer->cores * offer->power,
                          (double)units * offer->price_per_s, scratch);
    self->count = s_thin(scratch, count);
    CHECK(self->count <= SETS_MAX);
    plan_step_t *step = &self->steps[self->step_count];
    *step = (plan_step_t){.offer = index, .units = units, .from = malloc(self->count * sizeof *step->from)};
    if (!step->from)
        return err_set(err, ERR_MEMORY, "no memory for %zu sets of units", self->count);
    self->step_count++;
    for (size_t i = 0; i < self->count; i++)
        step->from[i] = scratch[i].from;
    memcpy(self->items, scratch, self->count * sizeof *scratch);
    return ERR_OK;
}

/* 1, 2, 4 ... and the rest add up to every number of units. */
static err_code_t s_packs(plan_frontier_t *self, const topology_region_t *region, plan_set_t *scratch,
                          err_t *err)
{
    for (size_t i = 0; i < region->offer_count; i++) {
        uint64_t left = region->offers[i].count;
        for (uint64_t units = 1; left; units *= 2) {
            uint64_t some = units < left ? units : left;
            left -= some;
            err_code_t rc = s_step(self, &region->offers[i], i, some, scratch, err);
            if (rc)
                return rc;
        }
    }
    return ERR_OK;
}

err_code_t plan_frontier_init(plan_frontier_t *self, const topology_region_t *region, double free_power,
                              err_t *err)
{
    *self = (plan_frontier_t){.count = 1};
    self->items = malloc(SETS_MAX * sizeof *self->items);
    self->steps = calloc(region->offer_count * 64 + 1, sizeof *self->steps);
    plan_set_t *scratch = malloc(2 * SETS_MAX * sizeof *scratch);
    err_code_t rc = ERR_MEMORY;
    if (self->items && self->steps && scratch) {
        self->items[0] = (plan_set_t){.power = free_power};
        rc = s_packs(self, region, scratch, err);
    } else {
        err_set(err, ERR_MEMORY, "no memory for a plan");
    }
    free(scratch);
    if (!rc && !(free_power > 0)) { /* renting nothing trains nothing */
        self->first = 1;
        self->count--;
        memmove(self->items, self->items + 1, self->count * sizeof *self->items);
    }
    return rc;
}

void plan_frontier_units(const plan_frontier_t *self, size_t set, uint64_t ret_units[TOPOLOGY_OFFERS_MAX])
{
    size_t at = set + self->first;
    for (size_t i = self->step_count; i-- > 0;) {
        uint32_t from = self->steps[i].from[at];
        if (from & 1)
            ret_units[self->steps[i].offer] += self->steps[i].units;
        at = from / 2;
    }
}
