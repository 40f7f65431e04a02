/* What is in a round, when not all regions need to have reached it (quorum below 1): of each region's stream everything
 * up to some number. Decided once per round and shard, by a majority of the regions (of two halves, the one with the
 * first region): single-decree Paxos for each round (Lamport, "Paxos made simple", 2001), between the same shard of all
 * regions.
 *
 * Ballot c R + r + 1 is region r's c-th (R regions). Ballot 1 can only be the first region's and nothing can have been
 * accepted before it, so it needs no promises. What a shard promises, accepts or proposes is in a committed snapshot
 * before anybody hears of it; so a decider that dies says the same when it is back, and meanwhile the next region in
 * line asks for promises and goes on with what it may have decided.
 *
 * Decisions are kept until all regions have that round durably: a region that comes back asks for those it missed.
 *
 * Regions tell each other what they have durably. What is proposed is had by every region of a group, the greatest of
 * regions that have each other's contributions: so what is decided can be applied by all of them though somebody else
 * dies with it. A round may be proposed when the group is everybody, or lacks only who has sent something late, or
 * `grace` after it has been a share of `quorum`. */

#include "actors/shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

#define TURN_US 1000000       /* until the next region in line proposes */
#define AGAIN_FIRST_US 100000 /* what is not answered is said again after this, doubling ... */
#define AGAIN_LAST_US 500000  /* ... up to this */

static uint64_t s_bit(size_t region)
{
    return UINT64_C(1) << region;
}

static uint64_t s_everybody(const shard_core_t *self)
{
    size_t regions = base_regions(self->base);
    return regions == 64 ? UINT64_MAX : s_bit(regions) - 1;
}

static size_t s_count(uint64_t set)
{
    return (size_t)__builtin_popcountll(set);
}

static bool s_majority(const shard_core_t *self, uint64_t set)
{
    size_t twice = 2 * s_count(set), regions = base_regions(self->base);
    return twice > regions || (twice == regions && (set & 1));
}

/* -- the log ----------------------------------------------------------------------------------------------
 */

static vote_t *s_find(const shard_core_t *self, uint64_t round)
{
    for (size_t i = 0; i < self->rounds->vote.count; i++)
        if (self->rounds->vote.log[i].round == round)
            return &self->rounds->vote.log[i];
    return NULL;
}

vote_t *shard_vote_add(shard_core_t *self, const vote_t *vote)
{
    shard_vote_t *all = &self->rounds->vote;
    if (vote->decided && vote->ballot) /* as of before a restart */
        all->leader = (vote->ballot - 1) % base_regions(self->base);
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 8;
        all->log = realloc(all->log, all->capacity * sizeof *all->log);
        CHECK(all->log);
    }
    all->log[all->count] = *vote;
    return &all->log[all->count++];
}

static vote_t *s_get(shard_core_t *self, uint64_t round)
{
    vote_t *vote = s_find(self, round);
    return vote ? vote : shard_vote_add(self, &(vote_t){.round = round, .asker = SIZE_MAX});
}

static uint64_t s_settled(const shard_core_t *self)
{
    uint64_t least = UINT64_MAX;
    for (size_t r = 0; r < base_regions(self->base); r++)
        least = self->rounds->vote.settled[r] < least ? self->rounds->vote.settled[r] : least;
    return least;
}

static void s_trim(shard_core_t *self)
{
    shard_vote_t *all = &self->rounds->vote;
    uint64_t settled = s_settled(self);
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++)
        if (all->log[i].round > settled)
            all->log[kept++] = all->log[i];
    all->count = kept;
}

/* Must be stored before anybody hears of it. */
static void s_store(shard_core_t *self, vote_t *vote)
{
    base_changed(self->base);
    vote->changes = self->rounds->vote.wanted = self->base->changes;
}

static bool s_stored(const shard_core_t *self, const vote_t *vote)
{
    return vote->changes <= self->durable->committed_changes;
}

bool shard_vote_wants_snapshot(const shard_core_t *self)
{
    return self->rounds->vote.wanted > self->durable->committed_changes;
}

/* -- speaking ---------------------------------------------------------------------------------------------
 */

