#include "codec/base/grow.h"

#include "codec/base/err.h"

#include <stdlib.h>

#define FIRST_ITEMS 8

void *grow(void *items, size_t count, size_t *capacity, size_t item_bytes)
{
    CHECK(count <= *capacity);
    if (count < *capacity)
        return items;
    *capacity = *capacity ? 2 * *capacity : FIRST_ITEMS;
    void *larger = reallocarray(items, *capacity, item_bytes);
    CHECK(larger);
    return larger;
}
