/* Taking another region's state: after it the parameters are again the sum of exactly the batches that the
 * sets name, whatever was lost; and nonsense is refused and changes nothing. */
#include "actors/shard/shard_inside.h"
#include "tests/unit/actors/shard/world.h"

#include <math.h>

#define ELEMENTS 24

static float s_g[ELEMENTS];

static world_t *s_world_overlapping(size_t regions, strategy_name_t strategy, uint64_t every,
                                    uint64_t overlap)
{
    for (size_t i = 0; i < ELEMENTS; i++)
        s_g[i] = (float)(i + 1);
    topology_t *t = world_topology(regions, strategy, every, 1);
    t->job.optimizer.lr = 1;
    t->job.sync.overlap = overlap;
    t->job.sync.away_after_us = 1000000;
    t->checkpoint.every = 1;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 80 * regions);
    world_run(w);
    return w;
}

static world_t *s_world(size_t regions, strategy_name_t strategy, uint64_t every)
{
    return s_world_overlapping(regions, strategy, every, 0);
}

static uint64_t s_batches(const world_t *w, size_t r)
{
    return w->job.regions[r].batches;
}

/* Every batch that the shards of region r lack, as workers compute them again. */
static void s_push_all(world_t *w, size_t r, uint64_t end)
{
    for (uint64_t b = 0; b < end; b++)
        world_push(w, r, 0, b, s_g);
    world_settle(w, 200000);
}

static void s_lose(world_t *w, size_t r, size_t k, const snapshot_t *from)
{
    snapshot_destroy(&w->out[r][k]);
    shard_role.destroy((void **)&w->shard[r][k]);
    w->incarnation += 100;
    shard_spec_t spec = world_spec(w, r, k);
    spec.history += w->incarnation;
    spec.uncertain = true;
    if (from) {
        cr_assert_eq(shard_core_restore(&spec, from, &w->shard[r][k], NULL), ERR_OK);
        return;
    }
    snapshot_destroy(&w->last[r][k]);
    buf_t *zero = buf_new_zero(world_size(w, k) * sizeof(float));
    w->shard[r][k] = shard_core_new(&spec, &zero);
}

static void s_expect_whole(world_t *w)
{
    uint64_t batches = 0;
    for (size_t r = 0; r < w->topology->region_count; r++) {
        s_push_all(w, r, s_batches(w, r));
        batches += s_batches(w, r);
    }
    world_finish(w);
    for (size_t r = 0; r < w->topology->region_count; r++) {
        float have[ELEMENTS];
        world_replica(w, r, have);
        for (size_t i = 0; i < ELEMENTS; i++)
            cr_assert_eq(have[i], 0 - (float)batches * s_g[i], "region %d element %d: %g of %d", (int)r,
                         (int)i, (double)(have[i] / -s_g[i]), (int)batches);
    }
}

static void s_some_of_each(world_t *w)
{
    for (size_t r = 0; r < w->topology->region_count; r++)
        s_push_all(w, r, 5 + r);
    world_settle(w, 1000000);
}

Test(adopt, an_empty_disk_is_filled_by_another_region)
{
    for (size_t regions = 2; regions <= 3; regions++) {
        for (uint64_t every = 1; every <= 3; every += 2) {
            world_t *w = s_world(regions, STRATEGY_ASGD_GA, every);
            s_some_of_each(w);
            s_lose(w, 0, 1, NULL);
            world_settle(w, 5000000);
            cr_assert_eq(shard_core_transfers(w->shard[0][1]), 1);
            uint64_t crossed = 5 / every * every; /* the open rest was nowhere else */
            cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][1])), crossed);
            s_expect_whole(w);
            world_destroy(w);
        }
    }
}

