/* States that shards of earlier versions have stored: they are read, and stored again with the same bytes in
 * the same order, but for fields that were retired since. */
#include "actors/shard/shard_inside.h"
#include "deploy/state/catalog.h"
#include "tests/unit/actors/shard/world.h"

#define GOLDEN SOURCE_DIR "/tests/golden/states.golden"
#define UPDATE                                                                                               \
    "if states are meant to be others (what is stored may only grow!): CLOUDLESS_UPDATE_GOLDEN=1 "           \
    "build/asan/tests/unit.actors.shard.durable.state_test, and commit what it wrote"
#define ELEMENTS 16
#define LINE_MAX_BYTES (1 << 16)

/* A world whose region0 stores all that its strategy can have. */
typedef struct {
    const char *name;
    strategy_name_t strategy;
    const char *encoding;
    double quorum, compensate;
    uint64_t overlap;
    bool sync, stops;
} case_t;

static const case_t cases[] = {
    {"asgd", STRATEGY_ASGD, "none", 1, 0, 0, false, false},
    {"asgd_ga", STRATEGY_ASGD_GA, "topk", 1, 0.04, 0, false, false},
    {"asgd_stopped", STRATEGY_ASGD, "none", 1, 0, 0, true, true},
    {"ama", STRATEGY_AMA, "int8", 1, 0, 0, false, false},
    {"sma", STRATEGY_SMA, "none", 1, 0, 0, false, false},
    {"sma_quorum", STRATEGY_SMA, "none", 0.5, 0, 0, false, false},
    {"ssgd_quorum", STRATEGY_SSGD, "topk", 0.5, 0, 0, false, false},
    {"diloco", STRATEGY_DILOCO, "topk", 1, 0, 0, false, false},
    {"diloco_overlap", STRATEGY_DILOCO, "bf16", 1, 0, 1, false, false},
    {"diloco_async", STRATEGY_DILOCO_ASYNC, "none", 1, 0, 0, false, false},
    {"asp", STRATEGY_ASP, "none", 1, 0, 0, false, false},
};
#define CASES (sizeof cases / sizeof *cases)

static world_t *s_world(const case_t *is)
{
    topology_t *t = world_topology(3, is->strategy, 2, is->sync ? 2 : 1);
    snprintf(t->job.sync.encoding, sizeof t->job.sync.encoding, "%s", is->encoding);
    t->job.sync.topk_ratio = 0.2;
    t->job.sync.quorum = is->quorum;
    t->job.sync.grace_us = 100000;
    t->job.sync.compensate = is->compensate;
    t->job.sync.overlap = is->overlap;
    t->job.sync.inside = is->sync ? INSIDE_SYNC : INSIDE_ASYNC;
    t->job.optimizer.name = OPTIMIZER_MOMENTUM;
    t->job.optimizer.momentum = 0.5;
    t->checkpoint.every = 1;
    t->checkpoint.marks = 2;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 240);
    return w;
}

static void s_tell_mark(world_t *w, uint64_t phase)
{
    message_t *m = message_new(KIND_mark, "shard/region0/0", "scheduler/global");
    m->mark.point = UINT64_C(7) << 32 | 1;
    m->mark.phase = phase;
    message_set_name(m->mark.tag, "mark/epoch-1");
    world_send_shard(w, m);
}

static void s_push_all(world_t *w, uint64_t batch)
{
    for (size_t r = 0; r < 3; r++) {
        float g[ELEMENTS];
        for (size_t i = 0; i < ELEMENTS; i++)
            g[i] = (float)(i + 1) * (float)(r + 1) / 8;
        world_push(w, r, 0, batch, g);
    }
    world_tick(w, 30000);
}

/* A shard that stops stores what it holds, too. */
static void s_stop(shard_core_t *core)
{
    message_t *m = message_new(KIND_stop, "shard/region0/0", "scheduler/region0");
    shard_role.message(core, &m, 1);
}

/* A common point, some rounds of all, some without the last region, and what of all that is still open. */
static void s_live(world_t *w, const case_t *is)
{
    world_run(w);
    for (uint64_t batch = 0; batch < 6; batch++)
        s_push_all(w, batch);
    s_tell_mark(w, 0);
    s_tell_mark(w, 1);
    world_settle(w, 300000);
    w->cut[2] = true;
    for (uint64_t batch = 6; batch < 9; batch++)
        s_push_all(w, batch);
    world_settle(w, is->quorum < 1 ? 2000000 : 200000);
    if (is->overlap)
        return; /* a step beyond the cut of a round that is open */
    s_push_all(w, 9);
    world_push(w, 0, 0, is->sync ? 11 : 10,
               (const float[ELEMENTS]){1, 2, 3}); /* half a step, or what is open */
    world_tick(w, 30000);
}

static void s_write_snapshot(FILE *out, const char *name, const snapshot_t *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        const snapshot_value_t *value = &snapshot->values[i];
        fprintf(out, "%s %s ", name, value->name);
        for (size_t b = 0; b < buf_size(value->buf); b++)
            fprintf(out, "%02x", ((const unsigned char *)buf_peek(value->buf))[b]);
        fputc('\n', out);
    }
}

