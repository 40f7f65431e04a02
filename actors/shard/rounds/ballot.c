#include "actors/shard/rounds/ballot.h"

#include "actors/kit/timers.h"
#include "actors/kit/role.h"
#include "actors/shard/base/majority.h"
#include "codec/base/grow.h"

#include <stdlib.h>
#include <string.h>

#define TURN_US 1000000       /* until the next region in line proposes */
#define AGAIN_FIRST_US 100000 /* what is not answered is said again after this, doubling ... */
#define AGAIN_LAST_US 500000  /* ... up to this */

static uint64_t s_bit(size_t region)
{
    return UINT64_C(1) << region;
}

static uint64_t s_everybody(const ballot_t *self)
{
    return self->regions >= 64 ? UINT64_MAX : s_bit(self->regions) - 1;
}

static bool s_majority(const ballot_t *self, uint64_t set)
{
    return majority_is((size_t)__builtin_popcountll(set), self->regions, set & 1);
}

/* How many regions propose before this one does. */
static size_t s_line(const ballot_t *self)
{
    return (self->own + self->regions - self->leader) % self->regions;
}

static size_t s_values_bytes(const ballot_t *self)
{
    return self->regions * sizeof(uint64_t);
}

/* -- the log */

static vote_t *s_find_vote(const ballot_t *self, uint64_t round)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->log[i].round == round)
            return &self->log[i];
    return NULL;
}

vote_t *ballot_add(ballot_t *self, const vote_t *vote)
{
    if (vote->decided && vote->ballot) /* as of before a restart */
        self->leader = (vote->ballot - 1) % self->regions;
    self->log = grow(self->log, self->count, &self->capacity, sizeof *self->log);
    self->log[self->count] = *vote;
    return &self->log[self->count++];
}

static vote_t *s_get(ballot_t *self, uint64_t round)
{
    vote_t *vote = s_find_vote(self, round);
    return vote ? vote : ballot_add(self, &(vote_t){.round = round, .asker = SIZE_MAX});
}

static uint64_t s_settled(const ballot_t *self)
{
    uint64_t least = UINT64_MAX;
    for (size_t r = 0; r < self->regions; r++)
        least = self->settled[r] < least ? self->settled[r] : least;
    return least;
}

static void s_trim(ballot_t *self)
{
    uint64_t settled = s_settled(self);
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++)
        if (self->log[i].round > settled)
            self->log[kept++] = self->log[i];
    self->count = kept;
}

/* Must be stored before anybody hears of it. */
static void s_must_store(ballot_t *self, vote_t *vote, const ballot_now_t *now)
{
    vote->changes = self->wanted = now->change;
}

static bool s_is_stored(const ballot_t *self, const vote_t *vote)
{
    return vote->changes <= self->stored;
}

/* -- speaking */

static say_t *s_say_to(ballot_t *self, say_kind_t kind, uint64_t to, uint64_t round)
{
    self->says = grow(self->says, self->say_count, &self->say_capacity, sizeof *self->says);
    say_t *say = &self->says[self->say_count++];
    *say = (say_t){.kind = kind, .to = to, .round = round};
    return say;
}

static void s_say_taken(const ballot_t *self, say_t *say, const vote_t *vote)
{
    say->whole = true;
    memcpy(say->included, vote->included, s_values_bytes(self));
}

static void s_answer_vote(ballot_t *self, const vote_t *vote, size_t region)
{
    say_t *say = s_say_to(self, SAY_VOTE, s_bit(region), vote->round);
    say->promised = vote->promised;
    say->ballot = vote->ballot;
    say->muted = vote->round <= self->muted;
    if (vote->ballot)
        s_say_taken(self, say, vote);
}

static void s_tell_decision(ballot_t *self, const vote_t *vote, uint64_t to)
{
    s_say_taken(self, s_say_to(self, SAY_DECISION, to, vote->round), vote);
}

bool ballot_take(ballot_t *self, say_t *ret_say)
{
    if (!self->say_count)
        return false;
    *ret_say = self->says[0];
    memmove(self->says, self->says + 1, --self->say_count * sizeof *self->says);
    return true;
}

