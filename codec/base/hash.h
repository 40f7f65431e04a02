/* hash - checksums (XXH3, 64 bit) and SHA-256: the one place that calls libxxhash and libsodium.
 *
 * Why      a checksum finds damage; SHA-256 names parameters so that two runs can be compared.
 * Threads  any.
 */
#ifndef CODEC_BASE_HASH_H
#define CODEC_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_SIZE 65 /* 64 hexadecimal digits and the terminating zero */

uint64_t hash_checksum(const void *data, size_t size);

typedef struct sha256 sha256_t; /* incremental */
sha256_t *sha256_new(void);
void sha256_update(sha256_t *self, const void *data, size_t size);
void sha256_final(sha256_t *self, char ret_hex[SHA256_HEX_SIZE]); /* once */
void sha256_destroy(sha256_t **self_p);

#endif
