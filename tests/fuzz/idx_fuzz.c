/* Data sets in files from nowhere, plain and packed: bytes as many as the header says, or one line of error.
 *
 * An input is: one byte that says how many dimensions are wanted (lowest bit: 3 or 1) and whether the rest is
 * a packed file (2) or is packed first (4); the file. */
#include "actors/model/data/idx_file.h"
#include "store/file.h"
#define FUZZ_RUNS 1500
#include "tests/fuzz/fuzz.h"

#include <zlib.h>

enum { THREE = 1, PACKED = 2, PACK = 4 };

static const char *s_name(bool three, bool packed)
{
    static const char *const names[2][2] = {{"i-idx1-ubyte", "i-idx1-ubyte.gz"},
                                            {"i-idx3-ubyte", "i-idx3-ubyte.gz"}};
    return names[three][packed];
}

static void s_check(const idx_file_t *idx, size_t rank)
{
    size_t count = 1, sum = 0;
    CHECK(rank == 1 ? idx->rank == 1 : idx->rank == 3 || idx->rank == 4);
    for (size_t i = 0; i < idx->rank; i++)
        count *= idx->dims[i];
    CHECK(count > 0 && count <= PACKED_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        float value;
        elements_read(&idx->elements, i, 1, &value);
        sum += value >= 0;
    }
    CHECK(sum <= count);
}

static void s_pack(bool three, const uint8_t *bytes, size_t size)
{
    gzFile out = gzopen(fuzz_path(s_name(three, true)), "wb1");
    CHECK(out && (size == 0 || gzwrite(out, bytes, (unsigned)size) == (int)size) && gzclose(out) == Z_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    size_t rank = bytes[0] & THREE ? 3 : 1;
    const size_t ranks[] = {rank, rank == 3 ? 4 : 1};
    idx_file_t idx = {0};
    err_t err = {0};
    char cache[128];
    snprintf(cache, sizeof cache, "%s", fuzz_path("cache"));
    for (int i = 0; i < 4; i++)
        unlink(fuzz_path(s_name(i / 2, i % 2)));
    if (bytes[0] & PACK)
        s_pack(rank == 3, bytes + 1, size - 1);
    else
        fuzz_write(s_name(rank == 3, (bytes[0] & PACKED) != 0), bytes + 1, size - 1);
    err_code_t code = idx_file_open(fuzz_dir(), "i", ranks, PACKED_KEEP, cache, &idx, &err);
    CHECK(!code || code == ERR_MALFORMED || code == ERR_IO || code == ERR_LIMIT);
    if (fuzz_took(code, &err))
        s_check(&idx, rank);
    idx_file_close(&idx);
    CHECK(file_remove_tree(cache, NULL) == ERR_OK);
    return 0;
}

static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    uint8_t how = (uint8_t)rng_below(rng, 8), header[16] = {0, 0, 8, how & THREE ? 3 : 1};
    static const uint8_t types[] = {8, 9, 11, 12, 13, 14}, widths[] = {1, 1, 2, 4, 4, 8};
    size_t type = rng_below(rng, 6);
    header[2] = types[type];
    size_t dims[3] = {1 + rng_below(rng, 5), 1 + rng_below(rng, 9), 1 + rng_below(rng, 9)}, count = 1;
    for (size_t i = 0; i < header[3]; i++) {
        header[4 + 4 * i + 3] = (uint8_t)dims[i];
        count *= dims[i];
    }
    count *= widths[type];
    size_t head = 4 + 4 * (size_t)header[3];
    uint8_t *bytes = malloc(1 + head + count);
    CHECK(bytes);
    memcpy(bytes + 1, header, head);
    for (size_t i = 0; i < count; i++)
        bytes[1 + head + i] = (uint8_t)rng_u64(rng);
    *ret_size = 1 + head + count;
    if (how & PACKED && !(how & PACK)) {
        s_pack((how & THREE) != 0, bytes + 1, *ret_size - 1);
        free(bytes);
        bytes = fuzz_read(fuzz_path(s_name((how & THREE) != 0, true)), 1, ret_size);
    }
    bytes[0] = how;
    return bytes;
}
