/* seed - the seed of a test's random numbers: printed, and set again by CLOUDLESS_SEED.
 *
 * Threads  any.
 */
#ifndef TESTS_UNIT_CODEC_BASE_SEED_H
#define TESTS_UNIT_CODEC_BASE_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint64_t test_seed(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 20230511;
    fprintf(stderr, "CLOUDLESS_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
