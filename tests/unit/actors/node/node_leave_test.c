/* A node that is told to end, and actors that are: who is asked, once, in which order, and what is said of
 * those that are not here. */
#include "tests/unit/actors/node/node_bench.h"

#define SHARD "shard/eu/0"
#define WORKER "worker/eu/0"

static const err_t s_stopped = {.code = ERR_STOPPED};

static void s_retire(node_core_t *core, const char *actor, uint64_t incarnation, int64_t now_us)
{
    message_t *message = message_new(KIND_retire, "node/eu/a", "scheduler/eu");
    message_set_name(message->retire.actor, actor);
    message->retire.incarnation = incarnation;
    node_role.message(core, &message, now_us);
    cr_assert_null(message);
}

/* A scheduler with an incarnation, of which the node has heard. */
static void s_hear(node_core_t *core, int64_t now_us)
{
    message_t *message = message_new(KIND_report_ack, "node/eu/a", "scheduler/eu");
    message->incarnation = 1ull << 32;
    node_role.message(core, &message, now_us);
}

/* As a scheduler that has been heard says it. */
static void s_stop(node_core_t *core, int64_t now_us)
{
    message_t *message = message_new(KIND_stop, "node/eu/a", "scheduler/eu");
    message->incarnation = 1ull << 32;
    node_role.message(core, &message, now_us);
}

/* A shard and a worker run, and the node is told to end at 1 s. */
static node_core_t *s_leaving(void)
{
    node_core_t *core = s_new();
    s_run(core, SHARD, 1);
    s_run(core, WORKER, 2);
    s_hear(core, S);
    node_core_leave(core, S);
    return core;
}

static bool s_says_leaving(node_core_t *core)
{
    message_t *announce = s_take(core, KIND_announce);
    bool leaving = announce && announce->announce.leaving;
    message_destroy(&announce);
    return leaving;
}

static void s_expect_nothing(node_core_t *core)
{
    cr_assert_null(s_take(core, KIND_placed));
}

/* -- leaving ----------------------------------------------------------------------------------------------
 */

Test(node_leave, says_so_at_once_and_often_and_ends_nobody_itself)
{
    node_core_t *core = s_leaving();
    cr_assert(s_says_leaving(core));
    s_expect_no_command(core);
    cr_assert_not(node_core_stopping(core));
    cr_assert_leq(node_role.due(core), S + 250000);
    node_role.tick(core, S + 250000);
    cr_assert(s_says_leaving(core));
    s_expect_no_command(core);
    s_destroy(&core);
}

Test(node_leave, told_twice_it_leaves_once)
{
    node_core_t *core = s_leaving();
    node_core_leave(core, S + 1);
    node_core_leave(core, 2 * S);
    s_expect_no_command(core);
    cr_assert_not(node_core_stopping(core));
    s_stop(core, 3 * S);
    s_stop(core, 3 * S);
    node_core_leave(core, 3 * S);
    s_expect_command(core, NODE_DRAIN, WORKER, 2);
    s_expect_no_command(core);
    node_core_ended(core, WORKER, 2, &s_finished, 4 * S);
    s_expect_command(core, NODE_DRAIN, SHARD, 1);
    s_expect_no_command(core);
    node_core_leave(core, 4 * S);
    s_expect_no_command(core);
    node_core_ended(core, SHARD, 1, &s_finished, 5 * S);
    message_t *stopped = s_take(core, KIND_stopped);
    cr_assert_not_null(stopped);
    cr_assert_eq(stopped->stopped.code, ERR_OK);
    message_destroy(&stopped);
    s_destroy(&core);
}

Test(node_leave, where_nobody_has_placed_anything_it_stops_at_once)
{
    for (int heard = 0; heard < 2; heard++) {
        node_core_t *core = s_new();
        if (heard)
            s_hear(core, S);
        node_core_leave(core, S);
        cr_assert(node_core_stopping(core));
        message_t *stopped = s_take(core, KIND_stopped);
        cr_assert_not_null(stopped);
        message_destroy(&stopped);
        s_destroy(&core);
    }
}

