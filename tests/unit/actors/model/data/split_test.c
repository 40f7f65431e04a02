#include "actors/model/data/split.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL 600
#define CLASSES 6
#define REGIONS 3

static uint32_t s_label(const void *hint, uint64_t number)
{
    (void)hint;
    return (uint32_t)(number * 7 % CLASSES);
}

static const double SHARES[REGIONS] = {3, 2, 1};

static split_t s_split(data_split_t how, double alpha)
{
    return (split_t){.how = how,
                     .alpha = alpha,
                     .seed = 7,
                     .shares = SHARES,
                     .region_count = REGIONS,
                     .total = TOTAL,
                     .classes = CLASSES,
                     .label = s_label};
}

/* Samples by region and class; each sample is one region's, and each region has what its share says. */
static void s_count(split_t split, size_t ret_counts[REGIONS][CLASSES])
{
    static const uint64_t expected[REGIONS] = {300, 200, 100};
    bool seen[TOTAL] = {false};
    memset(ret_counts, 0, REGIONS * sizeof *ret_counts);
    for (split.region_index = 0; split.region_index < REGIONS; split.region_index++) {
        uint32_t *own;
        uint64_t count;
        cr_assert_eq(split_take(&split, &own, &count, NULL), ERR_OK);
        cr_assert_eq(count, expected[split.region_index]);
        for (uint64_t i = 0; i < count; i++) {
            cr_assert(own[i] < TOTAL && !seen[own[i]], "sample %u", own[i]);
            seen[own[i]] = true;
            ret_counts[split.region_index][s_label(NULL, own[i])]++;
        }
        free(own);
    }
}

/* The mean over regions of how far the largest part of a class is above an even one: 0 is even, 1 is one
 * class. */
static double s_skew(size_t counts[REGIONS][CLASSES])
{
    double sum = 0;
    for (size_t r = 0; r < REGIONS; r++) {
        size_t all = 0, most = 0;
        for (size_t c = 0; c < CLASSES; c++) {
            all += counts[r][c];
            most = counts[r][c] > most ? counts[r][c] : most;
        }
        sum += ((double)most / (double)all - 1.0 / CLASSES) / (1 - 1.0 / CLASSES);
    }
    return sum / REGIONS;
}

Test(split, by_share_each_region_has_all_classes)
{
    size_t counts[REGIONS][CLASSES];
    s_count(s_split(SPLIT_SHARE, 0), counts);
    cr_assert(s_skew(counts) < 0.15, "%g", s_skew(counts));
}

Test(split, by_label_classes_are_in_order)
{
    size_t counts[REGIONS][CLASSES];
    s_count(s_split(SPLIT_LABEL, 0), counts);
    cr_assert(counts[0][0] == 100 && counts[0][2] == 100 && counts[0][3] == 0 && counts[1][3] == 100 &&
              counts[1][4] == 100 && counts[2][5] == 100);
}

/* The less alpha, the fewer classes a region sees; sums stay exact, also where classes run out. */
Test(split, dirichlet_mixes_by_alpha)
{
    size_t counts[REGIONS][CLASSES];
    const double alphas[] = {1e-6, 0.1, 1, 100, 1e6};
    double skews[5];
    for (size_t i = 0; i < 5; i++) {
        double sum = 0;
        for (uint64_t seed = 0; seed < 20; seed++) {
            split_t split = s_split(SPLIT_DIRICHLET, alphas[i]);
            split.seed = seed;
            s_count(split, counts);
            sum += s_skew(counts);
        }
        skews[i] = sum / 20;
        cr_assert(!i || skews[i] < skews[i - 1], "alpha %g: %g after %g", alphas[i], skews[i], skews[i - 1]);
    }
    cr_assert(skews[0] > 0.4 && skews[4] < 0.15, "%g %g", skews[0], skews[4]);
}

/* Whoever computes a batch must mean the same samples: these numbers may never change. */
Test(split, is_the_same_on_every_machine)
{
    static const uint32_t expected[2][6] = {{444, 354, 121, 44, 521, 307}, {529, 229, 67, 192, 258, 306}};
    const data_split_t hows[2] = {SPLIT_SHARE, SPLIT_DIRICHLET};
    for (size_t i = 0; i < 2; i++) {
        split_t split = s_split(hows[i], 0.3);
        uint32_t *own;
        uint64_t count;
        split.region_index = 1;
        cr_assert_eq(split_take(&split, &own, &count, NULL), ERR_OK);
        cr_assert(memcmp(own, expected[i], sizeof expected[i]) == 0, "{%u, %u, %u, %u, %u, %u}", own[0],
                  own[1], own[2], own[3], own[4], own[5]);
        free(own);
    }
}

Test(split, what_a_region_owns_is_all_there_is)
{
    split_t split = s_split(SPLIT_OWN, 0);
    uint32_t *own = (uint32_t *)&split;
    uint64_t count;
    cr_assert_eq(split_take(&split, &own, &count, NULL), ERR_OK);
    cr_assert(!own && count == TOTAL);
}
