#include "actors/model/data/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- places ---- */

static size_t s_column(const rows_t *self, const char *at)
{
    return (size_t)(at - self->line_start) + 1;
}

static err_code_t s_wrong(const rows_t *self, const char *at, err_t *err, const char *what)
{
    return err_set(err, ERR_MALFORMED, "%s:%zu:%zu: %s", self->path, self->line, s_column(self, at), what);
}

static void s_line_ends(rows_t *self)
{
    self->at++;
    self->line++;
    self->line_start = self->at;
}

static bool s_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Passes lines that have nothing, or with `comment` only what stands behind it. */
static void s_skip_empty(rows_t *self, char comment)
{
    while (self->at < self->end) {
        const char *at = self->at;
        while (at < self->end && s_is_space(*at) && *at != self->separator)
            at++;
        if (comment && at < self->end && *at == comment)
            while (at < self->end && *at != '\n')
                at++;
        if (at < self->end && *at != '\n')
            return;
        self->at = at;
        if (at < self->end)
            s_line_ends(self);
    }
}

/* ---- CSV ---- */

static bool s_ends_line(const rows_t *self, const char *at)
{
    at += at < self->end && *at == '\r';
    return at == self->end || *at == '\n';
}

static bool s_ends_cell(const rows_t *self, const char *at)
{
    return s_ends_line(self, at) || *at == self->separator;
}

static void s_plain_cell(rows_t *self, cell_t *cell)
{
    const char *start = self->at, *at = start;
    while (!s_ends_cell(self, at))
        at++;
    self->at = at;
    while (start < at && s_is_space(*start))
        start++;
    while (at > start && s_is_space(at[-1]))
        at--;
    *cell = (cell_t){.text = start, .length = (size_t)(at - start), .column = s_column(self, start)};
}

/* Copies a cell with doubled quotes to its slot's place. */
static err_code_t s_unquote(rows_t *self, size_t slot, cell_t *cell, err_t *err)
{
    if (!self->unquoted)
        self->unquoted = malloc((self->columns->count + 1) * ROWS_CELL_MAX);
    if (!self->unquoted)
        return err_set(err, ERR_MEMORY, "%s: no memory to read it", self->path);
    char *out = self->unquoted + slot * ROWS_CELL_MAX;
    size_t length = 0;
    for (size_t i = 0; i < cell->length; i++, length++) {
        out[length] = cell->text[i];
        i += cell->text[i] == '"';
    }
    cell->text = out;
    cell->length = length;
    return ERR_OK;
}

static err_code_t s_check_length(const rows_t *self, const cell_t *cell, const char *start, err_t *err)
{
    if (cell->length <= ROWS_CELL_MAX)
        return ERR_OK;
    return err_set(err, ERR_MALFORMED, "%s:%zu:%zu: a cell of %zu bytes; at most %d", self->path,
                   self->row_line, start >= self->line_start ? s_column(self, start) : 1, cell->length,
                   ROWS_CELL_MAX);
}

static err_code_t s_quoted_cell(rows_t *self, size_t slot, cell_t *cell, err_t *err)
{
    const char *start = self->at++;
    size_t column = s_column(self, start), line = self->line;
    bool doubled = false;
    while (self->at < self->end) {
        if (*self->at == '"') {
            if (self->at + 1 == self->end || self->at[1] != '"')
                break;
            doubled = true;
            self->at++;
        }
        if (*self->at == '\n')
            s_line_ends(self);
        else
            self->at++;
    }
    if (self->at == self->end)
        return err_set(err, ERR_MALFORMED, "%s:%zu:%zu: a quote that is never closed", self->path, line,
                       column);
    *cell = (cell_t){.text = start + 1, .length = (size_t)(self->at - start) - 1, .column = column};
    self->at++;
    if (!s_ends_cell(self, self->at))
        return s_wrong(self, self->at, err, "something behind a closing quote; write \"\" for a quote");
    err_code_t code = s_check_length(self, cell, start, err);
    return code || !doubled ? code : s_unquote(self, slot, cell, err);
}

