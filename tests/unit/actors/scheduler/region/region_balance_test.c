/* Shards follow a node that joins, driven by hand in virtual time: region eu alone, two shards on node a,
 * then b comes. */
#include "tests/unit/actors/scheduler/region/region_bench.h"

typedef struct {
    bench_t *bench;
    placement_t shards[2], keeper;
    uint64_t assignment, number;
    bool handed;            /* shard 1 says so */
    bool uncopied, refused; /* no copy of it comes; because there is no room */
    size_t orders;
    message_t *order, *seal, *retire, *place; /* of shard 1, the newest */
} world_t;

static void s_keep(message_t **kept, message_t *message)
{
    message_destroy(kept);
    *kept = message;
}

static void s_answer(world_t *w, const message_t *place)
{
    message_t *placed = message_new(KIND_placed, NAME, place->to);
    message_set_name(placed->placed.actor, place->place.actor);
    placed->placed.incarnation = place->place.incarnation;
    driver_give(&w->bench->by, placed);
}

static void s_take(world_t *w, message_t *message, bool b)
{
    if (message->kind == KIND_hand_over) {
        cr_assert_str_eq(message->to, "shard/eu/1", "one at a time");
        w->orders++;
        s_keep(&w->order, message);
    } else if (message->kind == KIND_seal) {
        s_keep(&w->seal, message);
    } else if (message->kind == KIND_retire && !strcmp(message->retire.actor, "shard/eu/1")) {
        s_keep(&w->retire, message);
    } else if (message->kind == KIND_place && !strcmp(message->place.actor, "shard/eu/1")) {
        s_keep(&w->place, message);
    } else {
        if (message->kind == KIND_place && (b || strcmp(message->to, "node/eu/b")))
            s_answer(w, message);
        if (message->kind == KIND_place && !strcmp(message->place.actor, "keeper/eu/b")) {
            message_set_name(w->keeper.actor, message->place.actor);
            message_set_name(w->keeper.node, message->to);
            w->keeper.incarnation = message->place.incarnation;
        }
        if (message->kind == KIND_keepers && message->keepers.keepers.count)
            w->assignment = message->keepers.assignment;
        message_destroy(&message);
    }
}

static message_t *s_told(world_t *w, size_t shard)
{
    message_t *progress = message_new(KIND_progress, NAME, w->shards[shard].actor);
    progress->incarnation = w->shards[shard].incarnation;
    progress->progress.history = 1;
    progress->progress.number = w->number;
    progress->progress.assignment = shard && !w->uncopied ? w->assignment : 0;
    if (shard && w->refused)
        message_set_name(progress->progress.keep_refused, w->keeper.actor);
    progress->progress.handed = shard && w->handed;
    return progress;
}

/* Both nodes and all actors are heard, and what the shards were told is taken. */
static void s_live(world_t *w, bool b, int64_t for_us)
{
    for (int64_t end_us = w->bench->by.now_us + for_us; w->bench->by.now_us < end_us;) {
        driver_tick(&w->bench->by, w->bench->by.now_us + 500 * MS);
        driver_give(&w->bench->by, s_announce(w->bench, "node/eu/a", 1));
        if (b)
            driver_give(&w->bench->by, s_announce(w->bench, "node/eu/b", 2));
        for (size_t shard = 0; shard < 2; shard++)
            driver_give(&w->bench->by, s_told(w, shard));
        if (w->keeper.actor[0] && b)
            s_alive(w->bench, &w->keeper);
        message_t *message;
        while ((message = outbox_take(w->bench->by.role->outbox(w->bench->by.core))))
            s_take(w, message, b);
    }
}

static void s_begin(world_t *w)
{
    *w = (world_t){.bench = s_bench(1, false)};
    w->bench->topology.job.epochs = 1;
    w->bench->spec.nodes_expected = 1;
    driver_fini(&w->bench->by);
    w->bench->by.core = region_core_new(&w->bench->spec, 0);
    placement_t workers[2];
    message_t *plan = message_new(KIND_plan, NAME, GLOBAL);
    plan->plan.plan = 1;
    plan->plan.run = RUN;
    plan->plan.workers = 2;
    plan->plan.shards = 2;
    driver_give(&w->bench->by, plan);
    driver_give(&w->bench->by, s_announce(w->bench, "node/eu/a", 1));
    cr_assert_eq(s_places(w->bench, w->shards, 2, true, ERR_OK), 2);
    for (size_t shard = 0; shard < 2; shard++)
        driver_give(&w->bench->by, s_told(w, shard));
    cr_assert_eq(s_places(w->bench, workers, 2, true, ERR_OK), 2);
}

/* Node b has come and stays; the keeper on it runs, and shard 1 has been told of it. */
static void s_join(world_t *w)
{
    s_live(w, true, 2 * SECOND);
    cr_assert(!w->keeper.actor[0], "it may go again");
    for (int i = 0; i < 20 && !w->keeper.actor[0]; i++)
        s_live(w, true, 500 * MS);
    cr_assert_str_eq(w->keeper.node, "node/eu/b", "nothing is prepared");
    cr_assert_null(w->order, "before there is a copy");
    w->number = 7;
    for (int i = 0; i < 6 && !w->order; i++)
        s_live(w, true, 500 * MS);
    cr_assert_not_null(w->order);
    cr_assert_eq(w->order->hand_over.incarnation, w->shards[1].incarnation);
}

