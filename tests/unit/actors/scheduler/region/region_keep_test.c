/* Keepers in a region, driven by hand in virtual time. */
#include "tests/unit/actors/scheduler/region/region_nodes_bench.h"

static bench_t *s_bench(uint64_t replicas, bool elsewhere)
{
    return s_bench_of(replicas, elsewhere, 1);
}

/* The shard runs on a, its snapshot 4 is durable, and then its node is silent until it counts as lost. */
static uint64_t s_lose_shard(bench_t *b)
{
    s_start(b);
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/a");
    uint64_t incarnation = s_placed(b, "shard/eu/0")->incarnation;
    s_progress(b, 4);
    s_lose(b, 0);
    s_pass(b, 8 * SECOND);
    return incarnation;
}

Test(region_keep, each_node_has_a_keeper_and_none_keeps_for_its_own_node)
{
    bench_t *b = s_bench(2, false);
    s_start(b);
    for (size_t node = 0; node < NODES; node++) {
        char name[32];
        snprintf(name, sizeof name, "keeper/eu/%c", (char)('a' + node));
        cr_assert_not_null(s_placed(b, name), "%s", name);
        cr_assert_str_eq(s_placed(b, name)->node, s_node(node));
    }
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/a");
    cr_assert_not_null(b->keepers);
    cr_assert_eq(b->keepers->keepers.keepers.count, 2);
    const keepers_keepers_t *rows = b->keepers->keepers.keepers.items;
    cr_assert_str_eq(rows[0].name, "keeper/eu/b");
    cr_assert_eq(rows[0].incarnation, s_placed(b, "keeper/eu/b")->incarnation);
    cr_assert_str_eq(rows[1].name, "keeper/eu/c");
    cr_assert_eq(rows[1].incarnation, s_placed(b, "keeper/eu/c")->incarnation);
    s_free(b);
}

Test(region_keep, another_takes_over_for_a_keeper_whose_node_is_gone)
{
    bench_t *b = s_bench(1, false);
    s_start(b);
    cr_assert(keepers_has(b->keepers, "keeper/eu/b"));
    uint64_t before = b->keepers->keepers.assignment;
    s_lose(b, 1);
    s_pass(b, 8 * SECOND);
    cr_assert(keepers_has(b->keepers, "keeper/eu/c"));
    cr_assert_gt(b->keepers->keepers.assignment, before);
    s_free(b);
}

Test(region_keep, a_shard_waits_for_its_node_then_goes_on_where_the_newest_copy_is)
{
    bench_t *b = s_bench(2, false);
    uint64_t before = s_lose_shard(b);
    cr_assert_eq(b->seals, 0, "nothing is sealed while it may come back");
    int64_t since_us;
    cr_assert_str_eq(region_core_waits_for(b->core, &since_us), "node/eu/a");
    s_pass(b, 8 * SECOND);
    cr_assert_gt(b->seals, 0);
    cr_assert_gt(b->seal->seal.incarnation, before);
    cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before, "not before they have answered");
    s_sealed(b, "keeper/eu/b", before, 3);
    s_pass(b, 500 * MS);
    cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before, "not before all have answered");
    s_sealed(b, "keeper/eu/c", before, 5);
    s_pass(b, SECOND);
    const placed_t *placed = s_placed(b, "shard/eu/0");
    cr_assert_str_eq(placed->node, "node/eu/c");
    cr_assert_gt(placed->incarnation, b->seal->seal.incarnation);
    cr_assert_eq(placed->newest_incarnation, before);
    cr_assert_eq(placed->newest_number, 4);
    s_free(b);
}

Test(region_keep, a_node_that_is_back_in_time_keeps_its_shard)
{
    bench_t *b = s_bench(2, false);
    uint64_t before = s_lose_shard(b);
    b->silent[0] = false; /* its process was started again, its disk is there */
    b->pid[0]++;
    b->held_incarnation[0] = before;
    b->held_number[0] = 4;
    s_pass(b, 3 * SECOND);
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/a");
    cr_assert_gt(s_placed(b, "shard/eu/0")->incarnation, before);
    cr_assert_eq(b->seals, 0);
    s_free(b);
}

Test(region_keep, a_node_that_is_back_without_its_disk_is_not_home)
{
    bench_t *b = s_bench(2, false);
    uint64_t before = s_lose_shard(b);
    b->silent[0] = false;
    b->pid[0]++;
    b->held_incarnation[0] = before;
    b->held_number[0] = 3; /* less than what was durable */
    s_pass(b, 2 * SECOND);
    cr_assert_gt(b->seals, 0, "at once: nothing better will come from there");
    s_sealed(b, "keeper/eu/a", before, 3);
    s_sealed(b, "keeper/eu/b", before, 4);
    s_sealed(b, "keeper/eu/c", 0, 0);
    s_pass(b, SECOND);
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/b");
    s_free(b);
}

