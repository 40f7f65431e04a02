#include "actors/model/dataset.h"
#include "brokers/job.h"
#include "tests/unit/actors/model/files.h"

#include <math.h>

#define REAL_DIR "/usr/share/datasets/fashion-mnist"
#define TRAIN 101
#define TEST 20
#define SIZE 6 /* 2 x 3 */

/* Image i has the pixels 6 i, 6 i + 1 ... modulo 251, label i is 3 i modulo 10. */
static files_t s_files(bool packed)
{
    files_t files = files_new();
    files_write_idx(&files, packed ? TRAIN_IMAGES ".gz" : TRAIN_IMAGES, packed, 3, (size_t[]){TRAIN, 2, 3}, 1,
                    251);
    files_write_idx(&files, packed ? TRAIN_LABELS ".gz" : TRAIN_LABELS, packed, 1, (size_t[]){TRAIN}, 3, 10);
    files_write_idx(&files, packed ? TEST_IMAGES ".gz" : TEST_IMAGES, packed, 3, (size_t[]){TEST, 2, 3}, 5,
                    251);
    files_write_idx(&files, packed ? TEST_LABELS ".gz" : TEST_LABELS, packed, 1, (size_t[]){TEST}, 7, 10);
    return files;
}

static dataset_spec_t s_spec(const files_t *files, const double *shares, size_t region_count)
{
    return (dataset_spec_t){.kind = "idx",
                            .dir = files->dir,
                            .cache_dir = files->cache,
                            .seed = 42,
                            .region_shares = shares,
                            .region_count = region_count};
}

static dataset_t *s_open(const dataset_spec_t *spec)
{
    dataset_t *dataset = NULL;
    err_t err;
    cr_assert_eq(dataset_open(spec, &dataset, &err), ERR_OK, "%s", err.text);
    return dataset;
}

static void s_check_refused(const dataset_spec_t *spec, err_code_t code, const char *a, const char *b)
{
    dataset_t *dataset = NULL;
    err_t err;
    cr_assert_eq(dataset_open(spec, &dataset, &err), code);
    cr_assert(strstr(err.text, a) && strstr(err.text, b), "%s", err.text);
    cr_assert_null(dataset);
}

/* The number of a training image, from its pixels. */
static size_t s_number(const float *x, uint32_t label)
{
    for (size_t i = 0; i < TRAIN; i++) {
        bool same = label == i * 3 % 10;
        for (size_t k = 0; k < SIZE; k++)
            same = same && x[k] == (float)((i * SIZE + k) % 251) / 255.0f;
        if (same)
            return i;
    }
    cr_assert_fail("no such image");
    return 0;
}

/* Reads all samples of all regions and marks them; each must be seen once. Also says in which region each is.
 */
static void s_check_cover(dataset_spec_t spec, size_t *ret_region_of)
{
    size_t seen[TRAIN] = {0};
    for (spec.region_index = 0; spec.region_index < spec.region_count; spec.region_index++) {
        dataset_t *dataset = s_open(&spec);
        cr_assert_eq(dataset_samples(dataset),
                     job_region_samples(spec.region_shares, spec.region_count, spec.region_index, TRAIN));
        for (uint32_t i = 0; i < dataset_samples(dataset); i++) {
            float x[SIZE];
            uint32_t label;
            dataset_gather(dataset, &i, 1, x, &label);
            size_t number = s_number(x, label);
            seen[number]++;
            ret_region_of[number] = spec.region_index;
        }
        dataset_destroy(&dataset);
    }
    for (size_t i = 0; i < TRAIN; i++)
        cr_assert_eq(seen[i], 1, "sample %zu: %zu times", i, seen[i]);
}

Test(dataset, plain_and_packed_give_the_same)
{
    for (int packed = 0; packed < 2; packed++) {
        files_t files = s_files(packed);
        dataset_spec_t spec = s_spec(&files, (double[]){1}, 1);
        dataset_t *dataset = s_open(&spec);
        cr_assert(dataset_samples(dataset) == TRAIN && dataset_facts(dataset)->total == TRAIN);
        cr_assert(dataset_test_samples(dataset) == TEST && dataset_sample_size(dataset) == SIZE);
        float x[5 * SIZE];
        uint32_t labels[5];
        dataset_gather_test(dataset, 15, 5, x, labels);
        for (size_t i = 0; i < 5; i++) {
            cr_assert_eq(labels[i], (15 + i) * 7 % 10);
            for (size_t k = 0; k < SIZE; k++)
                cr_assert_eq(x[i * SIZE + k], (float)(((15 + i) * SIZE + k) * 5 % 251) / 255.0f);
        }
        dataset_destroy(&dataset);
        files_destroy(&files);
    }
}

