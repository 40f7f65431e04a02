/* A plan swaps the machines of a region: those that come are there, and compute, before those that go are
 * told to leave, and those end when nothing is left on them; also when one of either dies in the midst of
 * it. */
#define NODE_NAMES "cheap-0", "dear-0", "dear-1"
#include "tests/unit/actors/scheduler/region/region_nodes_bench.h"

enum { CHEAP, DEAR, OTHER };

typedef struct {
    bench_t *bench;
    uint64_t plan;
    bool slow;      /* what is started does not come yet */
    char done[256]; /* commands, in order: "+dear-0 -cheap-0 " */
} rented_t;

/* ---- whoever rents ---- */

static void s_obey(rented_t *self, const rent_command_t *command)
{
    char name[WIRE_NAME_SIZE];
    snprintf(name, sizeof name, "node/eu/%s", command->name);
    size_t node = s_index(name), at = strlen(self->done);
    bool starts = command->verb == RENT_START;
    snprintf(self->done + at, sizeof self->done - at, "%c%s ", starts ? '+' : '-', command->name);
    self->bench->leaving[node] = !starts;
    if (!starts)
        return;
    self->bench->silent[node] = self->slow;
    self->bench->pid[node] += 100;
}

static void s_go(rented_t *self, int64_t us)
{
    rent_command_t command;
    for (int64_t passed_us = 0; passed_us < us; passed_us += 100 * MS) {
        while (region_core_take_command(self->bench->core, &command))
            s_obey(self, &command);
        s_pass(self->bench, 100 * MS);
    }
}

static void s_tell_plan(rented_t *self, uint64_t cheap, uint64_t dear)
{
    uint64_t units[] = {cheap, dear};
    message_t *plan = message_new(KIND_plan, NAME, "scheduler/global");
    plan->plan = (plan_t_){.plan = ++self->plan, .run = RUN, .shards = 1};
    message_set_u64s(&plan->plan.units, units, 2);
    s_give(self->bench, plan);
}

/* The node's process is gone, whether it had told or not. */
static void s_die(rented_t *self, size_t node)
{
    s_lose(self->bench, node);
    region_core_unit_ended(self->bench->core, s_node_name(node), RENT_END_NODE, self->bench->now_us);
}

/* ---- whoever computes ---- */

/* A worker of that node has had a batch applied. */
static void s_compute_on(bench_t *b, size_t node)
{
    for (size_t i = 0; i < b->placed_count; i++) {
        const placed_t *worker = &b->placed[i];
        if (worker->ended || strncmp(worker->actor, "worker/", 7) || s_index(worker->node) != node)
            continue;
        message_t *m = message_new(KIND_lease_want, NAME, worker->actor);
        m->incarnation = worker->incarnation;
        m->lease_want.done = 1;
        s_give(b, m);
        s_hear(b);
        return;
    }
    cr_assert(false, "no worker on %s", s_node(node));
}

/* The shard runs on the cheap one, and has stored snapshot 4. */
static rented_t *s_rented(void)
{
    rented_t *self = calloc(1, sizeof *self);
    cr_assert_not_null(self);
    bench_t *b = self->bench = s_bench_of(0, false, 0);
    topology_region_t *region = &b->topology.regions[0];
    b->topology.plan.rent_patience_us = 60 * SECOND;
    region->offer_count = 2;
    region->offers[0] = (topology_offer_t){.name = "cheap", .count = 1, .cores = 2, .power = 1};
    region->offers[1] = (topology_offer_t){.name = "dear", .count = 2, .cores = 2, .power = 1};
    for (size_t node = 0; node < NODES; node++)
        b->silent[node] = true;
    s_begin(b);
    s_tell_plan(self, 1, 0);
    s_go(self, 3 * SECOND);
    cr_assert_not_null(s_placed(b, SHARD), "%s", region_core_waits_for(b->core, NULL));
    cr_assert_str_eq(s_placed(b, SHARD)->node, s_node(CHEAP));
    s_progress(b, 4);
    s_go(self, SECOND);
    s_compute_on(b, CHEAP);
    cr_assert_str_eq(self->done, "+cheap-0 ");
    return self;
}

static void s_end(rented_t *self)
{
    s_free(self->bench);
    free(self);
}

/* As far as the old one having been told to leave. */
static rented_t *s_swapping(void)
{
    rented_t *self = s_rented();
    s_tell_plan(self, 0, 2);
    s_go(self, 5 * SECOND);
    cr_assert_str_eq(self->done, "+cheap-0 +dear-0 +dear-1 ", "they are there, and have done nothing yet");
    cr_assert_eq(self->bench->hand_overs, 0);
    s_compute_on(self->bench, DEAR);
    s_go(self, 2 * SECOND);
    cr_assert_str_eq(self->done, "+cheap-0 +dear-0 +dear-1 ", "one of them has done nothing yet");
    s_compute_on(self->bench, OTHER);
    s_go(self, 2 * SECOND);
    cr_assert_str_eq(self->done, "+cheap-0 +dear-0 +dear-1 -cheap-0 ");
    return self;
}

