#include "actors/keeper/keeper_internal.h"

#include "actors/kit/timers.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

/* ---- small parts ---- */

static keeper_entry_t *s_entry(keeper_core_t *self, const char *region_name, uint64_t shard)
{
    size_t region = topology_region_index(self->base.topology, region_name);
    if (region == SIZE_MAX || shard >= self->base.topology->regions[region].shards)
        return NULL;
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].region == region && self->entries[i].shard == shard)
            return &self->entries[i];
    if (self->count == KEEPER_ENTRIES_MAX)
        return NULL;
    keeper_entry_t *entry = &self->entries[self->count++];
    *entry = (keeper_entry_t){.region = region, .shard = shard, .far = SIZE_MAX};
    return entry;
}

const char *keeper_region_name(const keeper_core_t *self, const keeper_entry_t *entry)
{
    return core_region_name(&self->base, entry->region);
}

static actor_name_t s_scheduler(const keeper_core_t *self, const keeper_entry_t *entry)
{
    return actor_name(ROLE_SCHEDULER, keeper_region_name(self, entry));
}

static bool s_is_scheduler_of(const keeper_core_t *self, const keeper_entry_t *entry, const char *name)
{
    return actor_is_of(name, ROLE_SCHEDULER, keeper_region_name(self, entry));
}

static void s_tell_kept(keeper_core_t *self, const keeper_entry_t *entry, const char *to,
                        uint64_t incarnation, uint64_t number, err_code_t code)
{
    message_t *m = core_message(&self->base, KIND_snapshot_kept, to);
    message_set_name(m->snapshot_kept.region, keeper_region_name(self, entry));
    m->snapshot_kept.shard = entry->shard;
    m->snapshot_kept.incarnation = incarnation;
    m->snapshot_kept.number = number;
    m->snapshot_kept.code = (uint64_t)code;
    core_send(&self->base, &m);
}

void keeper_answer(keeper_core_t *self, keeper_entry_t *entry, const char *by, uint64_t incarnation,
                   uint64_t number, err_code_t code)
{
    if (entry->asked && entry->asked_incarnation == incarnation && entry->asked_number == number) {
        s_tell_kept(self, entry, s_scheduler(self, entry).text, incarnation, number, code);
        entry->asked = false;
    }
    if (by && actor_role_of(by) != ROLE_KEEPER)
        s_tell_kept(self, entry, by, incarnation, number, code);
}

/* ---- seals ---- */

/* A snapshot that is being stored may still become the one that is held: the answer comes after it. */
void keeper_tell_sealed(keeper_core_t *self, keeper_entry_t *entry)
{
    if (entry->seal_stored < entry->seal || entry->store == JOB_OUT)
        return;
    message_t *m = core_message(&self->base, KIND_sealed, s_scheduler(self, entry).text);
    message_set_name(m->sealed.region, keeper_region_name(self, entry));
    m->sealed.shard = entry->shard;
    m->sealed.seal = entry->seal;
    m->sealed.incarnation = entry->incarnation;
    m->sealed.number = entry->number;
    core_send(&self->base, &m);
    entry->answer_seal = false;
}

/* ---- giving on ---- */

static bool s_gives(const keeper_entry_t *entry, const snapshot_fetch_t_ *want)
{
    return entry->giver && giver_id(entry->giver)->incarnation == want->incarnation &&
           giver_id(entry->giver)->number == want->number;
}

static void s_fetch(keeper_core_t *self, keeper_entry_t *entry, const message_t *fetch)
{
    const snapshot_fetch_t_ *want = &fetch->snapshot_fetch;
    if (s_gives(entry, want)) {
        entry->served_us = self->base.now_us;
        giver_serve(entry->giver, fetch, &self->base.outbox);
    } else if (entry->incarnation == want->incarnation && entry->number == want->number) {
        if (entry->load == JOB_NONE)
            entry->load = JOB_WANTED; /* whoever asks does so again */
    } else {
        giver_refuse(fetch, self->base.name, self->base.incarnation, &self->base.outbox);
    }
}

/* ---- what its scheduler says ---- */

static void s_drop_sealed(keeper_core_t *self, keeper_entry_t *entry)
{
    if (entry->taker && entry->offered_incarnation < entry->seal)
        keeper_drop_taker(self, entry);
    if (!entry->whole || entry->whole->id.incarnation >= entry->seal)
        return;
    snapshot_destroy(&entry->whole);
    if (entry->store == JOB_WANTED)
        entry->store = JOB_NONE;
}

