#include "actors/scheduler/lease.h"

#include <stdlib.h>

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
    CHECK(spec->shard_count > 0 && spec->worker_count > 0);
    lease_table_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    self->shards = calloc(spec->shard_count, sizeof *self->shards);
    self->workers = calloc(spec->worker_count, sizeof *self->workers);
    CHECK(self->shards && self->workers);
    return self;
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

/* ---- shards
 * --------------------------------------------------------------------------------------------------- */

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

/* ---- workers
 * -------------------------------------------------------------------------------------------------- */

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
}

void lease_table_release(lease_table_t *self, size_t worker)
{
    CHECK(worker < self->spec.worker_count);
    s_clear(&self->workers[worker].leased);
    self->workers[worker].live = false;
}

const ranges_t *lease_table_leased(const lease_table_t *self, size_t worker)
{
    CHECK(worker < self->spec.worker_count);
    return &self->workers[worker].leased;
}

/* What the worker holds no more becomes a claim. */
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

/* The lowest run of free batches, and how many are free in all. Workers hold an interval or two each, which are put in one by
 * one: joining sets would copy the whole for each of them. */
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

/* What a worker keeps: what it computes and one lease more; where a step is shared out, a whole step, as the others
 * may be away. */
static uint64_t s_most(const lease_table_t *self)
{
    if (!self->spec.one_by_one)
        return 2 * LEASE_LONGEST;
    return self->spec.worker_count > 2 ? self->spec.worker_count : 2;
}

/* A free batch below all that a worker holds is another matter: what it holds may have to wait for exactly that
 * one. */
static bool s_may_have(const lease_table_t *self, const worker_entry_t *entry, uint64_t first)
{
    uint64_t held = ranges_size(&entry->leased);
    if (held == 0 || first < entry->leased.items[0].first)
        return true;
    if (held >= s_most(self))
        return false;
    for (size_t index = 0; self->spec.one_by_one && index < self->spec.worker_count; index++) {
        const worker_entry_t *other = &self->workers[index];
        if (other->live && ranges_size(&other->leased) < held)
            return false;
    }
    return true;
}

/* Near the end leases get shorter, so that the workers finish together. */
static uint64_t s_length(const lease_table_t *self, uint64_t free_count)
{
    if (self->spec.one_by_one)
        return 1;
    uint64_t parts = 2 * (uint64_t)self->spec.worker_count;
    uint64_t length = free_count / parts + (free_count % parts != 0);
    return length > LEASE_LONGEST ? LEASE_LONGEST : length;
}

static lease_answer_t s_grant(lease_table_t *self, worker_entry_t *entry, bool evaluate,
                              lease_grant_t *ret_grant)
{
    uint64_t first = 0, end = 0, count;
    if (!lease_table_known(self))
        return LEASE_NOTHING;
    if (!evaluate) {
        if (!s_free(self, &first, &end, &count) || !s_may_have(self, entry, first))
            return LEASE_NOTHING;
        uint64_t length = s_length(self, count);
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
    return request->only_tells ? LEASE_NOTHING : s_grant(self, entry, request->evaluate, ret_grant);
}
