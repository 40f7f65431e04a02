#include "codec/tensor/spans.h"

#include <stdlib.h>
#include <string.h>

static bool s_same_rule(const span_t *a, const span_t *b)
{
    return a->rule == b->rule && !memcmp(&a->rate, &b->rate, sizeof a->rate) && a->decays == b->decays;
}

static bool s_alike(const span_t *a, const span_t *b)
{
    return s_same_rule(a, b) && !a->row && !b->row;
}

static void s_append(spans_t *self, const span_t *span)
{
    span_t *last = self->count ? &self->items[self->count - 1] : NULL;
    if (last && s_alike(last, span))
        last->end = span->end;
    else
        self->items[self->count++] = *span;
}

static void s_cut(spans_t *self, const tensor_t *tensor, size_t first, size_t end)
{
    size_t from = tensor->offset > first ? tensor->offset : first;
    size_t to = tensor->offset + tensor->count < end ? tensor->offset + tensor->count : end;
    if (from >= to)
        return;
    size_t row = tensor->sparse ? tensor->dims[tensor->rank - 1] : 0;
    s_append(self, &(span_t){.first = from - first,
                             .end = to - first,
                             .rule = tensor->rule,
                             .rate = tensor->rate,
                             .decays = tensor->decays,
                             .row = row,
                             .before = row ? (from - tensor->offset) % row : 0});
}

void spans_init(spans_t *self, const layout_t *layout, size_t first, size_t end)
{
    size_t most = layout ? layout->tensor_count : 1;
    *self = (spans_t){.items = calloc(most ? most : 1, sizeof *self->items)};
    CHECK(self->items);
    for (size_t i = 0; layout && i < layout->tensor_count; i++)
        s_cut(self, &layout->tensors[i], first, end);
    if (!layout && first < end)
        s_append(self, &(span_t){.end = end - first, .rule = TENSOR_OPTIMIZER, .decays = true});
}

void spans_fini(spans_t *self)
{
    free(self->items);
    *self = (spans_t){0};
}

/* The span that has the element; `self->count`: none. */
static size_t s_find(const spans_t *self, size_t element)
{
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (self->items[middle].end <= element)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

span_part_t spans_part(const spans_t *self, size_t first, size_t end)
{
    size_t index = s_find(self, first);
    if (first >= end || index == self->count)
        return (span_part_t){.first = end, .end = end};
    const span_t *span = &self->items[index];
    return (span_part_t){.span = span, .first = first, .end = span->end < end ? span->end : end};
}

size_t spans_end(const spans_t *self, size_t first, size_t most)
{
    size_t last = self->count ? self->items[self->count - 1].end : 0;
    if (last - first <= most)
        return last;
    size_t end = first + most, index = s_find(self, end);
    const span_t *span = &self->items[index];
    size_t cut = span->row && span->first < end ? (span->before + end - span->first) % span->row : 0;
    return cut < most ? end - cut : end;
}

size_t spans_count(const spans_t *self, tensor_rule_t rule)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        count += self->items[i].rule == rule ? self->items[i].end - self->items[i].first : 0;
    return count;
}

bool spans_have_rows(const spans_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].row)
            return true;
    return false;
}
