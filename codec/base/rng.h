/* rng - seeded random numbers that are the same on every machine (xoshiro256**, seeded by splitmix64).
 *
 * Source   Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018.
 * Threads  one owner per rng_t.
 */
#ifndef CODEC_BASE_RNG_H
#define CODEC_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t state[4];
} rng_t;

void rng_init(rng_t *self, uint64_t seed);
/* An independent stream for (seed, what, a, b): rng_init_for(&r, seed, "permutation", region_index,
 * epoch). */
void rng_init_for(rng_t *self, uint64_t seed, const char *what, uint64_t a, uint64_t b);
uint64_t rng_u64(rng_t *self);
uint64_t rng_below(rng_t *self, uint64_t limit); /* uniform in [0, limit), without modulo bias; limit > 0 */
double rng_unit(rng_t *self);                    /* uniform in [0, 1) */
/* Mean 0, variance 1, bell-shaped: the sum of twelve uniforms, within -6 .. 6. Whole-number arithmetic,
 * because the last bit of log and cos differs between machines, and runs are compared bit by bit. */
double rng_normal(rng_t *self);
void rng_shuffle_u32(rng_t *self, uint32_t *items, size_t count); /* Fisher-Yates */
uint64_t rng_entropy(void); /* from the operating system; for names, never for training */

#endif