Test(adopt, what_left_after_an_older_snapshot_is_not_computed_again)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_push_all(w, 0, 2);
    world_settle(w, 1000000);
    const snapshot_t *last = w->last[0][0];
    snapshot_t *older = snapshot_new(&last->id);
    for (size_t i = 0; i < last->count; i++) {
        buf_t *buf = buf_ref(last->values[i].buf);
        cr_assert_eq(snapshot_add(older, last->values[i].name, &buf, NULL), ERR_OK);
    }
    s_some_of_each(w);
    s_lose(w, 0, 0, older);
    world_settle(w, 5000000);
    cr_assert_eq(shard_core_transfers(w->shard[0][0]), 1);
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 5, "all five had crossed");
    cr_assert_eq(shard_core_rolled_back(w->shard[0][0]), 0);
    s_expect_whole(w);
    snapshot_destroy(&older);
    world_destroy(w);
}

/* The last snapshot of all, and nobody has more: it goes on from there under a new lineage, and takes
 * nobody's state. */
Test(adopt, who_finds_that_nothing_is_lost_goes_on)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_some_of_each(w);
    uint64_t history = w->last[0][0]->id.history;
    s_lose(w, 0, 0, w->last[0][0]);
    world_settle(w, 5000000);
    cr_assert_eq(shard_core_transfers(w->shard[0][0]), 0);
    cr_assert_neq(w->last[0][0]->id.history, history);
    s_expect_whole(w);
    world_destroy(w);
}

/* A new one knows of no stream until its shard has something to send. */
static void s_restart_synchronizer(world_t *w, size_t r, size_t k)
{
    synchronizer_spec_t spec = {
        .topology = w->topology, .region_index = r, .shard_index = k, .incarnation = ++w->incarnation};
    synchronizer_role.destroy((void **)&w->sync[r][k]);
    w->sync[r][k] = synchronizer_core_new(&spec);
}

/* Region 0 had cut nothing when its disk was lost, so everybody has what it has of its own stream. But region
 * 1 has let go what it had sent it, and has nothing else to send: nobody would send that again, or say
 * that it is gone. */
Test(adopt, who_lacks_what_others_let_go_does_not_stay)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_push_all(w, 1, 1);
    world_settle(w, 4000000);
    cr_assert_eq(w->shard[1][0]->stream->queue_count, 0);
    s_restart_synchronizer(w, 1, 0);
    s_lose(w, 0, 0, NULL);
    for (int i = 0; i < 20; i++) {
        world_tick(w, 50000);
        cr_assert(!life_runs(&w->shard[0][0]->base->life) || w->shard[0][0]->stream->origins[1].taken == 1,
                  "it stayed");
    }
    cr_assert_eq(shard_core_transfers(w->shard[0][0]), 1);
    s_expect_whole(w);
    world_destroy(w);
}

/* The same, but region 1 still kept it when it said where it stands; then region 0 is cut off, and it is
 * let go. */
Test(adopt, what_is_let_go_behind_a_status_is_missed)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    message_t *want = message_new(KIND_peer_status_want, "shard/region1/0", "shard/region0/0");
    want->incarnation = 1;
    world_send_shard(w, want);
    s_push_all(w, 1, 1);
    s_lose(w, 0, 0, NULL);
    world_tick(w, 50000);
    cr_assert(life_runs(&w->shard[0][0]->base->life), "it stays");
    w->cut[0] = true;
    world_settle(w, 4000000);
    cr_assert_eq(w->shard[1][0]->stream->queue_count, 0);
    s_restart_synchronizer(w, 1, 0);
    w->cut[0] = false;
    world_settle(w, 5000000);
    cr_assert_eq(shard_core_transfers(w->shard[0][0]), 1);
    s_expect_whole(w);
    world_destroy(w);
}

/* Region 1 of two is away: region 0 goes on without it, region 1 keeps everything; then it is given a state,
 * with its own. */
