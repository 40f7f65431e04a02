/* idx_file - one file of the MNIST family, mapped: a big-endian header, then elements of one type.
 *
 *   bytes 0..1  zero
 *   byte 2      type: 0x08 unsigned byte, 0x09 signed byte, 0x0B int16, 0x0C int32, 0x0D float32,
 *               0x0E float64
 *   byte 3      rank, then one 32-bit length per dimension, then data
 *
 * Not      what the numbers mean; see idx.
 * Threads  immutable once open.
 * Source   "The MNIST database of handwritten digits" (LeCun, Cortes, Burges), section on the file format.
 */
#ifndef ACTORS_MODEL_DATA_IDX_FILE_H
#define ACTORS_MODEL_DATA_IDX_FILE_H

#include "actors/model/data/elements.h"
#include "actors/model/data/packed.h"

#define IDX_RANK_MAX 4

typedef struct {
    size_t rank;
    size_t dims[IDX_RANK_MAX];
    elements_t elements; /* (dims...); bytes NULL: only looked at */
    packed_t file;
} idx_file_t;

/* Opens DIR/STEM-idxRANK-TYPE, as train-images-idx3-ubyte, by any of the names that are in use: plain or
 * with .gz, a dot in the place of the last dash, TYPE ubyte, byte, short, int, float or double.
 *
 *   in   ranks     the least and the largest rank that the file may have
 *   out  ret_self  to be given to idx_file_close; untouched on failure
 *
 * Errors   ERR_NOT_FOUND (says which package has such files), ERR_MALFORMED (type, rank, dimensions, or fewer
 *          or more bytes than they say: names file, expected and found), and those of packed_open */
MUST_USE err_code_t idx_file_open(const char *dir, const char *stem, const size_t ranks[2], packed_use_t use,
                                  const char *cache_dir, idx_file_t *ret_self, err_t *err);
void idx_file_close(idx_file_t *self);

#endif
