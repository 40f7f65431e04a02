#include "deploy/state/catalog.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A catalog as it would have been read: one region, two shards. */
static catalog_t s_catalog;
static topology_t *s_topology;
static catalog_store_t s_stores[8];
static catalog_snapshot_t s_snapshots[8][4];
static pick_t s_pick;
static err_t s_err;

static void s_setup(void)
{
    static const char text[] = "job: {name: j, model: ledger, data: {kind: counter, samples: 10}}\n"
                               "regions:\n  - {name: eu, data_share: 1, workers: 1, shards: 2}\n";
    cr_assert_eq(topology_parse("t", text, strlen(text), NULL, 0, &s_topology, &s_err), ERR_OK, "%s",
                 s_err.text);
    memset(s_stores, 0, sizeof s_stores);
    memset(s_snapshots, 0, sizeof s_snapshots);
    s_catalog = (catalog_t){.dir = "/state", .topology = s_topology, .stores = s_stores};
    s_pick = (pick_t){.shard = 99};
}

static void s_teardown(void)
{
    topology_destroy(&s_topology);
}

TestSuite(pick, .init = s_setup, .fini = s_teardown);

static catalog_store_t *s_store(store_kind_t kind, uint32_t shard, uint64_t incarnation)
{
    size_t index = s_catalog.count++;
    s_stores[index] = (catalog_store_t){.place = stores_place(kind, "eu", shard, incarnation),
                                        .readable = true,
                                        .snapshots = s_snapshots[index]};
    return &s_stores[index];
}

/* Snapshot N has applied 10 N batches. */
static catalog_snapshot_t *s_add(catalog_store_t *store, uint64_t number, const char *tag)
{
    catalog_snapshot_t *snapshot = &store->snapshots[store->count++];
    *snapshot = (catalog_snapshot_t){.number = number, .readable = true, .batches = 10 * number};
    snapshot->manifest.id = (manifest_id_t){.number = number, .incarnation = store->place.incarnation};
    snprintf(snapshot->manifest.id.tag, sizeof snapshot->manifest.id.tag, "%s", tag);
    return snapshot;
}

static void s_damage(catalog_snapshot_t *snapshot, bool manifest)
{
    snapshot->readable = false;
    snprintf(snapshot->why, sizeof snapshot->why, "spoiled");
    if (manifest)
        snapshot->manifest.id = (manifest_id_t){.number = 0};
}

static err_code_t s_choose(uint32_t shard, choice_t choice)
{
    return catalog_pick(&s_catalog, 0, shard, &choice, &s_pick, &s_err);
}

static void s_expect(const catalog_store_t *store, uint64_t number)
{
    cr_assert_eq(s_pick.store, store);
    cr_assert_eq(s_pick.snapshot->number, number);
}

Test(pick, the_newest_is_that_of_the_newest_incarnation_that_has_any)
{
    catalog_store_t *old = s_store(STORE_SHARD, 0, 1), *newer = s_store(STORE_SHARD, 0, 2);
    s_store(STORE_SHARD, 0, 3); /* begun, and nothing stored in it */
    s_add(s_store(STORE_SHARD, 1, 9), 99, "cut");
    s_add(old, 7, "cut");
    s_add(newer, 4, "cut");
    s_add(newer, 5, "cut");
    cr_assert_eq(s_choose(0, (choice_t){.tag = NULL}), ERR_OK, "%s", s_err.text);
    s_expect(newer, 5);
    cr_assert(!s_pick.passed_over && !s_pick.twin);
}

Test(pick, a_replaced_store_is_older_than_what_replaces_it)
{
    catalog_store_t *first = s_store(STORE_SHARD, 0, 2), *second = s_store(STORE_SHARD, 0, 2);
    second->place.replacement = 1;
    s_add(first, 9, "cut");
    s_add(second, 10, "cut");
    cr_assert_eq(s_choose(0, (choice_t){.tag = NULL}), ERR_OK);
    s_expect(second, 10);
}

/* A shard that moved away, and came back as copies: as a start would choose. */
Test(pick, a_copy_that_is_newer_than_the_shards_own_is_chosen)
{
    catalog_store_t *own = s_store(STORE_SHARD, 0, 1), *kept = s_store(STORE_KEPT, 0, 2);
    s_add(own, 5, "stop");
    s_add(kept, 6, "cut");
    cr_assert_eq(s_choose(0, (choice_t){.tag = NULL}), ERR_OK);
    s_expect(kept, 6);
}

Test(pick, what_is_damaged_is_an_error_and_not_passed_over)
{
    catalog_store_t *own = s_store(STORE_SHARD, 0, 1);
    s_add(own, 5, "cut");
    s_damage(s_add(own, 6, "cut"), false);
    cr_assert_eq(s_choose(0, (choice_t){.tag = NULL}), ERR_CHECKSUM);
    cr_assert(strstr(s_err.text, "shard 0 of region eu is damaged") && strstr(s_err.text, "spoiled"), "%s",
              s_err.text);
    cr_assert_eq(s_pick.shard, 99);
    s_damage(&own->snapshots[1], true); /* nobody knows of what it was */
    cr_assert_eq(s_choose(0, (choice_t){.tag = NULL}), ERR_CHECKSUM);
    cr_assert_eq(s_choose(0, (choice_t){.older = true}), ERR_OK);
    s_expect(own, 5);
    cr_assert(s_pick.passed_over);
}

