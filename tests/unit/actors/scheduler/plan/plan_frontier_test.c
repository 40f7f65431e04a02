/* A region's frontier: all sets that no other beats, and no other; beyond PLAN_FRONTIER_MAX the strongest of
 * those that are nearly equal. Compared with every number of units tried, and with a table of the least
 * price for each power. */
#include "actors/scheduler/plan/plan_frontier.h"

#include "codec/base/rng.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static topology_region_t s_region;

static void s_draw(rng_t *rng, size_t offers, uint64_t most_units, uint64_t most_power)
{
    memset(&s_region, 0, sizeof s_region);
    s_region.offer_count = offers;
    for (size_t i = 0; i < offers; i++)
        s_region.offers[i] = (topology_offer_t){.count = 1 + rng_below(rng, most_units),
                                                .cores = 1,
                                                .power = (double)(1 + rng_below(rng, most_power)),
                                                .price_per_s = (double)(1 + rng_below(rng, 1000))};
}

static plan_frontier_t s_frontier(double free_power)
{
    plan_frontier_t self;
    err_t err = {0};
    cr_assert_eq(plan_frontier_init(&self, &s_region, free_power, &err), ERR_OK, "%s", err.text);
    return self;
}

/* ---- the least price of at least so much power ---- */

typedef struct {
    size_t most;
    double *price; /* (most + 1) */
} table_t;

static table_t s_table(void)
{
    table_t self = {0};
    for (size_t i = 0; i < s_region.offer_count; i++)
        self.most += (size_t)s_region.offers[i].count * (size_t)s_region.offers[i].power;
    self.price = malloc((self.most + 1) * sizeof *self.price);
    cr_assert_not_null(self.price);
    for (size_t p = 0; p <= self.most; p++)
        self.price[p] = p ? INFINITY : 0;
    for (size_t i = 0; i < s_region.offer_count; i++)
        for (uint64_t unit = 0; unit < s_region.offers[i].count; unit++)
            for (size_t p = self.most, power = (size_t)s_region.offers[i].power; p >= power; p--)
                self.price[p] = fmin(self.price[p], self.price[p - power] + s_region.offers[i].price_per_s);
    for (size_t p = self.most; p > 0; p--)
        self.price[p - 1] = fmin(self.price[p - 1], self.price[p]);
    return self;
}

/* The size of the frontier: sets that no other beats, of each price the most power. */
static size_t s_count(const table_t *table)
{
    size_t count = 0;
    for (size_t p = 1; p <= table->most; p++)
        count += p == table->most || table->price[p + 1] > table->price[p];
    return count;
}

/* ---- all of them ---- */

static void s_expect_made_of(const plan_frontier_t *frontier, size_t set)
{
    uint64_t units[TOPOLOGY_OFFERS_MAX] = {0};
    double power = 0, price = 0;
    plan_frontier_units(frontier, set, units);
    for (size_t i = 0; i < s_region.offer_count; i++) {
        cr_assert_leq(units[i], s_region.offers[i].count);
        power += (double)units[i] * s_region.offers[i].power;
        price += (double)units[i] * s_region.offers[i].price_per_s;
    }
    cr_assert_float_eq(power, frontier->items[set].power, 1e-6);
    cr_assert_float_eq(price, frontier->items[set].price, 1e-6);
}

Test(plan_frontier, has_what_no_other_beats_and_nothing_else)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (int number = 0; number < 300; number++) {
        s_draw(&rng, 1 + rng_below(&rng, 4), 4, 6);
        for (size_t i = 0; number % 2 && i < s_region.offer_count; i++) /* many sets of one price */
            s_region.offers[i].price_per_s = (double)(1 + rng_below(&rng, 6));
        table_t table = s_table();
        plan_frontier_t frontier = s_frontier(0);
        cr_assert_eq(frontier.count, s_count(&table), "case %d: %zu sets, not %zu", number, frontier.count,
                     s_count(&table));
        for (size_t i = 0; i < frontier.count; i++) {
            size_t power = (size_t)lround(frontier.items[i].power);
            cr_assert_float_eq(frontier.items[i].price, table.price[power], 1e-6, "case %d", number);
            cr_assert(!i || (frontier.items[i].power > frontier.items[i - 1].power &&
                             frontier.items[i].price > frontier.items[i - 1].price));
            s_expect_made_of(&frontier, i);
        }
        plan_frontier_fini(&frontier);
        free(table.price);
    }
}

/* ---- too many ---- */

/* How much more power, as a ratio, whoever needs some pays for at most: exactly none without thinning. */
static double s_most_extra(const plan_frontier_t *frontier, const table_t *table)
{
    double most = 1;
    for (size_t p = 1, i = 0, q = 1; p <= table->most; p++) {
        while (i < frontier->count && frontier->items[i].power < (double)p - 1e-6)
            i++;
        cr_assert_lt(i, frontier->count, "nothing has the power %zu of %zu", p, table->most);
        q = q > p ? q : p;
        while (q < table->most && table->price[q] < frontier->items[i].price - 1e-6)
            q++;
        most = fmax(most, (double)q / (double)p);
    }
    return most;
}

/* Sets of every power from 1 to 2047, each at that price, one of each: with the last offer there are twice
 * as many as may be. */
Test(plan_frontier, of_too_many_the_strongest_stands_for_those_that_are_nearly_equal)
{
    memset(&s_region, 0, sizeof s_region);
    s_region.offer_count = 11;
    for (size_t i = 0; i < s_region.offer_count; i++)
        s_region.offers[i] = (topology_offer_t){
            .count = 1, .cores = 1, .power = (double)(1 << i), .price_per_s = (double)(1 << i)};
    table_t table = s_table();
    plan_frontier_t frontier = s_frontier(0);
    double ratio = pow((double)table.most, 1.0 / (PLAN_FRONTIER_MAX - 1));
    cr_assert(frontier.count <= PLAN_FRONTIER_MAX && frontier.count > PLAN_FRONTIER_MAX / 3, "%zu",
              frontier.count);
    cr_assert_float_eq(frontier.items[frontier.count - 1].power, (double)table.most, 1e-6,
                       "all there is can be rented");
    double extra = s_most_extra(&frontier, &table);
    cr_assert(extra > 1 && extra <= ratio, "%g, not %g", extra, ratio);
    for (size_t i = 0; i < frontier.count; i++)
        s_expect_made_of(&frontier, i);
    plan_frontier_fini(&frontier);
    free(table.price);
}

/* Thinned again and again, after every pack of units. */
Test(plan_frontier, what_thinning_costs_is_bounded)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (int number = 0; number < 10; number++) {
        s_draw(&rng, TOPOLOGY_OFFERS_MAX, 1, 200);
        for (size_t i = 0; i < s_region.offer_count; i++)
            s_region.offers[i].count = 16;
        table_t table = s_table();
        plan_frontier_t frontier = s_frontier(0);
        cr_assert_leq(frontier.count, PLAN_FRONTIER_MAX);
        cr_assert_float_eq(frontier.items[frontier.count - 1].power, (double)table.most, 1e-6);
        double extra = s_most_extra(&frontier, &table);
        cr_assert(extra <= 1.15, "case %d: %g", number, extra);
        plan_frontier_fini(&frontier);
        free(table.price);
    }
}
