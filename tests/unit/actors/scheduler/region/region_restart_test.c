/* The regional scheduler that was killed: what its successor takes from the store, and what it asks again. */
#include "store/kv_mem.h"
#include "tests/unit/actors/scheduler/region/region_bench.h"

/* Stores, dies, and comes back with the next term at the same moment. */
static void s_restart(bench_t *bench)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    journal_t *journal = journal_new(kv, &region_source, bench->topology.region_count);
    cr_assert_eq(journal_now(journal, bench->by.core, bench->by.now_us, NULL), ERR_OK);
    driver_fini(&bench->by);
    legacy_t legacy;
    cr_assert_eq(journal_load(journal, KIND_region_state, &legacy, NULL), ERR_OK);
    bench->spec.term++;
    bench->spec.legacy = &legacy;
    bench->by.core = region_core_new(&bench->spec, bench->by.now_us);
    legacy_fini(&legacy);
    journal_destroy(&journal);
    kv_destroy(&kv);
}

static const placement_t *s_all(const running_t *running, size_t index)
{
    return index < 2   ? &running->shards[index]
           : index < 4 ? &running->synchronizers[index - 2]
                       : &running->workers[index - 4];
}

/* A node announces itself after its scheduler is back: all that it hosts, of which
 * everything but `ended` runs. */
static void s_announce_hosted(bench_t *bench, const running_t *running, const char *node, uint64_t pid,
                              const char *ended)
{
    uint64_t hosted[6];
    size_t count = 0;
    message_t *announce = s_announce(bench, node, pid);
    for (size_t index = 0; index < 6; index++)
        if (!strcmp(s_all(running, index)->node, node) && strcmp(s_all(running, index)->actor, ended))
            hosted[count++] = s_all(running, index)->incarnation;
    message_set_u64s(&announce->announce.hosted, hosted, count);
    announce->announce.scheduler = TERM << 32;
    driver_give(&bench->by, announce);
}

static void s_tell_placed(bench_t *bench, const running_t *running, const char *node, const char *ended)
{
    for (size_t index = 0; index < 6; index++) {
        const placement_t *actor = s_all(running, index);
        if (strcmp(actor->node, node))
            continue;
        message_t *placed = message_new(KIND_placed, NAME, node);
        message_set_name(placed->placed.actor, actor->actor);
        placed->placed.incarnation = actor->incarnation;
        placed->placed.code = strcmp(actor->actor, ended) ? ERR_OK : ERR_IO;
        driver_give(&bench->by, placed);
    }
}

static void s_both_answer(bench_t *bench, const running_t *running, const char *ended)
{
    static const char *const nodes[] = {"node/eu/a", "node/eu/b"};
    for (uint64_t index = 0; index < 2; index++) {
        s_announce_hosted(bench, running, nodes[index], index + 1, ended);
        s_tell_placed(bench, running, nodes[index], ended);
    }
}

Test(region_restart, adopts_who_runs_and_places_who_does_not)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    s_restart(bench);
    placement_t places[6];
    s_both_answer(bench, &running, "worker/eu/1");
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){.applied = 3, .durable = 3});
    cr_assert_eq(s_places(bench, places, 6, true, ERR_OK), 1, "the one that has ended alone");
    cr_assert_str_eq(places[0].actor, "worker/eu/1");
    cr_assert_eq(places[0].incarnation, (TERM + 1) << 32 | 1);
    message_t *report = s_report(bench);
    cr_assert(report->region_report.placed);
    cr_assert_eq(report->region_report.samples, 30);
    cr_assert_eq(report->region_report.restarts, 1, "it ended by a failure while nobody watched");
    cr_assert_eq(report->region_report.samples_repeated, 0);
    message_destroy(&report);
    s_free(bench);
}

Test(region_restart, waits_for_a_node_until_its_lease_is_over)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    driver_tick(&bench->by, SECOND);
    s_restart(bench);
    placement_t places[6];
    for (int64_t at_us = SECOND; at_us < 6 * SECOND; at_us += 500 * MS) {
        driver_tick(&bench->by, at_us);
        s_announce_hosted(bench, &running, "node/eu/a", 1, "");
        s_tell_placed(bench, &running, "node/eu/a", "");
        cr_assert_eq(s_places(bench, places, 6, false, ERR_OK), 0, "node/eu/b may still host its actors");
        cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), "nodes");
    }
    driver_tick(&bench->by, 6 * SECOND);
    cr_assert_gt(s_places(bench, places, 6, false, ERR_OK), 0);
    s_free(bench);
}

