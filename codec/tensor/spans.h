/* spans - a range of a layout's flat array, cut where another rule begins.
 *
 * Why      a shard's range crosses tensors: whoever changes its values walks these, and knows no tensor by
 *          name.
 * Owns     its list.
 * Threads  immutable once made; any thread may read.
 */
#ifndef CODEC_TENSOR_SPANS_H
#define CODEC_TENSOR_SPANS_H

#include "codec/tensor/layout.h"

/* Neighbouring elements with which the same is done. */
typedef struct {
    size_t first, end; /* counted from the beginning of the range */
    tensor_rule_t rule;
    float rate; /* of TENSOR_AVERAGE, else 0 */
    bool decays;
    size_t row;    /* elements of a row of the sparse tensor that it is a part of; 0: of none */
    size_t before; /* elements of its first row that lie before it, in another range */
} span_t;

typedef struct {
    span_t *items; /* ascending, without gaps */
    size_t count;
} spans_t;

/* A part of one span. */
typedef struct {
    const span_t *span; /* NULL: none */
    size_t first, end;
} span_part_t;

/* Cuts the range [first, end) of the flat array. No layout: all of it is the optimizer's, and decays. */
void spans_init(spans_t *self, const layout_t *layout, size_t first, size_t end);
void spans_fini(spans_t *self);

/* The beginning of [first, end), as far as it is of one span; none where it is empty. So
 *     for (span_part_t part = spans_part(s, 0, n); part.span; part = spans_part(s, part.end, n)) */
span_part_t spans_part(const spans_t *self, size_t first, size_t end);

/* The end of at most `most` elements from `first` on, before a row that would be cut, unless that is all. */
size_t spans_end(const spans_t *self, size_t first, size_t most);

/* How many elements have that rule. */
size_t spans_count(const spans_t *self, tensor_rule_t rule);
bool spans_have_rows(const spans_t *self);

#endif
