/* Deciding the contents of a round when not all regions need to have reached it (quorum below 1): of each
 * region's stream everything up to some number. This is done once per round and shard, between the same
 * shard of all regions (ballot). Here: the messages that ballots are said in, the table of who has what, and
 * when a round is proposed.
 *
 * A promise, acceptance or proposal of a shard is in a committed snapshot before anybody hears of it; so a
 * decider that dies says the same when it is back, and meanwhile the next region in line asks for promises
 * and goes on with what may be decided.
 *
 * Regions tell each other what they have durably. A proposal is had by every region of a group, the greatest
 * of regions that have each other's contributions: so what is decided can be applied by all of them though
 * somebody else dies with it. A round may be proposed when the group is everybody, or lacks only who has sent
 * something late, or `grace` after it has been a share of `quorum`. */

#include "actors/shard/rounds/rounds.h"

#include "actors/kit/timers.h"

#include <stdlib.h>
#include <string.h>

static uint64_t s_bit(size_t region)
{
    return UINT64_C(1) << region;
}

static size_t s_count_bits(uint64_t set)
{
    return (size_t)__builtin_popcountll(set);
}

bool rounds_wants_snapshot(const rounds_t *self)
{
    return ballot_waits(&self->ballot);
}

/* -- speaking */

static void s_set_want(const rounds_t *self, message_t *message, const say_t *say)
{
    message->vote_want.ballot = say->ballot;
    message_set_u64s(&message->vote_want.included, say->included, say->whole ? base_regions(self->base) : 0);
    message->vote_want.settled = self->ballot.settled[self->base->spec.region_index];
    message->vote_want.point = self->base->gate.number;
}

static void s_set_vote(const rounds_t *self, message_t *message, const say_t *say)
{
    message->vote.promised = say->promised;
    message->vote.ballot = say->ballot;
    message_set_u64s(&message->vote.included, say->included, say->whole ? base_regions(self->base) : 0);
    message->vote.settled = self->ballot.settled[self->base->spec.region_index];
    message->vote.point = self->base->gate.number;
    message->vote.muted = say->muted;
}

static void s_set_decision(const rounds_t *self, message_t *message, const say_t *say)
{
    message_set_u64s(&message->decision.included, say->included, say->whole ? base_regions(self->base) : 0);
    message->decision.settled = self->ballot.settled[self->base->spec.region_index];
    message->decision.point = self->base->gate.number;
}

static const struct {
    message_kind_t kind;
    void (*set)(const rounds_t *self, message_t *message, const say_t *say);
} s_says[] = {
    [SAY_WANT] = {KIND_vote_want, s_set_want},
    [SAY_VOTE] = {KIND_vote, s_set_vote},
    [SAY_DECISION] = {KIND_decision, s_set_decision},
};

static void s_say_message(rounds_t *self, const say_t *say)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        if (r == self->base->spec.region_index || !(say->to & s_bit(r)))
            continue;
        actor_name_t to = base_name_of(self->base, ROLE_SHARD, r);
        message_t *message = core_message(&self->base->core, s_says[say->kind].kind, to.text);
        message->number = say->round;
        s_says[say->kind].set(self, message, say);
        core_send(&self->base->core, &message);
    }
}

/* After every event of the ballot: what it has changed, and what it has to say. */
static void s_settle(rounds_t *self, bool changed)
{
    say_t say;
    if (changed)
        base_changed(self->base);
    round_bound(self);
    while (ballot_take(&self->ballot, &say))
        s_say_message(self, &say);
}

/* -- who has what */

static uint64_t *s_row(const rounds_t *self, size_t region)
{
    return self->have + region * base_regions(self->base);
}

/* Of this shard, as of its newest snapshot; returns whether it is more than was told. */
static bool s_update_own(rounds_t *self)
{
    uint64_t *row = s_row(self, self->base->spec.region_index);
    bool more = false;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        uint64_t have =
            r == self->base->spec.region_index ? self->stream->sendable : self->stream->origins[r].durable;
        more = more || have > row[r];
        row[r] = have;
    }
    return more;
}

/* Says the positions that this shard has durably, as a question for the decision or as an answer to one. */
static void s_say_have(rounds_t *self, say_kind_t kind, uint64_t to)
{
    say_t say = {.kind = kind, .to = to, .round = self->ballot.proposal.round, .whole = true};
    memcpy(say.included, s_row(self, self->base->spec.region_index),
           base_regions(self->base) * sizeof *say.included);
    s_say_message(self, &say);
}

static void s_tell_own(rounds_t *self, uint64_t regions)
{
    s_update_own(self);
    s_say_have(self, SAY_WANT, regions);
}

/* How many of the group's contributions a region lacks. */
static size_t s_lacks(const rounds_t *self, size_t region, uint64_t group)
{
    size_t lacks = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        lacks += (group & s_bit(r)) && !round_has(self, r, s_row(self, region)[r]);
    return lacks;
}

/* Regions that have reached the round and have each other's contributions: who lacks most is left out, until
 * nobody lacks anything. */
