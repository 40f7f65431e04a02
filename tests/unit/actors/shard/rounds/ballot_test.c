/* Ballots of several regions against each other, without a shard: what they say is lost, doubled, late and
 * out of order, their clocks differ, and they die and go on from what was stored. Whatever happens nobody
 * decides anything else than another one has, everything that is decided was proposed by somebody, and
 * once it is quiet everybody decides. */
#include "actors/shard/rounds/ballot.h"

#include "actors/kit/role.h"
#include "codec/base/rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define REGIONS 5
#define ROUNDS 6
#define LETTERS 4096
#define STORM_US 40000000
#define END_US 160000000

/* The remains of one that dies. */
typedef struct {
    vote_t log[2 * ROUNDS];
    size_t count;
    uint64_t muted, applied, changes;
} saved_t;

typedef struct {
    ballot_t ballot;
    uint64_t changes, applied;
    saved_t stored, out;
    int64_t stored_at; /* when `out` is; ROLE_NEVER: nothing is out */
    uint64_t incarnation, fence[REGIONS];
    uint64_t rate; /* of its clock, in quarters */
    uint64_t value[REGIONS];
} voter_t;

typedef struct {
    say_t say;
    size_t from, to;
    uint64_t incarnation, settled;
    int64_t at;
} letter_t;

typedef struct {
    rng_t rng;
    uint64_t seed, offered;
    size_t regions;
    int64_t now;
    voter_t voters[REGIONS];
    letter_t letters[LETTERS];
    size_t letter_count;
    uint64_t decided[ROUNDS + 2]; /* value of every round; 0: not yet */
    size_t decider; /* region that has decided just now, and nobody else knows it; SIZE_MAX: none */
    size_t loser;   /* region that has lost what it had stored; SIZE_MAX: none */
} world_t;

static bool s_storm(const world_t *w)
{
    return w->now < STORM_US;
}

static bool s_chance(world_t *w, uint64_t of)
{
    return s_storm(w) && rng_below(&w->rng, of) == 0;
}

static int64_t s_clock(const world_t *w, const voter_t *voter)
{
    return w->now / 4 * (int64_t)voter->rate;
}

/* -- letters */

static void s_post(world_t *w, const letter_t *letter)
{
    if (w->letter_count < LETTERS)
        w->letters[w->letter_count++] = *letter;
}

static void s_send(world_t *w, size_t from, const say_t *say)
{
    const voter_t *voter = &w->voters[from];
    for (size_t r = 0; r < w->regions; r++) {
        if (r == from || !(say->to >> r & 1) || s_chance(w, 4))
            continue;
        letter_t letter = {.say = *say,
                           .from = from,
                           .to = r,
                           .incarnation = voter->incarnation,
                           .settled = voter->ballot.settled[from]};
        for (size_t copies = s_chance(w, 5) ? 2 : 1; copies; copies--) {
            letter.at = w->now + 1000 + (int64_t)rng_below(&w->rng, s_chance(w, 4) ? 6000000 : 200000);
            s_post(w, &letter);
        }
    }
}

/* -- one voter */

/* Every vote that it knows to be decided. */
static void s_check(world_t *w, size_t region)
{
    const voter_t *voter = &w->voters[region];
    for (size_t i = 0; i < voter->ballot.count; i++) {
        const vote_t *vote = &voter->ballot.log[i];
        if (!vote->decided)
            continue;
        uint64_t value = vote->included[0];
        for (size_t r = 1; r < w->regions; r++)
            cr_assert_eq(vote->included[r], value, "seed %d: two values are mixed", (int)w->seed);
        cr_assert(value >> 32 == vote->round && (uint32_t)value <= w->offered,
                  "seed %d: nobody has proposed it for this round", (int)w->seed);
        uint64_t *decided = &w->decided[vote->round];
        cr_assert(!*decided || *decided == value, "seed %d, round %d: two decisions", (int)w->seed,
                  (int)vote->round);
        w->decider = *decided ? w->decider : region;
        *decided = value;
    }
}

static void s_settle(world_t *w, size_t region, bool changed)
{
    voter_t *voter = &w->voters[region];
    say_t say;
    voter->changes += changed;
    while (ballot_take(&voter->ballot, &say))
        s_send(w, region, &say);
    s_check(w, region);
}

/* Each time it would propose something else. */
static ballot_now_t s_now(world_t *w, voter_t *voter)
{
    uint64_t value = (voter->applied + 1) << 32 | ++w->offered;
    for (size_t r = 0; r < w->regions; r++)
        voter->value[r] = value;
    return (ballot_now_t){.us = s_clock(w, voter),
                          .change = voter->changes + 1,
                          .applied = voter->applied,
                          .value = voter->value};
}

