#include "actors/keeper/keeper_core.h"

#include "actors/keeper/transfer.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_LEAST_BYTES ((size_t)16 << 10)
#define WINDOW_NEAR 8
#define PATIENCE_NEAR_US 1000000
#define PATIENCE_FAR_US 2000000
#define RATE_UNKNOWN_BYTES_PER_S 1000000 /* of a link that nobody has measured */

typedef enum { JOB_NONE, JOB_WANTED, JOB_OUT } job_state_t;

/* What is kept of one shard. */
typedef struct {
    size_t region;
    uint64_t shard;
    uint64_t incarnation, number; /* of the newest snapshot held; 0: none */
    uint64_t seal, seal_stored;

    taker_t *taker;
    size_t far; /* region it comes from when that is another one; else SIZE_MAX */
    wire_name_t offered_by;
    uint64_t offered_incarnation, offered_number;

    snapshot_t *whole; /* waits to be stored */
    wire_name_t whole_by;
    job_state_t store, load, sealing;
    uint64_t storing_incarnation, storing_number;
    wire_name_t storing_by;
    bool answer_seal;

    giver_t *giver;
    int64_t served_us;

    bool asked; /* by its scheduler to fetch a certain snapshot from another keeper, whatever the seal */
    uint64_t asked_incarnation, asked_number;
    wire_name_t asked_source;
} entry_t;

struct keeper_core {
    keeper_spec_t spec;
    wire_name_t name, scheduler;
    outbox_t outbox;
    entry_t *entries;
    size_t count;
    uint64_t link_rate[TOPOLOGY_REGIONS_MAX]; /* as measured, 0: not known */
    uint64_t kept, refused;
    err_t reason;
    int64_t now_us, status_us, since_us;
    wire_name_t waits_for;
    bool finished;
};

/* ---- small parts ---- */

static message_t *s_message(const keeper_core_t *self, message_kind_t kind, const char *to)
{
    message_t *m = message_new(kind, to, self->name);
    m->incarnation = self->spec.incarnation;
    return m;
}

static entry_t *s_entry(keeper_core_t *self, const char *region_name, uint64_t shard)
{
    size_t region = topology_region_index(self->spec.topology, region_name);
    if (region == SIZE_MAX || shard >= self->spec.topology->regions[region].shards)
        return NULL;
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].region == region && self->entries[i].shard == shard)
            return &self->entries[i];
    if (self->count == KEEPER_ENTRIES_MAX)
        return NULL;
    entry_t *entry = &self->entries[self->count++];
    *entry = (entry_t){.region = region, .shard = shard, .far = SIZE_MAX};
    return entry;
}

static const char *s_region_name(const keeper_core_t *self, const entry_t *entry)
{
    return self->spec.topology->regions[entry->region].name;
}

static bool s_is_scheduler_of(const keeper_core_t *self, const entry_t *entry, const char *name)
{
    return strncmp(name, "scheduler/", 10) == 0 && strcmp(name + 10, s_region_name(self, entry)) == 0;
}

/* The region of an actor's name when it is another one than the keeper's; else SIZE_MAX. */
static size_t s_far(const keeper_core_t *self, const char *actor)
{
    char region[WIRE_NAME_SIZE];
    if (sscanf(actor, "%*[^/]/%63[^/]", region) != 1)
        return SIZE_MAX;
    size_t index = topology_region_index(self->spec.topology, region);
    return index == self->spec.region_index ? SIZE_MAX : index;
}

static bool s_newer(uint64_t incarnation, uint64_t number, uint64_t than_incarnation, uint64_t than_number)
{
    return incarnation > than_incarnation || (incarnation == than_incarnation && number > than_number);
}

static void s_tell_kept(keeper_core_t *self, const entry_t *entry, const char *to, uint64_t incarnation,
                        uint64_t number, err_code_t code)
{
    message_t *m = s_message(self, KIND_snapshot_kept, to);
    message_set_name(m->snapshot_kept.region, s_region_name(self, entry));
    m->snapshot_kept.shard = entry->shard;
    m->snapshot_kept.incarnation = incarnation;
    m->snapshot_kept.number = number;
    m->snapshot_kept.code = (uint64_t)code;
    outbox_add(&self->outbox, &m);
}