Test(adopt, a_region_that_was_away_loses_nothing)
{
    for (uint64_t every = 1; every <= 3; every += 2) {
        world_t *w = s_world(2, STRATEGY_ASGD_GA, every);
        s_some_of_each(w);
        w->cut[1] = true;
        s_push_all(w, 0, 12);
        s_push_all(w, 1, 10);
        world_settle(w, 4000000);
        w->cut[1] = false;
        world_settle(w, 12000000);
        for (size_t k = 0; k < w->shards; k++) {
            cr_assert_eq(shard_core_transfers(w->shard[1][k]), 1, "shard %d", (int)k);
            cr_assert_eq(shard_core_rolled_back(w->shard[1][k]), 0);
            cr_assert_eq(ranges_size(shard_core_applied(w->shard[1][k])), 10);
        }
        s_expect_whole(w);
        world_destroy(w);
    }
}

/* One region alone does not know whether it is the one that lost: it waits, and says for whom. */
Test(adopt, nobody_begins_anew_before_others_are_heard)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_some_of_each(w);
    w->cut[0] = true;
    s_lose(w, 0, 0, NULL);
    world_forget_mail(w);
    world_settle(w, 10000000);
    message_t *m, *last = NULL;
    while ((m = world_mail(w, KIND_status))) {
        bool own = strcmp(m->status.actor, "shard/region0/0") == 0;
        message_t **drop = own ? &last : &m;
        message_destroy(drop);
        if (own)
            last = m;
    }
    cr_assert_not_null(last);
    cr_assert_str_eq(last->status.waits_for, "status of region1");
    message_destroy(&last);
    w->cut[0] = false;
    world_settle(w, 5000000);
    s_expect_whole(w);
    world_destroy(w);
}

Test(adopt, models_enter_by_their_share_and_rounds_end_equal)
{
    const strategy_name_t strategies[] = {STRATEGY_AMA, STRATEGY_SMA, STRATEGY_SSGD};
    for (size_t s = 0; s < 3; s++) {
        world_t *w = s_world(2, strategies[s], 1);
        for (uint64_t b = 0; b < 4; b++)
            for (size_t r = 0; r < 2; r++)
                world_push(w, r, 0, b, s_g);
        world_settle(w, 1000000);
        s_lose(w, 0, 0, NULL);
        world_settle(w, 5000000);
        cr_assert_eq(shard_core_transfers(w->shard[0][0]), 1);
        uint64_t batches = s_batches(w, 0);
        for (uint64_t b = 0; b < batches; b++)
            for (size_t r = 0; r < 2; r++)
                world_push(w, r, 0, b, s_g);
        world_finish(w);
        const float *a = shard_core_parameters(w->shard[0][0]), *b = shard_core_parameters(w->shard[1][0]);
        for (size_t i = 0; i < world_size(w, 0) && strategies[s] != STRATEGY_AMA; i++)
            cr_assert_eq(a[i], b[i]);
        world_destroy(w);
    }
}

/* Region 1 takes the state of region 0, which has made steps since its last cut; then region 0 takes its own
 * back from there, as of that cut: the steps since were nowhere else. With overlap a round is under way as
 * well. */
Test(adopt, steps_since_the_last_cut_are_not_taken_for_part_of_it)
{
    for (uint64_t overlap = 0; overlap < 3; overlap += 2) {
        world_t *w = s_world_overlapping(2, STRATEGY_DILOCO, 4, overlap);
        /* one step behind a cut whose round is under way, or two behind a round */
        uint64_t made = overlap ? 5 : 6;
        for (uint64_t b = 0; b < made; b++)
            for (size_t r = 0; r < (b < 4 ? 2u : 1u); r++)
                world_push(w, r, 0, b, s_g);
        world_settle(w, 1000000);
        cr_assert_eq(shard_core_round(w->shard[0][0]), overlap ? 0 : 1);
        s_lose(w, 1, 0, NULL);
        world_settle(w, 5000000);
        cr_assert_eq(shard_core_transfers(w->shard[1][0]), 1);
        s_lose(w, 0, 0, NULL);
        world_settle(w, 5000000);
        cr_assert_eq(shard_core_transfers(w->shard[0][0]), 1);
        cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 4);
        for (uint64_t b = 0; b < s_batches(w, 0); b++)
            for (size_t r = 0; r < 2; r++)
                world_push(w, r, 0, b, s_g);
        world_finish(w);
        for (size_t i = 0; i < world_size(w, 0); i++)
            cr_assert_eq(shard_core_parameters(w->shard[0][0])[i], shard_core_parameters(w->shard[1][0])[i]);
        world_destroy(w);
    }
}

