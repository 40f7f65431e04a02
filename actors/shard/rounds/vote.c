/* What is in a round, when not all regions need to have reached it (quorum below 1): of each region's stream everything
 * up to some number. Decided once per round and shard, between the same shard of all regions (ballot). Here: what ballots say
 * as messages, who has what, and what is proposed when.
 *
 * What a shard promises, accepts or proposes is in a committed snapshot before anybody hears of it; so a decider that dies says
 * the same when it is back, and meanwhile the next region in line asks for promises and goes on with what it may have decided.
 *
 * Regions tell each other what they have durably. What is proposed is had by every region of a group, the greatest of
 * regions that have each other's contributions: so what is decided can be applied by all of them though somebody else
 * dies with it. A round may be proposed when the group is everybody, or lacks only who has sent something late, or
 * `grace` after it has been a share of `quorum`. */

#include "actors/shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

static uint64_t s_bit(size_t region)
{
    return UINT64_C(1) << region;
}

static size_t s_count(uint64_t set)
{
    return (size_t)__builtin_popcountll(set);
}

bool shard_vote_wants_snapshot(const shard_core_t *self)
{
    return ballot_waits(&self->rounds->ballot);
}

/* -- speaking */

static void s_set_want(const shard_core_t *self, message_t *message, const say_t *say)
{
    message->vote_want.ballot = say->ballot;
    message_set_u64s(&message->vote_want.taken, say->taken, say->whole ? base_regions(self->base) : 0);
    message->vote_want.settled = self->rounds->ballot.settled[self->base->spec.region_index];
    message->vote_want.mark = self->base->gate.number;
}

static void s_set_vote(const shard_core_t *self, message_t *message, const say_t *say)
{
    message->vote.promised = say->promised;
    message->vote.ballot = say->ballot;
    message_set_u64s(&message->vote.taken, say->taken, say->whole ? base_regions(self->base) : 0);
    message->vote.settled = self->rounds->ballot.settled[self->base->spec.region_index];
    message->vote.mark = self->base->gate.number;
    message->vote.muted = say->muted;
}

static void s_set_decision(const shard_core_t *self, message_t *message, const say_t *say)
{
    message_set_u64s(&message->decision.taken, say->taken, say->whole ? base_regions(self->base) : 0);
    message->decision.settled = self->rounds->ballot.settled[self->base->spec.region_index];
    message->decision.mark = self->base->gate.number;
}

static const struct {
    message_kind_t kind;
    void (*set)(const shard_core_t *self, message_t *message, const say_t *say);
} s_says[] = {
    [SAY_WANT] = {KIND_vote_want, s_set_want},
    [SAY_VOTE] = {KIND_vote, s_set_vote},
    [SAY_DECISION] = {KIND_decision, s_set_decision},
};

static void s_say(shard_core_t *self, const say_t *say)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        if (r == self->base->spec.region_index || !(say->to & s_bit(r)))
            continue;
        char to[3 * WIRE_NAME_SIZE];
        base_name_of(self->base, "shard", r, to, sizeof to);
        message_t *message = base_message(self->base, s_says[say->kind].kind, to);
        message->number = say->round;
        s_says[say->kind].set(self, message, say);
        base_send(self->base, &message);
    }
}

/* After every event of the ballot: what it has changed, and what it has to say. */
static void s_settle(shard_core_t *self, bool changed)
{
    say_t say;
    if (changed)
        base_changed(self->base);
    while (ballot_take(&self->rounds->ballot, &say))
        s_say(self, &say);
}

/* -- who has what */

static uint64_t *s_row(const shard_core_t *self, size_t region)
{
    return self->rounds->have + region * base_regions(self->base);
}

/* Of this shard, as of its newest snapshot; returns whether it is more than was told. */
static bool s_update_own(shard_core_t *self)
{
    uint64_t *row = s_row(self, self->base->spec.region_index);
    bool more = false;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        uint64_t have = r == self->base->spec.region_index ? self->durable->committed_last
                                                           : self->stream->origins[r].durable;
        more = more || have > row[r];
        row[r] = have;
    }
    return more;
}