Test(region_restart, waits_until_a_node_has_named_whom_it_hosts)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    s_restart(bench);
    placement_t places[6];
    s_announce_hosted(bench, &running, "node/eu/a", 1, "");
    s_announce_hosted(bench, &running, "node/eu/b", 2, "");
    s_tell_placed(bench, &running, "node/eu/a", "");
    cr_assert_eq(s_places(bench, places, 6, false, ERR_OK), 0, "its messages were lost, its actors run");
    cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), "node/eu/b");
    s_tell_placed(bench, &running, "node/eu/b", "");
    cr_assert_eq(s_places(bench, places, 6, false, ERR_OK), 0);
    cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_OK);
    s_free(bench);
}

Test(region_restart, gives_nobody_what_another_holds)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    message_t *lease = driver_take(&bench->by, KIND_lease);
    uint64_t end = lease->lease.end;
    message_destroy(&lease);
    s_restart(bench);
    s_both_answer(bench, &running, "");
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){0});
    size_t asked = 0;
    while ((lease = driver_take(&bench->by, KIND_lease))) {
        cr_assert_eq(lease->lease.grant, 0);
        asked++;
        message_destroy(&lease);
    }
    cr_assert_eq(asked, 2, "what do they hold?");
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    driver_tick(&bench->by, 500 * MS);
    lease = driver_take(&bench->by, KIND_lease);
    cr_assert_str_eq(lease->to, running.workers[0].actor, "the other one has told");
    cr_assert_eq(lease->lease.grant, 0);
    message_destroy(&lease);
    s_want(bench, &running.workers[0], 1, 0, end, 0, 0);
    for (size_t index = 0; index < 2; index++) {
        if (index == 1)
            s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
        lease = driver_take(&bench->by, KIND_lease);
        cr_assert(lease && lease->lease.grant > 0, "both have told");
        cr_assert_eq(lease->lease.first, end, "what is held is given to nobody");
        end = lease->lease.end;
        message_destroy(&lease);
    }
    s_free(bench);
}

Test(region_restart, figures_and_curve_go_on)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    s_want(bench, &running.workers[0], 0, 0, 0, 80, 40);
    driver_tick(&bench->by, 2 * SECOND);
    for (size_t index = 0; index < 2; index++) {
        message_t *progress = message_new(KIND_progress, NAME, running.shards[index].actor);
        ranges_t set = {0};
        cr_assert_eq(ranges_add(&set, 0, 8), ERR_OK);
        progress->incarnation = running.shards[index].incarnation;
        progress->progress.history = 1;
        progress->progress.number = 7 + index;
        progress->progress.duplicates = 3;
        progress->progress.snapshots_failed = 2;
        progress->progress.uncovered = 4;
        progress->progress.uncompensated = 5;
        progress->progress.steps = 8;
        message_set_ranges(&progress->progress.applied, &set);
        message_set_ranges(&progress->progress.durable, &set);
        ranges_fini(&set);
        driver_give(&bench->by, progress);
    }
    message_t *state = message_new(KIND_link_state, NAME, "broker/eu");
    message_set_name(state->link_state.region, "us");
    state->link_state.sent_bytes = 1000;
    driver_give(&bench->by, state);
    s_restart(bench);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.samples, 80, "before anybody has told anything");
    cr_assert_eq(report->region_report.train_us, 2 * SECOND);
    cr_assert_eq(report->region_report.wan_sent_bytes, 1000);
    cr_assert_eq(report->region_report.duplicates_refused, 6);
    cr_assert_eq(report->region_report.snapshots_failed, 4);
    cr_assert_eq(report->region_report.uncovered, 8);
    cr_assert_eq(report->region_report.uncompensated, 10);
    cr_assert_eq(report->region_report.curve_rows, 1);
    cr_assert_eq(report->region_report.rented_us, 4 * SECOND);
    cr_assert_eq(report->region_report.loss, 0.5);
    message_destroy(&report);
    message_t *place = NULL; /* both nodes are gone: another one takes over */
    for (int64_t at_us = 3 * SECOND; !place && at_us < 60 * SECOND; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        driver_give(&bench->by, s_announce(bench, "node/eu/c", 3));
        place = driver_take(&bench->by, KIND_place);
    }
    cr_assert_not_null(place);
    cr_assert_str_eq(place->place.actor, "shard/eu/0");
    cr_assert_eq(place->place.newest_incarnation, running.shards[0].incarnation);
    cr_assert_eq(place->place.newest_number, 7);
    message_destroy(&place);
    s_free(bench);
}

