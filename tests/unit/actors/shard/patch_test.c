/* Pushes and pulls of a few elements: shard 0 has elements 0 to 11 of 24, with 4 in a row. */
#include "tests/unit/actors/shard/world.h"

#include "codec/tensor/patch.h"

#include <math.h>

#define ELEMENTS 24
#define SIZE 12 /* of shard 0 */

static world_t *s_world_of(inside_t inside, uint64_t workers, strategy_name_t strategy, size_t regions)
{
    topology_t *t = world_topology(regions, strategy, 2, workers);
    t->job.optimizer.lr = 1;
    t->job.sync.inside = inside;
    world_t *w = world_new(t, ELEMENTS);
    w->checksums = w->patches = true;
    world_start(w, 80 * regions);
    world_run(w);
    return w;
}

static world_t *s_world(void)
{
    return s_world_of(INSIDE_ASYNC, 2, STRATEGY_ASGD_GA, 1);
}

static uint64_t s_samples(const world_t *w, uint64_t batch)
{
    uint64_t first, end;
    job_batch_samples(&w->job.regions[0], batch, &first, &end);
    return end - first;
}

static message_t *s_message(const world_t *w, size_t worker, uint64_t batch)
{
    char from[64];
    snprintf(from, sizeof from, "worker/region0/%zu", worker);
    message_t *m = message_new(KIND_push, "shard/region0/0", from);
    m->incarnation = 1;
    m->number = m->push.batch = batch;
    m->push.samples = s_samples(w, batch);
    m->push.chunk_count = 1;
    m->push.total = SIZE;
    return m;
}

static void s_set_data(message_t *m, const void *data, size_t bytes, uint64_t *checksum)
{
    slice_fini(&m->data);
    buf_t *buf = buf_new_copy(data, bytes);
    m->data = slice_of(buf, 0, bytes);
    buf_destroy(&buf);
    *checksum = hash_checksum(data, bytes);
}

/* A patch of one run of 4 elements, all of a value. */
static message_t *s_push(const world_t *w, size_t worker, uint64_t batch, uint32_t first, float value)
{
    uint32_t words[6] = {first, 4};
    for (size_t i = 2; i < 6; i++)
        memcpy(words + i, &value, sizeof value);
    message_t *m = s_message(w, worker, batch);
    m->push.patch = 2;
    m->push.words = 6;
    s_set_data(m, words, sizeof words, &m->push.checksum);
    return m;
}

static err_code_t s_send(world_t *w, message_t *m)
{
    world_forget_mail(w);
    world_send_shard(w, m);
    message_t *ack = world_mail(w, KIND_push_ack);
    cr_assert(ack && ack->push_ack.applied);
    err_code_t code = (err_code_t)ack->push_ack.code;
    message_destroy(&ack);
    return code;
}

/* The three rows of shard 0, each of equal elements. */
static void s_expect(const world_t *w, float a, float b, float c)
{
    const float *p = shard_core_parameters(w->shard[0][0]), rows[] = {a, b, c};
    for (size_t i = 0; i < SIZE; i++)
        cr_assert_eq(p[i], rows[i / 4], "element %zu is %g", i, (double)p[i]);
}

Test(patch, changes_its_rows_alone)
{
    world_t *w = s_world();
    cr_assert_eq(s_send(w, s_push(w, 0, 0, 4, 2)), ERR_OK);
    s_expect(w, 0, -2, 0);
    cr_assert_eq(s_send(w, s_push(w, 1, 1, 8, 3)), ERR_OK);
    s_expect(w, 0, -2, -3);
    world_destroy(w);
}

