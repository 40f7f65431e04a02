/* A region that another one does not answer: how far it goes on, what it keeps, and whom it says it waits
 * for. */
#include "tests/unit/actors/shard/world.h"

#include "actors/shard/shard_inside.h"

#define ELEMENTS 16
#define BYTES (ELEMENTS / 2 * 4) /* of a delta of one shard */

static const float s_g[ELEMENTS] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

static world_t *s_world(strategy_name_t strategy, uint64_t every, uint64_t staleness, uint64_t window_bytes)
{
    topology_t *t = world_topology(2, strategy, every, 1);
    t->job.optimizer.lr = 1;
    t->job.sync.staleness = staleness;
    t->job.sync.window_bytes = window_bytes;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 400);
    world_run(w);
    w->cut[1] = true;
    return w;
}

static void s_push(world_t *w, uint64_t first, uint64_t end)
{
    for (uint64_t b = first; b < end; b++)
        /* several workers, so that one may be held without stopping the others */
        world_push(w, 0, b % 3, b, s_g);
    world_tick(w, 1000);
}

static uint64_t s_steps(const world_t *w)
{
    return ranges_size(shard_core_applied(w->shard[0][0]));
}

static void s_expect_state(world_t *w, const char *state, const char *waits_for)
{
    world_forget_mail(w);
    world_settle(w, 1200000);
    message_t *m, *last = NULL;
    while ((m = world_mail(w, KIND_status))) {
        if (strcmp(m->status.actor, "shard/region0/0") == 0) {
            message_destroy(&last);
            last = m;
        } else {
            message_destroy(&m);
        }
    }
    cr_assert_not_null(last);
    cr_assert_str_eq(last->status.state, state);
    cr_assert_str_eq(last->status.waits_for, waits_for);
    message_destroy(&last);
}

static float s_value(const world_t *w, size_t r)
{
    return shard_core_parameters(w->shard[r][0])[0];
}

Test(limits, asgd_waits_at_a_full_window_and_goes_on)
{
    world_t *w = s_world(STRATEGY_ASGD, 1, 1000, 4 * BYTES);
    s_push(w, 0, 6);
    cr_assert_eq(s_steps(w), 4);
    s_expect_state(w, "waiting", "region1");
    float params[ELEMENTS];
    uint64_t request = world_ask(w, 0, 0, 6, false);
    cr_assert_not(world_params(w, request, params), "pulls wait too");
    request = world_ask(w, 0, 4, 6, true);
    cr_assert(world_params(w, request, params), "but not those of the newest");
    /* The other region's deltas are still taken: its broker is back before ours is heard. */
    world_push(w, 1, 0, 0, s_g);
    w->cut[1] = false;
    world_settle(w, 3000000);
    cr_assert_eq(s_steps(w), 6);
    cr_assert_eq(s_value(w, 0), 7);
    cr_assert_eq(s_value(w, 1), 7);
    s_expect_state(w, "running", "");
    world_destroy(w);
}

Test(limits, deltas_kept_are_limited_in_number_too)
{
    topology_t *t = world_topology(2, STRATEGY_ASGD, 1, 1);
    t->job.sync.staleness = 1000000;
    t->job.sync.window_bytes = (uint64_t)1 << 40;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 160000);
    world_run(w);
    w->auto_commit = false;
    for (uint64_t b = 0; b < 11000 && (b == 0 || s_steps(w) == b); b++)
        world_push(w, 0, b % 3, b, s_g);
    cr_assert_eq(s_steps(w), 1024);
    world_commit(w, 0, 0, ERR_OK); /* the one that was taken after the first step */
    w->now += 1000000;
    cr_assert_not(world_store(w, 0, 0));
    world_commit(w, 0, 0, ERR_OK); /* all of them fit a snapshot */
    world_crash(w, 0, 0);
    cr_assert_eq(s_steps(w), 1024);
    world_destroy(w);
}

