#include "tests/unit/actors/shard/world.h"

#include <math.h>

#define ELEMENTS 24

static const float s_g[ELEMENTS] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                    13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

static world_t *s_world(void)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 4, 2);
    t->job.optimizer.lr = 1;
    world_t *w = world_new(t, ELEMENTS);
    w->checksums = true;
    world_start(w, 80);
    world_run(w);
    return w;
}

static message_t *s_chunk(world_t *w, uint64_t batch, uint64_t chunk)
{
    return world_push_chunk(w, 0, 0, 0, batch, s_g, chunk, 3);
}

static void s_expect_ack(world_t *w, uint64_t batch, bool applied, err_code_t code)
{
    message_t *ack = world_mail(w, KIND_push_ack);
    cr_assert_not_null(ack);
    cr_assert_eq(ack->push_ack.batch, batch);
    cr_assert_eq(ack->number, batch);
    cr_assert_eq(ack->push_ack.applied, applied);
    cr_assert_eq(ack->push_ack.code, code);
    message_destroy(&ack);
}

static void s_expect_refused(world_t *w, err_code_t code)
{
    message_t *refused = world_mail(w, KIND_refused);
    cr_assert_not_null(refused);
    cr_assert_eq(refused->refused.code, code);
    message_destroy(&refused);
    cr_assert(ranges_size(shard_core_applied(w->shard[0][0])) == 0);
}

/* Shard 0 as it is with `times` whole gradients applied, bit for bit. */
static void s_expect(const world_t *w, float times)
{
    const float *p = shard_core_parameters(w->shard[0][0]);
    for (size_t i = 0; i < world_size(w, 0); i++)
        cr_assert_eq(p[i], 0 - times * s_g[i]);
}

Test(push, is_applied_when_all_chunks_are_here_in_any_order)
{
    world_t *w = s_world();
    uint64_t order[] = {2, 2, 0, 0, 2, 1};
    for (size_t i = 0; i < 6; i++) {
        s_expect(w, 0);
        world_send_shard(w, s_chunk(w, 3, order[i]));
    }
    s_expect(w, 1);
    s_expect_ack(w, 3, true, ERR_OK);
    cr_assert_null(world_mail(w, KIND_push_ack));
    cr_assert_eq(shard_core_samples_applied(w->shard[0][0]), 4);
    world_destroy(w);
}

Test(push, is_applied_once_whoever_sends_it)
{
    world_t *w = s_world();
    for (size_t worker = 0; worker < 2; worker++) {
        world_push(w, 0, worker, 3, s_g);
        s_expect_ack(w, 3, true, ERR_OK);
        s_expect(w, 1);
    }
    world_settle(w, 2000000);
    message_t *m, *progress = NULL;
    while ((m = world_mail(w, KIND_progress))) {
        message_destroy(&progress);
        progress = m;
    }
    cr_assert_eq(progress->progress.duplicates, 1);
    cr_assert_eq(progress->progress.steps, 1);
    message_destroy(&progress);
    world_destroy(w);
}

Test(push, that_is_not_whole_changes_nothing_and_gives_way)
{
    world_t *w = s_world();
    world_send_shard(w, s_chunk(w, 3, 0));
    world_send_shard(w, s_chunk(w, 3, 1));
    for (uint64_t batch = 4; batch < 9; batch++) /* newer pushes of the same worker, none whole */
        world_send_shard(w, s_chunk(w, batch, 0));
    world_send_shard(w, s_chunk(w, 3, 2));
    s_expect(w, 0);
    world_push_shard(w, 0, 0, 0, 3, s_g);
    world_run(w);
    s_expect(w, 1);
    world_destroy(w);
}