/* Region 0's contribution to the second round reached region 1, and then its disk is lost; it takes region
 * 1's state. Nobody can send that contribution to region 2 any more, which lacks it: it is told, and takes
 * the state of those who have it. */
Test(adopt, who_lacks_a_contribution_that_is_lost_is_told)
{
    const strategy_name_t strategies[] = {STRATEGY_SMA, STRATEGY_SSGD};
    for (size_t s = 0; s < 2; s++) {
        world_t *w = s_world(3, strategies[s], 1);
        for (uint64_t b = 0; b < 2; b++) {
            w->cut[2] = b == 1;
            for (size_t r = 0; r < 3; r++)
                world_push(w, r, 0, b, s_g);
            world_settle(w, 1000000);
        }
        s_lose(w, 0, 0, NULL);
        world_settle(w, 5000000);
        cr_assert_eq(shard_core_transfers(w->shard[0][0]), 1);
        cr_assert_eq(shard_core_round(w->shard[2][0]), 1, "it lacks both contributions to the second");
        w->cut[2] = false;
        world_settle(w, 20000000);
        cr_assert_eq(shard_core_transfers(w->shard[2][0]), 1);
        for (uint64_t b = 0; b < s_batches(w, 0); b++)
            for (size_t r = 0; r < 3; r++)
                world_push(w, r, 0, b, s_g);
        world_finish(w);
        const float *a = shard_core_parameters(w->shard[0][0]);
        for (size_t r = 1; r < 3; r++)
            for (size_t i = 0; i < world_size(w, 0); i++)
                cr_assert_eq(a[i], shard_core_parameters(w->shard[r][0])[i]);
        world_destroy(w);
    }
}

/* Both regions have done all and closed; then they lose their disks, one after the other. That it
 * is closed each says again, in a lineage of its own, and what the second says is of a round that
 * came with the first. */
Test(adopt, who_had_closed_says_so_again_behind_a_round)
{
    const strategy_name_t strategies[] = {STRATEGY_SMA, STRATEGY_SSGD, STRATEGY_DILOCO};
    for (size_t s = 0; s < 3; s++) {
        world_t *w = s_world(2, strategies[s], 1);
        for (uint64_t b = 0; b < s_batches(w, 0); b++)
            for (size_t r = 0; r < 2; r++)
                world_push(w, r, 0, b, s_g);
        world_finish(w);
        float before[ELEMENTS], after[ELEMENTS];
        world_replica(w, 0, before);
        for (size_t r = 0; r < 2; r++) {
            s_lose(w, r, 0, NULL);
            world_settle(w, 5000000);
            cr_assert_eq(shard_core_transfers(w->shard[r][0]), 1);
        }
        world_finish(w);
        cr_assert_eq(shard_core_round(w->shard[1][0]), s_batches(w, 0) + 2);
        for (size_t r = 0; r < 2; r++) {
            world_replica(w, r, after);
            cr_assert_arr_eq(after, before, sizeof before);
        }
        world_destroy(w);
    }
}

/* ---- nonsense ---- */

static snapshot_t *s_with(const snapshot_t *from, const char *name, size_t size, float first)
{
    snapshot_t *copy = snapshot_new(&from->id);
    for (size_t i = 0; i < from->count; i++) {
        buf_t *buf = buf_ref(from->values[i].buf);
        if (strcmp(from->values[i].name, name) == 0) {
            buf_destroy(&buf);
            buf = buf_new_zero(size);
            memcpy(buf_data(buf), &first, sizeof first);
        }
        cr_assert_eq(snapshot_add(copy, from->values[i].name, &buf, NULL), ERR_OK);
    }
    return copy;
}

