#include "store/archive.h"

#include "codec/base/hash.h"
#include "store/archive_lines.h"
#include "store/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)1 << 20)

struct archive_writer {
    struct archive *tar;
    archive_lines_t lines;
    char path[PATH_MAX];
    char temporary[PATH_MAX];
    int fd;
    bool overwrite;
};

static err_code_t s_exists(const char *path, err_t *err)
{
    return err_set(err, ERR_EXISTS, "%s is there already; add --force to replace it, or choose another name",
                   path);
}

static err_code_t s_fail_write(const archive_writer_t *self, err_t *err)
{
    int number = archive_errno(self->tar);
    err_code_t code = number > 0 ? file_code_of(number) : ERR_IO;
    return err_set(err, code == ERR_NOT_FOUND || code == ERR_EXISTS ? ERR_IO : code, "write %s: %s",
                   self->path, archive_error_string(self->tar) ? archive_error_string(self->tar) : "failed");
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

static err_code_t s_begin(archive_writer_t *self, err_t *err)
{
    if (!self->overwrite && access(self->path, F_OK) == 0)
        return s_exists(self->path, err);
    err_code_t code = archive_lines_init(&self->lines, err);
    if (code)
        return code;
    self->tar = archive_write_new();
    if (!self->tar)
        return err_set(err, ERR_MEMORY, "write %s: no memory", self->path);
    int length = snprintf(self->temporary, sizeof self->temporary, "%s.XXXXXX", self->path);
    self->fd = length < (int)sizeof self->temporary ? mkostemp(self->temporary, O_CLOEXEC) : -1;
    if (self->fd < 0) {
        self->temporary[0] = '\0';
        return err_set(err, file_code_of(errno), "create %s: %s", self->path, strerror(errno));
    }
    if (s_add_filter(self->tar, self->path) != ARCHIVE_OK ||
        archive_write_set_format_pax_restricted(self->tar) || archive_write_open_fd(self->tar, self->fd))
        return s_fail_write(self, err);
    return ERR_OK;
}

err_code_t archive_create(const char *path, bool overwrite, archive_writer_t **ret_self, err_t *err)
{
    archive_writer_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "write %s: no memory", path);
    self->fd = -1;
    self->overwrite = overwrite;
    int length = snprintf(self->path, sizeof self->path, "%s", path);
    err_code_t code = length <= 0 || length >= (int)sizeof self->path
                          ? err_set(err, ERR_LIMIT, "the path of the archive is empty or too long")
                          : s_begin(self, err);
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
        return err_set(err, ERR_MEMORY, "write %s: no memory", self->path);
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

static err_code_t s_name_it(archive_writer_t *self, err_t *err)
{
    const char *to = self->path;
    int failed = self->overwrite ? rename(self->temporary, to)
                                 : renameat2(AT_FDCWD, self->temporary, AT_FDCWD, to, RENAME_NOREPLACE);
    if (failed && !self->overwrite && (errno == EINVAL || errno == ENOSYS)) { /* the file system cannot */
        failed = link(self->temporary, to);
        if (!failed)
            unlink(self->temporary);
    }
    if (failed)
        return errno == EEXIST ? s_exists(to, err)
                               : err_set(err, file_code_of(errno), "rename to %s: %s", to, strerror(errno));
    self->temporary[0] = '\0';
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", to);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    return file_sync_dir(slash ? parent : ".", err);
}

err_code_t archive_finish(archive_writer_t **self_p, err_t *err)
{
    archive_writer_t *self = *self_p;
    err_code_t code = archive_lines_end(&self->lines, err);
    if (!code) /* the end does not list itself */
        code = s_put_raw(self, ARCHIVE_END_NAME, self->lines.text, self->lines.size, err);
    if (!code && archive_write_close(self->tar) != ARCHIVE_OK)
        code = s_fail_write(self, err);
    if (!code && fsync(self->fd) != 0)
        code = err_set(err, file_code_of(errno), "sync %s: %s", self->path, strerror(errno));
    if (!code)
        code = s_name_it(self, err);
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
    if (self->fd >= 0)
        close(self->fd);
    if (self->temporary[0])
        unlink(self->temporary);
    archive_lines_fini(&self->lines);
    free(self);
}
