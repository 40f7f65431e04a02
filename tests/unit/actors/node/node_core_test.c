#include "codec/base/run_id.h"
#include "tests/unit/actors/node/node_bench.h"

Test(node_core, announces_itself_at_once_and_every_second)
{
    node_core_t *core = s_new();
    cr_assert_leq(node_role.due(core), 0);
    node_role.tick(core, 0);
    message_t *announce = s_take(core, KIND_announce);
    cr_assert_not_null(announce);
    cr_assert_str_eq(announce->to, "scheduler/eu");
    cr_assert_str_eq(announce->announce.digest, "0123456789abcdef");
    cr_assert_eq(announce->announce.samples, 100);
    message_destroy(&announce);
    cr_assert_gt(node_role.due(core), 0);
    cr_assert_leq(node_role.due(core), S);
    s_destroy(&core);
}

Test(node_core, place_is_idempotent_and_fenced_by_incarnation)
{
    node_core_t *core = s_new();
    s_place(core, "shard/eu/0", 5, 0);
    s_place(core, "shard/eu/0", 5, 0);
    s_expect_command(core, NODE_START, "shard/eu/0", 5);
    s_expect_no_command(core);
    node_core_ready(core, "shard/eu/0", 5, 0);
    s_expect_placed(core, 5, ERR_OK);
    s_place(core, "shard/eu/0", 5, 0);
    s_expect_placed(core, 5, ERR_OK);
    s_place(core, "shard/eu/0", 4, 0);
    s_expect_placed(core, 4, ERR_STALE);
    s_expect_no_command(core);
    s_destroy(&core);
}

Test(node_core, an_older_incarnation_is_ended_before_the_newer_one_starts)
{
    node_core_t *core = s_new();
    s_run(core, "shard/eu/0", 5);
    s_place(core, "shard/eu/0", 6, S);
    s_expect_command(core, NODE_KILL, "shard/eu/0", 5);
    s_expect_no_command(core);
    err_t ended = {.code = ERR_STOPPED};
    node_core_ended(core, "shard/eu/0", 5, &ended, S);
    s_expect_command(core, NODE_START, "shard/eu/0", 6);
    const char *reason;
    cr_assert_eq(node_core_failure(core, &reason), ERR_OK);
    s_destroy(&core);
}

Test(node_core, a_failure_is_told_again_until_it_is_placed_anew)
{
    node_core_t *core = s_new();
    s_place(core, "worker/eu/0", 7, 0);
    s_expect_command(core, NODE_START, "worker/eu/0", 7);
    err_t why = {.code = ERR_MEMORY, .text = "no memory"};
    node_core_ended(core, "worker/eu/0", 7, &why, 0);
    s_expect_placed(core, 7, ERR_MEMORY);
    node_role.tick(core, 2 * S);
    s_expect_placed(core, 7, ERR_MEMORY);
    s_place(core, "worker/eu/0", 8, 2 * S);
    s_expect_command(core, NODE_START, "worker/eu/0", 8);
    node_role.tick(core, 4 * S);
    message_t *placed = s_take(core, KIND_placed);
    cr_assert_null(placed);
    s_destroy(&core);
}

Test(node_core, an_actor_that_died_and_was_placed_again_is_no_failure)
{
    node_core_t *core = s_new();
    const char *reason;
    err_t why = {.code = ERR_STALE, .text = "fenced"};
    s_run(core, "shard/eu/0", 5);
    s_run(core, "worker/eu/0", 6);
    node_core_ended(core, "shard/eu/0", 5, &why, 2 * S);
    s_expect_placed(core, 5, ERR_STALE);
    s_run(core, "shard/eu/0", 7);
    node_core_ended(core, "worker/eu/0", 6, &why, 2 * S); /* its successor runs on another node */
    s_send(core, KIND_stop, 3 * S);
    s_expect_command(core, NODE_DRAIN, "shard/eu/0", 7);
    node_core_ended(core, "shard/eu/0", 7, &s_finished, 3 * S);
    message_t *stopped = s_take(core, KIND_stopped);
    cr_assert_not_null(stopped);
    cr_assert_eq(stopped->stopped.code, ERR_OK);
    message_destroy(&stopped);
    cr_assert_eq(node_core_failure(core, &reason), ERR_OK);
    s_destroy(&core);
}