/* A shard's progress with another value of each counter. */
static void s_tell_counters(bench_t *bench, const placement_t *shard, uint64_t times)
{
    message_t *progress = message_new(KIND_progress, NAME, shard->actor);
    progress->incarnation = shard->incarnation;
    progress->progress.history = 1;
    progress->progress.steps = 8;
#define COUNTER(name, stored, add, word, state, told, sum, json, unit, help)                                 \
    progress->told = times * (100 + (word));
#include "codec/wire/counters.def"
    driver_give(&bench->by, progress);
}

static void s_expect_counters(bench_t *bench, const char *when)
{
    message_t *report = s_report(bench);
#define COUNTER(name, stored, add, word, state, told, sum, json, unit, help)                                 \
    uint64_t of_##name = 100 + (word);                                                                       \
    COUNTER_##add(of_##name, 2 * (UINT64_C(100) + (word)));                                                  \
    cr_expect_eq(report->sum, of_##name, #name " %s", when);
#include "codec/wire/counters.def"
    message_destroy(&report);
}

/* The list is walked, so that none can be forgotten. */
Test(region_restart, each_counter_of_the_shards_is_reported_and_survives)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    for (size_t index = 0; index < 2; index++)
        s_tell_counters(bench, &running.shards[index], index + 1);
    s_expect_counters(bench, "before");
    s_restart(bench);
    s_expect_counters(bench, "after");
    s_free(bench);
}

Test(region_restart, a_stop_that_is_done_goes_on_to_the_final_report)
{
    bench_t *bench = s_bench(1, false);
    s_running(bench);
    message_t *stop = message_new(KIND_stop, NAME, GLOBAL);
    stop->stop.done = true;
    driver_give(&bench->by, stop);
    s_restart(bench);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_tick(&bench->by, 300 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 0, "the shards may have something to tell");
    for (int64_t at_us = SECOND; at_us <= 5 * SECOND; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    }
    stop = driver_take(&bench->by, KIND_stop);
    cr_assert(stop && stop->stop.done);
    message_destroy(&stop);
    s_stopped(bench, "node/eu/a");
    cr_assert_eq(driver_count(&bench->by, KIND_bye), 1);
    message_t *report = s_report(bench);
    cr_assert(report->region_report.stopped);
    message_destroy(&report);
    s_restart(bench);
    report = s_report(bench);
    cr_assert(report->region_report.stopped, "nobody is left to be waited for");
    message_destroy(&report);
    s_from_global(bench, KIND_bye);
    cr_assert(region_core_finished(bench->by.core));
    s_free(bench);
}

Test(region_restart, a_drain_goes_on_while_a_process_of_it_lives_and_no_longer)
{
    for (uint64_t pid = 1; pid <= 77; pid += 76) {
        bench_t *bench = s_bench(1, false);
        s_running(bench);
        driver_give(&bench->by, message_new(KIND_stop, NAME, GLOBAL));
        s_restart(bench);
        driver_drop(&bench->by);
        for (int64_t at_us = SECOND; at_us <= 6 * SECOND; at_us += SECOND) {
            driver_give(&bench->by, s_announce(bench, "node/eu/a", pid));
            driver_tick(&bench->by, at_us);
        }
        cr_assert_eq(driver_count(&bench->by, KIND_stop) > 0, pid == 1);
        s_free(bench);
    }
}

Test(region_restart, a_run_that_ended_leaves_no_stop_behind)
{
    bench_t *bench = s_bench(1, false);
    driver_give(&bench->by, message_new(KIND_stop, NAME, NAME));
    driver_tick(&bench->by, 6 * SECOND);
    cr_assert(region_core_finished(bench->by.core));
    s_restart(bench);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_tick(&bench->by, 7 * SECOND);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 0);
    cr_assert_not(region_core_finished(bench->by.core));
    s_free(bench);
}

