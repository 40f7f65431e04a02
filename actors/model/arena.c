#include "actors/model/arena.h"

#include <stdbool.h>

#define NOT_PLACED ((size_t)-1)

static size_t s_rounded(size_t size)
{
    return (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

static bool s_collide(const arena_item_t *a, size_t offset, const arena_item_t *b)
{
    bool at_once = a->born <= b->dies && b->born <= a->dies;
    return at_once && offset < b->offset + s_rounded(b->size_bytes) &&
           b->offset < offset + s_rounded(a->size_bytes);
}

/* The lowest offset that is free for the item. Every place that begins before the end of one in the way
 * collides with it too, so going on from there misses none. */
static size_t s_lowest(const arena_item_t *items, size_t count, const arena_item_t *item)
{
    size_t offset = 0;
    for (size_t i = 0; i < count;) {
        const arena_item_t *other = items + i++;
        if (other->offset == NOT_PLACED || !other->size_bytes || !s_collide(item, offset, other))
            continue;
        offset = other->offset + s_rounded(other->size_bytes);
        i = 0;
    }
    return offset;
}

static arena_item_t *s_largest_left(arena_item_t *items, size_t count)
{
    arena_item_t *largest = NULL;
    for (size_t i = 0; i < count; i++)
        if (items[i].offset == NOT_PLACED && (!largest || items[i].size_bytes > largest->size_bytes))
            largest = items + i;
    return largest;
}

size_t arena_place(arena_item_t *items, size_t count)
{
    size_t end = 0;
    for (size_t i = 0; i < count; i++)
        items[i].offset = NOT_PLACED;
    for (arena_item_t *item; (item = s_largest_left(items, count));) {
        item->offset = item->size_bytes ? s_lowest(items, count, item) : 0;
        size_t item_end = item->offset + s_rounded(item->size_bytes);
        end = item_end > end ? item_end : end;
    }
    return end;
}