Test(adopt, a_state_that_cannot_be_is_refused_and_changes_nothing)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_some_of_each(w);
    shard_core_t *core = w->shard[0][0];
    size_t size = world_size(w, 0) * sizeof(float);
    float before[ELEMENTS];
    world_replica(w, 0, before);
    const struct {
        const char *name;
        size_t size;
        float first;
        size_t donor;
        err_code_t code;
    } rows[] = {{"parameters", size, NAN, 1, ERR_NUMBER},  {"parameters", size, INFINITY, 1, ERR_NUMBER},
                {"parameters", size - 4, 0, 1, ERR_SHAPE}, {"state", size, 0, 1, ERR_MALFORMED},
                {"cursor_of/0", 20, 0, 1, ERR_MALFORMED},  {"", 0, 0, 0, ERR_JOB}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snapshot_t *bad = s_with(w->last[1][0], rows[i].name, rows[i].size, rows[i].first);
        uint64_t changes = core->base->changes;
        err_code_t code = transfer_install(core->transfer, rows[i].donor, &bad, NULL);
        if (rows[i].code == ERR_MALFORMED)
            cr_assert_neq(code, ERR_OK, "row %d", (int)i);
        else
            cr_assert_eq(code, rows[i].code, "row %d: %d", (int)i, (int)code);
        cr_assert_null(bad);
        cr_assert_eq(core->base->changes, changes);
        float after[ELEMENTS];
        world_replica(w, 0, after);
        cr_assert_arr_eq(after, before, sizeof before);
    }
    s_expect_whole(w);
    world_destroy(w);
}

Test(adopt, nobody_asked_for_it)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_some_of_each(w);
    static const message_kind_t kinds[] = {KIND_snapshot_offer, KIND_snapshot_piece, KIND_peer_status,
                                           KIND_stream_gap,     KIND_transfer_want,  KIND_snapshot_fetch};
    static const char *const senders[] = {"shard/region1/0", "shard/region1/1", "worker/region0/0", "nobody"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t s = 0; s < sizeof senders / sizeof *senders; s++) {
            message_t *m = message_new(kinds[i], "shard/region0/0", senders[s]);
            m->incarnation = 1;
            world_send_shard(w, m);
        }
    cr_assert_eq(shard_core_transfers(w->shard[0][0]), 0);
    world_settle(w, 8000000);
    s_expect_whole(w);
    world_destroy(w);
}

/* A snapshot is on its way to the disk when the shard takes another region's state: that it is durable says
 * nothing of what the shard has now. */
Test(adopt, a_snapshot_of_the_state_before_does_not_count)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_some_of_each(w);
    shard_core_t *shard = w->shard[0][0];
    w->auto_commit = false;
    world_push(w, 0, 0, 5, s_g);
    cr_assert_not_null(w->out[0][0]);
    transfer_begin(shard->transfer, false);
    for (int i = 0; i < 100 && shard->base->life.phase != LIFE_STORES; i++) {
        world_tick(w, 50000);
        for (size_t r = 0; r < 2; r++)
            for (size_t k = 0; k < 2; k++)
                if (w->out[r][k] && (r || k))
                    world_commit(w, r, k, ERR_OK);
    }
    cr_assert_eq(shard->base->life.phase, LIFE_STORES);
    world_commit(w, 0, 0, ERR_OK);
    cr_assert_eq(shard->base->life.phase, LIFE_STORES, "nothing of the new state is durable");
    world_run(w);
    world_commit(w, 0, 0, ERR_OK);
    cr_assert(life_runs(&shard->base->life));
    w->auto_commit = true;
    world_run(w);
    s_expect_whole(w);
    world_destroy(w);
}

/* A position can be gone on from when it is kept, of this lineage or at the end of the one before: numbers of
 * another lineage say nothing. */
