#include "actors/scheduler/region/training/lease.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_STEPS 20
#define REPORTS_TO_CONFIRM 2 /* of every shard, until an unconfirmed claim is dropped */

typedef struct {
    uint64_t incarnation; /* 0: has not reported */
    uint64_t history;
    unsigned reports; /* since claims last grew older */
    ranges_t applied;
    ranges_t durable;
} shard_entry_t;

typedef struct {
    uint64_t incarnation;
    bool live;
    lease_grant_t newest; /* number 0: none yet */
    ranges_t leased;
    double speed;       /* batches per second, 0: not known */
    int64_t refused_us; /* since when it has been refused what there is, for its speed; 0: it is not */
} worker_entry_t;

struct lease_table {
    lease_spec_t spec;
    shard_entry_t *shards;
    worker_entry_t *workers;
    ranges_t applied;      /* by every shard */
    ranges_t durable;      /* in every shard */
    ranges_t claims_young; /* reported done by workers, not yet confirmed by shards */
    ranges_t claims_old;
    ranges_t taken; /* what is not free; rebuilt for every grant, kept for its memory */
};

lease_table_t *lease_table_new(const lease_spec_t *spec)
{
    CHECK(spec->shard_count > 0);
    lease_table_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    self->shards = calloc(spec->shard_count, sizeof *self->shards);
    self->workers = calloc(spec->worker_count + 1, sizeof *self->workers);
    CHECK(self->shards && self->workers);
    return self;
}

void lease_table_grow(lease_table_t *self, size_t worker_count)
{
    size_t before = self->spec.worker_count;
    if (worker_count <= before)
        return;
    self->workers = realloc(self->workers, worker_count * sizeof *self->workers);
    CHECK(self->workers);
    memset(self->workers + before, 0, (worker_count - before) * sizeof *self->workers);
    self->spec.worker_count = worker_count;
}

void lease_table_destroy(lease_table_t **self_p)
{
    lease_table_t *self = *self_p;
    if (!self)
        return;
    for (size_t index = 0; index < self->spec.shard_count; index++) {
        ranges_fini(&self->shards[index].applied);
        ranges_fini(&self->shards[index].durable);
    }
    for (size_t index = 0; index < self->spec.worker_count; index++)
        ranges_fini(&self->workers[index].leased);
    ranges_t *sets[] = {&self->applied, &self->durable, &self->claims_young, &self->claims_old, &self->taken};
    for (size_t index = 0; index < sizeof sets / sizeof *sets; index++)
        ranges_fini(sets[index]);
    free(self->shards);
    free(self->workers);
    free(self);
    *self_p = NULL;
}

static void s_clear(ranges_t *set)
{
    set->count = 0;
}

/* Taking away from sorted intervals adds at most one; a set already at its limit is given up whole, which
 * frees its batches to be computed once more: harmless, and never wrong. */
static void s_or_clear(err_code_t code, ranges_t *set)
{
    if (code)
        s_clear(set);
}

/* ---- shards ---- */

static void s_drop_claims(lease_table_t *self)
{
    s_clear(&self->claims_young);
    s_clear(&self->claims_old);
}

static void s_age_claims(lease_table_t *self)
{
    for (size_t index = 0; index < self->spec.shard_count; index++)
        if (self->shards[index].reports < REPORTS_TO_CONFIRM)
            return;
    ranges_t older = self->claims_old;
    self->claims_old = self->claims_young;
    self->claims_young = older;
    s_clear(&self->claims_young);
    for (size_t index = 0; index < self->spec.shard_count; index++)
        self->shards[index].reports = 0;
}

static void s_intersect_shards(lease_table_t *self)
{
    if (!lease_table_known(self))
        return;
    s_or_clear(ranges_copy(&self->applied, &self->shards[0].applied), &self->applied);
    s_or_clear(ranges_copy(&self->durable, &self->shards[0].durable), &self->durable);
    for (size_t index = 1; index < self->spec.shard_count; index++) {
        s_or_clear(ranges_intersect(&self->applied, &self->shards[index].applied), &self->applied);
        s_or_clear(ranges_intersect(&self->durable, &self->shards[index].durable), &self->durable);
    }
}

static bool s_within(const lease_table_t *self, const ranges_t *set)
{
    return !set->count || set->items[set->count - 1].end <= self->spec.batches;
}