Test(patch, that_comes_in_pieces_and_twice_is_applied_once)
{
    world_t *w = s_world();
    message_t *pieces[3];
    for (size_t i = 0; i < 3; i++) {
        message_t *m = pieces[i] = s_push(w, 0, 5, 4, 2);
        char words[24];
        memcpy(words, slice_peek(&m->data), sizeof words);
        m->push.chunk = m->push.offset = i;
        m->push.offset *= 2;
        m->push.chunk_count = 3;
        s_set_data(m, words + 8 * i, 8, &m->push.checksum);
    }
    static const size_t order[] = {2, 0, 0, 2, 1};
    for (size_t i = 0; i < 5; i++) {
        message_t *m = message_dup(pieces[order[i]]);
        s_expect(w, 0, 0, 0);
        world_send_shard(w, m);
    }
    s_expect(w, 0, -2, 0);
    s_send(w, s_push(w, 1, 5, 4, 2));
    s_expect(w, 0, -2, 0);
    for (size_t i = 0; i < 3; i++)
        message_destroy(&pieces[i]);
    world_destroy(w);
}

Test(patch, of_nothing_is_a_step_all_the_same)
{
    world_t *w = s_world();
    message_t *m = s_message(w, 0, 0);
    m->push.patch = 1;
    m->push.checksum = hash_checksum("", 0);
    cr_assert_eq(s_send(w, m), ERR_OK);
    s_expect(w, 0, 0, 0);
    cr_assert(ranges_has(shard_core_applied(w->shard[0][0]), 0));
    world_destroy(w);
}

/* Whoever still reads a version is not disturbed, and has all of the next one, too. */
Test(patch, leaves_a_version_alone_that_somebody_reads)
{
    world_t *w = s_world();
    s_send(w, s_push(w, 0, 0, 0, 1));
    uint64_t request = world_ask(w, 0, 0, 1, false);
    s_send(w, s_push(w, 1, 1, 4, 2)); /* forgets the mail; so asked again */
    request = world_ask(w, 0, 0, 1, false);
    message_t *held = world_mail(w, KIND_params);
    while (held && (held->number != request || strcmp(held->from, "shard/region0/0"))) {
        message_destroy(&held);
        held = world_mail(w, KIND_params);
    }
    float before[4];
    cr_assert_not_null(held);
    cr_assert_eq(held->params.offset, 0);
    s_send(w, s_push(w, 0, 2, 0, 5));
    s_expect(w, -6, -2, 0);
    memcpy(before, slice_peek(&held->data), sizeof before);
    cr_assert_eq(before[0], -1);
    message_destroy(&held);
    world_destroy(w);
}

/* A version is held over most steps: these go into fresh buffers, or into older ones that lack a step. */
Test(patch, steps_are_the_same_whoever_reads_in_between)
{
    world_t *w = s_world();
    float expected[SIZE] = {0};
    for (uint64_t b = 0; b < w->job.regions[0].batches; b++) {
        uint32_t first = (uint32_t)(b * 5 % 9);
        if (b % 5)
            world_ask(w, 0, 1, b, true);
        message_t *held = world_mail(w, KIND_params);
        s_send(w, s_push(w, 0, b, first, (float)(b + 1)));
        message_destroy(&held);
        for (size_t i = 0; i < 4; i++)
            expected[first + i] -= (float)(b + 1);
        cr_assert_arr_eq(shard_core_parameters(w->shard[0][0]), expected, sizeof expected, "batch %zu",
                         (size_t)b);
    }
    world_destroy(w);
}

/* A patch of 6 words is short beside 200 elements, not beside 12. */
Test(patch, snapshots_have_what_has_changed_since_one_was_whole)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 2, 2);
    t->job.optimizer.lr = 1;
    t->checkpoint.every = 1;
    world_t *w = world_new(t, 400);
    w->checksums = w->patches = true;
    world_start(w, 80);
    world_run(w);
    for (uint64_t b = 0; b < 8; b++) {
        message_t *m = s_push(w, 0, b, (uint32_t)(20 * b), 1);
        m->push.total = 200;
        cr_assert_eq(s_send(w, m), ERR_OK);
        const buf_t *patch = snapshot_peek(w->last[0][0], "parameters_patch");
        cr_assert(patch && buf_size(patch) == 8 + 24 * (b + 1), "batch %zu", (size_t)b);
    }
    world_crash(w, 0, 0);
    const float *p = shard_core_parameters(w->shard[0][0]);
    for (size_t i = 0; i < 200; i++)
        cr_assert_eq(p[i], i % 20 < 4 && i < 160 ? -1 : 0, "element %zu", i);
    world_destroy(w);
}

