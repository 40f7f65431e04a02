#include "actors/model/radix.h"
#include "tests/unit/actors/model/reference.h"

static int s_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Numbers of all sizes, of few bytes, and none. */
Test(radix, sorts_as_comparing_does)
{
    static const uint64_t limits[] = {1, 3, 256, 70000, UINT64_C(1) << 32};
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t l = 0; l < 5; l++)
        for (size_t n = 0; n < 2000; n = 3 * n + 1) {
            uint32_t *a = test_alloc(n, sizeof *a), *b = test_alloc(n, sizeof *b),
                     *s = test_alloc(n, sizeof *s);
            for (size_t i = 0; i < n; i++)
                a[i] = b[i] = (uint32_t)rng_below(&rng, limits[l]);
            radix_sort(a, n, s);
            qsort(b, n, sizeof *b, s_compare);
            cr_assert_eq(memcmp(a, b, n * sizeof *a), 0, "%zu below %llu", n, (unsigned long long)limits[l]);
            free(a), free(b), free(s);
        }
}

Test(radix, one_of_equals_is_kept)
{
    uint32_t items[] = {7, 70000, 7, 0, 70000, 3, 0}, scratch[7];
    cr_assert_eq(radix_sort_unique(items, 7, scratch), 4);
    cr_assert(items[0] == 0 && items[1] == 3 && items[2] == 7 && items[3] == 70000);
    cr_assert_eq(radix_sort_unique(items, 0, scratch), 0);
}
