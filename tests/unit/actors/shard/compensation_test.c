/* Late gradients that are compensated, against the formula written down plainly: two regions take steps and
 * each other's deltas in an order that a script gives, and every replica is compared after every move.
 *
 *   a b   a step of region 0, of region 1         A B   the next delta of region 0, of region 1 reaches the
 *         other one
 *   x y   a restart of region 0, of region 1      X     region 0 sends what is under way once more, from what
 *         it keeps
 */
#include "tests/unit/actors/shard/world.h"

#include "actors/shard/shard_inside.h"
#include "codec/base/rng.h"

#include <math.h>

#define ELEMENTS 24
#define SIZE 12 /* of shard 0, the one that is used */
#define CUTS 512
#define CHUNKS_MAX (CUTS * 3)
#define LAMBDA 0.5
#define LR 0.25
#define NONE 1000000

/* ---- the formula ---- */

typedef struct {
    double g[SIZE];
    uint64_t steps, seen;
} plain_delta_t;

typedef struct {
    double w[SIZE], v[SIZE], own[SIZE], open[SIZE];
    double base[CUTS][SIZE]; /* where own steps had led to at a number */
    uint64_t first_base;     /* older ones are gone */
    plain_delta_t cuts[CUTS];
    uint64_t cut, taken, open_steps, batch, uncompensated;
} plain_t;

typedef struct {
    world_t *w;
    message_t *way[2][CHUNKS_MAX]; /* chunks of deltas, by origin */
    size_t count[2];
    plain_t plain[2];
    uint64_t every;
    double momentum;
} compensation_test_t;

static void s_plain_move(const compensation_test_t *t, plain_t *p, size_t i, double g, bool own)
{
    p->v[i] = t->momentum * p->v[i] + g;
    p->w[i] -= LR * p->v[i];
    if (own)
        p->own[i] -= LR * p->v[i];
}

static void s_plain_step(const compensation_test_t *t, plain_t *p, const float *g)
{
    for (size_t i = 0; i < SIZE; i++) {
        s_plain_move(t, p, i, g[i], true);
        p->open[i] += g[i];
    }
    if (++p->open_steps < t->every)
        return;
    cr_assert_lt(++p->cut, CUTS);
    plain_delta_t *cut = &p->cuts[p->cut];
    *cut = (plain_delta_t){.steps = p->open_steps, .seen = p->taken};
    memcpy(cut->g, p->open, sizeof cut->g);
    memset(p->open, 0, sizeof p->open);
    memcpy(p->base[p->cut], p->own, sizeof p->own);
    p->open_steps = 0;
}

static void s_plain_take(const compensation_test_t *t, plain_t *p, const plain_t *from)
{
    const plain_delta_t *delta = &from->cuts[++p->taken];
    bool kept = delta->seen >= p->first_base;
    for (size_t i = 0; i < SIZE; i++) {
        double g = delta->g[i], compensation = kept ? p->own[i] - p->base[delta->seen][i] : 0;
        s_plain_move(t, p, i, g + LAMBDA / (double)delta->steps * g * g * compensation, false);
    }
    p->uncompensated += !kept;
}

/* ---- the shards ---- */

static void s_start(compensation_test_t *t, uint64_t every, double momentum, const char *encoding)
{
    *t = (compensation_test_t){.every = every, .momentum = momentum};
    topology_t *topology = world_topology(2, every == 1 ? STRATEGY_ASGD : STRATEGY_ASGD_GA, every, 1);
    topology->job.optimizer.lr = LR;
    topology->job.optimizer.name = momentum > 0 ? OPTIMIZER_MOMENTUM : OPTIMIZER_SGD;
    topology->job.optimizer.momentum = momentum;
    topology->job.sync.compensate = LAMBDA;
    topology->checkpoint.every = 1;
    topology->job.sync.topk_ratio = 1;
    snprintf(topology->job.sync.encoding, sizeof topology->job.sync.encoding, "%s", encoding);
    snprintf(topology->job.sync.topk_values, sizeof topology->job.sync.topk_values, "fp16");
    t->w = world_new(topology, ELEMENTS);
    t->w->no_sync = true;
}

static void s_go(compensation_test_t *t)
{
    world_start(t->w, (size_t)2 * 4 * CUTS * t->every);
    world_run(t->w);
}

