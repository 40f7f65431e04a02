#include "actors/shard/durable/keep.h"

#include "actors/kit/timers.h"

#include <string.h>

/* ---- what is given ---- */

static void s_given_drop(given_t *given)
{
    giver_destroy(&given->giver);
    *given = (given_t){0};
}

/* Drops what no keeper is being given and what is not the newest. */
static void s_forget(keep_t *self)
{
    for (size_t i = 0; i < KEEP_GIVEN_MAX; i++) {
        bool used = i == self->newest;
        for (size_t k = 0; k < self->keeper_count; k++)
            used = used || self->keepers[k].giving == i;
        if (!used)
            s_given_drop(&self->given[i]);
    }
}

static size_t s_free_given(const keep_t *self)
{
    size_t i = 0;
    while (self->given[i].giver)
        i++; /* one more place than keepers, and the newest is forgotten first */
    return i;
}

/* Snapshots are held only where keepers are or will be given them. */
static bool s_is_wanted(const keep_t *self)
{
    return self->base->spec.topology->checkpoint.replicas || self->keeper_count ||
           self->base->life.end == END_HANDS;
}

void keep_taken(keep_t *self, const snapshot_t *snapshot)
{
    snapshot_destroy(&self->taken);
    self->taken_number = snapshot->id.number;
    if (!s_is_wanted(self))
        return;
    self->taken = snapshot_share(snapshot, NULL, NULL);
    CHECK(self->taken);
    self->taken_us = self->base->core.now_us;
    if (!self->begun_us)
        self->begun_us = self->base->core.now_us;
    self->taken_changes = self->base->changes;
}

/* ---- keepers ---- */

static bool s_has_newest(const keep_t *self, const keeper_t *keeper)
{
    return self->newest == KEEP_NONE || keeper->kept >= self->given[self->newest].number;
}

static void s_offer(keep_t *self, keeper_t *keeper)
{
    giver_offer(self->given[keeper->giving].giver, keeper->name, 0, &self->base->core.outbox);
    keeper->offer_us = self->base->core.now_us + KEEP_OFFER_US;
}

/* Gives each keeper that has nothing under way the newest that it lacks. */
static void s_go_on(keep_t *self)
{
    for (size_t i = 0; i < self->keeper_count; i++) {
        keeper_t *keeper = &self->keepers[i];
        if (keeper->giving == KEEP_NONE && !s_has_newest(self, keeper) &&
            self->base->core.now_us >= keeper->retry_us) {
            keeper->giving = self->newest;
            s_offer(self, keeper);
        }
    }
    s_forget(self);
}

/* Where a snapshot counts only with its copies there are to be all that were asked for: too
 * few keepers are none. */
static bool s_are_enough(const keep_t *self)
{
    bool exact = self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    size_t least = exact ? (size_t)self->base->spec.topology->checkpoint.replicas : 1;
    return self->keeper_count >= (least ? least : 1);
}

/* The newest number that every keeper has; 0 when there is none. */
static uint64_t s_kept(const keep_t *self)
{
    uint64_t least = s_are_enough(self) ? UINT64_MAX : 0;
    for (size_t i = 0; i < self->keeper_count; i++)
        if (self->keepers[i].kept < least)
            least = self->keepers[i].kept;
    return least;
}

static keeper_t *s_keeper(keep_t *self, const char *name)
{
    for (size_t i = 0; i < self->keeper_count; i++)
        if (strcmp(self->keepers[i].name, name) == 0)
            return &self->keepers[i];
    return NULL;
}

/* The newest that all have tells how old what some keeper lacks can be. */
static void s_note_kept(keep_t *self)
{
    uint64_t kept = s_kept(self);
    for (size_t i = 0; i < KEEP_GIVEN_MAX; i++) {
        const given_t *given = &self->given[i];
        if (given->giver && given->number <= kept && given->number > self->kept) {
            self->kept = given->number;
            self->kept_us = given->taken_us;
            self->kept_changes = given->changes;
        }
    }
}

static keep_news_t s_check_waiting(keep_t *self)
{
    s_note_kept(self);
    if (!self->waits || s_kept(self) < self->waits)
        return KEEP_NO_NEWS;
    self->counts = self->waits;
    self->waits = 0;
    return KEEP_COUNTS;
}

