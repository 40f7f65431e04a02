/* Counters of a shard: each is told, and what is stored is found again. counters.def is walked, so that
 * none can be forgotten. */
#include "tests/unit/actors/shard/world.h"

#include "actors/shard/shard_inside.h"

static world_t *s_world(void)
{
    world_t *w = world_new(world_topology(1, STRATEGY_ASGD, 1, 1), 8);
    w->topology->checkpoint.every = 1;
    world_start(w, 160);
    world_run(w);
    return w;
}

/* Another value for each. */
static void s_count(world_t *w)
{
    counts_t *counts = &w->shard[0][0]->base->counts;
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    counts->name = 100 + (word);
#include "codec/wire/counters.def"
}

static message_t *s_told(world_t *w)
{
    world_forget_mail(w);
    world_tick(w, 2000000);
    message_t *m, *told = NULL;
    while ((m = world_mail(w, KIND_progress)))
        if (!told && !strcmp(m->from, "shard/region0/0"))
            told = m;
        else
            message_destroy(&m);
    cr_assert_not_null(told);
    return told;
}

Test(counters, each_is_told)
{
    world_t *w = s_world();
    s_count(w);
    message_t *told = s_told(w);
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    cr_expect_eq(told->progress, 100 + (word), #name);
#include "codec/wire/counters.def"
    message_destroy(&told);
    world_destroy(w);
}

Test(counters, each_that_is_stored_goes_on_after_a_start)
{
    static const float g[8] = {1};
    world_t *w = s_world();
    s_count(w);
    world_push(w, 0, 0, 0, g);
    world_tick(w, 2000000);
    world_crash(w, 0, 0);
    message_t *told = s_told(w);
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    COUNTER_##stored(cr_expect_eq(told->progress, 100 + (word), #name);)
#include "codec/wire/counters.def"
    message_destroy(&told);
    world_destroy(w);
}
