/* Nodes that leave: their shard hands over to a keeper elsewhere and goes on there, and then they are let go;
 * also when the one that it goes to is gone in the midst of it. Nothing is copied but for the move
 * (replicas: 0). */
#include "tests/unit/actors/scheduler/region/region_nodes_bench.h"

#define LEAVER 0 /* the shard's */

static bench_t *s_leaving(void)
{
    bench_t *b = s_bench_of(0, false, 1);
    s_start(b);
    cr_assert_str_eq(s_placed(b, SHARD)->node, s_node(LEAVER));
    s_progress(b, 4);
    cr_assert_null(s_placed(b, "keeper/eu/b"));
    cr_assert_null(s_placed(b, "keeper/eu/c"));
    b->copied = 4;
    b->leaving[LEAVER] = true;
    return b;
}

/* The keeper that was chosen last: its node. */
static size_t s_target(bench_t *b)
{
    cr_assert_not_null(b->keepers, "no keeper was chosen");
    for (size_t node = 0; node < NODES; node++) {
        char keeper[32];
        snprintf(keeper, sizeof keeper, "keeper/eu/%c", (char)('a' + node));
        if (keepers_has(b->keepers, keeper))
            return node;
    }
    cr_assert(false, "nobody keeps");
    return NODES;
}

static const char *s_keeper(size_t node)
{
    static const char *const names[NODES] = {"keeper/eu/a", "keeper/eu/b", "keeper/eu/c"};
    return names[node];
}

/* The shard has stopped, its last snapshot is `number`, and keepers of that assignment have it. */
static void s_handed(bench_t *b, uint64_t number, uint64_t assignment)
{
    b->copied = 0;
    message_t *m = s_progress_of(b, number);
    m->progress.handed = true;
    m->progress.assignment = assignment;
    s_give(b, m);
    s_hear(b);
}

/* As far as the keepers being sealed; returns the incarnation that handed over. */
static uint64_t s_hand_over(bench_t *b)
{
    s_pass(b, 2 * SECOND);
    uint64_t before = s_placed(b, SHARD)->incarnation;
    cr_assert_not_null(b->hand_over);
    cr_assert_str_eq(b->hand_over->to, SHARD);
    cr_assert_eq(b->hand_over->hand_over.incarnation, before);
    s_handed(b, 5, b->keepers->keepers.assignment);
    cr_assert_gt(b->seals, 0, "who it goes to says first what it has");
    cr_assert_gt(b->seal->seal.incarnation, before);
    cr_assert_eq(s_placed(b, SHARD)->incarnation, before, "not before that");
    return before;
}

/* Runs on that node, begun with what was handed over. */
static void s_expect_moved(bench_t *b, size_t node, uint64_t before)
{
    const placed_t *shard = s_placed(b, SHARD);
    cr_assert_gt(shard->incarnation, before);
    cr_assert_str_eq(shard->node, s_node(node));
    cr_assert_eq(shard->newest_incarnation, before);
    cr_assert_eq(shard->newest_number, 5);
    cr_assert(shard->handed, "nothing is lost, and it is told so");
}

Test(region_move, a_shard_hands_over_and_goes_on_where_its_keeper_is)
{
    bench_t *b = s_leaving();
    uint64_t before = s_hand_over(b);
    size_t target = s_target(b);
    cr_assert_neq(target, LEAVER);
    s_sealed(b, s_keeper(target), before, 5);
    s_pass(b, 2 * SECOND);
    s_expect_moved(b, target, before);
    cr_assert_str_eq(s_placed(b, "synchronizer/eu/0")->node, s_node(target), "it goes with its shard");
    for (size_t i = 0; i < b->placed_count; i++)
        cr_assert(b->placed[i].ended || s_index(b->placed[i].node) != LEAVER, "%s is left there",
                  b->placed[i].actor);
    cr_assert_gt(b->stops[LEAVER], 0, "nothing is left: it may go");
    cr_assert_eq(b->stops[1] + b->stops[2], 0);
    cr_assert(s_placed(b, s_keeper(target))->ended, "it was there for the move alone");
    cr_assert_eq(b->report->region_report.moves, 1);
    cr_assert_eq(b->report->region_report.restarts, 0, "a move is no restart");
    s_free(b);
}

