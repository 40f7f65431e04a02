#include "actors/model/data/packed.h"

#include "actors/model/data/cached.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK_SIZE (256 << 10)

static err_code_t s_wrong_size(const char *path, const packed_spec_t *spec, uint64_t expected, uint64_t found,
                               err_t *err)
{
    return err_set(err, ERR_MALFORMED, "%s: %s: expected %llu bytes, found %llu; %s", path,
                   found < expected ? "truncated" : "too long", (unsigned long long)expected,
                   (unsigned long long)found, spec->remedy);
}

/* How long the whole file must be, by its first bytes; UINT64_MAX: any length. */
static err_code_t s_expect(const char *path, const packed_spec_t *spec, const uint8_t *bytes, size_t size,
                           uint64_t *ret_expected, err_t *err)
{
    uint64_t expected = 0;
    err_code_t code = spec->expect ? spec->expect(spec->hint, path, bytes, size, &expected, err) : ERR_OK;
    *ret_expected = expected ? expected : UINT64_MAX;
    return code;
}

static err_code_t s_check_map(const char *path, const packed_spec_t *spec, const packed_t *self, err_t *err)
{
    uint64_t expected = UINT64_MAX;
    err_code_t code = s_expect(path, spec, self->bytes, self->size, &expected, err);
    if (!code && expected != UINT64_MAX && expected != self->size)
        code = s_wrong_size(path, spec, expected, self->size, err);
    return code;
}

