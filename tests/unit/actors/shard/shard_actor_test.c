/* The shell's part of a shard: which snapshot it goes on from. */
#include "actors/shard/shard_actor.h"

#include "actors/model/model.h"
#include "actors/shard/shard_core.h"
#include "codec/base/failpoint.h"
#include "codec/base/hash.h"
#include "store/kv_lmdb.h"
#include "store/manifest.h"
#include "store/snapshot_store.h"
#include "store/statedir.h"
#include "store/statedir_latest.h"
#include "store/statedir_stores.h"
#include "tests/unit/store/power.h"
#include "tests/unit/store/temp.h"

#include <unistd.h>

static temp_t s_temp;
static err_t s_err;

static void s_setup(void)
{
    temp_init(&s_temp);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(shard_actor, .init = s_setup, .fini = s_teardown);

typedef struct {
    topology_t *topology;
    job_t job;
    shell_spec_t shell;
} bench_t;

static void s_bench(bench_t *bench, size_t regions)
{
    static const char *text = "job:\n  name: t\n  model: ledger\n  data: {kind: counter, samples: 1000}\n"
                              "regions:\n  - {name: a, data_share: 1, workers: 1, shards: 2}\n";
    char whole[512];
    int n = snprintf(
        whole, sizeof whole, "%s%s", text,
        regions == 2 ? "  - {name: b, data_share: 1, workers: 1, shards: 2}\nlinks:\n  - {between: [a, b]}\n"
                     : "");
    *bench = (bench_t){0};
    cr_assert_eq(topology_parse("t", whole, (size_t)n, NULL, 0, &bench->topology, &s_err), ERR_OK, "%s",
                 s_err.text);
    cr_assert_eq(job_derive(bench->topology, 1000, &bench->job, &s_err), ERR_OK);
    shard_actor_t with = {.topology = bench->topology, .job = &bench->job, .state_dir = s_temp.dir};
    shard_actor_fill(&with, &bench->shell);
}

static err_code_t s_open(bench_t *bench, uint64_t incarnation, void **ret_core)
{
    return bench->shell.ops->open(bench->shell.hint, &incarnation, ret_core, &s_err);
}

static void s_end(bench_t *bench, void **core_p)
{
    if (*core_p)
        shard_role.destroy(core_p);
    bench->shell.ops->close(bench->shell.hint);
    topology_destroy(&bench->topology);
}

/* Two snapshots of a shard, the newer one damaged. */
static void s_store_two_and_spoil_one(size_t regions)
{
    bench_t bench;
    char dir[STATEDIR_PATH_MAX], key[KV_KEY_MAX + 1];
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    layout_t layout = {0};
    s_bench(&bench, regions);
    cr_assert_eq(model_layout_of(&(model_spec_t){.name = "ledger"}, &layout, &s_err), ERR_OK);
    shard_spec_t spec = {.topology = bench.topology,
                         .job = &bench.job,
                         .incarnation = 1,
                         .elements = 500,
                         .layout = layout_digest(&layout),
                         .chunk_bytes = 1 << 20,
                         .history = 9};
    buf_t *initial = buf_new_zero(500 * sizeof(float));
    shard_core_t *core = shard_core_new(&spec, &initial);
    cr_assert_eq(statedir_shard(s_temp.dir, "a", 0, 1, dir, &s_err), ERR_OK);
    cr_assert_eq(kv_lmdb_open(dir, NULL, &kv, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(snapshot_store_open(kv, NULL, &store, &s_err), ERR_OK);
    for (uint64_t number = 1; number <= 2; number++) {
        snapshot_t *snapshot = shard_core_take_snapshot(core, 1);
        cr_assert_not_null(snapshot);
        cr_assert_eq(snapshot_commit(store, snapshot, &s_err), ERR_OK);
        snapshot_destroy(&snapshot);
        shard_core_committed(core, number, ERR_OK, 1);
        message_t *stop = message_new(KIND_stop, "shard/a/0", "node/a/x");
        message_t *push = message_new(KIND_push, "shard/a/0", "worker/a/0"); /* a refused batch is a change */
        push->incarnation = 1;
        shard_role.message(core, &push, 1);
        shard_role.message(core, &stop, 1);
    }
    cr_assert_eq(kv_store(kv, manifest_key(2, key), "?", 1, &s_err), ERR_OK);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    void *gone = core;
    s_end(&bench, &gone);
}

Test(shard_actor, one_region_goes_on_from_the_snapshot_before_a_damaged_one)
{
    bench_t bench;
    void *core = NULL;
    s_store_two_and_spoil_one(1);
    s_bench(&bench, 1);
    cr_assert_eq(s_open(&bench, 2, &core), ERR_OK, "%s", s_err.text);
    cr_assert_eq(shard_core_applied(core)->count, 0, "that of the start");
    s_end(&bench, &core);
}

/* Deltas that left with the damaged snapshot are applied elsewhere; going on from before them under the same
 * numbers would apply some batches twice and others never: the other regions are asked first. */
Test(shard_actor, one_of_several_regions_asks_the_others)
{
    bench_t bench;
    void *core = NULL;
    s_store_two_and_spoil_one(2);
    s_bench(&bench, 2);
    cr_assert_eq(s_open(&bench, 2, &core), ERR_OK, "%s", s_err.text);
    shard_role.tick(core, 1);
    size_t asked = 0, counted = 0;
    message_t *message;
    while ((message = outbox_take(shard_role.outbox(core)))) {
        asked += message->kind == KIND_peer_status_want && strcmp(message->to, "shard/b/0") == 0;
        counted += message->kind == KIND_progress;
        message_destroy(&message);
    }
    cr_assert_eq(asked, 1);
    cr_assert_eq(counted, 0, "nobody may count on it yet");
    s_end(&bench, &core);
}

/* ---- a disk that says EIO ---- */

static uint64_t s_stored(bench_t *bench, void *core, uint64_t above)
{
    statedir_latest_t latest = {0};
    int64_t now_us = 1;
    for (int i = 0; i < 100000 && latest.number <= above; i++, now_us += 10000) {
        bench->shell.ops->work(bench->shell.hint, core, now_us);
        if (i % 200 == 0 && statedir_shard_latest(s_temp.dir, "a", 0, &latest, &s_err))
            latest = (statedir_latest_t){0};
        usleep(50);
    }
    return latest.number;
}

/* The store of an incarnation is given up when the disk refuses a commit; everything is written into
 * another one. */
Test(shard_actor, a_suspect_store_is_replaced_from_memory)
{
    bench_t bench;
    void *core = NULL;
    statedir_latest_t latest;
    s_bench(&bench, 1);
    cr_assert_eq(s_open(&bench, 2, &core), ERR_OK, "%s", s_err.text);
    failpoint_arm("store.commit.eio:1");
    uint64_t number = s_stored(&bench, core, 0);
    cr_assert_gt(number, 0, "nothing was stored");
    cr_assert_eq(statedir_shard_latest(s_temp.dir, "a", 0, &latest, &s_err), ERR_OK);
    const char *name = strrchr(latest.path, '/') + 1;
    cr_assert_str_eq(name, "0000000000000002.1");
    s_end(&bench, &core);
    s_bench(&bench, 1); /* and a successor finds it */
    cr_assert_eq(s_open(&bench, 3, &core), ERR_OK, "%s", s_err.text);
    s_end(&bench, &core);
}

/* ---- a power cut ---- */

static void s_check_durability(durability_t durability, bool survives)
{
    static unsigned cuts;
    bench_t bench;
    char left[TEMP_PATH_MAX], name[32];
    void *core = NULL;
    statedir_latest_t latest = {0};
    temp_t before = s_temp;
    snprintf(name, sizeof name, "state-%u", cuts);
    temp_path(&before, name, left);
    snprintf(s_temp.dir, sizeof s_temp.dir, "%.60s", left);
    cr_assert_eq(mkdir(s_temp.dir, 0700), 0);
    s_bench(&bench, 1);
    bench.topology->checkpoint.durability = durability;
    cr_assert_eq(s_open(&bench, 2, &core), ERR_OK, "%s", s_err.text);
    cr_assert_gt(s_stored(&bench, core, 0), 0, "nothing was stored");
    snprintf(name, sizeof name, "left-%u", cuts++);
    power_cut(s_temp.dir, temp_path(&before, name, left));
    bool there = !statedir_shard_latest(left, "a", 0, &latest, &s_err) && latest.number > 0;
    cr_assert_eq(there, survives, "durability %d", (int)durability);
    s_end(&bench, &core);
    s_temp = before;
}

/* Without durability disk it is the model that shows that it can lose something. */
Test(shard_actor, what_it_has_stored_survives_a_power_cut_as_far_as_was_asked_for)
{
    s_check_durability(DURABILITY_DISK, true);
    s_check_durability(DURABILITY_REPLICA, true);
    s_check_durability(DURABILITY_PROCESS, false);
}
