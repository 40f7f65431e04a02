/* table_file - a table as numbers, in a file that is mapped: what a worker gathers samples from.
 *
 *   header (table_head_t), x (train + test samples, width) float32, labels (train + test) uint32; in the
 *   machine's own order of bytes, as it is made and read on the same one
 *
 * Why      text is parsed once. A file of ours is distrusted too: rows that damage makes too large would be
 *          read beyond an embedding's end.
 * Threads  a writer has one owner; an open file is immutable, any thread may read.
 */
#ifndef ACTORS_MODEL_DATA_TABLE_FILE_H
#define ACTORS_MODEL_DATA_TABLE_FILE_H

#include "actors/model/data/table_text.h"
#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    char magic[8];
    uint64_t counts[2]; /* training and test samples */
    uint64_t width;     /* categorical + numeric */
    uint64_t categorical;
    uint64_t rows; /* of an embedding, with that of unknown categories */
    uint64_t missing, unknown;
    uint64_t checksum; /* of x and labels, sample by sample */
    uint64_t own;      /* of the header before it */
} table_head_t;

/* ---- writing ---- */

typedef struct {
    FILE *file; /* NULL: only labels are wanted */
    const char *path;
    table_head_t head;
    uint32_t *labels; /* (train + test) */
    size_t part, room;
} table_writer_t;

/* Begins to write to fd, which stays the caller's; -1: nowhere. Errors: ERR_IO, ERR_MEMORY. */
MUST_USE err_code_t table_writer_open(table_writer_t *self, int fd, const char *path,
                                      const table_text_t *text, err_t *err);
/* A table_take_t of samples of part `self->part`, 0 or 1. Errors: ERR_IO, ERR_FULL, ERR_MEMORY. */
err_code_t table_writer_take(void *self, uint32_t label, const float *x, err_t *err);
/* Writes labels and header. Errors: ERR_IO, ERR_FULL. */
MUST_USE err_code_t table_writer_end(table_writer_t *self, const table_text_t *text, err_t *err);
void table_writer_close(table_writer_t *self);

/* ---- reading ---- */

typedef struct {
    table_head_t head;
    const float *x;         /* (train + test, width) */
    const uint32_t *labels; /* (train + test) */
    void *map;
    size_t map_size;
} table_map_t;

/* Errors: ERR_IO, ERR_CHECKSUM (damaged, or something else). */
MUST_USE err_code_t table_map_open(table_map_t *self, const char *path, err_t *err);
void table_map_close(table_map_t *self);

#endif
