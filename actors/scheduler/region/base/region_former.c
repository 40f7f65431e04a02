#include "actors/scheduler/region/base/region_former.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LEAST 4 /* bytes of "0 a" and the end of the line */

/* Rows only got longer: an older one lacks the last of its words. */
enum {
    FIGURE_WORDS = 7
#define COUNTER(name, stored, add, word, state, told, sum, json, unit, help) +1
#include "codec/wire/counters.def"
};

static void s_take_words(const uint64_t words[FIGURE_WORDS], region_state_figures_t *row)
{
    *row = (region_state_figures_t){.incarnation = words[0],
                                    .history = words[1],
                                    .steps = words[2],
                                    .rounds = words[3],
                                    .samples_applied = words[4],
                                    .closed = words[8] != 0,
                                    .lasts = words[9]};
#define COUNTER(name, stored, add, word, state, told, sum, json, unit, help) row->name = words[word];
#include "codec/wire/counters.def"
}

static void s_take_figures(message_t *state, size_t shard_count)
{
    const wire_u64s_t *figures = &state->region_state.figures_former;
    size_t had = shard_count ? figures->count / shard_count : 0;
    size_t common = had < FIGURE_WORDS ? had : FIGURE_WORDS;
    if (!had)
        return;
    region_state_figures_t *rows = message_set_rows(&state->region_state.figures, shard_count);
    for (size_t i = 0; i < shard_count; i++) {
        uint64_t words[FIGURE_WORDS] = {0};
        memcpy(words, figures->items + had * i, common * sizeof *words);
        s_take_words(words, &rows[i]);
    }
}

static void s_take_keepers(message_t *state)
{
    const char *at = state->region_state.keepers_former;
    if (!at)
        return;
    region_state_keepers_t *rows =
        message_set_rows(&state->region_state.keepers, strlen(at) / LINE_LEAST + 1);
    region_state_keepers_t row = {0};
    size_t count = 0;
    for (int length = 0; sscanf(at, "%" SCNu64 " %63[^ \n]%n", &row.shard, row.keeper, &length) == 2;
         at += length)
        rows[count++] = row;
    state->region_state.keepers.count = count;
}

void region_former(message_t *state, size_t shard_count)
{
    s_take_figures(state, shard_count);
    s_take_keepers(state);
    message_set_u64s(&state->region_state.figures_former, NULL, 0);
    message_set_text(&state->region_state.keepers_former, NULL);
}