/* The shard stops, with snapshot 5, which a keeper on another node has: it goes on there. Returns where. */
static size_t s_move(rented_t *self)
{
    bench_t *b = self->bench;
    b->copied = 4;
    s_go(self, 2 * SECOND);
    b->copied = 0;
    uint64_t before = s_placed(b, SHARD)->incarnation;
    cr_assert(b->hand_overs > 0 && b->keepers);
    size_t target = keepers_has(b->keepers, "keeper/eu/dear-0") ? DEAR : OTHER;
    message_t *m = s_progress_of(b, 5);
    m->progress.handed = true;
    m->progress.assignment = b->keepers->keepers.assignment;
    s_give(b, m);
    s_hear(b);
    cr_assert_eq(b->stops[CHEAP], 0, "it goes before its shard runs elsewhere");
    char keeper[WIRE_NAME_SIZE];
    snprintf(keeper, sizeof keeper, "keeper/eu/%s", s_node_name(target));
    s_sealed(b, keeper, before, 5);
    s_go(self, 2 * SECOND);
    cr_assert_str_eq(s_placed(b, SHARD)->node, s_node(target));
    cr_assert(s_placed(b, SHARD)->handed, "nothing is lost");
    return target;
}

Test(region_units, new_machines_come_and_take_over_and_then_the_old_ones_are_given_back)
{
    rented_t *self = s_swapping();
    s_move(self);
    cr_assert_gt(self->bench->stops[CHEAP], 0, "nothing is left there");
    s_die(self, CHEAP);
    s_go(self, 10 * SECOND);
    cr_assert_str_eq(self->done, "+cheap-0 +dear-0 +dear-1 -cheap-0 ");
    cr_assert_eq(self->bench->report->region_report.moves, 1);
    cr_assert_eq(self->bench->report->region_report.restarts, 0);
    cr_assert_eq(self->bench->report->region_report.rent_failures, 0);
    cr_assert_gt(self->bench->report->region_report.rent_start_us, 0);
    s_end(self);
}

Test(region_units, one_that_dies_before_it_has_handed_over_comes_back_for_its_shard)
{
    rented_t *self = s_swapping();
    s_die(self, CHEAP);
    self->bench->held_incarnation[CHEAP] = s_placed(self->bench, SHARD)->incarnation;
    self->bench->held_number[CHEAP] = 4;
    s_go(self, 4 * SECOND);
    cr_assert_str_eq(self->done, "+cheap-0 +dear-0 +dear-1 -cheap-0 +cheap-0 -cheap-0 ");
    cr_assert_str_eq(s_placed(self->bench, SHARD)->node, s_node(CHEAP), "what it has stored nobody else has");
    s_progress(self->bench, 4);
    s_move(self);
    cr_assert_gt(self->bench->stops[CHEAP], 0);
    s_die(self, CHEAP);
    s_go(self, 10 * SECOND);
    cr_assert_str_eq(self->done, "+cheap-0 +dear-0 +dear-1 -cheap-0 +cheap-0 -cheap-0 ");
    s_end(self);
}

Test(region_units, one_that_leaves_stays_while_nobody_but_those_on_the_way_could_go_on)
{
    rented_t *self = s_swapping();
    s_die(self, DEAR);
    s_die(self, OTHER);
    self->slow = true;
    s_go(self, 10 * SECOND);
    cr_assert_str_eq(self->done, "+cheap-0 +dear-0 +dear-1 -cheap-0 +dear-0 +dear-1 ");
    cr_assert_eq(self->bench->stops[CHEAP], 0, "its shard would be nowhere");
    self->bench->silent[DEAR] = self->bench->silent[OTHER] = false;
    s_go(self, 2 * SECOND);
    s_move(self);
    cr_assert_gt(self->bench->stops[CHEAP], 0);
    s_end(self);
}

Test(region_units, what_should_come_and_does_not_leaves_all_as_it_is)
{
    rented_t *self = s_rented();
    s_tell_plan(self, 0, 1);
    for (int i = 0; i < 3; i++) {
        s_go(self, 300 * MS);
        if (!self->bench->silent[DEAR])
            s_die(self, DEAR);
        s_go(self, 5 * SECOND);
    }
    cr_assert_eq(self->bench->hand_overs, 0);
    cr_assert_eq(self->bench->stops[CHEAP], 0);
    cr_assert_null(strstr(self->done, "-cheap-0"), "%s", self->done);
    cr_assert_str_eq(s_placed(self->bench, SHARD)->node, s_node(CHEAP));
    s_end(self);
}
