/* A shard on its way to common points: what it keeps, what it takes, and whom it believes. */
#include "tests/unit/actors/shard/world.h"

#define ELEMENTS 16
#define TAG "mark/epoch-1"
#define GLOBAL "scheduler/global"
#define FIRST (UINT64_C(1) << 32 | 1)

enum { HOLD, TAKE, END };

static world_t *s_world(void)
{
    world_t *w = world_new(world_topology(2, STRATEGY_ASGD, 1, 1), ELEMENTS);
    w->topology->checkpoint.marks = 2;
    w->topology->checkpoint.every = 1000000;
    world_start(w, 64);
    world_settle(w, 200000);
    world_forget_mail(w);
    return w;
}

static void s_push(world_t *w, size_t region, uint64_t batch)
{
    float g[ELEMENTS];
    for (size_t i = 0; i < ELEMENTS; i++)
        g[i] = 1;
    world_push(w, region, 0, batch, g);
    world_settle(w, 200000);
}

static void s_tell(world_t *w, size_t region, uint64_t number, uint64_t phase)
{
    char to[64];
    snprintf(to, sizeof to, "shard/region%zu/0", region);
    message_t *m = message_new(KIND_mark, to, GLOBAL);
    m->mark.point = number;
    m->mark.phase = phase;
    message_set_name(m->mark.tag, TAG);
    world_send_shard(w, m);
}

/* The newest answer must be this; all mail is forgotten. */
static void s_expect(world_t *w, uint64_t number, uint64_t phase, err_code_t code)
{
    message_t *newest = NULL, *m;
    while ((m = world_mail(w, KIND_marked))) {
        message_destroy(&newest);
        newest = m;
    }
    cr_assert_not_null(newest, "no answer");
    cr_assert_str_eq(newest->to, GLOBAL);
    cr_assert_eq(newest->marked.point, number);
    cr_assert_eq(newest->marked.phase, phase);
    cr_assert_eq(newest->marked.code, (uint64_t)code, "code %d", (int)newest->marked.code);
    message_destroy(&newest);
}

static void s_hold_all(world_t *w, uint64_t number)
{
    for (size_t r = 0; r < 2; r++) {
        s_tell(w, r, number, HOLD);
        s_expect(w, number, HOLD, ERR_OK);
    }
}

static bool s_has(const world_t *w, size_t region, const char *value)
{
    return snapshot_peek(w->last[region][0], value) != NULL;
}

static uint64_t s_samples(const world_t *w, size_t region)
{
    return shard_core_samples_applied(w->shard[region][0]);
}

Test(mark, the_snapshot_is_tagged_and_keeps_what_was_held)
{
    world_t *w = s_world();
    s_push(w, 0, 0);
    s_push(w, 0, 1);
    s_hold_all(w, FIRST);
    s_push(w, 0, 2);
    s_push(w, 0, 3);
    s_tell(w, 0, FIRST, TAKE);
    s_expect(w, FIRST, TAKE, ERR_OK);
    cr_assert_str_eq(w->last[0][0]->id.tag, TAG);
    cr_assert_not(s_has(w, 0, "queue/1"), "what was durable before the hold may go");
    cr_assert(s_has(w, 0, "queue/3") && s_has(w, 0, "queue/4"), "taken there meanwhile, and kept here");
    s_tell(w, 0, FIRST, TAKE);
    s_expect(w, FIRST, TAKE, ERR_OK);
    s_tell(w, 1, FIRST, TAKE);
    world_settle(w, 1000000);
    s_push(w, 0, 4);
    world_settle(w, 1000000);
    s_push(w, 0, 5);
    cr_assert_not(s_has(w, 0, "queue/4"), "let go when the point is over");
    world_destroy(w);
}

Test(mark, what_lies_behind_the_point_is_taken_behind_it)
{
    world_t *w = s_world();
    s_push(w, 0, 0);
    uint64_t before = s_samples(w, 1);
    s_hold_all(w, FIRST);
    s_tell(w, 0, FIRST, TAKE);
    s_push(w, 0, 1);
    cr_assert_eq(s_samples(w, 1), before, "it waits");
    s_push(w, 1, 0);
    uint64_t own = s_samples(w, 1);
    cr_assert_gt(own, before, "training goes on");
    s_tell(w, 1, FIRST, TAKE);
    world_settle(w, 2000000);
    cr_assert_gt(s_samples(w, 1), own, "it is taken");
    world_destroy(w);
}

