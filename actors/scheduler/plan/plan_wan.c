#include "actors/scheduler/plan/plan_wan.h"

#include "actors/synchronizer/strategy.h"
#include "brokers/way.h"

#include <math.h>
#include <stdlib.h>

uint64_t plan_delta_bytes(const topology_t *topology, size_t elements)
{
    return strategy_delta_bytes(topology, elements);
}

/* ---- ways ---- */

typedef struct {
    const plan_input_t *input;
    size_t count;
    size_t *next;
    double *streams; /* (from, to) deltas of one round on each hop */
} ways_t;

/* Calls for each hop of what one region sends to all others. */
typedef void hop_fn(ways_t *ways, plan_wan_t *wan, size_t origin, size_t from, size_t to);

static void s_each_hop(ways_t *ways, plan_wan_t *wan, hop_fn *fn)
{
    for (size_t origin = 0; origin < ways->count; origin++)
        for (size_t to = 0; to < ways->count; to++) {
            size_t next = ways->next[origin * ways->count + to];
            if (origin == to || next == SIZE_MAX)
                continue;
            fn(ways, wan, origin, origin, next);
            if (next != to)
                fn(ways, wan, origin, next, to);
        }
}

static void s_count_way(ways_t *ways, plan_wan_t *wan, size_t origin, size_t from, size_t to)
{
    (void)wan, (void)origin;
    ways->streams[from * ways->count + to]++;
}

static void s_add_way(ways_t *ways, plan_wan_t *wan, size_t origin, size_t from, size_t to)
{
    const topology_link_t *link = topology_link(ways->input->topology, from, to);
    double rate = (double)link->rate_bytes_per_s, streams = ways->streams[from * ways->count + to];
    double delta_s = rate > 0 ? streams * (double)ways->input->delta_bytes / rate : 0;
    double last_s = rate > 0 ? streams * (double)ways->input->last_bytes / rate : 0;
    wan->delta_s[origin] = fmax(wan->delta_s[origin], delta_s);
    wan->last_s = fmax(wan->last_s, last_s);
    wan->by[from * ways->count + origin].hops++;
    wan->by[from * ways->count + origin].price += link->price_per_gb;
    wan->price[origin] += link->price_per_gb;
}

static double s_rtt_s(const ways_t *ways, size_t from, size_t to)
{
    size_t next = ways->next[from * ways->count + to];
    if (from == to || next == SIZE_MAX)
        return 0;
    double rtt_s = (double)topology_link(ways->input->topology, from, next)->rtt_us / 1e6;
    return next == to ? rtt_s : rtt_s + (double)topology_link(ways->input->topology, next, to)->rtt_us / 1e6;
}

plan_wan_t *plan_wan_new(const plan_input_t *input)
{
    size_t count = input->topology->region_count, pairs = count * count;
    plan_wan_t *self = calloc(1, sizeof *self + pairs * sizeof *self->by);
    ways_t with = {.input = input,
                   .count = count,
                   .next = malloc(pairs * sizeof *with.next),
                   .streams = calloc(pairs, sizeof *with.streams)},
           *ways = &with;
    CHECK(self && ways->next && ways->streams);
    self->count = count;
    way_table(input->topology, ways->next);
    s_each_hop(ways, self, s_count_way);
    s_each_hop(ways, self, s_add_way);
    for (size_t r = 0; r < ways->count; r++)
        for (size_t other = 0; other < ways->count; other++)
            self->rtt_s[r] = fmax(self->rtt_s[r], s_rtt_s(ways, r, other));
    free(ways->next);
    free(ways->streams);
    return self;
}

/* ---- figures ---- */

double plan_wan_rounds(const plan_wan_t *self, const plan_input_t *input, size_t r, double epoch_s)
{
    double steps = (double)input->job->regions[r].steps_per_epoch;
    const topology_t *topology = input->topology;
    if (topology->job.sync.every)
        return steps / (double)topology->job.sync.every;
    double most = steps / (double)topology->job.sync.every_least,
           least = steps / (double)topology->job.sync.every_most, one_s = self->delta_s[r] + self->rtt_s[r];
    return one_s > 0 ? fmin(most, fmax(least, epoch_s / one_s)) : most;
}

/* A round is over when the last delta has come the longest way; voting takes two round trips more. */
static double s_round_s(const plan_wan_t *self, const plan_input_t *input)
{
    double trips = input->topology->job.sync.quorum < 1 ? 2.5 : 0.5, most_s = 0;
    for (size_t r = 0; r < input->topology->region_count; r++)
        most_s = fmax(most_s, self->delta_s[r] + trips * self->rtt_s[r]);
    return most_s;
}

static double s_taken_s(const plan_wan_t *self, const plan_input_t *input, size_t r, double epoch_s)
{
    double one_s = input->job->waits ? s_round_s(self, input) : self->delta_s[r];
    return one_s * plan_wan_rounds(self, input, r, epoch_s);
}

double plan_wan_least_s(const plan_wan_t *self, const plan_input_t *input, size_t r)
{
    return s_taken_s(self, input, r, 0);
}

double plan_wan_cost(const plan_wan_t *self, const plan_input_t *input, double epoch_s)
{
    double cost = 0, gb = (double)input->delta_bytes / 1e9;
    for (size_t r = 0; r < input->topology->region_count; r++)
        cost += plan_wan_rounds(self, input, r, epoch_s) * gb * self->price[r];
    return cost;
}

double plan_wan_last_cost(const plan_wan_t *self, const plan_input_t *input)
{
    double cost = 0;
    for (size_t r = 0; r < input->topology->region_count; r++)
        cost += (double)input->last_bytes / 1e9 * self->price[r];
    return cost;
}

void plan_wan_fill(const plan_wan_t *self, const plan_input_t *input, size_t r, double epoch_s,
                   plan_region_t *ret_region)
{
    double gb = (double)input->delta_bytes / 1e9;
    ret_region->rounds = plan_wan_rounds(self, input, r, epoch_s);
    ret_region->wan_s = s_taken_s(self, input, r, epoch_s);
    ret_region->sent_gb = ret_region->wan_cost = 0;
    for (size_t origin = 0; origin < input->topology->region_count; origin++) {
        double rounds = plan_wan_rounds(self, input, origin, epoch_s);
        ret_region->sent_gb += rounds * gb * self->by[r * self->count + origin].hops;
        ret_region->wan_cost += rounds * gb * self->by[r * self->count + origin].price;
    }
}
