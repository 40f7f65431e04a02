/* How many workers there are: one for each core of the nodes that are there, while there is something to
 * do; or the plan's. */
#include "tests/unit/actors/scheduler/region/region_nodes_bench.h"

#define CORES 2 /* of each node */

/* The shard has applied batches 0 to `applied`, not included. */
static void s_applied(bench_t *b, uint64_t applied)
{
    message_t *m = s_progress_of(b, 1 + applied);
    ranges_t set = {0};
    cr_assert_eq(ranges_add(&set, 0, applied), ERR_OK);
    message_set_ranges(&m->progress.applied, &set);
    message_set_ranges(&m->progress.durable, &set);
    ranges_fini(&set);
    m->progress.steps = applied;
    s_give(b, m);
    s_hear(b);
}

static bool s_works(const placed_t *placed)
{
    return !placed->ended && !strncmp(placed->actor, "worker/", 7);
}

static size_t s_workers_on(const bench_t *b, size_t node)
{
    size_t count = 0;
    for (size_t i = 0; i < b->placed_count; i++)
        count += s_works(&b->placed[i]) && s_index(b->placed[i].node) == node;
    return count;
}

static size_t s_workers(const bench_t *b)
{
    size_t count = 0;
    for (size_t node = 0; node < NODES; node++)
        count += s_workers_on(b, node);
    return count;
}

static bench_t *s_running(uint64_t workers, uint64_t applied)
{
    bench_t *b = s_bench_of(0, false, workers);
    s_start(b);
    cr_assert_eq(s_workers(b), 0, "what there is to do is not known");
    s_applied(b, applied);
    s_pass(b, SECOND);
    return b;
}

/* A worker asks and is given; returns the grant, or 0 for none. */
static uint64_t s_lease(bench_t *b, const placed_t *worker, uint64_t last_grant, const ranges_t *holding)
{
    uint64_t grant = 0;
    message_t *m = message_new(KIND_lease_want, NAME, worker->actor), *answer;
    m->incarnation = worker->incarnation;
    m->lease_want.last_grant = last_grant;
    message_set_ranges(&m->lease_want.holding, holding);
    s_give(b, m);
    while ((answer = outbox_take(region_role.outbox(b->core)))) {
        if (answer->kind == KIND_lease)
            grant = answer->lease.grant;
        message_destroy(&answer);
    }
    return grant;
}

/* Grants all batches to one worker, one lease after the other. */
static const placed_t *s_hold_all(bench_t *b)
{
    const placed_t *worker = s_placed(b, "worker/eu/0");
    ranges_t holding = {0};
    cr_assert_not_null(worker);
    for (uint64_t grant = 0, next, count = 0; (next = s_lease(b, worker, grant, &holding)); grant = next) {
        cr_assert_lt(++count, BATCHES + 1);
        ranges_fini(&holding);
        holding = (ranges_t){0};
        cr_assert_eq(ranges_add(&holding, 0, BATCHES), ERR_OK);
    }
    ranges_fini(&holding);
    return worker;
}

Test(region_workers, there_is_one_for_each_core)
{
    bench_t *b = s_running(0, 0);
    for (size_t node = 0; node < NODES; node++)
        cr_assert_eq(s_workers_on(b, node), CORES, "%s", s_node(node));
    cr_assert_eq(b->retires, 0);
    s_free(b);
}

Test(region_workers, there_are_no_more_than_there_are_batches_left)
{
    for (uint64_t left = 0; left < NODES * CORES; left++) {
        bench_t *b = s_running(0, BATCHES - left);
        s_pass(b, SECOND); /* those that were wanted before that was known */
        cr_assert_eq(s_workers(b), left, "%zu for %d batches", s_workers(b), (int)left);
        s_free(b);
    }
}

Test(region_workers, those_for_whom_nothing_is_left_end_after_a_while_and_come_back_for_more)
{
    bench_t *b = s_running(0, 0);
    s_applied(b, BATCHES);
    s_pass(b, 900 * MS);
    cr_assert_eq(s_workers(b), NODES * CORES, "there may be more in a moment");
    s_pass(b, 500 * MS);
    cr_assert_eq(s_workers(b), 0);
    cr_assert_eq(b->retires, NODES * CORES, "each is asked once: it ends at once");
    uint64_t newest = 0;
    for (size_t i = 0; i < b->placed_count; i++)
        newest = b->placed[i].incarnation > newest ? b->placed[i].incarnation : newest;
    /* The shard came back without its newest batches. */
    s_tell_placed(b, s_placed(b, SHARD)->node, SHARD, s_placed(b, SHARD)->incarnation, ERR_IO);
    s_pass(b, SECOND);
    cr_assert_gt(s_placed(b, SHARD)->incarnation, newest);
    s_applied(b, BATCHES - 2);
    s_pass(b, SECOND);
    cr_assert_eq(s_workers(b), 2, "as many as there are batches");
    cr_assert_null(s_placed(b, "worker/eu/6"), "numbers are used again");
    cr_assert_eq(b->report->region_report.restarts, 1, "the shard's: a worker on demand is none");
    s_free(b);
}