/* Where it goes the disk may be full: stopped too early it would stand still for as long. */
Test(region_move, a_shard_trains_on_until_there_is_a_copy_where_it_can_go_on)
{
    bench_t *b = s_leaving();
    b->copied = 0;
    s_pass(b, 20 * SECOND);
    cr_assert_neq(s_target(b), LEAVER, "somebody is to have one");
    cr_assert_eq(b->hand_overs, 0, "nobody has one");
    cr_assert_eq(b->stops[LEAVER], 0, "it is not let go with what nobody else has");
    message_t *m = s_progress_of(b, 4); /* of keepers that it had before */
    m->progress.assignment = b->keepers->keepers.assignment - 1;
    s_give(b, m);
    s_pass(b, 2 * SECOND);
    cr_assert_eq(b->hand_overs, 0);
    b->copied = 4;
    s_pass(b, 2 * SECOND);
    cr_assert_gt(b->hand_overs, 0);
    s_free(b);
}

Test(region_move, one_that_is_told_to_leave_again_and_again_leaves_once)
{
    bench_t *b = s_leaving();
    for (int i = 0; i < 200; i++) {
        s_announce(b, LEAVER);
        s_hear(b);
    }
    s_pass(b, 3 * SECOND);
    cr_assert(b->hand_overs >= 8 && b->hand_overs <= 12, "%zu, every 300 ms of 3 s", b->hand_overs);
    uint64_t before = s_hand_over(b);
    size_t target = s_target(b);
    for (int i = 0; i < 3; i++) {
        s_sealed(b, s_keeper(target), before, 5);
        s_announce(b, LEAVER);
        s_pass(b, SECOND);
    }
    s_expect_moved(b, target, before);
    cr_assert_eq(b->report->region_report.moves, 1);
    size_t stops = b->stops[LEAVER];
    b->silent[LEAVER] = true;
    s_give(b, message_new(KIND_stopped, NAME, s_node(LEAVER)));
    s_pass(b, 2 * SECOND);
    cr_assert_eq(b->stops[LEAVER], stops, "it has gone");
    s_expect_moved(b, target, before);
    s_free(b);
}

/* Said of keepers that were chosen before, or by an incarnation that is over: the ones that count now may
 * not have it. */
Test(region_move, what_was_handed_to_others_does_not_count)
{
    bench_t *b = s_leaving();
    s_pass(b, 2 * SECOND);
    uint64_t before = s_placed(b, SHARD)->incarnation;
    s_handed(b, 5, b->keepers->keepers.assignment - 1);
    message_t *m = s_progress_of(b, 5);
    m->incarnation--;
    m->progress.handed = true;
    m->progress.assignment = b->keepers->keepers.assignment;
    s_give(b, m);
    s_pass(b, SECOND);
    cr_assert_eq(b->seals, 0);
    cr_assert_eq(s_placed(b, SHARD)->incarnation, before);
    cr_assert_not(s_placed(b, SHARD)->ended);
    s_free(b);
}

/* The keepers have something of it, and it still trains. */
Test(region_move, copies_of_a_shard_that_has_not_stopped_are_no_hand_over)
{
    bench_t *b = s_leaving();
    s_pass(b, 2 * SECOND);
    uint64_t before = s_placed(b, SHARD)->incarnation;
    message_t *m = s_progress_of(b, 5);
    m->progress.assignment = b->keepers->keepers.assignment;
    s_give(b, m);
    s_pass(b, SECOND);
    cr_assert_eq(b->seals, 0);
    cr_assert_eq(s_placed(b, SHARD)->incarnation, before);
    s_free(b);
}

Test(region_move, another_takes_over_from_a_target_that_dies_before_it_has_all)
{
    bench_t *b = s_leaving();
    s_pass(b, 2 * SECOND);
    size_t first = s_target(b);
    uint64_t assignment = b->keepers->keepers.assignment;
    s_lose(b, first);
    s_pass(b, 8 * SECOND);
    size_t second = s_target(b);
    cr_assert(second != first && second != LEAVER);
    cr_assert_gt(b->keepers->keepers.assignment, assignment);
    s_handed(b, 5, assignment);
    cr_assert_eq(b->seals, 0, "the one that is gone had it, not this one");
    uint64_t before = s_hand_over(b);
    s_sealed(b, s_keeper(second), before, 5);
    s_pass(b, 2 * SECOND);
    s_expect_moved(b, second, before);
    cr_assert_gt(b->stops[LEAVER], 0);
    s_free(b);
}

/* The only copy elsewhere is gone; what the shard had handed over still lies on the disk of the node that
 * leaves. */
