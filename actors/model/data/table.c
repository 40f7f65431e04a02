/* Tables: train.csv and test.csv, or .libsvm, plain or gzipped; what their columns are, job.data.columns says
 * (columns.h, rows.h, table_text.h). */
#include "actors/model/data/cached.h"
#include "actors/model/data/kind.h"
#include "actors/model/data/packed.h"
#include "actors/model/data/table_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REMEDY "fetch the file again"
#define HASH_TEXT_MAX 24

typedef struct {
    table_map_t map;  /* after LOOK_NOT */
    uint32_t *labels; /* else: (train + test) */
    uint64_t train;
} table_t;

/* ---- files ---- */

typedef struct {
    char path[PATH_MAX];
    packed_t packed;
    table_file_t file;
} source_t;

typedef struct {
    const dataset_spec_t *spec;
    source_t parts[DATA_PARTS];
    size_t count;
    table_text_t text;
    bool learned;
} sources_t;

static err_code_t s_find(const char *dir, const char *stem, source_t *source, err_t *err)
{
    static const char *const endings[] = {[ROWS_CSV] = "csv", [ROWS_LIBSVM] = "libsvm"};
    for (size_t form = 0; form < sizeof endings / sizeof *endings; form++) {
        char name[32];
        snprintf(name, sizeof name, "%s.%s", stem, endings[form]);
        err_code_t code = packed_find(dir, name, source->path, err);
        source->file.form = (rows_form_t)form;
        if (code != ERR_NOT_FOUND)
            return code;
    }
    return err_set(
        err, ERR_NOT_FOUND,
        "%s/%s.csv: no such file, nor %s.libsvm, nor with .gz; set data.dir to where your table is", dir,
        stem, stem);
}

static err_code_t s_find_all(const dataset_spec_t *spec, sources_t *self, err_t *err)
{
    static const char *const stems[DATA_PARTS] = {[DATA_TRAIN] = "train", [DATA_TEST] = "test"};
    *self = (sources_t){.spec = spec, .count = spec->no_tests ? 1 : DATA_PARTS};
    err_code_t code = ERR_OK;
    for (size_t i = 0; !code && i < self->count; i++)
        code = s_find(spec->dir, stems[i], self->parts + i, err);
    return code;
}

/* Maps the text, and learns from the first of them. */
static err_code_t s_learn(sources_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; !code && i < self->count; i++) {
        source_t *source = self->parts + i;
        code = packed_open(source->path, &(packed_spec_t){.use = PACKED_MEMORY, .remedy = REMEDY},
                           &source->packed, err);
        source->file.path = source->path;
        source->file.bytes = source->packed.bytes;
        source->file.size = source->packed.size;
    }
    if (code)
        return code;
    self->learned = true;
    return table_text_learn(&self->text, &self->parts[0].file, &self->spec->columns, err);
}

static err_code_t s_read_all(sources_t *self, table_writer_t *writer, err_t *err)
{
    err_code_t code = ERR_OK;
    for (writer->part = 0; !code && writer->part < self->count; writer->part++)
        code = table_text_read(&self->text, &self->parts[writer->part].file, table_writer_take, writer, err);
    return code ? code : table_writer_end(writer, &self->text, err);
}

static void s_close_all(sources_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        packed_close(&self->parts[i].packed);
    if (self->learned)
        table_text_fini(&self->text);
}

/* ---- opening ---- */

static void s_facts(const table_head_t *head, dataset_facts_t *ret_facts)
{
    *ret_facts = (dataset_facts_t){.total = head->counts[0],
                                   .tests = head->counts[1],
                                   .channels = 1,
                                   .height = 1,
                                   .width = (size_t)head->width,
                                   .categorical = (size_t)head->categorical,
                                   .rows = (size_t)head->rows,
                                   .missing = head->missing,
                                   .unknown = head->unknown};
}

/* Reads the text through, and keeps labels. */
static err_code_t s_look(table_t *self, sources_t *sources, dataset_facts_t *ret_facts, err_t *err)
{
    table_writer_t writer = {0};
    err_code_t code = s_learn(sources, err);
    if (!code)
        code = table_writer_open(&writer, -1, sources->parts[0].path, &sources->text, err);
    if (!code)
        code = s_read_all(sources, &writer, err);
    if (!code) {
        self->train = writer.head.counts[0];
        self->labels = writer.labels;
        writer.labels = NULL;
        s_facts(&writer.head, ret_facts);
    }
    table_writer_close(&writer);
    return code;
}

