/* Who is a member of a round, when not all regions need to be (quorum below 1). Decided once per round and shard, by a
 * majority of the regions (of two halves, the one with the first region): single-decree Paxos for each round (Lamport,
 * "Paxos made simple", 2001), between the same shard of all regions.
 *
 * Ballot c R + r + 1 is region r's c-th (R regions). Ballot 1 can only be the first region's and nothing can have been
 * accepted before it, so it needs no promises. What a shard promises, accepts or proposes is in a committed snapshot
 * before anybody hears of it; so a decider that dies says the same when it is back, and meanwhile the next region in
 * line asks for promises and goes on with what it may have decided.
 *
 * Decisions are kept until all regions have that round durably: a region that comes back asks for those it missed.
 *
 * A round may be proposed when all regions have contributed or left, or `grace` after a share of `quorum` has. */

#include "actors/shard/shard_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TURN_US 1000000 /* until the next region in line proposes */
#define AGAIN_US 500000 /* what is not answered is said again */

static uint64_t s_bit(size_t region)
{
    return UINT64_C(1) << region;
}

static uint64_t s_everybody(const shard_core_t *self)
{
    size_t regions = shard_region_count(self);
    return regions == 64 ? UINT64_MAX : s_bit(regions) - 1;
}

static size_t s_count(uint64_t set)
{
    return (size_t)__builtin_popcountll(set);
}

static bool s_majority(const shard_core_t *self, uint64_t set)
{
    size_t twice = 2 * s_count(set), regions = shard_region_count(self);
    return twice > regions || (twice == regions && (set & 1));
}

/* -- the log ----------------------------------------------------------------------------------------------
 */

static vote_t *s_find(const shard_core_t *self, uint64_t round)
{
    for (size_t i = 0; i < self->vote.count; i++)
        if (self->vote.log[i].round == round)
            return &self->vote.log[i];
    return NULL;
}

vote_t *shard_vote_add(shard_core_t *self, const vote_t *vote)
{
    shard_vote_t *all = &self->vote;
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
    for (size_t r = 0; r < shard_region_count(self); r++)
        least = self->vote.settled[r] < least ? self->vote.settled[r] : least;
    return least;
}

static void s_trim(shard_core_t *self)
{
    shard_vote_t *all = &self->vote;
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
    shard_changed(self);
    vote->changes = self->vote.wanted = self->changes;
}

static bool s_stored(const shard_core_t *self, const vote_t *vote)
{
    return vote->changes <= self->committed_changes;
}

bool shard_vote_wants_snapshot(const shard_core_t *self)
{
    return self->vote.wanted > self->committed_changes;
}

/* -- speaking ---------------------------------------------------------------------------------------------
 */

static message_t *s_message(const shard_core_t *self, message_kind_t kind, size_t region, uint64_t round)
{
    char to[3 * WIRE_NAME_SIZE];
    snprintf(to, sizeof to, "shard/%s/%zu", self->spec.topology->regions[region].name,
             self->spec.shard_index);
    message_t *message = shard_message(self, kind, to);
    message->number = round;
    return message;
}

static void s_want(shard_core_t *self, uint64_t round, uint64_t ballot, uint64_t members, uint64_t from)
{
    for (size_t r = 0; r < shard_region_count(self); r++) {
        if (r == self->spec.region_index || !(from & s_bit(r)))
            continue;
        message_t *message = s_message(self, KIND_vote_want, r, round);
        message->vote_want.ballot = ballot;
        message->vote_want.members = members;
        message->vote_want.settled = self->vote.settled[self->spec.region_index];
        shard_send(self, &message);
    }
}

static void s_answer(shard_core_t *self, const vote_t *vote, size_t region)
{
    message_t *message = s_message(self, KIND_vote, region, vote->round);
    message->vote.promised = vote->promised;
    message->vote.ballot = vote->ballot;
    message->vote.members = vote->members;
    message->vote.settled = self->vote.settled[self->spec.region_index];
    shard_send(self, &message);
}

static void s_tell(shard_core_t *self, const vote_t *vote, size_t region)
{
    message_t *message = s_message(self, KIND_decision, region, vote->round);
    message->decision.members = vote->members;
    message->decision.settled = self->vote.settled[self->spec.region_index];
    shard_send(self, &message);
}

/* -- proposing --------------------------------------------------------------------------------------------
 */