/* What this shard has, as a question for the decision or as an answer to one. */
static void s_say_have(shard_core_t *self, say_kind_t kind, uint64_t to)
{
    say_t say = {.kind = kind, .to = to, .round = self->rounds->ballot.proposal.round, .whole = true};
    memcpy(say.taken, s_row(self, self->base->spec.region_index),
           base_regions(self->base) * sizeof *say.taken);
    s_say(self, &say);
}

static void s_tell_own(shard_core_t *self, uint64_t regions)
{
    s_update_own(self);
    s_say_have(self, SAY_WANT, regions);
}

/* How many of the group's contributions a region lacks. */
static size_t s_lacks(const shard_core_t *self, size_t region, uint64_t group)
{
    size_t lacks = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        lacks += (group & s_bit(r)) && !shard_round_has(self, r, s_row(self, region)[r]);
    return lacks;
}

/* Regions that have reached the round and have each other's contributions: who lacks most is left out, until nobody
 * lacks anything. */
static uint64_t s_group(const shard_core_t *self)
{
    uint64_t group = shard_round_present(self);
    for (;;) {
        size_t worst = 0, most = 0;
        for (size_t r = 0; r < base_regions(self->base); r++) {
            size_t lacks = group & s_bit(r) ? s_lacks(self, r, group) : 0;
            worst = lacks > most ? r : worst;
            most = lacks > most ? lacks : most;
        }
        if (!most)
            return group;
        group &= ~s_bit(worst);
    }
}

/* What all of a group have. */
static void s_common(const shard_core_t *self, uint64_t group, uint64_t *ret_taken)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        ret_taken[r] = UINT64_MAX;
        for (size_t p = 0; p < base_regions(self->base); p++)
            if ((group & s_bit(p)) && s_row(self, p)[r] < ret_taken[r])
                ret_taken[r] = s_row(self, p)[r];
    }
}

/* -- proposing */

/* What holds now, for the ballot. */
static ballot_now_t s_now(const shard_core_t *self, uint64_t *value)
{
    s_common(self, s_group(self) | s_bit(self->base->spec.region_index), value);
    return (ballot_now_t){.us = self->base->now_us,
                          .change = self->base->changes + 1,
                          .applied = self->rounds->number,
                          .value = value};
}

static bool s_enough(const shard_core_t *self, uint64_t present)
{
    double share = (double)s_count(present) / (double)base_regions(self->base);
    return share + 1e-9 >= self->base->spec.topology->job.sync.quorum;
}

/* When it may be proposed that what the group has is all; ROLE_NEVER: some are needed yet. */
static int64_t s_ready_us(shard_core_t *self)
{
    uint64_t group = s_group(self), own = s_bit(self->base->spec.region_index);
    if (!(group & own) || !s_enough(self, group))
        return ROLE_NEVER;
    if (self->rounds->enough_us == ROLE_NEVER)
        self->rounds->enough_us = self->base->now_us;
    uint64_t late = shard_round_heard(self) & ~shard_round_present(self);
    if ((group | late) == base_members(self->base))
        return self->base->now_us;
    return self->rounds->enough_us + self->base->spec.topology->job.sync.grace_us;
}

static bool s_runs(const shard_core_t *self)
{
    return self->base->rules.votes && life_runs(&self->base->life) && !life_stops(&self->base->life);
}

/* The next round is wanted, and not decided. */
static bool s_works(shard_core_t *self)
{
    rounds_t *rounds = self->rounds;
    bool worked = rounds->works;
    rounds->works = shard_round_works(self) && !ballot_decided(&rounds->ballot, rounds->number + 1);
    if (rounds->works && !worked)
        ballot_hurry(&rounds->ballot, self->base->now_us);
    return rounds->works;
}

void shard_vote_advance(shard_core_t *self)
{
    rounds_t *rounds = self->rounds;
    int64_t now_us = self->base->now_us;
    if (!s_runs(self))
        return;
    if (ballot_begin(&rounds->ballot, rounds->number + 1, now_us))
        rounds->enough_us = rounds->ready_us = ROLE_NEVER;
    if (!s_works(self))
        return;
    s_update_own(self);
    rounds->ready_us = s_ready_us(self);
    uint64_t value[TOPOLOGY_REGIONS_MAX];
    ballot_now_t now = s_now(self, value);
    s_settle(self, ballot_propose(&rounds->ballot, &now, rounds->ready_us <= now_us));
    if (!ballot_repeat(&rounds->ballot, now_us))
        return;
    if (rounds->ballot.muted == BALLOT_MUTED)
        shard_stand_ask(self);
    if (rounds->ballot.proposal.phase == BALLOT_IDLE)
        s_tell_own(self, UINT64_MAX); /* perhaps others have decided it */
    s_settle(self, false);
}