static void s_collect(compensation_test_t *t)
{
    message_t *m;
    while ((m = outbox_take(&t->w->wan))) {
        if (m->kind != KIND_delta || m->delta.shard != 0) {
            message_destroy(&m);
            continue;
        }
        size_t r = world_region(t->w, m->delta.origin);
        char name[64];
        snprintf(name, sizeof name, "shard/region%zu/0", 1 - r);
        message_set_name(m->to, name);
        snprintf(name, sizeof name, "synchronizer/region%zu/0", r);
        message_set_name(m->from, name);
        cr_assert_lt(t->count[r], CHUNKS_MAX);
        t->way[r][t->count[r]++] = m;
    }
}

/* Multiples of 1/8, which every encoding used here carries as they are. */
static void s_gradient(size_t r, uint64_t batch, float *ret_g)
{
    rng_t rng;
    rng_init_for(&rng, 7, "gradient", r, batch);
    for (size_t i = 0; i < ELEMENTS; i++)
        ret_g[i] = (float)((double)rng_below(&rng, 9) - 4) / 8;
}

static void s_step(compensation_test_t *t, size_t r)
{
    float g[ELEMENTS];
    s_gradient(r, t->plain[r].batch, g);
    world_push_shard(t->w, r, 0, 0, t->plain[r].batch++, g);
    world_run(t->w);
    s_collect(t);
    s_plain_step(t, &t->plain[r], g);
}

/* All chunks of the oldest delta under way; false: there is none. */
static bool s_deliver(compensation_test_t *t, size_t r)
{
    if (t->count[r] == 0)
        return false;
    uint64_t number = t->way[r][0]->delta.last;
    while (t->count[r] && t->way[r][0]->delta.last == number) {
        world_deliver(t->w, &t->way[r][0]);
        memmove(t->way[r], t->way[r] + 1, --t->count[r] * sizeof *t->way[r]);
    }
    world_run(t->w);
    s_collect(t);
    s_plain_take(t, &t->plain[1 - r], &t->plain[r]);
    return true;
}

/* Everything is in the newest snapshot. Where the newest number lies behind open steps nobody knows any
 * more. */
static void s_restart(compensation_test_t *t, size_t r)
{
    plain_t *p = &t->plain[r];
    world_tick(t->w, 50000);
    world_crash(t->w, r, 0);
    world_run(t->w);
    s_collect(t);
    p->first_base = p->cut + (p->open_steps > 0);
}

static void s_send_again(compensation_test_t *t)
{
    size_t before = t->count[0];
    cr_assert_gt(before, 0);
    uint64_t from = t->way[0][0]->delta.last;
    for (size_t i = 0; i < before; i++)
        message_destroy(&t->way[0][i]);
    t->count[0] = 0;
    message_t *m = message_new(KIND_stream_fetch, "shard/region0/0", "synchronizer/region0/0");
    m->incarnation = 1;
    m->stream_fetch.history = 1000;
    m->stream_fetch.from = from;
    world_deliver(t->w, &m);
    world_run(t->w);
    s_collect(t);
    cr_assert_eq(t->count[0], before);
}

static void s_compare(const compensation_test_t *t, const char *script, size_t at)
{
    for (size_t r = 0; r < 2; r++) {
        const shard_core_t *shard = t->w->shard[r][0];
        const float *w = shard_core_parameters(shard);
        for (size_t i = 0; i < SIZE; i++)
            cr_assert(fabs((double)w[i] - t->plain[r].w[i]) < 1e-4 * (1 + fabs(t->plain[r].w[i])),
                      "region %zu element %zu is %g instead of %g after move %zu of %.60s", r, i,
                      (double)w[i], t->plain[r].w[i], at, script);
        cr_assert_eq(shard->base->counts.uncompensated, t->plain[r].uncompensated, "after move %zu of %.60s",
                     at, script);
        cr_assert_leq(shard->replica->compensation.count, shard->replica->compensation.most);
    }
}

