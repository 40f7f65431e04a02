/* rows - the text of a table, cut into cells: CSV and libsvm.
 *
 *   CSV      first line: the names of the columns. Cells are separated by the first of , ; TAB that stands in
 *            it; one with "quotes" may have separators, line ends and "" for a quote; spaces around a cell
 *            without quotes are not part of it
 *   libsvm   LABEL INDEX:VALUE INDEX:VALUE ... # comment; an index is the name of its column, and one that a
 *            line lacks has the cell "0"
 *
 * Why      files from outside are distrusted here: every mistake is told with file, line and column.
 * Not      what cells mean; see table_text.
 * Threads  one per rows_t.       Limits  ROWS_CELL_MAX bytes a cell.
 * Source   RFC 4180; https://www.csie.ntu.edu.tw/~cjlin/libsvm (README, "Data format").
 */
#ifndef ACTORS_MODEL_DATA_ROWS_H
#define ACTORS_MODEL_DATA_ROWS_H

#include "actors/model/data/columns.h"
#include "codec/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_CELL_MAX 4096
#define ROWS_POSITIONS_MAX (1 << 20) /* columns of a file, most of which may be nobody's */

typedef enum { ROWS_CSV, ROWS_LIBSVM } rows_form_t;

typedef struct {
    const char *text; /* (length), not terminated; until the next row */
    size_t length;
    size_t column; /* of its first byte in its line, from 1; 0: it is not there (libsvm) */
} cell_t;

typedef struct {
    const char *path; /* borrowed, for messages */
    rows_form_t form;
    const columns_t *columns; /* borrowed */
    const char *at, *end;
    const char *line_start;
    size_t line;      /* that `at` is in, from 1 */
    size_t row_line;  /* in which the newest row begins */
    char separator;   /* CSV */
    size_t positions; /* CSV: columns of the header */
    uint16_t *slots;  /* (slot_count): position -> slot; columns->count: nobody's */
    size_t slot_count;
    char *unquoted; /* (columns, ROWS_CELL_MAX), once a cell needs it */
} rows_t;

/* Begins to read a file's bytes, which are borrowed. With `learn`, columns gets what `rest` stands for.
 *
 * Errors   ERR_MALFORMED, ERR_CONFIG (the header lacks a column: says which there are), ERR_LIMIT, ERR_MEMORY
 */
MUST_USE err_code_t rows_open(rows_t *self, const char *path, const void *bytes, size_t size,
                              rows_form_t form, columns_t *columns, bool learn, err_t *err);
void rows_close(rows_t *self);

/* The next row's cells, by slot.   out  cells (columns->count), ret_more: false behind the last row
 *
 * Errors   ERR_MALFORMED: "PATH:LINE:COLUMN: WHAT" */
MUST_USE err_code_t rows_next(rows_t *self, cell_t *cells, bool *ret_more, err_t *err);

#endif