static void s_seal(keeper_core_t *self, keeper_entry_t *entry, const message_t *m)
{
    if (!s_is_scheduler_of(self, entry, m->from))
        return;
    if (m->seal.incarnation > entry->seal) {
        entry->seal = m->seal.incarnation;
        s_drop_sealed(self, entry);
    }
    if (entry->seal_stored < entry->seal && entry->sealing == JOB_NONE)
        entry->sealing = JOB_WANTED;
    entry->answer_seal = true;
    keeper_tell_sealed(self, entry);
}

static void s_keep_from(keeper_core_t *self, keeper_entry_t *entry, const message_t *m)
{
    const keep_from_t_ *what = &m->keep_from;
    if (!s_is_scheduler_of(self, entry, m->from) || !what->number)
        return;
    if (entry->incarnation == what->incarnation && entry->number >= what->number) {
        s_tell_kept(self, entry, m->from, what->incarnation, what->number, ERR_OK);
        return;
    }
    entry->asked = true;
    entry->asked_incarnation = what->incarnation;
    entry->asked_number = what->number;
    message_set_name(entry->asked_source, what->source);
    if (entry->taker || entry->store != JOB_NONE)
        return; /* under way */
    message_t *fetch = core_message(&self->base, KIND_snapshot_fetch, entry->asked_source);
    message_set_name(fetch->snapshot_fetch.region, what->region);
    fetch->snapshot_fetch.shard = what->shard;
    fetch->snapshot_fetch.incarnation = what->incarnation;
    fetch->snapshot_fetch.number = what->number;
    core_send(&self->base, &fetch);
}

static void s_link_state(keeper_core_t *self, const message_t *m)
{
    size_t region = topology_region_index(self->base.topology, m->link_state.region);
    if (region == SIZE_MAX || region == self->spec.region_index)
        return;
    self->link_rate[region] = m->link_state.rate_bytes_per_s;
    keeper_set_pace(self);
}

/* ---- what the driver does ---- */

static bool s_job_of(keeper_entry_t *entry, keeper_job_t *ret)
{
    *ret = (keeper_job_t){.region = entry->region, .shard = entry->shard};
    if (entry->sealing == JOB_WANTED && entry->store != JOB_OUT) {
        entry->sealing = JOB_OUT;
        ret->verb = KEEPER_SEAL;
        ret->incarnation = entry->seal;
        return true;
    }
    if (entry->store == JOB_WANTED && entry->sealing == JOB_NONE) {
        entry->store = JOB_OUT;
        ret->verb = KEEPER_STORE;
        ret->snapshot = entry->whole;
        entry->whole = NULL;
        message_set_name(entry->storing_by, entry->whole_by);
        ret->incarnation = entry->storing_incarnation = ret->snapshot->id.incarnation;
        ret->number = entry->storing_number = ret->snapshot->id.number;
        ret->last = ret->incarnation < entry->seal;
        return true;
    }
    if (entry->load == JOB_WANTED) {
        entry->load = JOB_OUT;
        ret->verb = KEEPER_LOAD;
        ret->incarnation = entry->incarnation;
        ret->number = entry->number;
        return true;
    }
    return false;
}

bool keeper_core_take_job(keeper_core_t *self, keeper_job_t *ret_job)
{
    for (size_t i = 0; i < self->count; i++)
        if (s_job_of(&self->entries[i], ret_job))
            return true;
    return false;
}

static void s_stored(keeper_core_t *self, keeper_entry_t *entry, const keeper_job_t *job, const err_t *why)
{
    entry->store = entry->whole ? JOB_WANTED : JOB_NONE;
    if (!why->code) {
        self->kept++;
        if (incarnation_compare(job->incarnation, job->number, entry->incarnation, entry->number) > 0) {
            entry->incarnation = job->incarnation;
            entry->number = job->number;
        }
    }
    keeper_answer(self, entry, entry->storing_by, job->incarnation, job->number, why->code);
}

