#include "codec/tensor/spans.h"

#include <criterion/criterion.h>

/* 6 + 2 decaying and not, 3 + 3 averages, 4 x 3 of an embedding, 2 fixed. */
static layout_t s_layout(void)
{
    layout_t layout = {0};
    cr_assert(!layout_add(&layout, "w", 2, (size_t[]){2, 3}, NULL));
    cr_assert(!layout_add(&layout, "b", 1, (size_t[]){2}, NULL));
    cr_assert(!layout_add(&layout, "mean", 1, (size_t[]){3}, NULL));
    layout_last(&layout)->rule = TENSOR_AVERAGE;
    layout_last(&layout)->rate = 0.1f;
    cr_assert(!layout_add(&layout, "var", 1, (size_t[]){3}, NULL));
    layout_last(&layout)->rule = TENSOR_AVERAGE;
    layout_last(&layout)->rate = 0.1f;
    cr_assert(!layout_add(&layout, "rows", 2, (size_t[]){4, 3}, NULL));
    layout_last(&layout)->sparse = true;
    cr_assert(!layout_add(&layout, "count", 1, (size_t[]){2}, NULL));
    layout_last(&layout)->rule = TENSOR_FIXED;
    return layout;
}

static void s_expect(const layout_t *layout, size_t first, size_t end, size_t count, const span_t *expected)
{
    spans_t spans;
    spans_init(&spans, layout, first, end);
    cr_assert_eq(spans.count, count, "[%zu, %zu): %zu spans", first, end, spans.count);
    for (size_t i = 0; i < count; i++) {
        const span_t *is = &spans.items[i], *want = &expected[i];
        cr_assert(is->first == want->first && is->end == want->end, "span %zu is [%zu, %zu)", i, is->first,
                  is->end);
        cr_assert(is->rule == want->rule && is->rate == want->rate && is->decays == want->decays, "span %zu",
                  i);
        cr_assert(is->row == want->row && is->before == want->before, "span %zu", i);
    }
    spans_fini(&spans);
}

Test(spans, neighbours_that_are_alike_are_one)
{
    layout_t layout = s_layout();
    s_expect(&layout, 0, layout.count, 5,
             (span_t[]){{0, 6, TENSOR_OPTIMIZER, 0, true, 0, 0},
                        {6, 8, TENSOR_OPTIMIZER, 0, false, 0, 0},
                        {8, 14, TENSOR_AVERAGE, 0.1f, false, 0, 0},
                        {14, 26, TENSOR_OPTIMIZER, 0, true, 3, 0},
                        {26, 28, TENSOR_FIXED, 0, false, 0, 0}});
}

Test(spans, a_range_begins_and_ends_amidst_tensors)
{
    layout_t layout = s_layout();
    s_expect(&layout, 7, 10, 2,
             (span_t[]){{0, 1, TENSOR_OPTIMIZER, 0, false, 0, 0}, {1, 3, TENSOR_AVERAGE, 0.1f, false, 0, 0}});
    s_expect(&layout, 19, 22, 1, (span_t[]){{0, 3, TENSOR_OPTIMIZER, 0, true, 3, 2}});
    s_expect(&layout, 3, 3, 0, NULL);
}

Test(spans, without_a_layout_all_is_the_optimizers)
{
    s_expect(NULL, 5, 12, 1, (span_t[]){{0, 7, TENSOR_OPTIMIZER, 0, true, 0, 0}});
}