/* Tells who offered a snapshot what became of it, and the scheduler when it had asked for it. */
static void s_answer(keeper_core_t *self, entry_t *entry, const char *by, uint64_t incarnation,
                     uint64_t number, err_code_t code)
{
    if (entry->asked && entry->asked_incarnation == incarnation && entry->asked_number == number) {
        char scheduler[WIRE_NAME_SIZE + 16];
        snprintf(scheduler, sizeof scheduler, "scheduler/%s", s_region_name(self, entry));
        s_tell_kept(self, entry, scheduler, incarnation, number, code);
        entry->asked = false;
    }
    if (strncmp(by, "keeper/", 7) != 0)
        s_tell_kept(self, entry, by, incarnation, number, code);
}

static void s_note_refused(keeper_core_t *self, const entry_t *entry, const err_t *why)
{
    self->refused++;
    err_set(&self->reason, why->code, "%s", why->text);
    err_prefix(&self->reason, why->code, "snapshot %llu of shard/%s/%llu from %s",
               (unsigned long long)entry->offered_number, s_region_name(self, entry),
               (unsigned long long)entry->shard, entry->offered_by);
}

/* ---- pace ---- */

static uint64_t s_rate_of(const keeper_core_t *self, size_t region)
{
    uint64_t rate = self->link_rate[region];
    const topology_link_t *link = topology_link(self->spec.topology, self->spec.region_index, region);
    if (!rate && link)
        rate = link->rate_bytes_per_s;
    if (!rate)
        rate = RATE_UNKNOWN_BYTES_PER_S;
    size_t sharing = 0;
    for (size_t i = 0; i < self->count; i++)
        sharing += self->entries[i].taker && self->entries[i].far == region;
    double share = (double)rate * self->spec.topology->checkpoint.wan_share / (double)(sharing ? sharing : 1);
    return share >= 1 ? (uint64_t)share : 1;
}

/* Transfers over one link share what they may take of it. */
static void s_set_pace(keeper_core_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].taker && self->entries[i].far != SIZE_MAX)
            taker_set_rate(self->entries[i].taker, s_rate_of(self, self->entries[i].far));
}

static taker_spec_t s_taker_spec(const keeper_core_t *self, const entry_t *entry)
{
    size_t piece = self->spec.piece_bytes ? self->spec.piece_bytes : MESSAGE_CHUNK_BYTES;
    taker_spec_t spec = {.name = self->name,
                         .incarnation = self->spec.incarnation,
                         .piece_bytes = piece,
                         .window = WINDOW_NEAR,
                         .patience_us = PATIENCE_NEAR_US,
                         .most_bytes = self->spec.most_bytes ? self->spec.most_bytes : KEEPER_MOST_BYTES};
    if (entry->far == SIZE_MAX)
        return spec;
    /* Far away the rate alone sets the pace; a piece is a tenth of a second of it, so that nothing waits long behind one. */
    uint64_t rate = s_rate_of(self, entry->far);
    size_t tenth = rate / 10 > PIECE_LEAST_BYTES ? (size_t)(rate / 10) : PIECE_LEAST_BYTES;
    spec.piece_bytes = tenth < piece ? tenth : piece;
    spec.window = TRANSFER_WINDOW_MAX;
    spec.patience_us = PATIENCE_FAR_US;
    spec.rate_bytes_per_s = rate;
    return spec;
}

/* ---- seals ---- */

/* What is being stored may still become what is held: the answer comes after it. */
static void s_tell_sealed(keeper_core_t *self, entry_t *entry)
{
    if (entry->seal_stored < entry->seal || entry->store == JOB_OUT)
        return;
    char to[WIRE_NAME_SIZE + 16];
    snprintf(to, sizeof to, "scheduler/%s", s_region_name(self, entry));
    message_t *m = s_message(self, KIND_sealed, to);
    message_set_name(m->sealed.region, s_region_name(self, entry));
    m->sealed.shard = entry->shard;
    m->sealed.seal = entry->seal;
    m->sealed.incarnation = entry->incarnation;
    m->sealed.number = entry->number;
    outbox_add(&self->outbox, &m);
    entry->answer_seal = false;
}

/* ---- offers ---- */

static void s_drop_taker(keeper_core_t *self, entry_t *entry)
{
    taker_destroy(&entry->taker);
    s_set_pace(self);
}

static uint64_t s_bytes_in_hand(const keeper_core_t *self)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < self->count; i++) {
        const entry_t *entry = &self->entries[i];
        sum += entry->taker ? taker_total_bytes(entry->taker) : 0;
        for (size_t k = 0; entry->whole && k < entry->whole->count; k++)
            sum += buf_size(entry->whole->values[k].buf);
    }
    return sum;
}