Test(region_workers, one_that_works_is_kept_and_the_others_end)
{
    bench_t *b = s_running(0, 0);
    const placed_t *busy = s_hold_all(b);
    s_pass(b, 3 * SECOND);
    cr_assert_eq(s_workers(b), 1);
    cr_assert_not(busy->ended);
    /* It dies, and all of it is for the others again. */
    uint64_t incarnation = busy->incarnation;
    s_tell_placed(b, busy->node, busy->actor, incarnation, ERR_IO);
    s_pass(b, SECOND);
    cr_assert_eq(s_workers(b), NODES * CORES);
    s_free(b);
}

Test(region_workers, those_of_a_node_that_leaves_end_and_no_others_take_their_place)
{
    bench_t *b = s_running(0, 0);
    b->leaving[2] = true;
    s_announce(b, 2);
    s_pass(b, 2 * SECOND);
    cr_assert_eq(s_workers_on(b, 2), 0);
    cr_assert_eq(s_workers(b), 2 * CORES, "the other nodes have no core free");
    cr_assert_gt(b->stops[2], 0, "nothing is left there");
    b->leaving[2] = false; /* its process was started again */
    b->pid[2]++;
    s_announce(b, 2);
    s_pass(b, SECOND);
    cr_assert_eq(s_workers_on(b, 2), CORES, "whoever comes is used");
    cr_assert_null(s_placed(b, "worker/eu/6"), "numbers are used again");
    cr_assert_eq(b->report->region_report.restarts, 0);
    s_free(b);
}

/* The batch in its hands is not lost: it finishes, is not given more, and is not killed. */
Test(region_workers, one_that_is_to_end_is_asked_again_and_given_nothing)
{
    bench_t *b = s_running(0, 0);
    const placed_t *worker = NULL;
    for (size_t i = 0; i < b->placed_count; i++)
        if (s_works(&b->placed[i]) && s_index(b->placed[i].node) == 2)
            worker = &b->placed[i];
    cr_assert_not_null(worker);
    b->lingers = true;
    b->leaving[2] = true;
    s_announce(b, 2);
    s_pass(b, 2 * SECOND);
    cr_assert(b->retires >= 6 * CORES && b->retires <= 8 * CORES, "%zu, each 300 ms", b->retires);
    ranges_t none = {0};
    cr_assert_eq(s_lease(b, worker, 0, &none), 0);
    cr_assert_neq(s_lease(b, s_placed(b, "worker/eu/0"), 0, &none), 0, "the others are");
    cr_assert_eq(b->stops[2], 0, "it is not let go while it works");
    b->lingers = false;
    s_pass(b, 2 * SECOND);
    cr_assert_gt(b->stops[2], 0);
    s_free(b);
}

Test(region_workers, those_of_a_node_that_is_lost_are_not_started_elsewhere)
{
    bench_t *b = s_running(0, 0);
    s_lose(b, 2);
    s_pass(b, 8 * SECOND);
    cr_assert_eq(s_workers_on(b, 0) + s_workers_on(b, 1), 2 * CORES);
    b->silent[2] = false;
    s_announce(b, 2);
    s_pass(b, SECOND);
    for (size_t node = 0; node < NODES; node++)
        cr_assert_eq(s_workers_on(b, node), CORES, "%s", s_node(node));
    s_free(b);
}

Test(region_workers, of_a_plan_are_as_many_as_it_says_wherever_they_are)
{
    bench_t *b = s_running(4, 0);
    cr_assert_eq(s_workers(b), 4);
    b->leaving[2] = true;
    s_announce(b, 2);
    s_pass(b, 3 * SECOND);
    cr_assert_eq(s_workers_on(b, 2), 0);
    cr_assert_eq(s_workers(b), 4, "the same number, on the nodes that stay");
    s_applied(b, BATCHES - 1);
    s_pass(b, 3 * SECOND);
    cr_assert_eq(s_workers(b), 1, "one for the last batch");
    s_free(b);
}

/* A node tells of a worker that is over, late or twice: nobody is ended for it. */
Test(region_workers, news_of_those_that_are_over_change_nothing)
{
    bench_t *b = s_running(0, 0);
    for (int i = 0; i < 3; i++) {
        s_tell_placed(b, s_node(1), "worker/eu/0", 1, ERR_STOPPED);
        s_tell_placed(b, s_node(1), "worker/eu/77", s_placed(b, SHARD)->incarnation, ERR_IO);
        s_tell_placed(b, "node/eu/unknown", "worker/eu/0", s_placed(b, "worker/eu/0")->incarnation, ERR_IO);
    }
    s_pass(b, 2 * SECOND);
    cr_assert_eq(s_workers(b), NODES * CORES);
    cr_assert_eq(b->report->region_report.restarts, 0);
    s_free(b);
}
