#include "actors/shard/replica/since.h"

#include <criterion/criterion.h>

#define COUNT 100

static buf_t *s_tensor(void)
{
    return buf_new_zero(COUNT * sizeof(float));
}

/* A step in place on elements [first, end), by 1. */
static void s_step(since_t *since, buf_t *present, uint64_t first, uint64_t end)
{
    ranges_t touched = {0};
    uint64_t from = buf_id(present);
    cr_assert_eq(ranges_add(&touched, first, end), ERR_OK);
    for (uint64_t i = first; i < end; i++)
        ((float *)buf_data(present))[i] += 1;
    buf_touch(present);
    since_step(since, from, buf_id(present), &touched);
    ranges_fini(&touched);
}

/* Of the next snapshot; what is read from it must be the present version. */
static bool s_has_patch(since_t *since, buf_t *present)
{
    snapshot_t *snapshot = snapshot_new(&(snapshot_id_t){.history = 1, .number = 1});
    buf_t *read = NULL;
    cr_assert(since_store(since, snapshot, "w", present, NULL));
    bool has = snapshot_peek(snapshot, "w_patch") != NULL;
    cr_assert_eq(snapshot_patch_read(snapshot, "w", &read, NULL), ERR_OK);
    cr_assert_arr_eq(buf_peek(read), buf_peek(present), COUNT * sizeof(float));
    buf_destroy(&read);
    snapshot_destroy(&snapshot);
    return has;
}

/* The next version, as a step makes it while somebody reads the present one. */
static buf_t *s_copy(since_t *since, buf_t **present_p)
{
    buf_t *next = buf_new_copy(buf_peek(*present_p), buf_size(*present_p));
    since_step(since, buf_id(*present_p), buf_id(next), &(ranges_t){0});
    buf_destroy(present_p);
    return next;
}

Test(since, first_snapshot_is_whole_and_the_next_has_what_has_changed)
{
    since_t since = {0};
    buf_t *present = s_tensor();
    cr_assert_not(s_has_patch(&since, present));
    present = s_copy(&since, &present);
    s_step(&since, present, 3, 5);
    cr_assert(s_has_patch(&since, present));
    s_step(&since, present, 50, 52);
    cr_assert(s_has_patch(&since, present), "more of the same");
    buf_destroy(&present);
    since_fini(&since);
}

Test(since, what_has_not_changed_is_the_same_buffer)
{
    since_t since = {0};
    buf_t *present = s_tensor();
    cr_assert_not(s_has_patch(&since, present));
    cr_assert_not(s_has_patch(&since, present));
    cr_assert_eq(since.before, present);
    buf_destroy(&present);
    since_fini(&since);
}

Test(since, anything_but_a_step_has_it_stored_whole)
{
    since_t since = {0};
    buf_t *present = s_tensor();
    cr_assert_not(s_has_patch(&since, present));
    present = s_copy(&since, &present);
    ((float *)buf_data(present))[7] = 5;
    buf_touch(present);
    s_step(&since, present, 3, 5);
    cr_assert_not(s_has_patch(&since, present));
    present = s_copy(&since, &present);
    s_step(&since, present, 3, 5);
    cr_assert(s_has_patch(&since, present));
    buf_destroy(&present);
    present = s_tensor();
    cr_assert_not(s_has_patch(&since, present), "another region's state");
    buf_destroy(&present);
    since_fini(&since);
}

Test(since, what_is_long_is_given_up_at_once)
{
    since_t since = {0};
    buf_t *present = s_tensor();
    cr_assert_not(s_has_patch(&since, present));
    present = s_copy(&since, &present);
    s_step(&since, present, 0, COUNT / 4);
    cr_assert_null(since.before);
    cr_assert_not(s_has_patch(&since, present));
    buf_destroy(&present);
    since_fini(&since);
}