/* Its actors are the scheduler's to move; where none is, they end in order. */
Test(node_leave, without_a_word_from_its_scheduler_it_stops_by_itself)
{
    node_core_t *core = s_leaving();
    node_role.tick(core, S + NODE_LEAVE_SILENCE_US - 1);
    cr_assert_not(node_core_stopping(core));
    s_hear(core, S + NODE_LEAVE_SILENCE_US - 1);
    node_role.tick(core, S + NODE_LEAVE_SILENCE_US);
    cr_assert_not(node_core_stopping(core), "it has just been heard");
    s_expect_no_command(core);
    int64_t now_us = S + 2 * NODE_LEAVE_SILENCE_US - 1;
    node_role.tick(core, now_us);
    cr_assert(node_core_stopping(core));
    s_expect_command(core, NODE_DRAIN, WORKER, 2);
    node_core_ended(core, WORKER, 2, &s_finished, now_us);
    s_expect_command(core, NODE_DRAIN, SHARD, 1);
    s_destroy(&core);
}

Test(node_leave, with_a_scheduler_that_does_nothing_its_patience_ends)
{
    node_core_t *core = s_leaving();
    int64_t now_us = S, moved_us = 40 * S;
    for (; now_us < moved_us + NODE_LEAVE_PATIENCE_US; now_us += S) {
        s_hear(core, now_us);
        node_role.tick(core, now_us);
        cr_assert_not(node_core_stopping(core), "at %d s", (int)(now_us / S));
        if (now_us == moved_us) /* that is progress */
            node_core_ended(core, WORKER, 2, &s_finished, now_us);
    }
    s_hear(core, now_us);
    node_role.tick(core, now_us);
    cr_assert(node_core_stopping(core));
    s_expect_command(core, NODE_DRAIN, SHARD, 1);
    s_destroy(&core);
}

/* -- retiring ---------------------------------------------------------------------------------------------
 */

static void s_expect_asked(node_core_t *core, uint64_t incarnation, bool asked)
{
    message_t *placed = s_take(core, KIND_placed);
    cr_assert_not_null(placed);
    cr_assert_eq(placed->placed.incarnation, incarnation);
    cr_assert_eq(placed->placed.asked, asked, "%d", (int)incarnation);
    message_destroy(&placed);
}

static void s_follow(node_core_t *core, uint64_t incarnation)
{
    s_place(core, WORKER, incarnation, S);
    node_core_ready(core, WORKER, incarnation, S);
}

/* Whoever did not hear of the end hears it with the next one. */
Test(node_retire, who_was_told_to_end_is_told_apart_from_who_died)
{
    node_core_t *core = s_new();
    s_follow(core, 5);
    s_expect_asked(core, 5, false);
    node_core_ended(core, WORKER, 5, &s_stopped, S);
    s_expect_asked(core, 5, false);
    s_follow(core, 6);
    s_expect_asked(core, 6, false);
    s_retire(core, WORKER, 6, S);
    node_core_ended(core, WORKER, 6, &s_finished, S);
    s_expect_asked(core, 6, true);
    s_follow(core, 7);
    s_expect_asked(core, 7, true);
    s_place(core, WORKER, 8, S); /* over one that runs */
    node_core_ended(core, WORKER, 7, &s_stopped, S);
    node_core_ready(core, WORKER, 8, S);
    s_expect_asked(core, 8, false);
    s_destroy(&core);
}

Test(node_retire, of_one_that_runs_asks_it_once_and_tells_when_it_has_ended)
{
    node_core_t *core = s_new();
    s_run(core, WORKER, 5);
    s_retire(core, WORKER, 5, 2 * S);
    s_retire(core, WORKER, 5, 2 * S + 1);
    s_expect_command(core, NODE_DRAIN, WORKER, 5);
    s_expect_no_command(core);
    s_expect_nothing(core);
    node_core_ended(core, WORKER, 5, &s_finished, 3 * S);
    s_expect_placed(core, 5, ERR_STOPPED);
    s_retire(core, WORKER, 5, 3 * S);
    s_expect_placed(core, 5, ERR_STOPPED);
    s_expect_no_command(core);
    cr_assert_not(node_core_stopping(core));
    s_destroy(&core);
}

