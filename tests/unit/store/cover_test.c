#include "store/cover.h"

#include "tests/unit/store/small_disk.h"

static err_t s_err;
static temp_t s_temp;

static void s_setup(void)
{
    temp_init(&s_temp);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(cover, .init = s_setup, .fini = s_teardown);

Test(cover, is_on_off_and_on_again)
{
    cr_assert_not(cover_is_off(s_temp.dir), "a store of somebody who does not know of it");
    cr_assert_eq(cover_put_on(s_temp.dir, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_not(cover_is_off(s_temp.dir));
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(cover_take_off(s_temp.dir, &s_err), ERR_OK, "%s", s_err.text);
        cr_assert(cover_is_off(s_temp.dir));
    }
    cr_assert_eq(cover_put_on(s_temp.dir, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_not(cover_is_off(s_temp.dir));
}

Test(cover, comes_off_without_having_been_on)
{
    cr_assert_eq(cover_take_off(s_temp.dir, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert(cover_is_off(s_temp.dir));
}

Test(cover, needs_no_room)
{
    small_disk_mount(s_temp.dir, 4);
    cr_assert_eq(cover_put_on(s_temp.dir, &s_err), ERR_OK, "%s", s_err.text);
    small_disk_fill(s_temp.dir, 0);
    cr_assert_eq(cover_take_off(s_temp.dir, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert(cover_is_off(s_temp.dir));
    small_disk_unmount(s_temp.dir);
}

Test(cover, a_directory_that_is_gone_is_an_error)
{
    char dir[TEMP_PATH_MAX];
    temp_path(&s_temp, "none", dir);
    cr_assert_eq(cover_take_off(dir, &s_err), ERR_NOT_FOUND);
}
