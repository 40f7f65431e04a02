/* augment - a training picture as it looks when it is seen once more: moved a little, or mirrored.
 *
 * How      what becomes of a sample is drawn from (seed, epoch, sample) alone, so that it is the same whoever
 *          computes the batch, and however often.
 * Threads  any.
 */
#ifndef ACTORS_MODEL_DATA_AUGMENT_H
#define ACTORS_MODEL_DATA_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t shift; /* pixels at most, up or down and aside; 0: none */
    bool flip;      /* every second time, left and right */
    size_t channels, height, width;
    uint64_t seed;
} augment_t;

/* Returns whether anything is changed at all. */
bool augment_does(const augment_t *self);

/*   in   sample  names the sample in the whole job
 *        x       (channels, height, width) float32
 *   out  ret_x   the same shape; not x: what is moved in from outside is 0 */
void augment_sample(const augment_t *self, uint64_t epoch, uint64_t sample, const float *x, float *ret_x);

#endif