static message_t *s_message(const shard_core_t *self, message_kind_t kind, size_t region, uint64_t round)
{
    char to[3 * WIRE_NAME_SIZE];
    snprintf(to, sizeof to, "shard/%s/%zu", self->base->spec.topology->regions[region].name,
             self->base->spec.shard_index);
    message_t *message = base_message(self->base, kind, to);
    message->number = round;
    return message;
}

/* `taken` NULL: without. */
static void s_want(shard_core_t *self, uint64_t round, uint64_t ballot, const uint64_t *taken, uint64_t from)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        if (r == self->base->spec.region_index || !(from & s_bit(r)))
            continue;
        message_t *message = s_message(self, KIND_vote_want, r, round);
        message->vote_want.ballot = ballot;
        message_set_u64s(&message->vote_want.taken, taken, taken ? base_regions(self->base) : 0);
        message->vote_want.settled = self->rounds->vote.settled[self->base->spec.region_index];
        message->vote_want.mark = self->base->gate.number;
        base_send(self->base, &message);
    }
}

static void s_answer(shard_core_t *self, const vote_t *vote, size_t region)
{
    message_t *message = s_message(self, KIND_vote, region, vote->round);
    message->vote.promised = vote->promised;
    message->vote.ballot = vote->ballot;
    message_set_u64s(&message->vote.taken, vote->taken, vote->ballot ? base_regions(self->base) : 0);
    message->vote.settled = self->rounds->vote.settled[self->base->spec.region_index];
    message->vote.mark = self->base->gate.number;
    message->vote.muted = vote->round <= self->rounds->vote.muted;
    base_send(self->base, &message);
}

static void s_tell(shard_core_t *self, const vote_t *vote, size_t region)
{
    message_t *message = s_message(self, KIND_decision, region, vote->round);
    message_set_u64s(&message->decision.taken, vote->taken, base_regions(self->base));
    message->decision.settled = self->rounds->vote.settled[self->base->spec.region_index];
    message->decision.mark = self->base->gate.number;
    base_send(self->base, &message);
}

/* It was let go, as all had told that they have that round durably. */
static void s_tell_gone(shard_core_t *self, uint64_t round, size_t region)
{
    message_t *message = s_message(self, KIND_decision, region, round);
    message->decision.settled = self->rounds->vote.settled[self->base->spec.region_index];
    message->decision.mark = self->base->gate.number;
    base_send(self->base, &message);
}

/* -- who has what ------------------------------------------------------------------------------------------
 */

