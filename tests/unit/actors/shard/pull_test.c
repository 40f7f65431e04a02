#include "tests/unit/actors/shard/world.h"

#define ELEMENTS 16

static const float s_g[ELEMENTS] = {1, 1, 1, 1};

static world_t *s_world(inside_t inside, uint64_t slack, uint64_t workers)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 4, workers);
    t->job.sync.inside = inside;
    t->job.sync.inside_slack = slack;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 200);
    return w;
}

static bool s_answered(world_t *w, uint64_t request)
{
    float params[ELEMENTS];
    return world_params(w, request, params);
}

static bool s_may(world_t *w, size_t worker, uint64_t batch)
{
    return s_answered(w, world_ask(w, 0, worker, batch, false));
}

Test(pull, async_answers_at_once)
{
    world_t *w = s_world(INSIDE_ASYNC, 0, 2);
    cr_assert(s_may(w, 0, 0));
    cr_assert(s_may(w, 1, 40));
    world_destroy(w);
}

Test(pull, sync_waits_for_the_whole_step_before)
{
    world_t *w = s_world(INSIDE_SYNC, 0, 2);
    cr_assert(s_may(w, 0, 1));
    uint64_t request = world_ask(w, 0, 0, 2, false);
    cr_assert_not(s_answered(w, request));
    world_push(w, 0, 0, 0, s_g);
    cr_assert_not(s_answered(w, request));
    world_push(w, 0, 1, 1, s_g);
    cr_assert(s_answered(w, request));
    cr_assert_not(s_may(w, 0, 4));
    world_destroy(w);
}

Test(pull, ssp_lets_workers_be_so_many_steps_apart)
{
    world_t *w = s_world(INSIDE_SSP, 2, 2);
    cr_assert(s_may(w, 0, 5)); /* step 2 needs nothing below (2 - 2) */
    cr_assert_not(s_may(w, 0, 6));
    world_push(w, 0, 0, 0, s_g);
    cr_assert_not(s_may(w, 0, 6));
    world_push(w, 0, 0, 1, s_g);
    cr_assert(s_may(w, 0, 6));
    cr_assert_not(s_may(w, 0, 8));
    world_destroy(w);
}

Test(pull, of_the_newest_never_waits)
{
    world_t *w = s_world(INSIDE_SYNC, 0, 2);
    cr_assert(s_answered(w, world_ask(w, 0, 0, 40, true)));
    world_destroy(w);
}

Test(pull, that_is_repeated_is_answered_again_and_the_newest_of_a_worker_counts)
{
    world_t *w = s_world(INSIDE_SYNC, 0, 1);
    cr_assert(s_may(w, 0, 0));
    w->requests--;
    cr_assert(s_may(w, 0, 0));
    uint64_t first = world_ask(w, 0, 0, 1, false), second = world_ask(w, 0, 0, 1, false);
    world_push(w, 0, 0, 0, s_g);
    size_t answers = 0;
    message_t *m;
    while ((m = world_mail(w, KIND_params))) {
        cr_assert_neq(m->number, first);
        cr_assert_eq(m->number, second);
        answers++;
        message_destroy(&m);
    }
    cr_assert_eq(answers, 4);
    world_destroy(w);
}

Test(pull, can_come_with_a_push)
{
    world_t *w = s_world(INSIDE_SYNC, 0, 1);
    for (size_t k = 0; k < 2; k++) {
        for (uint64_t chunk = 0; chunk < 2; chunk++) {
            message_t *m = world_push_chunk(w, 0, 0, k, 0, s_g, chunk, 2);
            m->push.pull = 77;
            m->push.pull_batch = 1;
            world_send_shard(w, m);
        }
    }
    size_t have = 0;
    message_t *m;
    while ((m = world_mail(w, KIND_params))) {
        cr_assert_eq(m->number, 77);
        cr_assert_eq(m->params.version, 1);
        have += m->data.size_bytes / 4;
        message_destroy(&m);
    }
    cr_assert_eq(have, ELEMENTS, "one answer, after the push");
    world_destroy(w);
}

Test(pull, from_a_stranger_or_for_no_batch_is_refused)
{
    world_t *w = s_world(INSIDE_ASYNC, 0, 1);
    world_ask(w, 0, 0, UINT64_MAX, false);
    message_t *m = world_mail(w, KIND_refused);
    cr_assert_not_null(m);
    message_destroy(&m);
    world_forget_mail(w);
    m = message_new(KIND_pull, "shard/region0/0", "worker/other/0");
    world_send_shard(w, m);
    m = world_mail(w, KIND_refused);
    cr_assert_eq(m->refused.code, ERR_DENIED);
    message_destroy(&m);
    world_destroy(w);
}

Test(pull, params_carry_checksums_between_processes)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 4, 1);
    world_t *w = world_new(t, ELEMENTS);
    w->checksums = true;
    world_start(w, 200);
    world_push(w, 0, 0, 0, s_g);
    for (int i = 0; i < 2; i++) {
        world_ask(w, 0, 0, 1, false);
        message_t *m;
        while ((m = world_mail(w, KIND_params))) {
            cr_assert_eq(m->params.checksum, hash_checksum(slice_peek(&m->data), m->data.size_bytes));
            message_destroy(&m);
        }
        world_push(w, 0, 0, 1, s_g);
    }
    world_destroy(w);
}
