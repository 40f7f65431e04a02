#include "actors/model/data/packed.h"

#include "codec/base/hash.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK_SIZE (256 << 10)
#define LOCK_TRIES 500 /* times LOCK_PAUSE_NS: 10 s */
#define LOCK_PAUSE_NS 20000000L

static err_code_t s_io(err_t *err, const char *what, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return err_set(err, full ? ERR_FULL : ERR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

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
        return s_io(err, "map", path);
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
        return s_io(err, "open", path);
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

static err_code_t s_write_all(int fd, const uint8_t *bytes, size_t size, const char *path, err_t *err)
{
    while (size) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return s_io(err, "write", path);
        bytes += written;
        size -= (size_t)written;
    }
    return ERR_OK;
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
    return !code && fd >= 0 ? s_write_all(fd, chunk, size, path, err) : code;
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
        return s_io(err, "open", path);
    gzbuffer(file, CHUNK_SIZE);
    err_code_t code = s_inflate(file, path, spec, fd, err);
    gzclose(file);
    return code;
}

/* Unpacks into a temporary file of our own beside `path` and renames it when it is whole and on disk. */
static err_code_t s_unpack(const char *gz_path, const packed_spec_t *spec, const char *path, err_t *err)
{
    char temp_path[PATH_MAX];
    if (snprintf(temp_path, sizeof temp_path, "%s.XXXXXX", path) >= (int)sizeof temp_path)
        return err_set(err, ERR_LIMIT, "%.200s...: path too long", path);
    int fd = mkostemp(temp_path, O_CLOEXEC);
    if (fd < 0)
        return s_io(err, "create", temp_path);
    err_code_t code = s_read_packed(gz_path, spec, fd, err);
    if (!code && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
        code = s_io(err, "write", temp_path);
    close(fd);
    if (!code && rename(temp_path, path) < 0)
        code = s_io(err, "rename", temp_path);
    if (code)
        unlink(temp_path);
    return code;
}

/* Takes the lock, or goes on without it: since the result appears whole, two that unpack at once only waste
 * time, and a holder that was stopped must not stop everybody. Returns what to close, or -1. */
static int s_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            break;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    return fd;
}

/* CACHE/NAME.DIGEST, another name for each source: two data sets have files of the same names, and one may
 * change. */
static err_code_t s_cache_path(const char *cache_dir, const char *gz_path, char ret_path[PATH_MAX],
                               err_t *err)
{
    char real[PATH_MAX], source[PATH_MAX + 64];
    struct stat status;
    if (!realpath(gz_path, real) || stat(real, &status) < 0)
        return s_io(err, "resolve", gz_path);
    int length = snprintf(source, sizeof source, "%s %lld %lld.%09ld", real, (long long)status.st_size,
                          (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    uint64_t digest = hash_checksum(source, (size_t)length);
    const char *name = strrchr(gz_path, '/') ? strrchr(gz_path, '/') + 1 : gz_path;
    const char *end = strstr(name, ".gz");
    if (snprintf(ret_path, PATH_MAX, "%s/%.*s.%016llx", cache_dir, end ? (int)(end - name) : NAME_MAX, name,
                 (unsigned long long)digest) >= PATH_MAX)
        return err_set(err, ERR_LIMIT, "%.200s...: path too long", cache_dir);
    return ERR_OK;
}

static err_code_t s_open_kept(const char *gz_path, const packed_spec_t *spec, packed_t *ret_self, err_t *err)
{
    char path[PATH_MAX], lock_path[PATH_MAX];
    if (!spec->cache_dir)
        return err_set(err, ERR_CONFIG, "%s: is packed, and there is no directory to unpack it to", gz_path);
    err_code_t code = file_make_dirs(spec->cache_dir, err);
    if (!code)
        code = s_cache_path(spec->cache_dir, gz_path, path, err);
    if (!code && snprintf(lock_path, sizeof lock_path, "%s.lock", path) >= (int)sizeof lock_path)
        code = err_set(err, ERR_LIMIT, "%.200s...: path too long", path);
    if (code)
        return code;
    if (access(path, F_OK) < 0) {
        int lock = s_lock(lock_path);
        if (access(path, F_OK) < 0) /* still: nobody else unpacked it while we waited */
            code = s_unpack(gz_path, spec, path, err);
        if (lock >= 0)
            close(lock);
    }
    return code ? code : s_map(path, spec, ret_self, err);
}

static err_code_t s_open_in_memory(const char *path, const packed_spec_t *spec, packed_t *ret_self,
                                   err_t *err)
{
    int fd = memfd_create("data", MFD_CLOEXEC);
    if (fd < 0)
        return s_io(err, "unpack", path);
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
            return s_io(err, "open", ret_path);
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
