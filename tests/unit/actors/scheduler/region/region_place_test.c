/* The regional scheduler: where actors go, and what happens when they or their nodes are gone. */
#include "tests/unit/actors/scheduler/region/region_bench.h"

Test(region, places_shards_then_synchronizers_then_workers)
{
    bench_t *bench = s_bench(2, false);
    placement_t places[4];
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    cr_assert_eq(s_places(bench, places, 4, false, ERR_OK), 0, "no plan yet");
    s_plan(bench);
    cr_assert_eq(s_places(bench, places, 4, false, ERR_OK), 2);
    cr_assert_str_eq(places[0].actor, "shard/eu/0");
    cr_assert_eq(places[0].incarnation, TERM << 32 | 1);
    cr_assert_str_neq(places[0].node, places[1].node, "spread");
    driver_tick(&bench->by, 299 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_place), 0);
    driver_tick(&bench->by, 300 * MS);
    placement_t again[4];
    cr_assert_eq(s_places(bench, again, 4, true, ERR_OK), 2, "repeated");
    cr_assert_eq(again[0].incarnation, places[0].incarnation);
    cr_assert_eq(s_places(bench, places, 4, true, ERR_OK), 2);
    cr_assert_str_eq(places[0].actor, "synchronizer/eu/0");
    cr_assert_str_eq(places[1].node, again[1].node, "a synchronizer goes with its shard");
    cr_assert_eq(s_places(bench, places, 4, true, ERR_OK), 0,
                 "workers wait until shards have told what they have");
    s_progress(bench, &again[0], (told_t){0});
    s_progress(bench, &again[1], (told_t){0});
    cr_assert_eq(s_places(bench, places, 4, true, ERR_OK), 2);
    cr_assert_str_eq(places[0].actor, "worker/eu/0");
    message_t *report = s_report(bench);
    cr_assert(report->region_report.placed);
    cr_assert_eq(report->region_report.workers, 2);
    cr_assert_eq(report->region_report.plan, 1);
    message_destroy(&report);
    s_free(bench);
}

Test(region, goes_on_without_the_global_scheduler_and_with_fewer_nodes)
{
    bench_t *bench = s_bench(1, false);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_tick(&bench->by, 1999 * MS);
    cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), GLOBAL);
    driver_tick(&bench->by, 2000 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_place), 0, "it expects two nodes");
    cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), "nodes");
    driver_tick(&bench->by, 2999 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_place), 0);
    driver_tick(&bench->by, 3000 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_place), 2, "nobody new for settle_us");
    cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), "shard/eu/0");
    s_free(bench);
}

Test(region, a_shard_goes_where_its_newest_snapshot_is)
{
    bench_t *bench = s_bench(1, false);
    const announce_held_t held[2][2] = {{{0, 5ull << 32 | 1, 40}, {1, 5ull << 32 | 2, 41}},
                                        {{0, 5ull << 32 | 9, 40}, {1, 5ull << 32 | 9, 41}}};
    const char *const nodes[] = {"node/eu/a", "node/eu/b"};
    s_plan(bench);
    for (int node = 0; node < 2; node++) {
        message_t *announce = s_announce(bench, nodes[node], 1);
        memcpy(message_set_rows(&announce->announce.held, 2), held[node], sizeof held[node]);
        driver_give(&bench->by, announce);
    }
    placement_t places[2];
    cr_assert_eq(s_places(bench, places, 2, false, ERR_OK), 2);
    cr_assert_str_eq(places[0].node, "node/eu/b");
    cr_assert_str_eq(places[1].node, "node/eu/b");
    s_free(bench);
}