/* Offers the snapshot that is committed here. Errors: ERR_MEMORY */
static err_code_t s_give(keep_t *self, uint64_t number)
{
    const topology_region_t *region = &self->base->spec.topology->regions[self->base->spec.region_index];
    giver_t *giver = NULL;
    err_code_t code = giver_new(self->taken, region->name, self->base->spec.shard_index,
                                self->base->core.name, self->base->spec.incarnation, &giver, NULL);
    snapshot_destroy(&self->taken);
    if (code)
        return code;
    self->newest = KEEP_NONE;
    s_forget(self);
    self->newest = s_free_given(self);
    self->given[self->newest] = (given_t){
        .giver = giver, .number = number, .taken_us = self->taken_us, .changes = self->taken_changes};
    self->heard_us = self->base->core.now_us;
    return ERR_OK;
}

err_code_t keep_committed(keep_t *self, uint64_t number, bool *ret_waits)
{
    bool replica = self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    bool given = self->taken != NULL;
    *ret_waits = false;
    err_code_t code = given ? s_give(self, number) : ERR_OK;
    if (code && replica)
        return code; /* in the background the next one will do */
    *ret_waits = given && replica;
    self->waits = *ret_waits ? number : 0;
    self->counts = *ret_waits ? self->counts : number;
    if (given && !code)
        s_go_on(self);
    return ERR_OK;
}

/* ---- messages ---- */

/* An assignment names all keepers of this shard; one that stays is not asked again for what it has. */
static keep_news_t s_assign(keep_t *self, const message_t *message)
{
    keeper_t keepers[KEEP_KEEPERS_MAX];
    size_t count = 0;
    if (message->keepers.assignment <= self->assignment)
        return KEEP_NO_NEWS;
    for (size_t i = 0; i < message->keepers.keepers.count && count < KEEP_KEEPERS_MAX; i++) {
        const keepers_keepers_t *row = &message->keepers.keepers.items[i];
        const keeper_t *known = s_keeper(self, row->name);
        keeper_t *keeper = &keepers[count++];
        *keeper = (keeper_t){.incarnation = row->incarnation, .giving = KEEP_NONE};
        message_set_name(keeper->name, row->name);
        if (known && known->incarnation == row->incarnation)
            *keeper = *known;
    }
    memcpy(self->keepers, keepers, count * sizeof *keepers);
    self->keeper_count = count;
    self->assignment = message->keepers.assignment;
    self->base->report_soon = true;
    s_go_on(self);
    return s_check_waiting(self);
}

/* False: there is no such snapshot to give. */
static bool s_serve(keep_t *self, const message_t *message)
{
    keeper_t *keeper = s_keeper(self, message->from);
    for (size_t i = 0; i < KEEP_GIVEN_MAX; i++) {
        if (!self->given[i].giver || self->given[i].number != message->snapshot_fetch.number)
            continue;
        self->heard_us = self->base->core.now_us;
        if (keeper)
            keeper->offer_us = self->base->core.now_us + KEEP_OFFER_US;
        giver_serve(self->given[i].giver, message, &self->base->core.outbox);
        return true;
    }
    return false;
}

/* The keeper that says what it has of a snapshot of this incarnation; NULL: nobody who was asked to. */
static keeper_t *s_who(keep_t *self, const message_t *message)
{
    bool own = message->snapshot_kept.incarnation == self->base->spec.incarnation &&
               message->snapshot_kept.shard == self->base->spec.shard_index;
    return own ? s_keeper(self, message->from) : NULL;
}

static void s_note(keep_t *self, keeper_t *keeper, const snapshot_kept_t_ *what)
{
    bool is_newer = what->number > keeper->kept && what->number <= self->taken_number;
    if (!what->code && is_newer)
        keeper->kept = what->number;
    /* A snapshot that was offered twice may be refused and then kept: that counts, too. */
    if (keeper->giving == KEEP_NONE || self->given[keeper->giving].number != what->number)
        return;
    keeper->giving = KEEP_NONE;
    keeper->refused = (err_code_t)what->code;
    keeper->retry_us = what->code ? self->base->core.now_us + KEEP_RETRY_US : 0;
}