typedef struct {
    uint32_t index[4];
    uint64_t patch, words, samples;
    bool nan;
    err_code_t code;
} wrong_t;

static const wrong_t s_wrong[] = {
    {{9, 4}, 2, 6, 4, false, ERR_MALFORMED},              /* beyond the shard */
    {{0, 0}, 2, 6, 4, false, ERR_MALFORMED},              /* empty */
    {{0, 3}, 2, 6, 4, false, ERR_SHAPE},                  /* fewer values than came */
    {{0, 5}, 2, 6, 4, false, ERR_SHAPE},                  /* more */
    {{0, 1, 1, 1}, 3, 6, 4, false, ERR_MALFORMED},        /* without a gap */
    {{4, 1, 0, 1}, 3, 6, 4, false, ERR_MALFORMED},        /* not ascending */
    {{UINT32_MAX - 3, 4}, 2, 6, 4, false, ERR_NUMBER},    /* not even a number */
    {{0, 4}, 4, 6, 4, false, ERR_SHAPE},                  /* no room for so many runs */
    {{0, 4}, UINT64_MAX, 6, 4, false, ERR_SHAPE},         /* nor for these */
    {{0, 4}, 2, SIZE + 1, 4, false, ERR_SHAPE},           /* longer than the shard */
    {{0, 4}, 2, UINT64_MAX / 4 + 2, 4, false, ERR_SHAPE}, /* overflows */
    {{0, 4}, 1, 6, 4, false, ERR_SHAPE},                  /* none, and words */
    {{0, 4}, 2, 0, 4, false, ERR_SHAPE},
    {{0, 4}, 2, 6, 3, false, ERR_SHAPE}, /* samples */
    {{0, 4}, 2, 6, 4, true, ERR_NUMBER},
};

Test(patch, that_is_wrong_changes_nothing_and_is_recorded)
{
    world_t *w = s_world();
    for (size_t i = 0; i < sizeof s_wrong / sizeof *s_wrong; i++) {
        const wrong_t *wrong = &s_wrong[i];
        float values[2] = {1, wrong->nan ? NAN : 1};
        uint32_t words[6];
        memcpy(words, wrong->index, sizeof wrong->index);
        if (wrong->patch != 3)
            memcpy(words + 2, values, sizeof values);
        memcpy(words + 4, values, sizeof values);
        message_t *m = s_message(w, 0, i);
        m->push.patch = wrong->patch;
        m->push.words = wrong->words;
        m->push.samples = wrong->samples;
        s_set_data(m, words, sizeof words, &m->push.checksum);
        cr_assert_eq(s_send(w, m), wrong->code, "row %zu", i);
        s_expect(w, 0, 0, 0);
    }
    world_destroy(w);
}

Test(patch, is_refused_where_a_step_changes_rows_without_a_gradient)
{
    world_t *w = world_new(world_topology(1, STRATEGY_ASGD_GA, 4, 2), ELEMENTS);
    w->checksums = true;
    world_start(w, 80);
    cr_assert_eq(s_send(w, s_push(w, 0, 0, 4, 2)), ERR_SHAPE);
    s_expect(w, 0, 0, 0);
    world_destroy(w);
}

