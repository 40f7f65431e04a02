#include "tests/unit/actors/shard/world.h"

#include "actors/shard/shard_inside.h"

#include "actors/synchronizer/strategy.h"
#include "codec/base/rng.h"
#include "store/kv_mem.h"

#define ELEMENTS 16

static const float s_g[ELEMENTS] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static world_t *s_encoding_world(strategy_name_t strategy, const char *encoding)
{
    topology_t *t = world_topology(2, strategy, 2, 1);
    snprintf(t->job.sync.encoding, sizeof t->job.sync.encoding, "%s", encoding);
    t->job.sync.topk_ratio = 0.2;
    t->job.optimizer.name = OPTIMIZER_MOMENTUM;
    t->job.optimizer.momentum = 0.5;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 160);
    return w;
}

static world_t *s_world(strategy_name_t strategy)
{
    return s_encoding_world(strategy, "none");
}

Test(snapshot, the_first_is_of_the_start)
{
    world_t *w = s_world(STRATEGY_ASGD_GA);
    w->auto_commit = false;
    world_run(w);
    cr_assert_not_null(w->out[0][0]);
    cr_assert_eq(w->out[0][0]->id.number, 1);
    cr_assert_eq(w->out[0][0]->id.history, 1000);
    cr_assert_null(shard_core_take_snapshot(w->shard[0][0], w->now), "one at a time");
    world_commit(w, 0, 0, ERR_OK);
    cr_assert_null(shard_core_take_snapshot(w->shard[0][0], w->now + 10000000), "nothing has changed");
    world_destroy(w);
}

Test(snapshot, what_has_not_changed_is_the_same_buffer)
{
    world_t *w = s_world(STRATEGY_ASGD_GA);
    w->topology->checkpoint.every = 1;
    world_run(w);
    uint64_t before = buf_id(snapshot_peek(w->last[0][0], "parameters"));
    world_push(w, 0, 0, 0, s_g);
    uint64_t after = buf_id(snapshot_peek(w->last[0][0], "parameters"));
    cr_assert_neq(before, after);
    uint64_t open = buf_id(snapshot_peek(w->last[0][0], "open"));
    world_push(w, 0, 0, 1, s_g);
    cr_assert_null(snapshot_peek(w->last[0][0], "open"));
    cr_assert_neq(buf_id(snapshot_peek(w->last[0][0], "queue/1")), open);
    world_destroy(w);
}

Test(snapshot, a_failing_store_is_tried_again_with_growing_pauses_and_shown)
{
    world_t *w = s_world(STRATEGY_ASGD_GA);
    w->auto_commit = false;
    world_run(w);
    int64_t pause = 0;
    for (int i = 0; i < 8; i++) {
        cr_assert_not_null(w->out[0][0]);
        world_commit(w, 0, 0, ERR_FULL);
        int64_t at = w->now;
        cr_assert_null(shard_core_take_snapshot(w->shard[0][0], w->now));
        while (!(w->out[0][0] = shard_core_take_snapshot(w->shard[0][0], w->now)))
            cr_assert_leq((w->now += 50000) - at, 5000000);
        cr_assert_geq(w->now - at, pause);
        pause = w->now - at;
    }
    cr_assert_eq(pause, 5000000);
    world_forget_mail(w);
    world_tick(w, 2000000);
    message_t *m = NULL;
    while ((m = world_mail(w, KIND_status)) && strcmp(m->from, "shard/region0/0") != 0)
        message_destroy(&m);
    cr_assert_str_eq(m->status.waits_for, "disk");
    message_destroy(&m);
    world_push(w, 0, 0, 0, s_g);
    cr_assert_eq(shard_core_samples_applied(w->shard[0][0]), 4, "training goes on");
    world_destroy(w);
}

Test(snapshot, a_commit_that_is_not_the_one_out_is_ignored)
{
    world_t *w = s_world(STRATEGY_ASGD_GA);
    w->auto_commit = false;
    world_run(w);
    shard_core_committed(w->shard[0][0], 0, ERR_OK, w->now);
    shard_core_committed(w->shard[0][0], 2, ERR_OK, w->now);
    world_push(w, 0, 0, 0, s_g);
    world_push(w, 0, 0, 1, s_g);
    cr_assert_null(shard_core_take_snapshot(w->shard[0][0], w->now + 10000000), "the first is still out");
    shard_core_committed(w->shard[0][0], 2, ERR_FULL, w->now);
    cr_assert_null(shard_core_take_snapshot(w->shard[0][0], w->now + 10000000), "and has not failed");
    cr_assert_eq(w->out[0][0]->id.number, 1);
    world_commit(w, 0, 0, ERR_OK);
    world_store(w, 0, 0);
    cr_assert_eq(w->out[0][0]->id.number, 2, "what has changed meanwhile");
    world_destroy(w);
}

