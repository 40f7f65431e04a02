#include "codec/base/hash.h"

#include "codec/base/err.h"

#include <sodium.h>
#include <stdlib.h>
#include <xxhash.h>
#if defined(__x86_64__)
/* From here on XXH3_64bits is the one for this processor: twice as fast with AVX-512. */
#include <xxh_x86dispatch.h>
#endif

struct sha256 {
    crypto_hash_sha256_state state;
};

uint64_t hash_checksum(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

sha256_t *sha256_new(void)
{
    sha256_t *self = malloc(sizeof *self);
    CHECK(self);
    crypto_hash_sha256_init(&self->state);
    return self;
}

void sha256_update(sha256_t *self, const void *data, size_t size)
{
    if (size)
        crypto_hash_sha256_update(&self->state, data, size);
}

void sha256_final(sha256_t *self, char ret_hex[SHA256_HEX_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&self->state, digest);
    sodium_bin2hex(ret_hex, SHA256_HEX_SIZE, digest, sizeof digest);
}

void sha256_destroy(sha256_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}