/* -- proposing */

void ballot_hurry(ballot_t *self, int64_t now_us)
{
    proposal_t *own = &self->proposal;
    backoff_reset(&own->pause);
    own->again_us = now_us + backoff_next(&own->pause);
}

static void s_give_up_proposal(ballot_t *self, const ballot_now_t *now, uint64_t seen)
{
    proposal_t *own = &self->proposal;
    own->phase = BALLOT_IDLE;
    own->seen = seen > own->seen ? seen : own->seen;
    own->turn_us = now->us + TURN_US * (int64_t)(s_line(self) + 1);
}

/* The least ballot of this region above all that it knows of. */
static uint64_t s_next_ballot(const ballot_t *self, const vote_t *vote)
{
    uint64_t mine = self->own + 1, seen = self->proposal.seen;
    uint64_t known = vote->promised > seen ? vote->promised : seen;
    if (known == 0 && mine == 1 && vote->round > self->muted)
        return 1;
    return (known / self->regions + 1) * self->regions + mine;
}

/* Goes on with the value that was accepted in the highest ballot; when there is none, with the own one. */
static void s_accept(ballot_t *self, const ballot_now_t *now, vote_t *vote)
{
    proposal_t *own = &self->proposal;
    own->phase = BALLOT_ACCEPT;
    own->answers = own->firm = 0;
    ballot_hurry(self, now->us);
    if (own->best.ballot > vote->ballot)
        memcpy(vote->included, own->best.included, s_values_bytes(self));
    else if (!vote->ballot)
        memcpy(vote->included, now->value, s_values_bytes(self));
    vote->ballot = vote->promised = own->ballot;
    s_must_store(self, vote, now);
}

static void s_start_proposal(ballot_t *self, const ballot_now_t *now)
{
    proposal_t *own = &self->proposal;
    vote_t *vote = s_get(self, own->round);
    bool again = self->own == 0 && vote->ballot == 1 && vote->promised == 1;
    own->ballot = again ? 1 : s_next_ballot(self, vote);
    own->answers = own->firm = own->best.ballot = 0;
    ballot_hurry(self, now->us);
    if (own->ballot == 1) {
        s_accept(self, now, vote);
        return;
    }
    own->phase = BALLOT_PROMISE;
    vote->promised = own->ballot;
    s_must_store(self, vote, now);
}

/* Those who have not answered yet. */
static void s_ask_votes(ballot_t *self, int64_t now_us)
{
    proposal_t *own = &self->proposal;
    const vote_t *vote = s_find_vote(self, own->round);
    bool under_way = own->phase != BALLOT_IDLE && vote && vote->promised == own->ballot;
    if (!under_way || !s_is_stored(self, vote))
        return;
    own->again_us = now_us + backoff_now(&own->pause);
    say_t *say = s_say_to(self, SAY_WANT, ~own->answers & s_everybody(self) & ~s_bit(self->own), own->round);
    say->ballot = own->ballot;
    if (own->phase == BALLOT_ACCEPT)
        s_say_taken(self, say, vote);
}

static void s_decide(ballot_t *self, vote_t *vote)
{
    vote->decided = true;
    self->proposal.phase = BALLOT_IDLE;
    self->leader = self->own;
    s_tell_decision(self, vote, s_everybody(self) & ~s_bit(self->own));
}

/* A majority, or everybody when votes may be lost: what was decided is then known to one of those who have
 * lost nothing, or to nobody. */
static bool s_suffices(const ballot_t *self)
{
    const proposal_t *own = &self->proposal;
    uint64_t mine = s_bit(self->own);
    return s_majority(self, own->firm | (own->round > self->muted ? mine : 0)) ||
           (own->answers | mine) == s_everybody(self);
}