static uint64_t *s_row(const shard_core_t *self, size_t region)
{
    return self->rounds->vote.have + region * base_regions(self->base);
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

static void s_tell_own(shard_core_t *self, uint64_t regions)
{
    s_update_own(self);
    s_want(self, self->rounds->vote.round, 0, s_row(self, self->base->spec.region_index), regions);
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

static void s_wait(shard_core_t *self, bool anew)
{
    shard_vote_t *all = &self->rounds->vote;
    int64_t longer_us = 2 * all->pause_us < AGAIN_LAST_US ? 2 * all->pause_us : AGAIN_LAST_US;
    all->pause_us = anew ? AGAIN_FIRST_US : longer_us;
    all->again_us = self->base->now_us + all->pause_us;
}

/* -- proposing --------------------------------------------------------------------------------------------
 */

static void s_give_up(shard_core_t *self, uint64_t seen)
{
    shard_vote_t *all = &self->rounds->vote;
    size_t line =
        (self->base->spec.region_index + base_regions(self->base) - all->leader) % base_regions(self->base);
    all->phase = VOTE_IDLE;
    all->seen = seen > all->seen ? seen : all->seen;
    all->turn_us = self->base->now_us + TURN_US * (int64_t)(line + 1);
}

/* The least ballot of this region above all that it knows of. */
static uint64_t s_ballot(const shard_core_t *self, const vote_t *vote)
{
    uint64_t regions = base_regions(self->base), own = self->base->spec.region_index + 1;
    uint64_t known = vote->promised > self->rounds->vote.seen ? vote->promised : self->rounds->vote.seen;
    if (known == 0 && own == 1 && vote->round > self->rounds->vote.muted)
        return 1;
    return (known / regions + 1) * regions + own;
}

/* What is accepted in the highest ballot; nothing: all that is here. */
static void s_accept(shard_core_t *self, vote_t *vote)
{
    shard_vote_t *all = &self->rounds->vote;
    all->phase = VOTE_ACCEPT;
    all->answers = all->firm = 0;
    s_wait(self, true);
    if (all->best.ballot > vote->ballot)
        memcpy(vote->taken, all->best.taken, sizeof vote->taken);
    else if (!vote->ballot)
        s_common(self, s_group(self) | s_bit(self->base->spec.region_index), vote->taken);
    vote->ballot = vote->promised = all->ballot;
    s_store(self, vote);
}

static void s_begin(shard_core_t *self)
{
    shard_vote_t *all = &self->rounds->vote;
    vote_t *vote = s_get(self, all->round);
    bool again = self->base->spec.region_index == 0 && vote->ballot == 1 && vote->promised == 1;
    all->ballot = again ? 1 : s_ballot(self, vote);
    all->answers = all->firm = all->best.ballot = 0;
    s_wait(self, true);
    if (all->ballot == 1) {
        s_accept(self, vote);
        return;
    }
    all->phase = VOTE_PROMISE;
    vote->promised = all->ballot;
    s_store(self, vote);
}

static void s_ask(shard_core_t *self)
{
    shard_vote_t *all = &self->rounds->vote;
    const vote_t *vote = s_find(self, all->round);
    if (all->phase == VOTE_IDLE || !vote || !s_stored(self, vote) || vote->promised != all->ballot)
        return;
    all->again_us = self->base->now_us + all->pause_us;
    s_want(self, all->round, all->ballot, all->phase == VOTE_ACCEPT ? vote->taken : NULL, ~all->answers);
}

static void s_decide(shard_core_t *self, vote_t *vote)
{
    vote->decided = true;
    self->rounds->vote.phase = VOTE_IDLE;
    self->rounds->vote.leader = self->base->spec.region_index;
    base_changed(self->base);
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index)
            s_tell(self, vote, r);
}

/* A majority, or everybody when votes may be lost: what was decided is then known to one of those who have lost nothing,
 * or to nobody. */
static bool s_suffices(const shard_core_t *self)
{
    const shard_vote_t *all = &self->rounds->vote;
    uint64_t own = s_bit(self->base->spec.region_index);
    return s_majority(self, all->firm | (all->round > all->muted ? own : 0)) ||
           (all->answers | own) == s_everybody(self);
}

/* Whether the answers are enough for the next phase. */
static void s_judge(shard_core_t *self)
{
    shard_vote_t *all = &self->rounds->vote;
    vote_t *vote = s_find(self, all->round);
    if (all->phase == VOTE_IDLE || !vote || vote->decided || !s_stored(self, vote))
        return;
    if (vote->promised != all->ballot) {
        s_give_up(self, vote->promised);
        return;
    }
    if (!s_suffices(self))
        return;
    if (all->phase == VOTE_PROMISE)
        s_accept(self, vote);
    else
        s_decide(self, vote);
}

static bool s_enough(const shard_core_t *self, uint64_t present)
{
    double share = (double)s_count(present) / (double)base_regions(self->base);
    return share + 1e-9 >= self->base->spec.topology->job.sync.quorum;
}

/* When it may be proposed that what the group has is all; ROLE_NEVER: some are needed yet. */
static int64_t s_ready_us(shard_core_t *self)
{
    shard_vote_t *all = &self->rounds->vote;
    uint64_t group = s_group(self), own = s_bit(self->base->spec.region_index);
    if (!(group & own) || !s_enough(self, group))
        return ROLE_NEVER;
    if (all->enough_us == ROLE_NEVER)
        all->enough_us = self->base->now_us;
    uint64_t late = shard_round_heard(self) & ~shard_round_present(self);
    if ((group | late) == s_everybody(self))
        return self->base->now_us;
    return all->enough_us + self->base->spec.topology->job.sync.grace_us;
}

static void s_next_round(shard_core_t *self, uint64_t round)
{
    shard_vote_t *all = &self->rounds->vote;
    all->round = round;
    all->phase = VOTE_IDLE;
    all->seen = 0;
    all->enough_us = all->turn_us = all->ready_us = ROLE_NEVER;
    s_wait(self, true);
}

void shard_vote_advance(shard_core_t *self)
{
    shard_vote_t *all = &self->rounds->vote;
    if (!all->on || life_stops(&self->base->life) || !life_runs(&self->base->life))
        return;
    if (all->round != self->rounds->number + 1)
        s_next_round(self, self->rounds->number + 1);
    const vote_t *vote = s_find(self, all->round);
    bool worked = all->works;
    all->works = shard_round_works(self) && !(vote && vote->decided);
    if (!all->works)
        return;
    if (!worked)
        s_wait(self, true);
    s_update_own(self);
    all->ready_us = s_ready_us(self);
    if (all->ready_us <= self->base->now_us && all->turn_us == ROLE_NEVER) {
        size_t regions = base_regions(self->base);
        size_t line = (self->base->spec.region_index + regions - all->leader) % regions;
        all->turn_us = self->base->now_us + TURN_US * (int64_t)line;
    }
    if (all->phase == VOTE_IDLE && self->base->now_us >= all->turn_us)
        s_begin(self);
    if (self->base->now_us < all->again_us)
        return;
    s_wait(self, false);
    if (all->muted == VOTE_MUTED)
        shard_stand_ask(self);
    if (all->phase == VOTE_IDLE)
        s_tell_own(self, UINT64_MAX); /* perhaps others have decided it */
    else
        s_ask(self);
}

int64_t shard_vote_due(const shard_core_t *self)
{
    const shard_vote_t *all = &self->rounds->vote;
    if (!all->on || life_stops(&self->base->life) || !life_runs(&self->base->life) || !all->works)
        return ROLE_NEVER;
    int64_t due = all->again_us;
    if (all->phase == VOTE_IDLE && all->turn_us < due)
        due = all->turn_us;
    if (all->turn_us == ROLE_NEVER && all->ready_us < due)
        due = all->ready_us;
    return due;
}

/* -- what others say --------------------------------------------------------------------------------------
 */

static bool s_from_shard(shard_core_t *self, const message_t *message, size_t *ret_region)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        char name[3 * WIRE_NAME_SIZE];
        snprintf(name, sizeof name, "shard/%s/%zu", self->base->spec.topology->regions[r].name,
                 self->base->spec.shard_index);
        *ret_region = r;
        if (r != self->base->spec.region_index && strcmp(name, message->from) == 0)
            return true;
    }
    self->base->counts.refusals++;
    base_refuse(self->base, message, ERR_DENIED, "only the same shard of another region votes here");
    return false;
}