int64_t shard_vote_due(const shard_core_t *self)
{
    if (!s_runs(self) || !self->rounds->works)
        return ROLE_NEVER;
    int64_t due = ballot_due(&self->rounds->ballot), ready_us = self->rounds->ready_us;
    return self->rounds->ballot.proposal.turn_us == ROLE_NEVER && ready_us < due ? ready_us : due;
}

/* -- what others say */

static bool s_from_shard(shard_core_t *self, const message_t *message, size_t *ret_region)
{
    *ret_region = base_region_of(self->base, "shard", message->from);
    if (*ret_region != SIZE_MAX)
        return true;
    self->base->counts.refusals++;
    base_refuse(self->base, message, ERR_DENIED, "only the same shard of another region votes here");
    return false;
}

/* What all three kinds say. */
typedef struct {
    uint64_t settled, mark;
    const wire_u64s_t *taken;
    bool has; /* `taken` is what it has, and nothing of a ballot */
} vote_head_t;

static vote_head_t s_head(const message_t *message)
{
    const vote_want_t_ *want = &message->vote_want;
    const vote_t_ *vote = &message->vote;
    if (message->kind == KIND_vote_want)
        return (vote_head_t){want->settled, want->mark, &want->taken, !want->ballot};
    if (message->kind == KIND_vote)
        return (vote_head_t){vote->settled, vote->mark, &vote->taken, !vote->promised};
    return (vote_head_t){message->decision.settled, message->decision.mark, &message->decision.taken, false};
}

static void s_on_have(shard_core_t *self, const wire_u64s_t *taken, size_t region)
{
    uint64_t *row = s_row(self, region);
    for (size_t r = 0; taken->count == base_regions(self->base) && r < taken->count; r++)
        row[r] = taken->items[r] > row[r] ? taken->items[r] : row[r];
}

/* Who has nothing to do answers, or nobody would hear what it has. */
static void s_answer_have(shard_core_t *self, size_t region)
{
    if (self->rounds->works || !self->rounds->ballot.proposal.round)
        return;
    s_update_own(self);
    s_say_have(self, SAY_VOTE, s_bit(region));
}

static say_t s_said(const shard_core_t *self, const message_t *message, const vote_head_t *head)
{
    say_t say = {.kind = SAY_DECISION, .round = message->number};
    if (message->kind == KIND_vote_want) {
        say.kind = SAY_WANT;
        say.ballot = message->vote_want.ballot;
    } else if (message->kind == KIND_vote) {
        say.kind = SAY_VOTE;
        say.promised = message->vote.promised;
        say.ballot = message->vote.ballot;
        say.muted = message->vote.muted;
    }
    say.whole = head->taken->count == base_regions(self->base);
    if (say.whole)
        memcpy(say.taken, head->taken->items, head->taken->count * sizeof *say.taken);
    return say;
}

/* What is said behind a common point is heard behind it, or a restored shard might know of votes that others no longer
 * know; all of it is said again. What a shard said before it died may be what it has lost. */
static bool s_is_heard(shard_core_t *self, const message_t *message, uint64_t mark, size_t region)
{
    gate_seen(&self->base->gate, mark, self->base->now_us);
    origin_t *origin = &self->stream->origins[region];
    if (!gate_lets(&self->base->gate, mark) || message->incarnation < origin->vote_incarnation ||
        !stream_may_speak(self->stream, &origin->shard, message->incarnation))
        return false;
    origin->vote_incarnation = message->incarnation;
    stream_spoke(self->stream, &origin->shard, message->incarnation);
    return true;
}

/* An older state than this shard had was gone on from. */
static bool s_is_gone(const shard_core_t *self, const message_t *message)
{
    return message->kind == KIND_decision && message->decision.taken.count == 0 &&
           message->number == self->rounds->number + 1 && !shard_vote_decided(self, message->number);
}

