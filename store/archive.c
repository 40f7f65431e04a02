#include "store/archive.h"

#include "codec/base/hash.h"
#include "codec/base/output.h"
#include "store/archive_lines.h"
#include "store/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)1 << 20)

struct archive_writer {
    struct archive *tar;
    archive_lines_t lines;
    output_t output;
};

static err_code_t s_fail_write(const archive_writer_t *self, err_t *err)
{
    int number = archive_errno(self->tar);
    err_code_t code = number > 0 ? file_code_of(number) : ERR_IO;
    return err_set(err, code == ERR_NOT_FOUND || code == ERR_EXISTS ? ERR_IO : code, "write %s: %s",
                   self->output.path,
                   archive_error_string(self->tar) ? archive_error_string(self->tar) : "failed");
}

/* How the end of the name says that it is compressed. */
static int s_add_filter(struct archive *tar, const char *path)
{
    static const struct {
        const char *end;
        int (*add)(struct archive *);
    } filters[] = {{".gz", archive_write_add_filter_gzip},
                   {".tgz", archive_write_add_filter_gzip},
                   {".tar", archive_write_add_filter_none}};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        size_t end = strlen(filters[i].end);
        if (length > end && !strcmp(path + length - end, filters[i].end))
            return filters[i].add(tar);
    }
    return archive_write_add_filter_zstd(tar);
}

static err_code_t s_begin_archive(archive_writer_t *self, const char *path, bool overwrite, err_t *err)
{
    err_code_t code = output_begin(&self->output, path, overwrite, err);
    if (!code)
        code = archive_lines_init(&self->lines, err);
    if (code)
        return code;
    self->tar = archive_write_new();
    if (!self->tar)
        return err_set(err, ERR_MEMORY, "write %s: no memory", path);
    if (s_add_filter(self->tar, path) != ARCHIVE_OK || archive_write_set_format_pax_restricted(self->tar) ||
        archive_write_open_fd(self->tar, self->output.fd))
        return s_fail_write(self, err);
    return ERR_OK;
}

err_code_t archive_create(const char *path, bool overwrite, archive_writer_t **ret_self, err_t *err)
{
    archive_writer_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "write %s: no memory", path);
    self->output.fd = -1;
    err_code_t code = s_begin_archive(self, path, overwrite, err);
    if (code)
        archive_abandon(&self);
    else
        *ret_self = self;
    return code;
}

static err_code_t s_put_data(archive_writer_t *self, const void *data, size_t size, err_t *err)
{
    const char *at = data;
    while (size > 0) {
        size_t part = size < BLOCK_BYTES ? size : BLOCK_BYTES;
        la_ssize_t done = archive_write_data(self->tar, at, part);
        if (done <= 0)
            return s_fail_write(self, err);
        at += done;
        size -= (size_t)done;
    }
    return ERR_OK;
}

static err_code_t s_put_raw(archive_writer_t *self, const char *name, const void *data, size_t size,
                            err_t *err)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return err_set(err, ERR_MEMORY, "write %s: no memory", self->output.path);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, 0, 0);
    int rc = archive_write_header(self->tar, entry);
    archive_entry_free(entry);
    if (rc != ARCHIVE_OK)
        return s_fail_write(self, err);
    return s_put_data(self, data, size, err);
}

/* `checksum` of the data, which the caller may know already. */
static err_code_t s_put_entry(archive_writer_t *self, const char *name, const void *data, size_t size,
                              uint64_t checksum, err_t *err)
{
    archive_lines_add(&self->lines, name, checksum, size);
    return s_put_raw(self, name, data, size, err);
}

err_code_t archive_put_file(archive_writer_t *self, const char *name, const void *data, size_t size,
                            err_t *err)
{
    if (!*name || strchr(name, '/') || strchr(name, '\n') || !strcmp(name, ARCHIVE_END_NAME) ||
        strlen(name) >= ARCHIVE_NAME_ROOM)
        return err_set(err, ERR_LIMIT, "'%.80s' cannot be the name of a file in an archive", name);
    if (size > ARCHIVE_FILE_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "%s: %zu bytes are more than an archive takes", name, size);
    return s_put_entry(self, name, data, size, hash_checksum(data, size), err);
}

static err_code_t s_make_manifest(const snapshot_t *snapshot, manifest_t *manifest, err_t *err)
{
    *manifest = (manifest_t){.id = snapshot->id, .next_key = snapshot->count + 1, .count = snapshot->count};
    manifest->values = calloc(snapshot->count + 1, sizeof *manifest->values);
    if (!manifest->values)
        return err_set(err, ERR_MEMORY, "no memory for %zu values", snapshot->count);
    for (size_t i = 0; i < snapshot->count; i++) {
        const buf_t *buf = snapshot->values[i].buf;
        manifest_value_t *value = &manifest->values[i];
        memcpy(value->name, snapshot->values[i].name, sizeof value->name);
        value->key = i + 1;
        value->size_bytes = buf_size(buf);
        value->checksum = hash_checksum(buf_peek(buf), buf_size(buf));
        value->piece_bytes = SNAPSHOT_PIECE_BYTES;
    }
    return manifest_check_names(manifest, err);
}

static err_code_t s_put_values(archive_writer_t *self, const char *folder, const manifest_t *manifest,
                               const snapshot_t *snapshot, err_t *err)
{
    char name[ARCHIVE_NAME_ROOM + 32];
    buf_t *bytes = NULL;
    err_code_t code = manifest_encode(manifest, &bytes, err);
    snprintf(name, sizeof name, "%s/" ARCHIVE_MANIFEST_NAME, folder);
    if (!code)
        code = s_put_entry(self, name, buf_peek(bytes), buf_size(bytes),
                           hash_checksum(buf_peek(bytes), buf_size(bytes)), err);
    buf_destroy(&bytes);
    for (size_t i = 0; i < manifest->count && !code; i++) {
        const buf_t *buf = snapshot->values[i].buf;
        snprintf(name, sizeof name, "%s/value-%" PRIu64, folder, manifest->values[i].key);
        code = s_put_entry(self, name, buf_peek(buf), buf_size(buf), manifest->values[i].checksum, err);
    }
    return code;
}

err_code_t archive_put_snapshot(archive_writer_t *self, const char *region, uint32_t shard,
                                const snapshot_t *snapshot, err_t *err)
{
    char folder[ARCHIVE_NAME_ROOM];
    manifest_t manifest = {0};
    archive_folder(region, shard, folder);
    err_code_t code = s_make_manifest(snapshot, &manifest, err);
    if (!code)
        code = s_put_values(self, folder, &manifest, snapshot, err);
    manifest_fini(&manifest);
    return code;
}

err_code_t archive_finish(archive_writer_t **self_p, err_t *err)
{
    archive_writer_t *self = *self_p;
    err_code_t code = archive_lines_end(&self->lines, err);
    if (!code) /* the end does not list itself */
        code = s_put_raw(self, ARCHIVE_END_NAME, self->lines.text, self->lines.size, err);
    if (!code && archive_write_close(self->tar) != ARCHIVE_OK)
        code = s_fail_write(self, err);
    if (!code)
        code = output_finish(&self->output, err);
    archive_abandon(self_p);
    return code;
}

void archive_abandon(archive_writer_t **self_p)
{
    archive_writer_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    if (self->tar)
        archive_write_free(self->tar);
    output_abandon(&self->output);
    archive_lines_fini(&self->lines);
    free(self);
}
