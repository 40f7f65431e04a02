#include "actors/model/exact.h"

#include "actors/model/data/table_text.h"

#include "codec/base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 64 /* characters */

/* ---- cells ---- */

/* "PATH:LINE:COLUMN: 'CELL' WHAT (NAME)". */
static err_code_t s_wrong(const table_text_t *self, const rows_t *rows, size_t slot, const char *what,
                          err_t *err)
{
    const cell_t *cell = self->cells + slot;
    return err_set(err, ERR_MALFORMED, "%s:%zu:%zu: '%.*s' %s (column %s, %s)", rows->path, rows->row_line,
                   cell->column, (int)(cell->length < 40 ? cell->length : 40), cell->text, what,
                   self->columns.names[slot], columns_kind(&self->columns, slot));
}

static bool s_is_missing(const cell_t *cell)
{
    static const char *const words[] = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == cell->length && !memcmp(words[i], cell->text, cell->length))
            return true;
    return false;
}

/* Decimal alone: strtod knows more than a table means. */
static bool s_number(const cell_t *cell, double *ret_number)
{
    char text[NUMBER_MAX], *end;
    if (cell->length == 0 || cell->length >= sizeof text)
        return false;
    memcpy(text, cell->text, cell->length);
    text[cell->length] = '\0';
    if (strspn(text, "0123456789+-.eE") != cell->length)
        return false;
    *ret_number = strtod(text, &end);
    return end == text + cell->length && fabs(*ret_number) <= TABLE_NUMBER_MOST;
}

static err_code_t s_label(const table_text_t *self, const rows_t *rows, uint32_t *ret_label, err_t *err)
{
    double number;
    if (!s_number(self->cells, &number) || number != floor(number) || number < -1 ||
        number >= TABLE_LABEL_MOST)
        return s_wrong(self, rows, 0, "is no class; write 0, 1, 2, ... or -1 and 1", err);
    *ret_label = number < 0 ? 0 : (uint32_t)number;
    return ERR_OK;
}

/* A missing number is NaN. */
static err_code_t s_numeric(const table_text_t *self, const rows_t *rows, size_t slot, double *ret_number,
                            err_t *err)
{
    if (s_is_missing(self->cells + slot))
        *ret_number = NAN;
    else if (!s_number(self->cells + slot, ret_number))
        return s_wrong(self, rows, slot,
                       "is no number from -1e30 to 1e30; leave the cell empty where it is missing", err);
    return ERR_OK;
}

/* ---- learning ---- */

/* Welford's: neither the sum nor the squares grow with the values. */
static void s_note(scale_t *scale, double number)
{
    if (isnan(number))
        return;
    double distance = number - scale->mean;
    scale->present++;
    scale->mean += distance / (double)scale->present;
    scale->deviation += distance * (number - scale->mean);
}

static err_code_t s_learn_row(table_text_t *self, const rows_t *rows, err_t *err)
{
    size_t C = self->columns.categorical;
    uint32_t label;
    err_code_t code = s_label(self, rows, &label, err);
    for (size_t f = 0; !code && !self->hash && f < C; f++)
        code =
            vocabulary_add(self->vocabularies + f, self->cells[1 + f].text, self->cells[1 + f].length, err);
    for (size_t m = 0; !code && m < self->columns.numeric; m++) {
        double number = NAN;
        code = s_numeric(self, rows, 1 + C + m, &number, err);
        s_note(self->scales + m, number);
    }
    return code;
}

static err_code_t s_number_rows(table_text_t *self, const char *path, err_t *err)
{
    uint64_t rows = 1 + self->hash * self->columns.categorical;
    for (size_t f = 0; f < self->columns.categorical; f++)
        rows += self->vocabularies[f].count;
    if (rows > TABLE_ROWS_MAX)
        return err_set(err, ERR_LIMIT, "%s: %llu categories; at most %d", path, (unsigned long long)rows - 1,
                       TABLE_ROWS_MAX - 1);
    if (self->hash) {
        self->rows = (uint32_t)rows;
        return ERR_OK;
    }
    self->rows = 1;
    for (size_t f = 0; f < self->columns.categorical; f++) {
        err_code_t code = vocabulary_number(self->vocabularies + f, self->rows, err);
        if (code)
            return code;
        self->rows += (uint32_t)self->vocabularies[f].count;
    }
    return ERR_OK;
}