static void s_loaded(keeper_core_t *self, keeper_entry_t *entry, const keeper_job_t *job, const err_t *why)
{
    entry->load = JOB_NONE;
    giver_destroy(&entry->giver);
    entry->served_us = self->base.now_us;
    if (!why->code && job->snapshot &&
        giver_new(job->snapshot, keeper_region_name(self, entry), entry->shard, self->base.name,
                  self->base.incarnation, &entry->giver, NULL))
        entry->giver = NULL; /* no memory now: asked for again */
    if (why->code && entry->incarnation == job->incarnation && entry->number == job->number)
        entry->incarnation = entry->number = 0; /* damaged since: it is not held any more */
}

/* A seal that could not be stored is not answered; its scheduler asks again. */
static void s_seal_stored(keeper_entry_t *entry, const keeper_job_t *job, const err_t *why)
{
    if (!why->code && job->incarnation > entry->seal_stored)
        entry->seal_stored = job->incarnation;
    entry->sealing = !why->code && entry->seal_stored < entry->seal ? JOB_WANTED : JOB_NONE;
}

void keeper_core_done(keeper_core_t *self, keeper_job_t *job, const err_t *why, int64_t now_us)
{
    self->base.now_us = now_us;
    keeper_entry_t *entry = s_entry(self, self->base.topology->regions[job->region].name, job->shard);
    CHECK(entry);
    if (job->verb == KEEPER_STORE)
        s_stored(self, entry, job, why);
    else if (job->verb == KEEPER_LOAD)
        s_loaded(self, entry, job, why);
    else
        s_seal_stored(entry, job, why);
    snapshot_destroy(&job->snapshot);
    if (entry->answer_seal)
        keeper_tell_sealed(self, entry);
}

void keeper_core_held(keeper_core_t *self, size_t region, uint64_t shard, uint64_t incarnation,
                      uint64_t number, uint64_t seal)
{
    keeper_entry_t *entry = s_entry(self, self->base.topology->regions[region].name, shard);
    if (!entry)
        return;
    entry->incarnation = incarnation;
    entry->number = number;
    entry->seal = entry->seal_stored = seal;
}

/* ---- role ---- */

/* The giver from which nothing has come for longest, if that is long. */
static const char *s_waits_for(const keeper_core_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const keeper_entry_t *entry = &self->entries[i];
        if (entry->taker && self->base.now_us - taker_progress_us(entry->taker) >= KEEPER_SILENCE_US)
            return entry->offered_by;
    }
    return "";
}

static int64_t s_status_due(const void *core)
{
    return ((const keeper_core_t *)core)->status_us;
}

static void s_say_status_keeper(void *core, int64_t now_us)
{
    keeper_core_t *self = core;
    const char *waits_for = s_waits_for(self);
    if (self->since_us == 0 || strcmp(waits_for, self->waits_for) != 0) {
        message_set_name(self->waits_for, waits_for);
        self->since_us = now_us;
    }
    message_t *m = core_message(&self->base, KIND_status, self->scheduler);
    message_set_name(m->status.actor, self->base.name);
    m->status.incarnation = self->base.incarnation;
    message_set_name(m->status.state, self->base.finished ? "stopped" : waits_for[0] ? "waiting" : "running");
    message_set_name(m->status.waits_for, waits_for);
    m->status.since_us = (uint64_t)(now_us - self->since_us);
    m->status.applied = m->status.durable = self->kept;
    core_send(&self->base, &m);
    self->status_us = now_us + KEEPER_STATUS_US;
}

static void s_dispatch(keeper_core_t *self, const message_t *m)
{
    keeper_entry_t *entry = NULL;
    switch (m->kind) {
    case KIND_snapshot_offer:
        if (m->snapshot_offer.number && !m->snapshot_offer.newcomer &&
            (entry = s_entry(self, m->snapshot_offer.region, m->snapshot_offer.shard)))
            keeper_offer(self, entry, m);
        break;
    case KIND_snapshot_piece:
        if ((entry = s_entry(self, m->snapshot_piece.region, m->snapshot_piece.shard)))
            keeper_piece(self, entry, m);
        break;
    case KIND_snapshot_fetch:
        if ((entry = s_entry(self, m->snapshot_fetch.region, m->snapshot_fetch.shard)))
            s_fetch(self, entry, m);
        else
            giver_refuse(m, self->base.name, self->base.incarnation, &self->base.outbox);
        break;
    case KIND_seal:
        if ((entry = s_entry(self, m->seal.region, m->seal.shard)))
            s_seal(self, entry, m);
        break;
    case KIND_keep_from:
        if ((entry = s_entry(self, m->keep_from.region, m->keep_from.shard)))
            s_keep_from(self, entry, m);
        break;
    case KIND_link_state:
        s_link_state(self, m);
        break;
    case KIND_stop:
        self->base.finished = true;
        break;
    default: /* what brokers tell everybody */
        break;
    }
}

