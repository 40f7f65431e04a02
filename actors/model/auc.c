#include "actors/model/auc.h"

#include "actors/model/radix.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct auc {
    size_t room, counts[2]; /* negatives, positives */
    uint32_t *keys[2];      /* (room) each */
    uint32_t *scratch;      /* (room) */
    bool not_a_number;
};

err_code_t auc_new(size_t count, auc_t **ret_self, err_t *err)
{
    auc_t *self = calloc(1, sizeof *self);
    size_t room = count ? count : 1;
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for an area under a curve");
    self->room = count;
    self->keys[0] = malloc(room * sizeof *self->keys[0]);
    self->keys[1] = malloc(room * sizeof *self->keys[1]);
    self->scratch = malloc(room * sizeof *self->scratch);
    if (!self->keys[0] || !self->keys[1] || !self->scratch) {
        auc_destroy(&self);
        return err_set(err, ERR_MEMORY, "no memory for the scores of %zu test samples", count);
    }
    *ret_self = self;
    return ERR_OK;
}

void auc_destroy(auc_t **self_p)
{
    auc_t *self = *self_p;
    if (!self)
        return;
    free(self->keys[0]);
    free(self->keys[1]);
    free(self->scratch);
    free(self);
    *self_p = NULL;
}

void auc_clear(auc_t *self)
{
    self->counts[0] = self->counts[1] = 0;
    self->not_a_number = false;
}

/* Orders as the numbers do: negative ones have their bits reversed, and -0 is 0. */
static uint32_t s_key(float score)
{
    uint32_t bits;
    score += 0.0f;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

void auc_add(auc_t *self, const float *scores, const uint32_t *labels, size_t count)
{
    CHECK(count <= self->room - self->counts[0] - self->counts[1]);
    for (size_t i = 0; i < count; i++) {
        size_t side = labels[i] != 0;
        self->not_a_number |= isnan(scores[i]);
        self->keys[side][self->counts[side]++] = s_key(scores[i]);
    }
}

double auc_area(auc_t *self)
{
    const uint32_t *negatives = self->keys[0], *positives = self->keys[1];
    if (!self->counts[0] || !self->counts[1] || self->not_a_number)
        return NAN;
    for (size_t side = 0; side < 2; side++)
        radix_sort(self->keys[side], self->counts[side], self->scratch);
    double halves = 0; /* exact below 2^53 */
    for (size_t p = 0, below = 0, upto = 0; p < self->counts[1]; p++) {
        while (below < self->counts[0] && negatives[below] < positives[p])
            below++;
        while (upto < self->counts[0] && negatives[upto] <= positives[p])
            upto++;
        halves += (double)(below + upto);
    }
    return halves / 2 / ((double)self->counts[0] * (double)self->counts[1]);
}