static bool s_is_whole(const shard_core_t *self, const wire_u64s_t *taken)
{
    return taken->count == base_regions(self->base);
}

static void s_on_have(shard_core_t *self, const wire_u64s_t *taken, size_t region)
{
    uint64_t *row = s_row(self, region);
    for (size_t r = 0; s_is_whole(self, taken) && r < taken->count; r++)
        row[r] = taken->items[r] > row[r] ? taken->items[r] : row[r];
}

/* Who has nothing to do answers, or nobody would hear what it has. */
static void s_answer_have(shard_core_t *self, size_t region)
{
    if (self->rounds->vote.works || !self->rounds->vote.round)
        return;
    s_update_own(self);
    message_t *message = s_message(self, KIND_vote, region, self->rounds->vote.round);
    message_set_u64s(&message->vote.taken, s_row(self, self->base->spec.region_index),
                     base_regions(self->base));
    message->vote.settled = self->rounds->vote.settled[self->base->spec.region_index];
    message->vote.mark = self->base->gate.number;
    base_send(self->base, &message);
}

/* Without `taken` a promise is asked for. */
static void s_on_want(shard_core_t *self, const message_t *message, size_t region)
{
    uint64_t round = message->number, ballot = message->vote_want.ballot;
    if (ballot == 0)
        s_on_have(self, &message->vote_want.taken, region);
    const vote_t *known = s_find(self, round);
    if (known && known->decided) {
        s_tell(self, known, region);
        return;
    }
    if (ballot == 0)
        s_answer_have(self, region);
    if (round <= self->rounds->number)
        s_tell_gone(self, round, region);
    if (ballot == 0 || round <= self->rounds->number) /* nothing to promise */
        return;
    vote_t *vote = s_get(self, round);
    bool whole = s_is_whole(self, &message->vote_want.taken);
    if (ballot > vote->promised || (ballot == vote->promised && whole && vote->ballot != ballot)) {
        vote->promised = ballot;
        if (whole) {
            vote->ballot = ballot;
            memcpy(vote->taken, message->vote_want.taken.items,
                   message->vote_want.taken.count * sizeof *vote->taken);
        }
        s_store(self, vote);
    }
    if (s_stored(self, vote) || ballot < vote->promised)
        s_answer(self, vote, region);
    else
        vote->asker = region;
}