Test(limits, refusals_go_on_when_their_set_is_full)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD, 1, 1);
    t->job.batch = 1;
    world_t *w = world_new(t, 2);
    uint64_t batches = 2 * (RANGES_MAX + 2);
    world_start(w, batches);
    float g[2] = {1, 1};
    for (uint64_t b = 0; b < batches; b++) {
        message_t *m = world_push_chunk(w, 0, 0, 0, b, g, 0, 1);
        if (b % 2) { /* as a worker announces what is not finite */
            m->push.samples = 0;
            slice_fini(&m->data);
        }
        world_deliver(w, &m);
        outbox_fini(shard_role.outbox(w->shard[0][0]));
        outbox_init(shard_role.outbox(w->shard[0][0]));
    }
    cr_assert_eq(s_steps(w), batches);
    w->now += 1000000;
    shard_role.tick(w->shard[0][0], w->now);
    message_t *told = NULL;
    for (message_t *m; (m = outbox_take(shard_role.outbox(w->shard[0][0])));) {
        if (m->kind == KIND_progress) {
            message_destroy(&told);
            told = m;
        } else {
            message_destroy(&m);
        }
    }
    cr_assert(told && told->progress.refused == batches / 2 && told->progress.not_finite == batches / 2);
    message_destroy(&told);
    world_destroy(w);
}

/* A push with the wrong number or sender says nothing about the training. */
Test(limits, a_batch_that_cannot_be_is_refused_and_no_sign_of_divergence)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD, 1, 1);
    world_t *w = world_new(t, 2);
    world_start(w, 10);
    float g[2] = {1, 1};
    message_t *m = world_push_chunk(w, 0, 0, 0, 1000000, g, 0, 1), *told = NULL;
    world_deliver(w, &m);
    w->now += 1000000;
    shard_role.tick(w->shard[0][0], w->now);
    while (!told && (m = outbox_take(shard_role.outbox(w->shard[0][0]))))
        if (m->kind == KIND_progress && m->progress.refused)
            told = m;
        else
            message_destroy(&m);
    cr_assert(told && told->progress.refused == 1 && told->progress.not_finite == 0);
    message_destroy(&told);
    world_destroy(w);
}

Test(limits, a_waiting_shard_takes_deltas)
{
    world_t *w = s_world(STRATEGY_ASGD, 1, 2, 1 << 20);
    s_push(w, 0, 3);
    cr_assert_eq(s_steps(w), 2);
    w->no_sync = true; /* now by hand: a delta of region1 */
    w->cut[1] = false;
    world_push_shard(w, 1, 0, 0, 0, s_g);
    world_run(w);
    message_t *m;
    while ((m = outbox_take(&w->wan))) {
        if (m->kind == KIND_delta && strcmp(m->from, "shard/region1/0") == 0) {
            message_set_name(m->to, "shard/region0/0");
            message_set_name(m->from, "synchronizer/region1/0");
            shard_role.message(w->shard[0][0], &m, w->now);
        } else {
            message_destroy(&m);
        }
    }
    cr_assert_eq(s_steps(w), 2);
    cr_assert_eq(s_value(w, 0), 3);
    world_destroy(w);
}

Test(limits, asgd_ga_merges_at_a_full_window_and_waits_at_its_staleness)
{
    world_t *w = s_world(STRATEGY_ASGD_GA, 2, 6, 2 * BYTES);
    s_push(w, 0, 9);
    cr_assert_eq(s_steps(w), 9, "two cuts kept, two rounds merged, one step open");
    cr_assert_eq(w->shard[0][0]->base->counts.cuts_merged, 2);
    s_expect_state(w, "running", "");
    s_push(w, 9, 15);
    cr_assert_eq(s_steps(w), 12, "six rounds");
    s_expect_state(w, "waiting", "region1");
    w->cut[1] = false;
    world_settle(w, 4000000);
    cr_assert_eq(s_steps(w), 15);
    cr_assert_eq(s_value(w, 0), 15);
    cr_assert_eq(s_value(w, 1), 15, "what was merged leaves with all that is open once the window has room");
    world_destroy(w);
}

