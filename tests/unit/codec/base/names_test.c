/* The numbers of names. */
#include "codec/base/names.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(names, an_empty_table_knows_nobody)
{
    names_t names = {0};
    cr_assert_eq(names_find(&names, "worker/eu/0"), SIZE_MAX);
    cr_assert_eq(names_find(&names, ""), SIZE_MAX);
    names_fini(&names);
}

/* Many more than it begins with, so that it has grown several times, and none is lost on the way. */
Test(names, each_of_many_keeps_its_number)
{
    names_t names = {0};
    char name[NAMES_SIZE];
    for (size_t i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "worker/r%zu/%zu", i % 70, i);
        names_set(&names, name, 2 * i);
    }
    for (size_t i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "worker/r%zu/%zu", i % 70, i);
        cr_assert_eq(names_find(&names, name), 2 * i, "%s", name);
    }
    cr_assert_eq(names.count, 5000);
    cr_assert_eq(names_find(&names, "worker/r0/5000"), SIZE_MAX);
    names_fini(&names);
}

Test(names, a_name_that_is_given_again_has_the_new_number)
{
    names_t names = {0};
    names_set(&names, "a", 1);
    names_set(&names, "a", 7);
    cr_assert_eq(names_find(&names, "a"), 7);
    cr_assert_eq(names.count, 1);
    names_fini(&names);
}