Test(dataset, shares_are_disjoint_cover_all_and_are_mixed)
{
    files_t files = s_files(false);
    size_t region_of[TRAIN], again[TRAIN], other[TRAIN], changes = 0, same = 0;
    dataset_spec_t spec = s_spec(&files, (double[]){2, 1}, 2);
    s_check_cover(spec, region_of);
    s_check_cover(spec, again);
    spec.seed = 43;
    s_check_cover(spec, other);
    for (size_t i = 0; i < TRAIN; i++) {
        cr_assert_eq(region_of[i], again[i]);
        same += region_of[i] == other[i];
        changes += i > 0 && region_of[i] != region_of[i - 1];
    }
    cr_assert_gt(changes, 20, "shuffled before it is cut: %zu", changes);
    cr_assert_lt(same, TRAIN, "another seed is another cut");
    spec.region_shares = (double[]){0.2, 0.5, 0.01, 0.29};
    spec.region_count = 4;
    s_check_cover(spec, region_of);
    files_destroy(&files);
}

Test(dataset, by_label_is_sorted_before_it_is_cut)
{
    files_t files = s_files(false);
    size_t region_of[TRAIN];
    dataset_spec_t spec = s_spec(&files, (double[]){2, 1}, 2);
    spec.split = SPLIT_LABEL;
    s_check_cover(spec, region_of);
    for (size_t i = 0; i < TRAIN; i++)
        for (size_t k = 0; k < TRAIN; k++)
            if (i * 3 % 10 < k * 3 % 10 || (i * 3 % 10 == k * 3 % 10 && i < k))
                cr_assert_leq(region_of[i], region_of[k], "samples %zu and %zu", i, k);
    files_destroy(&files);
}

Test(dataset, gathers_in_the_order_asked_for)
{
    files_t files = s_files(false);
    dataset_spec_t spec = s_spec(&files, (double[]){1}, 1);
    spec.split = SPLIT_LABEL;
    dataset_t *dataset = s_open(&spec);
    const uint32_t indices[] = {100, 0, 7, 0};
    float x[4 * SIZE], one[SIZE];
    uint32_t labels[4], label;
    dataset_gather(dataset, indices, 4, x, labels);
    for (size_t i = 0; i < 4; i++) {
        dataset_gather(dataset, indices + i, 1, one, &label);
        cr_assert(label == labels[i] && memcmp(one, x + i * SIZE, sizeof one) == 0, "%zu", i);
    }
    cr_assert(labels[0] == 9 && labels[1] == 0);
    dataset_destroy(&dataset);
    files_destroy(&files);
}

Test(dataset, only_the_first_samples)
{
    files_t files = s_files(false);
    dataset_spec_t spec = s_spec(&files, (double[]){1}, 1);
    spec.samples = 10;
    dataset_t *dataset = s_open(&spec);
    cr_assert_eq(dataset_samples(dataset), 10);
    for (uint32_t i = 0; i < 10; i++) {
        float x[SIZE];
        uint32_t label;
        dataset_gather(dataset, &i, 1, x, &label);
        cr_assert_lt(s_number(x, label), 10);
    }
    dataset_destroy(&dataset);
    spec.samples = TRAIN + 1;
    err_t err;
    cr_assert_eq(dataset_open(&spec, &dataset, &err), ERR_CONFIG);
    cr_assert(strstr(err.text, "102") && strstr(err.text, "101"), "%s", err.text);
    files_destroy(&files);
}

