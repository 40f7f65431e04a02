/* Samples in files from nowhere, of the kinds whose files hold pictures and labels together: all samples can
 * be read, or one line of error.
 *
 * An input is: one byte that chooses the kind; the file, for training and test alike. */
#include "actors/model/data/kind.h"
#include "store/file.h"
#define FUZZ_RUNS 1500
#include "tests/fuzz/fuzz.h"

static const struct {
    const data_kind_t *kind;
    const char *train, *test;
} s_rows[] = {{&data_tensors, "train.safetensors", "test.safetensors"},
              {&data_cifar10, "data_batch_1.bin", "test_batch.bin"},
              {&data_cifar100, "train.bin", "test.bin"}};

static void s_read_all(const data_kind_t *kind, const void *state, const dataset_facts_t *facts)
{
    const uint64_t counts[DATA_PARTS] = {facts->total, facts->tests};
    float *x = malloc(dataset_facts_size(facts) * sizeof *x);
    CHECK(x && facts->total);
    for (size_t part = 0; part < DATA_PARTS; part++)
        for (uint64_t i = 0; i < counts[part]; i++) {
            kind->gather(state, (data_part_t)part, i, x);
            (void)kind->label(state, (data_part_t)part, i);
        }
    free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    size_t row = bytes[0] % 3;
    char cache[128];
    snprintf(cache, sizeof cache, "%s", fuzz_path("cache"));
    fuzz_write(s_rows[row].train, bytes + 1, size - 1);
    fuzz_write(s_rows[row].test, bytes + 1, size - 1);
    dataset_spec_t spec = {.dir = fuzz_dir(), .cache_dir = cache};
    dataset_facts_t facts = {0};
    void *state = NULL;
    err_t err = {0};
    err_code_t code = s_rows[row].kind->open(&spec, LOOK_NOT, &state, &facts, &err);
    CHECK(!code || code == ERR_MALFORMED || code == ERR_LIMIT);
    if (fuzz_took(code, &err)) {
        s_read_all(s_rows[row].kind, state, &facts);
        s_rows[row].kind->close(state);
    }
    CHECK(file_remove_tree(cache, NULL) == ERR_OK);
    return 0;
}

static const char s_header[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]},"
                               "\"y\":{\"dtype\":\"I16\",\"shape\":[3],\"data_offsets\":[24,30]}}";

static uint8_t *s_seed_tensors(rng_t *rng, size_t *ret_size)
{
    size_t length = sizeof s_header - 1;
    *ret_size = 1 + 8 + length + 30;
    uint8_t *bytes = calloc(1, *ret_size);
    CHECK(bytes);
    bytes[1] = (uint8_t)length;
    memcpy(bytes + 9, s_header, length);
    for (size_t i = 0; i < 30; i++)
        bytes[9 + length + i] = (uint8_t)rng_below(rng, 100);
    return bytes;
}

static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    size_t row = rng_below(rng, 3), count = 1 + rng_below(rng, 2);
    if (row == 0)
        return s_seed_tensors(rng, ret_size);
    *ret_size = 1 + count * (row + 3072);
    uint8_t *bytes = malloc(*ret_size);
    CHECK(bytes);
    for (size_t i = 0; i < *ret_size; i++)
        bytes[i] = (uint8_t)rng_below(rng, 10);
    bytes[0] = (uint8_t)row;
    return bytes;
}
