#include "actors/worker/worker_clip.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define N 6 /* four of the optimizer, two of an average */

static layout_t s_layout(void)
{
    layout_t layout = {0};
    cr_assert(!layout_add(&layout, "w", 2, (size_t[]){2, 2}, NULL));
    cr_assert(!layout_add(&layout, "mean", 1, (size_t[]){2}, NULL));
    layout_last(&layout)->rule = TENSOR_AVERAGE;
    layout_last(&layout)->rate = 0.1f;
    return layout;
}

static bool s_clip(double norm, double value, float g[N])
{
    layout_t layout = s_layout();
    worker_clip_t clip;
    worker_clip_init(&clip, norm, value, &layout, N);
    static const float pulled[N] = {9, 9, 9, 9, 100, 100};
    bool finite = worker_clip(&clip, pulled, g);
    worker_clip_fini(&clip);
    return finite;
}

static void s_expect(double norm, double value, const float before[N], const float after[N])
{
    float g[N];
    memcpy(g, before, sizeof g);
    cr_assert(s_clip(norm, value, g));
    for (size_t i = 0; i < N; i++)
        cr_assert_float_eq(g[i], after[i], 1e-5, "element %zu is %g", i, (double)g[i]);
}

Test(clip, a_long_gradient_is_shortened_to_the_norm_and_keeps_its_direction)
{
    s_expect(1, 0, (float[]){3, 0, -4, 0, 50, 60}, (float[]){0.6f, 0, -0.8f, 0, 50, 40});
}

Test(clip, a_gradient_of_the_norm_or_less_stays_as_it_is)
{
    const float g[N] = {3, 0, -4, 0, 50, 60};
    float same[N];
    memcpy(same, g, sizeof g);
    cr_assert(s_clip(5.1, 0, same));
    cr_assert_eq(memcmp(same, g, 4 * sizeof *g), 0);
    cr_assert(s_clip(0, 0, same), "0 is off");
    cr_assert_eq(memcmp(same, g, 4 * sizeof *g), 0);
}

Test(clip, a_gradient_of_nothing_stays_nothing)
{
    s_expect(1, 1, (float[N]){0}, (float[N]){[4] = 100, [5] = 100});
}

Test(clip, values_are_cut_off_and_then_the_norm_is_taken)
{
    s_expect(0, 2, (float[]){3, 1, -4, 0, 50, 60}, (float[]){2, 1, -2, 0, 50, 40});
    s_expect(1.5, 2, (float[]){3, 1, -4, 0, 50, 60}, (float[]){1, 0.5f, -1, 0, 50, 40});
}

/* Of an average, too: it is applied like any other. */
/* A variance that was pulled may be far from the one that its shard has when it takes this. */
Test(clip, of_an_average_what_was_seen_is_pushed_and_never_its_other_side)
{
    float g[N] = {0, 0, 0, 0, 100, 99.99999f};
    cr_assert(s_clip(0, 0, g));
    cr_assert_eq(g[4], 0);
    cr_assert(g[5] >= 0 && g[5] < 1e-4f);
}

Test(clip, what_is_not_finite_is_refused)
{
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    const double settings[][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}};
    for (size_t s = 0; s < 4; s++)
        for (size_t w = 0; w < 3; w++)
            for (size_t i = 0; i < N; i++) {
                float g[N] = {1, 2, 3, 4, 5, 6};
                g[i] = wrong[w];
                cr_assert_not(s_clip(settings[s][0], settings[s][1], g), "%g at %zu", (double)wrong[w], i);
            }
}

Test(clip, the_largest_finite_values_do_not_overflow)
{
    const float most = 3.4028234e38f;
    s_expect(2, 0, (float[]){most, -most, most, most, 0, 0}, (float[]){1, -1, 1, 1, 100, 100});
}