Test(dataset, counter)
{
    dataset_spec_t spec = {
        .kind = "counter", .samples = 1000, .seed = 1, .region_shares = (double[]){2, 1}, .region_count = 2};
    size_t seen[1000] = {0};
    for (int split = 0; split < 2; split++)
        for (spec.region_index = 0; spec.region_index < 2; spec.region_index++) {
            spec.split = split ? SPLIT_LABEL : SPLIT_SHARE;
            dataset_t *dataset = s_open(&spec);
            cr_assert_eq(dataset_samples(dataset), spec.region_index ? 333 : 667);
            cr_assert(dataset_test_samples(dataset) == 0 && dataset_sample_size(dataset) == 1);
            for (uint32_t i = 0; i < dataset_samples(dataset); i++) {
                float x;
                uint32_t label;
                dataset_gather(dataset, &i, 1, &x, &label);
                cr_assert(label < 1000 && x == (float)label);
                cr_assert(!split || label == i + spec.region_index * 667);
                seen[label]++;
            }
            dataset_destroy(&dataset);
        }
    for (size_t i = 0; i < 1000; i++)
        cr_assert_eq(seen[i], 2, "%zu", i);
}

Test(dataset, region_samples_add_up)
{
    const double shares[][5] = {
        {1, 1, 1, 1, 1}, {2, 1, 0.5, 0.1, 7}, {1e-9, 1, 1e9, 3, 3}, {0.1, 0.2, 0.3, 0.2, 0.2}};
    const uint64_t totals[] = {0, 1, 2, 3, 7, 60000, 60001, UINT64_C(4294967295)};
    for (size_t s = 0; s < 4; s++)
        for (size_t t = 0; t < sizeof totals / sizeof *totals; t++)
            for (size_t count = 1; count <= 5; count++) {
                uint64_t sum = 0;
                double whole = 0;
                for (size_t i = 0; i < count; i++)
                    whole += shares[s][i];
                for (size_t i = 0; i < count; i++) {
                    uint64_t got = job_region_samples(shares[s], count, i, totals[t]);
                    double quota = (double)totals[t] * shares[s][i] / whole;
                    cr_assert(fabs((double)got - quota) < 1 + 1e-6, "%llu for %g", (unsigned long long)got,
                              quota);
                    sum += got;
                }
                cr_assert_eq(sum, totals[t]);
            }
    cr_assert_eq(job_region_samples((double[]){2, 1}, 2, 0, 60000), 40000);
    cr_assert_eq(job_region_samples((double[]){1, 1, 1}, 3, 0, 10), 4, "the first of equals gets the rest");
    cr_assert_eq(job_region_samples((double[]){1, 1, 1}, 3, 2, 10), 3);
}

Test(dataset, refuses_each_missing_file)
{
    const char *names[] = {TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS};
    for (size_t i = 0; i < 4; i++) {
        files_t files = s_files(false);
        dataset_spec_t spec = s_spec(&files, (double[]){1}, 1);
        cr_assert_eq(remove(files_path(&files, names[i])), 0);
        s_check_refused(&spec, ERR_NOT_FOUND, names[i], "apt-get install dataset-fashion-mnist");
        files_destroy(&files);
    }
}

Test(dataset, refuses_each_truncated_file)
{
    const char *names[] = {TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS};
    for (size_t i = 0; i < 4; i++) {
        files_t files = s_files(false);
        dataset_spec_t spec = s_spec(&files, (double[]){1}, 1);
        files_cut(&files, names[i], -1);
        s_check_refused(&spec, ERR_MALFORMED, names[i], "truncated");
        files_destroy(&files);
    }
}

Test(dataset, refuses_files_that_do_not_belong_together)
{
    files_t files = s_files(false);
    dataset_spec_t spec = s_spec(&files, (double[]){1}, 1);
    files_write_idx(&files, TRAIN_LABELS, false, 1, (size_t[]){TRAIN - 1}, 3, 10);
    s_check_refused(&spec, ERR_MALFORMED, "101 images", "100 labels");
    files_write_idx(&files, TRAIN_LABELS, false, 1, (size_t[]){TRAIN}, 3, 10);
    files_write_idx(&files, TEST_IMAGES, false, 3, (size_t[]){TEST, 3, 2}, 5, 251);
    s_check_refused(&spec, ERR_MALFORMED, "2 x 3", "3 x 2");
    files_destroy(&files);
}