Test(region_keep, a_shard_below_the_seal_of_a_keeper_goes_on_where_it_is_above_it)
{
    bench_t *b = s_bench(2, false);
    s_start(b);
    uint64_t before = s_placed(b, "shard/eu/0")->incarnation;
    for (uint64_t above = 0; above < 2; above++) {
        cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before,
                     "a seal shuts out what is below it only");
        message_t *m = message_new(KIND_sealed, NAME, "keeper/eu/b");
        message_set_name(m->sealed.region, "eu");
        m->sealed.seal = before + above;
        s_give(b, m);
        s_pass(b, 5 * SECOND);
    }
    cr_assert_gt(s_placed(b, "shard/eu/0")->incarnation, before + 1);
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/a");
    s_free(b);
}

Test(region_keep, copies_older_than_what_was_durable_wait_for_better_ones)
{
    bench_t *b = s_bench(1, false);
    uint64_t before = s_lose_shard(b);
    s_pass(b, 8 * SECOND);
    for (int i = 0; i < 20; i++) {
        s_sealed(b, "keeper/eu/b", before, 3);
        s_sealed(b, "keeper/eu/c", 0, 0);
        s_pass(b, 500 * MS);
    }
    cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before);
    int64_t since_us;
    cr_assert_str_eq(region_core_waits_for(b->core, &since_us), "keepers");
    for (int i = 0; i < 120 && s_placed(b, "shard/eu/0")->incarnation == before; i++) {
        s_sealed(b, "keeper/eu/b", before, 3);
        s_sealed(b, "keeper/eu/c", 0, 0);
        s_pass(b, 500 * MS);
    }
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/b", "a region may not be away for ever");
    cr_assert_eq(s_placed(b, "shard/eu/0")->newest_number, 4, "and the shard is told that it is a loss");
    s_free(b);
}

Test(region_keep, what_only_another_region_has_is_fetched_first)
{
    bench_t *b = s_bench(1, true);
    s_start(b);
    cr_assert_not_null(b->want);
    cr_assert_str_eq(b->want->to, "scheduler/us");
    message_t *named = message_new(KIND_keeper_named, NAME, "scheduler/us");
    message_set_name(named->keeper_named.region, "eu");
    message_set_name(named->keeper_named.keeper, "keeper/us/x");
    s_give(b, named);
    s_pass(b, SECOND);
    cr_assert_eq(b->keepers->keepers.keepers.count, 1);
    cr_assert(keepers_has(b->keepers, "keeper/us/x"));
    cr_assert_eq(b->keepers->keepers.keepers.items[0].incarnation, 0);
    uint64_t before = s_placed(b, "shard/eu/0")->incarnation;
    s_progress(b, 4);
    s_lose(b, 0);
    s_pass(b, 17 * SECOND);
    s_sealed(b, "keeper/eu/b", 0, 0);
    s_sealed(b, "keeper/eu/c", 0, 0);
    s_sealed(b, "keeper/us/x", before, 4);
    s_pass(b, SECOND);
    cr_assert_not_null(b->keep_from);
    cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before);
    cr_assert_str_eq(b->keep_from->keep_from.source, "keeper/us/x");
    message_t *kept = message_new(KIND_snapshot_kept, NAME, b->keep_from->to);
    message_set_name(kept->snapshot_kept.region, "eu");
    kept->snapshot_kept.incarnation = before;
    kept->snapshot_kept.number = 4;
    s_give(b, kept);
    s_pass(b, SECOND);
    cr_assert_gt(s_placed(b, "shard/eu/0")->incarnation, before);
    cr_assert_eq(s_index(s_placed(b, "shard/eu/0")->node), s_index(b->keep_from->to));
    s_free(b);
}

Test(region_keep, a_keeper_is_named_for_another_region_and_stays_the_same)
{
    bench_t *b = s_bench(1, false);
    s_start(b);
    wire_name_t first = "";
    for (int i = 0; i < 2; i++) {
        message_t *want = message_new(KIND_keeper_want, NAME, "scheduler/us");
        message_set_name(want->keeper_want.region, "us");
        s_give(b, want);
        s_pass(b, 100 * MS);
        cr_assert_not_null(b->named);
        cr_assert_str_eq(b->named->to, "scheduler/us");
        cr_assert(s_placed(b, b->named->keeper_named.keeper));
        cr_assert(i == 0 || !strcmp(first, b->named->keeper_named.keeper));
        message_set_name(first, b->named->keeper_named.keeper);
        s_pass(b, 3 * SECOND);
    }
    s_free(b);
}