static void s_begin(keeper_core_t *self, entry_t *entry, const message_t *offer)
{
    const snapshot_offer_t_ *what = &offer->snapshot_offer;
    err_t why = {0};
    entry->far = s_far(self, offer->from);
    taker_spec_t spec = s_taker_spec(self, entry);
    if (s_bytes_in_hand(self) && what->total_bytes > spec.most_bytes - s_bytes_in_hand(self))
        return; /* it is offered again when there is room */
    message_set_name(entry->offered_by, offer->from);
    entry->offered_incarnation = what->incarnation;
    entry->offered_number = what->number;
    err_code_t code = taker_new(&spec, offer, self->now_us, &entry->taker, &why);
    if (code) {
        s_note_refused(self, entry, &why);
        s_answer(self, entry, offer->from, what->incarnation, what->number, code);
        return;
    }
    s_set_pace(self);
    taker_tick(entry->taker, self->now_us, &self->outbox);
}

static void s_offer(keeper_core_t *self, entry_t *entry, const message_t *offer)
{
    const snapshot_offer_t_ *what = &offer->snapshot_offer;
    bool asked =
        entry->asked && what->incarnation == entry->asked_incarnation && what->number == entry->asked_number;
    if (what->incarnation < entry->seal && !asked) {
        s_answer(self, entry, offer->from, what->incarnation, what->number, ERR_STALE);
        s_tell_sealed(self, entry); /* whoever adopted the sealed one may not know of the seal */
    } else if (!s_newer(what->incarnation, what->number, entry->incarnation, entry->number)) {
        bool held = what->incarnation == entry->incarnation;
        s_answer(self, entry, offer->from, what->incarnation, what->number, held ? ERR_OK : ERR_STALE);
    } else if ((entry->whole && entry->whole->id.incarnation == what->incarnation &&
                entry->whole->id.number == what->number) ||
               (entry->store == JOB_OUT && entry->storing_incarnation == what->incarnation &&
                entry->storing_number == what->number)) {
        return; /* is being stored: the answer comes */
    } else if (entry->taker && taker_is_of(entry->taker, offer)) {
        bool silent = self->now_us - taker_progress_us(entry->taker) >= KEEPER_SILENCE_US;
        if (!silent && strcmp(offer->from, entry->offered_by) == 0)
            return;
        if (taker_follow(entry->taker, offer)) {
            message_set_name(entry->offered_by, offer->from);
            taker_tick(entry->taker, self->now_us, &self->outbox);
            return;
        }
        s_drop_taker(self, entry);
        s_begin(self, entry, offer);
    } else if (!entry->taker ||
               s_newer(what->incarnation, what->number, entry->offered_incarnation, entry->offered_number)) {
        s_drop_taker(self, entry);
        s_begin(self, entry, offer);
    }
}

/* ---- pieces ---- */

static void s_piece(keeper_core_t *self, entry_t *entry, const message_t *piece)
{
    err_t why = {0};
    const snapshot_piece_t_ *what = &piece->snapshot_piece;
    if (!entry->taker && what->code) /* the source that its scheduler named does not have it */
        s_answer(self, entry, "keeper/", what->incarnation, what->number, ERR_NOT_FOUND);
    if (!entry->taker || !taker_is_of(entry->taker, piece))
        return;
    taker_state_t state = taker_piece(entry->taker, piece, self->now_us, &self->outbox, &why);
    if (state == TAKER_RUNS)
        return;
    if (state == TAKER_WHOLE) {
        snapshot_destroy(&entry->whole);
        entry->whole = taker_take(entry->taker);
        message_set_name(entry->whole_by, entry->offered_by);
        if (entry->store == JOB_NONE)
            entry->store = JOB_WANTED;
    } else {
        if (state == TAKER_BAD)
            s_note_refused(self, entry, &why);
        s_answer(self, entry, entry->offered_by, entry->offered_incarnation, entry->offered_number, why.code);
    }
    s_drop_taker(self, entry);
}

/* ---- giving on ---- */

static bool s_gives(const entry_t *entry, const snapshot_fetch_t_ *want)
{
    return entry->giver && giver_id(entry->giver)->incarnation == want->incarnation &&
           giver_id(entry->giver)->number == want->number;
}

