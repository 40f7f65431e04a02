#include "actors/model/data/augment.h"

#include <criterion/criterion.h>
#include <string.h>

#define C 2
#define H 3
#define W 4

/* Each value tells where it was: 100 c + 10 i + j + 1. */
static void s_fill(float x[C][H][W])
{
    for (int c = 0; c < C; c++)
        for (int i = 0; i < H; i++)
            for (int j = 0; j < W; j++)
                x[c][i][j] = (float)(100 * c + 10 * i + j + 1);
}

static float s_at(float x[C][H][W], int c, int i, int j)
{
    return i < 0 || i >= H || j < 0 || j >= W ? 0 : x[c][i][j];
}

/* Returns whether `got` is x moved by (down, aside), and mirrored or not. */
static bool s_is(float x[C][H][W], float got[C][H][W], int down, int aside, bool mirrored)
{
    for (int c = 0; c < C; c++)
        for (int i = 0; i < H; i++)
            for (int j = 0; j < W; j++)
                if (got[c][i][mirrored ? W - 1 - j : j] != s_at(x, c, i + down, j + aside))
                    return false;
    return true;
}

Test(augment, moves_and_mirrors_in_every_way_and_no_other)
{
    float x[C][H][W], got[C][H][W];
    size_t seen[5][5][2] = {0};
    augment_t augment = {.shift = 2, .flip = true, .channels = C, .height = H, .width = W, .seed = 3};
    s_fill(x);
    for (uint64_t sample = 0; sample < 2000; sample++) {
        bool found = false;
        augment_sample(&augment, sample % 3, sample, &x[0][0][0], &got[0][0][0]);
        for (int d = -2; d <= 2; d++)
            for (int a = -2; a <= 2; a++)
                for (int m = 0; m < 2 && !found; m++)
                    if ((found = s_is(x, got, d, a, m)))
                        seen[d + 2][a + 2][m]++;
        cr_assert(found, "sample %zu", (size_t)sample);
    }
    for (size_t i = 0; i < 50; i++)
        cr_assert((&seen[0][0][0])[i] > 10, "%zu: %zu times", i, (&seen[0][0][0])[i]);
}

Test(augment, is_a_function_of_seed_epoch_and_sample)
{
    float x[C][H][W], a[C][H][W], b[C][H][W];
    augment_t augment = {.shift = 2, .flip = true, .channels = C, .height = H, .width = W, .seed = 3};
    size_t epochs = 0, samples = 0, seeds = 0;
    s_fill(x);
    for (uint64_t i = 0; i < 100; i++) {
        augment_sample(&augment, 1, i, &x[0][0][0], &a[0][0][0]);
        augment_sample(&augment, 1, i, &x[0][0][0], &b[0][0][0]);
        cr_assert_eq(memcmp(a, b, sizeof a), 0);
        augment_sample(&augment, 2, i, &x[0][0][0], &b[0][0][0]);
        epochs += memcmp(a, b, sizeof a) != 0;
        augment_sample(&augment, 1, i + 1, &x[0][0][0], &b[0][0][0]);
        samples += memcmp(a, b, sizeof a) != 0;
        augment.seed = 4;
        augment_sample(&augment, 1, i, &x[0][0][0], &b[0][0][0]);
        seeds += memcmp(a, b, sizeof a) != 0;
        augment.seed = 3;
    }
    cr_assert(epochs > 50 && samples > 50 && seeds > 50, "%zu %zu %zu", epochs, samples, seeds);
}

Test(augment, nothing_asked_for_is_nothing_done)
{
    augment_t augment = {.channels = C, .height = H, .width = W};
    float x[C][H][W], got[C][H][W];
    s_fill(x);
    cr_assert(!augment_does(&augment));
    augment_sample(&augment, 1, 1, &x[0][0][0], &got[0][0][0]);
    cr_assert_eq(memcmp(x, got, sizeof x), 0);
    augment.shift = 64;
    cr_assert(augment_does(&augment));
    augment_sample(&augment, 1, 1, &x[0][0][0], &got[0][0][0]); /* farther than it is wide */
}
