/* Every combination of what a start can be decided by, against rows that say what is promised for it. */
#include "actors/shard/shard_start.h"

#include <criterion/criterion.h>
#include <string.h>

#define ANY (~0u)
#define NO 1u
#define YES 2u
#define BIT(value) (1u << (value))

#define HERE (BIT(START_OWN) | BIT(START_COPY))

/* Where the snapshot that was found lies to the newest that is known. */
enum { UNKNOWN = 1, BEFORE = 2, LOWER = 4, SAME = 8, AFTER = 16 };
#define OLDER (BEFORE | LOWER)
#define NOT_OLDER (UNKNOWN | AFTER)
#define KNOWN (OLDER | SAME | AFTER)
#define SYNCED (BIT(DURABILITY_PROCESS) | BIT(DURABILITY_DISK))
#define REPLICA BIT(DURABILITY_REPLICA)
#define WAITS NO
#define GOES_ON YES

/* Which inputs a row is of, as bits, and what they come to. */
typedef struct {
    unsigned disk, place, damaged, uncovered, handed, durability, when_full;
    start_case_t found;
    start_verdict_t alone, several;
} row_t;

static const row_t s_rows[] = {
    /* nothing to go on from */
    {BIT(START_SPOILED), ANY, ANY, ANY, ANY, ANY, ANY, START_CASE_spoiled, START_FAILS, START_ASKS},
    {BIT(START_NOTHING), UNKNOWN, ANY, ANY, ANY, ANY, ANY, START_CASE_first, START_GOES_ON, START_ASKS},
    {BIT(START_NOTHING), KNOWN, ANY, ANY, ANY, ANY, ANY, START_CASE_emptied, START_LOSES, START_ASKS},
    /* something newer lies beside it, and cannot be read */
    {HERE, ANY, YES, ANY, ANY, ANY, ANY, START_CASE_damaged, START_LOSES, START_ASKS},
    /* the very snapshot that a predecessor ended with */
    {HERE, SAME, NO, ANY, YES, ANY, ANY, START_CASE_handed_over, START_GOES_ON, START_GOES_ON},
    /* copies that a snapshot does not wait for */
    {BIT(START_COPY), SAME, NO, ANY, NO, SYNCED, ANY, START_CASE_copied, START_LOSES, START_ASKS},
    {BIT(START_COPY), SAME, NO, ANY, NO, REPLICA, GOES_ON, START_CASE_copied, START_LOSES, START_ASKS},
    {BIT(START_COPY), ~SAME, NO, ANY, ANY, SYNCED, ANY, START_CASE_copied, START_LOSES, START_ASKS},
    {BIT(START_COPY), ~SAME, NO, ANY, ANY, REPLICA, GOES_ON, START_CASE_copied, START_LOSES, START_ASKS},
    /* copies that it does wait for */
    {BIT(START_COPY), OLDER, NO, ANY, ANY, REPLICA, WAITS, START_CASE_older, START_LOSES, START_ASKS},
    {BIT(START_COPY), NOT_OLDER, NO, ANY, ANY, REPLICA, WAITS, START_CASE_whole, START_GOES_ON,
     START_GOES_ON},
    {BIT(START_COPY), SAME, NO, ANY, NO, REPLICA, WAITS, START_CASE_whole, START_GOES_ON, START_GOES_ON},
    /* its own, whatever the durability: also with copies it may be an old one */
    {BIT(START_OWN), SAME, NO, YES, NO, ANY, ANY, START_CASE_uncovered, START_LOSES, START_ASKS},
    {BIT(START_OWN), ~SAME, NO, YES, ANY, ANY, ANY, START_CASE_uncovered, START_LOSES, START_ASKS},
    {BIT(START_OWN), OLDER, NO, NO, ANY, ANY, ANY, START_CASE_older, START_LOSES, START_ASKS},
    {BIT(START_OWN), NOT_OLDER, NO, NO, ANY, ANY, ANY, START_CASE_whole, START_GOES_ON, START_GOES_ON},
    {BIT(START_OWN), SAME, NO, NO, NO, ANY, ANY, START_CASE_whole, START_GOES_ON, START_GOES_ON},
};
#define ROWS (sizeof s_rows / sizeof *s_rows)

static const row_t *s_row_of(const row_t *is)
{
    const row_t *found = NULL;
    for (size_t i = 0; i < ROWS; i++) {
        const row_t *row = &s_rows[i];
        bool fits = (row->disk & is->disk) && (row->place & is->place) && (row->damaged & is->damaged) &&
                    (row->uncovered & is->uncovered) && (row->handed & is->handed) &&
                    (row->durability & is->durability) && (row->when_full & is->when_full);
        cr_assert(!fits || !found, "rows %zu and %zu say something of the same", i, (size_t)(found - s_rows));
        found = fits ? row : found;
    }
    cr_assert_not_null(found, "no row says anything of it");
    return found;
}

