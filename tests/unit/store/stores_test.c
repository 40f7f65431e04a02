#include "store/stores.h"

#include "store/file.h"
#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>

static temp_t s_temp;
static err_t s_err;

static void s_setup(void)
{
    temp_init(&s_temp);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(stores, .init = s_setup, .fini = s_teardown);

static void s_make(const char *below)
{
    char dir[TEMP_PATH_MAX], file[TEMP_PATH_MAX + 16];
    cr_assert_eq(file_make_dirs(temp_path(&s_temp, below, dir), &s_err), ERR_OK, "%s", s_err.text);
    snprintf(file, sizeof file, "%s/data.mdb", dir);
    cr_assert_eq(file_write(file, "x", 1, &s_err), ERR_OK);
}

Test(stores, are_found_by_looking)
{
    static const char *const made[] = {
        "south/shard-0/0000000100000001",
        "north/kept-0/0000000200000001",
        "north/shard-10/0000000100000001",
        "north/shard-2/0000000200000001",
        "north/shard-2/0000000100000003",
        "north/scheduler",
        "scheduler",
        "run/global",
        "north/shard-2/0000000100000003.1", /* the disk had spoiled the one before */
        "north/shard-2/0000000100000003.01",
        "run/north/shard-0/0000000100000001",  /* not looked into */
        "north/shard-2/.new-0000000300000001", /* of an interrupted tool */
        "north/shard-02/0000000100000001",     /* nothing writes it so */
        "north/shard-3/1"};
    static const char *const expected[] = {"north/shard-2/0000000100000003",
                                           "north/shard-2/0000000100000003.1",
                                           "north/shard-2/0000000200000001",
                                           "north/shard-10/0000000100000001",
                                           "south/shard-0/0000000100000001",
                                           "north/kept-0/0000000200000001",
                                           "north/scheduler",
                                           "north/shard-02/0000000100000001",
                                           "north/shard-2/0000000100000003.01",
                                           "north/shard-3/1",
                                           "run/global",
                                           "scheduler"};
    size_t count = sizeof expected / sizeof *expected;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        s_make(made[i]);
    stores_t stores;
    cr_assert_eq(stores_find(s_temp.dir, &stores, &s_err), ERR_OK, "%s", s_err.text);
    for (size_t i = 0; i < stores.count && i < count; i++)
        cr_expect_str_eq(stores.items[i].below, expected[i]);
    cr_assert_eq(stores.count, count);
    cr_assert_eq(stores.items[1].replacement, 1);
    cr_assert_eq(stores.items[3].kind, STORE_SHARD);
    cr_assert_eq(stores.items[3].shard, 10);
    cr_assert_eq(stores.items[2].incarnation, 0x200000001);
    cr_assert_eq(stores.items[5].kind, STORE_KEPT);
    cr_assert_eq(stores.items[7].kind, STORE_OTHER);
    cr_assert(stores_is_scheduler(&stores.items[6]) && !stores_is_scheduler(&stores.items[7]));
    cr_assert(stores_is_scheduler(&stores.items[10]) && !stores_is_scheduler(&stores.items[5]));
    cr_assert(stores_same_shard(&stores.items[0], &stores.items[2]) &&
              stores_compare_age(&stores.items[0], &stores.items[1]) < 0);
    cr_assert(!stores_same_shard(&stores.items[2], &stores.items[3]) &&
              !stores_same_shard(&stores.items[7], &stores.items[7]));
    stores_fini(&stores);
}

Test(stores, a_place_has_a_path)
{
    char path[STATEDIR_PATH_MAX];
    store_place_t place = stores_place(STORE_KEPT, "eu", 3, 0x10000000a);
    cr_assert_eq(stores_path("/s", &place, path, &s_err), ERR_OK);
    cr_assert_str_eq(path, "/s/eu/kept-3/000000010000000a");
}

Test(stores, of_no_directory_say_so)
{
    char path[TEMP_PATH_MAX];
    stores_t stores;
    cr_assert_eq(stores_find(temp_path(&s_temp, "none", path), &stores, &s_err), ERR_NOT_FOUND);
}

Test(stores, trees_are_swapped_and_removed)
{
    char a[TEMP_PATH_MAX], b[TEMP_PATH_MAX], file[TEMP_PATH_MAX];
    s_make("a/one");
    s_make("b/two");
    temp_path(&s_temp, "a", a);
    temp_path(&s_temp, "b", b);
    cr_assert_eq(file_swap(a, b, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(access(temp_path(&s_temp, "b/one/data.mdb", file), F_OK), 0);
    cr_assert_eq(access(temp_path(&s_temp, "a/two/data.mdb", file), F_OK), 0);
    cr_assert_eq(file_remove_tree(a, &s_err), ERR_OK);
    cr_assert_neq(access(a, F_OK), 0);
    cr_assert_eq(file_remove_tree(a, &s_err), ERR_OK, "one that is not there");
    cr_assert_eq(file_swap(b, a, &s_err), ERR_OK, "to where nothing is: %s", s_err.text);
    cr_assert_eq(access(temp_path(&s_temp, "a/one/data.mdb", file), F_OK), 0);
    cr_assert_neq(access(b, F_OK), 0);
}