Test(mark, a_snapshot_that_fails_is_taken_again)
{
    world_t *w = s_world();
    s_hold_all(w, FIRST);
    s_tell(w, 1, FIRST, TAKE);
    world_forget_mail(w);
    w->auto_commit = false;
    s_tell(w, 0, FIRST, TAKE);
    cr_assert_str_eq(w->out[0][0]->id.tag, TAG);
    world_commit(w, 0, 0, ERR_FULL);
    cr_assert_null(world_mail(w, KIND_marked));
    /* From the other region comes what was cut behind the point. */
    w->auto_commit = true;
    float g[ELEMENTS] = {0};
    world_push(w, 1, 0, 0, g);
    cr_assert_eq(s_samples(w, 0), 0, "nothing durable, so not behind the point");
    world_settle(w, 1000000);
    cr_assert_gt(s_samples(w, 0), 0);
    s_expect(w, FIRST, TAKE, ERR_OK);
    world_destroy(w);
}

Test(mark, silence_of_the_global_scheduler_ends_it)
{
    world_t *w = s_world();
    s_push(w, 0, 0);
    uint64_t before = s_samples(w, 1);
    s_hold_all(w, FIRST);
    s_tell(w, 0, FIRST, TAKE);
    s_push(w, 0, 1);
    cr_assert_eq(s_samples(w, 1), before);
    world_settle(w, 12 * (int64_t)1000000);
    cr_assert_gt(s_samples(w, 1), before, "nobody waits for a scheduler that is gone");
    world_forget_mail(w);
    s_tell(w, 1, FIRST, TAKE);
    s_expect(w, FIRST, TAKE, ERR_STALE);
    world_destroy(w);
}

Test(mark, a_new_incarnation_has_no_part_in_it)
{
    world_t *w = s_world();
    s_push(w, 0, 0);
    s_hold_all(w, FIRST);
    shard_core_t *again = NULL;
    w->incarnation = 2;
    shard_spec_t spec = world_spec(w, 0, 0);
    err_t err = {0};
    cr_assert_eq(shard_core_restore(&spec, w->last[0][0], &again, &err), ERR_OK, "%s", err.text);
    shard_role.destroy((void **)&w->shard[0][0]);
    w->shard[0][0] = again;
    s_tell(w, 0, FIRST, TAKE);
    s_expect(w, FIRST, TAKE, ERR_STATE);
    s_tell(w, 0, FIRST, END);
    s_expect(w, FIRST, END, ERR_OK);
    s_tell(w, 0, FIRST, HOLD);
    s_expect(w, FIRST, HOLD, ERR_STALE);
    s_tell(w, 0, FIRST + 1, HOLD);
    s_expect(w, FIRST + 1, HOLD, ERR_OK);
    world_destroy(w);
}

Test(mark, remembers_which_incarnations_keep_points)
{
    world_t *w = s_world();
    s_hold_all(w, FIRST);
    s_tell(w, 0, FIRST, TAKE);
    cr_assert(shard_core_pins(w->shard[0][0], 1));
    shard_core_t *again = NULL;
    w->incarnation = 7;
    shard_spec_t spec = world_spec(w, 0, 0);
    err_t err = {0};
    cr_assert_eq(shard_core_restore(&spec, w->last[0][0], &again, &err), ERR_OK, "%s", err.text);
    cr_assert(shard_core_pins(again, 1));
    cr_assert_not(shard_core_pins(again, 7));
    void *core = again;
    shard_role.destroy(&core);
    world_destroy(w);
}

Test(mark, only_the_global_scheduler_leads_and_a_stop_ends_it)
{
    world_t *w = s_world();
    message_t *m = message_new(KIND_mark, "shard/region0/0", "scheduler/region0");
    m->mark.point = FIRST;
    message_set_name(m->mark.tag, TAG);
    world_send_shard(w, m);
    m = world_mail(w, KIND_refused);
    cr_assert_not_null(m);
    cr_assert_eq(m->refused.code, ERR_DENIED);
    message_destroy(&m);
    m = message_new(KIND_mark, "shard/region0/0", GLOBAL);
    m->mark.point = FIRST;
    message_set_name(m->mark.tag, "stop"); /* no name of a point */
    world_send_shard(w, m);
    m = world_mail(w, KIND_refused);
    cr_assert_not_null(m);
    cr_assert_eq(m->refused.code, ERR_MALFORMED);
    message_destroy(&m);
    s_tell(w, 0, FIRST, HOLD);
    world_forget_mail(w);
    world_send_shard(w, message_new(KIND_stop, "shard/region0/0", "node/region0/x"));
    s_tell(w, 0, FIRST, TAKE);
    s_expect(w, FIRST, TAKE, ERR_STOPPED);
    world_tick(w, 1000000);
    cr_assert(shard_role.finished(w->shard[0][0]));
    world_destroy(w);
}
