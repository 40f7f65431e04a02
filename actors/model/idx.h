/* idx - one file of the MNIST family, mapped: a big-endian header and unsigned bytes.
 *
 *   bytes 0..1  zero      2  type, 0x08 unsigned byte      3  rank      then one 32-bit length per dimension,
 *               then data
 *
 * Why      the files are the only thing a job reads from outside, so all distrust of them is here.
 * Not      what the bytes mean; see dataset.
 * Threads  immutable once open.       Limits  IDX_SIZE_MAX bytes per file; a mapped file must not be cut
 *          while open.
 * Source   "The MNIST database of handwritten digits" (LeCun, Cortes, Burges), section on the file format.
 */
#ifndef ACTORS_MODEL_IDX_H
#define ACTORS_MODEL_IDX_H

#include "codec/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDX_RANK_MAX 3
#define IDX_SIZE_MAX (UINT64_C(4) << 30)

typedef struct {
    size_t rank;
    size_t dims[IDX_RANK_MAX];
    uint8_t least, most; /* of the values, with rank 1 */
    const uint8_t *data; /* (dims...) */
    void *map;
    size_t map_size;
} idx_t;

/* Maps DIR/NAME, or DIR/NAME.gz unpacked into cache_dir, which is made when missing; a dot in the place of
 * the last dash ("train-images.idx3-ubyte") is the same name, and what is gzip's by its first bytes is
 * unpacked whatever its name is. Unpacking is done once: the result has a name of its own for each source
 * file (path, size and time), appears whole by a rename, and a lock file keeps others waiting meanwhile.
 *
 *   in   rank      which the file must have
 *   out  ret_self  to be given to idx_close
 *
 * Errors   ERR_NOT_FOUND (neither file is there; says which package has it), ERR_MALFORMED (magic,
 *          dimensions, or fewer or more bytes than they say: names file, expected and found bytes),
 *          ERR_CONFIG (no cache_dir), ERR_IO */
MUST_USE err_code_t idx_open(const char *dir, const char *name, const char *cache_dir, size_t rank,
                             idx_t *ret_self, err_t *err);
void idx_close(idx_t *self);

/* Tells what such a file holds, without its data, and keeps nothing. Reads it through where the range of
 * values is asked for (rank 1) or it is to be `thorough`; of a larger packed file else only the beginning.
 * Errors: as above, but for ERR_CONFIG. */
MUST_USE err_code_t idx_look(const char *dir, const char *name, size_t rank, bool thorough, idx_t *ret_self,
                             err_t *err);

#endif
