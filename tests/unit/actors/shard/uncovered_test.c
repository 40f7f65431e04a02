/* A full disk that is not waited for: what leaves, what is told, what a death then costs, and what never
 * leaves. */
#include "actors/shard/shard_inside.h"
#include "tests/unit/actors/shard/world.h"

#define ELEMENTS 16

static const float s_g[ELEMENTS] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static world_t *s_world(when_full_t when_full)
{
    topology_t *t = world_topology(2, STRATEGY_ASGD_GA, 2, 1);
    t->checkpoint.when_full = when_full;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 160);
    world_run(w);
    w->auto_commit = false;
    return w;
}

/* Everything but the shard's own disk works; that refuses what is out, if anything is. */
static void s_refuse(world_t *w)
{
    world_run(w);
    for (size_t k = 0; k < w->shards; k++) {
        if (w->out[1][k])
            world_commit(w, 1, k, ERR_OK);
        if (!w->out[0][k])
            continue;
        world_commit(w, 0, k, ERR_FULL);
        if (shard_core_may_go_on(w->shard[0][k]))
            shard_core_go_on(w->shard[0][k], w->now);
    }
    world_run(w);
}

static void s_train(world_t *w, uint64_t first, uint64_t count)
{
    for (uint64_t batch = first; batch < first + count; batch++) {
        world_push(w, 0, 0, batch, s_g);
        s_refuse(w);
    }
    for (int i = 0; i < 20; i++) {
        world_tick(w, 500000);
        s_refuse(w);
    }
}

static double s_at(const world_t *w, size_t r)
{
    float params[ELEMENTS];
    world_replica(w, r, params);
    return params[0];
}

Test(uncovered, by_default_nothing_leaves_before_it_is_on_the_disk)
{
    world_t *w = s_world(WHEN_FULL_WAIT);
    double before = s_at(w, 1);
    s_train(w, 0, 6);
    cr_assert_neq(s_at(w, 0), before, "it trains as far as it may");
    cr_assert_eq(s_at(w, 1), before);
    for (size_t k = 0; k < w->shards; k++)
        cr_assert_not(shard_core_uncovered(w->shard[0][k]));
    world_destroy(w);
}

Test(uncovered, told_to_go_on_it_exchanges_as_ever)
{
    world_t *w = s_world(WHEN_FULL_GO_ON);
    s_train(w, 0, 6);
    cr_assert_float_eq(s_at(w, 1), s_at(w, 0), 1e-6);
    for (size_t k = 0; k < w->shards; k++)
        cr_assert(shard_core_uncovered(w->shard[0][k]));
    world_forget_mail(w);
    world_tick(w, 2000000);
    message_t *m = NULL;
    while ((m = world_mail(w, KIND_progress)) && strcmp(m->from, "shard/region0/0") != 0)
        message_destroy(&m);
    cr_assert_not_null(m);
    cr_assert_gt(m->progress.uncovered, 0);
    cr_assert_eq(m->progress.durable.count, 0, "nothing of it is durable");
    message_destroy(&m);
    while ((m = world_mail(w, KIND_status)) && strcmp(m->from, "shard/region0/0") != 0)
        message_destroy(&m);
    cr_assert_not_null(m);
    cr_assert_str_eq(m->status.state, "undurable");
    cr_assert_str_eq(m->status.waits_for, "disk");
    message_destroy(&m);
    world_destroy(w);
}

/* With room again a snapshot holds all of it, nothing is sent twice, and the end is the ordinary one. */
Test(uncovered, with_room_it_is_durable_again)
{
    world_t *w = s_world(WHEN_FULL_GO_ON);
    s_train(w, 0, 6);
    w->auto_commit = true;
    for (size_t r = 0; r < 2; r++)
        for (size_t k = 0; k < w->shards; k++)
            if (w->out[r][k])
                world_commit(w, r, k, ERR_OK);
    world_settle(w, 12000000);
    for (size_t k = 0; k < w->shards; k++)
        cr_assert_not(shard_core_uncovered(w->shard[0][k]));
    for (uint64_t batch = 6; batch < w->job.regions[0].batches; batch++)
        world_push(w, 0, 0, batch, s_g);
    for (uint64_t batch = 0; batch < w->job.regions[1].batches; batch++)
        world_push(w, 1, 0, batch, s_g);
    world_finish(w);
    cr_assert_float_eq(s_at(w, 1), s_at(w, 0), 1e-4);
    world_destroy(w);
}