/* The actor's stored state is as it was, so a drain meanwhile is in order. */
Test(node_core, an_actor_that_found_no_room_is_no_failure)
{
    node_core_t *core = s_new();
    const char *reason;
    err_t why = {.code = ERR_FULL, .text = "no room"};
    s_place(core, "shard/eu/0", 7, 0);
    s_expect_command(core, NODE_START, "shard/eu/0", 7);
    node_core_ended(core, "shard/eu/0", 7, &why, 0);
    node_role.message(core, &(message_t *){message_new(KIND_stop, "node/eu/a", "scheduler/eu")}, S);
    cr_assert_eq(node_core_failure(core, &reason), ERR_OK, "%s", reason);
    s_destroy(&core);
}

Test(node_core, an_actor_that_could_not_be_started_is_a_failure_at_the_end)
{
    for (int done = 0; done < 2; done++) {
        node_core_t *core = s_new();
        const char *reason;
        err_t why = {.code = ERR_MEMORY, .text = "no memory"};
        s_place(core, "worker/eu/0", 7, 0);
        s_expect_command(core, NODE_START, "worker/eu/0", 7);
        node_core_ended(core, "worker/eu/0", 7, &why, 0);
        message_t *stop = message_new(KIND_stop, "node/eu/a", "scheduler/eu");
        stop->stop.done = done;
        node_role.message(core, &stop, S);
        message_t *stopped = s_take(core, KIND_stopped);
        cr_assert_not_null(stopped);
        cr_assert_eq(stopped->stopped.code, done ? ERR_OK : ERR_MEMORY);
        message_destroy(&stopped);
        cr_assert_eq(node_core_failure(core, &reason), done ? ERR_OK : ERR_MEMORY);
        cr_assert(done || strstr(reason, "worker/eu/0"));
        s_destroy(&core);
    }
}

Test(node_core, stops_workers_then_shards_then_synchronizers)
{
    node_core_t *core = s_new();
    s_run(core, "synchronizer/eu/0", 1);
    s_run(core, "shard/eu/0", 2);
    s_run(core, "worker/eu/0", 3);
    s_send(core, KIND_stop, 2 * S);
    s_send(core, KIND_stop, 2 * S);
    s_expect_command(core, NODE_DRAIN, "worker/eu/0", 3);
    s_expect_no_command(core);
    node_core_ended(core, "worker/eu/0", 3, &s_finished, 3 * S);
    s_expect_command(core, NODE_DRAIN, "shard/eu/0", 2);
    s_expect_no_command(core);
    node_core_ended(core, "shard/eu/0", 2, &s_finished, 3 * S);
    s_expect_command(core, NODE_DRAIN, "synchronizer/eu/0", 1);
    cr_assert_null(s_take(core, KIND_stopped));
    node_core_ended(core, "synchronizer/eu/0", 1, &s_finished, 3 * S);
    message_t *stopped = s_take(core, KIND_stopped);
    cr_assert_not_null(stopped);
    cr_assert_eq(stopped->stopped.code, 0);
    message_destroy(&stopped);
    cr_assert_not(node_role.finished(core));
    s_send(core, KIND_bye, 3 * S);
    cr_assert(node_role.finished(core));
    cr_assert(node_core_released(core));
    s_destroy(&core);
}

Test(node_core, without_a_bye_it_ends_after_its_time)
{
    node_core_t *core = s_new();
    s_send(core, KIND_stop, S);
    int64_t now_us = S;
    while (now_us < S + NODE_BYE_US) {
        cr_assert_not(node_role.finished(core));
        now_us = node_role.due(core);
        node_role.tick(core, now_us);
    }
    cr_assert(node_role.finished(core));
    cr_assert_not(node_core_released(core));
    s_destroy(&core);
}

Test(node_core, an_actor_that_does_not_drain_is_ended_and_reported)
{
    node_core_t *core = s_new();
    s_run(core, "worker/eu/0", 3);
    s_send(core, KIND_stop, S);
    s_expect_command(core, NODE_DRAIN, "worker/eu/0", 3);
    node_role.tick(core, S + NODE_DRAIN_US - 1);
    s_expect_no_command(core);
    node_role.tick(core, S + NODE_DRAIN_US);
    s_expect_command(core, NODE_KILL, "worker/eu/0", 3);
    err_t ended = {.code = ERR_STOPPED, .text = "ended where it stood"};
    node_core_ended(core, "worker/eu/0", 3, &ended, S + NODE_DRAIN_US);
    message_t *stopped = s_take(core, KIND_stopped);
    cr_assert_not_null(stopped);
    cr_assert_eq(stopped->stopped.code, ERR_STOPPED);
    message_destroy(&stopped);
    s_destroy(&core);
}

