#include "actors/model/data/idx_file.h"

#include <stdio.h>
#include <string.h>

#define PACKAGE "dataset-fashion-mnist"
#define REMEDY "fetch the file again (apt-get install --reinstall " PACKAGE ")"
#define HEADER_SIZE(rank) (4 + 4 * (rank))
_Static_assert(HEADER_SIZE(IDX_RANK_MAX) <= PACKED_BEGIN_MAX, "the header is in the first bytes");

static const struct {
    uint8_t code;
    element_type_t type;
    const char *name;
} s_types[] = {{0x08, ELEMENT_U8, "ubyte"}, {0x09, ELEMENT_I8, "byte"},   {0x0B, ELEMENT_I16, "short"},
               {0x0C, ELEMENT_I32, "int"},  {0x0D, ELEMENT_F32, "float"}, {0x0E, ELEMENT_F64, "double"}};
#define TYPES (sizeof s_types / sizeof *s_types)

static uint32_t s_big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

typedef struct {
    size_t ranks[2];
    idx_file_t *idx;
} expectation_t;

static err_code_t s_too_short(const char *path, size_t least, size_t found, err_t *err)
{
    return err_set(err, ERR_MALFORMED, "%s: truncated: expected at least %zu bytes, found %zu; " REMEDY, path,
                   least, found);
}

static err_code_t s_read_magic(const expectation_t *self, const char *path, const uint8_t *bytes, err_t *err)
{
    idx_file_t *idx = self->idx;
    size_t i = 0;
    while (i < TYPES && s_types[i].code != bytes[2])
        i++;
    idx->rank = bytes[3];
    bool fits = idx->rank >= self->ranks[0] && idx->rank <= self->ranks[1];
    if (bytes[0] || bytes[1] || i == TYPES || !fits)
        return err_set(err, ERR_MALFORMED,
                       "%s: not such a file: expected the first bytes 0x000008%02zx (or another type of "
                       "element), found 0x%08x; check data.dir",
                       path, self->ranks[0], (unsigned)s_big_endian(bytes));
    idx->elements = (elements_t){.type = s_types[i].type, .big_endian = true};
    return ERR_OK;
}

/* Reads the header, and how many bytes the whole file must have. */
static err_code_t s_expect(void *hint, const char *path, const uint8_t *bytes, size_t size,
                           uint64_t *ret_size, err_t *err)
{
    const expectation_t *self = hint;
    idx_file_t *idx = self->idx;
    if (size < HEADER_SIZE(self->ranks[0]))
        return s_too_short(path, HEADER_SIZE(self->ranks[0]), size, err);
    err_code_t code = s_read_magic(self, path, bytes, err);
    if (!code && size < HEADER_SIZE(idx->rank))
        code = s_too_short(path, HEADER_SIZE(idx->rank), size, err);
    uint64_t total = code ? 1 : element_size(idx->elements.type);
    for (size_t i = 0; !code && i < idx->rank; i++) {
        idx->dims[i] = s_big_endian(bytes + 4 + 4 * i);
        if (__builtin_mul_overflow(total, (uint64_t)idx->dims[i], &total) || total > PACKED_SIZE_MAX)
            code = err_set(err, ERR_MALFORMED,
                           "%s: its header declares more than the %llu bytes a file may have", path,
                           (unsigned long long)PACKED_SIZE_MAX);
    }
    if (!code && total == 0)
        code = err_set(err, ERR_MALFORMED, "%s: its header declares no data", path);
    *ret_size = code ? 0 : HEADER_SIZE(idx->rank) + total;
    return code;
}

/* ---- names ---- */

/* The first form is the usual one, and named where none is there. */
static err_code_t s_find(const char *dir, const char *stem, const size_t ranks[2], char ret_path[PATH_MAX],
                         err_t *err)
{
    char name[NAME_MAX + 1];
    for (size_t rank = ranks[0]; rank <= ranks[1]; rank++)
        for (size_t i = 0; i < TYPES; i++)
            for (int dotted = 0; dotted < 2; dotted++) {
                snprintf(name, sizeof name, "%s%cidx%zu-%s", stem, dotted ? '.' : '-', rank, s_types[i].name);
                err_code_t code = packed_find(dir, name, ret_path, err);
                if (code != ERR_NOT_FOUND)
                    return code;
            }
    return err_set(err, ERR_NOT_FOUND,
                   "%s/%s-idx%zu-ubyte: no such file, nor %s.idx%zu-ubyte, nor with .gz; apt-get "
                   "install " PACKAGE
                   " and set data.dir to /usr/share/datasets/fashion-mnist, or to where your files are",
                   dir, stem, ranks[0], stem, ranks[0]);
}

err_code_t idx_file_open(const char *dir, const char *stem, const size_t ranks[2], packed_use_t use,
                         const char *cache_dir, idx_file_t *ret_self, err_t *err)
{
    CHECK(ranks[0] >= 1 && ranks[0] <= ranks[1] && ranks[1] <= IDX_RANK_MAX);
    char path[PATH_MAX];
    idx_file_t idx = {0};
    expectation_t expectation = {{ranks[0], ranks[1]}, &idx};
    packed_spec_t spec = {
        .use = use, .cache_dir = cache_dir, .expect = s_expect, .hint = &expectation, .remedy = REMEDY};
    err_code_t code = s_find(dir, stem, ranks, path, err);
    if (!code)
        code = packed_open(path, &spec, &idx.file, err);
    if (code)
        return code;
    if (idx.file.bytes)
        idx.elements.bytes = idx.file.bytes + HEADER_SIZE(idx.rank);
    *ret_self = idx;
    return ERR_OK;
}

void idx_file_close(idx_file_t *self)
{
    packed_close(&self->file);
    *self = (idx_file_t){0};
}
