/* Shards' progress. */
#include "actors/scheduler/region/base/region_former.h"
#include "tests/unit/actors/scheduler/region/rooms.h"

Test(shards, nothing_is_known_before_every_shard_has_told)
{
    rooms_t *rooms = rooms_new();
    rooms_plan(rooms);
    rooms_run(rooms, "shard/eu/0", 0, 0);
    rooms_run(rooms, "shard/eu/1", 1, 0);
    cr_assert_not(shards_known(&rooms->shards));
    cr_assert_str_eq(shards_untold(&rooms->shards)->name, "shard/eu/0");
    rooms_tell(rooms, 0, 1, 0, 0);
    cr_assert_not(shards_known(&rooms->shards));
    cr_assert_eq(rooms->shards.samples_reached, 0);
    rooms_tell(rooms, 1, 1, 0, 0);
    cr_assert(shards_known(&rooms->shards));
    cr_assert_eq(rooms->shards.samples_reached, 10, "one batch in every shard");
    rooms_free(rooms);
}

Test(shards, what_an_older_incarnation_told_is_no_progress_of_the_one_that_runs)
{
    rooms_t *rooms = rooms_training();
    cr_assert_not_null(shards_progress(&rooms->shards, 0));
    rooms_run(rooms, "shard/eu/0", 0, 1);
    cr_assert_null(shards_progress(&rooms->shards, 0));
    cr_assert_str_eq(shards_unclosed(&rooms->shards)->name, "shard/eu/0");
    rooms_free(rooms);
}

Test(shards, the_first_snapshot_of_an_incarnation_is_a_decision)
{
    rooms_t *rooms = rooms_training();
    uint64_t before = rooms->base.decisions;
    rooms_tell(rooms, 0, 1, 1, 1);
    cr_assert_eq(rooms->base.decisions, before + 1);
    rooms_tell(rooms, 0, 2, 2, 2);
    cr_assert_eq(rooms->base.decisions, before + 1, "the others are not");
    cr_assert_eq(rooms->shards.list[0].newest_number, 2);
    rooms_tell(rooms, 0, 2, 2, 1);
    cr_assert_eq(rooms->shards.list[0].newest_number, 2, "it only grows");
    rooms_free(rooms);
}

Test(shards, what_is_put_is_what_a_successor_takes)
{
    rooms_t *rooms = rooms_training(), *next = rooms_new();
    rooms_tell(rooms, 0, 3, 2, 4);
    message_t *state = message_new(KIND_region_state, rooms->base.core.name, rooms->base.core.name);
    message_set_name(state->region_state.digest, rooms->base.digest);
    shards_ran(&rooms->shards, &rooms->actors.list[0]);
    shards_put(&rooms->shards, state);
    next->base.saved = state;
    rooms_plan(next);
    cr_assert_eq(next->shards.list[0].newest_number, 4);
    cr_assert_eq(next->shards.list[0].progress->progress.steps, 3);
    cr_assert_eq(next->shards.list[0].ran_on, nodes_hash("node/eu/a"));
    cr_assert_not(shards_known(&next->shards), "its sets are asked again");
    rooms_free(next);
    rooms_free(rooms);
}

/* Rows of figures as they were stored before the list of counters. */
Test(shards, a_row_of_an_older_program_lacks_only_what_that_did_not_count)
{
    enum { OLD = 15 };
    rooms_t *rooms = rooms_training(), *next = rooms_new();
    message_t *state = message_new(KIND_region_state, rooms->base.core.name, rooms->base.core.name);
    message_set_name(state->region_state.digest, rooms->base.digest);
    shards_put(&rooms->shards, state);
    uint64_t rows[2 * OLD];
    for (uint64_t i = 0; i < 2 * OLD; i++)
        rows[i] = 1 + i;
    message_set_rows(&state->region_state.figures, 0);
    message_set_u64s(&state->region_state.figures_former, rows, 2 * OLD);
    region_former(state, 2);
    next->base.saved = state;
    rooms_plan(next);
    const message_t *progress = next->shards.list[1].progress;
    cr_assert_eq(progress->incarnation, OLD + 1);
    cr_assert_eq(progress->progress.history, OLD + 2);
    cr_assert_eq(progress->progress.steps, OLD + 3);
    cr_assert_eq(progress->progress.duplicates, OLD + 6);
    cr_assert_eq(progress->progress.not_finite, OLD + 8);
    cr_assert_eq(progress->progress.lasts, OLD + 10);
    cr_assert_eq(progress->progress.rolled_back, OLD + 11);
    cr_assert_eq(progress->progress.uncompensated, OLD + 15);
    rooms_free(next);
    rooms_free(rooms);
}