/* A world in the midst of things: open accumulator, kept deltas, pending contributions. */
static snapshot_t *s_full(world_t **ret_w, strategy_name_t strategy, const char *encoding)
{
    world_t *w = s_encoding_world(strategy, encoding);
    w->topology->checkpoint.every = 1;
    world_run(w);
    for (uint64_t b = 0; b < 5; b++) {
        w->cut[1] = b > 1;
        world_push(w, 0, 0, b, s_g);
        world_push(w, 1, 0, b, s_g);
        world_tick(w, 30000);
    }
    *ret_w = w;
    return w->last[0][0];
}

/* The next delta of region1, without data. */
static message_t *s_nothing(const world_t *w, uint64_t number)
{
    message_t *m = message_new(KIND_delta, "shard/region0/0", "synchronizer/region1/0");
    message_set_name(m->delta.origin, "region1");
    m->incarnation = 1;
    m->delta.history = 1010;
    m->delta.first = m->delta.last = number;
    m->delta.layout = WORLD_LAYOUT;
    m->delta.elements = world_size(w, 0);
    m->delta.kind = DELTA_NOTHING;
    m->delta.chunk_count = 1;
    m->delta.checksum = hash_checksum("", 0);
    return m;
}

/* The next snapshot of a shard that goes on from `before`, after it has taken one delta. */
static snapshot_t *s_next(const world_t *w, const snapshot_t *before, bool single)
{
    shard_spec_t spec = world_spec(w, 0, 0);
    shard_core_t *core = NULL;
    cr_assert_eq(shard_core_restore(&spec, before, &core, NULL), ERR_OK);
    cr_assert_null(shard_core_take_snapshot(core, w->now + 10000000), "nothing has changed");
    message_t *m = s_nothing(w, single ? 3 : 2);
    shard_role.message(core, &m, w->now);
    snapshot_t *next = shard_core_take_snapshot(core, w->now + 10000000);
    cr_assert_not_null(next);
    cr_assert_eq(next->id.number, before->id.number + 1);
    cr_assert_eq(next->id.history, before->id.history);
    shard_role.destroy((void **)&core);
    return next;
}

Test(snapshot, restored_and_taken_again_says_the_same)
{
    strategy_name_t strategies[] = {STRATEGY_ASGD, STRATEGY_ASGD_GA, STRATEGY_AMA,          STRATEGY_SMA,
                                    STRATEGY_SSGD, STRATEGY_DILOCO,  STRATEGY_DILOCO_ASYNC, STRATEGY_ASP};
    const size_t count = sizeof strategies / sizeof *strategies;
    static const char *const encodings[] = {"none", "bf16", "int8", "int4", "topk"};
    for (size_t s = 0; s < sizeof encodings / sizeof *encodings * count; s++) {
        strategy_name_t strategy = strategies[s % count];
        world_t *w;
        const snapshot_t *before = s_full(&w, strategy, encodings[s / count]);
        cr_assert_eq(snapshot_peek(before, "start") != NULL,
                     strategy_find(strategy)->cuts == DELTA_DIFFERENCE);
        cr_assert_eq(snapshot_peek(before, "residual") != NULL, s >= count || strategy == STRATEGY_ASP,
                     "a residual is part of the version");
        bool single = strategy == STRATEGY_ASGD || strategy == STRATEGY_SSGD;
        snapshot_t *next = s_next(w, before, single);
        snapshot_t *after = s_next(w, before, single);
        cr_assert_eq(next->count, after->count);
        for (size_t i = 0; i < next->count; i++) {
            const snapshot_value_t *a = &next->values[i], *b = &after->values[i];
            cr_assert_str_eq(a->name, b->name);
            cr_assert_eq(buf_size(a->buf), buf_size(b->buf));
            cr_assert_arr_eq(buf_peek(a->buf), buf_peek(b->buf), buf_size(a->buf));
        }
        for (size_t i = 1; i < before->count; i++) { /* what did not change is not written again */
            const snapshot_value_t *value = &before->values[i];
            if (strncmp(value->name, "cursor_of", 9) == 0) /* came with the delta */
                continue;
            if (!strategy_find(strategy)->waits || strncmp(value->name, "queue", 5) == 0)
                cr_assert_eq(snapshot_peek(next, value->name), value->buf);
        }
        snapshot_destroy(&next);
        snapshot_destroy(&after);
        world_destroy(w);
    }
}