/* Of a step of several batches each has its rows; one is whole. */
Test(patch, is_added_to_others_of_its_step)
{
    world_t *w = s_world_of(INSIDE_SYNC, 3, STRATEGY_ASGD_GA, 1);
    double n[6], all[2] = {0};
    for (uint64_t i = 0; i < 6; i++)
        all[i / 3] += n[i] = (double)s_samples(w, i);
    world_send_shard(w, s_push(w, 0, 0, 0, 3));
    world_send_shard(w, s_push(w, 1, 1, 4, 6));
    s_expect(w, 0, 0, 0);
    s_send(w, s_push(w, 2, 2, 0, 9));
    float a = 0 - (float)((n[0] * 3 + n[2] * 9) / all[0]), b = 0 - (float)(n[1] * 6 / all[0]);
    s_expect(w, a, b, 0);
    const float g[ELEMENTS] = {0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4};
    world_push_shard(w, 0, 0, 0, 3, g);
    world_send_shard(w, s_push(w, 1, 4, 0, 0));
    s_send(w, s_push(w, 2, 5, 8, 0));
    s_expect(w, a, b, 0 - (float)(n[3] * 4 / all[1]));
    world_destroy(w);
}

static void s_stop(world_t *w)
{
    world_send_shard(w, message_new(KIND_stop, "shard/region0/0", "scheduler/region0"));
    world_settle(w, 200000);
}

/* A stop does not lose it. */
Test(patch, that_waits_at_a_stop_is_stored)
{
    world_t *w = s_world_of(INSIDE_SYNC, 2, STRATEGY_ASGD_GA, 1);
    world_send_shard(w, s_push(w, 0, 1, 4, 2));
    message_t *empty = s_message(w, 0, 3);
    empty->push.patch = 1;
    empty->push.checksum = hash_checksum("", 0);
    world_send_shard(w, empty);
    s_stop(w);
    world_crash(w, 0, 0);
    world_run(w);
    s_expect(w, 0, 0, 0);
    s_send(w, s_push(w, 0, 0, 0, 4));
    double a = (double)s_samples(w, 0), b = (double)s_samples(w, 1);
    s_expect(w, 0 - (float)(a * 4 / (a + b)), 0 - (float)(b * 2 / (a + b)), 0);
    s_send(w, s_push(w, 0, 2, 8, 0));
    cr_assert(ranges_has(shard_core_applied(w->shard[0][0]), 3));
    world_destroy(w);
}

/* The snapshot, with other bytes for the push that waits. */
static err_code_t s_restore(const world_t *w, const void *bytes, size_t size)
{
    const snapshot_t *last = w->last[0][0];
    snapshot_t *copy = snapshot_new(&last->id);
    for (size_t i = 0; i < last->count; i++) {
        bool held = !strcmp(last->values[i].name, "held_patch/1");
        buf_t *buf = held ? buf_new_copy(bytes, size) : buf_ref(last->values[i].buf);
        cr_assert_eq(snapshot_add(copy, last->values[i].name, &buf, NULL), ERR_OK);
    }
    shard_core_t *core = NULL;
    shard_spec_t spec = world_spec(w, 0, 0);
    err_code_t code = shard_core_restore(&spec, copy, &core, NULL);
    snapshot_destroy(&copy);
    if (!code)
        shard_role.destroy((void **)&core);
    return code;
}

Test(patch, that_is_stored_and_wrong_is_no_state)
{
    world_t *w = s_world_of(INSIDE_SYNC, 2, STRATEGY_ASGD_GA, 1);
    world_send_shard(w, s_push(w, 0, 1, 4, 2));
    s_stop(w);
    cr_assert_not_null(snapshot_peek(w->last[0][0], "held_patch/1"));
    uint32_t words[8] = {1, 0, 4, 4};
    cr_assert_eq(s_restore(w, words, sizeof words), ERR_OK);
    cr_assert_eq(s_restore(w, words, 30), ERR_SHAPE);
    cr_assert_eq(s_restore(w, words, 28), ERR_SHAPE, "a value is missing");
    cr_assert_eq(s_restore(w, words, 4), ERR_MALFORMED);
    words[0] = 3;
    cr_assert_eq(s_restore(w, words, sizeof words), ERR_SHAPE, "no room for so many runs");
    words[0] = words[1] = 1;
    cr_assert_eq(s_restore(w, words, sizeof words), ERR_SHAPE);
    words[1] = 0;
    words[2] = SIZE - 3;
    cr_assert_eq(s_restore(w, words, sizeof words), ERR_MALFORMED, "beyond the shard");
    world_destroy(w);
}