static void s_refused(bench_t *bench, uint64_t term)
{
    message_t *refused = message_new(KIND_refused, NAME, "node/eu/a");
    refused->refused.kind = KIND_place;
    refused->refused.code = ERR_STALE;
    refused->refused.incarnation = term << 32;
    driver_give(&bench->by, refused);
}

Test(region_restart, the_older_of_two_ends_itself_and_stops_nobody)
{
    bench_t *bench = s_bench(1, false);
    s_running(bench);
    s_refused(bench, TERM - 1);
    cr_assert_not(region_core_finished(bench->by.core), "that was said to its predecessor");
    driver_drop(&bench->by);
    s_refused(bench, TERM);
    cr_assert(region_core_finished(bench->by.core));
    cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_STALE);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 0);
    s_free(bench);
}

Test(region_restart, ends_when_a_node_has_heard_a_newer_one)
{
    bench_t *bench = s_bench(1, false);
    s_running(bench);
    message_t *announce = s_announce(bench, "node/eu/a", 1);
    announce->announce.scheduler = (TERM + 1) << 32;
    driver_give(&bench->by, announce);
    cr_assert(region_core_finished(bench->by.core));
    cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_STALE);
    s_free(bench);
}

Test(region_restart, refuses_an_older_global_scheduler_also_after_a_restart)
{
    bench_t *bench = s_bench(1, false);
    message_t *ack = message_new(KIND_report_ack, NAME, GLOBAL);
    ack->incarnation = 5;
    driver_give(&bench->by, ack);
    for (int life = 0; life < 2; life++) {
        message_t *stop = message_new(KIND_stop, NAME, GLOBAL);
        stop->incarnation = 4;
        driver_give(&bench->by, stop);
        message_t *refused = driver_take(&bench->by, KIND_refused);
        cr_assert_not_null(refused);
        cr_assert_str_eq(refused->to, GLOBAL);
        cr_assert_eq(refused->refused.code, ERR_STALE);
        cr_assert_eq(refused->refused.incarnation, 4);
        message_destroy(&refused);
        cr_assert_eq(driver_count(&bench->by, KIND_stop), 0);
        s_restart(bench);
    }
    s_free(bench);
}

/* ---- machines of their own ---- */

static void s_expect_command(bench_t *bench, rent_verb_t verb, const char *name)
{
    rent_command_t command;
    cr_assert(region_core_take_command(bench->by.core, &command), "nothing is to be done, not %s", name);
    cr_assert_eq(command.verb, verb, "%s", command.name);
    cr_assert_str_eq(command.name, name);
}

static void s_expect_no_command(bench_t *bench)
{
    rent_command_t command;
    cr_assert_not(region_core_take_command(bench->by.core, &command), "%s is to be done", command.name);
}

static void s_unit_announces(bench_t *bench, const char *node, uint64_t pid, int64_t age_us)
{
    message_t *announce = s_announce(bench, node, pid);
    message_set_name(announce->announce.offer, "small");
    announce->announce.age_us = age_us;
    driver_give(&bench->by, announce);
}

Test(region_restart, machines_that_are_there_are_not_rented_again)
{
    bench_t *bench = s_bench(1, false);
    topology_region_t *region = &bench->topology.regions[0];
    region->offer_count = 1;
    region->offers[0] =
        (topology_offer_t){.name = "small", .count = 2, .cores = 2, .power = 1, .price_per_s = 1};
    bench->topology.plan.apply = true;
    bench->topology.plan.rent_patience_us = 60 * SECOND;
    bench->spec.units_outlive = true;
    driver_fini(&bench->by);
    bench->by.core = region_core_new(&bench->spec, 0);
    message_t *plan = message_new(KIND_plan, NAME, GLOBAL);
    plan->plan.plan = 1;
    plan->plan.run = RUN;
    plan->plan.shards = 2;
    message_set_u64s(&plan->plan.units, (uint64_t[]){2}, 1);
    driver_give(&bench->by, plan);
    s_expect_command(bench, RENT_START, "small-0");
    s_expect_command(bench, RENT_START, "small-1");
    driver_tick(&bench->by, 3 * SECOND);
    s_unit_announces(bench, "node/eu/small-0", 1, SECOND);
    s_unit_announces(bench, "node/eu/small-1", 2, SECOND);
    s_restart(bench);
    driver_tick(&bench->by, 7 * SECOND); /* longer than any other wait for nodes */
    s_expect_no_command(bench);
    s_unit_announces(bench, "node/eu/small-0", 1, 5 * SECOND);
    s_unit_announces(bench, "node/eu/small-1", 2, 5 * SECOND);
    driver_tick(&bench->by, 9 * SECOND);
    s_expect_no_command(bench);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.offers.items[0].rented_us, 2 * (uint64_t)bench->by.now_us);
    cr_assert_eq(report->region_report.offers.items[0].units, 2);
    message_destroy(&report);
    /* One has died since: its machine is given back before another is rented by its name. */
    for (int64_t at_us = bench->by.now_us; at_us < 15 * SECOND; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        s_unit_announces(bench, "node/eu/small-1", 2, at_us - 2 * SECOND);
    }
    s_expect_command(bench, RENT_CLEAR, "small-0");
    driver_tick(&bench->by, 17 * SECOND);
    s_expect_command(bench, RENT_START, "small-0");
    s_expect_no_command(bench);
    s_free(bench);
}