Test(region, refuses_nodes_of_another_job)
{
    bench_t *bench = s_bench(1, false);
    message_t *announce = s_announce(bench, "node/eu/a", 1);
    announce->announce.digest[0] ^= 1;
    driver_give(&bench->by, announce);
    message_t *refused = driver_take(&bench->by, KIND_refused);
    cr_assert_not_null(refused);
    cr_assert_eq(refused->refused.code, ERR_JOB);
    cr_assert_eq(refused->refused.kind, KIND_announce);
    cr_assert_str_eq(refused->to, "node/eu/a");
    message_destroy(&refused);
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 1));
    cr_assert_eq(driver_count(&bench->by, KIND_refused), 0);
    announce = s_announce(bench, "node/eu/c", 1);
    announce->announce.samples++;
    driver_give(&bench->by, announce);
    cr_assert_eq(driver_count(&bench->by, KIND_refused), 1, "another data set");
    s_free(bench);
}

static message_t *s_announce_held(bench_t *bench, uint64_t incarnation)
{
    message_t *announce = s_announce(bench, "node/eu/a", 1);
    message_set_rows(&announce->announce.held, 1);
    announce->announce.held.items[0] = (announce_held_t){.incarnation = incarnation, .number = 3};
    return announce;
}

Test(region, begins_above_every_term_that_was_used_once_that_is_stored)
{
    bench_t *bench = s_bench(1, false);
    placement_t places[2];
    s_plan(bench);
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    uint64_t before = region_source.decisions(bench->by.core);
    driver_give(&bench->by, s_announce_held(bench, (TERM + 3) << 32 | 1));
    cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_OK);
    cr_assert_gt(region_source.decisions(bench->by.core), before);
    cr_assert_eq(s_places(bench, places, 2, false, ERR_OK), 0, "not before the term is durable");
    region_source.stored(bench->by.core, region_source.decisions(bench->by.core));
    driver_tick(&bench->by, 300 * MS);
    cr_assert_eq(s_places(bench, places, 2, false, ERR_OK), 2);
    cr_assert_eq(places[0].incarnation, (TERM + 4) << 32 | 1);
    s_free(bench);
}

/* It would be above every term that may follow: held, hosted, or heard of a scheduler. */
Test(region, what_nobody_can_have_given_is_refused_and_does_not_last)
{
    for (int i = 0; i < 3; i++) {
        bench_t *bench = s_bench(1, false);
        uint64_t never = UINT64_MAX;
        message_t *announce = i ? s_announce(bench, "node/eu/a", 1) : s_announce_held(bench, never);
        if (i == 1)
            message_set_u64s(&announce->announce.hosted, &never, 1);
        announce->announce.scheduler = i == 2 ? never : 0;
        driver_give(&bench->by, announce);
        message_t *refused = driver_take(&bench->by, KIND_refused);
        cr_assert_not_null(refused, "%d", i);
        cr_assert_eq(refused->refused.code, ERR_LIMIT);
        message_destroy(&refused);
        running_t running = s_running(bench);
        cr_assert_eq(running.shards[0].incarnation, TERM << 32 | 1, "%d", i);
        cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_OK);
        s_free(bench);
    }
}

Test(region, that_has_placed_something_fails_when_a_later_term_was_used)
{
    bench_t *bench = s_bench(1, false);
    s_running(bench);
    driver_give(&bench->by, s_announce_held(bench, (TERM + 1) << 32 | 1));
    const char *reason;
    cr_assert_eq(region_core_failure(bench->by.core, &reason), ERR_STALE);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.code, ERR_STALE);
    cr_assert_str_eq(report->region_report.reason, reason);
    message_destroy(&report);
    s_free(bench);
}