static void s_fetch(keeper_core_t *self, entry_t *entry, const message_t *fetch)
{
    const snapshot_fetch_t_ *want = &fetch->snapshot_fetch;
    if (s_gives(entry, want)) {
        entry->served_us = self->now_us;
        giver_serve(entry->giver, fetch, &self->outbox);
    } else if (entry->incarnation == want->incarnation && entry->number == want->number) {
        if (entry->load == JOB_NONE)
            entry->load = JOB_WANTED; /* whoever asks does so again */
    } else {
        giver_refuse(fetch, self->name, self->spec.incarnation, &self->outbox);
    }
}

/* ---- what its scheduler says ---- */

static void s_drop_sealed(keeper_core_t *self, entry_t *entry)
{
    if (entry->taker && entry->offered_incarnation < entry->seal)
        s_drop_taker(self, entry);
    if (!entry->whole || entry->whole->id.incarnation >= entry->seal)
        return;
    snapshot_destroy(&entry->whole);
    if (entry->store == JOB_WANTED)
        entry->store = JOB_NONE;
}

static void s_seal(keeper_core_t *self, entry_t *entry, const message_t *m)
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
    s_tell_sealed(self, entry);
}

static void s_keep_from(keeper_core_t *self, entry_t *entry, const message_t *m)
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
    message_t *fetch = s_message(self, KIND_snapshot_fetch, entry->asked_source);
    message_set_name(fetch->snapshot_fetch.region, what->region);
    fetch->snapshot_fetch.shard = what->shard;
    fetch->snapshot_fetch.incarnation = what->incarnation;
    fetch->snapshot_fetch.number = what->number;
    outbox_add(&self->outbox, &fetch);
}

static void s_link_state(keeper_core_t *self, const message_t *m)
{
    size_t region = topology_region_index(self->spec.topology, m->link_state.region);
    if (region == SIZE_MAX || region == self->spec.region_index)
        return;
    self->link_rate[region] = m->link_state.rate_bytes_per_s;
    s_set_pace(self);
}

/* ---- what the driver does ---- */

static bool s_job_of(entry_t *entry, keeper_job_t *ret)
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

static void s_stored(keeper_core_t *self, entry_t *entry, const keeper_job_t *job, const err_t *why)
{
    entry->store = entry->whole ? JOB_WANTED : JOB_NONE;
    if (!why->code) {
        self->kept++;
        if (s_newer(job->incarnation, job->number, entry->incarnation, entry->number)) {
            entry->incarnation = job->incarnation;
            entry->number = job->number;
        }
    }
    s_answer(self, entry, entry->storing_by, job->incarnation, job->number, why->code);
}

static void s_loaded(keeper_core_t *self, entry_t *entry, const keeper_job_t *job, const err_t *why)
{
    entry->load = JOB_NONE;
    giver_destroy(&entry->giver);
    entry->served_us = self->now_us;
    if (!why->code && job->snapshot &&
        giver_new(job->snapshot, s_region_name(self, entry), entry->shard, self->name, self->spec.incarnation,
                  &entry->giver, NULL))
        entry->giver = NULL; /* no memory now: asked for again */
    if (why->code && entry->incarnation == job->incarnation && entry->number == job->number)
        entry->incarnation = entry->number = 0; /* damaged since: it is not held any more */
}

/* A seal that could not be stored is not answered; its scheduler asks again. */
static void s_seal_stored(entry_t *entry, const keeper_job_t *job, const err_t *why)
{
    if (!why->code && job->incarnation > entry->seal_stored)
        entry->seal_stored = job->incarnation;
    entry->sealing = !why->code && entry->seal_stored < entry->seal ? JOB_WANTED : JOB_NONE;
}

void keeper_core_done(keeper_core_t *self, keeper_job_t *job, const err_t *why, int64_t now_us)
{
    self->now_us = now_us;
    entry_t *entry = s_entry(self, self->spec.topology->regions[job->region].name, job->shard);
    CHECK(entry);
    if (job->verb == KEEPER_STORE)
        s_stored(self, entry, job, why);
    else if (job->verb == KEEPER_LOAD)
        s_loaded(self, entry, job, why);
    else
        s_seal_stored(entry, job, why);
    snapshot_destroy(&job->snapshot);
    if (entry->answer_seal)
        s_tell_sealed(self, entry);
}

void keeper_core_held(keeper_core_t *self, size_t region, uint64_t shard, uint64_t incarnation,
                      uint64_t number, uint64_t seal)
{
    entry_t *entry = s_entry(self, self->spec.topology->regions[region].name, shard);
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
        const entry_t *entry = &self->entries[i];
        if (entry->taker && self->now_us - taker_progress_us(entry->taker) >= KEEPER_SILENCE_US)
            return entry->offered_by;
    }
    return "";
}