/* Snapshot 7 of incarnation 5 was found, beside that the newest known is one of these. */
static start_facts_t s_facts(topology_t *topology, const row_t *is)
{
    unsigned disk = 0, durability = 0;
    while (BIT(disk) != is->disk)
        disk++;
    while (BIT(durability) != is->durability)
        durability++;
    topology->checkpoint.durability = (durability_t)durability;
    topology->checkpoint.when_full = is->when_full == GOES_ON ? WHEN_FULL_GO_ON : WHEN_FULL_WAIT;
    bool here = is->disk & HERE;
    return (start_facts_t){.topology = topology,
                           .disk = (start_disk_t)disk,
                           .incarnation = here ? 5 : 0,
                           .number = here ? 7 : 0,
                           .skipped = is->damaged == YES ? 2 : 0,
                           .uncovered = is->uncovered == YES,
                           .handed = is->handed == YES,
                           .newest_incarnation = is->place == UNKNOWN  ? 0
                                                 : is->place == BEFORE ? 6
                                                 : is->place == AFTER  ? 4
                                                                       : 5,
                           .newest_number = is->place == UNKNOWN  ? 0
                                            : is->place == BEFORE ? 1
                                            : is->place == LOWER  ? 8
                                            : is->place == AFTER  ? 9
                                                                  : 7};
}

static size_t s_check(const row_t *is)
{
    const row_t *want = s_row_of(is);
    for (size_t regions = 1; regions <= 3; regions++) {
        topology_t topology = {.region_count = regions};
        start_facts_t facts = s_facts(&topology, is);
        start_t start = shard_start_decide(&facts);
        cr_expect_eq(start.found, want->found, "row %zu: %s", (size_t)(want - s_rows), start.why);
        cr_expect_eq(start.verdict, regions == 1 ? want->alone : want->several, "row %zu: %s",
                     (size_t)(want - s_rows), start.why);
        cr_expect(start.why && *start.why);
    }
    return (size_t)(want - s_rows);
}

Test(shard_start, every_input_comes_to_what_one_row_says)
{
    bool used[ROWS] = {false};
    for (unsigned all = 0; all < 4 * 5 * 2 * 2 * 2 * 3 * 2; all++) {
        row_t is = {BIT(all % 4),      BIT(all / 4 % 5),   BIT(all / 20 % 2),  BIT(all / 40 % 2),
                    BIT(all / 80 % 2), BIT(all / 160 % 3), BIT(all / 480 % 2), START_CASE_whole,
                    START_GOES_ON,     START_GOES_ON};
        used[s_check(&is)] = true;
    }
    for (size_t i = 0; i < ROWS; i++)
        cr_expect(used[i], "row %zu", i);
}

/* Nothing of this is a loss: so it goes on without asking, though another region cannot be heard. */
Test(shard_start, what_goes_on_has_lost_nothing)
{
    topology_t topology = {.region_count = 2};
    start_facts_t facts = {.topology = &topology,
                           .disk = START_OWN,
                           .incarnation = 5,
                           .number = 7,
                           .newest_incarnation = 4,
                           .newest_number = 20};
    start_t start = shard_start_decide(&facts);
    cr_expect_eq(start.verdict, START_GOES_ON);
    cr_expect_eq(start.lost, 0, "numbers go on over incarnations, but this one is of an older");
}

Test(shard_start, how_much_is_lost_is_told_as_far_as_it_is_known)
{
    static const struct {
        uint64_t damaged_batches, damaged_number, batches, newest_number, number, lost;
        uint32_t skipped;
        const char *what;
    } rows[] = {
        {50, 9, 41, 9, 7, 9, 2, "by the batches of what is damaged"},
        {41, 9, 50, 9, 7, 0, 2, "which had no more"},
        {0, 9, 41, 8, 7, 2, 2, "one for each snapshot up to that which is damaged"},
        {0, 0, 41, 12, 7, 5, 0, "one for each up to that which is known"},
        {0, 0, 41, 0, 7, 3, 3, "one for each that was passed over"},
    };
    topology_t topology = {.region_count = 2};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        start_facts_t facts = {.topology = &topology,
                               .disk = START_OWN,
                               .incarnation = 5,
                               .number = rows[i].number,
                               .skipped = rows[i].skipped,
                               .newest_incarnation = 5,
                               .newest_number = rows[i].newest_number,
                               .damaged_batches = rows[i].damaged_batches,
                               .damaged_number = rows[i].damaged_number,
                               .batches = rows[i].batches};
        cr_expect_eq(shard_start_decide(&facts).lost, rows[i].lost, "%s", rows[i].what);
    }
}

Test(shard_start, the_shard_is_told)
{
    shard_spec_t spec = {0};
    shard_start_tell(&(start_t){.verdict = START_LOSES, .lost = 4}, &spec);
    cr_expect(spec.loses && !spec.uncertain && spec.lost == 4);
    shard_start_tell(&(start_t){.verdict = START_ASKS, .lost = 3}, &spec);
    cr_expect(!spec.loses && spec.uncertain && spec.lost == 3);
    shard_start_tell(&(start_t){.verdict = START_GOES_ON}, &spec);
    cr_expect(!spec.loses && !spec.uncertain && spec.lost == 0);
}