Test(region, an_actor_that_does_not_start_is_tried_four_times)
{
    bench_t *bench = s_bench(1, false);
    s_plan(bench);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    placement_t places[4];
    uint64_t newest = 0;
    int tries = 0;
    while (!region_core_failure(bench->by.core, NULL)) {
        size_t count = s_places(bench, places, 4, false, ERR_OK);
        for (size_t index = 0; index < count; index++) {
            bool first = !strcmp(places[index].actor, "shard/eu/0");
            cr_assert(!first || places[index].incarnation > newest, "a new incarnation each time");
            newest = first ? places[index].incarnation : newest;
            message_t *placed = message_new(KIND_placed, NAME, places[index].node);
            message_set_name(placed->placed.actor, places[index].actor);
            placed->placed.incarnation = places[index].incarnation;
            placed->placed.code = first ? ERR_IO : ERR_OK;
            message_set_text(&placed->placed.reason, "disk on fire");
            tries += first;
            driver_give(&bench->by, placed);
        }
        driver_tick(&bench->by, bench->by.now_us + 100 * MS);
        cr_assert_lt(bench->by.now_us, 60 * SECOND);
    }
    cr_assert_eq(tries, 4);
    const char *reason;
    cr_assert_eq(region_core_failure(bench->by.core, &reason), ERR_IO);
    cr_assert_neq(strstr(reason, "shard/eu/0"), NULL);
    cr_assert_neq(strstr(reason, "disk on fire"), NULL);
    cr_assert_gt(region_role.due(bench->by.core), bench->by.now_us);
    s_free(bench);
}

/* At the same place each time, and nobody else gets on either. */
Test(region, an_actor_that_dies_again_and_again_is_an_outcome)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    placement_t worker = running.workers[0];
    unsigned deaths = 0;
    for (; !region_core_failure(bench->by.core, NULL); deaths++) {
        if (deaths == 6) /* what is done in between makes it count anew */
            for (size_t shard = 0; shard < 2; shard++)
                s_progress(bench, &running.shards[shard], (told_t){.applied = 1});
        s_end(bench, &worker);
        while (!region_core_failure(bench->by.core, NULL) && s_places(bench, &worker, 1, true, ERR_OK) == 0) {
            s_alive(bench, &running.shards[0]), s_alive(bench, &running.shards[1]),
                s_alive(bench, &running.workers[1]);
            driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
            driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
            driver_tick(&bench->by, bench->by.now_us + 100 * MS);
        }
        cr_assert_lt(deaths, 20);
    }
    cr_assert_eq(deaths, 6 + 8);
    const char *reason;
    cr_assert_eq(region_core_failure(bench->by.core, &reason), ERR_IO);
    cr_assert(strstr(reason, worker.actor) && strstr(reason, "8 times in a row"), "%s", reason);
    s_free(bench);
}

Test(region, an_actor_that_ends_is_placed_again_and_counted)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    placement_t again[2];
    s_end(bench, &running.shards[1]);
    cr_assert_eq(s_places(bench, again, 2, true, ERR_OK), 1);
    cr_assert_str_eq(again[0].actor, "shard/eu/1");
    cr_assert_str_eq(again[0].node, running.shards[1].node, "where its snapshots are");
    cr_assert_gt(again[0].incarnation, running.workers[1].incarnation);
    s_end(bench, &running.shards[1]);
    cr_assert_eq(s_places(bench, again, 2, true, ERR_OK), 0, "news of a former incarnation");
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.restarts, 1);
    message_destroy(&report);
    s_free(bench);
}

Test(region, a_silent_node_is_lost_and_workers_move)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    const char *stays = running.workers[0].node;
    size_t moved = 0;
    for (int64_t second = 1; second <= 5; second++) {
        driver_tick(&bench->by, second * SECOND);
        driver_give(&bench->by, s_announce(bench, stays, strcmp(stays, "node/eu/a") ? 2 : 1));
        for (size_t index = 0; index < 2; index++)
            if (!strcmp(running.workers[index].node, stays)) {
                message_t *status = message_new(KIND_status, NAME, running.workers[index].actor);
                status->incarnation = running.workers[index].incarnation;
                driver_give(&bench->by, status);
            }
    }
    message_t *place;
    while ((place = driver_take(&bench->by, KIND_place))) {
        cr_assert_str_eq(place->to, stays);
        moved += !strncmp(place->place.actor, "worker/", 7);
        message_destroy(&place);
    }
    cr_assert_eq(moved, 1);
    s_free(bench);
}