/* One cell; stands behind it afterwards. */
static err_code_t s_cell(rows_t *self, size_t slot, cell_t *cell, err_t *err)
{
    if (self->at < self->end && *self->at == '"')
        return s_quoted_cell(self, slot, cell, err);
    const char *start = self->at;
    s_plain_cell(self, cell);
    return s_check_length(self, cell, start, err);
}

/* Passes a separator; false at the end of the row, which is passed too. */
static bool s_more_cells(rows_t *self)
{
    if (self->at < self->end && *self->at == self->separator) {
        self->at++;
        return true;
    }
    if (self->at < self->end && *self->at == '\r')
        self->at++;
    if (self->at < self->end)
        s_line_ends(self);
    return false;
}

static err_code_t s_next_csv(rows_t *self, cell_t *cells, err_t *err)
{
    cell_t nobodys;
    size_t position = 0, none = self->columns->count;
    do {
        size_t slot = position < self->slot_count ? self->slots[position] : none;
        err_code_t code = s_cell(self, slot, slot < none ? cells + slot : &nobodys, err);
        if (code)
            return code;
        position++;
    } while (s_more_cells(self));
    if (position != self->positions)
        return err_set(err, ERR_MALFORMED, "%s:%zu:1: %zu cells, and the header has %zu", self->path,
                       self->row_line, position, self->positions);
    return ERR_OK;
}

/* ---- libsvm ---- */

static cell_t s_token(rows_t *self)
{
    while (self->at < self->end && s_is_space(*self->at))
        self->at++;
    const char *start = self->at;
    while (self->at < self->end && !s_is_space(*self->at) && *self->at != '\n' && *self->at != '#')
        self->at++;
    return (cell_t){.text = start, .length = (size_t)(self->at - start), .column = s_column(self, start)};
}

/* A whole number below the limit and nothing else. */
static bool s_position(const char *text, size_t length, size_t *ret_position)
{
    size_t position = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        position = position * 10 + (size_t)(text[i] - '0');
        if (position >= ROWS_POSITIONS_MAX)
            return false;
    }
    *ret_position = position;
    return length > 0;
}

/* INDEX:VALUE. */
static err_code_t s_feature(const rows_t *self, const cell_t *token, size_t *ret_position, cell_t *ret_value,
                            err_t *err)
{
    const char *colon = memchr(token->text, ':', token->length);
    size_t length = colon ? (size_t)(colon - token->text) : 0;
    if (!colon || !s_position(token->text, length, ret_position))
        return s_wrong(self, token->text, err, "not INDEX:VALUE with an index below 1048576");
    *ret_value = (cell_t){
        .text = colon + 1, .length = token->length - length - 1, .column = token->column + length + 1};
    return s_check_length(self, ret_value, colon, err);
}

static void s_end_line(rows_t *self)
{
    while (self->at < self->end && *self->at != '\n')
        self->at++;
    if (self->at < self->end)
        s_line_ends(self);
}

static err_code_t s_next_libsvm(rows_t *self, cell_t *cells, err_t *err)
{
    size_t none = self->columns->count;
    for (size_t slot = 1; slot < none; slot++)
        cells[slot] = (cell_t){.text = "0", .length = 1};
    cells[0] = s_token(self);
    err_code_t code = s_check_length(self, cells, cells[0].text, err);
    for (cell_t token; !code && (token = s_token(self)).length;) {
        size_t position;
        cell_t value;
        code = s_feature(self, &token, &position, &value, err);
        if (!code && position < self->slot_count && self->slots[position] < none)
            cells[self->slots[position]] = value;
    }
    if (!code)
        s_end_line(self);
    return code;
}

/* ---- which column is where ---- */