/* -- the same run, whichever way gradients come */

#define TABLE 400 /* elements, in rows of 4; 200 of them in shard 0 */
#define IN_TABLE (TABLE / WORLD_SHARDS)

static world_t *s_table(optimizer_name_t optimizer, layout_t *layout)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 2, 2);
    t->job.optimizer.lr = 0.1;
    t->job.optimizer.name = optimizer;
    t->job.sync.inside = INSIDE_SYNC;
    t->checkpoint.every = 3;
    *layout = (layout_t){0};
    cr_assert_eq(layout_add(layout, "table", 2, (size_t[]){TABLE / 4, 4}, NULL), ERR_OK);
    layout_last(layout)->sparse = true;
    world_t *w = world_new(t, TABLE);
    w->checksums = w->patches = true;
    w->tensors = layout;
    world_start(w, 160);
    world_run(w);
    return w;
}

/* Two rows and a half of a value that differs, of which some is 0. */
static void s_gradient(uint64_t batch, float *ret_g)
{
    memset(ret_g, 0, TABLE * sizeof *ret_g);
    for (size_t row = 0; row < 2; row++)
        for (size_t i = 0; i < 4; i++)
            ret_g[(batch * 7 + row * 13) % 50 * 4 + i] = i == 1 ? 0 : 0.3F * (float)(batch + i) + (float)row;
}

static message_t *s_push_rows(const world_t *w, uint64_t batch, const float *g)
{
    ranges_t rows = {0};
    patch_t *patch = NULL;
    uint32_t words[IN_TABLE];
    for (size_t i = 0; i < IN_TABLE; i++)
        if (g[i] > 0)
            cr_assert_eq(ranges_add(&rows, i / 4 * 4, i / 4 * 4 + 4), ERR_OK);
    cr_assert_eq(patch_new(&rows, 0, IN_TABLE, &patch), ERR_OK);
    patch_index(patch, words);
    patch_gather(patch, g, (float *)(void *)(words + 2 * patch->runs.count));
    message_t *m = s_message(w, batch % 2, batch);
    m->push.total = IN_TABLE;
    m->push.patch = 1 + patch->runs.count;
    m->push.words = patch_words(patch);
    s_set_data(m, words, m->push.words * 4, &m->push.checksum);
    patch_destroy(&patch);
    ranges_fini(&rows);
    return m;
}

static void s_check_same(optimizer_name_t optimizer)
{
    layout_t layouts[2];
    float g[TABLE];
    uint64_t crash = 10;
    world_t *rows = s_table(optimizer, &layouts[0]), *whole = s_table(optimizer, &layouts[1]);
    for (uint64_t b = 0; b < rows->job.regions[0].batches; b++) {
        s_gradient(b, g);
        world_send_shard(rows, s_push_rows(rows, b, g));
        world_push_shard(whole, 0, b % 2, 0, b, g);
        world_run(whole);
        if (b == crash) {
            crash += 11;
            world_crash(rows, 0, 0);
            b = ranges_size(shard_core_applied(rows->shard[0][0])) - 1;
            world_crash(whole, 0, 0);
            cr_assert_eq(ranges_size(shard_core_applied(whole->shard[0][0])), b + 1);
        }
        const float *a = shard_core_parameters(rows->shard[0][0]);
        cr_assert_arr_eq(a, shard_core_parameters(whole->shard[0][0]), IN_TABLE * sizeof *a, "batch %zu",
                         (size_t)b);
    }
    cr_assert_lt(shard_core_parameters(rows->shard[0][0])[2], 0);
    world_destroy(rows);
    world_destroy(whole);
}

