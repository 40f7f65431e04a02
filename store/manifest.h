/* manifest - the stored list of what a snapshot consists of; the snapshot exists when this is committed.
 *
 * Why      names every value by key, length and checksum, so that a mixture of two snapshots cannot be
 *          loaded.
 * Not      the values.
 * Threads  any.
 * Limits   MANIFEST_VALUES_MAX values; names and tag of at most MANIFEST_NAME_MAX bytes.
 *
 * Format, version 1, all numbers little-endian:
 *
 *   8  magic "CLDSNAP" and a zero         4  format version         4  number of values
 *   8  history    8  number    8  incarnation    8  next unused key
 *   1  length of the tag, and the tag
 *   for each value:  1  length of the name, and the name;  8  key;  8  length;  8  checksum (XXH3);  4  bytes
 *                    per
 *                    piece 8  checksum (XXH3) of everything before
 *
 * A value lies in pieces of `bytes per piece` (the last one shorter) under the keys manifest_piece_key gives.
 */
#ifndef STORE_MANIFEST_H
#define STORE_MANIFEST_H

#include "codec/base/buf.h"
#include "codec/base/err.h"
#include "store/kv.h"

#include <stddef.h>
#include <stdint.h>

#define MANIFEST_NAME_MAX 63
#define MANIFEST_VALUES_MAX 65536
#define MANIFEST_VERSION 1
#define MANIFEST_PREFIX "m/"
#define MANIFEST_VALUE_PREFIX "v/"

/* Which snapshot it is. Numbers begin at 1 and grow; 0 means none. */
typedef struct {
    uint64_t history;
    uint64_t number;
    uint64_t incarnation;
    char tag[MANIFEST_NAME_MAX + 1]; /* for people: "stop", "cut 17" */
} manifest_id_t;

typedef struct {
    char name[MANIFEST_NAME_MAX + 1];
    uint64_t key;
    uint64_t size_bytes;
    uint64_t checksum;
    uint32_t piece_bytes;
    uint64_t buf_id; /* not stored: the buffer of this process that has these bytes, 0 if none */
} manifest_value_t;

typedef struct {
    manifest_id_t id;
    uint64_t next_key;
    manifest_value_t *values;
    size_t count;
} manifest_t;

/* Checks whether every value has a name of its own. Errors: ERR_MALFORMED (the text says which has not),
 * ERR_MEMORY.
 */
MUST_USE err_code_t manifest_check_names(const manifest_t *self, err_t *err);

/* The bytes of a manifest. Errors: ERR_MEMORY, ERR_LIMIT (too many values). */
MUST_USE err_code_t manifest_encode(const manifest_t *self, buf_t **ret_bytes, err_t *err);

/* Reads a manifest, believing nothing.
 *
 *   out  ret_manifest  given back with manifest_fini
 *
 * Errors   ERR_CHECKSUM, ERR_MALFORMED (also a value given twice), ERR_VERSION, ERR_LIMIT, ERR_MEMORY
 */
MUST_USE err_code_t manifest_decode(const void *bytes, size_t size, manifest_t *ret_manifest, err_t *err);

/* Reads the stored manifest of a number. Errors: also ERR_NOT_FOUND; ERR_CHECKSUM when it is another
 * snapshot's. */
MUST_USE err_code_t manifest_load(kv_t *kv, uint64_t number, manifest_t *ret_manifest, err_t *err);

void manifest_fini(manifest_t *self);

/* How many pieces a value has. */
uint64_t manifest_piece_count(const manifest_value_t *value);
size_t manifest_piece_size(const manifest_value_t *value, uint64_t piece);

/* Keys of a kv, written into the caller's array; return it. */
const char *manifest_key(uint64_t number, char out[KV_KEY_MAX + 1]);
const char *manifest_value_key(uint64_t key, char out[KV_KEY_MAX + 1]); /* the prefix of its pieces */
const char *manifest_piece_key(uint64_t key, uint64_t piece, char out[KV_KEY_MAX + 1]);

/* The numbers back from keys; false when a key has another form. */
bool manifest_parse_key(const char *key, uint64_t *ret_number);
bool manifest_parse_piece_key(const char *key, uint64_t *ret_key, uint64_t *ret_piece);

/* Reads one value and checks its pieces, its length and its checksum.
 *
 * Errors   ERR_CHECKSUM (also missing or misshapen pieces; the text names value and piece), ERR_MEMORY,
 * ERR_IO
 */
MUST_USE err_code_t manifest_load_value(kv_t *kv, const manifest_value_t *value, buf_t **ret_bytes,
                                        err_t *err);

#endif