err_code_t lease_table_progress(lease_table_t *self, size_t shard, uint64_t incarnation, uint64_t history,
                                const ranges_t *applied, const ranges_t *durable)
{
    CHECK(shard < self->spec.shard_count);
    shard_entry_t *entry = &self->shards[shard];
    if (!s_within(self, applied) || !s_within(self, durable))
        return ERR_MALFORMED;
    if (incarnation < entry->incarnation)
        return ERR_OK;
    if (incarnation > entry->incarnation || history != entry->history) {
        s_clear(&entry->applied);
        s_clear(&entry->durable);
        s_drop_claims(self);
    }
    err_code_t code = ranges_union(&entry->applied, applied);
    if (!code)
        code = ranges_union(&entry->durable, durable);
    if (code)
        return code;
    entry->incarnation = incarnation;
    entry->history = history;
    entry->reports++;
    s_intersect_shards(self);
    s_age_claims(self);
    return ERR_OK;
}

bool lease_table_known(const lease_table_t *self)
{
    for (size_t index = 0; index < self->spec.shard_count; index++)
        if (!self->shards[index].incarnation)
            return false;
    return true;
}

const ranges_t *lease_table_applied(const lease_table_t *self)
{
    return &self->applied;
}

bool lease_table_all_applied(const lease_table_t *self)
{
    return lease_table_known(self) && ranges_has_all(&self->applied, 0, self->spec.batches);
}

bool lease_table_all_durable(const lease_table_t *self)
{
    return lease_table_known(self) && ranges_has_all(&self->durable, 0, self->spec.batches);
}

uint64_t lease_table_durable_count(const lease_table_t *self)
{
    return ranges_size(&self->durable);
}

/* ---- workers ---- */

void lease_table_start(lease_table_t *self, size_t worker, uint64_t incarnation)
{
    CHECK(worker < self->spec.worker_count);
    worker_entry_t *entry = &self->workers[worker];
    if (incarnation <= entry->incarnation)
        return;
    s_clear(&entry->leased);
    entry->incarnation = incarnation;
    entry->live = true;
    entry->newest = (lease_grant_t){0};
    entry->speed = 0;
    entry->refused_us = 0;
}

void lease_table_release(lease_table_t *self, size_t worker)
{
    CHECK(worker < self->spec.worker_count);
    s_clear(&self->workers[worker].leased);
    self->workers[worker].live = false;
}

void lease_table_expect(lease_table_t *self, size_t worker, double batches_per_s)
{
    CHECK(worker < self->spec.worker_count);
    self->workers[worker].speed = batches_per_s;
}

void lease_table_retire(lease_table_t *self, size_t worker)
{
    CHECK(worker < self->spec.worker_count);
    self->workers[worker].live = false;
}

const ranges_t *lease_table_leased(const lease_table_t *self, size_t worker)
{
    CHECK(worker < self->spec.worker_count);
    return &self->workers[worker].leased;
}

/* A batch that the worker holds no more becomes a claim. */
static void s_settle(lease_table_t *self, worker_entry_t *entry, const ranges_t *holding)
{
    for (size_t index = 0; index < entry->leased.count; index++) {
        range_t run = entry->leased.items[index];
        uint64_t first, end, from = run.first;
        while (from < run.end && ranges_gap(holding, from, run.end, &first, &end)) {
            s_or_clear(ranges_add(&self->claims_young, first, end), &self->claims_young);
            from = end;
        }
    }
    s_or_clear(ranges_intersect(&entry->leased, holding), &entry->leased);
}

/* Grants that this table does not know: its worker is older than the scheduler. What nobody else holds is its
 * own. */
static void s_adopt(lease_table_t *self, worker_entry_t *entry, const lease_request_t *request)
{
    entry->newest = (lease_grant_t){.number = request->last_grant};
    s_or_clear(ranges_copy(&entry->leased, request->holding), &entry->leased);
    s_or_clear(ranges_remove(&entry->leased, self->spec.batches, UINT64_MAX), &entry->leased);
    for (size_t index = 0; index < self->spec.worker_count; index++) {
        const worker_entry_t *other = &self->workers[index];
        for (size_t run = 0; other != entry && run < other->leased.count; run++) {
            range_t taken = other->leased.items[run];
            s_or_clear(ranges_remove(&entry->leased, taken.first, taken.end), &entry->leased);
        }
    }
}