static void s_hear(world_t *w, const letter_t *letter)
{
    voter_t *voter = &w->voters[letter->to];
    if (letter->incarnation < voter->fence[letter->from])
        return;
    voter->fence[letter->from] = letter->incarnation;
    ballot_settle(&voter->ballot, letter->from, letter->settled);
    bool gone = letter->say.kind == SAY_DECISION && !letter->say.whole;
    cr_assert(!gone || letter->say.round <= voter->applied, "seed %d: a decision is gone too early",
              (int)w->seed);
    ballot_now_t now = s_now(w, voter);
    s_settle(w, letter->to, ballot_hear(&voter->ballot, &now, letter->from, &letter->say));
}

static void s_apply(world_t *w, voter_t *voter)
{
    while (ballot_decided(&voter->ballot, voter->applied + 1)) {
        voter->applied++;
        voter->changes++;
    }
    ballot_begin(&voter->ballot, voter->applied + 1, s_clock(w, voter));
}

static void s_speak(world_t *w, size_t region)
{
    voter_t *voter = &w->voters[region];
    if (voter->applied == ROUNDS)
        return;
    ballot_now_t now = s_now(w, voter);
    s_settle(w, region, ballot_propose(&voter->ballot, &now, !s_storm(w) || rng_below(&w->rng, 3) == 0));
    bool repeats = ballot_repeat(&voter->ballot, now.us);
    say_t asks = {.kind = SAY_WANT, .to = ~UINT64_C(0), .round = voter->applied + 1};
    if (repeats && voter->ballot.proposal.phase == BALLOT_IDLE)
        s_send(w, region, &asks);
    s_settle(w, region, false);
}

/* -- what is stored */

static saved_t s_saved(const voter_t *voter)
{
    saved_t saved = {.count = voter->ballot.count,
                     .muted = voter->ballot.muted,
                     .applied = voter->applied,
                     .changes = voter->changes};
    cr_assert_leq(saved.count, 2 * ROUNDS);
    for (size_t i = 0; i < saved.count; i++)
        saved.log[i] = voter->ballot.log[i];
    return saved;
}

static void s_store(world_t *w, size_t region)
{
    voter_t *voter = &w->voters[region];
    bool wants = ballot_waits(&voter->ballot) || voter->applied > voter->stored.applied;
    if (voter->stored_at == ROLE_NEVER && wants) {
        voter->out = s_saved(voter);
        voter->stored_at = w->now + (int64_t)rng_below(&w->rng, s_storm(w) ? 800000 : 50000);
    }
    if (w->now < voter->stored_at)
        return;
    voter->stored_at = ROLE_NEVER;
    voter->stored = voter->out;
    ballot_store(&voter->ballot, voter->stored.changes);
    ballot_settle(&voter->ballot, region, voter->stored.applied);
    ballot_now_t now = s_now(w, voter);
    s_settle(w, region, ballot_go_on(&voter->ballot, &now));
}

static void s_restart(world_t *w, size_t region, const saved_t *saved)
{
    voter_t *voter = &w->voters[region];
    ballot_fini(&voter->ballot);
    ballot_init(&voter->ballot, w->regions, region);
    for (size_t i = 0; i < saved->count; i++) {
        vote_t vote = saved->log[i];
        vote.changes = 0;
        vote.asker = SIZE_MAX;
        ballot_add(&voter->ballot, &vote);
    }
    voter->ballot.muted = saved->muted;
    voter->applied = saved->applied;
    voter->changes = saved->changes;
    ballot_store(&voter->ballot, voter->changes);
    voter->stored = *saved;
    voter->stored_at = ROLE_NEVER;
    voter->incarnation++;
    memset(voter->fence, 0, sizeof voter->fence);
}

/* Drops a region's words that have not come yet; `both`: and those to it. */
static void s_silence(world_t *w, size_t region, bool both)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->letter_count; i++)
        if (w->letters[i].from != region && !(both && w->letters[i].to == region))
            w->letters[kept++] = w->letters[i];
    w->letter_count = kept;
}

/* Everything it had is gone, with what it and the others had said to each other that has not come yet: it
 * does not run before all others have told it where they stand, over the same ways. It takes what another
 * region has stored; the others know from now on that it may go back. */