static int64_t s_transfer_due(const void *core)
{
    const keeper_core_t *self = core;
    int64_t due_us = ROLE_NEVER;
    for (size_t i = 0; i < self->count; i++) {
        const keeper_entry_t *entry = &self->entries[i];
        if (entry->taker) {
            due_us = timer_first(due_us, taker_due(entry->taker));
            due_us = timer_first(due_us, taker_progress_us(entry->taker) + KEEPER_PATIENCE_US);
        }
        if (entry->giver)
            due_us = timer_first(due_us, entry->served_us + KEEPER_LOADED_US);
    }
    return due_us;
}

static void s_transfer(void *core, int64_t now_us)
{
    keeper_core_t *self = core;
    for (size_t i = 0; i < self->count; i++) {
        keeper_entry_t *entry = &self->entries[i];
        if (entry->taker && now_us - taker_progress_us(entry->taker) >= KEEPER_PATIENCE_US)
            keeper_drop_taker(self, entry);
        if (entry->taker)
            taker_tick(entry->taker, now_us, &self->base.outbox);
        if (entry->giver && now_us - entry->served_us >= KEEPER_LOADED_US)
            giver_destroy(&entry->giver);
    }
}

static const timer_row_t s_timers[] = {{s_transfer_due, s_transfer}, {s_status_due, s_say_status_keeper}};
#define TIMERS (sizeof s_timers / sizeof *s_timers)

static void s_tick_keeper(void *core, int64_t now_us)
{
    keeper_core_t *self = core;
    self->base.now_us = now_us;
    timers_run(s_timers, TIMERS, self, now_us);
}

/* A seal, or an offer, of an incarnation that nobody can have given would keep out everything that comes: a
 * scheduler seals with its own, a shard offers what it made itself. */
static bool s_is_possible(const message_t *message)
{
    bool shard = actor_role_of(message->from) == ROLE_SHARD;
    if (message->kind == KIND_seal)
        return incarnation_is_given(message->seal.incarnation, message->incarnation);
    if (message->kind != KIND_snapshot_offer)
        return true;
    return incarnation_is_possible(message->snapshot_offer.incarnation) &&
           (!shard || message->snapshot_offer.incarnation <= message->incarnation);
}

static void s_message_in(void *core, message_t **message_p, int64_t now_us)
{
    keeper_core_t *self = core;
    self->base.now_us = now_us;
    if (s_is_possible(*message_p))
        s_dispatch(self, *message_p);
    message_destroy(message_p);
    if (now_us >= self->status_us)
        s_tick_keeper(self, now_us);
}

static int64_t s_due_keeper(const void *core)
{
    const keeper_core_t *self = core;
    if (self->base.finished)
        return ROLE_NEVER;
    return timers_due(s_timers, TIMERS, self);
}

static void s_destroy_keeper(void **core_p)
{
    keeper_core_t *self = *core_p;
    *core_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++) {
        taker_destroy(&self->entries[i].taker);
        giver_destroy(&self->entries[i].giver);
        snapshot_destroy(&self->entries[i].whole);
    }
    free(self->entries);
    core_fini(&self->base);
    free(self);
}

const role_t keeper_role = {
    .name = "keeper",
    .message = s_message_in,
    .tick = s_tick_keeper,
    .due = s_due_keeper,
    .outbox = core_outbox,
    .finished = core_finished,
    .destroy = s_destroy_keeper,
};

keeper_core_t *keeper_core_new(const keeper_spec_t *spec)
{
    CHECK(spec->region_index < spec->topology->region_count);
    keeper_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    self->entries = calloc(KEEPER_ENTRIES_MAX, sizeof *self->entries);
    CHECK(self->entries);
    core_init(&self->base, spec->name, spec->incarnation, spec->topology);
    message_set_name(self->scheduler,
                     actor_name(ROLE_SCHEDULER, spec->topology->regions[spec->region_index].name).text);
    return self;
}

uint64_t keeper_core_refused(const keeper_core_t *self, const char **ret_reason)
{
    *ret_reason = self->reason.text;
    return self->refused;
}

uint64_t keeper_core_kept(const keeper_core_t *self)
{
    return self->kept;
}
