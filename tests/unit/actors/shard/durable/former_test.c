/* States of the version before: its votes were one list, as wide as there are regions. */
#include "actors/shard/durable/former.h"

#include <criterion/criterion.h>

static message_t *s_stored(const uint64_t *words, size_t count)
{
    message_t *state = message_new(KIND_shard_state, "shard/a/0", "shard/a/0");
    message_set_rows(&state->shard_state.regions, 3);
    message_set_u64s(&state->shard_state.votes_former, words, count);
    return state;
}

Test(former, votes_become_rows_and_what_is_in_them_a_list)
{
    const uint64_t words[] = {7, 5, 4, 1, 10, 11, 12, 8, 6, 0, 0, 0, 0, 0}, taken[] = {10, 11, 12, 0, 0, 0};
    message_t *state = s_stored(words, 14);
    cr_assert_eq(former_state(state, NULL), ERR_OK);
    cr_assert_eq(state->shard_state.votes.count, 2);
    const shard_state_votes_t *row = state->shard_state.votes.items;
    cr_assert(row->round == 7 && row->promised == 5 && row->ballot == 4 && row->decided);
    cr_assert(row[1].round == 8 && row[1].promised == 6 && row[1].ballot == 0 && !row[1].decided);
    cr_assert_eq(state->shard_state.votes_taken.count, 6);
    cr_assert_arr_eq(state->shard_state.votes_taken.items, taken, sizeof taken);
    cr_assert_eq(state->shard_state.votes_former.count, 0);
    message_t *again = message_dup(state);
    cr_assert_eq(former_state(again, NULL), ERR_OK);
    cr_assert(message_equal(state, again), "there is nothing left to change");
    message_destroy(&state);
    message_destroy(&again);
}

Test(former, a_list_of_another_width_is_refused)
{
    const uint64_t words[] = {7, 5, 4, 1, 10, 11, 12, 8};
    message_t *state = s_stored(words, 8);
    err_t err = {0};
    cr_assert_eq(former_state(state, &err), ERR_MALFORMED);
    cr_assert_str_eq(err.text, "state: votes");
    message_destroy(&state);
}
