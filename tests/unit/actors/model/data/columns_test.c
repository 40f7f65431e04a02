#include "actors/model/data/columns.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

Test(columns, are_in_the_order_in_which_they_are_declared)
{
    columns_t self;
    cr_assert_eq(columns_declare(&self, "rating", "user,movie", "year", NULL), ERR_OK);
    cr_assert(self.count == 4 && self.categorical == 2 && self.numeric == 1);
    cr_assert_str_eq(self.names[0], "rating");
    cr_assert_str_eq(self.names[2], "movie");
    cr_assert_eq(columns_slot(&self, "year", 4), 3);
    cr_assert_eq(columns_slot(&self, "yea", 3), 4);
    cr_assert_str_eq(columns_kind(&self, 0), "label");
    cr_assert_str_eq(columns_kind(&self, 2), "categorical");
    cr_assert_str_eq(columns_kind(&self, 3), "numeric");
    columns_fini(&self);
}

Test(columns, label_is_called_label_unless_it_is_said)
{
    columns_t self;
    cr_assert_eq(columns_declare(&self, "", NULL, "", NULL), ERR_OK);
    cr_assert_eq(self.count, 1);
    cr_assert_str_eq(self.names[0], "label");
    columns_fini(&self);
}

Test(columns, one_that_stands_twice_is_refused)
{
    columns_t self;
    err_t err;
    cr_assert_eq(columns_declare(&self, "y", "a,b", "c,a", &err), ERR_CONFIG);
    cr_assert_str_eq(err.text, "job.data.columns: 'a' stands there twice; write each column once");
    cr_assert_eq(columns_declare(&self, "y", "rest", "rest", &err), ERR_CONFIG);
    cr_assert_str_eq(err.text, "job.data.columns: `rest` stands there twice; write it once");
}

Test(columns, rest_keeps_the_order_of_the_header)
{
    static const char *const header[] = {"d", "y", "b", "", "c", "a"};
    columns_t self;
    cr_assert_eq(columns_declare(&self, "y", "a,rest", "b", NULL), ERR_OK);
    cr_assert_eq(columns_rest(&self, header, 6, NULL), ERR_OK);
    cr_assert(self.categorical == 3 && self.numeric == 1 && self.count == 5);
    static const char *const expected[] = {"y", "a", "d", "c", "b"};
    for (size_t i = 0; i < 5; i++)
        cr_assert_str_eq(self.names[i], expected[i]);
    columns_fini(&self);
}

Test(columns, there_is_a_limit)
{
    static char list[COLUMNS_MAX * 6];
    size_t length = 0;
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        length += (size_t)snprintf(list + length, sizeof list - length, "%zu,", i);
    columns_t self;
    err_t err;
    cr_assert_eq(columns_declare(&self, "y", list, NULL, &err), ERR_LIMIT);
    cr_assert_str_eq(err.text, "job.data.columns: more than 4095 columns");
}
