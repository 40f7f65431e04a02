/* table_text - what the cells of a table mean: categories become rows of an embedding, numbers are
 * standardized.
 *
 *   x (categorical + numeric) of a sample: for each categorical column the row of its cell, then for each
 *   numeric one (value - mean) / deviation
 *
 *   rows     1, 2, ... are the categories of the training file: those of the first categorical column in the
 *            order of their bytes, then those of the second, and so on; an empty cell is a category. A
 *            category that the training file lacks has row 0. With `hash` H, a column has H rows instead, and
 *            a cell of the f-th (from 0) has row 1 + f H + XXH3(cell) mod H, whatever the training file has
 *   numbers  mean and deviation (the root of the mean square distance; 1 where that is 0) are those of the
 *            training file's cells; a missing cell (empty, NA, N/A, NaN, null, ?) becomes 0, the mean
 *   labels   whole numbers from 0; -1 is 0
 *
 * Why      the same file gives the same numbers in every process, and to whoever reads it in another
 *          language.
 * Threads  one per table_text_t.
 */
#ifndef ACTORS_MODEL_DATA_TABLE_TEXT_H
#define ACTORS_MODEL_DATA_TABLE_TEXT_H

#include "actors/model/data/columns.h"
#include "actors/model/data/rows.h"
#include "actors/model/data/vocabulary.h"
#include "actors/model/dataset.h"
#include "codec/base/err.h"

#include <stdint.h>

#define TABLE_ROWS_MAX (1 << 24)   /* x has them as float32, which is exact below this */
#define TABLE_NUMBER_MOST 1e30     /* larger ones are taken for a mistake */
#define TABLE_LABEL_MOST (1 << 20) /* labels are below this */

typedef struct {
    double mean, deviation;
    uint64_t present; /* cells that have a number */
} scale_t;

typedef struct {
    columns_t columns;
    vocabulary_t *vocabularies; /* (categorical) */
    scale_t *scales;            /* (numeric) */
    cell_t *cells;              /* (columns.count) */
    float *x;                   /* (categorical + numeric) */
    uint64_t hash;              /* rows of each categorical column; 0: as many as it has categories */
    uint32_t rows;
    uint64_t missing, unknown; /* cells without a number, and with row 0, of all rows that were read */
} table_text_t;

/* A file in memory; `path` is for messages. All is borrowed. */
typedef struct {
    const char *path;
    const void *bytes;
    size_t size;
    rows_form_t form;
} table_file_t;

/* A sample of the file; x is borrowed for the call. Errors end the reading. */
typedef err_code_t table_take_t(void *hint, uint32_t label, const float *x, err_t *err);

/* Learns categories and scales of the training file.
 *
 *   in   said   names as columns_declare has them
 *   out  self   to be given to table_text_fini, after a failure too
 *
 * Errors   ERR_MALFORMED ("PATH:LINE:COLUMN: WHAT"), ERR_CONFIG (columns), ERR_LIMIT (TABLE_ROWS_MAX),
 *          ERR_MEMORY */
MUST_USE err_code_t table_text_learn(table_text_t *self, const table_file_t *train,
                                     const dataset_columns_t *said, err_t *err);

/* Gives each sample of a file, in its order, to `take`. Errors: as above, and those of take. */
MUST_USE err_code_t table_text_read(table_text_t *self, const table_file_t *file, table_take_t *take,
                                    void *hint, err_t *err);

void table_text_fini(table_text_t *self);

#endif
