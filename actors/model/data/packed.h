/* packed - a file of data, plain or gzipped, in memory that is mapped.
 *
 * Why      what a job reads from outside is distrusted in one place: sizes are checked against what the file
 *          itself says before anything is unpacked, and damage is found before a sample is used.
 * Not      what the bytes mean: each kind of data says how long its files must be.
 * Threads  immutable once open.       Limits  PACKED_SIZE_MAX bytes, unpacked; a mapped file must not be cut
 *          while open.
 */
#ifndef ACTORS_MODEL_DATA_PACKED_H
#define ACTORS_MODEL_DATA_PACKED_H

#include "codec/base/err.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define PACKED_SIZE_MAX (UINT64_C(64) << 30)

/* How much of a gzipped file is wanted; a plain one is mapped always. */
typedef enum {
    PACKED_KEEP,    /* all, unpacked once into the cache directory and mapped there */
    PACKED_MEMORY,  /* all, unpacked into memory: nothing is left on disk */
    PACKED_THROUGH, /* read to its end, so that damage shows; no bytes afterwards */
    PACKED_BEGIN,   /* its first bytes alone; no bytes afterwards */
} packed_use_t;

/* Says from its first bytes (`size` of them, at least PACKED_BEGIN_MAX unless the file is shorter) how long
 * the whole file must be; 0: any length. Errors are passed on. */
typedef err_code_t packed_expect_t(void *hint, const char *path, const uint8_t *bytes, size_t size,
                                   uint64_t *ret_size, err_t *err);
#define PACKED_BEGIN_MAX 64

typedef struct {
    packed_use_t use;
    const char *cache_dir;   /* for PACKED_KEEP; made when missing */
    packed_expect_t *expect; /* NULL: any length */
    void *hint;              /* of it */
    const char *remedy;      /* what to do about a damaged file: "fetch the file again" */
} packed_spec_t;

typedef struct {
    const uint8_t *bytes; /* NULL: only looked at */
    size_t size;
    void *map;
    size_t map_size;
} packed_t;

/* Finds DIR/NAME or DIR/NAME.gz. Errors: ERR_NOT_FOUND (neither is there; the caller says what to do),
 * ERR_IO, ERR_LIMIT. */
MUST_USE err_code_t packed_find(const char *dir, const char *name, char ret_path[PATH_MAX], err_t *err);

/* Opens a file; what begins as gzip's files do is packed, whatever its name is. Unpacking is done once: the
 * result has a name of its own for each source file (path, size and time), appears whole by a rename, and a
 * lock file keeps others waiting meanwhile.
 *
 *   out  ret_self  to be given to packed_close; untouched on failure
 *
 * Errors   ERR_MALFORMED (fewer or more bytes than expected, a damaged stream: names file, expected and found
 *          bytes), ERR_CONFIG (no cache_dir), ERR_IO, ERR_FULL, ERR_LIMIT, ERR_MEMORY, and those of expect */
MUST_USE err_code_t packed_open(const char *path, const packed_spec_t *spec, packed_t *ret_self, err_t *err);
void packed_close(packed_t *self);

#endif
