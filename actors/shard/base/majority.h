/* majority - the side of a cut network that goes on without the others: never both.
 *
 * Why      votes and the judgement of who is away must follow the same rule.
 * Threads  pure.
 */
#ifndef ACTORS_SHARD_BASE_MAJORITY_H
#define ACTORS_SHARD_BASE_MAJORITY_H

#include <stdbool.h>
#include <stddef.h>

/* Returns whether so many of all regions are a majority. Of two halves it is the one with the first
 * region. */
static inline bool majority_is(size_t here, size_t count, bool has_first)
{
    return 2 * here > count || (2 * here == count && has_first);
}

#endif