static keep_news_t s_take_kept(keep_t *self, const message_t *message)
{
    keeper_t *keeper = s_who(self, message);
    if (!keeper)
        return KEEP_NO_NEWS;
    self->heard_us = self->base->core.now_us;
    uint64_t fulfilled = keep_assignment(self);
    s_note(self, keeper, &message->snapshot_kept);
    if (keep_assignment(self) != fulfilled)
        self->base->report_soon = true; /* a move may wait for it */
    keep_news_t news = s_check_waiting(self);
    s_go_on(self);
    return news;
}

keep_news_t keep_message(keep_t *self, const message_t *message)
{
    if (message->kind == KIND_keepers)
        return s_assign(self, message);
    if (message->kind == KIND_snapshot_kept)
        return s_take_kept(self, message);
    if (!s_serve(self, message))
        giver_refuse(message, self->base->core.name, self->base->spec.incarnation, &self->base->core.outbox);
    return KEEP_NO_NEWS;
}

/* ---- time ---- */

/* A stop waits for keepers only while something moves: what is committed here is enough to go on from, if not
 * from the loss of this node. Nothing that waits for them leaves. */
static keep_news_t s_give_up_copies(keep_t *self)
{
    bool waits = self->base->life.end == END_STOPS && self->waits;
    if (!waits || self->base->core.now_us - self->heard_us < KEEP_STOP_US)
        return KEEP_NO_NEWS;
    self->waits = 0;
    return KEEP_GIVEN_UP;
}

keep_news_t keep_tick(keep_t *self)
{
    s_go_on(self);
    for (size_t i = 0; i < self->keeper_count; i++)
        if (self->keepers[i].giving != KEEP_NONE && self->base->core.now_us >= self->keepers[i].offer_us)
            s_offer(self, &self->keepers[i]);
    return s_give_up_copies(self);
}

int64_t keep_due(const keep_t *self)
{
    int64_t due =
        self->base->life.end == END_STOPS && self->waits ? self->heard_us + KEEP_STOP_US : ROLE_NEVER;
    for (size_t i = 0; i < self->keeper_count; i++) {
        const keeper_t *keeper = &self->keepers[i];
        if (keeper->giving != KEEP_NONE)
            due = timer_first(due, keeper->offer_us);
        else if (!s_has_newest(self, keeper))
            due = timer_first(due, keeper->retry_us);
    }
    return due;
}

/* ---- what others see ---- */

bool keep_lacks(const keep_t *self)
{
    return !life_stops(&self->base->life) && self->keeper_count && self->newest == KEEP_NONE;
}

uint64_t keep_assignment(const keep_t *self)
{
    bool exact = self->base->life.end == END_HANDS ||
                 self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    uint64_t least = exact && self->counts ? self->counts : 1;
    return self->keeper_count && s_kept(self) >= least ? self->assignment : 0;
}

int64_t keep_lag_us(const keep_t *self)
{
    if (!self->base->spec.topology->checkpoint.replicas || self->kept_changes == self->base->changes)
        return 0;
    return self->kept ? self->base->core.now_us - self->kept_us : self->base->core.now_us - self->begun_us;
}

const char *keep_waits_for(const keep_t *self)
{
    if (!self->waits || self->base->core.now_us - self->heard_us < KEEP_WAIT_SHOWN_US)
        return NULL;
    for (size_t i = 0; s_are_enough(self) && i < self->keeper_count; i++)
        if (self->keepers[i].kept < self->waits)
            return self->keepers[i].name;
    return "keepers";
}

const char *keep_refused(const keep_t *self)
{
    for (size_t i = 0; i < self->keeper_count; i++)
        if (self->keepers[i].refused == ERR_FULL)
            return self->keepers[i].name;
    return "";
}

void keep_init(keep_t *self, base_t *base)
{
    self->base = base;
    self->newest = KEEP_NONE;
}

void keep_fini(keep_t *self)
{
    for (size_t i = 0; i < KEEP_GIVEN_MAX; i++)
        s_given_drop(&self->given[i]);
    snapshot_destroy(&self->taken);
}
