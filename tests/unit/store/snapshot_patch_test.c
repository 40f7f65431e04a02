#include "store/snapshot_patch.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT 12

static snapshot_t *s_snapshot(void)
{
    return snapshot_new(&(snapshot_id_t){.history = 1, .number = 1});
}

static buf_t *s_values(float first)
{
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        values[i] = first + (float)i;
    return buf_new_copy(values, sizeof values);
}

Test(snapshot_patch, value_is_what_it_was_and_what_has_changed)
{
    snapshot_t *snapshot = s_snapshot();
    buf_t *before = s_values(0), *now = s_values(100), *read = NULL;
    ranges_t touched = {0};
    cr_assert(!ranges_add(&touched, 2, 4) && !ranges_add(&touched, 9, 10));
    cr_assert(snapshot_patch_add(snapshot, "parameters", before, now, &touched, NULL));
    cr_assert_eq(snapshot_peek(snapshot, "parameters"), before, "by reference: it is stored already");
    cr_assert_eq(buf_size(snapshot_peek(snapshot, "parameters_patch")), 8 + 4 * (4 + 3));
    cr_assert_eq(snapshot_patch_read(snapshot, "parameters", &read, NULL), ERR_OK);
    const float *values = buf_peek(read);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(values[i], (float)i + (ranges_has(&touched, i) ? 100 : 0));
    buf_destroy(&read);
    buf_destroy(&before);
    buf_destroy(&now);
    ranges_fini(&touched);
    snapshot_destroy(&snapshot);
}

Test(snapshot_patch, value_without_one_is_itself)
{
    snapshot_t *snapshot = s_snapshot();
    buf_t *value = s_values(0), *mine = buf_ref(value), *read = NULL;
    cr_assert_eq(snapshot_add(snapshot, "open", &mine, NULL), ERR_OK);
    cr_assert_eq(snapshot_patch_read(snapshot, "open", &read, NULL), ERR_OK);
    cr_assert_eq(read, value);
    buf_destroy(&read);
    cr_assert_eq(snapshot_patch_read(snapshot, "none", &read, NULL), ERR_OK);
    cr_assert_null(read);
    buf_destroy(&value);
    snapshot_destroy(&snapshot);
}

Test(snapshot_patch, name_is_that_of_the_value_or_of_its_patch)
{
    cr_assert(snapshot_patch_is_of("adam_m", "adam_m") && snapshot_patch_is_of("adam_m_patch", "adam_m"));
    cr_assert_not(snapshot_patch_is_of("adam_m_", "adam_m") || snapshot_patch_is_of("adam", "adam_m") ||
                  snapshot_patch_is_of("adam_m_patches", "adam_m"));
}

static err_code_t s_read(const uint32_t *words, size_t size)
{
    snapshot_t *snapshot = s_snapshot();
    buf_t *value = s_values(0), *patch = buf_new_copy(words, size), *read = NULL;
    cr_assert_eq(snapshot_add(snapshot, "w", &value, NULL), ERR_OK);
    cr_assert_eq(snapshot_add(snapshot, "w_patch", &patch, NULL), ERR_OK);
    err_t err = {0};
    err_code_t code = snapshot_patch_read(snapshot, "w", &read, &err);
    cr_assert_eq(read != NULL, code == ERR_OK);
    cr_assert(!code || strstr(err.text, "w_patch is no patch of w"));
    buf_destroy(&read);
    snapshot_destroy(&snapshot);
    return code;
}

Test(snapshot_patch, that_is_wrong_makes_no_value)
{
    cr_assert_eq(s_read((uint32_t[]){1, 0, 4, 2, 7, 7}, 24), ERR_OK);
    cr_assert_eq(s_read((uint32_t[]){1, 0, 4, 2, 7, 7}, 23), ERR_MALFORMED);
    cr_assert_eq(s_read((uint32_t[]){1, 0, 4, 2, 7, 7}, 20), ERR_MALFORMED, "a value is missing");
    cr_assert_eq(s_read((uint32_t[]){1, 0, 4, 1, 7, 7}, 24), ERR_MALFORMED, "one too many");
    cr_assert_eq(s_read((uint32_t[]){1, 0, COUNT - 1, 2, 7, 7}, 24), ERR_MALFORMED, "beyond the value");
    cr_assert_eq(s_read((uint32_t[]){9, 0, 4, 2, 7, 7}, 24), ERR_MALFORMED, "no room for so many runs");
    cr_assert_eq(s_read((uint32_t[]){1, 1, 4, 2, 7, 7}, 24), ERR_MALFORMED);
    cr_assert_eq(s_read((uint32_t[]){1}, 4), ERR_MALFORMED);
    cr_assert_eq(s_read((uint32_t[]){0, 0}, 8), ERR_OK);
}