/* A full disk takes no last snapshot, and that of a job that is done adds nothing to what is durable. */
Test(node_core, who_does_not_drain_after_the_job_is_done_is_no_failure)
{
    node_core_t *core = s_new();
    const char *reason;
    s_run(core, "shard/eu/0", 3);
    message_t *stop = message_new(KIND_stop, "node/eu/a", "scheduler/eu");
    stop->stop.done = true;
    node_role.message(core, &stop, S);
    s_expect_command(core, NODE_DRAIN, "shard/eu/0", 3);
    node_role.tick(core, S + NODE_DRAIN_US);
    s_expect_command(core, NODE_KILL, "shard/eu/0", 3);
    err_t ended = {.code = ERR_STOPPED, .text = "ended where it stood"};
    node_core_ended(core, "shard/eu/0", 3, &ended, S + NODE_DRAIN_US);
    message_t *stopped = s_take(core, KIND_stopped);
    cr_assert_not_null(stopped);
    cr_assert_eq(stopped->stopped.code, ERR_OK);
    message_destroy(&stopped);
    cr_assert_eq(node_core_failure(core, &reason), ERR_OK, "%s", reason);
    s_destroy(&core);
}

Test(node_core, nothing_is_started_while_it_stops)
{
    node_core_t *core = s_new();
    s_run(core, "worker/eu/0", 3);
    s_send(core, KIND_stop, S);
    s_expect_command(core, NODE_DRAIN, "worker/eu/0", 3);
    s_place(core, "shard/eu/0", 9, S);
    s_expect_no_command(core);
    s_destroy(&core);
}

Test(node_core, another_job_s_scheduler_ends_it)
{
    node_core_t *core = s_new();
    message_t *refused = message_new(KIND_refused, "node/eu/a", "scheduler/eu");
    refused->refused.kind = KIND_announce;
    refused->refused.code = ERR_JOB;
    message_set_text(&refused->refused.reason, "another topology");
    node_role.message(core, &refused, 0);
    const char *reason;
    cr_assert(node_role.finished(core));
    cr_assert_eq(node_core_failure(core, &reason), ERR_JOB);
    cr_assert_str_eq(reason, "another topology");
    s_destroy(&core);
}

Test(node_core, tells_a_new_scheduler_whom_it_hosts_and_refuses_the_old_one)
{
    node_core_t *core = s_new();
    s_run(core, "shard/eu/0", 5);
    s_run(core, "worker/eu/0", 6);
    node_core_ended(core, "worker/eu/0", 6, &s_finished, S);
    message_t *message = message_new(KIND_place, "node/eu/a", "scheduler/eu");
    message->incarnation = 2ull << 32;
    message_set_name(message->place.actor, "worker/eu/1");
    message->place.incarnation = 7;
    message->place.run = RUN;
    node_role.message(core, &message, S);
    node_role.tick(core, 3 * S);
    message = s_take(core, KIND_announce);
    cr_assert_eq(message->announce.hosted.count, 2);
    cr_assert_eq(message->announce.hosted.items[0], 5);
    cr_assert_eq(message->announce.hosted.items[1], 7, "it starts");
    cr_assert_eq(message->announce.scheduler, 2ull << 32);
    message_destroy(&message);
    s_expect_placed(core, 5, ERR_OK);
    s_expect_placed(core, 6, ERR_STOPPED);
    message = message_new(KIND_stop, "node/eu/a", "scheduler/eu");
    message->incarnation = 1ull << 32;
    node_role.message(core, &message, 3 * S);
    cr_assert_not(node_core_stopping(core));
    message = s_take(core, KIND_refused);
    cr_assert_not_null(message);
    cr_assert_eq(message->refused.code, ERR_STALE);
    cr_assert_eq(message->refused.kind, KIND_stop);
    cr_assert_eq(message->refused.incarnation, 1ull << 32);
    message_destroy(&message);
    s_destroy(&core);
}