/* The answers are enough for the next phase. */
static bool s_judge(ballot_t *self, const ballot_now_t *now)
{
    proposal_t *own = &self->proposal;
    vote_t *vote = s_find_vote(self, own->round);
    bool under_way = own->phase != BALLOT_IDLE && vote && !vote->decided;
    if (!under_way || !s_is_stored(self, vote))
        return false;
    if (vote->promised != own->ballot) {
        s_give_up_proposal(self, now, vote->promised);
        return false;
    }
    if (!s_suffices(self))
        return false;
    if (own->phase == BALLOT_PROMISE)
        s_accept(self, now, vote);
    else
        s_decide(self, vote);
    return true;
}

bool ballot_begin(ballot_t *self, uint64_t round, int64_t now_us)
{
    proposal_t *own = &self->proposal;
    if (own->round == round)
        return false;
    own->round = round;
    own->phase = BALLOT_IDLE;
    own->seen = 0;
    own->turn_us = ROLE_NEVER;
    ballot_hurry(self, now_us);
    return true;
}

bool ballot_propose(ballot_t *self, const ballot_now_t *now, bool ready)
{
    proposal_t *own = &self->proposal;
    if (ready && own->turn_us == ROLE_NEVER)
        own->turn_us = now->us + TURN_US * (int64_t)s_line(self);
    if (own->phase != BALLOT_IDLE || now->us < own->turn_us)
        return false;
    s_start_proposal(self, now);
    return true;
}

bool ballot_repeat(ballot_t *self, int64_t now_us)
{
    proposal_t *own = &self->proposal;
    if (now_us < own->again_us)
        return false;
    own->again_us = now_us + backoff_next(&own->pause);
    s_ask_votes(self, now_us);
    return true;
}

int64_t ballot_due(const ballot_t *self)
{
    const proposal_t *own = &self->proposal;
    return timer_first(own->again_us, own->phase == BALLOT_IDLE ? own->turn_us : ROLE_NEVER);
}

/* -- what others say */

/* Without `included` a promise is asked for. A ballot has one value. */
static bool s_may_vote(const vote_t *vote, const say_t *say)
{
    bool first_value = say->whole && vote->ballot != say->ballot;
    return say->ballot > vote->promised || (say->ballot == vote->promised && first_value);
}

static bool s_vote(ballot_t *self, const ballot_now_t *now, size_t from, const say_t *say)
{
    vote_t *vote = s_get(self, say->round);
    bool votes = s_may_vote(vote, say);
    if (votes) {
        vote->promised = say->ballot;
        if (say->whole) {
            vote->ballot = say->ballot;
            memcpy(vote->included, say->included, s_values_bytes(self));
        }
        s_must_store(self, vote, now);
    }
    if (s_is_stored(self, vote) || say->ballot < vote->promised)
        s_answer_vote(self, vote, from);
    else
        vote->asker = from;
    return votes;
}

static bool s_on_want(ballot_t *self, const ballot_now_t *now, size_t from, const say_t *say)
{
    const vote_t *known = s_find_vote(self, say->round);
    bool decided = known && known->decided, gone = !decided && say->round <= now->applied;
    if (decided)
        s_tell_decision(self, known, s_bit(from));
    if (gone) /* it was let go, as all had told that they have that round durably */
        s_say_to(self, SAY_DECISION, s_bit(from), say->round);
    if (decided || gone || !say->ballot) /* nothing to promise */
        return false;
    return s_vote(self, now, from, say);
}

static bool s_is_answer(const proposal_t *own, const say_t *say)
{
    if (say->round != own->round || own->phase == BALLOT_IDLE || say->promised != own->ballot)
        return false;
    bool accepts = own->phase == BALLOT_PROMISE || say->ballot == own->ballot;
    return accepts && (say->whole || !say->ballot);
}

static bool s_on_vote(ballot_t *self, const ballot_now_t *now, size_t from, const say_t *say)
{
    proposal_t *own = &self->proposal;
    if (say->round == own->round && own->phase != BALLOT_IDLE && say->promised > own->ballot)
        s_give_up_proposal(self, now, say->promised);
    if (!s_is_answer(own, say))
        return false;
    if (own->phase == BALLOT_PROMISE && say->ballot > own->best.ballot) {
        own->best.ballot = say->ballot;
        memcpy(own->best.included, say->included, s_values_bytes(self));
    }
    own->answers |= s_bit(from);
    own->firm |= say->muted ? 0 : s_bit(from);
    return s_judge(self, now);
}