static err_code_t s_fill(void *hint, int fd, const char *path, err_t *err)
{
    sources_t *sources = hint;
    table_writer_t writer = {0};
    s_close_all(sources); /* of a file that was damaged as soon as it was made */
    err_code_t code = s_learn(sources, err);
    if (!code)
        code = table_writer_open(&writer, fd, path, &sources->text, err);
    if (!code)
        code = s_read_all(sources, &writer, err);
    table_writer_close(&writer);
    return code;
}

/* One name for each state of the files and each choice of columns. */
static err_code_t s_cache_path(const sources_t *self, char ret_path[PATH_MAX], err_t *err)
{
    const dataset_columns_t *columns = &self->spec->columns;
    const char *said[] = {columns->label, columns->categorical, columns->numeric};
    char source[DATA_PARTS * CACHED_STAMP_MAX + 3 * DATASET_COLUMNS_MAX + HASH_TEXT_MAX], *at = source;
    for (size_t i = 0; i < self->count; i++) {
        err_code_t code = cached_stamp(self->parts[i].path, at, err);
        if (code)
            return code;
        at += strlen(at) + 1;
    }
    for (size_t i = 0; i < 3; i++)
        at += snprintf(at, DATASET_COLUMNS_MAX, "%s", said[i] ? said[i] : "") + 1;
    at += snprintf(at, HASH_TEXT_MAX, "%llu", (unsigned long long)columns->hash) + 1;
    return cached_path(self->spec->cache_dir, "table", source, (size_t)(at - source), ret_path, err);
}

/* A damaged file is made again, once. */
static err_code_t s_map(table_t *self, sources_t *sources, dataset_facts_t *ret_facts, err_t *err)
{
    char path[PATH_MAX];
    if (!sources->spec->cache_dir)
        return err_set(err, ERR_CONFIG, "%s: there is no directory to keep its numbers in",
                       sources->parts[0].path);
    err_code_t code = s_cache_path(sources, path, err);
    for (size_t tries = 0; !code && !self->map.map && tries < 2; tries++) {
        code = cached_make(path, s_fill, sources, err);
        if (!code)
            code = table_map_open(&self->map, path, err);
        if (code == ERR_CHECKSUM && tries == 0 && unlink(path) == 0)
            code = ERR_OK;
    }
    if (!code)
        s_facts(&self->map.head, ret_facts);
    self->train = self->map.head.counts[0];
    return code;
}

static void s_close(void *state)
{
    table_t *self = state;
    table_map_close(&self->map);
    free(self->labels);
    free(self);
}

static err_code_t s_open(const dataset_spec_t *spec, look_t look, void **ret_state,
                         dataset_facts_t *ret_facts, err_t *err)
{
    table_t *self = calloc(1, sizeof *self);
    sources_t *sources = malloc(sizeof *sources);
    if (!self || !sources) {
        free(self);
        free(sources);
        return err_set(err, ERR_MEMORY, "no memory for a data set");
    }
    err_code_t code = s_find_all(spec, sources, err);
    if (!code)
        code =
            look == LOOK_NOT ? s_map(self, sources, ret_facts, err) : s_look(self, sources, ret_facts, err);
    s_close_all(sources);
    free(sources);
    if (code)
        s_close(self);
    else
        *ret_state = self;
    return code;
}

/* ---- samples ---- */

static uint64_t s_place(const table_t *self, data_part_t part, uint64_t number)
{
    return part == DATA_TRAIN ? number : self->train + number;
}

static int64_t s_label(const void *state, data_part_t part, uint64_t number)
{
    const table_t *self = state;
    const uint32_t *labels = self->labels ? self->labels : self->map.labels;
    return labels[s_place(self, part, number)];
}

static void s_gather(const void *state, data_part_t part, uint64_t number, float *ret_x)
{
    const table_t *self = state;
    size_t width = (size_t)self->map.head.width;
    memcpy(ret_x, self->map.x + s_place(self, part, number) * width, width * sizeof *ret_x);
}

const data_kind_t data_table = {.open = s_open, .label = s_label, .gather = s_gather, .close = s_close};
