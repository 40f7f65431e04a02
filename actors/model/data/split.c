#include "actors/model/data/split.h"

#include "brokers/job.h"
#include "codec/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MILLION 1000000u

static uint64_t s_samples(const split_t *self, size_t region)
{
    return job_region_samples(self->shares, self->region_count, region, self->total);
}

static void s_count_up(uint32_t *order, uint64_t total)
{
    for (uint64_t i = 0; i < total; i++)
        order[i] = (uint32_t)i;
}

static void s_shuffle(const split_t *self, uint32_t *order)
{
    rng_t rng;
    rng_init_for(&rng, self->seed, "split", 0, 0);
    rng_shuffle_u32(&rng, order, (size_t)self->total);
}

/* -- by class ---- */

/* The samples class by class: those of c are at [first[c], first[c + 1]) of order. */
typedef struct {
    size_t *first;   /* (classes + 1) */
    uint32_t *order; /* (total) */
} sorted_t;

static void s_sorted_fini(sorted_t *self)
{
    free(self->first);
    free(self->order);
}

/* Sorts `numbers` by class; samples of one class keep their order. */
static err_code_t s_sort(const split_t *self, const uint32_t *numbers, sorted_t *ret, err_t *err)
{
    sorted_t sorted = {calloc(self->classes + 2, sizeof *sorted.first),
                       malloc((size_t)self->total * sizeof *sorted.order)};
    if (!sorted.first || !sorted.order) {
        s_sorted_fini(&sorted);
        return err_set(err, ERR_MEMORY, "no memory to sort %llu samples by class",
                       (unsigned long long)self->total);
    }
    size_t *next =
        sorted.first + 1; /* becomes where the next class begins as samples are put in their places */
    for (uint64_t i = 0; i < self->total; i++)
        next[self->label(self->hint, i) + 1]++;
    for (size_t c = 1; c <= self->classes; c++)
        next[c] += next[c - 1];
    for (uint64_t i = 0; i < self->total; i++)
        sorted.order[next[self->label(self->hint, numbers[i])]++] = numbers[i];
    *ret = sorted;
    return ERR_OK;
}

static err_code_t s_by_label(const split_t *self, uint32_t *order, err_t *err)
{
    sorted_t sorted;
    s_count_up(order, self->total);
    err_code_t code = self->label ? s_sort(self, order, &sorted, err) : ERR_OK;
    if (code || !self->label)
        return code;
    memcpy(order, sorted.order, (size_t)self->total * sizeof *order);
    s_sorted_fini(&sorted);
    return ERR_OK;
}

/* -- dirichlet ---- */

typedef struct {
    const split_t *split;
    sorted_t sorted;  /* each class shuffled */
    size_t *next;     /* (classes): the next sample of a class, in sorted.order */
    uint64_t *counts; /* (regions, classes): samples that a region has */
    uint64_t *totals; /* (regions): sum of its chances, in millionths */
    uint32_t *turns;  /* (total): whose turn it is */
    uint64_t alpha;   /* in millionths */
} urns_t;

static void s_urns_fini(urns_t *self)
{
    s_sorted_fini(&self->sorted);
    free(self->next);
    free(self->counts);
    free(self->totals);
    free(self->turns);
}

static bool s_is_used_up(const urns_t *self, size_t c)
{
    return self->next[c] == self->sorted.first[c + 1];
}

static uint64_t s_chance(const urns_t *self, size_t region, size_t c)
{
    return self->alpha + self->counts[region * self->split->classes + c] * MILLION;
}

static void s_fill_urns(urns_t *self)
{
    const split_t *split = self->split;
    uint64_t turn = 0;
    for (size_t r = 0; r < split->region_count; r++)
        for (uint64_t i = s_samples(split, r); i > 0; i--)
            self->turns[turn++] = (uint32_t)r;
    memcpy(self->next, self->sorted.first, split->classes * sizeof *self->next);
    for (size_t r = 0; r < split->region_count; r++)
        for (size_t c = 0; c < split->classes; c++)
            self->totals[r] += s_is_used_up(self, c) ? 0 : self->alpha;
}