Test(node_retire, of_one_that_still_starts_ends_it)
{
    node_core_t *core = s_new();
    s_place(core, WORKER, 5, S);
    s_expect_command(core, NODE_START, WORKER, 5);
    s_retire(core, WORKER, 5, S);
    s_expect_command(core, NODE_KILL, WORKER, 5);
    node_core_ready(core, WORKER, 5, S); /* said before it was ended */
    s_expect_nothing(core);
    node_core_ended(core, WORKER, 5, &s_stopped, S);
    s_expect_placed(core, 5, ERR_STOPPED);
    s_expect_no_command(core);
    s_destroy(&core);
}

Test(node_retire, of_one_that_does_not_end_ends_it)
{
    node_core_t *core = s_new();
    s_run(core, WORKER, 5);
    s_retire(core, WORKER, 5, 2 * S);
    s_expect_command(core, NODE_DRAIN, WORKER, 5);
    node_role.tick(core, 2 * S + NODE_DRAIN_US - 1);
    s_expect_no_command(core);
    cr_assert_leq(node_role.due(core), 2 * S + NODE_DRAIN_US);
    node_role.tick(core, 2 * S + NODE_DRAIN_US);
    s_expect_command(core, NODE_KILL, WORKER, 5);
    s_expect_no_command(core);
    s_destroy(&core);
}

/* Its placement may still be on its way: it must not start then. */
Test(node_retire, of_one_that_is_not_known_is_answered_and_remembered)
{
    node_core_t *core = s_new();
    s_retire(core, SHARD, 7, S);
    s_expect_no_command(core);
    s_expect_placed(core, 7, ERR_STOPPED);
    s_place(core, SHARD, 7, S);
    s_expect_no_command(core);
    s_expect_placed(core, 7, ERR_STOPPED);
    s_place(core, SHARD, 6, S);
    s_expect_no_command(core);
    s_expect_placed(core, 6, ERR_STALE);
    s_place(core, SHARD, 8, S);
    s_expect_command(core, NODE_START, SHARD, 8);
    s_destroy(&core);
}

/* Remembered it would keep out whoever is placed by that name. */
Test(node_retire, of_an_incarnation_that_its_scheduler_cannot_have_given_is_refused_and_forgotten)
{
    node_core_t *core = s_new();
    s_retire(core, SHARD, (2ull << 32) + 1, S);
    s_expect_placed(core, (2ull << 32) + 1, ERR_LIMIT);
    s_place(core, SHARD, 8, S);
    s_expect_command(core, NODE_START, SHARD, 8);
    s_destroy(&core);
}

Test(node_retire, of_another_incarnation_leaves_the_one_that_runs)
{
    node_core_t *core = s_new();
    s_run(core, SHARD, 7);
    s_retire(core, SHARD, 6, S);
    s_expect_placed(core, 6, ERR_STOPPED);
    s_retire(core, SHARD, 8, S);
    s_expect_placed(core, 8, ERR_STOPPED);
    s_expect_no_command(core);
    s_place(core, SHARD, 7, S);
    s_expect_placed(core, 7, ERR_OK);
    s_destroy(&core);
}

Test(node_retire, of_a_successor_that_waits_for_the_end_of_another_keeps_it_from_starting)
{
    node_core_t *core = s_new();
    s_run(core, SHARD, 5);
    s_place(core, SHARD, 6, S);
    s_expect_command(core, NODE_KILL, SHARD, 5);
    s_retire(core, SHARD, 6, S);
    s_expect_placed(core, 6, ERR_STOPPED);
    node_core_ended(core, SHARD, 5, &s_stopped, 2 * S);
    s_expect_no_command(core);
    s_expect_placed(core, 5, ERR_STOPPED);
    s_destroy(&core);
}

