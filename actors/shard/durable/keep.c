/* What becomes of committed snapshots beyond this node: they are given to keepers, one at a time to each, the newest next.
 * With durability `replica` a snapshot counts only when all keepers have it; else this goes on in the background. */

#include "actors/shard/shard_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what is given ---- */

static void s_given_drop(given_t *given)
{
    giver_destroy(&given->giver);
    *given = (given_t){0};
}

/* Drops what no keeper is being given and what is not the newest. */
static void s_forget(keep_t *keep)
{
    for (size_t i = 0; i < KEEP_GIVEN_MAX; i++) {
        bool used = i == keep->newest;
        for (size_t k = 0; k < keep->keeper_count; k++)
            used = used || keep->keepers[k].giving == i;
        if (!used)
            s_given_drop(&keep->given[i]);
    }
}

static size_t s_free_given(const keep_t *keep)
{
    size_t i = 0;
    while (keep->given[i].giver)
        i++; /* one more place than keepers, and the newest is forgotten first */
    return i;
}

void shard_keep_taken(shard_core_t *self, const snapshot_t *snapshot)
{
    keep_t *keep = &self->durable->keep;
    snapshot_destroy(&keep->taken);
    if (!self->base->spec.topology->checkpoint.replicas && !keep->keeper_count &&
        self->base->life.end != END_HANDS)
        return;
    keep->taken = snapshot_new(&snapshot->id);
    CHECK(keep->taken);
    for (size_t i = 0; i < snapshot->count; i++) {
        buf_t *buf = buf_ref(snapshot->values[i].buf);
        CHECK(!snapshot_add(keep->taken, snapshot->values[i].name, &buf, NULL));
    }
    keep->taken_us = self->base->now_us;
    if (!keep->begun_us)
        keep->begun_us = self->base->now_us;
    keep->taken_changes = self->base->changes;
}

/* ---- keepers ---- */

static bool s_has_newest(const keep_t *keep, const keeper_t *keeper)
{
    return keep->newest == KEEP_NONE || keeper->kept >= keep->given[keep->newest].number;
}

static void s_offer(shard_core_t *self, keeper_t *keeper)
{
    giver_offer(self->durable->keep.given[keeper->giving].giver, keeper->name, 0, &self->base->outbox);
    keeper->offer_us = self->base->now_us + KEEP_OFFER_US;
}

/* Gives each keeper that has nothing under way the newest that it lacks. */
static void s_go_on(shard_core_t *self)
{
    keep_t *keep = &self->durable->keep;
    for (size_t i = 0; i < keep->keeper_count; i++) {
        keeper_t *keeper = &keep->keepers[i];
        if (keeper->giving == KEEP_NONE && !s_has_newest(keep, keeper) &&
            self->base->now_us >= keeper->retry_us) {
            keeper->giving = keep->newest;
            s_offer(self, keeper);
        }
    }
    s_forget(keep);
}

/* Where a snapshot counts only with its copies there are to be all that were asked for: too few keepers are none. */
static bool s_are_enough(const shard_core_t *self)
{
    bool exact = self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    size_t least = exact ? (size_t)self->base->spec.topology->checkpoint.replicas : 1;
    return self->durable->keep.keeper_count >= (least ? least : 1);
}

/* The newest number that every keeper has; 0 when there is none. */
static uint64_t s_kept(const shard_core_t *self)
{
    const keep_t *keep = &self->durable->keep;
    uint64_t least = s_are_enough(self) ? UINT64_MAX : 0;
    for (size_t i = 0; i < keep->keeper_count; i++)
        if (keep->keepers[i].kept < least)
            least = keep->keepers[i].kept;
    return least;
}

static keeper_t *s_keeper(keep_t *keep, const char *name)
{
    for (size_t i = 0; i < keep->keeper_count; i++)
        if (strcmp(keep->keepers[i].name, name) == 0)
            return &keep->keepers[i];
    return NULL;
}

/* The newest that all have tells how old what some keeper lacks can be. */
static void s_note_kept(shard_core_t *self)
{
    keep_t *keep = &self->durable->keep;
    uint64_t kept = s_kept(self);
    for (size_t i = 0; i < KEEP_GIVEN_MAX; i++) {
        const given_t *given = &keep->given[i];
        if (given->giver && given->number <= kept && given->number > keep->kept) {
            keep->kept = given->number;
            keep->kept_us = given->taken_us;
            keep->kept_changes = given->changes;
        }
    }
}

