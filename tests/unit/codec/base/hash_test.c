#include "codec/base/hash.h"

#include <criterion/criterion.h>
#include <string.h>

Test(hash, checksum_gives_the_published_values)
{
    cr_assert_eq(hash_checksum("", 0), UINT64_C(0x2d06800538d394c2));
    cr_assert_neq(hash_checksum("a", 1), hash_checksum("b", 1));
    /* Pinned: stored snapshots and messages in flight carry it. */
    char bytes[1000];
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (char)(index * 7);
    cr_assert_eq(hash_checksum(bytes, sizeof bytes), UINT64_C(0x10ad30264426c830), "is 0x%llx",
                 (unsigned long long)hash_checksum(bytes, sizeof bytes));
    cr_assert_neq(hash_checksum(bytes, sizeof bytes), hash_checksum(bytes, sizeof bytes - 1));
}

static void s_sha(const char *text, size_t piece, char ret_hex[SHA256_HEX_SIZE])
{
    sha256_t *sha = sha256_new();
    for (size_t at = 0, size = strlen(text); at < size; at += piece)
        sha256_update(sha, text + at, size - at < piece ? size - at : piece);
    sha256_final(sha, ret_hex);
    sha256_destroy(&sha);
    cr_assert_null(sha);
}

Test(hash, sha256_gives_the_standard_values)
{
    /* FIPS 180-2, appendix B, and the empty text. */
    const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++)
        for (size_t piece = 1; piece < 70; piece += 13) {
            char hex[SHA256_HEX_SIZE];
            s_sha(rows[row].text, piece, hex);
            cr_assert_str_eq(hex, rows[row].hex);
        }
}