static void s_end_scales(table_text_t *self)
{
    for (size_t m = 0; m < self->columns.numeric; m++) {
        scale_t *scale = self->scales + m;
        double variance = scale->present ? scale->deviation / (double)scale->present : 0;
        scale->deviation = variance > 0 ? sqrt(variance) : 1;
    }
}

static err_code_t s_allocate(table_text_t *self, const char *path, err_t *err)
{
    const columns_t *columns = &self->columns;
    if (columns->count < 2)
        return err_set(
            err, ERR_CONFIG,
            "%s: job.data.columns names no column but the label; write categorical and numeric, with "
            "names or `" COLUMNS_REST "`",
            path);
    self->vocabularies = calloc(columns->categorical + 1, sizeof *self->vocabularies);
    self->scales = calloc(columns->numeric + 1, sizeof *self->scales);
    self->cells = calloc(columns->count, sizeof *self->cells);
    self->x = calloc(columns->count, sizeof *self->x);
    if (!self->vocabularies || !self->scales || !self->cells || !self->x)
        return err_set(err, ERR_MEMORY, "%s: no memory to read it", path);
    return ERR_OK;
}

static err_code_t s_learn_rows(table_text_t *self, rows_t *rows, err_t *err)
{
    size_t count = 0;
    bool more = true;
    err_code_t code = ERR_OK;
    for (; !code && more; count += more) {
        code = rows_next(rows, self->cells, &more, err);
        if (!code && more)
            code = s_learn_row(self, rows, err);
    }
    if (!code && count == 0)
        code = err_set(err, ERR_MALFORMED, "%s: no samples", rows->path);
    return code;
}

err_code_t table_text_learn(table_text_t *self, const table_file_t *train, const dataset_columns_t *said,
                            err_t *err)
{
    rows_t rows = {0};
    *self = (table_text_t){.hash = said->hash};
    err_code_t code = columns_declare(&self->columns, said->label, said->categorical, said->numeric, err);
    if (!code)
        code =
            rows_open(&rows, train->path, train->bytes, train->size, train->form, &self->columns, true, err);
    if (code)
        return code;
    code = s_allocate(self, train->path, err);
    if (!code)
        code = s_learn_rows(self, &rows, err);
    rows_close(&rows);
    if (!code)
        code = s_number_rows(self, train->path, err);
    if (!code)
        s_end_scales(self);
    return code;
}

/* ---- reading ---- */

static uint32_t s_row(const table_text_t *self, size_t f)
{
    const cell_t *cell = self->cells + 1 + f;
    if (!self->hash)
        return vocabulary_find(self->vocabularies + f, cell->text, cell->length);
    return (uint32_t)(1 + f * self->hash + hash_checksum(cell->text, cell->length) % self->hash);
}

static err_code_t s_read_row(table_text_t *self, const rows_t *rows, uint32_t *ret_label, err_t *err)
{
    size_t C = self->columns.categorical;
    err_code_t code = s_label(self, rows, ret_label, err);
    for (size_t f = 0; f < C; f++) {
        uint32_t row = s_row(self, f);
        self->unknown += row == 0;
        self->x[f] = (float)row;
    }
    for (size_t m = 0; !code && m < self->columns.numeric; m++) {
        double number = NAN;
        const scale_t *scale = self->scales + m;
        code = s_numeric(self, rows, 1 + C + m, &number, err);
        self->missing += isnan(number);
        self->x[C + m] = isnan(number) ? 0 : (float)((number - scale->mean) / scale->deviation);
        if (!code && !isfinite(self->x[C + m]))
            code = s_wrong(self, rows, 1 + C + m, "is too far from what the training file has", err);
    }
    return code;
}

err_code_t table_text_read(table_text_t *self, const table_file_t *file, table_take_t *take, void *hint,
                           err_t *err)
{
    rows_t rows;
    bool more = true;
    err_code_t code =
        rows_open(&rows, file->path, file->bytes, file->size, file->form, &self->columns, false, err);
    while (!code && more) {
        uint32_t label = 0;
        code = rows_next(&rows, self->cells, &more, err);
        if (!code && more)
            code = s_read_row(self, &rows, &label, err);
        if (!code && more)
            code = take(hint, label, self->x, err);
    }
    rows_close(&rows);
    return code;
}

void table_text_fini(table_text_t *self)
{
    for (size_t f = 0; self->vocabularies && f < self->columns.categorical; f++)
        vocabulary_fini(self->vocabularies + f);
    free(self->vocabularies);
    free(self->scales);
    free(self->cells);
    free(self->x);
    columns_fini(&self->columns);
    *self = (table_text_t){0};
}
