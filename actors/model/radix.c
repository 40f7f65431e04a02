#include "actors/model/radix.h"

#include <string.h>

#define BYTES 4
#define VALUES 256

/* One pass, stable, by the byte that begins at bit `shift`. */
static void s_pass(const uint32_t *from, size_t count, unsigned shift, const size_t *counts, uint32_t *to)
{
    size_t next[VALUES];
    for (size_t v = 0, sum = 0; v < VALUES; v++) {
        next[v] = sum;
        sum += counts[v];
    }
    for (size_t i = 0; i < count; i++)
        to[next[from[i] >> shift & 0xff]++] = from[i];
}

void radix_sort(uint32_t *items, size_t count, uint32_t *scratch)
{
    size_t counts[BYTES][VALUES] = {0};
    for (size_t i = 0; i < count; i++)
        for (unsigned b = 0; b < BYTES; b++)
            counts[b][items[i] >> 8 * b & 0xff]++;
    uint32_t *from = items, *to = scratch;
    for (unsigned b = 0; count && b < BYTES; b++) {
        if (counts[b][items[0] >> 8 * b & 0xff] == count)
            continue;
        s_pass(from, count, 8 * b, counts[b], to);
        uint32_t *kept = from;
        from = to;
        to = kept;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}

size_t radix_sort_unique(uint32_t *items, size_t count, uint32_t *scratch)
{
    radix_sort(items, count, scratch);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || items[kept - 1] != items[i])
            items[kept++] = items[i];
    return kept;
}
