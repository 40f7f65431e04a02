#include "actors/model/data/table_text.h"
#include "tests/unit/actors/model/reference.h"

static table_file_t s_file(const char *path, const char *text)
{
    return (table_file_t){.path = path, .bytes = text, .size = strlen(text)};
}

typedef struct {
    size_t count, width;
    uint32_t labels[8];
    float x[8][4];
} taken_t;

static err_code_t s_take(void *hint, uint32_t label, const float *x, err_t *err)
{
    (void)err;
    taken_t *self = hint;
    cr_assert_lt(self->count, 8);
    memcpy(self->x[self->count], x, self->width * sizeof *x);
    self->labels[self->count++] = label;
    return ERR_OK;
}

static const char TRAIN[] = "user,year,rating,genre\n"
                            "u2,2000,1,war\n"
                            "u10,,0,\n"
                            "u2,1990,0,fun\n"
                            "u1,1998,1,war\n";
static const char TEST[] = "rating,genre,user,year\n"
                           "1,,u1,1996\n"
                           "0,war,u3,NA\n";

static void s_learn(table_text_t *self, const char *train)
{
    err_t err;
    table_file_t file = s_file("train.csv", train);
    cr_assert_eq(table_text_learn(self, &file, &(dataset_columns_t){"rating", "user,genre", "year", 0}, &err),
                 ERR_OK, "%s", err.text);
}

Test(table_text, categories_are_rows_and_numbers_are_standardized)
{
    table_text_t self;
    taken_t train = {.width = 3}, test = {.width = 3};
    table_file_t files[] = {s_file("train.csv", TRAIN), s_file("test.csv", TEST)};
    s_learn(&self, TRAIN);
    cr_assert_eq(self.rows, 7); /* unknown; u1, u10, u2; "", fun, war */
    cr_assert_eq(table_text_read(&self, files, s_take, &train, NULL), ERR_OK);
    cr_assert_eq(table_text_read(&self, files + 1, s_take, &test, NULL), ERR_OK);
    cr_assert(train.count == 4 && test.count == 2);
    double mean = 1996, deviation = sqrt((16 + 36 + 4) / 3.0);
    const double expected[4][3] = {{3, 6, (2000 - mean) / deviation},
                                   {2, 4, 0},
                                   {3, 5, (1990 - mean) / deviation},
                                   {1, 6, (1998 - mean) / deviation}};
    static const uint32_t labels[] = {1, 0, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        test_all_near("x", 3, train.x[i], expected[i], 1e-6);
        cr_assert_eq(train.labels[i], labels[i]);
    }
    test_all_near("test", 3, test.x[0], (double[]){1, 4, 0}, 0);
    test_all_near("test", 3, test.x[1], (double[]){0, 6, 0}, 0);
    cr_assert(self.missing == 2 && self.unknown == 1);
    table_text_fini(&self);
}

Test(table_text, a_column_without_difference_becomes_0)
{
    table_text_t self;
    taken_t taken = {.width = 3};
    static const char text[] = "user,year,rating,genre\na,5,0,x\nb,5,1,x\n";
    table_file_t file = s_file("train.csv", text);
    s_learn(&self, text);
    cr_assert_eq(table_text_read(&self, &file, s_take, &taken, NULL), ERR_OK);
    cr_assert(taken.x[0][2] == 0 && taken.x[1][2] == 0);
    table_text_fini(&self);
}

static const char *s_refused(const char *train, const char *categorical, const char *numeric)
{
    static char text[ERR_TEXT_MAX];
    table_text_t self;
    err_t err = {0};
    table_file_t file = s_file("train.csv", train);
    cr_assert_neq(table_text_learn(&self, &file, &(dataset_columns_t){"y", categorical, numeric, 0}, &err),
                  ERR_OK);
    table_text_fini(&self);
    snprintf(text, sizeof text, "%s", err.text);
    return text;
}