/* A copy of a snapshot with one value left out, cut short, or its bytes changed. */
static snapshot_t *s_damage(const snapshot_t *from, size_t value, int how, rng_t *rng)
{
    snapshot_t *copy = snapshot_new(&from->id);
    for (size_t i = 0; i < from->count; i++) {
        const buf_t *whole = from->values[i].buf;
        size_t size = buf_size(whole);
        buf_t *buf = buf_new_copy(buf_peek(whole), size);
        if (i == value && how == 0) {
            buf_destroy(&buf);
            continue;
        }
        if (i == value && how == 1 && size) {
            buf_destroy(&buf);
            buf = buf_new_copy(buf_peek(whole), (size_t)rng_below(rng, size));
        }
        if (i == value && how > 1 && size)
            ((unsigned char *)buf_data(buf))[rng_below(rng, size)] ^=
                (unsigned char)(1 + rng_below(rng, 255));
        cr_assert_eq(snapshot_add(copy, from->values[i].name, &buf, NULL), ERR_OK);
    }
    return copy;
}

Test(snapshot, that_is_damaged_is_refused_or_harmless)
{
    const char *text = getenv("CLOUDLESS_SEED");
    rng_t rng;
    rng_init(&rng, text ? strtoull(text, NULL, 10) : 9);
    strategy_name_t strategies[] = {STRATEGY_ASGD, STRATEGY_ASGD_GA, STRATEGY_SMA, STRATEGY_DILOCO_ASYNC,
                                    STRATEGY_ASP};
    size_t refused = 0;
    static const char *const encodings[] = {"none", "fp16", "topk"};
    for (size_t s = 0; s < 15; s++) {
        world_t *w;
        snapshot_t *whole = s_full(&w, strategies[s % 5], encodings[s / 5]);
        shard_spec_t spec = world_spec(w, 0, 0);
        for (size_t value = 0; value < whole->count; value++) {
            for (int how = 0; how < (value == 0 ? 200 : 3); how++) {
                snapshot_t *bad = s_damage(whole, value, how, &rng);
                shard_core_t *core = NULL;
                err_t err = {0};
                if (shard_core_restore(&spec, bad, &core, &err)) {
                    refused++;
                    cr_assert_neq(err.text[0], 0);
                    cr_assert_null(core);
                } else {
                    shard_role.tick(core, 1000000);
                }
                shard_role.destroy((void **)&core);
                snapshot_destroy(&bad);
            }
        }
        world_destroy(w);
    }
    cr_assert_gt(refused, 100);
}

static void s_expect_refused(const shard_spec_t *spec, const snapshot_t *snapshot, err_code_t code)
{
    shard_core_t *core = NULL;
    err_t err = {0};
    cr_assert_eq(shard_core_restore(spec, snapshot, &core, &err), code, "%s", err.text);
    cr_assert_null(core);
    cr_assert_not_null(strstr(err.text, "shard "));
}

Test(snapshot, of_another_job_or_shard_is_refused)
{
    world_t *w;
    snapshot_t *snapshot = s_full(&w, STRATEGY_ASGD_GA, "none");
    shard_spec_t spec = world_spec(w, 0, 0);
    spec.layout++;
    s_expect_refused(&spec, snapshot, ERR_JOB);
    spec = world_spec(w, 0, 0);
    spec.elements++;
    s_expect_refused(&spec, snapshot, ERR_SHAPE);
    spec = world_spec(w, 0, 1);
    s_expect_refused(&spec, snapshot, ERR_JOB);
    spec = world_spec(w, 1, 0);
    s_expect_refused(&spec, snapshot, ERR_JOB);
    world_destroy(w);
}

