#include "actors/model/data/augment.h"

#include "codec/base/rng.h"

#include <string.h>

bool augment_does(const augment_t *self)
{
    return self->shift > 0 || self->flip;
}

/* Where a pixel comes from; out of range: from outside. */
static ptrdiff_t s_moved(rng_t *rng, uint64_t shift)
{
    return (ptrdiff_t)rng_below(rng, 2 * shift + 1) - (ptrdiff_t)shift;
}

static void s_mirror(float *row, size_t width)
{
    for (size_t i = 0; i < width / 2; i++) {
        float kept = row[i];
        row[i] = row[width - 1 - i];
        row[width - 1 - i] = kept;
    }
}

/* ret[i] = row[i + by], or 0 where there is none. */
static void s_shift(const float *row, size_t width, ptrdiff_t by, float *ret)
{
    size_t gap = (size_t)(by < 0 ? -by : by);
    memset(ret, 0, width * sizeof *ret);
    if (gap < width)
        memcpy(ret + (by < 0 ? gap : 0), row + (by < 0 ? 0 : gap), (width - gap) * sizeof *ret);
}

void augment_sample(const augment_t *self, uint64_t epoch, uint64_t sample, const float *x, float *ret_x)
{
    rng_t rng;
    rng_init_for(&rng, self->seed, "augment", epoch, sample);
    ptrdiff_t down = s_moved(&rng, self->shift), aside = s_moved(&rng, self->shift);
    bool mirrored = self->flip && rng_below(&rng, 2) == 1;
    for (size_t c = 0; c < self->channels; c++)
        for (size_t i = 0; i < self->height; i++) {
            ptrdiff_t from = (ptrdiff_t)i + down;
            float *row = ret_x + (c * self->height + i) * self->width;
            if (from < 0 || from >= (ptrdiff_t)self->height)
                memset(row, 0, self->width * sizeof *row);
            else
                s_shift(x + (c * self->height + (size_t)from) * self->width, self->width, aside, row);
            if (mirrored)
                s_mirror(row, self->width);
        }
}