static void s_status(keeper_core_t *self)
{
    const char *waits_for = s_waits_for(self);
    if (self->since_us == 0 || strcmp(waits_for, self->waits_for) != 0) {
        message_set_name(self->waits_for, waits_for);
        self->since_us = self->now_us;
    }
    message_t *m = s_message(self, KIND_status, self->scheduler);
    message_set_name(m->status.actor, self->name);
    m->status.incarnation = self->spec.incarnation;
    message_set_name(m->status.state, self->finished ? "stopped" : waits_for[0] ? "waiting" : "running");
    message_set_name(m->status.waits_for, waits_for);
    m->status.since_us = (uint64_t)(self->now_us - self->since_us);
    m->status.applied = m->status.durable = self->kept;
    outbox_add(&self->outbox, &m);
    self->status_us = self->now_us + KEEPER_STATUS_US;
}

static void s_dispatch(keeper_core_t *self, const message_t *m)
{
    entry_t *entry = NULL;
    switch (m->kind) {
    case KIND_snapshot_offer:
        if (m->snapshot_offer.number && !m->snapshot_offer.entry &&
            (entry = s_entry(self, m->snapshot_offer.region, m->snapshot_offer.shard)))
            s_offer(self, entry, m);
        break;
    case KIND_snapshot_piece:
        if ((entry = s_entry(self, m->snapshot_piece.region, m->snapshot_piece.shard)))
            s_piece(self, entry, m);
        break;
    case KIND_snapshot_fetch:
        if ((entry = s_entry(self, m->snapshot_fetch.region, m->snapshot_fetch.shard)))
            s_fetch(self, entry, m);
        else
            giver_refuse(m, self->name, self->spec.incarnation, &self->outbox);
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
        self->finished = true;
        break;
    default: /* what brokers tell everybody */
        break;
    }
}

static void s_tick(void *core, int64_t now_us)
{
    keeper_core_t *self = core;
    self->now_us = now_us;
    for (size_t i = 0; i < self->count; i++) {
        entry_t *entry = &self->entries[i];
        if (entry->taker && now_us - taker_progress_us(entry->taker) >= KEEPER_PATIENCE_US)
            s_drop_taker(self, entry);
        if (entry->taker)
            taker_tick(entry->taker, now_us, &self->outbox);
        if (entry->giver && now_us - entry->served_us >= KEEPER_LOADED_US)
            giver_destroy(&entry->giver);
    }
    if (now_us >= self->status_us)
        s_status(self);
}

static void s_message_in(void *core, message_t **message_p, int64_t now_us)
{
    keeper_core_t *self = core;
    self->now_us = now_us;
    s_dispatch(self, *message_p);
    message_destroy(message_p);
    if (now_us >= self->status_us)
        s_tick(self, now_us);
}

static int64_t s_due(const void *core)
{
    const keeper_core_t *self = core;
    if (self->finished)
        return ROLE_NEVER;
    int64_t due = self->status_us;
    for (size_t i = 0; i < self->count; i++) {
        int64_t at = self->entries[i].taker ? taker_due(self->entries[i].taker) : ROLE_NEVER;
        due = at < due ? at : due;
    }
    return due;
}

static outbox_t *s_outbox(void *core)
{
    return &((keeper_core_t *)core)->outbox;
}

static bool s_finished(const void *core)
{
    return ((const keeper_core_t *)core)->finished;
}

static void s_destroy(void **core_p)
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
    outbox_fini(&self->outbox);
    free(self);
}

const role_t keeper_role = {
    .name = "keeper",
    .message = s_message_in,
    .tick = s_tick,
    .due = s_due,
    .outbox = s_outbox,
    .finished = s_finished,
    .destroy = s_destroy,
};

keeper_core_t *keeper_core_new(const keeper_spec_t *spec)
{
    CHECK(spec->region_index < spec->topology->region_count);
    keeper_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    self->entries = calloc(KEEPER_ENTRIES_MAX, sizeof *self->entries);
    CHECK(self->entries);
    outbox_init(&self->outbox);
    message_set_name(self->name, spec->name);
    char scheduler[WIRE_NAME_SIZE + 16];
    snprintf(scheduler, sizeof scheduler, "scheduler/%s", spec->topology->regions[spec->region_index].name);
    message_set_name(self->scheduler, scheduler);
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