/* Both nodes come back as new processes, and host nobody. */
static uint64_t s_restarts_after_all_came_anew(bench_t *bench)
{
    placement_t places[6];
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 11));
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 12));
    for (size_t round = 0; round < 8; round++) {
        size_t count = s_places(bench, places, 6, true, ERR_OK);
        for (size_t i = 0; i < count; i++)
            if (!strncmp(places[i].actor, "shard/", 6))
                s_progress(bench, &places[i], (told_t){0});
        driver_tick(&bench->by, bench->by.now_us + 400 * MS);
    }
    message_t *report = s_report(bench);
    uint64_t restarts = report->region_report.restarts;
    cr_assert_eq(report->region_report.shards, 2);
    cr_assert_eq(report->region_report.workers, 2);
    message_destroy(&report);
    return restarts;
}

Test(region_restart, who_dies_with_the_scheduler_is_restarted)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    s_end(bench, &running.workers[0]); /* did not run at that moment */
    s_restart(bench);
    cr_assert_eq(s_restarts_after_all_came_anew(bench), 3, "two shards and a worker");
    s_free(bench);
}

Test(region_restart, who_ended_in_order_is_not_restarted)
{
    bench_t *bench = s_bench(1, false);
    s_running(bench);
    driver_give(&bench->by, message_new(KIND_stop, NAME, GLOBAL));
    s_stopped(bench, "node/eu/a");
    s_stopped(bench, "node/eu/b");
    s_restart(bench);
    cr_assert_eq(s_restarts_after_all_came_anew(bench), 0);
    s_free(bench);
}

/* Kept before its node is asked: whenever the scheduler dies, its successor knows that it was to end. */
Test(region_restart, who_was_told_to_end_has_not_died_with_the_scheduler)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){.applied = 30, .durable = 30});
    driver_drop(&bench->by);
    uint64_t decided = 0;
    for (int64_t at_us = 0; !driver_count(&bench->by, KIND_retire); at_us += 50 * MS) {
        cr_assert_lt(at_us, 3 * SECOND, "there is nothing to do for them");
        decided = region_source.decisions(bench->by.core);
        driver_drop(&bench->by);
        driver_tick(&bench->by, at_us);
    }
    cr_assert_gt(region_source.decisions(bench->by.core), decided);
    s_restart(bench);
    cr_assert_eq(s_restarts_after_all_came_anew(bench), 2, "the shards");
    s_free(bench);
}

static void s_tell_worker(bench_t *bench, const placement_t *worker, err_code_t code, bool asked)
{
    message_t *placed = message_new(KIND_placed, NAME, worker->node);
    message_set_name(placed->placed.actor, worker->actor);
    placed->placed.incarnation = worker->incarnation;
    placed->placed.code = code;
    placed->placed.asked = asked;
    driver_give(&bench->by, placed);
}

/* A predecessor woke up and ended a worker before its node knew the successor. `heard`: that it ended, not
 * only from the one that follows. */
