#include "actors/model/data/rows.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#define COLUMNS_IN_A_TEST 8

static columns_t s_columns(const char *label, const char *categorical, const char *numeric)
{
    columns_t columns;
    err_t err;
    cr_assert_eq(columns_declare(&columns, label, categorical, numeric, &err), ERR_OK, "%s", err.text);
    return columns;
}

/* All rows as "a|b|c;a|b|c;", or what is wrong with them. */
static const char *s_read(const char *text, rows_form_t form, columns_t columns)
{
    static char out[1024];
    rows_t rows;
    err_t err;
    size_t length = 0;
    cell_t cells[COLUMNS_IN_A_TEST];
    bool more = true;
    out[0] = '\0';
    err_code_t code = rows_open(&rows, "f", text, strlen(text), form, &columns, true, &err);
    cr_assert_leq(columns.count, COLUMNS_IN_A_TEST);
    while (!code && more) {
        code = rows_next(&rows, cells, &more, &err);
        for (size_t i = 0; !code && more && i < columns.count; i++)
            length += (size_t)snprintf(out + length, sizeof out - length, "%.*s%s", (int)cells[i].length,
                                       cells[i].text, i + 1 < columns.count ? "|" : ";");
    }
    if (code)
        snprintf(out, sizeof out, "%s", err.text);
    rows_close(&rows);
    columns_fini(&columns);
    return out;
}

static const char *s_csv(const char *text)
{
    return s_read(text, ROWS_CSV, s_columns("y", "a", "b"));
}

static const char *s_libsvm(const char *text)
{
    return s_read(text, ROWS_LIBSVM, s_columns(NULL, "3", "1"));
}

Test(rows, csv_has_its_columns_by_name_in_any_order)
{
    cr_assert_str_eq(s_csv("a,b,y\nred,1,0\nblue,2,1\n"), "0|red|1;1|blue|2;");
    cr_assert_str_eq(s_csv("b,other,y,a\n1,x,0,red"), "0|red|1;");
}

Test(rows, csv_of_spreadsheets)
{
    cr_assert_str_eq(s_csv("\xef\xbb\xbf"
                           "a;b;y\r\nred;1,5;0\r\n\r\n  \nblue;;1\r\n"),
                     "0|red|1,5;1|blue|;");
    cr_assert_str_eq(s_csv("a\tb\ty\nred\t\t0\n\t1\t1\n"), "0|red|;1||1;");
    cr_assert_str_eq(s_csv("a, b ,y\n red , 1,0\n"), "0|red|1;");
}

Test(rows, csv_with_quotes)
{
    cr_assert_str_eq(s_csv("\"a\",\"b\",y\n\"red, or so\",1,0\n\"the \"\"red\"\"\",\" 2\",1\n\"\",3,1\n"),
                     "0|red, or so|1;1|the \"red\"| 2;1||3;");
    cr_assert_str_eq(s_csv("a,b,y\n\"two\nlines\",1,0\nred,2\n"), "f:4:1: 2 cells, and the header has 3");
}

Test(rows, csv_that_is_wrong_is_told_by_its_place)
{
    cr_assert_str_eq(s_csv("a,b,y\nred,1,0\nblue,2,1,7\n"), "f:3:1: 4 cells, and the header has 3");
    cr_assert_str_eq(s_csv("a,b,y\nred,\"1,0\n"), "f:2:5: a quote that is never closed");
    cr_assert_str_eq(s_csv("a,b,y\n\"red\"x,1,0\n"),
                     "f:2:6: something behind a closing quote; write \"\" for a quote");
    cr_assert_str_eq(s_csv(""), "f: empty; its first line has the names of the columns");
    cr_assert_str_eq(s_csv("a,y,y,b\n"), "f:1: two columns are called 'y'");
    cr_assert_str_eq(s_csv("a,c,y\n"),
                     "f: no column is called 'b' (job.data.columns, numeric); it has a, c, y");
}

Test(rows, rest_is_every_column_that_is_declared_nowhere_else)
{
    cr_assert_str_eq(s_read("c,a,y,b\n1,2,0,4\n", ROWS_CSV, s_columns("y", "a", "rest")), "0|2|1|4;");
    cr_assert_str_eq(s_read("c,a,y,b\n1,2,0,4\n", ROWS_CSV, s_columns("y", "rest", "a")), "0|1|4|2;");
    cr_assert_str_eq(s_read("0 2:7\n1 3:8 1:9\n", ROWS_LIBSVM, s_columns(NULL, "2", "rest")),
                     "0|7|0|0;1|0|9|8;");
}

Test(rows, libsvm_lacks_what_is_0)
{
    cr_assert_str_eq(s_libsvm("+1 1:0.5 3:7\n-1 2:9\n0 3:1 # why\n# nothing\n\n1\n"),
                     "+1|7|0.5;-1|0|0;0|1|0;1|0|0;");
}

Test(rows, libsvm_that_is_wrong_is_told_by_its_place)
{
    cr_assert_str_eq(s_libsvm("1 1:0.5\n0 x\n"), "f:2:3: not INDEX:VALUE with an index below 1048576");
    cr_assert_str_eq(s_libsvm("1 :5\n"), "f:1:3: not INDEX:VALUE with an index below 1048576");
    cr_assert_str_eq(s_libsvm("1 4000000000:5\n"), "f:1:3: not INDEX:VALUE with an index below 1048576");
    cr_assert_str_eq(s_read("1 1:5\n", ROWS_LIBSVM, s_columns(NULL, "user", NULL)),
                     "job.data.columns: 'user' is no index; columns of f are called by their numbers");
}

Test(rows, a_cell_has_a_limit)
{
    char text[3 * ROWS_CELL_MAX];
    memset(text, 'x', sizeof text);
    memcpy(text, "a,b,y\n", 6);
    text[6] = '"';
    text[6 + 1 + ROWS_CELL_MAX + 1] = '"';
    strcpy(text + 6 + 1 + ROWS_CELL_MAX + 2, ",1,0\n");
    cr_assert_str_eq(s_csv(text), "f:2:1: a cell of 4097 bytes; at most 4096");
    text[6] = 'x';
    cr_assert_str_eq(s_csv(text), "f:2:1: a cell of 4099 bytes; at most 4096");
}