static void s_play(compensation_test_t *t, const char *script)
{
    for (size_t i = 0; script[i]; i++) {
        char move = script[i];
        if (move == 'a' || move == 'b')
            s_step(t, move == 'b');
        else if (move == 'A' || move == 'B')
            s_deliver(t, move == 'B');
        else if (move == 'x' || move == 'y')
            s_restart(t, move == 'y');
        else
            s_send_again(t);
        s_compare(t, script, i);
    }
}

static void s_end(compensation_test_t *t)
{
    for (size_t r = 0; r < 2; r++)
        for (size_t i = 0; i < t->count[r]; i++)
            message_destroy(&t->way[r][i]);
    world_destroy(t->w);
    free(t);
}

static compensation_test_t *s_new(uint64_t every, double momentum, const char *encoding)
{
    compensation_test_t *t = malloc(sizeof *t);
    s_start(t, every, momentum, encoding);
    return t;
}

static compensation_test_t *s_played(uint64_t every, double momentum, const char *encoding,
                                     const char *script)
{
    compensation_test_t *t = s_new(every, momentum, encoding);
    s_go(t);
    s_play(t, script);
    return t;
}

static double s_first(const compensation_test_t *t, size_t r)
{
    return (double)shard_core_parameters(t->w->shard[r][0])[0];
}

/* ---- the formula against the shards ---- */

/* By hand, with no model of it: w = -LR b, then g = a + LAMBDA a a (-LR b). */
Test(compensation, a_late_gradient_is_compensated_for_the_own_step_since)
{
    compensation_test_t *t = s_played(1, 0, "none", "ab");
    float a[ELEMENTS], b[ELEMENTS];
    s_gradient(0, 0, a);
    s_gradient(1, 0, b);
    s_deliver(t, 0);
    const float *w = shard_core_parameters(t->w->shard[1][0]);
    size_t some = 0;
    for (size_t i = 0; i < SIZE; i++) {
        double g = (double)a[i] + LAMBDA * (double)a[i] * (double)a[i] * (-LR * (double)b[i]);
        cr_assert(fabs((double)w[i] - (-LR * (double)b[i] - LR * g)) < 1e-6);
        some += fabs(g - (double)a[i]) > 1e-4;
    }
    cr_assert_gt(some, 3, "nothing was compensated");
    s_end(t);
}

Test(compensation, the_base_is_the_number_that_the_sender_had_taken)
{
    compensation_test_t *t = s_played(1, 0, "none", "bbBaA"); /* knows the first of two */
    double first = s_first(t, 1);
    s_play(t, "BaA"); /* now both: nothing is to be compensated */
    float g[ELEMENTS];
    s_gradient(0, 1, g);
    cr_assert(fabs(s_first(t, 1) - (first - LR * (double)g[0])) < 1e-6);
    s_end(t);
}

Test(compensation, the_senders_own_deltas_are_no_drift)
{
    compensation_test_t *t = s_played(1, 0, "none", "aaaAAA");
    cr_assert(memcmp(shard_core_parameters(t->w->shard[0][0]), shard_core_parameters(t->w->shard[1][0]),
                     SIZE * sizeof(float)) == 0);
    s_end(t);
    s_end(s_played(1, 0, "none", "aababAbAAbA"));
}

Test(compensation, a_sum_of_steps_has_their_mean_curvature)
{
    s_end(s_played(3, 0, "none", "aaabbbA"));
    s_end(s_played(2, 0, "none", "aabbbAbaaAbBBaaA")); /* open steps count, too */
}

Test(compensation, what_is_encoded_is_compensated_after_decoding)
{
    static const char *const encodings[] = {"fp16", "bf16", "topk"};
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++)
        s_end(s_played(2, 0, encodings[i], "aabbbAbaaAbBBaaA"));
}

Test(compensation, momentum_moves_as_it_does)
{
    s_end(s_played(1, 0.5, "none", "abAbbBaAaabABA"));
}

/* Any order of steps and deliveries, with restarts of both. */
Test(compensation, any_order_gives_what_the_formula_gives)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 11;
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint64_t round = 0; round < 12; round++) {
        rng_t rng;
        rng_init_for(&rng, seed, "script", round, 0);
        char script[301] = {0};
        for (size_t i = 0; i < 300; i++)
            script[i] = "aabbaabbAABBABABxy"[rng_below(&rng, round % 3 ? 18 : 16)];
        compensation_test_t *t = s_played(1 + round % 4, round % 2 ? 0.3 : 0, "none", script);
        uint64_t uncompensated = t->plain[0].uncompensated + t->plain[1].uncompensated;
        cr_assert(round % 3 ? uncompensated > 0 : uncompensated == 0);
        s_end(t);
    }
}

