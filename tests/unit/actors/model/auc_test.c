#include "actors/model/auc.h"
#include "tests/unit/actors/model/reference.h"

static double s_area(const float *scores, const uint32_t *labels, size_t count)
{
    auc_t *auc = NULL;
    cr_assert_eq(auc_new(count, &auc, NULL), ERR_OK);
    auc_add(auc, scores, labels, count / 2); /* piece by piece, as tests are evaluated */
    auc_add(auc, scores + count / 2, labels + count / 2, count - count / 2);
    double area = auc_area(auc);
    auc_destroy(&auc);
    return area;
}

/* The definition: over all pairs of a positive and a negative sample. */
static double s_pairs(const float *scores, const uint32_t *labels, size_t count)
{
    double won = 0, pairs = 0;
    for (size_t p = 0; p < count; p++)
        for (size_t n = 0; n < count; n++)
            if (labels[p] && !labels[n]) {
                won += scores[p] > scores[n] ? 1 : scores[p] == scores[n] ? 0.5 : 0;
                pairs++;
            }
    return won / pairs;
}

Test(auc, is_the_share_of_pairs_in_the_right_order)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t n = 3; n < 400; n = 2 * n + 1) {
        float *scores = test_alloc(n, sizeof *scores);
        uint32_t *labels = test_alloc(n, sizeof *labels);
        for (size_t i = 0; i < n; i++) {
            labels[i] = i < 2 ? (uint32_t)i : (uint32_t)rng_below(&rng, 2);
            scores[i] = (float)((double)rng_below(&rng, 9) - 4 + labels[i]); /* many are equal */
        }
        test_near("area", n, s_area(scores, labels, n), s_pairs(scores, labels, n), 1e-12);
        free(scores), free(labels);
    }
}

Test(auc, order_alone_counts)
{
    const float apart[] = {-1e30f, -2, -1e-30f, 1e-30f, 3, INFINITY}, equal[] = {-0.0f, 0, 0, -0.0f, 0, 0};
    const uint32_t labels[] = {0, 0, 0, 1, 1, 1}, wrong[] = {1, 1, 1, 0, 0, 0};
    cr_assert_eq(s_area(apart, labels, 6), 1);
    cr_assert_eq(s_area(apart, wrong, 6), 0);
    cr_assert_eq(s_area(equal, labels, 6), 0.5);
}

Test(auc, there_is_none_without_both_classes_or_with_no_number)
{
    const float scores[] = {1, 2}, broken[] = {1, NAN};
    cr_assert(isnan(s_area(scores, (uint32_t[]){0, 0}, 2)));
    cr_assert(isnan(s_area(scores, (uint32_t[]){1, 1}, 2)));
    cr_assert(isnan(s_area(broken, (uint32_t[]){0, 1}, 2)));
    cr_assert(isnan(s_area(scores, (uint32_t[]){0, 1}, 0)));
}

Test(auc, begins_anew_when_it_is_cleared)
{
    auc_t *auc = NULL;
    cr_assert_eq(auc_new(2, &auc, NULL), ERR_OK);
    auc_add(auc, (float[]){NAN, 0}, (uint32_t[]){0, 1}, 2);
    auc_clear(auc);
    auc_add(auc, (float[]){1, 2}, (uint32_t[]){0, 1}, 2);
    cr_assert_eq(auc_area(auc), 1);
    auc_destroy(&auc);
}