static void s_on_vote(shard_core_t *self, const message_t *message, size_t region)
{
    shard_vote_t *all = &self->rounds->vote;
    if (!message->vote.promised)
        s_on_have(self, &message->vote.taken, region);
    if (message->number != all->round || all->phase == VOTE_IDLE)
        return;
    if (message->vote.promised > all->ballot) {
        s_give_up(self, message->vote.promised);
        return;
    }
    if (message->vote.promised != all->ballot)
        return;
    if (all->phase == VOTE_ACCEPT && message->vote.ballot != all->ballot)
        return;
    const wire_u64s_t *taken = &message->vote.taken;
    if (message->vote.ballot && !s_is_whole(self, taken))
        return;
    if (all->phase == VOTE_PROMISE && message->vote.ballot > all->best.ballot) {
        all->best.ballot = message->vote.ballot;
        memcpy(all->best.taken, taken->items, taken->count * sizeof *all->best.taken);
    }
    all->answers |= s_bit(region);
    all->firm |= message->vote.muted ? 0 : s_bit(region);
    s_judge(self);
}

static void s_on_decision(shard_core_t *self, const message_t *message, size_t region)
{
    const wire_u64s_t *taken = &message->decision.taken;
    bool lacks = message->number == self->rounds->number + 1 && !shard_vote_decided(self, message->number);
    if (taken->count == 0 && lacks)
        shard_enter(self, false); /* an older state than it had was gone on from */
    if (message->number <= self->rounds->number || !s_is_whole(self, taken))
        return;
    vote_t *vote = s_get(self, message->number);
    if (vote->decided)
        return;
    vote->decided = true;
    memcpy(vote->taken, taken->items, taken->count * sizeof *vote->taken);
    self->rounds->vote.leader = region;
    base_changed(self->base);
}

typedef struct {
    uint64_t settled, mark;
} vote_head_t;

static vote_head_t s_head(const message_t *message)
{
    if (message->kind == KIND_vote_want)
        return (vote_head_t){message->vote_want.settled, message->vote_want.mark};
    if (message->kind == KIND_vote)
        return (vote_head_t){message->vote.settled, message->vote.mark};
    return (vote_head_t){message->decision.settled, message->decision.mark};
}

/* What is said behind a common point is heard behind it, or a restored shard might know of votes that others no longer
 * know; all of it is said again. What a shard said before it died may be what it has lost. */
static bool s_is_heard(shard_core_t *self, const message_t *message, size_t region)
{
    uint64_t mark = s_head(message).mark;
    gate_seen(&self->base->gate, mark, self->base->now_us);
    if (!gate_lets(&self->base->gate, mark) ||
        message->incarnation < self->stream->origins[region].shard_incarnation)
        return false;
    self->stream->origins[region].shard_incarnation = message->incarnation;
    return true;
}

void shard_vote(shard_core_t *self, const message_t *message)
{
    size_t region;
    if (!self->rounds->vote.on || life_stops(&self->base->life) || !life_runs(&self->base->life) ||
        !s_from_shard(self, message, &region) || !s_is_heard(self, message, region))
        return;
    if (message->number == 0 || message->number > self->rounds->number + SHARD_KEPT_MAX) {
        self->base->counts.refusals++;
        base_refuse(self->base, message, ERR_LIMIT, "a round that cannot be near");
        return;
    }
    /* less, once it has taken another region's state */
    self->rounds->vote.settled[region] = s_head(message).settled;
    if (message->kind == KIND_vote_want)
        s_on_want(self, message, region);
    else if (message->kind == KIND_vote)
        s_on_vote(self, message, region);
    else
        s_on_decision(self, message, region);
}