Test(snapshot, of_another_run_is_refused_with_both_identities)
{
    world_t *w;
    err_t err = {0};
    shard_core_t *core = NULL;
    snapshot_t *before = s_full(&w, STRATEGY_ASGD_GA, "none");
    shard_spec_t spec = world_spec(w, 0, 0);
    spec.run = 0xab;
    cr_assert_eq(shard_core_restore(&spec, before, &core, &err), ERR_OK, "of a time without identities: %s",
                 err.text);
    message_t *news = s_nothing(w, 2);
    shard_role.message(core, &news, w->now);
    snapshot_t *named = shard_core_take_snapshot(core, w->now + 10000000);
    cr_assert_not_null(named);
    shard_role.destroy((void **)&core);
    spec.run = 0xcd;
    cr_assert_eq(shard_core_restore(&spec, named, &core, &err), ERR_JOB);
    cr_assert_null(core);
    cr_assert_not_null(strstr(err.text, "00000000000000ab"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "00000000000000cd"), "%s", err.text);
    snapshot_destroy(&named);
    world_destroy(w);
}

/* Of a store of a time when anything was stored: nobody could follow it. */
Test(snapshot, an_incarnation_in_it_that_nobody_can_have_given_is_forgotten)
{
    world_t *w;
    shard_core_t *core = NULL;
    snapshot_t *before = s_full(&w, STRATEGY_ASGD_GA, "none");
    shard_spec_t spec = world_spec(w, 0, 0);
    cr_assert_eq(shard_core_restore(&spec, before, &core, NULL), ERR_OK);
    message_t *news = s_nothing(w, 2);
    shard_role.message(core, &news, w->now);
    core->stream->origins[1].incarnation = UINT64_MAX;
    snapshot_t *poisoned = shard_core_take_snapshot(core, w->now + 10000000);
    cr_assert_not_null(poisoned);
    shard_role.destroy((void **)&core);
    cr_assert_eq(shard_core_restore(&spec, poisoned, &core, NULL), ERR_OK);
    uint64_t taken = core->stream->origins[1].taken;
    news = s_nothing(w, taken + 1);
    shard_role.message(core, &news, w->now);
    cr_assert_eq(core->stream->origins[1].taken, taken + 1, "the true one is not heard");
    shard_role.destroy((void **)&core);
    snapshot_destroy(&poisoned);
    world_destroy(w);
}