Test(adopt, a_position_of_another_lineage_is_not_gone_on_from)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    w->cut[1] = true;
    s_push_all(w, 0, 3);
    const shard_core_t *shard = w->shard[0][0];
    cr_assert_eq(stream_last(shard->stream), 3);
    for (uint64_t number = 0; number <= 3; number++) {
        cr_assert(stream_has(shard->stream, shard->stream->history, number), "%d", (int)number);
        cr_assert_not(stream_has(shard->stream, shard->stream->history + 2, number), "%d", (int)number);
    }
    cr_assert_not(stream_has(shard->stream, shard->stream->history, 4));
    world_destroy(w);
}

/* ---- nonsense that would last ---- */

#define FORGED ((INCARNATION_TERM_MAX << 32) - 1) /* the greatest that anybody can have been given */

/* At the beginning nobody knows a lineage yet: whoever comes first is taken at his word. Who trains finds
 * out, and goes on. */
Test(adopt, the_first_of_a_lineage_that_nobody_has_costs_a_transfer_and_no_more)
{
    for (uint64_t every = 1; every <= 3; every += 2) {
        world_t *w = s_world(2, STRATEGY_ASGD_GA, every);
        message_t *m = message_new(KIND_delta, "shard/region1/0", "synchronizer/region0/0");
        m->incarnation = FORGED;
        message_set_name(m->delta.origin, "region0");
        m->delta.history = 666;
        m->delta.first = m->delta.last = m->delta.chunk_count = 1;
        m->delta.layout = WORLD_LAYOUT;
        m->delta.elements = world_size(w, 0);
        m->delta.checksum = hash_checksum(NULL, 0);
        world_send_shard(w, m);
        cr_assert_eq(w->shard[1][0]->stream->origins[0].history, 666, "it was taken");
        s_some_of_each(w);
        world_settle(w, 5000000);
        cr_expect_gt(shard_core_transfers(w->shard[1][0]), 0);
        s_expect_whole(w);
        world_destroy(w);
    }
}

static message_t *s_peer_status(uint64_t incarnation, uint64_t generation, uint64_t generation_known)
{
    message_t *m = message_new(KIND_peer_status, "shard/region0/0", "shard/region1/0");
    m->incarnation = incarnation;
    m->peer_status.generation = generation;
    m->peer_status.generation_known = generation_known;
    m->peer_status.entering = true;
    return m;
}

/* Kept they would be told again, and stored, for ever. */
Test(adopt, a_status_with_a_generation_that_cannot_have_been_is_not_taken)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_some_of_each(w);
    w->cut[1] = true;
    s_lose(w, 0, 0, NULL);
    shard_core_t *shard = w->shard[0][0];
    for (int which = 0; which < 2; which++) {
        world_forget_mail(w);
        message_t *m = s_peer_status(FORGED, which ? 0 : FORGED + 1, which ? FORGED + 1 : 0);
        shard_role.message(shard, &m, w->now);
        message_t *refused = NULL;
        while (!refused && (m = outbox_take(shard_role.outbox(shard))))
            if (m->kind == KIND_refused)
                refused = m;
            else
                message_destroy(&m);
        cr_assert(refused && refused->refused.code == ERR_LIMIT);
        message_destroy(&refused);
        cr_expect_not(shard->transfer->peers[1].heard);
        cr_expect_lt(shard->stream->generation, FORGED);
    }
    w->cut[1] = false;
    world_settle(w, 5000000);
    cr_expect_eq(shard_core_transfers(shard), 1, "the true one is heard");
    cr_expect_lt(shard->stream->generation, FORGED);
    s_expect_whole(w);
    world_destroy(w);
}

/* Nothing that a status says can be checked against anything: so who says it is
 * believed while it is heard. */
Test(adopt, who_was_heard_once_does_not_shut_the_true_one_out)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1);
    s_some_of_each(w);
    w->cut[1] = true;
    s_lose(w, 0, 0, NULL);
    message_t *m = s_peer_status(FORGED, 0, 0);
    shard_role.message(w->shard[0][0], &m, w->now);
    w->cut[1] = false;
    world_settle(w, STREAM_SPEAKER_US + 5000000);
    cr_expect_eq(shard_core_transfers(w->shard[0][0]), 1);
    s_expect_whole(w);
    world_destroy(w);
}