/* The lowest run of free batches, and how many are free in all. Workers hold an interval or two each, which
 * are put in one by one: joining sets would copy the whole for each of them. */
static bool s_free(lease_table_t *self, uint64_t *ret_first, uint64_t *ret_end, uint64_t *ret_count)
{
    err_code_t code = ranges_copy(&self->taken, &self->applied);
    if (!code)
        code = ranges_union(&self->taken, &self->claims_young);
    if (!code)
        code = ranges_union(&self->taken, &self->claims_old);
    for (size_t index = 0; index < self->spec.worker_count; index++) {
        const ranges_t *leased = &self->workers[index].leased;
        for (size_t run = 0; !code && run < leased->count; run++)
            code = ranges_add(&self->taken, leased->items[run].first, leased->items[run].end);
    }
    if (code)
        return false;
    *ret_count = self->spec.batches - ranges_size(&self->taken);
    return ranges_gap(&self->taken, 0, self->spec.batches, ret_first, ret_end);
}

uint64_t lease_table_free(lease_table_t *self)
{
    uint64_t first, end, count;
    return lease_table_known(self) && s_free(self, &first, &end, &count) ? count : 0;
}

/* ---- speeds ---- */

/* The speed of all living workers together; one that has not told yet counts as the
 * mean of those who have. */
typedef struct {
    size_t live;
    uint64_t leased;
    double sum, fastest, mean; /* batches per second; 0: nobody has told */
} pace_t;

static pace_t s_pace(const lease_table_t *self)
{
    pace_t pace = {0};
    size_t known = 0;
    for (size_t index = 0; index < self->spec.worker_count; index++) {
        const worker_entry_t *entry = &self->workers[index];
        pace.leased += ranges_size(&entry->leased);
        if (!entry->live)
            continue;
        pace.live++;
        known += entry->speed > 0;
        pace.sum += entry->speed;
        if (entry->speed > pace.fastest)
            pace.fastest = entry->speed;
    }
    pace.mean = known ? pace.sum / (double)known : 0;
    pace.sum += (double)(pace.live - known) * pace.mean;
    return pace;
}

static double s_speed(const worker_entry_t *entry, const pace_t *pace)
{
    return entry->speed > 0 ? entry->speed : pace->mean;
}

/* Its part of what all do together. */
static double s_share(const worker_entry_t *entry, const pace_t *pace)
{
    return pace->sum > 0 ? s_speed(entry, pace) / pace->sum : 1 / (double)(pace->live ? pace->live : 1);
}

/* The longest lease of a worker: in time, as long as that of the fastest. */
static uint64_t s_longest(const worker_entry_t *entry, const pace_t *pace)
{
    if (pace->fastest <= 0)
        return LEASE_LONGEST;
    double length = LEASE_LONGEST * s_speed(entry, pace) / pace->fastest;
    return length < 1 ? 1 : (uint64_t)length;
}

/* How many whole batches the others do in a time. */
static double s_others_do(const lease_table_t *self, const worker_entry_t *entry, const pace_t *pace,
                          double seconds)
{
    double sum = 0;
    for (size_t index = 0; index < self->spec.worker_count; index++) {
        const worker_entry_t *other = &self->workers[index];
        if (other != entry && other->live)
            sum += floor(seconds * s_speed(other, pace) * (1 + 1e-9));
    }
    return sum;
}

/* When the others could be done with everything that is left, a batch being done by one of them: the least
 * time T with sum of floor(T x speed) >= left. */