static uint64_t s_restarts_after_an_end(bool heard, bool asked)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    placement_t place;
    s_restart(bench);
    placement_t worker = running.workers[1];
    s_announce_hosted(bench, &running, "node/eu/a", 1, worker.actor);
    s_announce_hosted(bench, &running, "node/eu/b", 2, worker.actor);
    for (size_t index = 0; index < 5; index++)
        s_tell_worker(bench, s_all(&running, index), ERR_OK, false);
    if (heard)
        s_tell_worker(bench, &worker, ERR_STOPPED, asked);
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){.applied = 3, .durable = 3});
    cr_assert_eq(s_places(bench, &place, 1, false, ERR_OK), 1);
    cr_assert_str_eq(place.actor, worker.actor);
    s_tell_worker(bench, &place, ERR_OK, asked && !heard);
    message_t *report = s_report(bench);
    uint64_t restarts = report->region_report.restarts;
    message_destroy(&report);
    s_free(bench);
    return restarts;
}

Test(region_restart, who_was_ended_by_a_scheduler_that_woke_up_has_not_died)
{
    for (int heard = 0; heard < 2; heard++) {
        cr_assert_eq(s_restarts_after_an_end(heard, true), 0, "heard %d", heard);
        cr_assert_eq(s_restarts_after_an_end(heard, false), 1, "heard %d: nobody asked it to", heard);
    }
}

/* Its process was started anew, and says what it has of the first shard, or nothing. */
static void s_comes_back(bench_t *bench, const char *node, uint64_t pid, bool has)
{
    message_t *announce = s_announce(bench, node, pid);
    message_set_rows(&announce->announce.held, has);
    if (has)
        announce->announce.held.items[0] =
            (announce_held_t){.incarnation = (uint64_t)TERM << 32 | 1, .number = 7};
    driver_give(&bench->by, announce);
}

/* Stored snapshot 8 of each shard, died, and is back with the next term. */
static void s_stored_and_restarted(bench_t *bench, running_t *running)
{
    for (size_t index = 0; index < 2; index++) {
        message_t *progress = message_new(KIND_progress, NAME, running->shards[index].actor);
        progress->incarnation = running->shards[index].incarnation;
        progress->progress.history = 1;
        progress->progress.number = 8;
        driver_give(&bench->by, progress);
    }
    s_restart(bench);
}

static bool s_places_first_shard(bench_t *bench)
{
    placement_t places[6];
    size_t count = s_places(bench, places, 6, false, ERR_OK);
    for (size_t index = 0; index < count; index++)
        if (!strcmp(places[index].actor, "shard/eu/0"))
            return true;
    return false;
}

Test(region_restart, a_shard_whose_store_is_gone_is_not_waited_for_when_all_who_could_have_it_are_there)
{
    for (int has = 0; has < 2; has++) { /* nothing at all, and an older snapshot than was durable */
        bench_t *bench = s_bench(2, false);
        running_t running = s_running(bench);
        region_missing_t missing;
        s_stored_and_restarted(bench, &running);
        s_comes_back(bench, "node/eu/a", 11, has);
        s_comes_back(bench, "node/eu/b", 12, false);
        cr_assert(s_places_first_shard(bench), "at once");
        cr_assert(region_core_take_missing(bench->by.core, &missing) && !missing.awaited);
        cr_assert_eq(missing.number, 8);
        cr_assert(missing.node);
        s_free(bench);
    }
}

/* In a container a node is process 1 before its disk was lost, and after. */
Test(region_restart, a_node_that_lost_its_disk_is_another_process_also_by_the_same_id)
{
    for (int has = 0; has < 2; has++) {
        bench_t *bench = s_bench(2, false);
        running_t running = s_running(bench);
        uint64_t number = 8;
        region_missing_t missing;
        s_progress(bench, &running.shards[0], (told_t){.applied = 5, .durable = 5});
        message_t *progress = message_new(KIND_progress, NAME, running.shards[0].actor);
        progress->incarnation = running.shards[0].incarnation;
        progress->progress.history = 1;
        progress->progress.number = number;
        driver_give(&bench->by, progress);
        message_t *announce = s_announce(bench, running.shards[0].node, 1);
        announce->announce.process = 1001;
        message_set_rows(&announce->announce.held, has);
        if (has)
            announce->announce.held.items[0] =
                (announce_held_t){.incarnation = running.shards[0].incarnation, .number = number};
        driver_give(&bench->by, announce);
        driver_tick(&bench->by, SECOND);
        cr_assert(s_places_first_shard(bench), "at once, for its process has gone");
        cr_assert_eq(region_core_take_missing(bench->by.core, &missing), !has);
        cr_assert(has || (!missing.awaited && missing.number == 8));
        cr_assert(has || !strcmp(missing.node, running.shards[0].node));
        s_free(bench);
    }
}