Test(limits, merged_cuts_say_their_range_and_nothing_is_lost_over_a_restart)
{
    world_t *w = s_world(STRATEGY_ASGD_GA, 2, 6, 2 * BYTES);
    w->topology->checkpoint.every = 1;
    w->no_sync = true;
    s_push(w, 0, 9);
    world_crash(w, 0, 0);
    cr_assert_eq(s_steps(w), 9);
    cr_assert_eq(w->shard[0][0]->base->counts.cuts_merged, 2, "that is not forgotten either");
    message_t *m = message_new(KIND_stream, "shard/region0/0", "synchronizer/region0/0");
    message_set_name(m->stream.region, "region1");
    m->stream.history = 1000;
    m->stream.applied = m->stream.durable = 1;
    outbox_fini(&w->wan);
    outbox_init(&w->wan);
    world_send_shard(w, m);
    bool seen = false;
    while ((m = outbox_take(&w->wan))) {
        if (m->kind == KIND_delta && m->delta.first == 3) {
            seen = true;
            cr_assert_eq(m->delta.last, 4);
            cr_assert_eq(m->delta.steps, 5, "with the step after the last round");
            cr_assert_eq(((const float *)slice_peek(&m->data))[0], -5);
        }
        message_destroy(&m);
    }
    cr_assert(seen);
    world_destroy(w);
}

Test(limits, ama_replaces_what_is_merged_by_the_newest_model)
{
    world_t *w = s_world(STRATEGY_AMA, 1, 6, BYTES);
    s_push(w, 0, 5);
    cr_assert_eq(s_steps(w), 5);
    w->cut[1] = false;
    world_settle(w, 4000000);
    /* the first cut (1) and then the newest (5), each mixed half and half; nothing in between */
    cr_assert_eq(s_value(w, 1), (1 * 0.5f) * 0.5f + 5 * 0.5f);
    cr_assert_eq(shard_core_samples_applied(w->shard[1][0]), 20);
    world_destroy(w);
}

Test(limits, a_round_waits_for_the_other_region_by_name)
{
    world_t *w = s_world(STRATEGY_SSGD, 1, 100, 1 << 20);
    s_push(w, 0, 2);
    cr_assert_eq(s_steps(w), 1);
    cr_assert_eq(s_value(w, 0), 0, "not applied before the round");
    s_expect_state(w, "waiting", "region1");
    w->cut[1] = false;
    world_push(w, 1, 0, 0, s_g);
    world_settle(w, 3000000);
    cr_assert_eq(s_value(w, 0), 1);
    cr_assert_eq(shard_core_round(w->shard[0][0]), 1);
    cr_assert_eq(s_steps(w), 2, "the held push of the next round follows");
    world_destroy(w);
}

Test(limits, a_batch_that_another_shard_lost_is_served_while_a_round_is_open)
{
    world_t *w = s_world(STRATEGY_SSGD, 1, 100, 1 << 20);
    float params[ELEMENTS];
    s_push(w, 0, 1);
    cr_assert_not(world_pull(w, 0, 1, 1, params), "the round of batch 0 is open");
    cr_assert(world_pull(w, 0, 2, 0, params), "who asks for batch 0 computes it for another shard");
    world_destroy(w);
}

Test(limits, a_round_is_the_same_batches_in_every_shard)
{
    world_t *w = s_world(STRATEGY_SSGD, 1, 100, 1 << 20);
    world_push_shard(w, 0, 0, 0, 0, s_g);
    world_push_shard(w, 0, 1, 1, 1, s_g);
    world_push_shard(w, 0, 1, 0, 1, s_g);
    world_push_shard(w, 0, 0, 1, 0, s_g);
    for (size_t k = 0; k < 2; k++) {
        cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][k])), 1, "the next round is held back");
        cr_assert(ranges_has(shard_core_applied(w->shard[0][k]), 0), "shard %zu", k);
    }
    world_destroy(w);
}

Test(limits, the_final_cut_is_made_past_them)
{
    world_t *w = s_world(STRATEGY_ASGD_GA, 1, 1000, BYTES);
    s_push(w, 0, w->job.regions[0].batches);
    cr_assert_eq(s_steps(w), w->job.regions[0].batches);
    world_settle(w, 1000000);
    world_close(w, 0);
    world_settle(w, 1000000);
    cr_assert(shard_core_closed(w->shard[0][0]));
    w->cut[1] = false;
    world_settle(w, 4000000);
    cr_assert_eq(shard_core_lasts(w->shard[1][0]), 1);
    cr_assert_eq(s_value(w, 1), (float)w->job.regions[0].batches);
    world_destroy(w);
}

