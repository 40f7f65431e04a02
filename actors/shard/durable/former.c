#include "actors/shard/durable/former.h"

#include <stdlib.h>
#include <string.h>

#define VOTE_WORDS 4u /* and one per region */

static void s_set_vote(shard_state_votes_t *vote, const uint64_t *words)
{
    *vote = (shard_state_votes_t){
        .round = words[0], .promised = words[1], .ballot = words[2], .decided = words[3] != 0};
}

err_code_t former_state(message_t *state, err_t *err)
{
    wire_u64s_t *words = &state->shard_state.votes_former;
    size_t regions = state->shard_state.regions.count, width = VOTE_WORDS + regions;
    size_t count = words->count / width;
    if (words->count % width)
        return err_set(err, ERR_MALFORMED, "state: votes");
    if (!count)
        return ERR_OK;
    uint64_t *taken = calloc(count * regions + 1, sizeof *taken);
    CHECK(taken);
    shard_state_votes_t *votes = message_set_rows(&state->shard_state.votes, count);
    for (size_t i = 0; i < count; i++) {
        s_set_vote(&votes[i], words->items + i * width);
        if (regions)
            memcpy(taken + i * regions, words->items + i * width + VOTE_WORDS, regions * sizeof *taken);
    }
    message_set_u64s(&state->shard_state.votes_taken, taken, count * regions);
    message_set_u64s(words, NULL, 0);
    free(taken);
    return ERR_OK;
}
