/* The leader of common points by hand: two regions of two shards, virtual time. */
#include "actors/scheduler/global/global_mark.h"

#include "actors/kit/role.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define SECOND ((int64_t)1000000)
#define EPOCH 100
#define SHARDS 4

enum { HOLD, TAKE, END };

typedef struct {
    topology_t topology;
    global_mark_t *mark;
    outbox_t outbox;
    int64_t now_us;
    /* of what was sent last */
    uint64_t number, phase;
    wire_name_t tag;
    size_t count;
} bench_t;

static bench_t *s_bench(uint64_t incarnation)
{
    bench_t *bench = calloc(1, sizeof *bench);
    cr_assert_not_null(bench);
    bench->topology.job.epochs = 4;
    bench->topology.checkpoint.mark_every = 1;
    bench->topology.region_count = 2;
    for (size_t r = 0; r < 2; r++) {
        snprintf(bench->topology.regions[r].name, sizeof bench->topology.regions[r].name, "r%zu", r);
        bench->topology.regions[r].shards = SHARDS / 2;
    }
    bench->mark = global_mark_new(&bench->topology, incarnation);
    outbox_init(&bench->outbox);
    return bench;
}

static void s_free(bench_t *bench)
{
    outbox_fini(&bench->outbox);
    global_mark_destroy(&bench->mark);
    cr_assert_null(bench->mark);
    free(bench);
}

/* Lets time pass and looks at what is sent. */
static size_t s_sent(bench_t *bench, int64_t us)
{
    message_t *message;
    bench->now_us += us;
    bench->count = 0;
    global_mark_tick(bench->mark, bench->now_us, &bench->outbox);
    while ((message = outbox_take(&bench->outbox))) {
        cr_assert_eq(message->kind, KIND_mark);
        cr_assert_eq(strncmp(message->to, "shard/r", 7), 0);
        cr_assert_str_eq(message->from, "scheduler/global");
        bench->count++;
        bench->number = message->mark.point;
        bench->phase = message->mark.phase;
        message_set_name(bench->tag, message->mark.tag);
        message_destroy(&message);
    }
    return bench->count;
}

static void s_reach(bench_t *bench, uint64_t samples)
{
    global_mark_reached(bench->mark, samples, EPOCH, bench->now_us);
}

static void s_answer(bench_t *bench, size_t shard, uint64_t number, uint64_t phase, err_code_t code)
{
    char name[64];
    snprintf(name, sizeof name, "shard/r%zu/%zu", shard / 2, shard % 2);
    message_t *message = message_new(KIND_marked, "scheduler/global", name);
    message->marked.point = number;
    message->marked.phase = phase;
    message->marked.code = (uint64_t)code;
    global_mark_answer(bench->mark, message, bench->now_us);
    message_destroy(&message);
}

static void s_all_answer(bench_t *bench, uint64_t phase)
{
    for (size_t i = 0; i < SHARDS; i++)
        s_answer(bench, i, bench->number, phase, ERR_OK);
}

static void s_expect(bench_t *bench, uint64_t phase, const char *tag)
{
    cr_assert_eq(s_sent(bench, 0), SHARDS, "%zu messages", bench->count);
    cr_assert_eq(bench->phase, phase, "phase %d", (int)bench->phase);
    cr_assert_str_eq(bench->tag, tag);
}

static void s_make(bench_t *bench, const char *tag)
{
    s_expect(bench, HOLD, tag);
    s_all_answer(bench, HOLD);
    s_expect(bench, TAKE, tag);
    s_all_answer(bench, TAKE);
    s_expect(bench, END, tag);
    s_all_answer(bench, END);
    cr_assert_eq(global_mark_due(bench->mark), ROLE_NEVER);
    cr_assert_str_eq(global_mark_newest(bench->mark), tag);
}

Test(global_mark, hold_take_end_at_every_epoch_but_the_last)
{
    bench_t *bench = s_bench(1);
    s_reach(bench, EPOCH - 1);
    cr_assert_eq(s_sent(bench, 0), 0);
    s_reach(bench, EPOCH);
    s_make(bench, "mark/epoch-1");
    s_reach(bench, 2 * EPOCH - 1);
    cr_assert_eq(s_sent(bench, SECOND), 0, "once");
    s_reach(bench, 3 * EPOCH + 5);
    s_make(bench, "mark/epoch-3");
    s_reach(bench, 4 * EPOCH);
    cr_assert_eq(s_sent(bench, SECOND), 0, "the end is the same everywhere");
    cr_assert_eq(global_mark_made(bench->mark), 2);
    cr_assert_eq(global_mark_given_up(bench->mark), 0);
    s_free(bench);
}