Test(limits, a_refused_push_keeps_rounds_in_step)
{
    world_t *w = s_world(STRATEGY_SSGD, 1, 100, 1 << 20);
    w->cut[1] = false;
    for (size_t k = 0; k < 2; k++) {
        message_t *m = world_push_chunk(w, 0, 0, k, 0, s_g, 0, 2);
        slice_fini(&m->data);
        m->push.samples = 0;
        world_send_shard(w, m);
    }
    world_push(w, 1, 0, 0, s_g);
    world_settle(w, 200000);
    for (size_t r = 0; r < 2; r++) {
        cr_assert_eq(shard_core_round(w->shard[r][0]), 1);
        cr_assert_eq(s_value(w, r), 1);
        cr_assert_eq(shard_core_samples_applied(w->shard[r][0]), 4);
    }
    world_destroy(w);
}

Test(limits, close_before_all_is_durable_is_refused)
{
    world_t *w = s_world(STRATEGY_ASGD_GA, 1, 1000, BYTES);
    s_push(w, 0, 3);
    world_forget_mail(w);
    world_close(w, 0);
    message_t *m = world_mail(w, KIND_refused);
    cr_assert_not_null(m);
    cr_assert_eq(m->refused.code, ERR_STATE);
    message_destroy(&m);
    world_settle(w, 1000000);
    cr_assert_not(shard_core_closed(w->shard[0][0]));
    world_destroy(w);
}

Test(limits, an_older_scheduler_is_refused)
{
    world_t *w = s_world(STRATEGY_ASGD_GA, 1, 1000, BYTES);
    for (uint64_t term = 2; term >= 1; term--) {
        world_forget_mail(w);
        message_t *close = message_new(KIND_close, "shard/region0/0", "scheduler/region0");
        close->incarnation = term << 32;
        world_deliver(w, &close);
        world_run(w);
        message_t *refused = world_mail(w, KIND_refused);
        cr_assert_not_null(refused);
        cr_assert_eq(refused->refused.code, term == 2 ? ERR_STATE : ERR_STALE, "there are batches left");
        cr_assert_eq(refused->refused.incarnation, term << 32);
        message_destroy(&refused);
    }
    world_destroy(w);
}

/* -- every: auto -------------------------------------------------------------------------------------------
 */

/* How many deltas region 0 has cut, as its progress says. */
static uint64_t s_cuts(world_t *w)
{
    uint64_t cuts = 0;
    world_forget_mail(w);
    world_settle(w, 1200000);
    message_t *m;
    while ((m = world_mail(w, KIND_progress))) {
        if (strcmp(m->from, "shard/region0/0") == 0)
            cuts = m->progress.rounds;
        message_destroy(&m);
    }
    return cuts;
}

static void s_check_auto(strategy_name_t strategy)
{
    topology_t *t = world_topology(2, strategy, 0, 1);
    t->job.sync.every_least = 2;
    t->job.sync.every_most = 5;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 600);
    world_run(w);
    w->cut[1] = true;
    s_push(w, 0, 1);
    cr_assert_eq(s_cuts(w), 0, "fewer than every_least");
    s_push(w, 1, 6);
    cr_assert_eq(s_cuts(w), 1, "the link is not free, and fewer than every_most");
    s_push(w, 6, 7);
    cr_assert_eq(s_cuts(w), 2, "every_most");
    s_push(w, 7, 12);
    cr_assert_eq(s_cuts(w), 3, "every_most again");
    w->cut[1] = false;
    world_settle(w, 6000000);
    for (uint64_t b = 12; b < 20; b += 2) {
        s_push(w, b, b + 2);
        cr_assert_eq(s_cuts(w), 4 + (b - 12) / 2, "every_least is a cut again");
    }
    world_destroy(w);
}

Test(automatic, cuts_when_the_last_one_has_arrived_between_the_least_and_the_most)
{
    s_check_auto(STRATEGY_ASGD_GA);
    s_check_auto(STRATEGY_AMA);
    s_check_auto(STRATEGY_DILOCO_ASYNC);
    s_check_auto(STRATEGY_ASP);
}
