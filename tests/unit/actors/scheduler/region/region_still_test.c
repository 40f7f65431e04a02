/* How long a region stood still, and why: counted while there is something to apply, told with who was
 * waited for. */
#include "store/kv_mem.h"
#include "tests/unit/actors/scheduler/region/region_nodes_bench.h"

static void s_applied(bench_t *b, uint64_t applied)
{
    message_t *m = s_progress_of(b, 1 + applied);
    ranges_t set = {0};
    cr_assert_eq(ranges_add(&set, 0, applied), ERR_OK);
    message_set_ranges(&m->progress.applied, &set);
    message_set_ranges(&m->progress.durable, &set);
    ranges_fini(&set);
    m->progress.steps = applied;
    s_give(b, m);
    s_hear(b);
}

/* A worker was leased something: there is training. */
static bench_t *s_training(void)
{
    bench_t *b = s_bench_of(0, false, 1);
    s_start(b);
    s_applied(b, 0);
    s_pass(b, SECOND);
    message_t *want = message_new(KIND_lease_want, NAME, "worker/eu/0");
    want->incarnation = s_placed(b, "worker/eu/0")->incarnation;
    s_give(b, want);
    s_pass(b, 100 * MS);
    return b;
}

static void s_expect(const bench_t *b, double still_s, const char *why)
{
    double seconds = (double)b->report->region_report.still_us / 1e6;
    cr_assert(seconds >= still_s - 0.5 && seconds <= still_s + 0.5, "%g s, not %g s", seconds, still_s);
    const char *told = b->report->region_report.still_why ? b->report->region_report.still_why : "";
    cr_assert_str_eq(told, why);
}

Test(region_still, the_longest_time_without_a_batch_counts)
{
    bench_t *b = s_training();
    for (uint64_t applied = 1; applied < 5; applied++) {
        s_pass(b, applied == 3 ? 4 * SECOND : SECOND);
        s_applied(b, applied);
    }
    s_pass(b, SECOND);
    s_expect(b, 4, "");
    s_free(b);
}

Test(region_still, nothing_counts_before_training_and_after_all_is_done)
{
    bench_t *b = s_bench_of(0, false, 1);
    s_start(b);
    s_pass(b, 9 * SECOND);
    s_expect(b, 0, "");
    s_free(b);
    b = s_training();
    s_applied(b, BATCHES);
    s_pass(b, 9 * SECOND);
    s_expect(b, 0, "");
    s_free(b);
}

Test(region_still, who_was_waited_for_most_is_told)
{
    bench_t *b = s_training();
    s_pass(b, SECOND);
    for (int second = 0; second < 5; second++) {
        message_t *status = message_new(KIND_status, NAME, second < 4 ? SHARD : "worker/eu/0");
        status->incarnation = s_placed(b, status->from)->incarnation;
        message_set_name(status->status.waits_for, second < 4 ? "us" : SHARD);
        s_give(b, status);
        status = message_new(KIND_status, NAME, "worker/eu/0");
        status->incarnation = s_placed(b, status->from)->incarnation;
        message_set_name(status->status.waits_for, second < 4 ? SHARD : "scheduler/eu");
        s_give(b, status);
        for (int part = 0; part < 10; part++, b->now_us += 100 * MS) /* nobody else tells meanwhile */
            region_role.tick(b->core, b->now_us);
        s_hear(b);
    }
    s_expect(b, 6, "worker/eu/0 waited for shard/eu/0, and shard/eu/0 for us");
    s_free(b);
}

/* Its node leaves, it has handed over, and those who have its snapshot do not answer. */
static bench_t *s_between(void)
{
    bench_t *b = s_training();
    b->leaving[0] = true;
    s_pass(b, 2 * SECOND);
    message_t *m = s_progress_of(b, 5);
    m->progress.handed = true;
    m->progress.assignment = b->keepers->keepers.assignment;
    s_give(b, m);
    s_pass(b, 6 * SECOND);
    return b;
}

Test(region_still, a_shard_that_is_nowhere_is_the_reason)
{
    bench_t *b = s_between();
    s_expect(b, 8, "shard/eu/0 did not run and waited for keepers");
    s_free(b);
}

Test(region_still, a_successor_goes_on_with_what_was)
{
    bench_t *b = s_between();
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    journal_t *journal = journal_new(kv, &region_source, 2);
    legacy_t legacy;
    cr_assert_eq(journal_now(journal, b->core, b->now_us, NULL), ERR_OK);
    cr_assert_eq(journal_load(journal, KIND_region_state, &legacy, NULL), ERR_OK);
    region_role.destroy((void **)&b->core);
    region_spec_t spec = {
        .topology = &b->topology, .term = TERM + 1, .run = RUN, .legacy = &legacy, .nodes_expected = NODES};
    b->core = region_core_new(&spec, b->now_us);
    region_role.tick(b->core, b->now_us);
    s_hear(b);
    s_expect(b, 8, "shard/eu/0 did not run and waited for keepers");
    legacy_fini(&legacy);
    journal_destroy(&journal);
    kv_destroy(&kv);
    s_free(b);
}
