#include "store/manifest.h"

#include "codec/base/hash.h"
#include "codec/base/rng.h"
#include "store/kv_mem.h"
#include "tests/unit/store/temp.h"

static err_t s_err;

static manifest_value_t s_values[] = {
    {.name = "parameters", .key = 4, .size_bytes = 1000, .checksum = 0x1122334455667788u, .piece_bytes = 300},
    {.name = "e", .key = 5, .size_bytes = 0, .checksum = 1, .piece_bytes = 1},
    {.name = "same bytes", .key = 4, .size_bytes = 1000, .checksum = 0x1122334455667788u, .piece_bytes = 300},
};

static manifest_t s_manifest(void)
{
    manifest_t manifest = {
        .id = {.history = 0xfedcba9876543210u, .number = 9, .incarnation = 2, .tag = "cut 17"},
        .next_key = 6,
        .values = s_values,
        .count = 3};
    return manifest;
}

static buf_t *s_encode(const manifest_t *manifest)
{
    buf_t *bytes = NULL;
    cr_assert_eq(manifest_encode(manifest, &bytes, &s_err), ERR_OK, "%s", s_err.text);
    return bytes;
}

static err_code_t s_decode(const void *bytes, size_t size)
{
    manifest_t manifest = {0};
    err_code_t code = manifest_decode(bytes, size, &manifest, &s_err);
    manifest_fini(&manifest);
    return code;
}

/* Puts the right checksum behind changed bytes, so that what is read is the format itself. */
static void s_seal(uint8_t *bytes, size_t size)
{
    uint64_t checksum = hash_checksum(bytes, size - 8);
    for (int i = 0; i < 8; i++)
        bytes[size - 8 + (size_t)i] = (uint8_t)(checksum >> (8 * i));
}

