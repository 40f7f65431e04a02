#include "actors/model/data/kind.h"
#include "tests/unit/actors/model/files.h"

static void s_write(const files_t *files, const char *name, const char *header, const void *data, size_t size)
{
    uint8_t bytes[1024] = {(uint8_t)strlen(header), (uint8_t)(strlen(header) >> 8)};
    memcpy(bytes + 8, header, strlen(header));
    memcpy(bytes + 8 + strlen(header), data, size);
    files_write(files, name, bytes, 8 + strlen(header) + size);
}

#define ENTRY(name, type, shape, first, end)                                                                 \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" #first "," #end "]}"

static dataset_spec_t s_spec(const files_t *files)
{
    static const double whole = 1;
    return (dataset_spec_t){.kind = "tensors",
                            .dir = files->dir,
                            .cache_dir = files->cache,
                            .region_shares = &whole,
                            .region_count = 1};
}

static void s_check_refused(const files_t *files, const char *says)
{
    dataset_spec_t spec = s_spec(files);
    dataset_facts_t facts;
    err_t err = {0};
    cr_assert_eq(dataset_look(&spec, true, &facts, &err), ERR_MALFORMED, "%s: %s", says, err.text);
    cr_assert(strstr(err.text, says) && !strchr(err.text, '\n'), "%s", err.text);
}

/* A header of odd length: the data lie at no alignment. */
Test(tensors, floats_and_bytes_of_any_shape)
{
    files_t files = files_new();
    struct __attribute__((packed)) {
        float x[6];
        int64_t y[2];
    } train = {{0, 1, 2, 3, 4, -5.5f}, {7, 300}};
    uint8_t test[] = {1, 0, 2, 4, 255, 51};
    s_write(&files, "train.safetensors",
            "{" ENTRY("y", "I64", "2,1", 24, 40) ", " ENTRY("x", "F32", "2,1,3", 0, 24) "} ", &train,
            sizeof train);
    s_write(&files, "test.safetensors",
            "{" ENTRY("x", "U8", "1,1,3", 3, 6) "," ENTRY("y", "U8", "1", 0, 1) "}", test, sizeof test);
    dataset_spec_t spec = s_spec(&files);
    dataset_t *dataset = NULL;
    err_t err = {0};
    cr_assert_eq(dataset_open(&spec, &dataset, &err), ERR_OK, "%s", err.text);
    const dataset_facts_t *facts = dataset_facts(dataset);
    cr_assert(facts->total == 2 && facts->tests == 1 && facts->channels == 1 && facts->height == 1 &&
              facts->width == 3 && facts->label_least == 1 && facts->label_most == 300);
    float x[3];
    uint32_t label;
    dataset_gather_test(dataset, 0, 1, x, &label);
    cr_assert(label == 1 && x[0] == 4.0f / 255 && x[1] == 1 && x[2] == 0.2f);
    for (uint32_t i = 0; i < 2; i++) {
        dataset_gather(dataset, &i, 1, x, &label);
        cr_assert(label == 7 ? x[2] == 2 : label == 300 && x[2] == -5.5f);
    }
    dataset_destroy(&dataset);
    files_destroy(&files);
}

Test(tensors, halves)
{
    files_t files = files_new();
    const uint16_t half[] = {0x3c00, 0xc000}, upper[] = {0x3f80, 0xc000};
    const uint8_t y = 0;
    uint8_t bytes[5];
    memcpy(bytes, half, 4), bytes[4] = y;
    s_write(&files, "train.safetensors",
            "{" ENTRY("x", "F16", "1,2", 0, 4) "," ENTRY("y", "U8", "1", 4, 5) "}", bytes, 5);
    memcpy(bytes, upper, 4);
    s_write(&files, "test.safetensors",
            "{" ENTRY("x", "BF16", "1,2", 0, 4) "," ENTRY("y", "U8", "1", 4, 5) "}", bytes, 5);
    dataset_spec_t spec = s_spec(&files);
    dataset_t *dataset = NULL;
    err_t err = {0};
    cr_assert_eq(dataset_open(&spec, &dataset, &err), ERR_OK, "%s", err.text);
    float x[2];
    uint32_t label, zero = 0;
    dataset_gather(dataset, &zero, 1, x, &label);
    cr_assert(x[0] == 1 && x[1] == -2);
    dataset_gather_test(dataset, 0, 1, x, &label);
    cr_assert(x[0] == 1 && x[1] == -2);
    dataset_destroy(&dataset);
    files_destroy(&files);
}

Test(tensors, what_cannot_be_is_said)
{
    static const struct {
        const char *header, *says;
    } rows[] = {
        {"{" ENTRY("y", "U8", "2", 0, 2) "}", "no tensor is called x"},
        {"{" ENTRY("x", "F32", "2,1", 0, 8) "}", "no tensor is called y"},
        {"{" ENTRY("x", "C64", "2,1", 0, 8) "," ENTRY("y", "U8", "2", 8, 10) "}", "x is of type C64"},
        {"{" ENTRY("x", "F32", "2,2", 0, 8) "," ENTRY("y", "U8", "2", 8, 10) "}", "do not fit its 8 bytes"},
        {"{" ENTRY("x", "F32", "2,1", 8, 16) "," ENTRY("y", "U8", "2", 8, 10) "}", "offsets do not fit"},
        {"{" ENTRY("x", "F32", "2,1", 0, 8) "," ENTRY("y", "U8", "1", 8, 9) "}", "x has 2 samples and y 1"},
        {"{" ENTRY("x", "F32", "2,1", 0, 8) "," ENTRY("y", "F32", "2", 0, 8) "}", "y has fractions"},
        {"{" ENTRY("x", "F32", "", 0, 4) "," ENTRY("y", "U8", "2", 8, 10) "}", "x has no shape of samples"},
        {"{" ENTRY("x", "F32", "0,3", 0, 0) "," ENTRY("y", "U8", "0", 8, 8) "}", "x has no shape of samples"},
        {"{" ENTRY("x", "F32", "2,1", 0, 8) "," ENTRY("y", "I8", "2", 8, 10) "}", "label -1"},
        {"{" ENTRY("x", "F32", "2,-1", 0, 8) "}", "no such shape"},
        {"{" ENTRY("x", "F32", "4294967296,4294967296,4294967296", 0, 8) "}", "no such shape"},
        {"{\"x\":3}", "x has no shape"},
        {"{\"x\":", "header"},
    };
    files_t files = files_new();
    const uint8_t data[10] = {0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f, 0xff, 0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s_write(&files, "train.safetensors", rows[i].header, data, sizeof data);
        s_write(&files, "test.safetensors", rows[i].header, data, sizeof data);
        s_check_refused(&files, rows[i].says);
    }
    files_cut(&files, "train.safetensors", 7);
    s_check_refused(&files, "declares a header of");
    const float infinite[] = {1, 1.0f / 0.0f, 0};
    const char *header = "{" ENTRY("x", "F32", "2,1", 0, 8) "," ENTRY("y", "U8", "2", 8, 10) "}";
    s_write(&files, "train.safetensors", header, infinite, sizeof infinite);
    s_check_refused(&files, "x has a value that is not finite, in sample 1");
    files_destroy(&files);
}