Test(node_retire, as_many_that_are_not_known_as_may_be_are_all_answered)
{
    node_core_t *core = s_new();
    s_run(core, SHARD, 1);
    for (int i = 0; i < NODE_ACTORS_MAX + 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "worker/eu/%d", i);
        s_retire(core, name, 100, S);
        s_expect_placed(core, 100, ERR_STOPPED);
    }
    s_expect_no_command(core);
    s_retire(core, SHARD, 1, S);
    s_expect_command(core, NODE_DRAIN, SHARD, 1);
    s_destroy(&core);
}

static void s_run_one(node_core_t *core, int number, uint64_t incarnation)
{
    char name[32];
    snprintf(name, sizeof name, "worker/eu/%d", number);
    s_run(core, name, incarnation);
}

/* Which number a worker on demand gets is chance: a node that stays for long sees many. */
Test(node_retire, makes_room_for_more_names_than_a_node_can_host_at_once)
{
    node_core_t *core = s_new();
    uint64_t incarnation = 10;
    s_run(core, SHARD, 1);
    for (int i = 0; i < 3 * NODE_ACTORS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "worker/eu/%d", i);
        s_run_one(core, i, ++incarnation);
        s_retire(core, name, incarnation, S);
        s_expect_command(core, NODE_DRAIN, name, incarnation);
        node_core_ended(core, name, incarnation, &s_finished, S);
        s_expect_placed(core, incarnation, ERR_STOPPED);
    }
    s_place(core, "worker/eu/0", 11, S); /* on its way since then */
    s_expect_placed(core, 11, ERR_STALE);
    s_expect_no_command(core);
    s_place(core, SHARD, 1, S);
    s_expect_placed(core, 1, ERR_OK);
    for (int i = 1; i < NODE_ACTORS_MAX; i++)
        s_run_one(core, i, ++incarnation);
    s_place(core, "worker/eu/one-more", ++incarnation, S);
    s_expect_placed(core, incarnation, ERR_LIMIT);
    s_expect_no_command(core);
    s_destroy(&core);
}

/* It is told at the end. */
Test(node_retire, makes_no_room_by_forgetting_what_could_not_be_started)
{
    node_core_t *core = s_new();
    err_t why = {.code = ERR_MEMORY, .text = "no memory"};
    const char *reason;
    s_place(core, WORKER, 1, S);
    s_expect_command(core, NODE_START, WORKER, 1);
    node_core_ended(core, WORKER, 1, &why, S);
    s_expect_placed(core, 1, ERR_MEMORY);
    for (int i = 1; i < 2 * NODE_ACTORS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "worker/eu/%d", i);
        s_retire(core, name, (uint64_t)i + 1, S);
        s_expect_placed(core, (uint64_t)i + 1, ERR_STOPPED);
    }
    node_core_stop(core, 2 * S);
    cr_assert_eq(node_core_failure(core, &reason), ERR_MEMORY);
    s_destroy(&core);
}

Test(node_retire, while_the_node_stops_changes_nothing)
{
    node_core_t *core = s_new();
    s_run(core, SHARD, 1);
    s_run(core, WORKER, 2);
    s_send(core, KIND_stop, S);
    s_expect_command(core, NODE_DRAIN, WORKER, 2);
    s_retire(core, SHARD, 1, S);
    s_expect_no_command(core);
    node_core_ended(core, WORKER, 2, &s_finished, S);
    s_expect_command(core, NODE_DRAIN, SHARD, 1);
    s_expect_no_command(core);
    s_destroy(&core);
}

Test(node_leave, one_that_no_scheduler_knows_waits_for_nobody_s_bye)
{
    node_core_t *core = s_new();
    node_role.tick(core, 0);
    node_core_leave(core, S);
    cr_assert(node_role.finished(core), "it was stopped before it was known");
    message_t *stopped = s_take(core, KIND_stopped);
    cr_assert_not_null(stopped);
    message_destroy(&stopped);
    s_destroy(&core);
}