static err_code_t s_no_memory(const rows_t *self, err_t *err)
{
    return err_set(err, ERR_MEMORY, "%s: no memory to read it", self->path);
}

static err_code_t s_make_slots(rows_t *self, size_t count, err_t *err)
{
    self->slots = malloc((count ? count : 1) * sizeof *self->slots);
    if (!self->slots)
        return s_no_memory(self, err);
    self->slot_count = count;
    for (size_t i = 0; i < count; i++)
        self->slots[i] = (uint16_t)self->columns->count;
    return ERR_OK;
}

typedef struct {
    char **names;
    size_t count;
} header_t;

static void s_free_header(header_t *header)
{
    for (size_t i = 0; i < header->count; i++)
        free(header->names[i]);
    free(header->names);
}

static err_code_t s_add_name(const rows_t *self, header_t *header, const char *text, size_t length,
                             err_t *err)
{
    if (header->count == ROWS_POSITIONS_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d columns", self->path, ROWS_POSITIONS_MAX);
    if ((header->count & (header->count + 1)) == 0) { /* full: 0, 1, 3, 7, ... */
        char **names = realloc(header->names, (2 * header->count + 1) * sizeof *names);
        if (!names)
            return s_no_memory(self, err);
        header->names = names;
    }
    char *name = strndup(text, length);
    if (!name)
        return s_no_memory(self, err);
    header->names[header->count++] = name;
    return ERR_OK;
}

static void s_find_separator(rows_t *self)
{
    self->separator = ',';
    for (const char *at = self->at; at < self->end && *at != '\n'; at++)
        if (*at == ',' || *at == ';' || *at == '\t') {
            self->separator = *at;
            return;
        }
}

static err_code_t s_read_header(rows_t *self, header_t *header, err_t *err)
{
    if (self->end - self->at >= 3 && memcmp(self->at, "\xef\xbb\xbf", 3) == 0)
        self->line_start = self->at += 3; /* the mark that some editors begin a text with */
    s_find_separator(self);
    s_skip_empty(self, 0);
    self->row_line = self->line;
    if (self->at == self->end)
        return err_set(err, ERR_MALFORMED, "%s: empty; its first line has the names of the columns",
                       self->path);
    do {
        cell_t cell;
        err_code_t code = s_cell(self, self->columns->count, &cell, err);
        if (!code)
            code = s_add_name(self, header, cell.text, cell.length, err);
        if (code)
            return code;
    } while (s_more_cells(self));
    return ERR_OK;
}

/* "a, b, c", as far as it fits. */
static void s_join(const header_t *header, size_t size, char *ret_text)
{
    size_t length = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < header->count && length < size; i++)
        length +=
            (size_t)snprintf(ret_text + length, size - length, "%s%.40s", i ? ", " : "", header->names[i]);
}

static err_code_t s_find_slots(rows_t *self, const header_t *header, err_t *err)
{
    const columns_t *columns = self->columns;
    char names[200];
    for (size_t i = 0; i < header->count; i++) {
        size_t slot = columns_slot(columns, header->names[i], strlen(header->names[i]));
        for (size_t j = 0; slot < columns->count && j < i; j++)
            if (self->slots[j] == slot)
                return err_set(err, ERR_MALFORMED, "%s:%zu: two columns are called '%s'", self->path,
                               self->row_line, header->names[i]);
        self->slots[i] = (uint16_t)slot;
    }
    for (size_t slot = 0; slot < columns->count; slot++) {
        size_t i = 0;
        while (i < header->count && self->slots[i] != slot)
            i++;
        if (i < header->count)
            continue;
        s_join(header, sizeof names, names);
        return err_set(err, ERR_CONFIG, "%s: no column is called '%s' (job.data.columns, %s); it has %s",
                       self->path, columns->names[slot], columns_kind(columns, slot), names);
    }
    return ERR_OK;
}