Test(region_move, goes_on_from_its_own_disk_when_the_target_dies_after_it_has_handed_over)
{
    bench_t *b = s_leaving();
    uint64_t before = s_hand_over(b);
    size_t first = s_target(b);
    s_lose(b, first);
    s_pass(b, 9 * SECOND);
    cr_assert_eq(s_placed(b, SHARD)->incarnation, before, "the keeper may come back");
    cr_assert_eq(b->stops[LEAVER], 0, "it is not let go while it has the only copy");
    s_pass(b, 4 * SECOND);
    const placed_t *shard = s_placed(b, SHARD);
    cr_assert_gt(shard->incarnation, before);
    cr_assert_str_eq(shard->node, s_node(LEAVER));
    cr_assert_eq(shard->newest_number, 5);
    /* And then it leaves as if for the first time. */
    b->copied = 5;
    uint64_t again = shard->incarnation;
    b->seals = 0;
    s_pass(b, 2 * SECOND);
    size_t second = s_target(b);
    cr_assert(second != first && second != LEAVER);
    cr_assert_eq(b->hand_over->hand_over.incarnation, again);
    s_handed(b, 6, b->keepers->keepers.assignment);
    s_sealed(b, s_keeper(second), again, 6);
    s_pass(b, 2 * SECOND);
    cr_assert_str_eq(shard->node, s_node(second));
    cr_assert_eq(shard->newest_incarnation, again);
    cr_assert_eq(shard->newest_number, 6);
    cr_assert_gt(b->stops[LEAVER], 0);
    s_free(b);
}

/* A keeper that has less than was handed over is no home. */
Test(region_move, does_not_begin_with_less_than_was_handed_over)
{
    bench_t *b = s_leaving();
    uint64_t before = s_hand_over(b);
    size_t target = s_target(b);
    s_sealed(b, s_keeper(target), before, 4);
    s_pass(b, 5 * SECOND);
    cr_assert_eq(s_placed(b, SHARD)->incarnation, before);
    int64_t since_us;
    cr_assert_str_eq(region_core_waits_for(b->core, &since_us), "keepers");
    s_sealed(b, s_keeper(target), before, 5);
    s_pass(b, SECOND);
    s_expect_moved(b, target, before);
    s_free(b);
}

Test(region_move, a_leaver_that_dies_after_it_has_handed_over_is_not_waited_for)
{
    bench_t *b = s_leaving();
    uint64_t before = s_hand_over(b);
    size_t target = s_target(b);
    s_lose(b, LEAVER);
    s_sealed(b, s_keeper(target), before, 5);
    s_pass(b, 8 * SECOND);
    s_expect_moved(b, target, before);
    size_t retires = b->retires;
    s_pass(b, 3 * SECOND);
    cr_assert_eq(b->retires, retires, "nobody is there to be asked");
    cr_assert(region_core_failure(b->core, NULL) == ERR_OK);
    s_free(b);
}

Test(region_move, when_all_were_gone_it_goes_on_exactly_where_its_keeper_comes_back)
{
    bench_t *b = s_leaving();
    uint64_t before = s_hand_over(b);
    size_t target = s_target(b);
    for (size_t node = 0; node < NODES; node++)
        s_lose(b, node);
    s_pass(b, 30 * SECOND);
    cr_assert_eq(s_placed(b, SHARD)->incarnation, before);
    b->silent[target] = false;
    b->seals = 0;
    s_pass(b, 2 * SECOND);
    cr_assert_gt(b->seals, 0);
    s_sealed(b, s_keeper(target), before, 5);
    s_pass(b, 2 * SECOND);
    s_expect_moved(b, target, before);
    s_free(b);
}

Test(region_move, what_is_left_of_a_former_incarnation_is_asked_to_end_until_it_has)
{
    bench_t *b = s_leaving();
    uint64_t before = s_hand_over(b);
    size_t target = s_target(b);
    b->lingers = true;
    s_sealed(b, s_keeper(target), before, 5);
    size_t retires = b->retires;
    s_pass(b, 3 * SECOND);
    s_expect_moved(b, target, before);
    cr_assert_geq(b->retires, retires + 9);
    cr_assert_eq(b->stops[LEAVER], 0, "not while it is there");
    b->lingers = false;
    s_pass(b, 3 * SECOND);
    cr_assert_gt(b->stops[LEAVER], 0);
    s_free(b);
}

Test(region_move, when_all_leave_they_end_as_they_are)
{
    bench_t *b = s_leaving();
    for (size_t node = 0; node < NODES; node++)
        b->leaving[node] = true;
    s_pass(b, 2 * SECOND);
    for (size_t node = 0; node < NODES; node++)
        cr_assert_gt(b->stops[node], 0, "%s", s_node(node));
    cr_assert_eq(b->hand_overs, 0, "nobody is there to take it");
    s_free(b);
}