Test(push, with_a_wrong_checksum_is_asked_for_again)
{
    world_t *w = s_world();
    world_send_shard(w, s_chunk(w, 3, 0));
    message_t *m = s_chunk(w, 3, 1);
    m->push.checksum ^= 1;
    world_send_shard(w, m);
    s_expect_ack(w, 3, false, ERR_CHECKSUM);
    m = s_chunk(w, 3, 1);
    m->push.checksum = 0; /* none, where one is due */
    world_send_shard(w, m);
    s_expect_ack(w, 3, false, ERR_CHECKSUM);
    world_push_shard(w, 0, 0, 0, 3, s_g);
    world_run(w);
    s_expect(w, 1);
    world_destroy(w);
}

static void s_send_bad(world_t *w, uint64_t batch, float bad)
{
    float g[ELEMENTS];
    memcpy(g, s_g, sizeof g);
    g[7] = bad;
    for (uint64_t chunk = 0; chunk < 3; chunk++)
        world_send_shard(w, world_push_chunk(w, 0, 0, 0, batch, g, chunk, 3));
}

Test(push, with_nan_is_recorded_and_changes_no_bit)
{
    world_t *w = s_world();
    world_push_shard(w, 0, 0, 0, 0, s_g);
    world_run(w);
    world_forget_mail(w);
    float bad[] = {NAN, INFINITY, -INFINITY};
    for (uint64_t i = 0; i < 3; i++) {
        s_send_bad(w, 3 + i, bad[i]);
        s_expect_ack(w, 3 + i, true, ERR_NUMBER);
        world_forget_mail(w); /* the chunk behind the bad one was answered too */
        cr_assert(ranges_has(shard_core_applied(w->shard[0][0]), 3 + i));
        s_expect(w, 1);
    }
    world_push_shard(w, 0, 1, 0, 3, s_g); /* its name is used */
    world_run(w);
    s_expect(w, 1);
    cr_assert_eq(shard_core_samples_applied(w->shard[0][0]), 4);
    world_destroy(w);
}

Test(push, announced_as_not_finite_is_recorded)
{
    world_t *w = s_world();
    message_t *m = s_chunk(w, 3, 0);
    slice_fini(&m->data);
    m->push.samples = 0;
    world_send_shard(w, m);
    s_expect_ack(w, 3, true, ERR_NUMBER);
    s_expect(w, 0);
    world_destroy(w);
}

Test(push, of_a_wrong_shape_is_recorded_unless_there_is_no_such_batch)
{
    world_t *w = s_world();
    for (int what = 0; what < 7; what++) {
        message_t *m = s_chunk(w, 3 + (uint64_t)what, 1);
        m->push.total += what == 0;
        m->push.offset += what == 1 ? UINT64_MAX / 2 : 0;
        m->push.offset = what == 2 ? m->push.total : m->push.offset;
        m->push.samples += what == 3;
        m->push.chunk = what == 4 ? 3 : m->push.chunk;
        m->push.chunk_count = what == 5 ? UINT64_MAX : m->push.chunk_count;
        if (what == 6) {
            m->data.size_bytes -= 3;
            m->push.checksum = hash_checksum(slice_peek(&m->data), m->data.size_bytes);
        }
        world_send_shard(w, m);
        s_expect_ack(w, 3 + (uint64_t)what, true, ERR_SHAPE);
    }
    s_expect(w, 0);
    world_destroy(w);
    w = s_world();
    message_t *m = s_chunk(w, 3, 1);
    m->push.batch = w->job.regions[0].batches;
    m->push.total++;
    world_send_shard(w, m);
    s_expect_refused(w, ERR_LIMIT);
    world_destroy(w);
}

Test(push, whose_chunks_overlap_is_refused)
{
    world_t *w = s_world();
    message_t *m = s_chunk(w, 3, 1);
    m->push.offset = 0;
    world_send_shard(w, s_chunk(w, 3, 0));
    world_send_shard(w, m);
    world_send_shard(w, s_chunk(w, 3, 2));
    s_expect_ack(w, 3, true, ERR_SHAPE);
    s_expect(w, 0);
    world_destroy(w);
}

