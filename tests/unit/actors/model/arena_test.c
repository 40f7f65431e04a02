#include "actors/model/arena.h"
#include "tests/unit/actors/model/reference.h"

#define ITEMS 60

/* Items that live at the same time share no byte, whatever they are. */
Test(arena, who_lives_at_once_lies_apart)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t tries = 0; tries < 30; tries++) {
        arena_item_t items[ITEMS];
        for (size_t i = 0; i < ITEMS; i++) {
            size_t born = (size_t)rng_below(&rng, 40);
            items[i] =
                (arena_item_t){(size_t)rng_below(&rng, 3000), born, born + (size_t)rng_below(&rng, 9), 0};
        }
        size_t end = arena_place(items, ITEMS);
        for (size_t i = 0; i < ITEMS; i++) {
            const arena_item_t *a = items + i;
            cr_assert_eq(a->offset % ARENA_ALIGN, 0);
            cr_assert_leq(a->offset + a->size_bytes, end);
            for (size_t j = 0; j < i; j++) {
                const arena_item_t *b = items + j;
                bool at_once = a->born <= b->dies && b->born <= a->dies;
                bool apart = a->offset + a->size_bytes <= b->offset || b->offset + b->size_bytes <= a->offset;
                cr_assert(!at_once || apart || !a->size_bytes || !b->size_bytes, "%zu and %zu", i, j);
            }
        }
    }
}

/* A chain of buffers, each needed by the next alone, takes the room of two. */
Test(arena, a_chain_takes_turns)
{
    arena_item_t items[10];
    for (size_t i = 0; i < 10; i++)
        items[i] = (arena_item_t){.size_bytes = 1024, .born = i, .dies = i + 1};
    cr_assert_eq(arena_place(items, 10), 2048);
}

/* Two small ones that leave between them the room of a third. */
Test(arena, a_gap_is_filled)
{
    arena_item_t items[] = {{512, 0, 9, 0}, {256, 0, 3, 0}, {128, 2, 9, 0}, {192, 5, 9, 0}};
    cr_assert_eq(arena_place(items, 4), 512 + 256 + 128);
    cr_assert_eq(items[3].offset, 512);
}

Test(arena, nothing_takes_nothing)
{
    arena_item_t items[] = {{0, 0, 1, 0}, {1, 0, 1, 0}, {0, 0, 1, 0}};
    cr_assert_eq(arena_place(items, 0), 0);
    cr_assert_eq(arena_place(items, 3), ARENA_ALIGN);
    cr_assert_eq(items[1].offset, 0);
}