Test(manifest, comes_back)
{
    manifest_t before = s_manifest(), after = {0};
    buf_t *bytes = s_encode(&before);
    cr_assert_eq(manifest_decode(buf_peek(bytes), buf_size(bytes), &after, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(after.id.history, before.id.history);
    cr_assert_eq(after.id.number, 9);
    cr_assert_eq(after.id.incarnation, 2);
    cr_assert_str_eq(after.id.tag, "cut 17");
    cr_assert_eq(after.next_key, 6);
    cr_assert_eq(after.count, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_str_eq(after.values[i].name, s_values[i].name);
        cr_assert_eq(after.values[i].key, s_values[i].key);
        cr_assert_eq(after.values[i].size_bytes, s_values[i].size_bytes);
        cr_assert_eq(after.values[i].checksum, s_values[i].checksum);
        cr_assert_eq(after.values[i].piece_bytes, s_values[i].piece_bytes);
    }
    manifest_fini(&after);
    buf_destroy(&bytes);
}

/* The stored format is read by later versions: its first bytes are pinned. */
Test(manifest, has_a_fixed_format)
{
    static const uint8_t expected[] = {
        'C',  'L',  'D',  'S',  'N',  'A',  'P',  0, 1, 0, 0, 0, 1, 0, 0, 0,   0x10,
        0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 9, 0, 0, 0, 0, 0, 0, 0, 2,   0,
        0,    0,    0,    0,    0,    0,    6,    0, 0, 0, 0, 0, 0, 0, 6, 'c', 'u',
        't',  ' ',  '1',  '7',  1,    'e',  5,    0, 0, 0, 0, 0, 0, 0, 0, 0,   0,
        0,    0,    0,    0,    0,    1,    0,    0, 0, 0, 0, 0, 0, 1, 0, 0,   0,
    };
    manifest_t manifest = s_manifest();
    manifest.values = &s_values[1];
    manifest.count = 1;
    buf_t *bytes = s_encode(&manifest);
    cr_assert_eq(buf_size(bytes), sizeof expected + 8);
    cr_assert_eq(memcmp(buf_peek(bytes), expected, sizeof expected), 0);
    buf_destroy(&bytes);
}

Test(manifest, every_bit_counts)
{
    manifest_t manifest = s_manifest();
    buf_t *bytes = s_encode(&manifest);
    uint8_t *data = buf_data(bytes);
    for (size_t bit = 0; bit < 8 * buf_size(bytes); bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(s_decode(data, buf_size(bytes)), ERR_OK, "bit %zu", bit);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < buf_size(bytes); size++)
        cr_assert_neq(s_decode(data, size), ERR_OK, "size %zu", size);
    cr_assert_eq(s_decode(data, buf_size(bytes)), ERR_OK);
    buf_destroy(&bytes);
}

/* Bytes that carry a right checksum and are wrong all the same must end in an error or in a manifest, never
 * in a crash. */
Test(manifest, hostile_bytes)
{
    rng_t rng;
    rng_init(&rng, temp_seed());
    manifest_t manifest = s_manifest();
    buf_t *whole = s_encode(&manifest);
    size_t refused = 0;
    for (int i = 0; i < 20000; i++) {
        size_t size = 8 + (size_t)rng_below(&rng, buf_size(whole) - 7);
        uint8_t *data = malloc(size); /* of the exact size, for the sanitizer to see a byte too far */
        memcpy(data, buf_peek(whole), size);
        for (uint64_t changes = rng_below(&rng, 4); changes > 0; changes--)
            data[rng_below(&rng, size)] = rng_below(&rng, 2) ? 0xff : (uint8_t)rng_u64(&rng);
        s_seal(data, size);
        refused += s_decode(data, size) != ERR_OK;
        free(data);
    }
    cr_assert_gt(refused, 10000);
    buf_destroy(&whole);
}

Test(manifest, refuses_what_cannot_be)
{
    manifest_t manifest = s_manifest();
    manifest_value_t twice[2] = {s_values[0], s_values[0]};
    buf_t *bytes = s_encode(&manifest);
    uint8_t *data = buf_data(bytes);
    data[8] = 2; /* the version */
    s_seal(data, buf_size(bytes));
    cr_assert_eq(s_decode(data, buf_size(bytes)), ERR_VERSION);
    data[8] = 1;
    data[15] = 0x7f; /* the number of values */
    s_seal(data, buf_size(bytes));
    cr_assert_eq(s_decode(data, buf_size(bytes)), ERR_LIMIT);
    buf_destroy(&bytes);
    manifest.values = twice;
    manifest.count = 2;
    bytes = s_encode(&manifest);
    cr_assert_eq(s_decode(buf_peek(bytes), buf_size(bytes)), ERR_MALFORMED, "a name twice");
    buf_destroy(&bytes);
}

Test(manifest, names_of_keys)
{
    char key[KV_KEY_MAX + 1];
    uint64_t number = 0, piece = 0;
    cr_assert_str_eq(manifest_key(0xab, key), "m/00000000000000ab");
    cr_assert(manifest_parse_key(key, &number));
    cr_assert_eq(number, 0xab);
    cr_assert_str_eq(manifest_piece_key(0xab, 3, key), "v/00000000000000ab/0000000000000003");
    cr_assert(manifest_parse_piece_key(key, &number, &piece));
    cr_assert_eq(number, 0xab);
    cr_assert_eq(piece, 3);
    cr_assert_not(manifest_parse_key("m/00000000000000aB", &number));
    cr_assert_not(manifest_parse_key("m/ab", &number));
    cr_assert_not(manifest_parse_key("m/00000000000000ab0", &number));
    cr_assert_not(manifest_parse_piece_key("v/00000000000000ab", &number, &piece));
    cr_assert_not(manifest_parse_piece_key("v/00000000000000ab-0000000000000003", &number, &piece));
}

Test(manifest, pieces)
{
    manifest_value_t value = {.size_bytes = 1000, .piece_bytes = 300};
    cr_assert_eq(manifest_piece_count(&value), 4);
    cr_assert_eq(manifest_piece_size(&value, 0), 300);
    cr_assert_eq(manifest_piece_size(&value, 3), 100);
    value.size_bytes = 900;
    cr_assert_eq(manifest_piece_count(&value), 3);
    cr_assert_eq(manifest_piece_size(&value, 2), 300);
    value.size_bytes = 0;
    cr_assert_eq(manifest_piece_count(&value), 0);
}

Test(manifest, of_another_snapshot)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    char key[KV_KEY_MAX + 1];
    manifest_t manifest = s_manifest(), loaded = {0};
    buf_t *bytes = s_encode(&manifest);
    cr_assert_eq(kv_store(kv, manifest_key(8, key), buf_peek(bytes), buf_size(bytes), &s_err), ERR_OK);
    cr_assert_eq(manifest_load(kv, 8, &loaded, &s_err), ERR_CHECKSUM, "its number is 9");
    cr_assert_eq(manifest_load(kv, 9, &loaded, &s_err), ERR_NOT_FOUND);
    cr_assert_null(loaded.values);
    buf_destroy(&bytes);
    kv_destroy(&kv);
}

/* A manifest may claim any length: nothing is reserved before the pieces are seen to be there. */
Test(manifest, a_length_from_nowhere)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    char key[KV_KEY_MAX + 1];
    buf_t *bytes = NULL;
    manifest_value_t value = {.name = "w", .key = 1, .size_bytes = UINT64_MAX - 5, .piece_bytes = UINT32_MAX};
    cr_assert_eq(kv_store(kv, manifest_piece_key(1, 0, key), "abc", 3, &s_err), ERR_OK);
    cr_assert_eq(manifest_load_value(kv, &value, &bytes, &s_err), ERR_CHECKSUM);
    cr_assert_not_null(strstr(s_err.text, "value w"));
    cr_assert_null(bytes);
    kv_destroy(&kv);
}
