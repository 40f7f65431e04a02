#include "codec/base/json.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_value_t *s_example(void)
{
    json_value_t *self = json_new_object();
    json_value_t *rows = json_new_array();
    json_value_t *row = json_new_object();
    json_set_string(self, "zulu", "first \"quoted\"\n");
    json_set_u64(self, "alpha", 18);
    json_set_i64(self, "mike", -3);
    json_set_number(self, "tenth", 0.1);
    json_set_number(self, "whole", 2);
    json_set_number(self, "nan", NAN);
    json_set_number(self, "inf", -INFINITY);
    json_set_bool(self, "yes", true);
    json_set_string(self, "null", NULL);
    json_set_string(row, "name", "eu");
    json_add_moved(rows, &row);
    json_add_string(rows, "text");
    json_add_u64(rows, 7);
    json_add_number(rows, 1e300);
    cr_assert_null(row);
    json_set_moved(self, "rows", &rows);
    cr_assert_null(rows);
    json_value_t *empty = json_new_array();
    json_set_moved(self, "empty", &empty);
    json_set_u64(self, "alpha", 19);
    return self;
}

static const char s_compact[] = "{\"zulu\": \"first \\\"quoted\\\"\\n\", \"alpha\": 19, \"mike\": -3, "
                                "\"tenth\": 0.1, \"whole\": 2.0, \"nan\": null, "
                                "\"inf\": null, \"yes\": true, \"null\": null, \"rows\": [{\"name\": "
                                "\"eu\"}, \"text\", 7, 1e+300], \"empty\": []}";

