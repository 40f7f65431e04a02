#include "actors/scheduler/global/global_former.h"

#include "actors/scheduler/global/global_cost.h"

#include <stdlib.h>
#include <string.h>

#define PLAN_WORDS 6 /* and the units of each offer of each region */
#define PAID_WORDS (2 + TOPOLOGY_OFFERS_MAX + TOPOLOGY_REGIONS_MAX)

static double s_value(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static size_t s_offers(const topology_t *topology)
{
    size_t count = 0;
    for (size_t r = 0; r < topology->region_count; r++)
        count += topology->regions[r].offer_count;
    return count;
}

/* The number of the newest plan, and then one after the other. */
static void s_take_plans(const topology_t *topology, message_t *state)
{
    const wire_u64s_t *words = &state->global_state.plans_former;
    size_t offers = s_offers(topology), each = PLAN_WORDS + offers;
    if (words->count < 1 + each || (words->count - 1) % each)
        return;
    size_t count = (words->count - 1) / each;
    uint64_t *units = calloc(count * offers + 1, sizeof *units);
    CHECK(units);
    global_state_plans_t *rows = message_set_rows(&state->global_state.plans, count);
    for (size_t e = 0; e < count; e++) {
        const uint64_t *at = words->items + 1 + e * each;
        rows[e] = (global_state_plans_t){(int64_t)at[0], at[1],          at[2],
                                         s_value(at[3]), s_value(at[4]), s_value(at[5])};
        if (offers)
            memcpy(units + e * offers, at + PLAN_WORDS, offers * sizeof *units);
    }
    message_set_u64s(&state->global_state.plans_units, units, count * offers);
    state->global_state.plan = words->items[0];
    free(units);
}

static void s_take_paid(const topology_t *topology, message_t *state)
{
    const wire_u64s_t *words = &state->global_state.paid_former;
    size_t count = topology->region_count;
    if (words->count != PAID_WORDS * count || state->global_state.regions.count != count)
        return;
    global_paid_t *paid = calloc(count, sizeof *paid);
    CHECK(paid);
    for (size_t r = 0; r < count; r++) {
        const uint64_t *at = words->items + PAID_WORDS * r;
        paid[r].rent = s_value(at[0]);
        paid[r].wan = s_value(at[1]);
        memcpy(paid[r].rented_us, at + 2, sizeof paid[r].rented_us);
        memcpy(paid[r].sent_bytes, at + 2 + TOPOLOGY_OFFERS_MAX, sizeof paid[r].sent_bytes);
    }
    global_cost_put(paid, state);
    free(paid);
}

void global_former(const topology_t *topology, message_t *state)
{
    s_take_plans(topology, state);
    s_take_paid(topology, state);
    message_set_u64s(&state->global_state.plans_former, NULL, 0);
    message_set_u64s(&state->global_state.paid_former, NULL, 0);
}