Test(snapshot, goes_through_a_store)
{
    world_t *w;
    const snapshot_t *snapshot = s_full(&w, STRATEGY_SSGD, "none");
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    snapshot_store_t *store = NULL;
    snapshot_t *loaded = NULL;
    err_t err = {0};
    cr_assert_eq(snapshot_store_open(kv, NULL, &store, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(snapshot_commit(store, snapshot, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(snapshot_load(store, SNAPSHOT_NEWEST, &loaded, &err), ERR_OK, "%s", err.text);
    shard_spec_t spec = world_spec(w, 0, 0);
    shard_core_t *core = NULL;
    cr_assert_eq(shard_core_restore(&spec, loaded, &core, &err), ERR_OK, "%s", err.text);
    snapshot_destroy(&loaded);
    cr_assert_arr_eq(shard_core_parameters(core), buf_peek(snapshot_peek(snapshot, "parameters")),
                     world_size(w, 0) * sizeof(float));
    cr_assert(ranges_equal(shard_core_applied(core), shard_core_applied(w->shard[0][0])));
    shard_role.destroy((void **)&core);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    world_destroy(w);
}

static uint64_t s_rolled_back(world_t *w, size_t r, size_t k)
{
    world_forget_mail(w);
    world_tick(w, 2000000);
    message_t *m;
    uint64_t found = UINT64_MAX;
    while ((m = world_mail(w, KIND_progress))) {
        char name[64];
        snprintf(name, sizeof name, "shard/region%zu/%zu", r, k);
        if (strcmp(m->from, name) == 0)
            found = m->progress.rolled_back;
        message_destroy(&m);
    }
    return found;
}

/* Restores shard 0 of region 0 from `from`; with `lost` as a loss. */
static void s_restart(world_t *w, const snapshot_t *from, bool loses, uint64_t lost)
{
    snapshot_destroy(&w->out[0][0]);
    shard_role.destroy((void **)&w->shard[0][0]);
    w->incarnation++;
    shard_spec_t spec = world_spec(w, 0, 0);
    spec.history = 4242;
    spec.loses = loses;
    spec.lost = lost;
    cr_assert_eq(shard_core_restore(&spec, from, &w->shard[0][0], NULL), ERR_OK);
}

static snapshot_t *s_copy(const snapshot_t *from)
{
    snapshot_t *copy = snapshot_new(&from->id);
    for (size_t i = 0; i < from->count; i++) {
        buf_t *buf = buf_ref(from->values[i].buf);
        cr_assert_eq(snapshot_add(copy, from->values[i].name, &buf, NULL), ERR_OK);
    }
    return copy;
}

Test(snapshot, a_start_from_an_older_one_is_a_loss_and_counted)
{
    world_t *w = s_world(STRATEGY_ASGD_GA);
    w->topology->checkpoint.every = 1;
    world_run(w);
    world_push(w, 0, 0, 0, s_g);
    snapshot_t *older = s_copy(w->last[0][0]);
    for (uint64_t b = 1; b < 5; b++)
        world_push(w, 0, 0, b, s_g);
    world_tick(w, 30000);
    uint64_t had = 0, has = 0;
    cr_assert_eq(shard_core_count(snapshot_peek(w->last[0][0], "state"), &had, NULL), ERR_OK);
    cr_assert_eq(shard_core_count(snapshot_peek(older, "state"), &has, NULL), ERR_OK);
    cr_assert_eq(had, 5);
    cr_assert_eq(has, 1);
    s_restart(w, older, true, had - has);
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 1);
    cr_assert_eq(s_rolled_back(w, 0, 0), 4);
    cr_assert_eq(w->last[0][0]->id.history, 4242, "numbers of the old history may be out already");
    world_push(w, 0, 0, 1, s_g);
    s_restart(w, w->last[0][0], false, 0);
    cr_assert_eq(w->last[0][0]->id.history, 4242);
    cr_assert_eq(s_rolled_back(w, 0, 0), 4, "it is not forgotten, and not counted twice");
    snapshot_destroy(&older);
    world_destroy(w);
}

/* One region, whose disk is empty though something was stored: nobody else has it, so the report must
 * say it. */
Test(snapshot, a_start_from_nothing_that_is_a_loss_is_counted_and_lasts)
{
    world_t *w = s_world(STRATEGY_ASGD_GA);
    w->topology->checkpoint.every = 1;
    shard_role.destroy((void **)&w->shard[0][0]);
    shard_spec_t spec = world_spec(w, 0, 0);
    spec.history = 4242;
    spec.loses = true;
    spec.lost = 7;
    buf_t *zero = buf_new_zero(spec.elements * sizeof(float));
    w->shard[0][0] = shard_core_new(&spec, &zero);
    world_run(w);
    cr_assert_eq(s_rolled_back(w, 0, 0), 7);
    world_push(w, 0, 0, 0, s_g);
    s_restart(w, w->last[0][0], false, 0);
    cr_assert_eq(s_rolled_back(w, 0, 0), 7, "it is not forgotten, and not counted twice");
    world_destroy(w);
}

#define OPTIMIZER(ID, ...) OPTIMIZER_##ID,
static const optimizer_name_t s_optimizers[] = {
#include "brokers/optimizers.def"
};
#undef OPTIMIZER

/* Shard 0's parameters after eight batches; `stops`: with a restart from what was stored after each. */
static void s_train(optimizer_name_t optimizer, bool stops, float ret_params[ELEMENTS])
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 4, 1);
    t->job.optimizer.name = optimizer;
    t->job.optimizer.lr = 0.1;
    t->job.optimizer.momentum = optimizer_find(optimizer)->momentum ? 0.5 : 0;
    t->checkpoint.every = 1;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 160);
    world_run(w);
    for (uint64_t batch = 0; batch < 8; batch++) {
        float g[ELEMENTS];
        for (size_t i = 0; i < ELEMENTS; i++)
            g[i] = s_g[i] * (batch % 3 ? 0.7F : -0.3F) * (float)(batch + 1);
        world_push(w, 0, 0, batch, g);
        if (stops)
            s_restart(w, w->last[0][0], false, 0);
    }
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 8);
    memcpy(ret_params, shard_core_parameters(w->shard[0][0]), world_size(w, 0) * sizeof *ret_params);
    world_destroy(w);
}

