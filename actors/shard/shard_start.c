#include "actors/shard/shard_start.h"

#include "codec/wire/message.h"

static bool s_is_spoiled(const start_facts_t *facts)
{
    return facts->disk == START_SPOILED;
}

static bool s_is_first(const start_facts_t *facts)
{
    return facts->disk == START_NOTHING && !facts->newest_incarnation;
}

static bool s_is_emptied(const start_facts_t *facts)
{
    return facts->disk == START_NOTHING;
}

static bool s_is_damaged(const start_facts_t *facts)
{
    return facts->skipped > 0;
}

static bool s_is_handed_over(const start_facts_t *facts)
{
    return facts->handed && facts->incarnation == facts->newest_incarnation &&
           facts->number == facts->newest_number;
}

/* Copies follow in the background, unless a snapshot counts only with its copies; a shard that goes on while
 * its disk is full waits for neither. */
static bool s_is_copied(const start_facts_t *facts)
{
    bool counts_with_copies = facts->topology->checkpoint.durability == DURABILITY_REPLICA &&
                              facts->topology->checkpoint.when_full != WHEN_FULL_GO_ON;
    return facts->disk == START_COPY && !counts_with_copies;
}

static bool s_is_uncovered(const start_facts_t *facts)
{
    return facts->disk == START_OWN && facts->uncovered;
}

static bool s_is_older(const start_facts_t *facts)
{
    return incarnation_compare(facts->incarnation, facts->number, facts->newest_incarnation,
                               facts->newest_number) < 0;
}

static bool s_is_whole(const start_facts_t *facts)
{
    (void)facts;
    return true;
}

static const struct {
    bool (*holds)(const start_facts_t *facts);
    start_verdict_t alone, several;
    const char *why;
} s_cases[] = {
#define START_ROW(name, alone, several, why) {s_is_##name, START_##alone, START_##several, why},
    START_CASES(START_ROW)
#undef START_ROW
};

/* At least one batch for each snapshot that is missing, when nobody can tell. */
static uint64_t s_lost(const start_facts_t *facts)
{
    uint64_t had = facts->damaged_batches, newest = facts->newest_number;
    if (had)
        return had > facts->batches ? had - facts->batches : 0;
    if (facts->damaged_number > newest)
        newest = facts->damaged_number;
    return newest > facts->number ? newest - facts->number : facts->skipped;
}

start_t shard_start_decide(const start_facts_t *facts)
{
    size_t i = 0;
    while (!s_cases[i].holds(facts))
        i++;
    bool alone = facts->topology->region_count == 1;
    start_verdict_t verdict = alone ? s_cases[i].alone : s_cases[i].several;
    return (start_t){.verdict = verdict,
                     .found = (start_case_t)i,
                     .why = s_cases[i].why,
                     .lost = verdict == START_GOES_ON ? 0 : s_lost(facts)};
}

void shard_start_tell(const start_t *self, shard_spec_t *spec)
{
    spec->loses = self->verdict == START_LOSES;
    spec->uncertain = self->verdict == START_ASKS;
    spec->lost = self->lost;
}
