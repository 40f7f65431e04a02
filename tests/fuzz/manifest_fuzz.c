/* Manifests of snapshots from nowhere: the same bytes when they are written again, or one line of error.
 *
 * An input is: one byte, whose lowest bit says that the right checksum is put behind the rest; the
 * manifest. */
#include "codec/base/hash.h"
#include "store/manifest.h"
#include "tests/fuzz/fuzz.h"

static void s_seal(uint8_t *bytes, size_t size)
{
    uint64_t checksum = size < 8 ? 0 : hash_checksum(bytes, size - 8);
    for (size_t i = 0; i < 8 && size >= 8; i++)
        bytes[size - 8 + i] = (uint8_t)(checksum >> (8 * i));
}

static void s_check(const manifest_t *manifest, const uint8_t *bytes, size_t size)
{
    buf_t *again = NULL;
    err_t err = {0};
    CHECK(manifest_check_names(manifest, &err) == ERR_OK);
    CHECK(manifest_encode(manifest, &again, &err) == ERR_OK);
    CHECK(buf_size(again) == size && memcmp(buf_peek(again), bytes, size) == 0);
    buf_destroy(&again);
    for (size_t i = 0; i < manifest->count; i++) {
        const manifest_value_t *value = &manifest->values[i];
        uint64_t pieces = manifest_piece_count(value);
        CHECK(value->size_bytes == 0 || (pieces && manifest_piece_size(value, pieces - 1)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    uint8_t *exact = fuzz_copy(bytes + 1, size - 1);
    manifest_t manifest = {0};
    err_t err = {0};
    if (bytes[0] & 1)
        s_seal(exact, size - 1);
    err_code_t code = manifest_decode(exact, size - 1, &manifest, &err);
    CHECK(!code || code == ERR_CHECKSUM || code == ERR_MALFORMED || code == ERR_VERSION || code == ERR_LIMIT);
    if (fuzz_took(code, &err))
        s_check(&manifest, exact, size - 1);
    manifest_fini(&manifest);
    free(exact);
    return 0;
}

static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    manifest_value_t values[5];
    manifest_t manifest = {.id = {rng_u64(rng), 1 + rng_below(rng, 9), rng_below(rng, 9), "cut 17"},
                           .next_key = 9,
                           .values = values,
                           .count = rng_below(rng, 6)};
    for (size_t i = 0; i < manifest.count; i++) {
        values[i] = (manifest_value_t){.key = 1 + i,
                                       .size_bytes = rng_below(rng, 3) * rng_below(rng, 100000),
                                       .checksum = rng_u64(rng),
                                       .piece_bytes = (uint32_t)(1 + rng_below(rng, 5000))};
        snprintf(values[i].name, sizeof values[i].name, "value/%zu", i);
    }
    buf_t *encoded = NULL;
    CHECK(manifest_encode(&manifest, &encoded, NULL) == ERR_OK);
    uint8_t *bytes = malloc(1 + buf_size(encoded));
    CHECK(bytes);
    bytes[0] = (uint8_t)rng_u64(rng);
    memcpy(bytes + 1, buf_peek(encoded), buf_size(encoded));
    *ret_size = 1 + buf_size(encoded);
    buf_destroy(&encoded);
    return bytes;
}