static void s_take(shard_core_t *self, const message_t *message, const vote_head_t *head, size_t region)
{
    ballot_t *ballot = &self->rounds->ballot;
    ballot_settle(ballot, region, head->settled); /* less, once it has taken another region's state */
    if (head->has)
        s_on_have(self, head->taken, region);
    if (head->has && message->kind == KIND_vote_want && !ballot_decided(ballot, message->number))
        s_answer_have(self, region);
    if (s_is_gone(self, message))
        shard_enter(self, false);
    uint64_t value[TOPOLOGY_REGIONS_MAX];
    ballot_now_t now = s_now(self, value);
    say_t say = s_said(self, message, head);
    s_settle(self, ballot_hear(ballot, &now, region, &say));
}

void shard_vote(shard_core_t *self, const message_t *message)
{
    size_t region;
    vote_head_t head = s_head(message);
    if (!s_runs(self) || !s_from_shard(self, message, &region) ||
        !s_is_heard(self, message, head.mark, region))
        return;
    if (message->number == 0 || message->number > self->rounds->number + SHARD_KEPT_MAX) {
        self->base->counts.refusals++;
        base_refuse(self->base, message, ERR_LIMIT, "a round that cannot be near");
        return;
    }
    s_take(self, message, &head, region);
}

/* What is stored now may be said. */
void shard_vote_committed(shard_core_t *self)
{
    ballot_t *ballot = &self->rounds->ballot;
    ballot_store(ballot, self->durable->committed_changes);
    if (!s_runs(self))
        return;
    if (s_update_own(self) && ballot->proposal.round)
        s_tell_own(self, UINT64_MAX);
    uint64_t value[TOPOLOGY_REGIONS_MAX];
    ballot_now_t now = s_now(self, value);
    s_settle(self, ballot_go_on(ballot, &now));
    shard_relay_trim(self);
    shard_advance(self);
}

const uint64_t *shard_vote_decided(const shard_core_t *self, uint64_t round)
{
    return ballot_decided(&self->rounds->ballot, round);
}

bool shard_vote_has(const shard_core_t *self, size_t region, size_t origin, uint64_t number)
{
    return s_row(self, region)[origin] >= number;
}

bool shard_vote_lacked(const shard_core_t *self, size_t origin, uint64_t number)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != origin && r != self->base->spec.region_index && !shard_vote_has(self, r, origin, number))
            return true;
    return false;
}

/* -- losses */

uint64_t shard_vote_last(const shard_core_t *self)
{
    uint64_t last = ballot_last(&self->rounds->ballot);
    return last > self->rounds->number ? last : self->rounds->number;
}

void shard_vote_heard(shard_core_t *self, size_t region, uint64_t round)
{
    if (self->base->rules.votes)
        s_settle(self, ballot_heard(&self->rounds->ballot, region, round));
}

void shard_vote_mute(shard_core_t *self)
{
    if (!self->base->rules.votes)
        return;
    ballot_mute(&self->rounds->ballot);
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->entry->stands[r].heard)
            shard_vote_heard(self, r, self->entry->stands[r].round);
}

void shard_vote_join(shard_core_t *self, const shard_core_t *peer)
{
    ballot_join(&self->rounds->ballot, &peer->rounds->ballot);
    self->rounds->works = false;
}

void shard_vote_unsettle(shard_core_t *self, size_t region)
{
    ballot_settle(&self->rounds->ballot, region, 0);
    if (self->base->rules.votes)
        memset(s_row(self, region), 0, base_regions(self->base) * sizeof *self->rounds->have);
}

/* -- life */

void shard_vote_begin(shard_core_t *self)
{
    size_t regions = base_regions(self->base);
    ballot_init(&self->rounds->ballot, regions, self->base->spec.region_index);
    self->rounds->have =
        self->base->rules.votes ? calloc(regions * regions, sizeof *self->rounds->have) : NULL;
    CHECK(self->rounds->have || !self->base->rules.votes);
    self->rounds->enough_us = self->rounds->ready_us = ROLE_NEVER;
}

void shard_vote_fini(shard_core_t *self)
{
    ballot_fini(&self->rounds->ballot);
    free(self->rounds->have);
}
