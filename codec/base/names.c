#include "codec/base/names.h"

#include "codec/base/err.h"
#include "codec/base/hash.h"

#include <stdlib.h>
#include <string.h>

void names_fini(names_t *self)
{
    free(self->slots);
    *self = (names_t){0};
}

/* Where the name is, or the free place where it would be. */
static names_slot_t *s_slot(const names_t *self, const char *name, uint64_t checksum)
{
    for (size_t i = checksum & (self->capacity - 1);; i = (i + 1) & (self->capacity - 1)) {
        names_slot_t *slot = &self->slots[i];
        if (slot->number == SIZE_MAX || (slot->checksum == checksum && !strcmp(slot->name, name)))
            return slot;
    }
}

static void s_grow(names_t *self)
{
    names_t larger = {.capacity = self->capacity ? 2 * self->capacity : 16, .count = self->count};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    CHECK(larger.slots);
    for (size_t i = 0; i < larger.capacity; i++)
        larger.slots[i].number = SIZE_MAX;
    for (size_t i = 0; i < self->capacity; i++)
        if (self->slots[i].number != SIZE_MAX)
            *s_slot(&larger, self->slots[i].name, self->slots[i].checksum) = self->slots[i];
    free(self->slots);
    *self = larger;
}

void names_set(names_t *self, const char *name, size_t number)
{
    size_t length = strlen(name);
    CHECK(length < NAMES_SIZE && number != SIZE_MAX);
    if (2 * (self->count + 1) > self->capacity)
        s_grow(self);
    uint64_t checksum = hash_checksum(name, length);
    names_slot_t *slot = s_slot(self, name, checksum);
    self->count += slot->number == SIZE_MAX;
    slot->checksum = checksum;
    slot->number = number;
    memcpy(slot->name, name, length + 1);
}

size_t names_find(const names_t *self, const char *name)
{
    return self->capacity ? s_slot(self, name, hash_checksum(name, strlen(name)))->number : SIZE_MAX;
}