Test(snapshot, an_optimizer_goes_on_as_if_there_had_been_no_stop)
{
    for (size_t i = 0; i < sizeof s_optimizers / sizeof *s_optimizers; i++) {
        float whole[ELEMENTS] = {0}, parts[ELEMENTS] = {0};
        s_train(s_optimizers[i], false, whole);
        s_train(s_optimizers[i], true, parts);
        cr_assert_arr_eq(whole, parts, sizeof whole, "%s", optimizer_find(s_optimizers[i])->name);
    }
}

Test(snapshot, a_state_that_is_none_is_not_counted)
{
    uint64_t count = 7;
    buf_t *short_one = buf_new_zero(4), *zeros = buf_new_zero(64);
    cr_assert_eq(shard_core_count(NULL, &count, NULL), ERR_MALFORMED);
    cr_assert_eq(shard_core_count(short_one, &count, NULL), ERR_MALFORMED);
    cr_assert_neq(shard_core_count(zeros, &count, NULL), ERR_OK);
    cr_assert_eq(count, 7);
    buf_destroy(&short_one);
    buf_destroy(&zeros);
}

/* A sister shard may have applied the batch already, and nobody can compute its gradient at the same
 * parameters again. */
Test(snapshot, a_push_that_waits_for_its_step_at_a_stop_is_applied_after_the_restart)
{
    world_t *w = s_world(STRATEGY_SMA);
    w->cut[0] = w->cut[1] = true;
    for (uint64_t batch = 0; batch < 3; batch++)
        world_push_shard(w, 0, 0, 0, batch, s_g); /* two steps open a round that region1 does not reach */
    world_run(w);
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 2, "the third waits for the round");
    world_send_shard(w, message_new(KIND_stop, "shard/region0/0", "node/region0/x"));
    world_run(w);
    cr_assert(shard_role.finished(w->shard[0][0]));
    world_crash(w, 0, 0);
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 2);
    w->cut[0] = w->cut[1] = false;
    world_push_shard(w, 1, 0, 0, 0, s_g);
    world_push_shard(w, 1, 0, 0, 1, s_g);
    world_settle(w, 4000000);
    cr_assert_eq(ranges_size(shard_core_applied(w->shard[0][0])), 3, "without being pushed again");
    world_destroy(w);
}

/* A snapshot is on its way to the disk for as long as that takes: steps, deltas and rounds meanwhile are
 * none of its affair. */
Test(snapshot, that_is_out_does_not_change)
{
    static const strategy_name_t strategies[] = {STRATEGY_ASGD, STRATEGY_ASGD_GA, STRATEGY_AMA, STRATEGY_SMA,
                                                 STRATEGY_SSGD, STRATEGY_DILOCO,  STRATEGY_ASP};
    for (size_t s = 0; s < sizeof strategies / sizeof *strategies; s++) {
        world_t *w = s_world(strategies[s]);
        w->topology->checkpoint.every = 1;
        world_run(w);
        w->auto_commit = false;
        world_push(w, 0, 0, 0, s_g);
        snapshot_t *out = w->out[0][0], *copy = snapshot_new(&out->id);
        cr_assert_not_null(out);
        for (size_t i = 0; i < out->count; i++) {
            buf_t *buf = buf_new_copy(buf_peek(out->values[i].buf), buf_size(out->values[i].buf));
            cr_assert_eq(snapshot_add(copy, out->values[i].name, &buf, NULL), ERR_OK);
        }
        for (uint64_t batch = 0; batch < 6; batch++) {
            world_push(w, 0, 0, batch, s_g);
            world_push(w, 1, 0, batch, s_g);
            world_tick(w, 30000);
            for (size_t at = 1; at < 4; at++)
                if (w->out[at / 2][at % 2])
                    world_commit(w, at / 2, at % 2, ERR_OK);
            world_run(w);
        }
        cr_assert_eq(w->out[0][0], out);
        for (size_t i = 0; i < copy->count; i++)
            cr_assert_arr_eq(buf_peek(out->values[i].buf), buf_peek(copy->values[i].buf),
                             buf_size(copy->values[i].buf), "%s", copy->values[i].name);
        snapshot_destroy(&copy);
        world_destroy(w);
    }
}