Test(region, a_shard_waits_for_the_disk_that_holds_it)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    s_progress(bench, &running.shards[0], (told_t){.applied = 5, .durable = 5});
    const char *stays = running.shards[1].node;
    cr_assert_str_neq(stays, running.shards[0].node);
    for (int64_t second = 1; second <= 34; second++) {
        driver_tick(&bench->by, second * SECOND);
        driver_give(&bench->by, s_announce(bench, stays, strcmp(stays, "node/eu/a") ? 2 : 1));
        message_t *place;
        while ((place = driver_take(&bench->by, KIND_place))) {
            cr_assert_str_neq(place->place.actor, "shard/eu/0",
                              "a start from nothing would lose five batches");
            message_destroy(&place);
        }
    }
    cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), "snapshot 0 of shard/eu/0 (at most 30 s)");
    region_missing_t missing;
    cr_assert(region_core_take_missing(bench->by.core, &missing) && missing.awaited);
    cr_assert_str_eq(missing.shard, "shard/eu/0");
    cr_assert(!region_core_take_missing(bench->by.core, &missing), "it is said once");
    driver_tick(&bench->by, 36 * SECOND);
    driver_give(&bench->by, s_announce(bench, running.shards[0].node, 77));
    bool placed = false;
    message_t *place;
    driver_tick(&bench->by, 37 * SECOND);
    while ((place = driver_take(&bench->by, KIND_place))) {
        placed |= !strcmp(place->place.actor, "shard/eu/0");
        message_destroy(&place);
    }
    cr_assert(placed);
    s_free(bench);
}

Test(region, a_silent_workers_batches_go_to_another)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    message_t *lease = driver_take(&bench->by, KIND_lease);
    cr_assert_eq(lease->lease.first, 0);
    cr_assert_eq(lease->lease.worker, running.workers[0].incarnation);
    uint64_t end = lease->lease.end;
    message_destroy(&lease);
    for (int64_t second = 1; second <= 5; second++) {
        driver_tick(&bench->by, second * SECOND);
        driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
        driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
        message_t *status = message_new(KIND_status, NAME, running.workers[1].actor);
        status->incarnation = running.workers[1].incarnation;
        driver_give(&bench->by, status);
    }
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    lease = driver_take(&bench->by, KIND_lease);
    cr_assert_eq(lease->lease.first, 0);
    cr_assert_leq(lease->lease.end, end);
    message_destroy(&lease);
    s_want(bench, &running.workers[0], 1, 0, end, 0, 0);
    cr_assert_eq(driver_count(&bench->by, KIND_lease), 0, "its incarnation is over");
    s_free(bench);
}

Test(region, a_silent_shard_or_synchronizer_is_placed_again)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    placement_t again[8];
    for (int64_t second = 1; second <= 5; second++) {
        cr_assert_eq(s_places(bench, again, 8, false, ERR_OK), 0, "second %d", (int)second);
        driver_tick(&bench->by, second * SECOND);
        driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
        driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
        s_alive(bench, &running.shards[0]);
        s_alive(bench, &running.synchronizers[1]);
        s_alive(bench, &running.workers[0]);
        s_alive(bench, &running.workers[1]);
    }
    cr_assert_eq(s_places(bench, again, 8, true, ERR_OK), 2);
    cr_assert_str_eq(again[0].actor, running.shards[1].actor);
    cr_assert_str_eq(again[0].node, running.shards[1].node, "where its snapshots are");
    cr_assert_gt(again[0].incarnation, running.workers[1].incarnation);
    cr_assert_str_eq(again[1].actor, running.synchronizers[0].actor);
    cr_assert_gt(again[1].incarnation, running.workers[1].incarnation);
    s_progress(bench, &running.shards[1], (told_t){.applied = 5, .durable = 5});
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.samples, 0, "its former incarnation is not listened to");
    cr_assert_eq(report->region_report.restarts, 2);
    message_destroy(&report);
    s_free(bench);
}