static bool s_on_decision(ballot_t *self, const ballot_now_t *now, size_t from, const say_t *say)
{
    if (say->round <= now->applied || !say->whole)
        return false;
    vote_t *vote = s_get(self, say->round);
    if (vote->decided)
        return false;
    vote->decided = true;
    memcpy(vote->included, say->included, s_values_bytes(self));
    self->leader = from;
    return true;
}

bool ballot_hear(ballot_t *self, const ballot_now_t *now, size_t from, const say_t *say)
{
    switch (say->kind) {
    case SAY_WANT:
        return s_on_want(self, now, from, say);
    case SAY_VOTE:
        return s_on_vote(self, now, from, say);
    case SAY_DECISION:
        break;
    }
    return s_on_decision(self, now, from, say);
}

/* -- what is stored, and where */

void ballot_store(ballot_t *self, uint64_t changes)
{
    self->stored = changes;
}

void ballot_settle(ballot_t *self, size_t region, uint64_t round)
{
    self->settled[region] = round;
}

bool ballot_go_on(ballot_t *self, const ballot_now_t *now)
{
    for (size_t i = 0; i < self->count; i++) {
        vote_t *vote = &self->log[i];
        if (vote->asker == SIZE_MAX || !s_is_stored(self, vote))
            continue;
        s_answer_vote(self, vote, vote->asker);
        vote->asker = SIZE_MAX;
    }
    s_ask_votes(self, now->us);
    bool changed = s_judge(self, now);
    s_trim(self);
    return changed;
}

bool ballot_waits(const ballot_t *self)
{
    return self->wanted > self->stored;
}

const uint64_t *ballot_decided(const ballot_t *self, uint64_t round)
{
    const vote_t *vote = s_find_vote(self, round);
    return vote && vote->decided ? vote->included : NULL;
}

uint64_t ballot_last(const ballot_t *self)
{
    uint64_t last = 0; /* what it has proposed is in the log */
    for (size_t i = 0; i < self->count; i++)
        last = self->log[i].round > last ? self->log[i].round : last;
    return last;
}

/* -- losses */

bool ballot_heard(ballot_t *self, size_t region, uint64_t round)
{
    self->heard |= s_bit(region);
    self->heard_round = round > self->heard_round ? round : self->heard_round;
    if (self->muted != BALLOT_MUTED || (self->heard | s_bit(self->own)) != s_everybody(self))
        return false;
    self->muted = self->heard_round;
    return true;
}

/* A vote that is forgotten must not decide a second time. What one that nobody can do without decided and
 * told is known to those that it told. */
void ballot_mute(ballot_t *self)
{
    if (!s_majority(self, s_everybody(self) & ~s_bit(self->own)))
        return;
    self->muted = BALLOT_MUTED;
    self->heard = self->heard_round = 0;
}

void ballot_join(ballot_t *self, const ballot_t *peer)
{
    for (size_t i = 0; i < peer->count; i++) {
        const vote_t *from = &peer->log[i];
        vote_t *vote = from->decided ? s_get(self, from->round) : NULL;
        if (!vote || vote->decided)
            continue;
        vote->decided = true;
        memcpy(vote->included, from->included, s_values_bytes(self));
    }
    for (size_t i = 0; i < self->count; i++)
        self->log[i].asker = SIZE_MAX;
    self->proposal.phase = BALLOT_IDLE;
    self->proposal.round = 0; /* the next one is found anew */
    self->settled[self->own] = 0;
}

/* -- life */

void ballot_init(ballot_t *self, size_t regions, size_t own)
{
    *self = (ballot_t){.regions = regions, .own = own};
    self->proposal.turn_us = ROLE_NEVER;
    self->proposal.pause = backoff_of(AGAIN_FIRST_US, AGAIN_LAST_US);
    ballot_hurry(self, 0);
}

void ballot_fini(ballot_t *self)
{
    free(self->log);
    free(self->says);
}