/* Labels are what they are, whatever a model makes of them. */
Test(dataset, any_label_is_read_and_told)
{
    files_t files = s_files(false);
    dataset_spec_t spec = s_spec(&files, (double[]){1}, 1);
    dataset_facts_t facts;
    cr_assert_eq(dataset_look(&spec, true, &facts, NULL), ERR_OK);
    cr_assert(facts.total == TRAIN && facts.tests == TEST && facts.height == 2 && facts.width == 3);
    cr_assert(facts.label_least == 0 && facts.label_most == 9 && !strcmp(facts.kind, "idx"));
    cr_assert_eq(facts.absent, 10, "no class is");
    files_write_idx(&files, TRAIN_LABELS, false, 1, (size_t[]){TRAIN}, 5, 256);
    spec.split = SPLIT_LABEL;
    dataset_t *dataset = s_open(&spec);
    cr_assert_eq(dataset_facts(dataset)->label_most, 255);
    uint32_t last = TRAIN - 1, label;
    float x[SIZE];
    dataset_gather(dataset, &last, 1, x, &label);
    cr_assert_eq(label, 255);
    dataset_destroy(&dataset);
    cr_assert_eq(dataset_look(&spec, true, &facts, NULL), ERR_OK);
    cr_assert_eq(facts.label_most, 255);
    cr_assert_eq(facts.absent, 1, "labels are 0, 5, 10 ...");
    cr_assert_neq(access(files.cache, F_OK), 0, "a look leaves nothing behind");
    files_destroy(&files);
}

/* Pictures of several channels, and labels of more than a byte. */
Test(dataset, colours_and_many_classes)
{
    files_t files = s_files(false);
    dataset_spec_t spec = s_spec(&files, (double[]){1}, 1);
    const uint8_t train[] = {0, 0, 12, 1, 0, 0, 0, 2, 0, 0, 3, 232, 0, 0, 0, 0},
                  test[] = {0, 0, 11, 1, 0, 0, 0, 1, 1, 0}, wrong[] = {0, 0, 11, 1, 0, 0, 0, 1, 255, 255};
    remove(files_path(&files, TRAIN_IMAGES)), remove(files_path(&files, TEST_IMAGES));
    remove(files_path(&files, TRAIN_LABELS)), remove(files_path(&files, TEST_LABELS));
    files_write_idx(&files, "train-images-idx4-ubyte", false, 4, (size_t[]){2, 3, 2, 4}, 1, 251);
    files_write_idx(&files, "t10k-images-idx4-ubyte", false, 4, (size_t[]){1, 3, 2, 4}, 1, 251);
    files_write(&files, "train-labels-idx1-int", train, sizeof train);
    files_write(&files, "t10k-labels-idx1-short", test, sizeof test);
    dataset_t *dataset = s_open(&spec);
    const dataset_facts_t *facts = dataset_facts(dataset);
    cr_assert(facts->channels == 3 && facts->height == 2 && facts->width == 4 &&
              dataset_sample_size(dataset) == 24);
    cr_assert(facts->label_least == 0 && facts->label_most == 1000);
    float x[24];
    uint32_t label;
    dataset_gather_test(dataset, 0, 1, x, &label);
    cr_assert(label == 256 && x[23] == 23.0f / 255);
    dataset_destroy(&dataset);
    files_write(&files, "t10k-labels-idx1-short", wrong, sizeof wrong);
    s_check_refused(&spec, ERR_MALFORMED, "test sample 0 has label -1", "from 0");
    files_destroy(&files);
}

/* Files that are a region's own are all its samples, in order, and as many as was said of them. */
Test(dataset, a_region_owns_all_of_its_files)
{
    files_t files = s_files(false);
    dataset_spec_t spec = s_spec(&files, (double[]){1, 3}, 2);
    spec.split = SPLIT_OWN;
    spec.region_index = 1;
    spec.region_samples = TRAIN;
    spec.no_tests = true;
    cr_assert(!remove(files_path(&files, TEST_IMAGES)) && !remove(files_path(&files, TEST_LABELS)));
    dataset_t *dataset = s_open(&spec);
    cr_assert(dataset_samples(dataset) == TRAIN && dataset_test_samples(dataset) == 0);
    for (uint32_t i = 0; i < TRAIN; i++) {
        float x[SIZE];
        uint32_t label;
        dataset_gather(dataset, &i, 1, x, &label);
        cr_assert_eq(s_number(x, label), i);
    }
    dataset_destroy(&dataset);
    spec.region_samples = TRAIN + 1;
    s_check_refused(&spec, ERR_CONFIG, "has 101 training samples", "regions[1].data.samples says 102");
    files_destroy(&files);
}

