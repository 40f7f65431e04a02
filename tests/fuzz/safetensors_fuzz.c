/* Parameters in files from nowhere: all values of the layout, or one line of error.
 *
 * An input is: one byte, whose lowest bit says that the header's length is set right (what is before the last
 * 32 bytes, which are the values); the file. */
#include "codec/tensor/safetensors.h"
#define FUZZ_RUNS 1500
#include "tests/fuzz/fuzz.h"

#define COUNT 8

static layout_t s_layout(void)
{
    layout_t layout = {0};
    CHECK(layout_add(&layout, "a.weight", 2, (size_t[]){2, 3}, NULL) == ERR_OK);
    CHECK(layout_add(&layout, "a.bias", 1, (size_t[]){2}, NULL) == ERR_OK);
    return layout;
}

static void s_set_length(uint8_t *bytes, size_t size)
{
    uint64_t length = size < 8 + COUNT * sizeof(float) ? 0 : size - 8 - COUNT * sizeof(float);
    for (size_t i = 0; i < 8 && length; i++)
        bytes[i] = (uint8_t)(length >> (8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    layout_t layout = s_layout();
    float values[COUNT], back[COUNT];
    err_t err = {0};
    uint8_t *file = fuzz_copy(bytes + 1, size - 1);
    if (bytes[0] & 1)
        s_set_length(file, size - 1);
    err_code_t code = safetensors_read(fuzz_write("model", file, size - 1), &layout, values, &err);
    free(file);
    CHECK(!code || code == ERR_MALFORMED || code == ERR_SHAPE || code == ERR_CHECKSUM);
    if (!fuzz_took(code, &err))
        return 0;
    CHECK(safetensors_write(fuzz_path("again"), &layout, values, NULL, true, &err) == ERR_OK);
    CHECK(safetensors_read(fuzz_path("again"), &layout, back, &err) == ERR_OK);
    CHECK(memcmp(values, back, sizeof values) == 0);
    return 0;
}

static const char s_header[] = "{\"a.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                               "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]}}";

/* As this program writes them, or as another one might: in another order and without a checksum. */
static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    layout_t layout = s_layout();
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (float)rng_normal(rng);
    uint8_t *bytes;
    if (rng_below(rng, 2)) {
        CHECK(safetensors_write(fuzz_path("seed"), &layout, values, NULL, true, NULL) == ERR_OK);
        bytes = fuzz_read(fuzz_path("seed"), 1, ret_size);
    } else {
        size_t length = sizeof s_header - 1;
        *ret_size = 1 + 8 + length + sizeof values;
        bytes = calloc(1, *ret_size);
        CHECK(bytes);
        memcpy(bytes + 9, s_header, length);
        memcpy(bytes + 9 + length, values, sizeof values);
        s_set_length(bytes + 1, *ret_size - 1);
    }
    bytes[0] = (uint8_t)rng_u64(rng);
    return bytes;
}
