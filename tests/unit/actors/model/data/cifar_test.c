#include "actors/model/data/kind.h"
#include "tests/unit/actors/model/files.h"

#define PICTURE 3072

/* Record i: its labels, and a picture whose byte k is (i + k) modulo 256. */
static void s_write(const files_t *files, const char *name, size_t labels, size_t count, uint8_t first)
{
    size_t record = labels + PICTURE;
    uint8_t *bytes = calloc(count, record);
    cr_assert(bytes);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < labels; k++)
            bytes[i * record + k] = (uint8_t)((first + i) % 10);
        for (size_t k = 0; k < PICTURE; k++)
            bytes[i * record + labels + k] = (uint8_t)(first + i + k);
    }
    size_t length = strlen(name);
    if (length > 3 && !strcmp(name + length - 3, ".gz"))
        files_write_gz(files, name, bytes, count * record);
    else
        files_write(files, name, bytes, count * record);
    free(bytes);
}

static dataset_spec_t s_spec(const files_t *files, const char *kind)
{
    static const double whole = 1;
    return (dataset_spec_t){.kind = kind,
                            .dir = files->dir,
                            .cache_dir = files->cache,
                            .region_shares = &whole,
                            .region_count = 1};
}

static void s_check_refused(const files_t *files, const char *kind, err_code_t code, const char *says)
{
    dataset_spec_t spec = s_spec(files, kind);
    dataset_t *dataset = NULL;
    err_t err = {0};
    cr_assert_eq(dataset_open(&spec, &dataset, &err), code, "%s", err.text);
    cr_assert(strstr(err.text, says) && !strchr(err.text, '\n'), "%s", err.text);
}

Test(cifar, batches_are_one_after_another_packed_or_not)
{
    files_t files = files_new();
    s_write(&files, "data_batch_1.bin", 1, 3, 0);
    s_write(&files, "data_batch_2.bin.gz", 1, 2, 3);
    s_write(&files, "test_batch.bin", 1, 4, 100);
    dataset_spec_t spec = s_spec(&files, "cifar10");
    dataset_t *dataset = NULL;
    err_t err = {0};
    cr_assert_eq(dataset_open(&spec, &dataset, &err), ERR_OK, "%s", err.text);
    const dataset_facts_t *facts = dataset_facts(dataset);
    cr_assert(facts->total == 5 && facts->tests == 4 && facts->channels == 3 && facts->height == 32 &&
              facts->width == 32 && facts->label_most == 4);
    float *x = malloc(PICTURE * sizeof *x);
    bool seen[5] = {false};
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t label;
        dataset_gather(dataset, &i, 1, x, &label);
        cr_assert(label < 5 && x[0] == (float)label / 255 && x[255] == (float)((label + 255) % 256) / 255);
        seen[label] = true;
    }
    cr_assert(seen[0] && seen[1] && seen[2] && seen[3] && seen[4]);
    uint32_t label;
    dataset_gather_test(dataset, 3, 1, x, &label);
    cr_assert(label == 3 && x[0] == 103.0f / 255);
    free(x);
    dataset_destroy(&dataset);
    dataset_facts_t looked;
    cr_assert_eq(dataset_look(&spec, true, &looked, &err), ERR_OK);
    cr_assert(looked.total == 5 && looked.label_most == 4);
    files_destroy(&files);
}

Test(cifar, the_fine_label_of_a_hundred_is_taken)
{
    files_t files = files_new();
    uint8_t bytes[2 + PICTURE] = {19, 99};
    files_write(&files, "train.bin", bytes, sizeof bytes);
    files_write(&files, "test.bin", bytes, sizeof bytes);
    dataset_spec_t spec = s_spec(&files, "cifar100");
    dataset_facts_t facts;
    err_t err = {0};
    cr_assert_eq(dataset_look(&spec, false, &facts, &err), ERR_OK, "%s", err.text);
    cr_assert(facts.label_least == 99 && facts.label_most == 99 && facts.total == 1);
    bytes[0] = 20;
    files_write(&files, "test.bin", bytes, sizeof bytes);
    s_check_refused(&files, "cifar100", ERR_MALFORMED, "record 0 has label 20, and labels are below 20");
    files_destroy(&files);
}

Test(cifar, what_is_not_there_or_not_whole_is_said)
{
    files_t files = files_new();
    s_check_refused(&files, "cifar10", ERR_NOT_FOUND, "data_batch_1.bin");
    s_write(&files, "data_batch_1.bin", 1, 3, 0);
    s_check_refused(&files, "cifar10", ERR_NOT_FOUND, "test_batch.bin");
    s_write(&files, "test_batch.bin", 1, 1, 0);
    s_write(&files, "data_batch_4.bin", 1, 1, 0);
    s_check_refused(&files, "cifar10", ERR_MALFORMED,
                    "data_batch_2.bin is missing, and data_batch_4.bin is there");
    remove(files_path(&files, "data_batch_4.bin"));
    files_cut(&files, "data_batch_1.bin", -1);
    s_check_refused(&files, "cifar10", ERR_MALFORMED, "data_batch_1.bin: truncated");
    files_cut(&files, "data_batch_1.bin", 0);
    s_check_refused(&files, "cifar10", ERR_MALFORMED, "0 bytes");
    s_write(&files, "data_batch_1.bin", 1, 3, 0);
    s_write(&files, "test_batch.bin", 2, 3073, 0);
    s_check_refused(&files, "cifar10", ERR_MALFORMED, "labels are below 10");
    files_destroy(&files);
}