static void s_update(void)
{
    FILE *out = fopen(GOLDEN, "w");
    cr_assert_not_null(out);
    for (size_t c = 0; c < CASES; c++) {
        world_t *w = s_world(&cases[c]);
        s_live(w, &cases[c]);
        if (cases[c].stops)
            s_stop(w->shard[0][0]);
        world_run(w);
        s_write_snapshot(out, cases[c].name, w->last[0][0]);
        world_destroy(w);
    }
    cr_assert_eq(fclose(out), 0);
}

static buf_t *s_unhex(const char *text)
{
    size_t size = strlen(text) / 2;
    buf_t *buf = buf_new(size);
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        cr_assert_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
        ((unsigned char *)buf_data(buf))[i] = (unsigned char)byte;
    }
    return buf;
}

/* The stored snapshot of a case. */
static snapshot_t *s_golden(const char *name)
{
    snapshot_t *snapshot = snapshot_new(&(snapshot_id_t){.history = 1000, .number = 9, .incarnation = 1});
    FILE *file = fopen(GOLDEN, "r");
    cr_assert_not_null(file, "%s is missing; %s", GOLDEN, UPDATE);
    char *line = malloc(LINE_MAX_BYTES);
    while (fgets(line, LINE_MAX_BYTES, file)) {
        char *value = strchr(line, ' ');
        char *hex = strchr(value + 1, ' ');
        *value++ = *hex++ = '\0';
        hex[strcspn(hex, "\n")] = '\0';
        if (strcmp(line, name) != 0)
            continue;
        buf_t *buf = s_unhex(hex);
        cr_assert_eq(snapshot_add(snapshot, value, &buf, NULL), ERR_OK);
    }
    free(line);
    fclose(file);
    return snapshot;
}

/* The value as this version would write it. */
static buf_t *s_as_now(const snapshot_value_t *value)
{
    if (strcmp(value->name, "state") != 0)
        return buf_ref(value->buf);
    message_t *state = NULL;
    cr_assert_eq(shard_core_decode(value->buf, &state, NULL), ERR_OK);
    buf_t *bytes = catalog_encode(state);
    message_destroy(&state);
    return bytes;
}

static void s_expect_same(const char *name, const snapshot_t *then, const snapshot_t *now)
{
    for (size_t i = 0; i < then->count && i < now->count; i++) {
        const snapshot_value_t *a = &then->values[i], *b = &now->values[i];
        cr_assert_str_eq(a->name, b->name, "%s: %s", name, UPDATE);
        buf_t *stored = s_as_now(a);
        cr_assert_eq(buf_size(stored), buf_size(b->buf), "%s: %s; %s", name, a->name, UPDATE);
        cr_assert_eq(memcmp(buf_peek(stored), buf_peek(b->buf), buf_size(stored)), 0, "%s: %s; %s", name,
                     a->name, UPDATE);
        buf_destroy(&stored);
    }
    cr_assert_eq(then->count, now->count, "%s: %s", name, UPDATE);
}

Test(state, of_earlier_versions_is_read_and_stored_again_as_it_was)
{
    if (getenv("CLOUDLESS_UPDATE_GOLDEN"))
        s_update();
    for (size_t c = 0; c < CASES; c++) {
        world_t *w = s_world(&cases[c]);
        snapshot_t *then = s_golden(cases[c].name), *now = snapshot_new(&then->id);
        shard_spec_t spec = world_spec(w, 0, 0);
        shard_core_t *core = NULL;
        err_t err = {0};
        cr_assert_eq(shard_core_restore(&spec, then, &core, &err), ERR_OK, "%s: %s", cases[c].name, err.text);
        if (cases[c].stops)
            s_stop(core);
        cr_assert(state_values(core->durable, now, NULL));
        s_expect_same(cases[c].name, then, now);
        shard_role.destroy((void **)&core);
        snapshot_destroy(&then);
        snapshot_destroy(&now);
        world_destroy(w);
    }
}

/* Together they have every kind of value that there is. */
Test(state, that_is_pinned_has_all_there_can_be)
{
    static const char *const kinds[] = {"state",      "parameters", "momentum", "open",     "residual",
                                        "start",      "base",       "outer",    "gathered", "queue/",
                                        "cursor/",    "seen/",      "pending/", "relay/",   "relay_cursor/",
                                        "cursor_of/", "held/"};
    bool seen[sizeof kinds / sizeof *kinds] = {0};
    if (getenv("CLOUDLESS_UPDATE_GOLDEN")) /* is being written, beside this */
        return;
    for (size_t c = 0; c < CASES; c++) {
        snapshot_t *snapshot = s_golden(cases[c].name);
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            for (size_t i = 0; i < snapshot->count; i++)
                seen[k] |= strncmp(snapshot->values[i].name, kinds[k], strlen(kinds[k])) == 0;
        snapshot_destroy(&snapshot);
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        cr_assert(seen[k], "no state has %s", kinds[k]);
}