static void s_give_up(shard_core_t *self, uint64_t seen)
{
    shard_vote_t *all = &self->vote;
    size_t line =
        (self->spec.region_index + shard_region_count(self) - all->leader) % shard_region_count(self);
    all->phase = VOTE_IDLE;
    all->seen = seen > all->seen ? seen : all->seen;
    all->turn_us = self->now_us + TURN_US * (int64_t)(line + 1);
}

/* The least ballot of this region above all that it knows of. */
static uint64_t s_ballot(const shard_core_t *self, const vote_t *vote)
{
    uint64_t regions = shard_region_count(self), own = self->spec.region_index + 1;
    uint64_t known = vote->promised > self->vote.seen ? vote->promised : self->vote.seen;
    if (known == 0 && own == 1)
        return 1;
    return (known / regions + 1) * regions + own;
}

/* What is accepted in the highest ballot; nothing: those who are here. */
static void s_accept(shard_core_t *self, vote_t *vote)
{
    shard_vote_t *all = &self->vote;
    all->phase = VOTE_ACCEPT;
    all->answers = 0;
    uint64_t members = vote->ballot > all->best_ballot ? vote->members : all->best_members;
    vote->members = members ? members : shard_round_present(self);
    vote->ballot = vote->promised = all->ballot;
    s_store(self, vote);
}

static void s_begin(shard_core_t *self)
{
    shard_vote_t *all = &self->vote;
    vote_t *vote = s_get(self, all->round);
    bool again = self->spec.region_index == 0 && vote->ballot == 1 && vote->promised == 1;
    all->ballot = again ? 1 : s_ballot(self, vote);
    all->answers = all->best_ballot = all->best_members = 0;
    all->again_us = self->now_us + AGAIN_US;
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
    shard_vote_t *all = &self->vote;
    const vote_t *vote = s_find(self, all->round);
    if (all->phase == VOTE_IDLE || !vote || !s_stored(self, vote) || vote->promised != all->ballot)
        return;
    all->again_us = self->now_us + AGAIN_US;
    s_want(self, all->round, all->ballot, all->phase == VOTE_ACCEPT ? vote->members : 0, ~all->answers);
}

static void s_decide(shard_core_t *self, vote_t *vote)
{
    vote->decided = true;
    self->vote.phase = VOTE_IDLE;
    self->vote.leader = self->spec.region_index;
    shard_changed(self);
    for (size_t r = 0; r < shard_region_count(self); r++)
        if (r != self->spec.region_index)
            s_tell(self, vote, r);
}

/* Whether the answers are enough for the next phase. */
static void s_judge(shard_core_t *self)
{
    shard_vote_t *all = &self->vote;
    vote_t *vote = s_find(self, all->round);
    if (all->phase == VOTE_IDLE || !vote || vote->decided || !s_stored(self, vote))
        return;
    if (vote->promised != all->ballot) {
        s_give_up(self, vote->promised);
        return;
    }
    if (!s_majority(self, all->answers | s_bit(self->spec.region_index)))
        return;
    if (all->phase == VOTE_PROMISE)
        s_accept(self, vote);
    else
        s_decide(self, vote);
}

static bool s_enough(const shard_core_t *self, uint64_t present)
{
    double share = (double)s_count(present) / (double)shard_region_count(self);
    return share + 1e-9 >= self->spec.topology->job.sync.quorum;
}

/* When it may be proposed that those who are here are the members; ROLE_NEVER: some are needed yet. */
static int64_t s_ready_us(shard_core_t *self)
{
    shard_vote_t *all = &self->vote;
    uint64_t present = shard_round_present(self);
    if (!s_enough(self, present))
        return ROLE_NEVER;
    if (all->enough_us == ROLE_NEVER)
        all->enough_us = self->now_us;
    if (present == s_everybody(self))
        return self->now_us;
    return all->enough_us + self->spec.topology->job.sync.grace_us;
}

static void s_next_round(shard_core_t *self, uint64_t round)
{
    shard_vote_t *all = &self->vote;
    all->round = round;
    all->phase = VOTE_IDLE;
    all->seen = 0;
    all->enough_us = all->turn_us = all->ready_us = ROLE_NEVER;
    all->again_us = self->now_us + AGAIN_US;
}