static void s_check(shard_core_t *self)
{
    keep_t *keep = &self->durable->keep;
    s_note_kept(self);
    if (!keep->waits || s_kept(self) < keep->waits)
        return;
    keep->waits = 0;
    shard_committed(self);
}

err_code_t shard_keep_committed(shard_core_t *self, uint64_t number, bool *ret_waits)
{
    keep_t *keep = &self->durable->keep;
    *ret_waits = false;
    if (!keep->taken)
        return ERR_OK;
    giver_t *giver = NULL;
    const topology_region_t *region = &self->base->spec.topology->regions[self->base->spec.region_index];
    bool replica = self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    err_code_t code = giver_new(keep->taken, region->name, self->base->spec.shard_index, self->base->name,
                                self->base->spec.incarnation, &giver, NULL);
    snapshot_destroy(&keep->taken);
    if (code)
        return replica ? code : ERR_OK; /* in the background the next one will do */
    keep->newest = KEEP_NONE;
    s_forget(keep);
    keep->newest = s_free_given(keep);
    keep->given[keep->newest] = (given_t){
        .giver = giver, .number = number, .taken_us = keep->taken_us, .changes = keep->taken_changes};
    keep->waits = replica ? number : 0;
    keep->heard_us = self->base->now_us;
    *ret_waits = replica;
    s_go_on(self);
    return ERR_OK;
}

/* ---- messages ---- */

/* One line of an assignment: an actor and its incarnation. False at the end, or when it is something else. */
static bool s_next(const char **at_p, keeper_t *ret_keeper)
{
    int length = 0;
    *ret_keeper = (keeper_t){.giving = KEEP_NONE};
    if (sscanf(*at_p, "%63[^ \n] %" SCNx64 "%n", ret_keeper->name, &ret_keeper->incarnation, &length) != 2 ||
        !length)
        return false;
    *at_p += length;
    *at_p += **at_p == '\n';
    return true;
}

/* Who keeps for this shard; what a keeper has that stays is not asked for again. */
static void s_assign(shard_core_t *self, const message_t *message)
{
    keep_t *keep = &self->durable->keep;
    keeper_t keepers[KEEP_KEEPERS_MAX], keeper;
    size_t count = 0;
    if (strcmp(message->from, self->base->scheduler) != 0 || message->keepers.assignment <= keep->assignment)
        return;
    const char *at = message->keepers.names ? message->keepers.names : "";
    while (count < KEEP_KEEPERS_MAX && s_next(&at, &keeper)) {
        const keeper_t *known = s_keeper(keep, keeper.name);
        keepers[count++] = known && known->incarnation == keeper.incarnation ? *known : keeper;
    }
    memcpy(keep->keepers, keepers, count * sizeof *keepers);
    keep->keeper_count = count;
    keep->assignment = message->keepers.assignment;
    self->base->report_soon = true;
    s_go_on(self);
    s_check(self);
}

bool shard_keep_fetch(shard_core_t *self, const message_t *message)
{
    keep_t *keep = &self->durable->keep;
    keeper_t *keeper = s_keeper(keep, message->from);
    for (size_t i = 0; i < KEEP_GIVEN_MAX; i++) {
        if (!keep->given[i].giver || keep->given[i].number != message->snapshot_fetch.number)
            continue;
        keep->heard_us = self->base->now_us;
        if (keeper)
            keeper->offer_us = self->base->now_us + KEEP_OFFER_US;
        giver_serve(keep->given[i].giver, message, &self->base->outbox);
        return true;
    }
    return false;
}

static void s_take_kept(shard_core_t *self, const message_t *message)
{
    const snapshot_kept_t_ *what = &message->snapshot_kept;
    keep_t *keep = &self->durable->keep;
    keeper_t *keeper = s_keeper(keep, message->from);
    if (!keeper || what->incarnation != self->base->spec.incarnation ||
        what->shard != self->base->spec.shard_index)
        return;
    keep->heard_us = self->base->now_us;
    uint64_t fulfilled = shard_keep_assignment(self);
    if (!what->code && what->number > keeper->kept && what->number <= self->durable->number)
        keeper->kept = what->number;
    /* What was offered twice may be refused and then kept: that counts, too. */
    if (keeper->giving != KEEP_NONE && keep->given[keeper->giving].number == what->number) {
        keeper->giving = KEEP_NONE;
        keeper->refused = (err_code_t)what->code;
        keeper->retry_us = what->code ? self->base->now_us + KEEP_RETRY_US : 0;
    }
    if (shard_keep_assignment(self) != fulfilled)
        self->base->report_soon = true; /* a move may wait for it */
    s_check(self);
    s_go_on(self);
}

