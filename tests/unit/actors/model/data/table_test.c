#include "actors/model/dataset.h"
#include "store/file.h"
#include "tests/unit/actors/model/reference.h"

#include <glob.h>
#include <unistd.h>
#include <zlib.h>

/* A directory with a table, and one for what is made of it. */
typedef struct {
    char dir[64], cache[80];
} place_t;

static void s_write(const place_t *place, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", place->dir, name);
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static place_t s_place(const char *train, const char *test)
{
    place_t place = {.dir = "/tmp/cloudless-table-XXXXXX"};
    cr_assert(mkdtemp(place.dir));
    snprintf(place.cache, sizeof place.cache, "%s/cache", place.dir);
    s_write(&place, "train.csv", train);
    s_write(&place, "test.csv", test);
    return place;
}

static void s_remove(const place_t *place)
{
    cr_assert_eq(file_remove_tree(place->dir, NULL), ERR_OK);
}

static const double ONE[] = {1};

static dataset_spec_t s_spec(const place_t *place)
{
    return (dataset_spec_t){.kind = "table",
                            .dir = place->dir,
                            .cache_dir = place->cache,
                            .columns = {"y", "user", "age", 0},
                            .region_shares = ONE,
                            .region_count = 1};
}

static dataset_t *s_open(const place_t *place)
{
    dataset_t *data = NULL;
    err_t err;
    dataset_spec_t spec = s_spec(place);
    cr_assert_eq(dataset_open(&spec, &data, &err), ERR_OK, "%s", err.text);
    return data;
}

#define TRAIN "user,age,y\nann,10,1\nbob,30,0\n"
#define TESTS "y,age,user\n1,20,bob\n0,,eve\n1,40,ann\n"

static void s_check_samples(const dataset_t *data)
{
    float x[3][2], train[2][2];
    uint32_t labels[3], local[] = {0, 1};
    dataset_gather_test(data, 0, 3, x[0], labels);
    test_all_near("x", 6, x[0], (double[]){2, 0, 0, 0, 1, 2}, 0);
    cr_assert(labels[0] == 1 && labels[1] == 0 && labels[2] == 1);
    dataset_gather(data, local, 2, train[0], labels);
    size_t ann = train[0][0] == 1 ? 0 : 1; /* the region's samples are shuffled */
    cr_assert(train[ann][1] == -1 && labels[ann] == 1 && train[1 - ann][1] == 1 && labels[1 - ann] == 0);
}

Test(table, has_samples_and_facts)
{
    place_t place = s_place(TRAIN, TESTS);
    dataset_t *data = s_open(&place);
    const dataset_facts_t *facts = dataset_facts(data);
    cr_assert_str_eq(facts->kind, "table");
    cr_assert(facts->form == DATA_TABLE && facts->total == 2 && facts->tests == 3 && facts->width == 2);
    cr_assert(facts->categorical == 1 && facts->rows == 3 && facts->missing == 1 && facts->unknown == 1);
    cr_assert(facts->label_least == 0 && facts->label_most == 1);
    s_check_samples(data);
    dataset_destroy(&data);
    s_remove(&place);
}

Test(table, looking_at_it_finds_the_same_and_leaves_nothing)
{
    place_t place = s_place(TRAIN, TESTS);
    dataset_spec_t spec = s_spec(&place);
    dataset_facts_t looked;
    spec.cache_dir = NULL;
    cr_assert_eq(dataset_look(&spec, false, &looked, NULL), ERR_OK);
    cr_assert(access(place.cache, F_OK) < 0);
    dataset_t *data = s_open(&place);
    cr_assert_eq(memcmp(&looked, dataset_facts(data), sizeof looked), 0);
    dataset_destroy(&data);
    s_remove(&place);
}

/* The files made so far, without locks. */
static size_t s_made(const place_t *place, char ret_path[256])
{
    glob_t found;
    char pattern[128];
    snprintf(pattern, sizeof pattern, "%s/table.*[0-9a-f]", place->cache);
    size_t count = glob(pattern, 0, NULL, &found) ? 0 : found.gl_pathc;
    if (count)
        snprintf(ret_path, 256, "%s", found.gl_pathv[0]);
    globfree(&found);
    return count;
}

Test(table, is_parsed_once_until_it_changes)
{
    place_t place = s_place(TRAIN, TESTS);
    char path[256];
    for (size_t i = 0; i < 2; i++) {
        dataset_t *data = s_open(&place);
        cr_assert_eq(s_made(&place, path), 1);
        dataset_destroy(&data);
    }
    s_write(&place, "train.csv", "user,age,y\nann,10,1\nbob,30,0\neve,20,0\n");
    dataset_t *data = s_open(&place);
    cr_assert_eq(s_made(&place, path), 2);
    cr_assert(dataset_facts(data)->unknown == 0 && dataset_facts(data)->rows == 4);
    dataset_destroy(&data);
    s_remove(&place);
}

/* Every byte of it is guarded: rows that are too large would be read beyond an embedding's end. */
Test(table, numbers_that_were_damaged_are_made_again)
{
    place_t place = s_place(TRAIN, TESTS);
    dataset_t *data = s_open(&place);
    dataset_destroy(&data);
    char path[256];
    cr_assert_eq(s_made(&place, path), 1);
    buf_t *right = NULL;
    cr_assert_eq(file_read(path, 1 << 20, &right, NULL), ERR_OK);
    for (size_t i = 0; i <= buf_size(right); i += 3) {
        FILE *file = fopen(path, "r+");
        cr_assert(file && fseek(file, (long)i, SEEK_SET) == 0);
        cr_assert(fputc(i < buf_size(right) ? 255 - ((const uint8_t *)buf_data(right))[i] : 0, file) >= 0);
        cr_assert_eq(fclose(file), 0);
        data = s_open(&place);
        s_check_samples(data);
        dataset_destroy(&data);
    }
    buf_destroy(&right);
    s_remove(&place);
}

Test(table, may_be_gzipped_and_libsvm)
{
    place_t place = s_place(TRAIN, TESTS);
    char path[128];
    snprintf(path, sizeof path, "%s/train.csv", place.dir);
    cr_assert_eq(unlink(path), 0);
    snprintf(path, sizeof path, "%s/train.csv.gz", place.dir);
    gzFile packed = gzopen(path, "wb");
    cr_assert(packed && gzputs(packed, TRAIN) > 0 && gzclose(packed) == Z_OK);
    dataset_t *data = s_open(&place);
    s_check_samples(data);
    dataset_destroy(&data);
    cr_assert_eq(unlink(path), 0);
    s_write(&place, "train.libsvm", "1 1:5 2:3\n0 1:6\n");
    dataset_spec_t spec = s_spec(&place);
    spec.columns = (dataset_columns_t){"", "1", "2", 0};
    spec.no_tests = true;
    cr_assert_eq(dataset_open(&spec, &data, NULL), ERR_OK);
    cr_assert(dataset_facts(data)->rows == 3 && dataset_facts(data)->tests == 0);
    dataset_destroy(&data);
    s_remove(&place);
}

static void s_refused(const char *train, const char *test, err_code_t code, const char *ending)
{
    place_t place = s_place(train, test);
    dataset_spec_t spec = s_spec(&place);
    dataset_facts_t facts;
    dataset_t *data = NULL;
    err_t looked, opened;
    char path[256];
    cr_assert_eq(dataset_look(&spec, false, &facts, &looked), code, "%s", looked.text);
    cr_assert_eq(dataset_open(&spec, &data, &opened), code, "%s", opened.text);
    cr_assert_str_eq(looked.text, opened.text);
    cr_assert(strstr(opened.text, ending), "%s", opened.text);
    cr_assert_eq(s_made(&place, path), 0);
    s_remove(&place);
}

Test(table, mistakes_have_their_place_and_nothing_is_left)
{
    s_refused("user,age,y\nann,10,1\nbob,x,0\n", TESTS, ERR_MALFORMED,
              "/train.csv:3:5: 'x' is no number from -1e30 to 1e30; leave the cell empty where it is missing "
              "(column age, numeric)");
    s_refused(TRAIN, "y,age,user\n1,20\n", ERR_MALFORMED, "/test.csv:2:1: 2 cells, and the header has 3");
    s_refused(TRAIN, "y,age\n1,20\n", ERR_CONFIG, "/test.csv: no column is called 'user'");
    s_refused("", TESTS, ERR_MALFORMED, "/train.csv: empty; its first line has the names of the columns");
}

Test(table, a_file_that_is_missing_is_told)
{
    place_t place = s_place(TRAIN, TESTS);
    dataset_spec_t spec = s_spec(&place);
    dataset_facts_t facts;
    err_t err;
    char path[128];
    snprintf(path, sizeof path, "%s/test.csv", place.dir);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(dataset_look(&spec, false, &facts, &err), ERR_NOT_FOUND);
    cr_assert(
        strstr(err.text, "/test.csv: no such file, nor test.libsvm, nor with .gz; set data.dir to where"),
        "%s", err.text);
    s_remove(&place);
}