static void s_assert_prints(const json_value_t *self, bool compact, const char *expected)
{
    char *text = json_print(self, compact);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(json, prints_in_the_order_of_calls)
{
    json_value_t *self = s_example();
    s_assert_prints(self, true, s_compact);
    json_destroy(&self);
    cr_assert_null(self);
}

Test(json, prints_lines_with_two_spaces)
{
    json_value_t *self = json_new_object();
    json_value_t *list = json_new_array();
    json_add_u64(list, 1);
    json_add_u64(list, 2);
    json_set_moved(self, "list", &list);
    json_set_bool(self, "no", false);
    s_assert_prints(self, false, "{\n  \"list\": [\n    1,\n    2\n  ],\n  \"no\": false\n}\n");
    json_destroy(&self);
}

Test(json, what_is_printed_reads_back)
{
    json_value_t *self = s_example(), *back = NULL;
    for (int compact = 0; compact < 2; compact++) {
        char *text = json_print(self, compact);
        err_t err = {0};
        cr_assert_eq(json_parse(text, strlen(text), &back, &err), ERR_OK, "%s", err.text);
        s_assert_prints(back, true, s_compact);
        json_destroy(&back);
        free(text);
    }
    json_destroy(&self);
}

Test(json, numbers_keep_their_value)
{
    const double values[] = {0.1,  1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.123, -0.0,
                             1e15, 1e16,    3};
    for (size_t row = 0; row < sizeof values / sizeof values[0]; row++) {
        json_value_t *self = json_new_object(), *back = NULL;
        json_set_number(self, "x", values[row]);
        char *text = json_print(self, true);
        cr_assert_eq(json_parse(text, strlen(text), &back, NULL), ERR_OK, "%s", text);
        double read = json_get_number(back, "x", 7);
        cr_assert_eq(memcmp(&read, &values[row], sizeof read), 0, "%s", text);
        free(text);
        json_destroy(&back);
        json_destroy(&self);
    }
}

Test(json, strange_values_stay_valid_json)
{
    json_value_t *self = json_new_object(), *back = NULL;
    json_set_string(self, "bytes",
                    "a\xff\xfe"
                    "b");
    json_set_string(self, "utf8", "\xc3\xa9");
    json_set_u64(self, "large", UINT64_MAX);
    json_set_u64(self, "fits", INT64_MAX);
    char *text = json_print(self, false);
    cr_assert_eq(json_parse(text, strlen(text), &back, NULL), ERR_OK, "%s", text);
    cr_assert_str_eq(json_get_string(back, "bytes", ""), "a??b");
    cr_assert_str_eq(json_get_string(back, "utf8", ""), "\xc3\xa9");
    cr_assert(json_get_number(back, "large", 0) == 18446744073709551616.0);
    cr_assert_eq(json_get_u64(back, "fits", 0), INT64_MAX);
    free(text);
    json_destroy(&back);
    json_destroy(&self);
}

Test(json, reads_parts_and_defaults)
{
    static const char text[] = "{\"a\": [1, {\"b\": \"x\"}], \"n\": -1, \"r\": 1.5, \"t\": true}";
    json_value_t *self = NULL;
    cr_assert_eq(json_parse(text, sizeof text - 1, &self, NULL), ERR_OK);
    const json_value_t *list = json_get(self, "a");
    cr_assert_eq(json_count(list), 2);
    cr_assert_str_eq(json_get_string(json_at(list, 1), "b", "none"), "x");
    cr_assert_null(json_at(list, 2));
    cr_assert_null(json_get(self, "missing"));
    cr_assert_null(json_get(list, "a"));
    cr_assert_null(json_at(self, 0));
    cr_assert_eq(json_count(NULL), 0);
    cr_assert_str_eq(json_get_string(self, "n", "none"), "none");
    cr_assert_eq(json_get_u64(self, "n", 9), 9);
    cr_assert_eq(json_get_u64(self, "r", 9), 9);
    cr_assert(json_get_number(self, "n", 9) == -1);
    cr_assert(json_get_bool(self, "t", false));
    cr_assert(json_get_bool(self, "n", true));
    json_destroy(&self);
}

Test(json, refuses_bad_text_and_names_the_line)
{
    static const char *const bad[] = {"",      "{",   "{\"a\": 1,}", "{\"a\": 1} x", "{\"a\": 1, \"a\": 2}",
                                      "[1, 2", "\"x", "{'a': 1}"};
    for (size_t row = 0; row < sizeof bad / sizeof bad[0]; row++) {
        json_value_t *self = NULL;
        err_t err = {0};
        cr_assert_eq(json_parse(bad[row], strlen(bad[row]), &self, &err), ERR_MALFORMED, "%s", bad[row]);
        cr_assert_null(self);
        cr_assert(strncmp(err.text, "line 1", 6) == 0, "%s", err.text);
    }
    static const char third[] = "{\n \"a\": 1,\n oops\n}";
    json_value_t *self = NULL;
    err_t err = {0};
    cr_assert_eq(json_parse(third, sizeof third - 1, &self, &err), ERR_MALFORMED);
    cr_assert(strncmp(err.text, "line 3 ", 7) == 0, "%s", err.text);
}

Test(json, deep_nesting_is_refused_without_a_crash)
{
    static char text[100001];
    json_value_t *self = NULL;
    memset(text, '[', sizeof text - 1);
    cr_assert_eq(json_parse(text, sizeof text - 1, &self, NULL), ERR_MALFORMED);
}

static int s_entries(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

Test(json, files_are_replaced_whole)
{
    char folder[] = "/tmp/cloudless-json-XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/report.json", folder);
    err_t err = {0};
    json_value_t *self = s_example(), *back = NULL;
    cr_assert_eq(json_read_file(path, &back, &err), ERR_NOT_FOUND);
    cr_assert_eq(json_write_file(self, path, &err), ERR_OK, "%s", err.text);
    json_set_bool(self, "yes", false);
    cr_assert_eq(json_write_file(self, path, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(s_entries(folder), 1);
    cr_assert_eq(json_read_file(path, &back, &err), ERR_OK, "%s", err.text);
    cr_assert_not(json_get_bool(back, "yes", true));
    json_destroy(&back);

    FILE *file = fopen(path, "w");
    fputs("{\n  \"a\": \n", file);
    fclose(file);
    cr_assert_eq(json_read_file(path, &back, &err), ERR_MALFORMED);
    cr_assert(strstr(err.text, path) && strstr(err.text, "line 3"), "%s", err.text);
    cr_assert_eq(json_read_file(folder, &back, &err), ERR_IO);
    unlink(path);
    cr_assert_neq(json_write_file(self, "/nonexistent/folder/x.json", &err), ERR_OK);
    cr_assert_eq(rmdir(folder), 0);
    json_destroy(&self);
}
