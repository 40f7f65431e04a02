#include "store/archive.h"

#include "codec/base/hash.h"
#include "store/archive_lines.h"
#include "store/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)
#define FILES_MAX 16
#define MANIFEST_BYTES_MAX ((size_t)16 << 20) /* MANIFEST_VALUES_MAX values */

typedef struct {
    char name[ARCHIVE_NAME_ROOM];
    buf_t *bytes;
} small_file_t;

typedef struct {
    const char *path;
    const archive_visitor_t *visitor;
    struct archive *tar;
    archive_lines_t lines;
    small_file_t files[FILES_MAX];
    size_t file_count;
    char region[ARCHIVE_REGION_MAX + 1]; /* of the snapshot under way */
    uint32_t shard;
    manifest_t manifest;
    size_t next; /* of its values; manifest.count: none is under way */
    snapshot_t *snapshot;
    bool wanted;
    bool ended;
} reader_t;

/* ---- Entries ---- */

static err_code_t s_fail_archive(const reader_t *self, err_t *err)
{
    int number = archive_errno(self->tar);
    err_code_t code = number == EIO ? ERR_IO : number == ENOMEM ? ERR_MEMORY : ERR_MALFORMED;
    const char *text = archive_error_string(self->tar);
    return err_set(err, code, "%s: %s", code == ERR_MALFORMED ? "damaged, or no archive" : "cannot be read",
                   text ? text : "not readable");
}

/* The bytes of an entry, which must be `size` (SIZE_MAX: what it says, at most `max`). */
static err_code_t s_take_bytes(reader_t *self, struct archive_entry *entry, size_t size, size_t max,
                               buf_t **ret_bytes, err_t *err)
{
    la_int64_t says = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : -1;
    const char *name = archive_entry_pathname(entry);
    if (says < 0 || (size != SIZE_MAX && (uint64_t)says != size))
        return err_set(err, ERR_MALFORMED, "entry %.120s has another length than it should", name);
    if (size == SIZE_MAX && (uint64_t)says > max)
        return err_set(err, ERR_LIMIT, "entry %.120s has %lld bytes, more than the %zu allowed", name,
                       (long long)says, max);
    buf_t *bytes = buf_new((size_t)says);
    if (!bytes)
        return err_set(err, ERR_MEMORY, "entry %.120s: no memory for %lld bytes", name, (long long)says);
    size_t done = 0;
    while (done < (size_t)says) {
        la_ssize_t got = archive_read_data(self->tar, (char *)buf_data(bytes) + done, (size_t)says - done);
        if (got <= 0) {
            buf_destroy(&bytes);
            return got < 0 ? err_prefix(err, s_fail_archive(self, err), "entry %.120s", name)
                           : err_set(err, ERR_MALFORMED, "entry %.120s ends early", name);
        }
        done += (size_t)got;
    }
    *ret_bytes = bytes;
    return ERR_OK;
}

static void s_list(reader_t *self, const char *name, const buf_t *bytes)
{
    archive_lines_add(&self->lines, name, hash_checksum(buf_peek(bytes), buf_size(bytes)), buf_size(bytes));
}

/* ---- Snapshots ---- */

static void s_drop_entry(reader_t *self)
{
    manifest_fini(&self->manifest);
    self->manifest = (manifest_t){0};
    snapshot_destroy(&self->snapshot);
    self->next = 0;
}

static err_code_t s_complete(reader_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    if (self->next < self->manifest.count)
        return ERR_OK;
    if (self->wanted && self->visitor->snapshot)
        code = self->visitor->snapshot(self->visitor->hint, self->region, self->shard, self->snapshot, err);
    s_drop_entry(self);
    return code;
}

/* REGION and K of REGION/shard-K/manifest; false when a name has another form. */
static bool s_parse_folder(reader_t *self, const char *name)
{
    char again[ARCHIVE_NAME_ROOM + 32];
    const char *slash = strchr(name, '/');
    if (!slash || slash == name || slash - name > ARCHIVE_REGION_MAX || strncmp(slash, "/shard-", 7) != 0)
        return false;
    snprintf(self->region, sizeof self->region, "%.*s", (int)(slash - name), name);
    self->shard = (uint32_t)strtoul(slash + 7, NULL, 10);
    archive_folder(self->region, self->shard, again);
    strcat(again, "/" ARCHIVE_MANIFEST_NAME);
    return !strcmp(again, name) && name[0] != '.';
}

static err_code_t s_manifest(reader_t *self, struct archive_entry *entry, const char *name, err_t *err)
{
    buf_t *bytes = NULL;
    if (!s_parse_folder(self, name))
        return err_set(err, ERR_MALFORMED, "an entry that archives do not have: %.120s", name);
    err_code_t code = s_take_bytes(self, entry, SIZE_MAX, MANIFEST_BYTES_MAX, &bytes, err);
    if (code)
        return code;
    s_list(self, name, bytes);
    code = manifest_decode(buf_peek(bytes), buf_size(bytes), &self->manifest, err);
    buf_destroy(&bytes);
    if (code)
        return err_prefix(err, code, "entry %.120s", name);
    self->snapshot = snapshot_new(&self->manifest.id);
    if (!self->snapshot)
        return err_set(err, ERR_MEMORY, "no memory for a snapshot");
    const archive_visitor_t *visitor = self->visitor;
    self->wanted =
        !visitor->wants || visitor->wants(visitor->hint, self->region, self->shard, &self->manifest);
    return s_complete(self, err); /* one without values */
}

