#include "codec/base/ranges.h"

#include <stdlib.h>
#include <string.h>

void ranges_init(ranges_t *self)
{
    *self = (ranges_t){0};
}

void ranges_fini(ranges_t *self)
{
    free(self->items);
    *self = (ranges_t){0};
}

static err_code_t s_reserve(ranges_t *self, size_t count)
{
    if (count > RANGES_MAX)
        return ERR_LIMIT;
    if (count <= self->capacity)
        return ERR_OK;
    size_t capacity = self->capacity ? self->capacity : 4;
    while (capacity < count)
        capacity *= 2;
    range_t *items = realloc(self->items, capacity * sizeof *items);
    if (!items)
        return ERR_MEMORY;
    self->items = items;
    self->capacity = capacity;
    return ERR_OK;
}

/* Index of the first interval whose end is at or above (touch) or above (not touch) the number. */
static size_t s_find_range(const ranges_t *self, uint64_t number, bool touch)
{
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t end = self->items[middle].end;
        if (end < number || (!touch && end == number))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts `count` intervals in the place of those with index in [from, to). */
static err_code_t s_replace(ranges_t *self, size_t from, size_t to, const range_t *items, size_t count)
{
    size_t total = self->count - (to - from) + count;
    err_code_t code = s_reserve(self, total);
    if (code)
        return code;
    if (self->count > to)
        memmove(self->items + from + count, self->items + to, (self->count - to) * sizeof *items);
    for (size_t index = 0; index < count; index++)
        self->items[from + index] = items[index];
    self->count = total;
    return ERR_OK;
}

err_code_t ranges_add(ranges_t *self, uint64_t first, uint64_t end)
{
    if (first >= end)
        return ERR_OK;
    size_t from = s_find_range(self, first, true);
    size_t to = from;
    range_t merged = {first, end};
    for (; to < self->count && self->items[to].first <= end; to++) {
        if (self->items[to].first < merged.first)
            merged.first = self->items[to].first;
        if (self->items[to].end > merged.end)
            merged.end = self->items[to].end;
    }
    return s_replace(self, from, to, &merged, 1);
}

err_code_t ranges_remove(ranges_t *self, uint64_t first, uint64_t end)
{
    if (first >= end)
        return ERR_OK;
    size_t from = s_find_range(self, first, false);
    size_t to = from;
    range_t kept[2];
    size_t kept_count = 0;
    for (; to < self->count && self->items[to].first < end; to++) {
        range_t item = self->items[to];
        if (item.first < first)
            kept[kept_count++] = (range_t){item.first, first};
        if (item.end > end)
            kept[kept_count++] = (range_t){end, item.end};
    }
    return s_replace(self, from, to, kept, kept_count);
}

err_code_t ranges_copy(ranges_t *self, const ranges_t *from)
{
    if (self == from)
        return ERR_OK;
    err_code_t code = s_reserve(self, from->count);
    if (code)
        return code;
    if (from->count)
        memcpy(self->items, from->items, from->count * sizeof *from->items);
    self->count = from->count;
    return ERR_OK;
}

/* Takes over the contents of `made` when code is OK, else drops them: so a failure changes nothing. */
static err_code_t s_adopt(ranges_t *self, ranges_t *made, err_code_t code)
{
    if (code) {
        ranges_fini(made);
        return code;
    }
    ranges_fini(self);
    *self = *made;
    return ERR_OK;
}

/* Appends an interval that does not begin before the last one. */
static err_code_t s_append(ranges_t *self, range_t item)
{
    range_t *last = self->count ? &self->items[self->count - 1] : NULL;
    if (last && item.first <= last->end) {
        if (item.end > last->end)
            last->end = item.end;
        return ERR_OK;
    }
    return s_replace(self, self->count, self->count, &item, 1);
}

err_code_t ranges_union(ranges_t *self, const ranges_t *other)
{
    if (other->count == 1)
        return ranges_add(self, other->items[0].first, other->items[0].end);
    ranges_t made = {0};
    err_code_t code = ERR_OK;
    size_t a = 0, b = 0;
    while (!code && (a < self->count || b < other->count)) {
        bool from_self =
            b == other->count || (a < self->count && self->items[a].first <= other->items[b].first);
        code = s_append(&made, from_self ? self->items[a++] : other->items[b++]);
    }
    return s_adopt(self, &made, code);
}

err_code_t ranges_intersect(ranges_t *self, const ranges_t *other)
{
    ranges_t made = {0};
    err_code_t code = ERR_OK;
    size_t a = 0, b = 0;
    while (!code && a < self->count && b < other->count) {
        range_t x = self->items[a], y = other->items[b];
        range_t both = {x.first > y.first ? x.first : y.first, x.end < y.end ? x.end : y.end};
        if (both.first < both.end)
            code = s_append(&made, both);
        if (x.end <= y.end)
            a++;
        if (y.end <= x.end)
            b++;
    }
    return s_adopt(self, &made, code);
}

bool ranges_has(const ranges_t *self, uint64_t number)
{
    size_t index = s_find_range(self, number, false);
    return index < self->count && self->items[index].first <= number;
}

bool ranges_has_all(const ranges_t *self, uint64_t first, uint64_t end)
{
    if (first >= end)
        return true;
    size_t index = s_find_range(self, first, false);
    return index < self->count && self->items[index].first <= first && end <= self->items[index].end;
}

bool ranges_equal(const ranges_t *self, const ranges_t *other)
{
    return self->count == other->count &&
           (self->count == 0 || memcmp(self->items, other->items, self->count * sizeof *self->items) == 0);
}

uint64_t ranges_size(const ranges_t *self)
{
    return ranges_size_below(self, UINT64_MAX);
}

uint64_t ranges_size_below(const ranges_t *self, uint64_t end)
{
    uint64_t size = 0;
    for (size_t index = 0; index < self->count && self->items[index].first < end; index++) {
        range_t item = self->items[index];
        size += (item.end < end ? item.end : end) - item.first;
    }
    return size;
}

bool ranges_gap(const ranges_t *self, uint64_t from, uint64_t limit, uint64_t *ret_first, uint64_t *ret_end)
{
    size_t index = s_find_range(self, from, false);
    uint64_t first = from;
    if (index < self->count && self->items[index].first <= from)
        first = self->items[index++].end;
    if (first >= limit)
        return false;
    uint64_t end = index < self->count ? self->items[index].first : limit;
    *ret_first = first;
    *ret_end = end < limit ? end : limit;
    return true;
}

err_code_t ranges_check(const range_t *items, size_t count, err_t *err)
{
    if (count > RANGES_MAX)
        return err_set(err, ERR_LIMIT, "%zu intervals; at most %d are allowed", count, RANGES_MAX);
    for (size_t index = 0; index < count; index++) {
        if (items[index].first >= items[index].end)
            return err_set(err, ERR_MALFORMED, "interval %zu is empty", index);
        if (index && items[index].first <= items[index - 1].end)
            return err_set(err, ERR_MALFORMED, "interval %zu is not behind the one before it", index);
    }
    return ERR_OK;
}

err_code_t ranges_load(ranges_t *self, const range_t *items, size_t count, err_t *err)
{
    err_code_t code = ranges_check(items, count, err);
    if (code)
        return code;
    code = s_reserve(self, count);
    if (code)
        return err_set(err, code, "%s", err_meaning(code));
    if (count)
        memcpy(self->items, items, count * sizeof *items);
    self->count = count;
    return ERR_OK;
}