/* ---- what is kept ---- */

Test(compensation, bases_go_once_no_region_can_name_them)
{
    compensation_test_t *t = s_played(1, 0, "none", "bbbbb");
    compensation_t *compensation = &t->w->shard[1][0]->replica->compensation;
    cr_assert_eq(compensation->count, 6, "the beginning and five cuts");
    s_play(t, "BBBaA");
    cr_assert_eq(compensation->count, 3, "the third cut and what follows");
    s_play(t, "aA");
    cr_assert_eq(compensation->count, 3, "may be named again");
    s_end(t);
}

static void s_acknowledge(compensation_test_t *t, uint64_t number)
{
    message_t *m = message_new(KIND_stream, "shard/region1/0", "synchronizer/region1/0");
    message_set_name(m->stream.region, "region0");
    m->incarnation = 1;
    m->stream.history = 1010;
    m->stream.applied = m->stream.durable = number;
    world_deliver(t->w, &m);
    world_run(t->w);
    s_collect(t);
}

static uint64_t s_reported(compensation_test_t *t)
{
    world_forget_mail(t->w);
    world_tick(t->w, 2000000);
    message_t *m;
    uint64_t told = NONE;
    while ((m = world_mail(t->w, KIND_progress))) {
        if (strcmp(m->from, "shard/region1/0") == 0)
            told = m->progress.uncompensated;
        message_destroy(&m);
    }
    return told;
}

/* Two deltas may be under way, so three bases are kept; the fourth cut drops what the late delta names. */
Test(compensation, no_more_is_kept_than_may_be_under_way_and_the_rest_is_applied_as_it_is)
{
    compensation_test_t *t = s_new(1, 0, "none");
    t->w->topology->job.sync.staleness = 2;
    s_go(t);
    cr_assert_eq(t->w->shard[1][0]->replica->compensation.most, 3);
    s_play(t, "a");
    for (uint64_t cut = 1; cut <= 4; cut++) {
        s_play(t, "b");
        s_acknowledge(t, cut);
        cr_assert_leq(t->w->shard[1][0]->replica->compensation.count, 3);
    }
    t->plain[1].first_base = 2;
    double before = s_first(t, 1);
    s_play(t, "A");
    float g[ELEMENTS];
    s_gradient(0, 0, g);
    cr_assert(fabs(s_first(t, 1) - (before - LR * (double)g[0])) < 1e-6);
    cr_assert_eq(s_reported(t), 1);
    s_end(t);
}

Test(compensation, the_window_bounds_it_too)
{
    compensation_test_t *t = s_new(1, 0, "none");
    t->w->topology->job.sync.window_bytes = 5 * SIZE * sizeof(float);
    s_go(t);
    cr_assert_eq(t->w->shard[0][0]->replica->compensation.most, 6);
    s_end(t);
}

Test(compensation, a_restart_goes_on_from_its_newest_number)
{
    compensation_test_t *t = s_played(1, 0, "none", "abybA"); /* named: the beginning, which is gone */
    cr_assert_eq(t->plain[1].uncompensated, 1);
    s_play(t, "BaybA"); /* named: the first cut; the second is the newest */
    cr_assert_eq(t->plain[1].uncompensated, 2);
    s_play(t, "BBaybbA"); /* named: the newest at the restart */
    cr_assert_eq(t->plain[1].uncompensated, 2);
    cr_assert_eq(s_reported(t), 2);
    s_end(t);
}

Test(compensation, a_restart_between_two_cuts_has_no_base)
{
    compensation_test_t *t =
        s_played(2, 0, "none", "bbbBaayA"); /* named: the first cut, the state has a step more */
    cr_assert_eq(t->plain[1].uncompensated, 1);
    s_play(t, "bBaabA");
    cr_assert_eq(t->plain[1].uncompensated, 1);
    s_end(t);
}

