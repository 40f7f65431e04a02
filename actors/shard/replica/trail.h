/* trail - the elements that the newest steps have changed, from one version of a tensor to the next.
 *
 * Why      a version that somebody reads is not written: the next step goes into an older buffer. Where steps
 *          change few elements that one lacks few, and only these are copied.
 * How      a step leads from the number of a buffer (buf_id) to that of the next. Whatever else changes a
 *          tensor gives it a number to which nothing leads, and what is older leads nowhere.
 * Owns     the sets of elements.
 * Threads  one owner.
 * Limits   TRAIL_STEPS steps; in all at most half as many bytes as the tensor has. The oldest go first.
 */
#ifndef ACTORS_SHARD_REPLICA_TRAIL_H
#define ACTORS_SHARD_REPLICA_TRAIL_H

#include "codec/base/ranges.h"

#include <stdbool.h>

#define TRAIL_STEPS 64u

typedef struct {
    uint64_t from, to; /* buf_id before and after */
    ranges_t touched;
} trail_step_t;

typedef struct {
    trail_step_t steps[TRAIL_STEPS]; /* (count) oldest first; each begins where the one before ended */
    size_t count;
    size_t intervals; /* of all steps together */
} trail_t;            /* all-zero bytes are an empty one */

void trail_fini(trail_t *self);

/* A step on a tensor of `elements`. Without memory nothing leads to `to`. */
void trail_add(trail_t *self, uint64_t from, uint64_t to, const ranges_t *touched, size_t elements);

/* Returns whether steps lead from one number to another. */
bool trail_leads(const trail_t *self, uint64_t from, uint64_t to);
/* Copies what these steps have changed; they do lead there. */
void trail_copy(const trail_t *self, uint64_t from, uint64_t to, const float *values, float *ret_values);

#endif