Test(global_mark, parts_of_epochs_and_none_at_all)
{
    bench_t *bench = s_bench(1);
    bench->topology.checkpoint.mark_every = 0.1;
    s_reach(bench, 30);
    s_make(bench, "mark/epoch-0.3");
    s_free(bench);
    bench = s_bench(1);
    bench->topology.checkpoint.mark_every = 0;
    s_reach(bench, 3 * EPOCH);
    cr_assert_eq(s_sent(bench, SECOND), 0);
    s_free(bench);
}

Test(global_mark, tells_again_until_answered)
{
    bench_t *bench = s_bench(1);
    s_reach(bench, EPOCH);
    s_expect(bench, HOLD, "mark/epoch-1");
    s_answer(bench, 0, bench->number, HOLD, ERR_OK);
    s_answer(bench, 0, bench->number, HOLD, ERR_OK);
    cr_assert_eq(s_sent(bench, GLOBAL_MARK_REPEAT_US - 1), 0);
    cr_assert_eq(s_sent(bench, 1), SHARDS, "who holds hears that it goes on");
    s_all_answer(bench, HOLD);
    cr_assert_eq(s_sent(bench, 0), SHARDS);
    s_answer(bench, 1, bench->number, HOLD, ERR_OK);
    s_answer(bench, 2, bench->number, TAKE, ERR_OK);
    s_answer(bench, 3, bench->number - 1, TAKE, ERR_OK);
    cr_assert_eq(s_sent(bench, GLOBAL_MARK_REPEAT_US), SHARDS - 1, "who is done is left alone");
    s_free(bench);
}

Test(global_mark, a_refusal_ends_it_and_another_number_follows)
{
    bench_t *bench = s_bench(1);
    s_reach(bench, EPOCH);
    s_expect(bench, HOLD, "mark/epoch-1");
    uint64_t first = bench->number;
    s_all_answer(bench, HOLD);
    s_expect(bench, TAKE, "mark/epoch-1");
    s_answer(bench, 0, first, TAKE, ERR_OK);
    s_answer(bench, 1, first, TAKE, ERR_STATE);
    s_expect(bench, END, "mark/epoch-1");
    cr_assert_eq(global_mark_given_up(bench->mark), 1);
    s_reach(bench, EPOCH);
    cr_assert_eq(s_sent(bench, 0), 0, "after a pause");
    bench->now_us += GLOBAL_MARK_PAUSE_US;
    /* the one that is lacking comes first: one name at a time is without a whole point */
    s_reach(bench, 2 * EPOCH);
    s_make(bench, "mark/epoch-1:1.2");
    cr_assert_gt(bench->number, first);
    s_reach(bench, 2 * EPOCH);
    s_make(bench, "mark/epoch-2:1.3");
    s_free(bench);
}

Test(global_mark, above_what_shards_remember)
{
    bench_t *bench = s_bench(1);
    uint64_t remembered = UINT64_C(7) << 32 | 5;
    s_reach(bench, EPOCH);
    s_expect(bench, HOLD, "mark/epoch-1");
    s_answer(bench, 3, remembered, HOLD, ERR_STALE);
    s_reach(bench, EPOCH);
    s_make(bench, "mark/epoch-1:7.6");
    cr_assert_eq(bench->number, remembered + 1);
    s_free(bench);
}

Test(global_mark, patience_ends_and_writing_is_progress)
{
    bench_t *bench = s_bench(1);
    s_reach(bench, EPOCH);
    s_expect(bench, HOLD, "mark/epoch-1");
    s_all_answer(bench, HOLD);
    s_expect(bench, TAKE, "mark/epoch-1");
    s_sent(bench, GLOBAL_MARK_PATIENCE_US - 1);
    s_answer(bench, 0, bench->number, HOLD, ERR_OK);
    s_sent(bench, GLOBAL_MARK_PATIENCE_US - 1);
    cr_assert_eq(bench->phase, TAKE);
    s_sent(bench, 1);
    cr_assert_eq(bench->phase, END);
    cr_assert_eq(bench->count, SHARDS);
    s_sent(bench, GLOBAL_MARK_PATIENCE_US);
    cr_assert_eq(bench->count, 0, "nobody is told of the end for ever");
    cr_assert_eq(global_mark_due(bench->mark), ROLE_NEVER);
    s_free(bench);
}