/* Other nodes' last snapshots may be on their way to it. */
Test(node_core, a_keeper_goes_on_until_bye)
{
    node_core_t *core = s_new();
    s_run(core, "shard/eu/0", 1);
    s_run(core, "keeper/eu/a", 2);
    s_send(core, KIND_stop, 2 * S);
    s_expect_command(core, NODE_DRAIN, "shard/eu/0", 1);
    s_expect_no_command(core);
    node_core_ended(core, "shard/eu/0", 1, &s_finished, 3 * S);
    s_expect_no_command(core);
    message_t *stopped = s_take(core, KIND_stopped);
    cr_assert_not_null(stopped, "it has stopped all that is its own");
    message_destroy(&stopped);
    node_role.tick(core, 3 * S + NODE_BYE_US + S);
    cr_assert_not(node_role.finished(core), "others take longer");
    s_send(core, KIND_bye, 8 * S);
    cr_assert(node_role.finished(core));
    s_destroy(&core);
}

/* ---- the run ---- */

static void s_place_of(node_core_t *core, const char *actor, uint64_t incarnation, uint64_t run)
{
    message_t *message = message_new(KIND_place, "node/eu/a", "scheduler/eu");
    message_set_name(message->place.actor, actor);
    message->place.incarnation = incarnation;
    message->place.run = run;
    node_role.message(core, &message, S);
}

Test(node_core, is_of_the_run_of_its_first_placement_and_says_so)
{
    node_spec_t spec = {
        .name = "node/eu/a", .region = "eu", .host = "host", .digest = "0123456789abcdef", .cores = 2};
    node_core_t *core = node_core_new(&spec);
    node_command_t command;
    s_place_of(core, "shard/eu/0", 5, RUN_ID_NONE);
    s_expect_no_command(core);
    s_place_of(core, "shard/eu/0", 5, RUN);
    cr_assert(node_core_take_command(core, &command));
    cr_assert_eq(command.run, RUN);
    node_role.tick(core, S);
    message_t *announce = s_take(core, KIND_announce);
    cr_assert_eq(announce->announce.run, RUN);
    message_destroy(&announce);
    s_destroy(&core);
}

Test(node_core, nothing_of_another_run_is_started)
{
    node_core_t *core = s_new();
    s_place_of(core, "shard/eu/0", 5, RUN + 1);
    s_expect_no_command(core);
    message_t *placed = s_take(core, KIND_placed);
    cr_assert_eq(placed->placed.code, ERR_JOB);
    cr_assert_not_null(strstr(placed->placed.reason, "0000000000000007"), "%s", placed->placed.reason);
    cr_assert_not_null(strstr(placed->placed.reason, "0000000000000008"), "%s", placed->placed.reason);
    message_destroy(&placed);
    s_run(core, "shard/eu/0", 5);
    s_destroy(&core);
}

Test(node_core, a_scheduler_cannot_give_an_incarnation_of_a_later_term)
{
    node_core_t *core = s_new();
    s_place_of(core, "shard/eu/0", UINT64_MAX, RUN);
    s_expect_no_command(core);
    s_expect_placed(core, UINT64_MAX, ERR_LIMIT);
    s_run(core, "shard/eu/0", 5);
    s_destroy(&core);
}

Test(node_core, without_a_broker_for_long_it_ends_in_order_and_says_so)
{
    const char *reason;
    node_spec_t spec = {.name = "node/eu/a",
                        .region = "eu",
                        .host = "host",
                        .digest = "0123456789abcdef",
                        .run = RUN,
                        .alone_us = 60 * S};
    node_core_t *core = node_core_new(&spec);
    node_role.tick(core, 0);
    node_role.tick(core, 100 * S);
    cr_assert_not(node_core_stopping(core), "nothing was placed: it waits for a job");
    s_run(core, "worker/eu/0", 5);
    node_core_heard(core, 100 * S);
    node_role.tick(core, 159 * S);
    cr_assert_not(node_core_stopping(core));
    node_role.tick(core, 160 * S);
    cr_assert(node_core_stopping(core));
    s_expect_command(core, NODE_DRAIN, "worker/eu/0", 5);
    node_core_ended(core, "worker/eu/0", 5, &s_finished, 161 * S);
    node_role.tick(core, 161 * S + NODE_BYE_US);
    cr_assert(node_role.finished(core));
    cr_assert_eq(node_core_failure(core, &reason), ERR_TIMEOUT);
    cr_assert_not_null(strstr(reason, "no broker of region eu"), "%s", reason);
    s_destroy(&core);
}