Test(region_restart, a_shard_whose_store_may_be_with_a_node_that_is_not_there_is_waited_for_by_name)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    region_missing_t missing;
    s_stored_and_restarted(bench, &running);
    for (int64_t at_us = SECOND; at_us < 29 * SECOND; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        s_comes_back(bench, "node/eu/a", 11, false);
        cr_assert(!s_places_first_shard(bench));
    }
    cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), "snapshot 8 of shard/eu/0 (at most 30 s)");
    cr_assert(region_core_take_missing(bench->by.core, &missing) && missing.awaited);
    cr_assert_eq(missing.patience_us, 30 * SECOND);
    driver_tick(&bench->by, 31 * SECOND);
    s_comes_back(bench, "node/eu/a", 11, false);
    driver_tick(&bench->by, 32 * SECOND);
    cr_assert(s_places_first_shard(bench), "its time is over");
    while (region_core_take_missing(bench->by.core, &missing) && strcmp(missing.shard, "shard/eu/0"))
        ;
    cr_assert(!missing.awaited && missing.node);
    s_free(bench);
}

/* The node of the first shard falls silent, is given up, and only then the scheduler dies: its successor
 * never knew that node. */
static void s_given_up_and_restarted(bench_t *bench, const running_t *running)
{
    cr_assert_str_eq(running->shards[0].node, "node/eu/a");
    message_t *progress = message_new(KIND_progress, NAME, running->shards[0].actor);
    progress->incarnation = running->shards[0].incarnation;
    progress->progress.history = 1;
    progress->progress.number = 7;
    driver_give(&bench->by, progress);
    for (int64_t at_us = SECOND; at_us <= 8 * SECOND; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    }
    s_restart(bench);
}

Test(region_restart, a_shard_waits_for_a_node_that_was_given_up_before_its_scheduler_died)
{
    for (int twice = 0; twice < 2; twice++) { /* also when the successor dies before it has placed anything */
        bench_t *bench = s_bench(2, false);
        running_t running = s_running(bench);
        s_given_up_and_restarted(bench, &running);
        if (twice)
            s_restart(bench);
        for (int64_t at_us = 9 * SECOND; at_us < 30 * SECOND; at_us += SECOND) {
            driver_tick(&bench->by, at_us);
            s_comes_back(bench, "node/eu/b", 12, false);
            cr_assert(!s_places_first_shard(bench), "a start from nothing would lose what node/eu/a has");
        }
        s_comes_back(bench, "node/eu/a", 11, true);
        driver_tick(&bench->by, 31 * SECOND);
        message_t *place = driver_take(&bench->by, KIND_place);
        cr_assert_str_eq(place->place.actor, "shard/eu/0");
        cr_assert_str_eq(place->to, "node/eu/a");
        message_destroy(&place);
        s_free(bench);
    }
}

/* A node's word on what it holds is as old as its process: its shard may have stored more since. */
Test(region_restart, a_shard_goes_back_to_a_process_that_has_gone_on)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    s_stored_and_restarted(bench, &running);
    s_comes_back(bench, "node/eu/b", 12, true);
    s_comes_back(bench, "node/eu/a", 1, false);
    driver_tick(&bench->by, SECOND);
    message_t *place = driver_take(&bench->by, KIND_place);
    cr_assert_str_eq(place->place.actor, "shard/eu/0");
    cr_assert_str_eq(place->to, running.shards[0].node);
    message_destroy(&place);
    s_free(bench);
}

/* The other node has an older snapshot of it: going on from that would lose what is on the node that is
 * not there. */
Test(region_restart, an_older_snapshot_elsewhere_is_not_gone_on_from_while_the_newest_may_come)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    s_stored_and_restarted(bench, &running);
    for (int64_t at_us = SECOND; at_us < 29 * SECOND; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        s_comes_back(bench, "node/eu/b", 12, true);
        cr_assert(!s_places_first_shard(bench));
    }
    s_comes_back(bench, "node/eu/b", 12, true);
    driver_tick(&bench->by, 32 * SECOND);
    cr_assert(s_places_first_shard(bench), "its time is over: rather that than nothing");
    s_free(bench);
}
