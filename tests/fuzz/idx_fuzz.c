/* Data sets in files from nowhere, plain and packed: bytes as many as the header says, or one line of error.
 *
 * An input is: one byte that says how many dimensions are wanted (lowest bit: 3 or 1) and whether the rest is
 * a packed file (2) or is packed first (4); the file. */
#include "actors/model/idx.h"
#include "store/file.h"
#define FUZZ_RUNS 1500
#include "tests/fuzz/fuzz.h"

#include <zlib.h>

enum { THREE = 1, PACKED = 2, PACK = 4 };

static void s_check(const idx_t *idx, size_t rank)
{
    size_t count = 1;
    unsigned sum = 0;
    CHECK(idx->rank == rank);
    for (size_t i = 0; i < rank; i++)
        count *= idx->dims[i];
    CHECK(count > 0 && count <= IDX_SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        sum += idx->data[i];
    CHECK(sum <= 255 * count);
}

static void s_pack(const uint8_t *bytes, size_t size)
{
    gzFile out = gzopen(fuzz_path("images.gz"), "wb1");
    CHECK(out && (size == 0 || gzwrite(out, bytes, (unsigned)size) == (int)size) && gzclose(out) == Z_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    size_t rank = bytes[0] & THREE ? 3 : 1;
    idx_t idx = {0};
    err_t err = {0};
    char cache[128];
    snprintf(cache, sizeof cache, "%s", fuzz_path("cache"));
    unlink(fuzz_path("images"));
    unlink(fuzz_path("images.gz"));
    if (bytes[0] & PACK)
        s_pack(bytes + 1, size - 1);
    else
        fuzz_write(bytes[0] & PACKED ? "images.gz" : "images", bytes + 1, size - 1);
    err_code_t code = idx_open(fuzz_dir(), "images", cache, rank, &idx, &err);
    CHECK(!code || code == ERR_MALFORMED || code == ERR_IO || code == ERR_LIMIT);
    if (fuzz_took(code, &err))
        s_check(&idx, rank);
    idx_close(&idx);
    CHECK(file_remove_tree(cache, NULL) == ERR_OK);
    return 0;
}

static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    uint8_t how = (uint8_t)rng_below(rng, 8), header[16] = {0, 0, 8, how & THREE ? 3 : 1};
    size_t dims[3] = {1 + rng_below(rng, 5), 1 + rng_below(rng, 9), 1 + rng_below(rng, 9)}, count = 1;
    for (size_t i = 0; i < header[3]; i++) {
        header[4 + 4 * i + 3] = (uint8_t)dims[i];
        count *= dims[i];
    }
    size_t head = 4 + 4 * (size_t)header[3];
    uint8_t *bytes = malloc(1 + head + count);
    CHECK(bytes);
    memcpy(bytes + 1, header, head);
    for (size_t i = 0; i < count; i++)
        bytes[1 + head + i] = (uint8_t)rng_u64(rng);
    *ret_size = 1 + head + count;
    if (how & PACKED && !(how & PACK)) {
        s_pack(bytes + 1, *ret_size - 1);
        free(bytes);
        bytes = fuzz_read(fuzz_path("images.gz"), 1, ret_size);
    }
    bytes[0] = how;
    return bytes;
}
