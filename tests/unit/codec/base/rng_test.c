#include "codec/base/rng.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <math.h>

Test(rng, splitmix_seeds_the_state)
{
    /* The published first outputs of splitmix64 for seed 1234567. */
    static const uint64_t known[4] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                      4593380528125082431u};
    rng_t rng;
    rng_init(&rng, 1234567);
    for (int index = 0; index < 4; index++)
        cr_assert_eq(rng.state[index], known[index]);
}

Test(rng, xoshiro_gives_the_known_numbers)
{
    /* The reference implementation's first outputs for the state {1, 2, 3, 4}. */
    static const uint64_t known[] = {11520u,
                                     0u,
                                     1509978240u,
                                     1215971899390074240u,
                                     1216172134540287360u,
                                     607988272756665600u,
                                     16172922978634559625u,
                                     8476171486693032832u,
                                     10595114339597558777u,
                                     2904607092377533576u};
    rng_t rng = {{1, 2, 3, 4}};
    for (size_t index = 0; index < sizeof known / sizeof known[0]; index++)
        cr_assert_eq(rng_u64(&rng), known[index], "output %zu", index);
}

Test(rng, streams_are_pinned_and_differ)
{
    rng_t a, b;
    rng_init_for(&a, 1, "permutation", 2, 3);
    cr_assert_eq(rng_u64(&a), UINT64_C(13378847573093132981));
    static const struct {
        uint64_t seed;
        const char *what;
        uint64_t a, b;
    } others[] = {{2, "permutation", 2, 3}, {1, "permutatio", 2, 3}, {1, "permutation", 3, 2},
                  {1, "permutation", 2, 4}, {1, "", 2, 3},           {3, "permutation", 2, 1}};
    rng_init_for(&a, 1, "permutation", 2, 3);
    uint64_t first = rng_u64(&a);
    for (size_t row = 0; row < sizeof others / sizeof others[0]; row++) {
        rng_init_for(&b, others[row].seed, others[row].what, others[row].a, others[row].b);
        cr_assert_neq(rng_u64(&b), first, "row %zu", row);
    }
}

Test(rng, below_is_in_range_and_even)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    int counts[6] = {0};
    for (int draw = 0; draw < 60000; draw++)
        counts[rng_below(&rng, 6)]++;
    for (int face = 0; face < 6; face++)
        cr_assert(counts[face] > 9400 && counts[face] < 10600, "face %d came %d times", face, counts[face]);
    cr_assert_eq(rng_below(&rng, 1), 0);
    /* With this limit a plain remainder would give the lower half twice as often as the upper. */
    uint64_t limit = UINT64_C(3) << 62;
    int low = 0;
    for (int draw = 0; draw < 30000; draw++)
        low += rng_below(&rng, limit) < UINT64_C(1) << 62;
    cr_assert(low > 9400 && low < 10600, "%d of 30000 in the first third", low);
}

Test(rng, unit_and_normal_have_their_moments)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    double unit_sum = 0, sum = 0, squares = 0;
    int beyond = 0;
    const int draws = 200000;
    for (int draw = 0; draw < draws; draw++) {
        double unit = rng_unit(&rng), normal = rng_normal(&rng);
        cr_assert(unit >= 0 && unit < 1, "unit %g", unit);
        unit_sum += unit;
        sum += normal;
        squares += normal * normal;
        beyond += fabs(normal) > 1.959964;
    }
    cr_assert(fabs(unit_sum / draws - 0.5) < 0.005);
    cr_assert(fabs(sum / draws) < 0.015);
    cr_assert(fabs(squares / draws - 1) < 0.02);
    cr_assert(fabs((double)beyond / draws - 0.05) < 0.004, "%d of %d beyond 1.96", beyond, draws);
}

Test(rng, normal_is_pinned)
{
    rng_t rng;
    rng_init(&rng, 7);
    cr_assert_eq(rng_normal(&rng), 0x1.056ap-4);
}

Test(rng, shuffle_is_a_permutation_and_pinned)
{
    uint32_t items[8], seen = 0;
    static const uint32_t known[8] = {2, 6, 7, 0, 1, 3, 5, 4};
    rng_t rng;
    rng_init(&rng, 99);
    for (uint32_t index = 0; index < 8; index++)
        items[index] = index;
    rng_shuffle_u32(&rng, items, 8);
    for (int index = 0; index < 8; index++) {
        seen |= 1u << items[index];
        cr_assert_eq(items[index], known[index], "place %d holds %u", index, items[index]);
    }
    cr_assert_eq(seen, 0xffu);
    rng_shuffle_u32(&rng, NULL, 0);
}

Test(rng, entropy_does_not_repeat)
{
    cr_assert_neq(rng_entropy(), rng_entropy());
}
