#include "tests/unit/actors/shard/world.h"

#include "actors/shard/shard_inside.h"

#include <math.h>

#define ELEMENTS 24
#define CHUNKS 3 /* of the 12 elements of shard 0: cut as pulls are */

static const float s_g[ELEMENTS] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                    13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

/* One batch is in, and its parameters are on their way to a worker: what comes next writes another buffer. */
static world_t *s_world(bool momentum, message_t **ret_held)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 4, 2);
    t->job.optimizer.lr = 1;
    t->job.optimizer.name = momentum ? OPTIMIZER_MOMENTUM : OPTIMIZER_SGD;
    t->job.optimizer.momentum = momentum ? 0.5 : 0;
    t->regions[0].workers = momentum ? 1 : 2; /* with one lane */
    world_t *w = world_new(t, ELEMENTS);
    w->checksums = true;
    world_start(w, 80);
    world_run(w);
    world_push_shard(w, 0, 0, 0, 0, s_g);
    world_forget_mail(w);
    world_ask(w, 0, 0, 1, false);
    *ret_held = world_mail(w, KIND_params);
    cr_assert_not_null(*ret_held);
    return w;
}

static bool s_ahead(const world_t *w)
{
    return w->shard[0][0]->intake->ahead.serial != 0;
}

static void s_send(world_t *w, uint64_t batch, uint64_t chunk)
{
    world_send_shard(w, world_push_chunk(w, 0, 0, 0, batch, s_g, chunk, CHUNKS));
}

static void s_expect(const world_t *w, float times)
{
    const float *p = shard_core_parameters(w->shard[0][0]);
    for (size_t i = 0; i < world_size(w, 0); i++)
        cr_assert_eq(p[i], 0 - times * s_g[i]);
}

/* A pull's checksums are those of the new parameters. */
static void s_expect_checksums(world_t *w)
{
    world_forget_mail(w);
    world_ask(w, 0, 0, 9, false);
    size_t count = 0;
    message_t *m;
    for (; (m = world_mail(w, KIND_params)); message_destroy(&m), count++)
        cr_assert_eq(m->params.checksum, hash_checksum(slice_peek(&m->data), m->data.size_bytes));
    cr_assert_eq(count, 2 * CHUNKS);
}

static void s_end(world_t *w, message_t *held)
{
    message_destroy(&held);
    world_destroy(w);
}

Test(ahead, a_push_is_applied_while_it_arrives_and_seen_when_it_is_whole)
{
    message_t *held;
    world_t *w = s_world(false, &held);
    uint64_t order[CHUNKS] = {1, 2, 0};
    for (size_t i = 0; i < CHUNKS; i++) {
        s_expect(w, 1);
        s_send(w, 1, order[i]);
        cr_assert_eq(s_ahead(w), i + 1 < CHUNKS);
    }
    s_expect(w, 2);
    s_expect_checksums(w);
    s_end(w, held);
}

Test(ahead, momentum_goes_with_it)
{
    message_t *held;
    world_t *w = s_world(true, &held);
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++)
        s_send(w, 1, chunk);
    s_expect(w, 2.5f); /* 1, then 0.5 + 1 */
    world_push_shard(w, 0, 0, 0, 2, s_g);
    s_expect(w, 4.25f);
    s_end(w, held);
}

Test(ahead, one_that_is_overtaken_is_computed_anew)
{
    message_t *held;
    world_t *w = s_world(false, &held);
    s_send(w, 1, 0);
    s_send(w, 1, 1);
    cr_assert(s_ahead(w));
    world_push_shard(w, 0, 1, 0, 2, s_g); /* by another worker */
    s_expect(w, 2);
    s_send(w, 1, 2);
    s_expect(w, 3);
    s_expect_checksums(w);
    s_end(w, held);
}

Test(ahead, one_whose_push_is_dropped_changes_nothing)
{
    message_t *held;
    world_t *w = s_world(false, &held);
    s_send(w, 1, 0);
    cr_assert(s_ahead(w));
    message_t *damaged = world_push_chunk(w, 0, 0, 0, 1, s_g, 1, CHUNKS);
    damaged->push.checksum++;
    world_send_shard(w, damaged);
    s_send(w, 1, 1);
    s_send(w, 1, 2);
    s_expect(w, 1);
    s_send(w, 1, 0);
    s_expect(w, 2);
    s_send(w, 1, 0);
    s_expect(w, 2);
    s_end(w, held);
}

Test(ahead, numbers_that_are_none_never_become_visible)
{
    message_t *held;
    world_t *w = s_world(false, &held);
    float bad[ELEMENTS];
    memcpy(bad, s_g, sizeof bad);
    bad[11] = NAN;
    s_send(w, 1, 0);
    s_send(w, 1, 1);
    world_send_shard(w, world_push_chunk(w, 0, 0, 0, 1, bad, 2, CHUNKS));
    s_expect(w, 1);
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++)
        s_send(w, 2, chunk);
    s_expect(w, 2);
    s_end(w, held);
}
