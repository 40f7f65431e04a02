#include "codec/tensor/patch.h"

#include <stdlib.h>
#include <string.h>

bool patch_fits(uint64_t elements, uint64_t runs, uint64_t words)
{
    if (elements > PATCH_ELEMENTS_MAX || runs > RANGES_MAX || words > elements)
        return false;
    return words >= 3 * runs && (runs > 0) == (words > 0);
}

void patch_destroy(patch_t **self_p)
{
    patch_t *self = *self_p;
    if (!self)
        return;
    ranges_fini(&self->runs);
    free(self->at);
    free(self);
    *self_p = NULL;
}

/* Takes the runs. */
static err_code_t s_make(ranges_t *runs, patch_t **ret_self)
{
    patch_t *self = calloc(1, sizeof *self);
    uint64_t *at = malloc((runs->count + 1) * sizeof *at);
    if (!self || !at) {
        free(self);
        free(at);
        ranges_fini(runs);
        return ERR_MEMORY;
    }
    *self = (patch_t){.runs = *runs, .at = at};
    for (size_t i = 0; i < runs->count; i++) {
        at[i] = self->count;
        self->count += runs->items[i].end - runs->items[i].first;
    }
    *ret_self = self;
    return ERR_OK;
}

err_code_t patch_new(const ranges_t *runs, uint64_t first, uint64_t end, patch_t **ret_self)
{
    ranges_t part = {0};
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < runs->count && runs->items[i].first < end && !code; i++) {
        uint64_t from = runs->items[i].first > first ? runs->items[i].first : first;
        uint64_t to = runs->items[i].end < end ? runs->items[i].end : end;
        if (from < to)
            code = ranges_add(&part, from - first, to - first);
    }
    if (!code)
        return s_make(&part, ret_self);
    ranges_fini(&part);
    return code;
}

static range_t s_run(const char *index, size_t i)
{
    uint32_t words[2];
    memcpy(words, index + i * sizeof words, sizeof words);
    return (range_t){words[0], (uint64_t)words[0] + words[1]};
}

err_code_t patch_load(const void *index, size_t runs, uint64_t elements, patch_t **ret_self, err_t *err)
{
    if (runs > RANGES_MAX)
        return err_set(err, ERR_LIMIT, "a patch of %zu runs", runs);
    if (runs && s_run(index, runs - 1).end > elements)
        return err_set(err, ERR_MALFORMED, "a patch beyond the %llu elements", (unsigned long long)elements);
    range_t *items = malloc((runs + 1) * sizeof *items);
    if (!items)
        return err_set(err, ERR_MEMORY, "no memory for a patch of %zu runs", runs);
    for (size_t i = 0; i < runs; i++)
        items[i] = s_run(index, i);
    ranges_t made = {0};
    err_code_t code = ranges_load(&made, items, runs, err);
    free(items);
    if (!code)
        return s_make(&made, ret_self);
    ranges_fini(&made);
    return code;
}

uint64_t patch_words(const patch_t *self)
{
    return 2 * self->runs.count + self->count;
}

void patch_index(const patch_t *self, uint32_t *ret_words)
{
    for (size_t i = 0; i < self->runs.count; i++) {
        const range_t *run = &self->runs.items[i];
        *ret_words++ = (uint32_t)run->first;
        *ret_words++ = (uint32_t)(run->end - run->first);
    }
}

void patch_gather(const patch_t *self, const float *from, float *ret_values)
{
    for (size_t i = 0; i < self->runs.count; i++) {
        const range_t *run = &self->runs.items[i];
        memcpy(ret_values + self->at[i], from + run->first, (run->end - run->first) * sizeof *from);
    }
}

/* The run that a value is of. */
static size_t s_run_of(const patch_t *self, uint64_t value)
{
    size_t low = 0, high = self->runs.count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->at[middle] <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void patch_scatter(const patch_t *self, uint64_t first, uint64_t count, const void *values, float *ret_to)
{
    CHECK(first <= self->count && count <= self->count - first);
    const char *from = values;
    for (size_t i = count ? s_run_of(self, first) : 0; count; i++) {
        const range_t *run = &self->runs.items[i];
        uint64_t begin = run->first + (first - self->at[i]);
        uint64_t n = run->end - begin < count ? run->end - begin : count;
        memcpy(ret_to + begin, from, n * sizeof(float));
        from += n * sizeof(float);
        first += n;
        count -= n;
    }
}

size_t patch_find(const patch_t *self, uint64_t element)
{
    size_t low = 0, high = self->runs.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->runs.items[middle].end <= element)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