Test(dataset, classes_are_counted_by_region)
{
    files_t files = s_files(true);
    dataset_spec_t spec = s_spec(&files, (double[]){2, 1}, 2);
    uint64_t sum[10] = {0}, *counts, all = 0;
    for (spec.region_index = 0; spec.region_index < 2; spec.region_index++) {
        dataset_facts_t facts;
        cr_assert_eq(dataset_count(&spec, &facts, &counts, NULL), ERR_OK);
        cr_assert(facts.label_most == 9 && facts.total == TRAIN);
        for (size_t c = 0; c < 10; c++)
            sum[c] += counts[c];
        free(counts);
    }
    for (size_t c = 0; c < 10; c++) {
        cr_assert(sum[c] == 10 || sum[c] == 11);
        all += sum[c];
    }
    cr_assert_eq(all, TRAIN);
    cr_assert_neq(access(files.cache, F_OK), 0, "counting leaves nothing behind");
    spec.region_index = 0;
    files_cut(&files, TRAIN_IMAGES ".gz", -1);
    dataset_facts_t facts;
    cr_assert_eq(dataset_count(&spec, &facts, &counts, NULL), ERR_MALFORMED, "it reads all through");
    files_destroy(&files);
}

/* Neither memory nor time in proportion to a number in a file. */
Test(dataset, a_look_at_a_counter_counts_nothing)
{
    dataset_spec_t spec = {.kind = "counter", .samples = UINT32_MAX};
    dataset_facts_t facts;
    cr_assert_eq(dataset_look(&spec, true, &facts, NULL), ERR_OK);
    cr_assert(facts.total == UINT32_MAX && facts.height == 1 && facts.width == 1 && facts.tests == 0);
}

Test(dataset, refuses_a_wrong_spec)
{
    dataset_spec_t spec = {
        .kind = "counter", .samples = 10, .region_shares = (double[]){1, 2}, .region_count = 2};
    spec.kind = "csv";
    s_check_refused(&spec, ERR_CONFIG, "csv", "idx, ");
    spec.kind = NULL;
    s_check_refused(&spec, ERR_CONFIG, "''", "counter");
    spec.kind = "idx";
    s_check_refused(&spec, ERR_CONFIG, "data.dir", "write");
    spec.kind = "counter";
    spec.samples = 0;
    s_check_refused(&spec, ERR_CONFIG, "data.samples", "write");
    spec.samples = UINT64_C(1) << 32;
    s_check_refused(&spec, ERR_LIMIT, "4294967296", "at most");
    spec.samples = 10;
    spec.region_index = 2;
    s_check_refused(&spec, ERR_CONFIG, "region 2", "of 2");
    const double wrong[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        spec.region_index = 0;
        spec.region_shares = (double[]){1, wrong[i]};
        s_check_refused(&spec, ERR_CONFIG, "share", "above 0");
    }
}

/* The real thing, where Debian's package is installed. */
Test(dataset, fashion_mnist)
{
    if (access(REAL_DIR, R_OK) != 0)
        cr_skip_test("dataset-fashion-mnist is not installed");
    files_t files = files_new();
    dataset_spec_t spec = s_spec(&files, (double[]){2, 1}, 2);
    spec.dir = REAL_DIR;
    dataset_t *dataset = s_open(&spec);
    cr_assert(dataset_samples(dataset) == 40000 && dataset_facts(dataset)->total == 60000);
    cr_assert(dataset_test_samples(dataset) == 10000 && dataset_sample_size(dataset) == 784);
    size_t by_label[10] = {0};
    double sum = 0;
    float x[784];
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t label;
        dataset_gather_test(dataset, i, 1, x, &label);
        by_label[label]++;
        for (size_t k = 0; k < 784; k++)
            sum += x[k];
    }
    for (size_t c = 0; c < 10; c++)
        cr_assert_eq(by_label[c], 1000);
    /* The published mean of the pixels is 0.286. */
    cr_assert(fabs(sum / 7840000 - 0.2868) < 0.001, "%g", sum / 7840000);
    dataset_destroy(&dataset);
    files_destroy(&files);
}