Test(pick, a_store_that_cannot_be_read_is_an_error_and_not_passed_over)
{
    catalog_store_t *own = s_store(STORE_SHARD, 0, 1), *lost = s_store(STORE_SHARD, 0, 2);
    s_add(own, 5, "mark/noon");
    lost->readable = false;
    cr_assert_eq(s_choose(0, (choice_t){.tag = NULL}), ERR_CHECKSUM);
    cr_assert_eq(s_choose(0, (choice_t){.older = true}), ERR_OK);
    cr_assert(s_pick.passed_over);
    cr_assert_eq(s_choose(0, (choice_t){.tag = "noon"}), ERR_OK,
                 "a point is what it is, whatever came later");
    cr_assert(!s_pick.passed_over);
}

Test(pick, what_is_whole_in_a_copy_is_not_lost)
{
    catalog_store_t *own = s_store(STORE_SHARD, 0, 1), *kept = s_store(STORE_KEPT, 0, 1);
    s_damage(s_add(own, 6, "cut"), true);
    s_add(kept, 6, "cut");
    cr_assert_eq(s_choose(0, (choice_t){.tag = NULL}), ERR_OK, "%s", s_err.text);
    s_expect(kept, 6);
    cr_assert(!s_pick.passed_over && !s_pick.twin);
    own->snapshots[0] = kept->snapshots[0];
    cr_assert_eq(s_choose(0, (choice_t){.tag = NULL}), ERR_OK);
    cr_assert(s_pick.twin && s_pick.twin != s_pick.store, "the same in both: either will do");
}

Test(pick, a_point_that_is_not_there_is_answered_with_those_that_are)
{
    catalog_store_t *own = s_store(STORE_SHARD, 0, 1), *other = s_store(STORE_SHARD, 1, 1);
    s_add(own, 3, "mark/epoch-1");
    s_add(own, 4, "mark/noon");
    s_add(other, 3, "mark/epoch-1");
    cr_assert_eq(s_choose(0, (choice_t){.tag = "mark/moon"}), ERR_NOT_FOUND);
    cr_assert(strstr(s_err.text, "; common points here are epoch-1 and noon"), "%s", s_err.text);
    cr_assert_eq(s_choose(0, (choice_t){.tag = "noon"}), ERR_OK);
    s_expect(own, 4);
    cr_assert_eq(s_choose(1, (choice_t){.tag = "mark/epoch-1"}), ERR_OK);
    s_expect(other, 3);
}

Test(pick, points_are_counted_once_for_each_shard_in_the_order_they_were_made)
{
    point_t *points = NULL;
    size_t count = 0;
    catalog_store_t *own = s_store(STORE_SHARD, 0, 1), *other = s_store(STORE_SHARD, 1, 1),
                    *kept = s_store(STORE_KEPT, 0, 1);
    s_add(own, 3, "mark/b");
    s_add(own, 6, "mark/a");
    s_add(kept, 3, "mark/b");
    s_add(other, 4, "mark/b");
    s_add(other, 5, "cut");
    points_find(&s_catalog, &points, &count);
    cr_assert_eq(count, 2);
    cr_assert_str_eq(points[0].tag, "mark/b");
    cr_assert(points[0].shards == 2 && points[0].least == 30 && points[0].most == 40);
    cr_assert(!strcmp(points[1].tag, "mark/a") && points[1].shards == 1);
    free(points);
}

/* Keeps two snapshots of a shard, and says whether they are of one moment with the other shard's. */
static bool s_abreast(uint64_t mine_first, uint64_t mine, uint64_t others_first, uint64_t others)
{
    pick_t picks[2];
    uint64_t numbers[2][2] = {{mine_first, mine}, {others_first, others}};
    s_catalog.count = 0;
    for (uint32_t k = 0; k < 2; k++) {
        catalog_store_t *store = s_store(STORE_SHARD, k, 1);
        s_add(store, 1, "mark/old");
        if (numbers[k][0])
            s_add(store, numbers[k][0], "cut");
        s_add(store, numbers[k][1], "cut");
        cr_assert_eq(s_choose(k, (choice_t){.tag = NULL}), ERR_OK);
        picks[k] = s_pick;
    }
    return picks_abreast(s_topology, picks, 2, &s_err);
}

Test(pick, shards_are_of_one_moment_when_none_lacks_what_another_had_long_ago)
{
    cr_assert(s_abreast(10, 11, 10, 11));
    cr_assert(s_abreast(10, 11, 11, 12));
    cr_assert(!s_abreast(10, 11, 12, 13));
    cr_assert(strstr(s_err.text, "shard 0 has applied 110 batches, shard 1 130"), "%s", s_err.text);
    cr_assert(!s_abreast(12, 13, 10, 11));
    cr_assert(s_abreast(0, 11, 0, 20), "of one snapshot each nobody can tell");
}