static double s_others_end(const lease_table_t *self, const worker_entry_t *entry, const pace_t *pace,
                           uint64_t left)
{
    double low = (double)left / (pace->sum - s_speed(entry, pace)), high = low;
    while (s_others_do(self, entry, pace, high) < (double)left)
        high *= 2;
    for (int step = 0; step < OTHERS_STEPS && high > low; step++) {
        double middle = (low + high) / 2;
        if (s_others_do(self, entry, pace, middle) < (double)left)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* How many more batches a worker may take without the run ending later than with the others alone;
 * UINT64_MAX: any number. */
static uint64_t s_fitting(const lease_table_t *self, const worker_entry_t *entry, const pace_t *pace,
                          uint64_t free_count)
{
    double speed = s_speed(entry, pace), left = (double)(free_count + pace->leased);
    if (self->spec.one_by_one || speed <= 0 || pace->live < 2 ||
        (double)ranges_size(&entry->leased) + LEASE_LONGEST < left / pace->sum * speed)
        return UINT64_MAX;
    double end = s_others_end(self, entry, pace, free_count + pace->leased);
    double most = floor(end * speed * (1 + 1e-6)) - (double)ranges_size(&entry->leased);
    return most < 0 ? 0 : (uint64_t)most;
}

/* The others may hang, or evaluate: who is too slow is refused a batch until that could have been done. */
static bool s_is_refused(worker_entry_t *entry, const pace_t *pace, uint64_t fitting, int64_t now_us)
{
    if (fitting) {
        entry->refused_us = 0;
        return false;
    }
    if (!entry->refused_us)
        entry->refused_us = now_us > 0 ? now_us : 1;
    return (double)(now_us - entry->refused_us) < 1e6 / s_speed(entry, pace);
}

/* A worker's batches: what it computes and one lease more; where a step is shared out, a whole step, as the
 * others may be away. */
static uint64_t s_most(const lease_table_t *self, const worker_entry_t *entry, const pace_t *pace)
{
    if (!self->spec.one_by_one)
        return 2 * s_longest(entry, pace);
    return self->spec.worker_count > 2 ? self->spec.worker_count : 2;
}

/* A free batch below all that a worker holds is another matter: what it holds may have to wait
 * for exactly that one. */
static bool s_may_have(const lease_table_t *self, const worker_entry_t *entry, const pace_t *pace,
                       uint64_t first)
{
    uint64_t held = ranges_size(&entry->leased);
    if (held == 0 || first < entry->leased.items[0].first)
        return true;
    if (held >= s_most(self, entry, pace))
        return false;
    for (size_t index = 0; self->spec.one_by_one && index < self->spec.worker_count; index++) {
        const worker_entry_t *other = &self->workers[index];
        if (other->live && ranges_size(&other->leased) < held)
            return false;
    }
    return true;
}

/* Near the end leases get shorter, half of a worker's share of what is left, so that all finish together. */
static uint64_t s_length(const lease_table_t *self, const worker_entry_t *entry, const pace_t *pace,
                         uint64_t free_count)
{
    if (self->spec.one_by_one)
        return 1;
    uint64_t length = (uint64_t)ceil((double)free_count * s_share(entry, pace) / 2 - 1e-9);
    uint64_t longest = s_longest(entry, pace);
    return length > longest ? longest : length ? length : 1;
}

static lease_answer_t s_grant(lease_table_t *self, worker_entry_t *entry, const lease_request_t *request,
                              lease_grant_t *ret_grant)
{
    uint64_t first = 0, end = 0, count;
    bool evaluate = request->evaluate;
    if (!lease_table_known(self))
        return LEASE_NOTHING;
    if (!evaluate) {
        pace_t pace = s_pace(self);
        if (!s_free(self, &first, &end, &count) || !s_may_have(self, entry, &pace, first))
            return LEASE_NOTHING;
        uint64_t fitting = s_fitting(self, entry, &pace, count);
        if (s_is_refused(entry, &pace, fitting, request->now_us))
            return LEASE_NOTHING;
        uint64_t length = s_length(self, entry, &pace, count);
        if (length > fitting)
            length = fitting ? fitting : 1;
        if (end - first > length)
            end = first + length;
        if (ranges_add(&entry->leased, first, end))
            return LEASE_NOTHING;
    }
    entry->newest =
        (lease_grant_t){.number = entry->newest.number + 1, .first = first, .end = end, .evaluate = evaluate};
    *ret_grant = entry->newest;
    return LEASE_GRANTED;
}

lease_answer_t lease_table_want(lease_table_t *self, size_t worker, const lease_request_t *request,
                                lease_grant_t *ret_grant)
{
    CHECK(worker < self->spec.worker_count);
    worker_entry_t *entry = &self->workers[worker];
    lease_table_start(self, worker, request->incarnation);
    if (!entry->live || request->incarnation != entry->incarnation)
        return LEASE_NOTHING;
    if (request->last_grant < entry->newest.number) {
        *ret_grant = entry->newest;
        return LEASE_REPEATED;
    }
    if (request->last_grant > entry->newest.number)
        s_adopt(self, entry, request);
    else
        s_settle(self, entry, request->holding);
    if (request->batches_per_s > 0)
        entry->speed = request->batches_per_s;
    return request->only_tells ? LEASE_NOTHING : s_grant(self, entry, request, ret_grant);
}