Test(table_text, a_wrong_cell_is_told_by_its_place)
{
    cr_assert_str_eq(s_refused("y,a,b\n1,x,2\n0,y,1o\n", "a", "b"),
                     "train.csv:3:5: '1o' is no number from -1e30 to 1e30; leave the cell empty where it is "
                     "missing (column b, numeric)");
    static const char *const numbers[] = {"inf", "0x10", "1e31", "1 2", "--1", "1e", "1e999"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[64];
        snprintf(text, sizeof text, "y,b\n1,%s\n", numbers[i]);
        cr_assert_eq(strncmp(s_refused(text, NULL, "b"), "train.csv:2:3: '", 16), 0, "%s", numbers[i]);
    }
    static const char *const labels[] = {"", "0.5", "-2", "yes", "NaN", "1048576"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        char text[64];
        snprintf(text, sizeof text, "y,b\n%s,1\n", labels[i]);
        cr_assert(strstr(s_refused(text, NULL, "b"),
                         "' is no class; write 0, 1, 2, ... or -1 and 1 (column y, label)"),
                  "%s", labels[i]);
    }
}

Test(table_text, a_table_that_says_nothing_is_refused)
{
    cr_assert_str_eq(s_refused("y,a\n", "a", NULL), "train.csv: no samples");
    cr_assert_str_eq(
        s_refused("y,a\n1,2\n", NULL, NULL),
        "train.csv: job.data.columns names no column but the label; write categorical and numeric, "
        "with names or `rest`");
    cr_assert_str_eq(s_refused("y,a\n1,2\n", "b", NULL),
                     "train.csv: no column is called 'b' (job.data.columns, categorical); it has y, a");
}

Test(table_text, a_test_that_is_far_out_is_refused)
{
    table_text_t self;
    taken_t taken = {.width = 3};
    err_t err;
    s_learn(&self, "user,year,rating,genre\na,1e-20,0,x\nb,-1e-20,1,x\n");
    table_file_t file = s_file("test.csv", "user,year,rating,genre\na,1e30,0,x\n");
    cr_assert_eq(table_text_read(&self, &file, s_take, &taken, &err), ERR_MALFORMED);
    cr_assert_str_eq(
        err.text, "test.csv:2:3: '1e30' is too far from what the training file has (column year, numeric)");
    table_text_fini(&self);
}

Test(table_text, libsvm_labels_of_minus_one_are_0)
{
    table_text_t self;
    taken_t taken = {.width = 2};
    static const char text[] = "+1 1:7 2:0.5\n-1 1:8\n";
    table_file_t file = {.path = "train.libsvm", .bytes = text, .size = strlen(text), .form = ROWS_LIBSVM};
    cr_assert_eq(table_text_learn(&self, &file, &(dataset_columns_t){NULL, "1", "rest", 0}, NULL), ERR_OK);
    cr_assert_eq(table_text_read(&self, &file, s_take, &taken, NULL), ERR_OK);
    cr_assert(taken.count == 2 && taken.labels[0] == 1 && taken.labels[1] == 0);
    cr_assert(taken.x[0][0] == 1 && taken.x[1][0] == 2 && taken.x[0][1] == 1 && taken.x[1][1] == -1);
    table_text_fini(&self);
}

/* Regions whose files are their own have one numbering all the same. */
Test(table_text, hashed_categories_are_the_same_rows_in_any_file)
{
    static const char *const files[] = {"y,a,b\n1,red,x\n0,blue,x\n", "b,y,a\nx,0,blue\n,0,\n"};
    float blue[2][2];
    for (size_t i = 0; i < 2; i++) {
        table_text_t self;
        taken_t taken = {.width = 2};
        table_file_t file = s_file("train.csv", files[i]);
        cr_assert_eq(table_text_learn(&self, &file, &(dataset_columns_t){"y", "a,b", "", 1000}, NULL),
                     ERR_OK);
        cr_assert_eq(self.rows, 2001);
        cr_assert_eq(table_text_read(&self, &file, s_take, &taken, NULL), ERR_OK);
        cr_assert_eq(self.unknown, 0);
        memcpy(blue[i], taken.x[1 - i], sizeof blue[i]);
        table_text_fini(&self);
    }
    cr_assert(blue[0][0] == blue[1][0] && blue[0][1] == blue[1][1]);
    cr_assert(blue[0][0] >= 1 && blue[0][0] <= 1000 && blue[0][1] > 1000 && blue[0][1] <= 2000);
}

Test(table_text, more_rows_than_numbers_are_exact_are_refused)
{
    table_text_t self;
    err_t err;
    table_file_t file = s_file("train.csv", "y,a\n1,2\n");
    cr_assert_eq(table_text_learn(&self, &file, &(dataset_columns_t){"y", "a", "", TABLE_ROWS_MAX}, &err),
                 ERR_LIMIT);
    cr_assert_str_eq(err.text, "train.csv: 16777216 categories; at most 16777215");
    table_text_fini(&self);
}
