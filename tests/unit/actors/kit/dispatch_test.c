/* Senders and dispatch, by a table of a role that does not exist. */
#include "actors/kit/dispatch.h"

#include <criterion/criterion.h>

static const dispatch_self_t s_shard = {.region = "eu", .number = 1};
static const dispatch_self_t s_scheduler = {.region = "eu", .number = DISPATCH_NO_NUMBER};

/* ---- senders ---- */

static const struct {
    sender_t sender;
    const char *is, *is_not[4]; /* of shard/eu/1 */
} s_names[] = {
    {FROM_SCHEDULER, "scheduler/eu", {"scheduler/us", "scheduler/global", "scheduler/eu/1", "scheduler/e"}},
    {FROM_GLOBAL, "scheduler/global", {"scheduler/eu", "scheduler/global/1", "global", "worker/global"}},
    {FROM_SCHEDULERS, "scheduler/us", {"scheduler/eu", "scheduler/global", "scheduler", "scheduler/"}},
    {FROM_WORKERS, "worker/eu/0", {"worker/us/0", "worker/eu", "worker/eu/", "workers/eu/0"}},
    {FROM_SHARDS, "shard/eu/0", {"shard/us/0", "shard/eu", "worker/eu/0", ""}},
    {FROM_PEERS, "shard/us/1", {"shard/us/0", "shard/eu/1", "shard/us/11", "shard/us"}},
    {FROM_SYNCHRONIZER,
     "synchronizer/eu/1",
     {"synchronizer/eu/0", "synchronizer/us/1", "shard/eu/1", "eu/1"}},
    {FROM_SHARD, "shard/eu/1", {"shard/eu/0", "shard/us/1", "shard/eu/1/1", "shard/eu/01"}},
    {FROM_SYNCHRONIZERS, "synchronizer/eu/0", {"synchronizer/us/0", "synchronizer", "shard/eu/0", "/"}},
    {FROM_OWN_KEEPERS, "keeper/eu/a", {"keeper/us/a", "keeper/eu", "node/eu/a", "keeper//a"}},
    {FROM_KEEPERS, "keeper/us/a", {"keeper/us", "shard/us/1", "keeper//a", "keeper"}},
    {FROM_NODES, "node/eu/a", {"node/us/a", "node/eu", "node/eu/", "keeper/eu/a"}},
    {FROM_ALL_SHARDS, "shard/us/0", {"shard/us", "keeper/us/0", "shard//0", "shards/us/0"}},
    {FROM_BROKER, "broker/eu", {"broker/us", "broker/eu/1", "broker", "broker/"}},
    {FROM_HOSTED, "keeper/eu/a", {"keeper/us/a", "node/eu/a", "worker/eu", "somebody/eu"}},
    {FROM_HOSTED, "worker/eu/3", {"scheduler/eu", "shard/eu/", "", "keeper"}},
};

Test(dispatch, a_name_says_what_its_bearer_is)
{
    for (size_t i = 0; i < sizeof s_names / sizeof *s_names; i++) {
        cr_assert(sender_is(s_names[i].sender, &s_shard, s_names[i].is), "%s", s_names[i].is);
        for (size_t k = 0; k < 4; k++)
            cr_assert_not(sender_is(s_names[i].sender, &s_shard, s_names[i].is_not[k]), "%s is no %s",
                          s_names[i].is_not[k], s_names[i].is);
    }
}

Test(dispatch, senders_are_a_set_and_anybody_is_everybody)
{
    cr_assert(sender_is(FROM_WORKERS | FROM_PEERS, &s_shard, "shard/us/1"));
    cr_assert(sender_is(FROM_WORKERS | FROM_PEERS, &s_shard, "worker/eu/7"));
    cr_assert_not(sender_is(FROM_WORKERS | FROM_PEERS, &s_shard, "shard/eu/1"));
    cr_assert_not(sender_is(0, &s_shard, "shard/eu/1"));
    cr_assert(sender_is(FROM_ANYBODY, &s_shard, ""));
}

Test(dispatch, who_has_no_number_has_no_peer)
{
    cr_assert_not(sender_is(FROM_PEERS | FROM_SHARD | FROM_SYNCHRONIZER, &s_scheduler, "shard/us/0"));
    cr_assert_not(sender_is(FROM_PEERS, &s_scheduler, "shard/us/18446744073709551615"));
    cr_assert(sender_is(FROM_SHARDS, &s_scheduler, "shard/eu/3"));
}

/* ---- messages ---- */

typedef enum { PHASE_ENTERS, PHASE_RUNS } phase_t;

static void s_first(void *core, message_t **message_p, int64_t now_us)
{
    (void)core, (void)message_p, (void)now_us;
}

static void s_second(void *core, message_t **message_p, int64_t now_us)
{
    (void)core, (void)message_p, (void)now_us;
}