Test(push, from_an_older_incarnation_or_a_stranger_is_refused)
{
    world_t *w = s_world();
    message_t *m = s_chunk(w, 3, 0);
    m->incarnation = 5;
    world_send_shard(w, m);
    for (uint64_t chunk = 0; chunk < 3; chunk++) {
        world_send_shard(w, s_chunk(w, 4, chunk)); /* incarnation 1 */
        s_expect_refused(w, ERR_STALE);
    }
    m = s_chunk(w, 3, 0);
    message_set_name(m->from, "worker/elsewhere/0");
    world_send_shard(w, m);
    s_expect_refused(w, ERR_DENIED);
    s_expect(w, 0);
    world_destroy(w);
}

Test(push, at_any_alignment_is_applied)
{
    world_t *w = s_world();
    for (uint64_t chunk = 0; chunk < 3; chunk++) {
        message_t *m = s_chunk(w, 3, chunk);
        size_t size = m->data.size_bytes;
        buf_t *shifted = buf_new(size + 1);
        memcpy((char *)buf_data(shifted) + 1, slice_peek(&m->data), size);
        slice_fini(&m->data);
        m->data = slice_of(shifted, 1, size);
        buf_destroy(&shifted);
        world_send_shard(w, m);
    }
    s_expect(w, 1);
    world_destroy(w);
}

Test(push, that_is_needed_sooner_takes_the_place_of_one_further_ahead)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 4, 1);
    t->job.sync.inside = INSIDE_SYNC;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 80);
    world_run(w);
    for (uint64_t batch = 5; batch < 8; batch++)
        world_push_shard(w, 0, 0, 0, batch, s_g);
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 0);
    for (uint64_t batch = 0; batch < 4; batch++)
        world_push_shard(w, 0, 0, 0, batch, s_g);
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 4, "whoever holds batch 5");
    world_push_shard(w, 0, 0, 0, 4, s_g);
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 6, "5 had stayed, 6 and 7 had not");
    world_destroy(w);
}

Test(push, does_not_change_what_a_pull_or_a_snapshot_holds)
{
    world_t *w = s_world();
    world_push_shard(w, 0, 0, 0, 0, s_g);
    world_run(w);
    world_forget_mail(w);
    uint64_t request = world_ask(w, 0, 0, 1, false);
    const float *before = shard_core_parameters(w->shard[0][0]);
    float copy[ELEMENTS];
    memcpy(copy, before, world_size(w, 0) * sizeof *copy);
    message_t *held = world_mail(w, KIND_params);
    cr_assert_eq(held->number, request);
    cr_assert_eq(slice_peek(&held->data), (const void *)before, "params must share the version, not copy it");
    world_push_shard(w, 0, 0, 0, 1, s_g);
    world_run(w);
    cr_assert_arr_eq(slice_peek(&held->data), copy, held->data.size_bytes);
    s_expect(w, 2);
    message_destroy(&held);
    world_forget_mail(w);
    /* Nobody holds it now (a single region wants no snapshots in between): in place. */
    before = shard_core_parameters(w->shard[0][0]);
    world_push_shard(w, 0, 0, 0, 2, s_g);
    cr_assert_eq(shard_core_parameters(w->shard[0][0]), before);
    world_destroy(w);
}

Test(push, after_stop_is_dropped_and_the_last_snapshot_ends_the_shard)
{
    world_t *w = s_world();
    world_push_shard(w, 0, 0, 0, 0, s_g);
    world_send_shard(w, s_chunk(w, 1, 0));
    w->auto_commit = false;
    message_t *stop = message_new(KIND_stop, "shard/region0/0", "node/region0/x");
    world_send_shard(w, stop);
    cr_assert_not(shard_role.finished(w->shard[0][0]));
    world_push_shard(w, 0, 0, 0, 1, s_g);
    world_run(w);
    s_expect(w, 1);
    world_commit(w, 0, 0, ERR_OK);
    cr_assert(shard_role.finished(w->shard[0][0]));
    cr_assert_eq(shard_role.due(w->shard[0][0]), ROLE_NEVER);
    world_crash(w, 0, 0);
    s_expect(w, 1);
    world_destroy(w);
}
