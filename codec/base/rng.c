#include "codec/base/rng.h"

#include "codec/base/err.h"

#include <sys/random.h>

#define GOLDEN_RATIO 0x9e3779b97f4a7c15u

static uint64_t s_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static uint64_t s_splitmix(uint64_t *state)
{
    *state += GOLDEN_RATIO;
    return s_mix(*state);
}

static uint64_t s_rotate(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

void rng_init(rng_t *self, uint64_t seed)
{
    for (int index = 0; index < 4; index++)
        self->state[index] = s_splitmix(&seed);
}

static uint64_t s_absorb(uint64_t hash, uint64_t value)
{
    return s_mix((hash + GOLDEN_RATIO) ^ value);
}

void rng_init_for(rng_t *self, uint64_t seed, const char *what, uint64_t a, uint64_t b)
{
    uint64_t hash = s_absorb(0, seed);
    uint64_t length = 0;
    for (; what[length]; length++)
        hash = s_absorb(hash, (unsigned char)what[length]);
    hash = s_absorb(hash, length);
    hash = s_absorb(hash, a);
    rng_init(self, s_absorb(hash, b));
}

uint64_t rng_u64(rng_t *self)
{
    uint64_t *s = self->state;
    uint64_t result = s_rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s_rotate(s[3], 45);
    return result;
}

uint64_t rng_below(rng_t *self, uint64_t limit)
{
    CHECK(limit > 0);
    /* The lowest 2^64 mod limit values would make some results likelier than others. */
    uint64_t unfair = (0 - limit) % limit;
    uint64_t value;
    do
        value = rng_u64(self);
    while (value < unfair);
    return value % limit;
}

double rng_unit(rng_t *self)
{
    return (double)(rng_u64(self) >> 11) * 0x1p-53;
}

double rng_normal(rng_t *self)
{
    /* Twelve 21-bit uniforms, each taken at the middle of its step: the sum is exact, mean 6, variance 1. */
    int64_t sum = 0;
    for (int draw = 0; draw < 4; draw++) {
        uint64_t bits = rng_u64(self);
        sum += (int64_t)((bits >> 43) + ((bits >> 22) & 0x1fffff) + ((bits >> 1) & 0x1fffff));
    }
    return (double)(sum + 6 - 6 * (int64_t)0x200000) * 0x1p-21;
}

void rng_shuffle_u32(rng_t *self, uint32_t *items, size_t count)
{
    for (size_t left = count; left > 1; left--) {
        size_t other = (size_t)rng_below(self, left);
        uint32_t item = items[left - 1];
        items[left - 1] = items[other];
        items[other] = item;
    }
}

uint64_t rng_entropy(void)
{
    uint64_t value;
    ssize_t got;
    do
        got = getrandom(&value, sizeof value, 0);
    while (got < 0); /* only a signal can interrupt it */
    CHECK(got == (ssize_t)sizeof value);
    return value;
}