static uint64_t s_group(const rounds_t *self)
{
    uint64_t group = round_present(self);
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

/* The positions that all of a group have. */
static void s_common(const rounds_t *self, uint64_t group, uint64_t *ret_included)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        ret_included[r] = UINT64_MAX;
        for (size_t p = 0; p < base_regions(self->base); p++)
            if ((group & s_bit(p)) && s_row(self, p)[r] < ret_included[r])
                ret_included[r] = s_row(self, p)[r];
    }
}

/* -- proposing */

/* The circumstances now, for the ballot. */
static ballot_now_t s_now(const rounds_t *self, uint64_t *value)
{
    s_common(self, s_group(self) | s_bit(self->base->spec.region_index), value);
    return (ballot_now_t){.us = self->base->core.now_us,
                          .change = self->base->changes + 1,
                          .applied = self->number,
                          .value = value};
}

static bool s_enough(const rounds_t *self, uint64_t present)
{
    double share = (double)s_count_bits(present) / (double)base_regions(self->base);
    return share + 1e-9 >= self->base->spec.topology->job.sync.quorum;
}

/* When it may be proposed that what the group has is all; ROLE_NEVER: some are needed yet. */
static int64_t s_ready_us(rounds_t *self)
{
    uint64_t group = s_group(self), own = s_bit(self->base->spec.region_index);
    if (!(group & own) || !s_enough(self, group))
        return ROLE_NEVER;
    if (self->enough_us == ROLE_NEVER)
        self->enough_us = self->base->core.now_us;
    uint64_t late = round_heard(self) & ~round_present(self);
    if ((group | late) == base_members(self->base))
        return self->base->core.now_us;
    return self->enough_us + self->base->spec.topology->job.sync.grace_us;
}

/* The next round is wanted, and not decided. */
static bool s_works(rounds_t *self)
{
    bool worked = self->works;
    self->works = round_works(self) && !ballot_decided(&self->ballot, self->number + 1);
    if (self->works && !worked)
        ballot_hurry(&self->ballot, self->base->core.now_us);
    return self->works;
}

void vote_advance(rounds_t *self)
{
    int64_t now_us = self->base->core.now_us;
    if (!self->base->rules.votes)
        return;
    if (ballot_begin(&self->ballot, self->number + 1, now_us))
        self->enough_us = self->ready_us = ROLE_NEVER;
    if (!s_works(self))
        return;
    s_update_own(self);
    self->ready_us = s_ready_us(self);
    uint64_t value[TOPOLOGY_REGIONS_MAX];
    ballot_now_t now = s_now(self, value);
    s_settle(self, ballot_propose(&self->ballot, &now, self->ready_us <= now_us));
    if (!ballot_repeat(&self->ballot, now_us))
        return;
    if (self->ballot.muted == BALLOT_MUTED)
        self->wants_peer_status = true;
    if (self->ballot.proposal.phase == BALLOT_IDLE)
        s_tell_own(self, UINT64_MAX); /* perhaps others have decided it */
    s_settle(self, false);
}

int64_t vote_due(const rounds_t *self)
{
    if (!self->base->rules.votes || !self->works)
        return ROLE_NEVER;
    bool readies = self->ballot.proposal.turn_us == ROLE_NEVER;
    return timer_first(ballot_due(&self->ballot), readies ? self->ready_us : ROLE_NEVER);
}

/* -- what others say */

static bool s_from_shard(rounds_t *self, const message_t *message, size_t *ret_region)
{
    *ret_region = base_region_of(self->base, ROLE_SHARD, message->from);
    if (*ret_region != SIZE_MAX)
        return true;
    self->base->counts.refusals++;
    core_refuse(&self->base->core, message, ERR_DENIED, "only the same shard of another region votes here");
    return false;
}

/* The fields that all three kinds of messages have. */
typedef struct {
    uint64_t settled, point;
    const wire_u64s_t *included;
    bool has; /* `included` is what it has, and nothing of a ballot */
} vote_head_t;

static vote_head_t s_head(const message_t *message)
{
    const vote_want_t_ *want = &message->vote_want;
    const vote_t_ *vote = &message->vote;
    if (message->kind == KIND_vote_want)
        return (vote_head_t){want->settled, want->point, &want->included, !want->ballot};
    if (message->kind == KIND_vote)
        return (vote_head_t){vote->settled, vote->point, &vote->included, !vote->promised};
    return (vote_head_t){message->decision.settled, message->decision.point, &message->decision.included,
                         false};
}

static void s_on_have(rounds_t *self, const wire_u64s_t *included, size_t region)
{
    uint64_t *row = s_row(self, region);
    for (size_t r = 0; included->count == base_regions(self->base) && r < included->count; r++)
        row[r] = included->items[r] > row[r] ? included->items[r] : row[r];
}

/* A region without a proposal of its own answers, or nobody would hear what it has. */
static void s_answer_have(rounds_t *self, size_t region)
{
    if (self->works || !self->ballot.proposal.round)
        return;
    s_update_own(self);
    s_say_have(self, SAY_VOTE, s_bit(region));
}

static say_t s_said(const rounds_t *self, const message_t *message, const vote_head_t *head)
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
    say.whole = head->included->count == base_regions(self->base);
    if (say.whole)
        memcpy(say.included, head->included->items, head->included->count * sizeof *say.included);
    return say;
}