static err_code_t s_urns_init(urns_t *self, const split_t *split, uint32_t *numbers, err_t *err)
{
    double alpha = round(split->alpha * MILLION);
    *self = (urns_t){.split = split, .alpha = alpha < 1 ? 1 : (uint64_t)alpha};
    s_count_up(numbers, split->total);
    s_shuffle(split, numbers);
    err_code_t code = s_sort(split, numbers, &self->sorted, err);
    if (code)
        return code;
    self->next = malloc(split->classes * sizeof *self->next);
    self->counts = calloc(split->region_count * split->classes, sizeof *self->counts);
    self->totals = calloc(split->region_count, sizeof *self->totals);
    self->turns = malloc((size_t)split->total * sizeof *self->turns);
    if (!self->next || !self->counts || !self->totals || !self->turns)
        return err_set(err, ERR_MEMORY, "no memory to mix %llu samples", (unsigned long long)split->total);
    s_fill_urns(self);
    return ERR_OK;
}

static size_t s_draw(const urns_t *self, rng_t *rng, size_t region)
{
    uint64_t left = rng_below(rng, self->totals[region]);
    for (size_t c = 0; c < self->split->classes; c++) {
        uint64_t chance = s_is_used_up(self, c) ? 0 : s_chance(self, region, c);
        if (left < chance)
            return c;
        left -= chance;
    }
    CHECK(!"a turn has a sample");
    return 0;
}

static uint32_t s_take(urns_t *self, size_t region, size_t c)
{
    self->counts[region * self->split->classes + c]++;
    self->totals[region] += MILLION;
    uint32_t number = self->sorted.order[self->next[c]++];
    for (size_t r = 0; s_is_used_up(self, c) && r < self->split->region_count; r++)
        self->totals[r] -= s_chance(self, r, c);
    return number;
}

/* Fills `order` with the regions' samples, one region after another. */
static err_code_t s_mix(const split_t *self, uint32_t *order, err_t *err)
{
    urns_t urns;
    uint64_t ends[TOPOLOGY_REGIONS_MAX] = {0};
    err_code_t code = s_urns_init(&urns, self, order, err);
    for (size_t r = 1; r < self->region_count; r++)
        ends[r] = ends[r - 1] + s_samples(self, r - 1);
    rng_t rng;
    rng_init_for(&rng, self->seed, "dirichlet", 0, 0);
    if (!code)
        rng_shuffle_u32(&rng, urns.turns, (size_t)self->total);
    for (uint64_t i = 0; !code && i < self->total; i++) {
        size_t region = urns.turns[i];
        order[ends[region]++] = s_take(&urns, region, s_draw(&urns, &rng, region));
    }
    s_urns_fini(&urns);
    return code;
}

/* -- all ---- */

static err_code_t s_order(const split_t *self, uint32_t *order, err_t *err)
{
    if (self->how == SPLIT_LABEL)
        return s_by_label(self, order, err);
    if (self->how == SPLIT_DIRICHLET && self->label)
        return s_mix(self, order, err);
    s_count_up(order, self->total);
    s_shuffle(self, order);
    return ERR_OK;
}

err_code_t split_take(const split_t *self, uint32_t **ret_own, uint64_t *ret_count, err_t *err)
{
    *ret_own = NULL;
    *ret_count = self->total;
    if (self->how == SPLIT_OWN)
        return ERR_OK;
    uint64_t first = 0, count = s_samples(self, self->region_index);
    for (size_t r = 0; r < self->region_index; r++)
        first += s_samples(self, r);
    uint32_t *order = malloc((size_t)self->total * sizeof *order);
    uint32_t *own = malloc((size_t)(count ? count : 1) * sizeof *own);
    err_code_t code = order && own ? s_order(self, order, err)
                                   : err_set(err, ERR_MEMORY, "no memory to split %llu samples",
                                             (unsigned long long)self->total);
    if (!code)
        memcpy(own, order + first, (size_t)count * sizeof *own);
    free(order);
    if (code) {
        free(own);
        return code;
    }
    *ret_own = own;
    *ret_count = count;
    return ERR_OK;
}
