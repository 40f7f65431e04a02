/* The plans so far as far as the next global scheduler must know them. */
#include "actors/scheduler/global/global_plan_state.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_WORDS 6

static uint64_t s_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double s_value(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static size_t s_entry_words(const global_plan_t *self)
{
    size_t words = ENTRY_WORDS;
    for (size_t r = 0; r < self->topology->region_count; r++)
        words += self->topology->regions[r].offer_count;
    return words;
}

void global_plan_put(const global_plan_t *self, int64_t now_us, message_t *state)
{
    size_t count = 0;
    uint64_t *words = calloc(1 + self->entry_count * s_entry_words(self), sizeof *words);
    CHECK(words);
    words[count++] = self->number;
    for (size_t e = 0; e < self->entry_count; e++) {
        const global_plan_entry_t *entry = &self->entries[e];
        words[count++] = (uint64_t)entry->at_us;
        words[count++] = entry->because;
        words[count++] = entry->region;
        words[count++] = s_bits(entry->value);
        words[count++] = s_bits(entry->predicted_s);
        words[count++] = s_bits(entry->predicted_cost);
        for (size_t r = 0; r < self->topology->region_count; r++)
            for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
                words[count++] = entry->units[r][i];
    }
    message_set_u64s(&state->global_state.plans, words, count);
    state->global_state.planned_us = now_us - self->began_us;
    free(words);
}

static void s_take_entry(global_plan_t *self, const uint64_t *words)
{
    global_plan_entry_t *entry = &self->entries[self->entry_count++];
    *entry = (global_plan_entry_t){.at_us = (int64_t)words[0],
                                   .because = words[1] <= BECAUSE_REST ? (because_t)words[1] : BECAUSE_REST,
                                   .region = words[2] < self->topology->region_count ? words[2] : 0,
                                   .value = s_value(words[3]),
                                   .predicted_s = s_value(words[4]),
                                   .predicted_cost = s_value(words[5])};
    size_t at = ENTRY_WORDS;
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
            entry->units[r][i] = words[at++];
}

void global_plan_take(global_plan_t *self, const message_t *state, int64_t now_us)
{
    const wire_u64s_t *words = &state->global_state.plans;
    size_t each = s_entry_words(self);
    if (words->count < 1 + each || (words->count - 1) % each ||
        words->count > 1 + each * GLOBAL_PLAN_ENTRIES_MAX)
        return;
    self->entry_count = 0;
    for (size_t at = 1; at < words->count; at += each)
        s_take_entry(self, words->items + at);
    self->number = words->items[0];
    self->began_us = now_us - state->global_state.planned_us;
    for (size_t r = 0; r < self->topology->region_count; r++)
        memcpy(self->current.regions[r].units, global_plan_newest(self)->units[r],
               sizeof self->current.regions[r].units);
}