Test(region, that_stood_still_itself_takes_nobody_for_lost)
{
    bench_t *bench = s_bench(2, false);
    s_running(bench);
    placement_t again[8];
    driver_tick(&bench->by, 1 * SECOND);
    driver_tick(&bench->by, 60 * SECOND);
    for (int64_t second = 60; second < 65; second++) {
        driver_tick(&bench->by, second * SECOND);
        driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
        driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
        cr_assert_eq(s_places(bench, again, 8, false, ERR_OK), 0, "what they said may still be read");
    }
    driver_tick(&bench->by, 65 * SECOND);
    cr_assert_eq(s_places(bench, again, 8, false, ERR_OK), 6, "but not for ever");
    s_free(bench);
}

Test(region, a_node_that_leaves_by_itself_is_told_bye_and_its_actors_move)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    const char *leaves = running.workers[0].node;
    s_stopped(bench, leaves);
    message_t *message;
    size_t byes = 0, places = 0;
    while ((message = outbox_take(region_role.outbox(bench->by.core)))) {
        byes += message->kind == KIND_bye;
        if (message->kind == KIND_place) {
            cr_assert_str_neq(message->to, leaves);
            places++;
        }
        message_destroy(&message);
    }
    cr_assert_eq(byes, 1);
    cr_assert_geq(places, 1);
    cr_assert_not(region_core_finished(bench->by.core));
    s_free(bench);
}

/* However long its node's disk is full, the region waits for it, and says for what. */
Test(region, a_shard_that_finds_no_room_is_waited_for)
{
    bench_t *bench = s_bench(1, false);
    placement_t places[8];
    bench->spec.nodes_expected = 1;
    driver_fini(&bench->by);
    bench->by.core = region_core_new(&bench->spec, 0);
    s_plan(bench);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    cr_assert_eq(s_places(bench, places, 2, true, ERR_FULL), 2);
    cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), "disk for shard/eu/0");
    for (int i = 0; i < 40; i++) {
        driver_tick(&bench->by, bench->by.now_us + SECOND);
        driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
        s_places(bench, places, 8, true, ERR_FULL);
        message_t *report = s_report(bench);
        cr_assert_eq(report->region_report.code, ERR_OK, "%s", report->region_report.reason);
        message_destroy(&report);
    }
    driver_tick(&bench->by, bench->by.now_us + 5 * SECOND);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    cr_assert_eq(s_places(bench, places, 8, true, ERR_OK), 2);
    cr_assert_str_neq(region_core_waits_for(bench->by.core, NULL), "disk for shard/eu/0");
    s_free(bench);
}

static void s_tell_placed(bench_t *bench, const placement_t *of, uint64_t incarnation, err_code_t code)
{
    message_t *placed = message_new(KIND_placed, NAME, of->node);
    message_set_name(placed->placed.actor, of->actor);
    placed->placed.incarnation = incarnation;
    placed->placed.code = code;
    message_set_text(&placed->placed.reason, "late");
    driver_give(&bench->by, placed);
}

/* Late answers about an incarnation that has a successor say nothing of that one: it has neither started
 * nor failed. */
Test(region, what_is_said_of_another_incarnation_does_not_count)
{
    bench_t *bench = s_bench(1, false);
    placement_t places[2], again[2];
    s_plan(bench);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    cr_assert_eq(s_places(bench, places, 2, false, ERR_OK), 2);
    for (int i = 0; i < 6; i++)
        s_tell_placed(bench, &places[0], TERM << 32, i % 2 ? ERR_OK : ERR_IO);
    cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_OK);
    driver_tick(&bench->by, 300 * MS);
    cr_assert_eq(s_places(bench, again, 2, true, ERR_OK), 2, "both are asked for still");
    cr_assert_eq(again[0].incarnation, places[0].incarnation);
    for (int i = 0; i < 10; i++)
        s_tell_placed(bench, &places[0], TERM << 32, ERR_IO);
    cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_OK);
    driver_tick(&bench->by, 2 * SECOND);
    cr_assert_eq(s_places(bench, again, 2, true, ERR_OK), 0, "it runs");
    s_free(bench);
}