/* Votes from behind a common point are heard behind it, or a restored shard might know of votes that others
 * no longer know; all of them are said again. Votes from before a shard's death may be what it has lost. */
static bool s_is_heard(rounds_t *self, const message_t *message, uint64_t point, size_t region)
{
    gate_seen(&self->base->gate, point, self->base->core.now_us);
    origin_t *origin = &self->stream->origins[region];
    bool outlived = message->incarnation < origin->vote_incarnation ||
                    !stream_may_speak(self->stream, &origin->shard, message->incarnation);
    if (outlived || !gate_lets(&self->base->gate, point))
        return false;
    origin->vote_incarnation = message->incarnation;
    stream_spoke(self->stream, &origin->shard, message->incarnation);
    return true;
}

/* An older state than this shard had was gone on from. */
static bool s_is_gone(const rounds_t *self, const message_t *message)
{
    bool let_go = message->kind == KIND_decision && message->decision.included.count == 0;
    bool lacks = message->number == self->number + 1 && !vote_decided(self, message->number);
    return let_go && lacks;
}

static void s_take_vote(rounds_t *self, const message_t *message, const vote_head_t *head, size_t region)
{
    ballot_t *ballot = &self->ballot;
    ballot_settle(ballot, region, head->settled); /* less, once it has taken another region's state */
    if (head->has)
        s_on_have(self, head->included, region);
    if (head->has && message->kind == KIND_vote_want && !ballot_decided(ballot, message->number))
        s_answer_have(self, region);
    uint64_t value[TOPOLOGY_REGIONS_MAX];
    ballot_now_t now = s_now(self, value);
    say_t say = s_said(self, message, head);
    s_settle(self, ballot_hear(ballot, &now, region, &say));
}

bool rounds_message(rounds_t *self, const message_t *message)
{
    size_t region;
    vote_head_t head = s_head(message);
    if (!self->base->rules.votes || !s_from_shard(self, message, &region) ||
        !s_is_heard(self, message, head.point, region))
        return false;
    if (message->number == 0 || message->number > self->number + SHARD_QUEUE_MAX) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, ERR_LIMIT, "a round that cannot be near");
        return false;
    }
    bool gone = s_is_gone(self, message);
    s_take_vote(self, message, &head, region);
    return gone;
}

/* Votes that are stored now may be said. */
bool rounds_committed(rounds_t *self, uint64_t changes, uint64_t round)
{
    ballot_settle(&self->ballot, self->base->spec.region_index, round);
    ballot_store(&self->ballot, changes);
    bool runs = life_runs(&self->base->life) && !life_stops(&self->base->life);
    if (!self->base->rules.votes || !runs)
        return false;
    if (s_update_own(self) && self->ballot.proposal.round)
        s_tell_own(self, UINT64_MAX);
    uint64_t value[TOPOLOGY_REGIONS_MAX];
    ballot_now_t now = s_now(self, value);
    s_settle(self, ballot_go_on(&self->ballot, &now));
    forward_trim(self);
    return true;
}

const uint64_t *vote_decided(const rounds_t *self, uint64_t round)
{
    return ballot_decided(&self->ballot, round);
}

bool vote_has(const rounds_t *self, size_t region, size_t origin, uint64_t number)
{
    return s_row(self, region)[origin] >= number;
}

bool vote_lacked(const rounds_t *self, size_t origin, uint64_t number)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != origin && r != self->base->spec.region_index && !vote_has(self, r, origin, number))
            return true;
    return false;
}

/* -- losses */

uint64_t rounds_last(const rounds_t *self)
{
    uint64_t last = ballot_last(&self->ballot);
    return last > self->number ? last : self->number;
}

void rounds_heard(rounds_t *self, size_t region, uint64_t round)
{
    if (self->base->rules.votes)
        s_settle(self, ballot_heard(&self->ballot, region, round));
}

void rounds_mute(rounds_t *self)
{
    if (self->base->rules.votes)
        ballot_mute(&self->ballot);
}

void rounds_join(rounds_t *self, const rounds_t *peer)
{
    self->number = peer->number;
    ballot_join(&self->ballot, &peer->ballot);
    self->works = false;
    forward_drop(self); /* of lineages that may not go on */
    round_bound(self);
}

void rounds_unsettle(rounds_t *self, size_t region)
{
    ballot_settle(&self->ballot, region, 0);
    if (self->base->rules.votes)
        memset(s_row(self, region), 0, base_regions(self->base) * sizeof *self->have);
}

/* -- life */

void vote_init(rounds_t *self)
{
    size_t regions = base_regions(self->base);
    ballot_init(&self->ballot, regions, self->base->spec.region_index);
    self->have = self->base->rules.votes ? calloc(regions * regions, sizeof *self->have) : NULL;
    CHECK(self->have || !self->base->rules.votes);
    self->enough_us = self->ready_us = ROLE_NEVER;
}

void vote_fini(rounds_t *self)
{
    ballot_fini(&self->ballot);
    free(self->have);
}
