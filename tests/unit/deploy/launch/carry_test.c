/* A directory that is left with one number of epochs and gone on with under another, in rounds of all
 * regions. */
#include "deploy/launch/carry.h"

#include "actors/model/model.h"
#include "actors/shard/durable/carry.h"
#include "codec/base/ranges.h"
#include "deploy/cli/checkpoint/build.h"
#include "deploy/state/catalog.h"
#include "store/file.h"
#include "tests/unit/store/temp.h"

static temp_t s_temp;
static char s_file[TEMP_PATH_MAX], s_state[TEMP_PATH_MAX];
static err_t s_err;

static void s_setup(void)
{
    static const char text[] =
        "job: {name: j, model: ledger, data: {kind: counter, samples: 600}, epochs: 2, batch: 10,\n"
        "  sync: {strategy: sma, every: 64}}\n"
        "regions:\n  - {name: eu, data_share: 1, workers: 1, shards: 1}\n"
        "  - {name: us, data_share: 1, workers: 1, shards: 1}\n"
        "links:\n  - {between: [eu, us]}\n";
    temp_init(&s_temp);
    temp_path(&s_temp, "job.yaml", s_file);
    temp_path(&s_temp, "state", s_state);
    s_err = (err_t){0};
    cr_assert_eq(file_write(s_file, text, strlen(text), &s_err), ERR_OK, "%s", s_err.text);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(carry_on, .init = s_setup, .fini = s_teardown);

static launch_t s_launch(const char *const *sets, size_t set_count)
{
    launch_t launch;
    launch_init(&launch);
    s_err = (err_t){0};
    cr_assert_eq(launch_read(&launch, s_file, sets, set_count, NULL, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(launch_look_dataset(&launch, LAUNCH_ALL, false, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(launch_choose_state(&launch, s_state, &s_err), ERR_OK, "%s", s_err.text);
    launch.sets = sets;
    launch.set_count = set_count;
    return launch;
}

/* As `up` takes it, with --resume where there is something to resume. */
static err_code_t s_up(const char *epochs, bool resume)
{
    char set[64];
    const char *sets = set;
    snprintf(set, sizeof set, "job.epochs=%s", epochs);
    launch_t launch = s_launch(&sets, 1);
    launch.carries = resume;
    err_code_t code = launch_take_state(&launch, &s_err);
    launch_fini(&launch);
    return code;
}

static err_code_t s_by_hand(const char *epochs, const char *role)
{
    char set[64];
    const char *sets = set;
    snprintf(set, sizeof set, "job.epochs=%s", epochs);
    launch_t launch = s_launch(&sets, 1);
    err_code_t code = launch_join_state(&launch, role, &s_err);
    launch_fini(&launch);
    return code;
}

/* A shard of a region, which has applied so many batches of a job of two epochs. */
static void s_store(const char *region, uint64_t incarnation, uint64_t applied)
{
    launch_t launch = s_launch(NULL, 0);
    layout_t layout;
    range_t have = {0, applied};
    ranges_t ranges = {.items = &have, .count = 1};
    uint64_t batches = launch.job.regions[0].batches;
    cr_assert_eq(model_layout_of(&(model_spec_t){.name = "ledger"}, &layout, NULL), ERR_OK);
    message_t *state = message_new(KIND_shard_state, "shard", "shard");
    message_set_name(state->shard_state.region, region);
    state->shard_state.batches = batches;
    state->shard_state.rate = shard_carry_rate(launch.topology);
    state->shard_state.closed = applied == batches;
    state->shard_state.layout = layout_digest(&layout);
    message_set_ranges(&state->shard_state.applied, &ranges);
    message_set_rows(&state->shard_state.regions, 2);
    for (size_t r = 0; r < 2; r++)
        state->shard_state.regions.items[r].final = applied == batches;
    snapshot_id_t id = {.incarnation = incarnation, .number = 1};
    snapshot_t *snapshot = snapshot_new(&id);
    buf_t *bytes = catalog_encode(state);
    cr_assert_eq(snapshot_add(snapshot, "state", &bytes, NULL), ERR_OK);
    char path[STATEDIR_PATH_MAX];
    store_place_t place = stores_place(STORE_SHARD, region, 0, incarnation);
    build_t build = {0};
    cr_assert_eq(stores_path(s_state, &place, path, &s_err), ERR_OK);
    cr_assert_eq(build_begin(&build, path, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(build_add(&build, snapshot, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(build_verify(&build, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(build_place(&build, &s_err), ERR_OK, "%s", s_err.text);
    build_fini(&build);
    snapshot_destroy(&snapshot);
    message_destroy(&state);
    launch_fini(&launch);
}

static buf_t *s_read(const char *name)
{
    char path[TEMP_PATH_MAX + 32];
    buf_t *text = NULL;
    snprintf(path, sizeof path, "%s/%s", s_state, name);
    cr_assert_eq(file_read(path, 65536, &text, &s_err), ERR_OK, "%s", s_err.text);
    return text;
}

static void s_expect_same(const char *name, buf_t **before_p)
{
    buf_t *now = s_read(name);
    cr_expect(buf_size(now) == buf_size(*before_p) &&
                  !memcmp(buf_peek(now), buf_peek(*before_p), buf_size(now)),
              "%s was changed", name);
    buf_destroy(&now);
    buf_destroy(before_p);
}

Test(carry_on, by_hand_who_is_refused_leaves_the_directory_as_it_was)
{
    cr_assert_eq(s_up("2", false), ERR_OK, "%s", s_err.text);
    s_store("eu", (uint64_t)1 << 32 | 1, 40);
    buf_t *job = s_read("job"), *topology = s_read("topology.yaml");
    static const char *const roles[] = {"node-eu-a", "broker-eu", "scheduler"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        cr_expect_eq(s_by_hand("3", roles[i]), ERR_JOB, "%s", roles[i]);
        cr_expect(strstr(s_err.text, "job.epochs cannot change now") && strstr(s_err.text, "--state"), "%s",
                  s_err.text);
    }
    s_expect_same("job", &job);
    s_expect_same("topology.yaml", &topology);
    cr_expect_eq(s_by_hand("2", "node-eu-a"), ERR_OK, "%s", s_err.text);
}

Test(carry_on, by_hand_a_directory_without_shards_is_carried_on)
{
    cr_assert_eq(s_up("2", false), ERR_OK, "%s", s_err.text);
    cr_expect_eq(s_by_hand("3", "scheduler"), ERR_OK, "%s", s_err.text);
}

static void s_expect_changes(const char *changes)
{
    statedir_run_t run, noted = {0};
    buf_t *topology = s_read("topology.yaml");
    cr_assert_eq(statedir_run(s_state, &run, NULL), ERR_OK);
    statedir_find_changes(buf_peek(topology), buf_size(topology), &noted);
    cr_expect_str_eq(run.changes, changes);
    cr_expect_str_eq(noted.changes, changes, "beside the topology, too");
    buf_destroy(&topology);
}

/* Done, carried on, and put back to just before the old end (checkpoint restore). */
Test(carry_on, what_was_put_back_to_before_it_was_carried_on_ends_as_it_was_first)
{
    cr_assert_eq(s_up("2", false), ERR_OK, "%s", s_err.text);
    uint64_t end = 2 * 30;
    s_store("eu", (uint64_t)1 << 32 | 1, end);
    s_store("us", (uint64_t)1 << 32 | 1, end);
    cr_assert_eq(s_up("3", true), ERR_OK, "%s", s_err.text);
    s_expect_changes("job.epochs 2 3\n");
    s_store("eu", (uint64_t)9 << 32 | 1, end - 1);
    s_store("us", (uint64_t)9 << 32 | 1, end - 3);
    buf_t *job = s_read("job"), *topology = s_read("topology.yaml");
    cr_expect_eq(s_up("3", true), ERR_JOB);
    cr_expect_not_null(strstr(s_err.text, "go on with --resume --set job.epochs=2, "), "%s", s_err.text);
    s_expect_same("job", &job);
    s_expect_same("topology.yaml", &topology);
    cr_expect_eq(s_up("2", true), ERR_OK, "%s", s_err.text);
    s_expect_changes("job.epochs 2 3\njob.epochs 3 2\n");
}