void shard_keep_message(shard_core_t *self, const message_t *message)
{
    if (message->kind == KIND_keepers)
        s_assign(self, message);
    else if (message->kind == KIND_snapshot_kept)
        s_take_kept(self, message);
    else if (!shard_keep_fetch(self, message))
        giver_refuse(message, self->base->name, self->base->spec.incarnation, &self->base->outbox);
}

/* ---- time ---- */

/* A stop waits for keepers only while something moves: what is committed here is enough to go on from, if not from the loss
 * of this node. Nothing that waits for them leaves. */
static void s_give_up(shard_core_t *self)
{
    keep_t *keep = &self->durable->keep;
    if (self->base->life.end != END_STOPS || !keep->waits ||
        self->base->now_us - keep->heard_us < KEEP_STOP_US)
        return;
    keep->waits = 0;
    self->durable->committed_changes = self->durable->shot.changes;
    self->durable->shot.number = 0;
    shard_mark_committed(self, ERR_STOPPED);
}

void shard_keep_tick(shard_core_t *self)
{
    keep_t *keep = &self->durable->keep;
    s_go_on(self);
    for (size_t i = 0; i < keep->keeper_count; i++)
        if (keep->keepers[i].giving != KEEP_NONE && self->base->now_us >= keep->keepers[i].offer_us)
            s_offer(self, &keep->keepers[i]);
    s_give_up(self);
}

int64_t shard_keep_due(const shard_core_t *self)
{
    const keep_t *keep = &self->durable->keep;
    int64_t due =
        self->base->life.end == END_STOPS && keep->waits ? keep->heard_us + KEEP_STOP_US : ROLE_NEVER;
    for (size_t i = 0; i < keep->keeper_count; i++) {
        const keeper_t *keeper = &keep->keepers[i];
        int64_t at = keeper->giving != KEEP_NONE  ? keeper->offer_us
                     : s_has_newest(keep, keeper) ? ROLE_NEVER
                                                  : keeper->retry_us;
        due = at < due ? at : due;
    }
    return due;
}

/* ---- what others see ---- */

/* Keepers that were given to it in the midst of training have nothing to fetch until there is another snapshot: it may be a while. */
bool shard_keep_lacks(const shard_core_t *self)
{
    return !life_stops(&self->base->life) && self->durable->keep.keeper_count &&
           self->durable->keep.newest == KEEP_NONE;
}

/* Where a snapshot counts only with its copies, or is the last one, all keepers must have that one. */
uint64_t shard_keep_assignment(const shard_core_t *self)
{
    const keep_t *keep = &self->durable->keep;
    bool exact = self->base->life.end == END_HANDS ||
                 self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    uint64_t least = exact && self->durable->committed_number ? self->durable->committed_number : 1;
    return keep->keeper_count && s_kept(self) >= least ? keep->assignment : 0;
}

int64_t shard_keep_lag_us(const shard_core_t *self)
{
    const keep_t *keep = &self->durable->keep;
    if (!self->base->spec.topology->checkpoint.replicas || keep->kept_changes == self->base->changes)
        return 0;
    return keep->kept ? self->base->now_us - keep->kept_us : self->base->now_us - keep->begun_us;
}

/* Whom a snapshot that is committed here still waits for; NULL: nobody. */
const char *shard_keep_waits_for(const shard_core_t *self)
{
    const keep_t *keep = &self->durable->keep;
    if (!keep->waits || self->base->now_us - keep->heard_us < KEEP_WAIT_SHOWN_US)
        return NULL;
    for (size_t i = 0; s_are_enough(self) && i < keep->keeper_count; i++)
        if (keep->keepers[i].kept < keep->waits)
            return keep->keepers[i].name;
    return "keepers";
}

const char *shard_keep_refused(const shard_core_t *self)
{
    const keep_t *keep = &self->durable->keep;
    for (size_t i = 0; i < keep->keeper_count; i++)
        if (keep->keepers[i].refused == ERR_FULL)
            return keep->keepers[i].name;
    return "";
}

void shard_keep_init(shard_core_t *self)
{
    self->durable->keep.newest = KEEP_NONE;
}

void shard_keep_fini(shard_core_t *self)
{
    for (size_t i = 0; i < KEEP_GIVEN_MAX; i++)
        s_given_drop(&self->durable->keep.given[i]);
    snapshot_destroy(&self->durable->keep.taken);
}
