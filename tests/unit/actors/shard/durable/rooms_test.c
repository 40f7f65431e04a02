/* The terms on which rooms are joined: each strategy's facts, in the words of every room. */
#include "actors/shard/durable/rooms.h"
#include "tests/unit/actors/shard/world.h"

static void s_setting(topology_t *t)
{
    t->job.sync.staleness = 3;
}

static void s_setting_quorum(topology_t *t)
{
    t->job.sync.quorum = 0.5;
}

static void s_setting_overlap(topology_t *t)
{
    t->job.sync.overlap = 3;
}

static terms_t s_terms(size_t regions, strategy_name_t strategy, void (*setting)(topology_t *), size_t shard)
{
    topology_t *t = world_topology(regions, strategy, 8, 1);
    job_t job;
    base_t base;
    setting(t);
    cr_assert_eq(job_derive(t, 640, &job, NULL), ERR_OK);
    const shard_spec_t spec = {
        .topology = t, .job = &job, .shard_index = shard, .incarnation = 1, .elements = 4, .chunk_bytes = 16};
    base_init(&base, &spec);
    terms_t terms = rooms_terms(&base);
    base_fini(&base);
    free(t);
    return terms;
}

/* The words: M merges, H hands own cuts over, I in step; S steps at once, G sums gradients,
 * C counts at once. */
static const struct {
    strategy_name_t strategy;
    delta_kind_t kind;
    uint64_t every;
    const char *words;
} s_rows[] = {
    {STRATEGY_ASGD, DELTA_GRADIENT, 1, "SGC"},     {STRATEGY_ASGD_GA, DELTA_GRADIENT, 8, "MSGC"},
    {STRATEGY_AMA, DELTA_MODEL, 8, "MSC"},         {STRATEGY_SLOWMO, DELTA_MODEL, 8, "MSC"},
    {STRATEGY_SMA, DELTA_MODEL, 8, "HIS"},         {STRATEGY_SSGD, DELTA_GRADIENT, 1, "HIG"},
    {STRATEGY_DILOCO, DELTA_DIFFERENCE, 8, "HIS"}, {STRATEGY_DILOCO_ASYNC, DELTA_DIFFERENCE, 8, "MHSC"},
    {STRATEGY_ASP, DELTA_DIFFERENCE, 8, "MSC"},
};

static const char *s_words(const terms_t *terms)
{
    static char text[8];
    snprintf(text, sizeof text, "%s%s%s%s%s%s", terms->stream.merges ? "M" : "",
             terms->stream.hands ? "H" : "", terms->stream.in_step ? "I" : "", terms->intake.steps ? "S" : "",
             terms->intake.sums ? "G" : "", terms->intake.counts ? "C" : "");
    return text;
}

Test(rooms, terms_are_what_the_strategy_says)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++) {
        const char *name = strategy_find(s_rows[i].strategy)->name;
        terms_t terms = s_terms(3, s_rows[i].strategy, s_setting, 0);
        bool rounds = strchr(s_rows[i].words, 'I');
        cr_expect_str_eq(s_words(&terms), s_rows[i].words, "%s: %s", name, s_words(&terms));
        cr_expect_eq(terms.rounds.members, rounds ? 3 : 0, "%s", name);
        cr_expect_eq(terms.stream.kind, s_rows[i].kind, "%s", name);
        cr_expect_eq(terms.stream.every, s_rows[i].every, "%s", name);
        cr_expect_eq(terms.stream.lag, 3, "%s", name);
        cr_expect_eq(terms.intake.in_order, rounds, "%s", name);
        cr_expect(!terms.rounds.way && !terms.stream.spares_newest, "%s", name);
    }
}

/* One region has nobody to wait for, whatever its strategy is. */
Test(rooms, a_region_alone_steps_at_once)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++) {
        terms_t terms = s_terms(1, s_rows[i].strategy, s_setting, 0);
        cr_expect(terms.intake.steps && terms.intake.counts && !terms.intake.sums && !terms.intake.in_order);
        cr_expect(!terms.rounds.members && !terms.stream.hands && !terms.stream.in_step);
    }
}

Test(rooms, rounds_without_everybody_let_nobody_wait_for_one_that_lags)
{
    terms_t terms = s_terms(3, STRATEGY_SMA, s_setting_quorum, 0);
    cr_assert(terms.rounds.members == 3 && terms.stream.in_step && terms.stream.lag == UINT64_MAX);
    terms = s_terms(3, STRATEGY_AMA, s_setting_quorum, 0);
    cr_assert(terms.rounds.members == 0 && terms.stream.lag < UINT64_MAX, "there are no rounds");
}

Test(rooms, with_overlap_shards_cut_in_turn)
{
    for (size_t shard = 0; shard < WORLD_SHARDS; shard++) {
        terms_t terms = s_terms(3, STRATEGY_DILOCO, s_setting_overlap, shard);
        cr_assert_eq(terms.stream.first, shard ? 4 : 8);
        cr_assert(terms.rounds.way == 3 && terms.stream.spares_newest && terms.stream.lag == UINT64_MAX);
    }
    cr_assert_eq(s_terms(3, STRATEGY_SMA, s_setting_overlap, 1).rounds.way, 0, "it does not overlap");
}