/* The others have had more from it than its disk has: it takes their state, and computes the rest again. */
Test(uncovered, a_death_meanwhile_is_a_loss_that_is_made_good)
{
    world_t *w = s_world(WHEN_FULL_GO_ON);
    s_train(w, 0, 6);
    w->auto_commit = true;
    for (size_t k = 0; k < w->shards; k++) {
        snapshot_destroy(&w->out[0][k]);
        shard_role.destroy((void **)&w->shard[0][k]);
        w->incarnation++;
        shard_spec_t spec = world_spec(w, 0, k);
        spec.uncertain = true; /* its store says so */
        err_t err = {0};
        cr_assert_eq(shard_core_restore(&spec, w->last[0][k], &w->shard[0][k], &err), ERR_OK, "%s", err.text);
    }
    world_settle(w, 5000000);
    for (size_t k = 0; k < w->shards; k++) {
        cr_assert_eq(shard_core_transfers(w->shard[0][k]), 1);
        cr_assert(ranges_has_all(shard_core_applied(w->shard[0][k]), 0, 6), "the others had all of it");
    }
    cr_assert_float_eq(s_at(w, 1), s_at(w, 0), 1e-6);
    world_destroy(w);
}

Test(uncovered, a_shard_that_has_stored_nothing_yet_waits)
{
    topology_t *t = world_topology(2, STRATEGY_ASGD_GA, 2, 1);
    t->checkpoint.when_full = WHEN_FULL_GO_ON;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 160);
    w->auto_commit = false;
    world_run(w);
    world_commit(w, 0, 0, ERR_FULL);
    cr_assert_not(shard_core_may_go_on(w->shard[0][0]));
    world_destroy(w);
}

/* Its disk takes no snapshot of one, and training is not to wait for that. */
Test(uncovered, it_refuses_common_points)
{
    world_t *w = s_world(WHEN_FULL_GO_ON);
    s_train(w, 0, 6);
    world_forget_mail(w);
    message_t *m = message_new(KIND_mark, "shard/region0/0", "scheduler/global");
    m->mark.point = 1;
    message_set_name(m->mark.tag, "mark/one-1");
    world_send_shard(w, m);
    world_run(w);
    m = world_mail(w, KIND_marked);
    cr_assert_not_null(m);
    cr_assert_eq(m->marked.code, ERR_STATE);
    message_destroy(&m);
    world_destroy(w);
}

Test(uncovered, for_a_disk_that_is_full_and_no_other_error)
{
    static const err_code_t codes[] = {ERR_IO, ERR_MEMORY, ERR_FULL};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        world_t *w = s_world(WHEN_FULL_GO_ON);
        for (uint64_t batch = 0; batch < 2; batch++)
            world_push(w, 0, 0, batch, s_g);
        world_commit(w, 0, 0, codes[i]);
        cr_assert_eq(shard_core_may_go_on(w->shard[0][0]), codes[i] == ERR_FULL);
        world_destroy(w);
    }
}

/* A snapshot that was taken before the newest things left does not cover those. */
Test(uncovered, until_a_snapshot_has_all_that_has_left)
{
    world_t *w = s_world(WHEN_FULL_GO_ON);
    s_train(w, 0, 4);
    shard_core_t *shard = w->shard[0][0];
    for (int i = 0; i < 20 && !w->out[0][0]; i++)
        world_tick(w, 500000);
    cr_assert_not_null(w->out[0][0]);
    for (uint64_t batch = 4; batch < 6; batch++)
        world_push(w, 0, 0, batch, s_g);
    world_commit(w, 0, 0, ERR_OK);
    cr_assert(shard_core_uncovered(shard), "a death now would still be a loss");
    world_run(w);
    world_commit(w, 0, 0, ERR_OK);
    cr_assert_not(shard_core_uncovered(shard));
    world_destroy(w);
}

/* Not only once somebody asks for it. */
Test(uncovered, what_is_cut_leaves_at_once)
{
    world_t *w = s_world(WHEN_FULL_GO_ON);
    s_train(w, 0, 2);
    w->no_sync = true;
    for (uint64_t batch = 2; batch < 4; batch++)
        world_push(w, 0, 0, batch, s_g);
    size_t left = 0;
    message_t *m;
    while ((m = outbox_take(&w->wan))) {
        left += m->kind == KIND_delta && strcmp(m->from, "shard/region0/0") == 0;
        message_destroy(&m);
    }
    cr_assert_gt(left, 0);
    world_destroy(w);
}

Test(uncovered, a_common_point_that_was_begun_is_given_up)
{
    world_t *w = s_world(WHEN_FULL_GO_ON);
    message_t *m = message_new(KIND_mark, "shard/region0/0", "scheduler/global");
    m->mark.point = 1;
    message_set_name(m->mark.tag, "mark/one-1");
    world_send_shard(w, m);
    cr_assert(gate_holds(&w->shard[0][0]->base->gate));
    for (uint64_t batch = 0; batch < 2; batch++)
        world_push(w, 0, 0, batch, s_g);
    s_refuse(w);
    cr_assert(shard_core_uncovered(w->shard[0][0]));
    cr_assert_not(gate_holds(&w->shard[0][0]->base->gate), "nothing is to be held for what it cannot store");
    world_destroy(w);
}