static void s_end_world(world_t *w)
{
    message_destroy(&w->order);
    message_destroy(&w->seal);
    message_destroy(&w->retire);
    message_destroy(&w->place);
    s_free(w->bench);
}

static uint64_t s_moves(world_t *w)
{
    message_t *report = s_report(w->bench);
    uint64_t moves = report->region_report.moves;
    message_destroy(&report);
    return moves;
}

Test(region_balance, a_shard_goes_to_a_node_that_joins_when_it_has_a_copy_there)
{
    world_t w;
    s_begin(&w);
    s_join(&w);
    w.handed = true;
    w.number = 8;
    s_live(&w, true, SECOND);
    cr_assert_not_null(w.seal);
    message_t *sealed = message_new(KIND_sealed, NAME, w.keeper.actor);
    sealed->incarnation = w.keeper.incarnation;
    message_set_name(sealed->sealed.region, "eu");
    sealed->sealed.shard = 1;
    sealed->sealed.seal = w.seal->seal.incarnation;
    sealed->sealed.incarnation = w.shards[1].incarnation;
    sealed->sealed.number = w.number;
    driver_give(&w.bench->by, sealed);
    s_live(&w, true, SECOND);
    cr_assert_not_null(w.place);
    cr_assert_str_eq(w.place->to, "node/eu/b");
    s_answer(&w, w.place);
    region_move_t move;
    cr_assert(region_core_take_move(w.bench->by.core, &move));
    cr_assert_str_eq(move.shard, "shard/eu/1");
    cr_assert_str_eq(move.from, "node/eu/a");
    cr_assert_str_eq(move.to, "node/eu/b");
    cr_assert_str_eq(move.why, "2 shards there, 0 on the other node");
    cr_assert_not(region_core_take_move(w.bench->by.core, &move));
    cr_assert_eq(s_moves(&w), 1);
    w.shards[1].incarnation = w.place->place.incarnation;
    w.handed = false;
    w.orders = 0;
    s_live(&w, true, 20 * SECOND);
    cr_assert_eq(w.orders, 0, "one on each: nothing flaps");
    s_end_world(&w);
}

Test(region_balance, a_shard_that_was_stopped_for_nothing_begins_again_where_it_is)
{
    world_t w;
    s_begin(&w);
    s_join(&w);
    s_live(&w, false, 8 * SECOND); /* node b is lost */
    cr_assert_null(w.retire);
    w.handed = true; /* what it was told it has done */
    w.number = 8;
    s_live(&w, false, SECOND);
    cr_assert_not_null(w.retire);
    cr_assert_str_eq(w.retire->to, "node/eu/a");
    cr_assert_null(w.place);
    message_t *placed = message_new(KIND_placed, NAME, "node/eu/a");
    message_set_name(placed->placed.actor, w.shards[1].actor);
    placed->placed.incarnation = w.shards[1].incarnation;
    placed->placed.code = ERR_STOPPED;
    driver_give(&w.bench->by, placed);
    s_live(&w, false, SECOND);
    cr_assert_not_null(w.place);
    cr_assert_str_eq(w.place->to, "node/eu/a");
    cr_assert_eq(s_moves(&w), 0);
    s_end_world(&w);
}

/* The node that joins has no room: nobody is stopped for it, and it is not asked again at once. */
Test(region_balance, a_shard_never_stops_for_a_node_that_has_no_copy)
{
    world_t w;
    s_begin(&w);
    w.uncopied = true;
    for (int i = 0; i < 20 && !w.assignment; i++)
        s_live(&w, true, 500 * MS);
    cr_assert(w.assignment, "the keeper there is tried");
    s_live(&w, true, 30 * SECOND);
    cr_assert_eq(w.orders, 0);
    cr_assert_gt(region_role.due(w.bench->by.core), w.bench->by.now_us,
                 "it looks again later, not all the time");
    w.refused = true;
    s_live(&w, true, 2 * SECOND);
    cr_assert_eq(w.orders, 0);
    w.refused = w.uncopied = false;
    s_live(&w, true, 50 * SECOND);
    cr_assert_eq(w.orders, 0, "not at once");
    s_live(&w, true, 20 * SECOND);
    cr_assert_gt(w.orders, 0, "and later, with room");
    s_end_world(&w);
}

Test(region_balance, one_shard_more_is_not_worth_it)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    for (int i = 0; i < 40; i++) {
        driver_tick(&bench->by, bench->by.now_us + 500 * MS);
        driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
        driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
        for (size_t shard = 0; shard < 2; shard++)
            s_alive(bench, &running.shards[shard]);
    }
    cr_assert_eq(driver_count(&bench->by, KIND_hand_over), 0);
    cr_assert_eq(driver_count(&bench->by, KIND_keepers), 0);
    s_free(bench);
}