static err_code_t s_value(reader_t *self, struct archive_entry *entry, const char *name, err_t *err)
{
    char expected[ARCHIVE_NAME_ROOM + 32], folder[ARCHIVE_NAME_ROOM];
    const manifest_value_t *value = &self->manifest.values[self->next];
    buf_t *bytes = NULL;
    archive_folder(self->region, self->shard, folder);
    snprintf(expected, sizeof expected, "%s/value-%" PRIu64, folder, value->key);
    if (strcmp(name, expected) != 0)
        return err_set(err, ERR_MALFORMED, "%.120s stands where %.120s should", name, expected);
    err_code_t code = s_take_bytes(self, entry, value->size_bytes, 0, &bytes, err);
    if (code)
        return err_prefix(err, code, "value %s", value->name);
    s_list(self, name, bytes);
    if (hash_checksum(buf_peek(bytes), buf_size(bytes)) != value->checksum)
        code = err_set(err, ERR_CHECKSUM, "%s: value %s does not match its checksum", folder, value->name);
    else if (self->wanted)
        code = snapshot_add(self->snapshot, value->name, &bytes, err);
    buf_destroy(&bytes);
    self->next++;
    return code ? code : s_complete(self, err);
}

/* ---- The rest ---- */

static err_code_t s_file(reader_t *self, struct archive_entry *entry, const char *name, err_t *err)
{
    if (self->file_count == FILES_MAX || strlen(name) >= ARCHIVE_NAME_ROOM || name[0] == '.' || !name[0] ||
        strchr(name, '/'))
        return err_set(err, ERR_MALFORMED, "an entry that archives do not have: %.120s", name);
    small_file_t *file = &self->files[self->file_count];
    err_code_t code = s_take_bytes(self, entry, SIZE_MAX, ARCHIVE_FILE_MAX_BYTES, &file->bytes, err);
    if (code)
        return code;
    self->file_count++;
    snprintf(file->name, sizeof file->name, "%s", name);
    s_list(self, name, file->bytes);
    return ERR_OK;
}

static err_code_t s_end_entry(reader_t *self, struct archive_entry *entry, err_t *err)
{
    buf_t *bytes = NULL;
    err_code_t code = archive_lines_end(&self->lines, err);
    if (!code)
        code = s_take_bytes(self, entry, self->lines.size, 0, &bytes, err);
    if (!code && memcmp(buf_peek(bytes), self->lines.text, self->lines.size) != 0)
        code = err_set(err, ERR_CHECKSUM, "the list at its end is of other contents");
    buf_destroy(&bytes);
    self->ended = true;
    return code;
}

static err_code_t s_entry(reader_t *self, struct archive_entry *entry, err_t *err)
{
    const char *name = archive_entry_pathname(entry);
    if (!name || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return err_set(err, ERR_MALFORMED, "an entry that archives do not have");
    if (self->ended)
        return err_set(err, ERR_MALFORMED, "%.120s stands behind the end", name);
    if (self->next < self->manifest.count)
        return s_value(self, entry, name, err);
    if (!strcmp(name, ARCHIVE_END_NAME))
        return s_end_entry(self, entry, err);
    return strchr(name, '/') ? s_manifest(self, entry, name, err) : s_file(self, entry, name, err);
}

static err_code_t s_entries(reader_t *self, err_t *err)
{
    struct archive_entry *entry = NULL;
    for (;;) {
        int rc = archive_read_next_header(self->tar, &entry);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc != ARCHIVE_OK)
            return s_fail_archive(self, err);
        err_code_t code = s_entry(self, entry, err);
        if (code)
            return code;
    }
    return self->ended ? ERR_OK : err_set(err, ERR_MALFORMED, "it has no end: cut off, or no archive");
}

static err_code_t s_tell_files(const reader_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < self->file_count && self->visitor->file && !code; i++)
        code = self->visitor->file(self->visitor->hint, self->files[i].name, buf_peek(self->files[i].bytes),
                                   buf_size(self->files[i].bytes), err);
    return code;
}

static err_code_t s_read_tar(reader_t *self, int fd, err_t *err)
{
    self->tar = archive_read_new();
    if (!self->tar)
        return err_set(err, ERR_MEMORY, "no memory");
    if (archive_read_support_filter_zstd(self->tar) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(self->tar) != ARCHIVE_OK ||
        archive_read_support_format_tar(self->tar) != ARCHIVE_OK ||
        archive_read_open_fd(self->tar, fd, READ_BYTES) != ARCHIVE_OK)
        return s_fail_archive(self, err);
    err_code_t code = archive_lines_init(&self->lines, err);
    if (!code)
        code = s_entries(self, err);
    return code ? code : s_tell_files(self, err);
}

err_code_t archive_read(const char *path, const archive_visitor_t *visitor, err_t *err)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, file_code_of(errno), "open %s: %s", path, strerror(errno));
    reader_t *self = calloc(1, sizeof *self);
    err_code_t code;
    if (!self) {
        code = err_set(err, ERR_MEMORY, "no memory");
    } else if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        code = err_set(err, ERR_MALFORMED, "it is not a file");
    } else {
        *self = (reader_t){.path = path, .visitor = visitor};
        code = s_read_tar(self, fd, err);
    }
    if (self) {
        if (self->tar)
            archive_read_free(self->tar);
        s_drop_entry(self);
        for (size_t i = 0; i < self->file_count; i++)
            buf_destroy(&self->files[i].bytes);
        archive_lines_fini(&self->lines);
        free(self);
    }
    close(fd);
    return code ? err_prefix(err, code, "archive %s", path) : ERR_OK;
}