static void s_lose(world_t *w, size_t region)
{
    size_t peer = (region + 1 + rng_below(&w->rng, w->regions - 1)) % w->regions;
    saved_t nothing = {.changes = 1};
    w->loser = region;
    s_restart(w, region, &nothing);
    s_silence(w, region, true);
    for (size_t r = 0; r < w->regions; r++) {
        ballot_settle(&w->voters[r].ballot, region, 0);
        w->voters[r].fence[region] = w->voters[region].incarnation;
    }
    voter_t *voter = &w->voters[region], other = {0};
    ballot_mute(&voter->ballot);
    ballot_init(&other.ballot, w->regions, peer);
    for (size_t i = 0; i < w->voters[peer].stored.count; i++)
        ballot_add(&other.ballot, &w->voters[peer].stored.log[i]);
    ballot_join(&voter->ballot, &other.ballot);
    ballot_fini(&other.ballot);
    voter->applied = w->voters[peer].stored.applied;
    voter->stored = s_saved(voter); /* it does not vote before it is */
}

/* The others say one after the other how far they are. */
static void s_tell_loser(world_t *w)
{
    if (w->loser == SIZE_MAX || rng_below(&w->rng, 40))
        return;
    size_t r = rng_below(&w->rng, w->regions);
    const voter_t *other = &w->voters[r];
    uint64_t last = ballot_last(&other->ballot);
    if (r != w->loser)
        s_settle(w, w->loser,
                 ballot_heard(&w->voters[w->loser].ballot, r, last > other->applied ? last : other->applied));
}

/* -- the world */

static void s_open(world_t *w, uint64_t seed, size_t regions)
{
    *w = (world_t){.seed = seed, .regions = regions, .loser = SIZE_MAX, .decider = SIZE_MAX};
    rng_init(&w->rng, seed);
    for (size_t r = 0; r < regions; r++) {
        voter_t *voter = &w->voters[r];
        ballot_init(&voter->ballot, regions, r);
        voter->rate = 2 + rng_below(&w->rng, 12);
        voter->changes = voter->incarnation = 1;
        voter->stored = (saved_t){.changes = 1};
        voter->stored_at = ROLE_NEVER;
    }
}

static void s_deliver(world_t *w)
{
    for (size_t i = 0; i < w->letter_count;) {
        if (w->letters[i].at > w->now) {
            i++;
            continue;
        }
        letter_t letter = w->letters[i];
        w->letters[i] = w->letters[--w->letter_count];
        s_hear(w, &letter);
    }
}

static void s_die(world_t *w, size_t region)
{
    saved_t stored = w->voters[region].stored;
    s_restart(w, region, &stored);
}

/* The worst moment: who has decided dies before anybody hears of it, and one of those who voted loses its
 * vote. */
static void s_strike(world_t *w, bool loses)
{
    size_t decider = w->decider, victim = rng_below(&w->rng, w->regions);
    w->decider = SIZE_MAX;
    if (decider == SIZE_MAX || !s_chance(w, 2))
        return;
    s_silence(w, decider, false);
    s_die(w, decider);
    if (loses && w->loser == SIZE_MAX)
        s_lose(w, victim);
}

static void s_step(world_t *w, bool loses)
{
    w->now += 1000 + (int64_t)rng_below(&w->rng, 40000);
    s_deliver(w);
    for (size_t r = 0; r < w->regions; r++) {
        if (s_chance(w, w->voters[r].stored_at == ROLE_NEVER ? 400 : 60))
            s_die(w, r);
        s_apply(w, &w->voters[r]);
        s_speak(w, r);
        s_store(w, r);
    }
    s_strike(w, loses);
    s_tell_loser(w);
}

static bool s_all_done(const world_t *w)
{
    for (size_t r = 0; r < w->regions; r++)
        if (w->voters[r].applied < ROUNDS)
            return false;
    return true;
}

static void s_check_worlds(uint64_t first, uint64_t count, bool loses)
{
    world_t *w = malloc(sizeof *w);
    cr_assert_not_null(w);
    for (uint64_t seed = first; seed < first + count; seed++) {
        s_open(w, seed, (loses ? 3 : 2) + seed % (loses ? 3 : 4));
        while (w->now < END_US && !s_all_done(w))
            s_step(w, loses);
        cr_assert(s_all_done(w), "seed %d: not everybody has decided", (int)seed);
        for (size_t r = 0; r < w->regions; r++)
            ballot_fini(&w->voters[r].ballot);
    }
    free(w);
}

Test(ballot, nobody_decides_anything_else_than_another_one_has)
{
    s_check_worlds(1, 150, false);
}

Test(ballot, who_has_lost_its_votes_decides_nothing_a_second_time)
{
    s_check_worlds(1001, 150, true);
}
