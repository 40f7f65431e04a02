#include "actors/model/data/table_file.h"

#include "actors/model/data/cached.h"
#include "codec/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "CLTABLE1"
#define FIRST_LABELS 1024

static uint64_t s_join(uint64_t digest, const void *bytes, size_t size)
{
    return (digest ^ hash_checksum(bytes, size)) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t s_own(const table_head_t *head)
{
    return hash_checksum(head, offsetof(table_head_t, own));
}

/* ---- writing ---- */

err_code_t table_writer_open(table_writer_t *self, int fd, const char *path, const table_text_t *text,
                             err_t *err)
{
    *self = (table_writer_t){.path = path,
                             .head = {.width = text->columns.count - 1,
                                      .categorical = text->columns.categorical,
                                      .rows = text->rows}};
    memcpy(self->head.magic, MAGIC, sizeof self->head.magic);
    if (fd < 0)
        return ERR_OK;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    self->file = own < 0 ? NULL : fdopen(own, "w");
    if (!self->file) {
        if (own >= 0)
            close(own);
        return cached_io(err, "write", path);
    }
    return fwrite(&self->head, sizeof self->head, 1, self->file) == 1 ? ERR_OK
                                                                      : cached_io(err, "write", path);
}

/* Room for one more label. */
static err_code_t s_widen(table_writer_t *self, size_t count, err_t *err)
{
    if (count < self->room)
        return ERR_OK;
    size_t room = self->room ? 2 * self->room : FIRST_LABELS;
    uint32_t *labels = realloc(self->labels, room * sizeof *labels);
    if (!labels)
        return err_set(err, ERR_MEMORY, "%s: no memory for the labels of %zu samples", self->path, count);
    self->labels = labels;
    self->room = room;
    return ERR_OK;
}

err_code_t table_writer_take(void *hint, uint32_t label, const float *x, err_t *err)
{
    table_writer_t *self = hint;
    size_t count = (size_t)(self->head.counts[0] + self->head.counts[1]), size = self->head.width * sizeof *x;
    err_code_t code = s_widen(self, count, err);
    if (code)
        return code;
    self->labels[count] = label;
    self->head.counts[self->part]++;
    if (!self->file)
        return ERR_OK;
    self->head.checksum = s_join(self->head.checksum, x, size);
    return fwrite(x, size, 1, self->file) == 1 ? ERR_OK : cached_io(err, "write", self->path);
}

err_code_t table_writer_end(table_writer_t *self, const table_text_t *text, err_t *err)
{
    size_t count = (size_t)(self->head.counts[0] + self->head.counts[1]);
    self->head.missing = text->missing;
    self->head.unknown = text->unknown;
    if (!self->file)
        return ERR_OK;
    self->head.checksum = s_join(self->head.checksum, self->labels, count * sizeof *self->labels);
    self->head.own = s_own(&self->head);
    bool written = fwrite(self->labels, sizeof *self->labels, count, self->file) == count &&
                   fseek(self->file, 0, SEEK_SET) == 0 &&
                   fwrite(&self->head, sizeof self->head, 1, self->file) == 1 && fflush(self->file) == 0;
    return written ? ERR_OK : cached_io(err, "write", self->path);
}

void table_writer_close(table_writer_t *self)
{
    if (self->file)
        fclose(self->file);
    free(self->labels);
    *self = (table_writer_t){0};
}

/* ---- reading ---- */

/* Returns whether the file is as long as its header says; what cannot be so long overflows nothing. */
static bool s_is_whole(const table_head_t *head, size_t size)
{
    uint64_t samples, bytes;
    if (size < sizeof *head || memcmp(head->magic, MAGIC, sizeof head->magic) != 0 ||
        head->own != s_own(head))
        return false;
    bool fits = !__builtin_add_overflow(head->counts[0], head->counts[1], &samples);
    fits &= !__builtin_mul_overflow(samples, sizeof(float) * (head->width + 1), &bytes);
    return fits && bytes == size - sizeof *head;
}

static bool s_is_right(const table_map_t *self)
{
    uint64_t samples = self->head.counts[0] + self->head.counts[1], digest = 0;
    for (uint64_t i = 0; i < samples; i++)
        digest = s_join(digest, self->x + i * self->head.width, self->head.width * sizeof *self->x);
    return s_join(digest, self->labels, samples * sizeof *self->labels) == self->head.checksum;
}

static err_code_t s_check(table_map_t *self, const char *path, err_t *err)
{
    const char *bytes = self->map;
    if (self->map_size >= sizeof self->head)
        memcpy(&self->head, bytes, sizeof self->head);
    if (!s_is_whole(&self->head, self->map_size))
        return err_set(err, ERR_CHECKSUM, "%s: damaged; remove it, and it is made again", path);
    uint64_t samples = self->head.counts[0] + self->head.counts[1];
    self->x = (const float *)(const void *)(bytes + sizeof self->head);
    self->labels = (const uint32_t *)(const void *)(self->x + samples * self->head.width);
    return s_is_right(self)
               ? ERR_OK
               : err_set(err, ERR_CHECKSUM, "%s: damaged; remove it, and it is made again", path);
}

err_code_t table_map_open(table_map_t *self, const char *path, err_t *err)
{
    struct stat status;
    *self = (table_map_t){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cached_io(err, "open", path);
    if (fstat(fd, &status) == 0)
        self->map_size = (size_t)status.st_size;
    self->map = self->map_size ? mmap(NULL, self->map_size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    close(fd);
    if (self->map == MAP_FAILED) {
        self->map = NULL;
        return cached_io(err, "map", path);
    }
    err_code_t code = s_check(self, path, err);
    if (code)
        table_map_close(self);
    return code;
}

void table_map_close(table_map_t *self)
{
    if (self->map)
        munmap(self->map, self->map_size);
    *self = (table_map_t){0};
}
