/* The shells of the schedulers: what must be on the disk before they begin. */
#include "tests/unit/store/power.h"

#include "actors/scheduler/global/global_actor.h"
#include "actors/scheduler/region/region_actor.h"
#include "store/kv_lmdb.h"
#include "store/statedir.h"
#include "tests/unit/store/temp.h"

static temp_t s_temp;
static err_t s_err;
static char s_state[TEMP_PATH_MAX], s_left[TEMP_PATH_MAX];
static topology_t *s_topology;

static void s_setup(void)
{
    static const char text[] = "job:\n  name: t\n  model: ledger\n  data: {kind: counter, samples: 1000}\n"
                               "regions:\n  - {name: a, data_share: 1, workers: 1, shards: 2}\n";
    temp_init(&s_temp);
    temp_path(&s_temp, "state", s_state);
    temp_path(&s_temp, "left", s_left);
    statedir_t *state = NULL;
    cr_assert_eq(statedir_open(s_state, "t", "d1g3st", &state, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(statedir_begin_run(state, &(statedir_run_t){.id = 0xab}, &s_err), ERR_OK, "%s", s_err.text);
    statedir_close(&state);
    cr_assert_eq(topology_parse("t", text, sizeof text - 1, NULL, 0, &s_topology, &s_err), ERR_OK, "%s",
                 s_err.text);
}

static void s_teardown(void)
{
    topology_destroy(&s_topology);
    temp_fini(&s_temp);
}

TestSuite(actors, .init = s_setup, .fini = s_teardown);

/* Starts one and ends it, with a power cut between; the incarnation that it took. */
static uint64_t s_live(shell_spec_t *shell, const char *cut_from)
{
    uint64_t incarnation = 0;
    void *core = NULL;
    cr_assert_eq(shell->ops->open(shell->hint, &incarnation, &core, &s_err), ERR_OK, "%s", s_err.text);
    for (int64_t now_us = 1; cut_from && now_us < 5000000; now_us += 500000) {
        shell->role->tick(core, now_us);
        shell->ops->work(shell->hint, core, now_us);
    }
    if (cut_from)
        power_cut(cut_from, s_left);
    shell->role->destroy(&core);
    shell->ops->close(shell->hint);
    return incarnation;
}

static uint64_t s_region(const char *state, bool cut)
{
    region_actor_t with = {.topology = s_topology, .state_dir = state};
    shell_spec_t shell = {.name = "scheduler/a"};
    region_actor_fill(&with, &shell);
    return s_live(&shell, cut ? state : NULL);
}

static uint64_t s_global(const char *state, bool cut)
{
    global_actor_t with = {.topology = s_topology, .state_dir = state};
    shell_spec_t shell = {.name = "scheduler/global"};
    global_actor_fill(&with, &shell);
    return s_live(&shell, cut ? state : NULL);
}

Test(actors, no_term_of_a_region_is_used_twice_whatever_the_power_does)
{
    uint64_t before = s_region(s_state, true);
    cr_assert_gt(s_region(s_left, false) >> 32, before >> 32);
}

Test(actors, no_incarnation_of_the_global_scheduler_is_used_twice_whatever_the_power_does)
{
    uint64_t before = s_global(s_state, true);
    cr_assert_gt(s_global(s_left, false), before);
}

/* A decision is told to others only when it is stored. */
Test(actors, what_the_global_scheduler_keeps_is_there_after_a_power_cut)
{
    char path[TEMP_PATH_MAX + 16];
    kv_t *kv = NULL;
    kv_keys_t keys = {0};
    kv_lmdb_options_t options = {.read_only = true};
    s_global(s_state, true);
    snprintf(path, sizeof path, "%s/run/global", s_left);
    cr_assert_eq(kv_lmdb_open(path, &options, &kv, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(kv_keys(kv, "", &keys, &s_err), ERR_OK);
    cr_assert_gt(keys.count, 0);
    kv_keys_fini(&keys);
    kv_destroy(&kv);
}