Test(global_mark, a_later_scheduler_makes_only_what_lies_ahead)
{
    bench_t *bench = s_bench(2);
    s_reach(bench, 0);
    s_reach(bench, EPOCH + 30); /* shards come one by one */
    s_reach(bench, 2 * EPOCH + 50);
    cr_assert_eq(s_sent(bench, GLOBAL_MARK_SETTLE_US), 0);
    s_reach(bench, 2 * EPOCH + 60);
    cr_assert_eq(s_sent(bench, 0), 0);
    s_reach(bench, 3 * EPOCH);
    s_make(bench, "mark/epoch-3:2.3");
    s_free(bench);
}

Test(global_mark, a_stop_ends_it)
{
    bench_t *bench = s_bench(1);
    s_reach(bench, EPOCH);
    s_expect(bench, HOLD, "mark/epoch-1");
    global_mark_stop(bench->mark, bench->now_us);
    s_expect(bench, END, "mark/epoch-1");
    for (size_t i = 0; i < SHARDS; i++)
        s_answer(bench, i, bench->number, END, ERR_STOPPED);
    bench->now_us += GLOBAL_MARK_PAUSE_LAST_US;
    s_reach(bench, 2 * EPOCH);
    cr_assert_eq(s_sent(bench, 0), 0);
    s_free(bench);
}

Test(global_mark, a_name_that_somebody_asks_for_is_made_at_once_and_no_epoch_is_skipped)
{
    bench_t *bench = s_bench(1);
    global_mark_ask(bench->mark, "before-lunch", true, bench->now_us);
    cr_assert_eq(global_mark_due(bench->mark), bench->now_us);
    s_make(bench, "mark/before-lunch");
    cr_assert_eq(global_mark_asked(bench->mark)->state, MARK_MADE);
    cr_assert_str_eq(global_mark_asked(bench->mark)->tag, "mark/before-lunch");
    global_mark_ask(bench->mark, "again", false, bench->now_us);
    s_make(bench, "mark/again:1.2");
    s_reach(bench, EPOCH);
    s_make(bench, "mark/epoch-1:1.3");
    s_free(bench);
}

Test(global_mark, an_attempt_at_a_name_that_came_to_nothing_gets_another_tag_and_the_third_ends_it)
{
    bench_t *bench = s_bench(1);
    static const char *const tags[] = {"mark/noon", "mark/noon:1.2", "mark/noon:1.3"};
    global_mark_ask(bench->mark, "noon", true, bench->now_us);
    for (size_t i = 0; i < GLOBAL_MARK_TRIES; i++) {
        s_expect(bench, HOLD, tags[i]);
        global_mark_ask(bench->mark, "other", true, bench->now_us); /* not taken meanwhile */
        s_answer(bench, 1, bench->number, HOLD, ERR_STATE);
        cr_assert_eq(global_mark_asked(bench->mark)->state,
                     i + 1 < GLOBAL_MARK_TRIES ? MARK_AWAITED : MARK_FAILED);
        bench->now_us += GLOBAL_MARK_PAUSE_US;
    }
    cr_assert_str_eq(global_mark_asked(bench->mark)->name, "noon");
    s_free(bench);
}

Test(global_mark, a_name_is_asked_for_in_vain_when_the_run_ends)
{
    bench_t *bench = s_bench(1);
    global_mark_ask(bench->mark, "noon", true, bench->now_us);
    s_expect(bench, HOLD, "mark/noon");
    global_mark_stop(bench->mark, bench->now_us);
    cr_assert_eq(global_mark_asked(bench->mark)->state, MARK_FAILED);
    global_mark_ask(bench->mark, "later", true, bench->now_us);
    cr_assert_eq(global_mark_asked(bench->mark)->state, MARK_FAILED);
    s_free(bench);
}

Test(global_mark, names_that_somebody_may_ask_for)
{
    static const char *const good[] = {"noon", "before-lunch", "v1.2_a", "E"};
    static const char *const bad[] = {"",    "-x",        ".x",      "a b",
                                      "a:1", "mark/noon", "epoch-1", "abcdefghijklmnopqrstuvwxyzabcdefg"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(global_mark_name_fits(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect(!global_mark_name_fits(bad[i]), "%s", bad[i]);
}