void shard_vote_advance(shard_core_t *self)
{
    shard_vote_t *all = &self->vote;
    if (!all->on || self->stopping)
        return;
    if (all->round != self->round + 1)
        s_next_round(self, self->round + 1);
    const vote_t *vote = s_find(self, all->round);
    bool worked = all->works;
    all->works = shard_round_works(self) && !(vote && vote->decided);
    if (!all->works)
        return;
    if (!worked)
        all->again_us = self->now_us + AGAIN_US;
    all->ready_us = s_ready_us(self);
    if (all->ready_us <= self->now_us && all->turn_us == ROLE_NEVER) {
        size_t regions = shard_region_count(self);
        size_t line = (self->spec.region_index + regions - all->leader) % regions;
        all->turn_us = self->now_us + TURN_US * (int64_t)line;
    }
    if (all->phase == VOTE_IDLE && self->now_us >= all->turn_us)
        s_begin(self);
    if (self->now_us < all->again_us)
        return;
    all->again_us = self->now_us + AGAIN_US;
    if (all->phase == VOTE_IDLE)
        s_want(self, all->round, 0, 0, UINT64_MAX); /* perhaps others have decided it */
    else
        s_ask(self);
}

int64_t shard_vote_due(const shard_core_t *self)
{
    const shard_vote_t *all = &self->vote;
    if (!all->on || self->stopping || !all->works)
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
    for (size_t r = 0; r < shard_region_count(self); r++) {
        char name[3 * WIRE_NAME_SIZE];
        snprintf(name, sizeof name, "shard/%s/%zu", self->spec.topology->regions[r].name,
                 self->spec.shard_index);
        *ret_region = r;
        if (r != self->spec.region_index && strcmp(name, message->from) == 0)
            return true;
    }
    self->refusals++;
    shard_refuse(self, message, ERR_DENIED, "only the same shard of another region votes here");
    return false;
}

/* `members` 0: a promise is asked for. */
static void s_on_want(shard_core_t *self, const message_t *message, size_t region)
{
    uint64_t round = message->number, ballot = message->vote_want.ballot;
    const vote_t *known = s_find(self, round);
    if (known && known->decided) {
        s_tell(self, known, region);
        return;
    }
    if (ballot == 0 || round <= self->round) /* nothing to promise */
        return;
    vote_t *vote = s_get(self, round);
    uint64_t members = message->vote_want.members & s_everybody(self);
    if (ballot > vote->promised || (ballot == vote->promised && members && vote->ballot != ballot)) {
        vote->promised = ballot;
        if (members) {
            vote->ballot = ballot;
            vote->members = members;
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
    shard_vote_t *all = &self->vote;
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
    if (all->phase == VOTE_PROMISE && message->vote.ballot > all->best_ballot) {
        all->best_ballot = message->vote.ballot;
        all->best_members = message->vote.members & s_everybody(self);
    }
    all->answers |= s_bit(region);
    s_judge(self);
}

static void s_on_decision(shard_core_t *self, const message_t *message, size_t region)
{
    uint64_t members = message->decision.members & s_everybody(self);
    if (message->number <= self->round || !members)
        return;
    vote_t *vote = s_get(self, message->number);
    if (vote->decided)
        return;
    vote->decided = true;
    vote->members = members;
    self->vote.leader = region;
    shard_changed(self);
}

void shard_vote(shard_core_t *self, const message_t *message)
{
    size_t region;
    if (!self->vote.on || self->stopping || !s_from_shard(self, message, &region))
        return;
    if (message->number == 0 || message->number > self->round + SHARD_KEPT_MAX) {
        self->refusals++;
        shard_refuse(self, message, ERR_LIMIT, "a round that cannot be near");
        return;
    }
    uint64_t settled = message->kind == KIND_vote_want ? message->vote_want.settled
                       : message->kind == KIND_vote    ? message->vote.settled
                                                       : message->decision.settled;
    if (settled > self->vote.settled[region])
        self->vote.settled[region] = settled;
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
    shard_vote_t *all = &self->vote;
    if (!all->on || self->stopping)
        return;
    for (size_t i = 0; i < all->count; i++) {
        vote_t *vote = &all->log[i];
        if (vote->asker == SIZE_MAX || !s_stored(self, vote))
            continue;
        s_answer(self, vote, vote->asker);
        vote->asker = SIZE_MAX;
    }
    s_ask(self);
    s_judge(self);
    s_trim(self);
    shard_advance(self);
}

bool shard_vote_members(const shard_core_t *self, uint64_t round, uint64_t *ret_members)
{
    const vote_t *vote = s_find(self, round);
    if (vote && vote->decided)
        *ret_members = vote->members;
    return vote && vote->decided;
}

/* -- life -------------------------------------------------------------------------------------------------
 */

void shard_vote_begin(shard_core_t *self)
{
    self->vote.on = self->waits && self->spec.topology->job.sync.quorum < 1;
    s_next_round(self, 0);
}

void shard_vote_fini(shard_core_t *self)
{
    free(self->vote.log);
}
