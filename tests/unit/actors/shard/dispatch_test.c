/* Senders: a message from anybody but those who may say it is refused in one way, and changes nothing. */
#include "world.h"

#include "actors/shard/shard_inside.h"

/* A name for each kind that may not say it. */
static const struct {
    message_kind_t kind;
    const char *from;
} s_strangers[] = {
    {KIND_push, "worker/region1/0"},
    {KIND_push, "shard/region1/0"},
    {KIND_delta, "synchronizer/region0/0"},
    {KIND_delta, "synchronizer/region1/1"},
    {KIND_stream, "synchronizer/region1/0"},
    {KIND_stream_fetch, "synchronizer/region0/1"},
    {KIND_stream_gap, "synchronizer/region0/0"},
    {KIND_close, "scheduler/region1"},
    {KIND_close, "scheduler/global"},
    {KIND_peer_status_want, "shard/region1/1"},
    {KIND_peer_status, "shard/region0/0"},
    {KIND_transfer_want, "worker/region0/0"},
    {KIND_snapshot_offer, "keeper/region0/a"},
    {KIND_snapshot_piece, "keeper/region1/a"},
    {KIND_keepers, "scheduler/region1"},
    {KIND_snapshot_kept, "node/region0/a"},
    {KIND_snapshot_fetch, "worker/region0/0"},
    {KIND_vote_want, "shard/region1/1"},
    {KIND_vote, "worker/region1/0"},
    {KIND_decision, "scheduler/region0"},
    {KIND_mark, "scheduler/region0"},
    {KIND_hand_over, "scheduler/region1"},
    {KIND_stop, "worker/region0/0"},
    {KIND_stop, "node/region1/a"},
};

Test(dispatch, what_others_say_is_refused_and_changes_nothing)
{
    world_t *w = world_new(world_topology(2, STRATEGY_ASGD_GA, 2, 1), 4);
    world_start(w, 16);
    world_run(w);
    shard_core_t *shard = w->shard[0][0];
    for (size_t i = 0; i < sizeof s_strangers / sizeof *s_strangers; i++) {
        world_forget_mail(w);
        uint64_t changes = shard->base->changes, refusals = shard->base->counts.refusals;
        message_t *m = message_new(s_strangers[i].kind, "shard/region0/0", s_strangers[i].from);
        m->incarnation = UINT64_MAX / 2;
        shard_role.message(shard, &m, w->now);
        cr_assert_eq(shard->base->changes, changes, "row %zu", i);
        cr_assert_eq(shard->base->counts.refusals, refusals + 1, "row %zu: %s", i,
                     message_kind_name(s_strangers[i].kind));
        cr_assert_eq(shard->base->life.end, END_NONE);
        message_t *answer = outbox_take(shard_role.outbox(shard));
        cr_assert(answer && answer->kind == KIND_refused, "row %zu", i);
        cr_assert_eq(answer->refused.code, (uint64_t)ERR_DENIED);
        cr_assert_str_eq(answer->to, s_strangers[i].from);
        message_destroy(&answer);
        cr_assert_null(outbox_take(shard_role.outbox(shard)), "row %zu: and nothing else is said", i);
    }
    world_destroy(w);
}

Test(dispatch, an_older_scheduler_is_not_obeyed)
{
    world_t *w = world_new(world_topology(2, STRATEGY_ASGD_GA, 2, 1), 4);
    world_start(w, 16);
    world_run(w);
    shard_core_t *shard = w->shard[0][0];
    for (uint64_t incarnation = 9; incarnation > 7; incarnation--) {
        message_t *m =
            message_new(incarnation == 9 ? KIND_keepers : KIND_stop, "shard/region0/0", "scheduler/region0");
        m->incarnation = incarnation;
        shard_role.message(shard, &m, w->now);
    }
    cr_assert_eq(shard->base->life.end, END_NONE, "the one before it says so");
    world_destroy(w);
}