Test(compensation, what_is_sent_again_names_what_was_known_when_it_was_cut)
{
    compensation_test_t *t = s_played(1, 0, "none", "bBabBB"); /* cut between the two */
    cr_assert_eq(t->way[0][0]->delta.seen.count, 2);
    cr_assert_eq(t->way[0][0]->delta.seen.items[1].number, 1);
    s_play(t, "XxXA");
    cr_assert_eq(t->plain[1].uncompensated, 0);
    s_end(t);
}

/* ---- what is not compensated ---- */

static void s_check_plain_sum(compensation_test_t *t)
{
    s_go(t);
    for (uint64_t b = 0; b < 4; b++) {
        float g[ELEMENTS];
        s_gradient(b % 2, b / 2, g);
        world_push_shard(t->w, b % 2, 0, 0, b / 2, g);
    }
    world_run(t->w);
    s_collect(t);
    cr_assert_eq(t->way[0][0]->delta.seen.count, 0, "nothing is told");
    cr_assert_null(t->w->shard[1][0]->replica->compensation.others, "nothing is kept");
    for (size_t i = 0; i < t->count[0]; i++)
        world_deliver(t->w, &t->way[0][i]);
    t->count[0] = 0;
    world_run(t->w);
    const float *w = shard_core_parameters(t->w->shard[1][0]);
    for (size_t i = 0; i < SIZE; i++) {
        float sum = 0, g[ELEMENTS];
        for (uint64_t b = 0; b < 4; b++) {
            s_gradient(b % 2, b / 2, g);
            sum += g[i];
        }
        cr_assert(w[i] == -LR * (double)sum, "eighths times a quarter are exact");
    }
    s_end(t);
}

Test(compensation, counts_and_what_is_not_to_be_compensated_are_plain_sums)
{
    compensation_test_t *t = s_new(1, 0, "none");
    snprintf(t->w->topology->job.data.kind, sizeof t->w->topology->job.data.kind, "counter");
    s_check_plain_sum(t);
    t = s_new(1, 0, "none");
    t->w->topology->job.sync.compensate = 0;
    s_check_plain_sum(t);
}

Test(compensation, a_delta_that_does_not_tell_is_applied_as_it_is)
{
    compensation_test_t *t = s_played(1, 0, "none", "ab");
    for (size_t i = 0; i < t->count[0]; i++)
        message_set_rows(&t->way[0][i]->delta.seen, 0);
    t->plain[1].first_base = NONE;
    s_play(t, "A");
    cr_assert_eq(t->plain[1].uncompensated, 1);
    s_end(t);
}

Test(compensation, a_delta_that_tells_of_other_regions_is_refused_and_changes_nothing)
{
    compensation_test_t *t = s_played(1, 0, "none", "ab");
    for (size_t i = 0; i < t->count[0]; i++)
        message_set_rows(&t->way[0][i]->delta.seen, 3);
    double before = s_first(t, 1);
    uint64_t refusals = t->w->shard[1][0]->base->counts.refusals;
    s_deliver(t, 0);
    cr_assert(s_first(t, 1) == before);
    cr_assert_eq(t->w->shard[1][0]->base->counts.refusals, refusals + 1);
    cr_assert_eq(t->w->shard[1][0]->stream->origins[0].taken, 1, "it consumes its number");
    s_end(t);
}

/* Its square is beyond float32: no parameter may become anything but a number for that. */
Test(compensation, a_gradient_too_large_to_be_squared_is_applied_as_it_is)
{
    compensation_test_t *t = s_played(1, 0, "none", "b");
    float g[ELEMENTS];
    for (size_t i = 0; i < ELEMENTS; i++)
        g[i] = 1e30f;
    world_push_shard(t->w, 0, 0, 0, 0, g);
    world_run(t->w);
    s_collect(t);
    double before = s_first(t, 1);
    for (size_t i = 0; i < t->count[0]; i++)
        world_deliver(t->w, &t->way[0][i]);
    t->count[0] = 0;
    const float *w = shard_core_parameters(t->w->shard[1][0]);
    for (size_t i = 0; i < SIZE; i++)
        cr_assert(isfinite(w[i]));
    cr_assert(fabs(s_first(t, 1) - (before - LR * 1e30)) < 1e24);
    cr_assert_eq(t->w->shard[1][0]->base->counts.uncompensated, 0);
    s_end(t);
}