static err_code_t s_map_fd(int fd, const char *path, const packed_spec_t *spec, packed_t *ret_self,
                           err_t *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return err_set(err, ERR_IO, "%s: not a regular file", path);
    packed_t self = {.size = (size_t)status.st_size, .map_size = (size_t)status.st_size};
    self.map = self.size ? mmap(NULL, self.size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    if (self.map == MAP_FAILED)
        return cached_io(err, "map", path);
    self.bytes = self.map;
    err_code_t code = s_check_map(path, spec, &self, err);
    if (code)
        packed_close(&self);
    else
        *ret_self = self;
    return code;
}

static err_code_t s_map(const char *path, const packed_spec_t *spec, packed_t *ret_self, err_t *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused, not waited for */
    if (fd < 0)
        return cached_io(err, "open", path);
    err_code_t code = s_map_fd(fd, path, spec, ret_self, err);
    close(fd);
    return code;
}

void packed_close(packed_t *self)
{
    if (self->map)
        munmap(self->map, self->map_size);
    *self = (packed_t){0};
}

/* Fills the chunk unless the file ends before; gzread alone may stop at a boundary inside. A damaged or cut
 * file ends early here and is found out by its size. */
static size_t s_read_chunk(gzFile file, uint8_t *chunk)
{
    size_t size = 0;
    while (size < CHUNK_SIZE) {
        int got = gzread(file, chunk + size, (unsigned)(CHUNK_SIZE - size));
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    return size;
}

/* After the last chunk: was it the end that was promised, and is the stream's checksum right? */
static err_code_t s_check_end(gzFile file, const char *path, const packed_spec_t *spec, uint64_t found,
                              uint64_t expected, err_t *err)
{
    int status = Z_OK;
    const char *what = gzerror(file, &status);
    bool open = expected == UINT64_MAX, done = open || found == expected;
    if (status != Z_DATA_ERROR && (status == Z_OK || status == Z_STREAM_END || !done))
        return done ? ERR_OK : s_wrong_size(path, spec, expected, found, err);
    if (open)
        return err_set(err, ERR_MALFORMED, "%s: damaged: %s after %llu bytes; %s", path, what,
                       (unsigned long long)found, spec->remedy);
    return err_set(err, ERR_MALFORMED, "%s: damaged: %s; expected %llu bytes, found %llu; %s", path, what,
                   (unsigned long long)expected, (unsigned long long)found, spec->remedy);
}

/* Takes one chunk that begins `found` bytes into the file. */
static err_code_t s_take_chunk(const char *path, const packed_spec_t *spec, int fd, const uint8_t *chunk,
                               size_t size, uint64_t found, uint64_t *expected, err_t *err)
{
    err_code_t code = found ? ERR_OK : s_expect(path, spec, chunk, size, expected, err);
    if (!code && *expected != UINT64_MAX && found + size > *expected)
        code = s_wrong_size(path, spec, *expected, found + size, err);
    if (!code && found + size > PACKED_SIZE_MAX)
        code = err_set(err, ERR_LIMIT, "%s: more than the %llu bytes a file may have", path,
                       (unsigned long long)PACKED_SIZE_MAX);
    return !code && fd >= 0 ? cached_write(fd, chunk, size, path, err) : code;
}

/* Reads a packed file to its end, or its beginning alone, into `fd` where that is not -1. */
static err_code_t s_inflate(gzFile file, const char *path, const packed_spec_t *spec, int fd, err_t *err)
{
    uint8_t *chunk = malloc(CHUNK_SIZE);
    if (!chunk)
        return err_set(err, ERR_MEMORY, "%s: no memory to unpack it", path);
    uint64_t expected = UINT64_MAX, found = 0;
    err_code_t code = ERR_OK;
    bool more = true;
    for (size_t size; !code && more && (size = s_read_chunk(file, chunk)) > 0; found += size) {
        code = s_take_chunk(path, spec, fd, chunk, size, found, &expected, err);
        more = spec->use != PACKED_BEGIN;
    }
    free(chunk);
    if (!code && more)
        code = s_check_end(file, path, spec, found, expected, err);
    return !code && !found ? s_expect(path, spec, (const uint8_t *)"", 0, &expected, err) : code;
}

static err_code_t s_read_packed(const char *path, const packed_spec_t *spec, int fd, err_t *err)
{
    gzFile file = gzopen(path, "rbe");
    if (!file)
        return cached_io(err, "open", path);
    gzbuffer(file, CHUNK_SIZE);
    err_code_t code = s_inflate(file, path, spec, fd, err);
    gzclose(file);
    return code;
}

typedef struct {
    const char *path;
    const packed_spec_t *spec;
} unpack_t;

static err_code_t s_unpack(void *hint, int fd, const char *path, err_t *err)
{
    const unpack_t *self = hint;
    (void)path;
    return s_read_packed(self->path, self->spec, fd, err);
}

static err_code_t s_open_kept(const char *gz_path, const packed_spec_t *spec, packed_t *ret_self, err_t *err)
{
    char path[PATH_MAX], name[NAME_MAX + 1], stamp[CACHED_STAMP_MAX];
    if (!spec->cache_dir)
        return err_set(err, ERR_CONFIG, "%s: is packed, and there is no directory to unpack it to", gz_path);
    snprintf(name, sizeof name, "%s", strrchr(gz_path, '/') ? strrchr(gz_path, '/') + 1 : gz_path);
    if (strstr(name, ".gz"))
        *strstr(name, ".gz") = '\0';
    err_code_t code = cached_stamp(gz_path, stamp, err);
    if (!code)
        code = cached_path(spec->cache_dir, name, stamp, strlen(stamp), path, err);
    if (!code)
        code = cached_make(path, s_unpack, &(unpack_t){gz_path, spec}, err);
    return code ? code : s_map(path, spec, ret_self, err);
}

static err_code_t s_open_in_memory(const char *path, const packed_spec_t *spec, packed_t *ret_self,
                                   err_t *err)
{
    int fd = memfd_create("data", MFD_CLOEXEC);
    if (fd < 0)
        return cached_io(err, "unpack", path);
    err_code_t code = s_read_packed(path, spec, fd, err);
    if (!code)
        code = s_map_fd(fd, path, spec, ret_self, err);
    close(fd);
    return code;
}

/* A file that begins as gzip's files do is packed, whatever its name is; an empty one of that name is too. */
static bool s_is_packed(const char *path)
{
    uint8_t magic[2] = {0};
    size_t length = strlen(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool packed = fd >= 0 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && magic[0] == 0x1f &&
                  magic[1] == 0x8b;
    if (fd >= 0)
        close(fd);
    return packed || (length > 3 && strcmp(path + length - 3, ".gz") == 0);
}

err_code_t packed_find(const char *dir, const char *name, char ret_path[PATH_MAX], err_t *err)
{
    static const char *const suffixes[] = {"", ".gz"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (snprintf(ret_path, PATH_MAX, "%s/%s%s", dir, name, suffixes[i]) >= PATH_MAX)
            return err_set(err, ERR_LIMIT, "%.200s...: path too long", dir);
        struct stat status;
        if (stat(ret_path, &status) == 0)
            return ERR_OK;
        if (errno != ENOENT && errno != ENOTDIR)
            return cached_io(err, "open", ret_path);
    }
    return err_set(err, ERR_NOT_FOUND, "%s/%s: no such file, nor with .gz", dir, name);
}

err_code_t packed_open(const char *path, const packed_spec_t *spec, packed_t *ret_self, err_t *err)
{
    if (!s_is_packed(path))
        return s_map(path, spec, ret_self, err);
    if (spec->use == PACKED_KEEP)
        return s_open_kept(path, spec, ret_self, err);
    if (spec->use == PACKED_MEMORY)
        return s_open_in_memory(path, spec, ret_self, err);
    err_code_t code = s_read_packed(path, spec, -1, err);
    if (!code)
        *ret_self = (packed_t){0};
    return code;
}