/* What is stored now may be said. */
void shard_vote_committed(shard_core_t *self)
{
    shard_vote_t *all = &self->rounds->vote;
    if (!all->on || life_stops(&self->base->life) || !life_runs(&self->base->life))
        return;
    for (size_t i = 0; i < all->count; i++) {
        vote_t *vote = &all->log[i];
        if (vote->asker == SIZE_MAX || !s_stored(self, vote))
            continue;
        s_answer(self, vote, vote->asker);
        vote->asker = SIZE_MAX;
    }
    if (s_update_own(self) && all->round)
        s_tell_own(self, UINT64_MAX);
    s_ask(self);
    s_judge(self);
    s_trim(self);
    shard_relay_trim(self);
    shard_advance(self);
}

const uint64_t *shard_vote_decided(const shard_core_t *self, uint64_t round)
{
    const vote_t *vote = s_find(self, round);
    return vote && vote->decided ? vote->taken : NULL;
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

/* -- losses -----------------------------------------------------------------------------------------------
 */

uint64_t shard_vote_last(const shard_core_t *self)
{
    uint64_t last = self->rounds->number; /* what it has proposed is in the log */
    for (size_t i = 0; i < self->rounds->vote.count; i++)
        last = self->rounds->vote.log[i].round > last ? self->rounds->vote.log[i].round : last;
    return last;
}

void shard_vote_heard(shard_core_t *self, size_t region, uint64_t round)
{
    shard_vote_t *all = &self->rounds->vote;
    if (!all->on)
        return;
    all->heard |= s_bit(region);
    all->heard_round = round > all->heard_round ? round : all->heard_round;
    if (all->muted != VOTE_MUTED || (all->heard | s_bit(self->base->spec.region_index)) != s_everybody(self))
        return;
    all->muted = all->heard_round;
    base_changed(self->base);
}

/* A vote that is forgotten must not decide a second time. One that nobody can do without has had nobody to contradict:
 * what it decided and told is known to those that it told. */
void shard_vote_mute(shard_core_t *self)
{
    shard_vote_t *all = &self->rounds->vote;
    uint64_t others = s_everybody(self) & ~s_bit(self->base->spec.region_index);
    if (!all->on || !s_majority(self, others))
        return;
    all->muted = VOTE_MUTED;
    all->heard = all->heard_round = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->entry->stands[r].heard)
            shard_vote_heard(self, r, self->entry->stands[r].round);
}

/* Promises are the own ones; what is decided is decided for everybody. */
void shard_vote_join(shard_core_t *self, const shard_core_t *peer)
{
    for (size_t i = 0; self->rounds->vote.on && i < peer->rounds->vote.count; i++) {
        const vote_t *from = &peer->rounds->vote.log[i];
        vote_t *vote = from->decided ? s_get(self, from->round) : NULL;
        if (!vote || vote->decided)
            continue;
        vote->decided = true;
        memcpy(vote->taken, from->taken, sizeof vote->taken);
    }
    for (size_t i = 0; i < self->rounds->vote.count; i++)
        self->rounds->vote.log[i].asker = SIZE_MAX;
    self->rounds->vote.phase = VOTE_IDLE;
    self->rounds->vote.round = 0; /* the next one is found anew */
    self->rounds->vote.works = false;
    self->rounds->vote.settled[self->base->spec.region_index] = 0;
}

void shard_vote_unsettle(shard_core_t *self, size_t region)
{
    self->rounds->vote.settled[region] = 0;
    if (self->rounds->vote.on)
        memset(s_row(self, region), 0, base_regions(self->base) * sizeof *self->rounds->vote.have);
}

/* -- life -------------------------------------------------------------------------------------------------
 */

void shard_vote_begin(shard_core_t *self)
{
    size_t regions = base_regions(self->base);
    self->rounds->vote.on = self->base->rules.waits && self->base->spec.topology->job.sync.quorum < 1;
    self->rounds->vote.have =
        self->rounds->vote.on ? calloc(regions * regions, sizeof *self->rounds->vote.have) : NULL;
    CHECK(self->rounds->vote.have || !self->rounds->vote.on);
    s_next_round(self, 0);
}

void shard_vote_fini(shard_core_t *self)
{
    free(self->rounds->vote.log);
    free(self->rounds->vote.have);
}