static const dispatch_row_t s_rows[] = {
    {KIND_push, FROM_WORKERS, DISPATCH_IN(PHASE_RUNS), s_first},
    {KIND_stop, FROM_SCHEDULER, DISPATCH_ALWAYS, s_first},
    {KIND_snapshot_fetch, FROM_KEEPERS, DISPATCH_IN(PHASE_RUNS), s_first},
    {KIND_snapshot_fetch, FROM_PEERS, DISPATCH_ALWAYS, s_second},
};
static const dispatch_t s_table = {s_rows, sizeof s_rows / sizeof *s_rows, FROM_SCHEDULER};

typedef struct {
    dispatch_verdict_t verdict;
    const dispatch_row_t *row;
} judged_t;

static judged_t s_judge(message_kind_t kind, const char *from, uint64_t incarnation, phase_t phase,
                        uint64_t *newest)
{
    judged_t judged = {.row = NULL};
    message_t *message = message_new(kind, "shard/eu/1", from);
    message->incarnation = incarnation;
    judged.verdict = dispatch_judge(&s_table, &s_shard, message, phase, newest, &judged.row);
    message_destroy(&message);
    return judged;
}

Test(dispatch, a_message_is_taken_from_whom_and_when_its_row_says)
{
    uint64_t newest = 0;
    cr_assert_eq(s_judge(KIND_push, "worker/eu/0", 1, PHASE_RUNS, &newest).verdict, DISPATCH_ACCEPTED);
    cr_assert_eq(s_judge(KIND_push, "worker/eu/0", 1, PHASE_ENTERS, &newest).verdict, DISPATCH_EARLY);
    cr_assert_eq(s_judge(KIND_push, "worker/us/0", 1, PHASE_RUNS, &newest).verdict, DISPATCH_DENIED);
    cr_assert_eq(s_judge(KIND_push, "worker/us/0", 1, PHASE_ENTERS, &newest).verdict, DISPATCH_DENIED);
    cr_assert_eq(s_judge(KIND_link_state, "broker/eu", 0, PHASE_RUNS, &newest).verdict, DISPATCH_FOREIGN);
}

Test(dispatch, a_kind_of_two_meanings_has_two_rows)
{
    uint64_t newest = 0;
    cr_assert_eq(s_judge(KIND_snapshot_fetch, "keeper/us/a", 1, PHASE_RUNS, &newest).row->handle, s_first);
    cr_assert_eq(s_judge(KIND_snapshot_fetch, "shard/us/1", 1, PHASE_ENTERS, &newest).row->handle, s_second);
    cr_assert_eq(s_judge(KIND_snapshot_fetch, "keeper/us/a", 1, PHASE_ENTERS, &newest).verdict,
                 DISPATCH_EARLY);
    cr_assert_eq(s_judge(KIND_snapshot_fetch, "shard/us/0", 1, PHASE_RUNS, &newest).verdict, DISPATCH_DENIED);
}

Test(dispatch, what_an_older_scheduler_says_is_stale_and_a_newer_one_is_obeyed)
{
    uint64_t newest = 5;
    cr_assert_eq(s_judge(KIND_stop, "scheduler/eu", 4, PHASE_RUNS, &newest).verdict, DISPATCH_STALE);
    cr_assert_eq(newest, 5);
    cr_assert_eq(s_judge(KIND_stop, "scheduler/eu", 7, PHASE_RUNS, &newest).verdict, DISPATCH_ACCEPTED);
    cr_assert_eq(newest, 7);
    cr_assert_eq(s_judge(KIND_stop, "scheduler/us", 9, PHASE_RUNS, &newest).verdict, DISPATCH_DENIED);
    cr_assert_eq(newest, 7, "only who is obeyed counts");
}

/* Or two schedulers would refuse each other's refusals for ever. */
Test(dispatch, a_refusal_is_never_stale)
{
    uint64_t newest = 5;
    cr_assert_eq(s_judge(KIND_refused, "scheduler/eu", 4, PHASE_RUNS, &newest).verdict, DISPATCH_FOREIGN);
    cr_assert_eq(newest, 5);
    cr_assert_eq(s_judge(KIND_refused, "scheduler/eu", 9, PHASE_RUNS, &newest).verdict, DISPATCH_FOREIGN);
    cr_assert_eq(newest, 9, "it is heard all the same");
}

Test(dispatch, why_is_one_wording)
{
    err_t why = {0};
    message_t *message = message_new(KIND_stop, "shard/eu/1", "scheduler/eu");
    cr_assert_eq(dispatch_why(DISPATCH_STALE, message, &why), ERR_STALE);
    cr_assert_str_eq(why.text, "a newer scheduler/eu runs");
    cr_assert_eq(dispatch_why(DISPATCH_DENIED, message, &why), ERR_DENIED);
    cr_assert_str_eq(why.text, "stop is not for scheduler/eu to say");
    cr_assert_eq(dispatch_why(DISPATCH_EARLY, message, &why), ERR_OK);
    cr_assert_eq(dispatch_why(DISPATCH_FOREIGN, message, &why), ERR_OK);
    message_destroy(&message);
}
