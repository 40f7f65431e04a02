/* The price of going over from one set of units to another: until the new ones compute the old ones do, and
 * both are paid for; then the old ones hand over what they have, and their region stands still. */
#include "actors/scheduler/global/global_plan_state.h"

#include <math.h>

#define HAND_S 1.0 /* a region's shards go elsewhere; measured: a third of a second to a second each */

/* Price per second of what `to` has of a region and `from` has not. */
static double s_more(const global_plan_t *self, size_t r, const plan_t *from, const plan_t *to)
{
    double price = 0;
    for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
        if (to->regions[r].units[i] > from->regions[r].units[i])
            price += (double)(to->regions[r].units[i] - from->regions[r].units[i]) *
                     self->topology->regions[r].offers[i].price_per_s;
    return price;
}

/* From the command to the first batch: as measured, else as assumed. */
static double s_start_s(const global_plan_t *self, size_t r)
{
    const message_t *report = self->regions[r].report;
    int64_t measured_us = report ? report->region_report.rent_start_us : 0;
    return measured_us > 0 ? (double)measured_us / 1e6 : self->with.start_s;
}

swap_t global_plan_swap(const global_plan_t *self, const plan_t *from, const plan_t *to)
{
    double start_s = 0, hand_s = 0, both = 0;
    for (size_t r = 0; r < self->topology->region_count; r++) {
        double comes = s_more(self, r, from, to), goes = s_more(self, r, to, from);
        double own_s = comes > 0 ? s_start_s(self, r) : 0;
        start_s = fmax(start_s, own_s);
        hand_s = goes > 0 ? HAND_S : hand_s;
        both += comes * own_s + (goes > 0 ? goes * HAND_S : 0);
    }
    if (!isfinite(from->run_s)) /* nothing computes meanwhile */
        return (swap_t){.run_s = start_s + hand_s + to->run_s, .cost = to->cost + both};
    double left = from->run_s > 0 ? fmax(0, 1 - start_s / from->run_s) : 0;
    double done = 1 - left, prices = to->run_s > 0 ? to->rent / to->run_s : 0;
    return (swap_t){.run_s = done * from->run_s + hand_s + left * to->run_s,
                    .cost = done * from->cost + both + prices * hand_s + left * to->cost};
}