Test(patch, run_is_the_same_bit_for_bit_as_of_whole_gradients)
{
    s_check_same(OPTIMIZER_SGD);
    s_check_same(OPTIMIZER_ADAGRAD);
}

/* -- pulls */

static message_t *s_pull(const uint32_t *index, size_t runs, uint64_t request, uint64_t after)
{
    message_t *m = message_new(KIND_pull, "shard/region0/0", "worker/region0/0");
    m->incarnation = 1;
    m->number = request;
    m->pull.batch = 7;
    m->pull.some = true;
    m->pull.after = after;
    s_set_data(m, index, runs * 8, &m->pull.checksum);
    return m;
}

Test(patch, pull_gets_what_it_names)
{
    world_t *w = s_world();
    s_send(w, s_push(w, 0, 0, 4, 2));
    world_send_shard(w, s_pull((uint32_t[]){2, 4, 9, 1}, 2, 3, 0));
    float values[5];
    size_t have = 0;
    message_t *m;
    while ((m = world_mail(w, KIND_params))) { /* chunks of 4 */
        cr_assert_eq(m->number, 3);
        cr_assert_eq(m->params.total, 5);
        cr_assert_eq(m->params.chunk_count, 2);
        cr_assert_eq(m->params.checksum, hash_checksum(slice_peek(&m->data), m->data.size_bytes));
        memcpy(values + m->params.offset, slice_peek(&m->data), m->data.size_bytes);
        have += m->data.size_bytes / sizeof(float);
        message_destroy(&m);
    }
    cr_assert_eq(have, 5);
    cr_assert_arr_eq(values, ((float[]){0, 0, -2, -2, 0}), sizeof values);
    world_destroy(w);
}

Test(patch, pull_of_nothing_is_answered)
{
    world_t *w = s_world();
    world_send_shard(w, s_pull(NULL, 0, 3, 0));
    message_t *m = world_mail(w, KIND_params);
    cr_assert(m && m->number == 3 && m->params.total == 0 && m->params.chunk_count == 1);
    message_destroy(&m);
    world_destroy(w);
}

Test(patch, pull_goes_behind_the_push_that_it_names)
{
    world_t *w = s_world();
    world_send_shard(w, s_pull((uint32_t[]){4, 1}, 1, 3, 6 + 1));
    cr_assert_null(world_mail(w, KIND_params));
    world_send_shard(w, s_push(w, 0, 6, 4, 2));
    message_t *m = world_mail(w, KIND_params);
    float value;
    cr_assert_not_null(m);
    memcpy(&value, slice_peek(&m->data), sizeof value);
    cr_assert_eq(value, -2);
    message_destroy(&m);
    world_destroy(w);
}

Test(patch, pull_that_is_wrong_is_refused_and_the_one_before_goes_on)
{
    world_t *w = s_world();
    world_send_shard(w, s_pull((uint32_t[]){4, 1}, 1, 3, 6 + 1));
    world_forget_mail(w);
    static const uint32_t wrong[][4] = {{SIZE, 1}, {0, SIZE + 1}, {4, 1, 4, 1}, {4, 0}};
    for (size_t i = 0; i < 4; i++) {
        world_send_shard(w, s_pull(wrong[i], i == 2 ? 2 : 1, 4, 0));
        message_t *refused = world_mail(w, KIND_refused);
        cr_assert(refused && refused->refused.code == ERR_MALFORMED, "row %zu", i);
        message_destroy(&refused);
    }
    message_t *m = s_pull((uint32_t[]){4, 1}, 1, 4, 0);
    m->pull.checksum ^= 1;
    world_send_shard(w, m);
    m = world_mail(w, KIND_refused);
    cr_assert(m && m->refused.code == ERR_CHECKSUM);
    message_destroy(&m);
    world_send_shard(w, s_push(w, 0, 6, 4, 2));
    m = world_mail(w, KIND_params);
    cr_assert(m && m->number == 3);
    message_destroy(&m);
    world_destroy(w);
}