static err_code_t s_open_csv(rows_t *self, columns_t *columns, bool learn, err_t *err)
{
    header_t header = {0};
    err_code_t code = s_read_header(self, &header, err);
    if (!code && learn)
        code = columns_rest(columns, (const char *const *)header.names, header.count, err);
    if (!code)
        code = s_make_slots(self, header.count, err);
    if (!code)
        code = s_find_slots(self, &header, err);
    self->positions = header.count;
    s_free_header(&header);
    free(self->unquoted); /* `rest` may have made more slots */
    self->unquoted = NULL;
    return code;
}

/* The largest index of the file, to know what `rest` is. */
static err_code_t s_largest(rows_t self, size_t *ret_largest, err_t *err)
{
    *ret_largest = 0;
    for (s_skip_empty(&self, '#'); self.at < self.end; s_skip_empty(&self, '#')) {
        s_token(&self);
        for (cell_t token; (token = s_token(&self)).length;) {
            size_t position;
            cell_t value;
            err_code_t code = s_feature(&self, &token, &position, &value, err);
            if (code)
                return code;
            *ret_largest = position > *ret_largest ? position : *ret_largest;
        }
        s_end_line(&self);
    }
    return ERR_OK;
}

static err_code_t s_learn_libsvm(const rows_t *self, columns_t *columns, err_t *err)
{
    size_t largest;
    header_t header = {0};
    if (!columns->rest_categorical && !columns->rest_numeric)
        return ERR_OK;
    err_code_t code = s_largest(*self, &largest, err);
    for (size_t i = 1; !code && i <= largest; i++) {
        char name[24];
        int length = snprintf(name, sizeof name, "%zu", i);
        code = s_add_name(self, &header, name, (size_t)length, err);
    }
    if (!code)
        code = columns_rest(columns, (const char *const *)header.names, header.count, err);
    s_free_header(&header);
    return code;
}

static err_code_t s_open_libsvm(rows_t *self, columns_t *columns, bool learn, err_t *err)
{
    size_t most = 0, position;
    err_code_t code = learn ? s_learn_libsvm(self, columns, err) : ERR_OK;
    for (size_t slot = 1; !code && slot < columns->count; slot++) {
        const char *name = columns->names[slot];
        if (!s_position(name, strlen(name), &position))
            return err_set(err, ERR_CONFIG,
                           "job.data.columns: '%s' is no index; columns of %s are called by their numbers",
                           name, self->path);
        most = position > most ? position : most;
    }
    if (!code)
        code = s_make_slots(self, most + 1, err);
    for (size_t slot = 1; !code && slot < columns->count; slot++)
        if (s_position(columns->names[slot], strlen(columns->names[slot]), &position))
            self->slots[position] = (uint16_t)slot;
    return code;
}

/* ---- all ---- */

err_code_t rows_open(rows_t *self, const char *path, const void *bytes, size_t size, rows_form_t form,
                     columns_t *columns, bool learn, err_t *err)
{
    const char *text = size ? bytes : "";
    *self = (rows_t){.path = path,
                     .form = form,
                     .columns = columns,
                     .at = text,
                     .end = text + size,
                     .line_start = text,
                     .line = 1,
                     .row_line = 1};
    err_code_t code =
        form == ROWS_CSV ? s_open_csv(self, columns, learn, err) : s_open_libsvm(self, columns, learn, err);
    if (code)
        rows_close(self);
    return code;
}

void rows_close(rows_t *self)
{
    free(self->slots);
    free(self->unquoted);
    *self = (rows_t){0};
}

err_code_t rows_next(rows_t *self, cell_t *cells, bool *ret_more, err_t *err)
{
    s_skip_empty(self, self->form == ROWS_LIBSVM ? '#' : 0);
    *ret_more = self->at < self->end;
    self->row_line = self->line;
    if (!*ret_more)
        return ERR_OK;
    return self->form == ROWS_CSV ? s_next_csv(self, cells, err) : s_next_libsvm(self, cells, err);
}
