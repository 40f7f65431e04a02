#include "actors/model/idx.h"

#include "codec/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define PACKAGE "dataset-fashion-mnist"
#define HEADER_SIZE(rank) (4 + 4 * (rank))
#define CHUNK_SIZE (256 << 10)
#define LOCK_TRIES 500 /* times LOCK_PAUSE_NS: 10 s */
#define LOCK_PAUSE_NS 20000000L

static err_code_t s_io(err_t *err, const char *what, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return err_set(err, full ? ERR_FULL : ERR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

static uint32_t s_big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Reads dimensions from the first bytes of a file and returns how many bytes the whole file must have. */
static err_code_t s_read_header(const char *path, const uint8_t *bytes, size_t size, size_t rank,
                                idx_t *ret_idx, uint64_t *ret_size, err_t *err)
{
    if (size < HEADER_SIZE(rank))
        return err_set(err, ERR_MALFORMED,
                       "%s: truncated: expected at least %zu bytes, found %zu; fetch the file again (apt-get "
                       "install --reinstall " PACKAGE ")",
                       path, (size_t)HEADER_SIZE(rank), size);
    uint32_t magic = s_big_endian(bytes), right = 0x00000800U | (uint32_t)rank;
    if (magic != right)
        return err_set(err, ERR_MALFORMED,
                       "%s: not such a file: expected the first bytes 0x%08x, found 0x%08x; check data.dir",
                       path, (unsigned)right, (unsigned)magic);
    uint64_t total = 1;
    ret_idx->rank = rank;
    for (size_t i = 0; i < rank; i++) {
        ret_idx->dims[i] = s_big_endian(bytes + 4 + 4 * i);
        if (__builtin_mul_overflow(total, (uint64_t)ret_idx->dims[i], &total) || total > IDX_SIZE_MAX)
            return err_set(err, ERR_MALFORMED,
                           "%s: its header declares more than the %llu bytes a file may have", path,
                           (unsigned long long)IDX_SIZE_MAX);
    }
    if (total == 0)
        return err_set(err, ERR_MALFORMED, "%s: its header declares no data", path);
    *ret_size = HEADER_SIZE(rank) + total;
    return ERR_OK;
}

/* Widens the range of values by `size` more of them. */
static void s_note_range(idx_t *self, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        self->least = bytes[i] < self->least ? bytes[i] : self->least;
        self->most = bytes[i] > self->most ? bytes[i] : self->most;
    }
}

static err_code_t s_wrong_size(const char *path, uint64_t expected, uint64_t found, err_t *err)
{
    return err_set(
        err, ERR_MALFORMED,
        "%s: %s: expected %llu bytes, found %llu; fetch the file again (apt-get install --reinstall " PACKAGE
        ")",
        path, found < expected ? "truncated" : "too long", (unsigned long long)expected,
        (unsigned long long)found);
}

static err_code_t s_map(const char *path, size_t rank, idx_t *ret_self, err_t *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return s_io(err, "open", path);
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return err_set(err, ERR_IO, "%s: not a regular file", path);
    }
    idx_t idx = {.map_size = (size_t)status.st_size, .least = UINT8_MAX};
    uint64_t expected = 0;
    idx.map = idx.map_size ? mmap(NULL, idx.map_size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    close(fd);
    if (idx.map == MAP_FAILED)
        return s_io(err, "map", path);
    err_code_t code = s_read_header(path, idx.map, idx.map_size, rank, &idx, &expected, err);
    if (!code && expected != idx.map_size)
        code = s_wrong_size(path, expected, idx.map_size, err);
    if (code) {
        idx_close(&idx);
        return code;
    }
    idx.data = (const uint8_t *)idx.map + HEADER_SIZE(rank);
    if (rank == 1)
        s_note_range(&idx, idx.data, idx.dims[0]);
    *ret_self = idx;
    return ERR_OK;
}

void idx_close(idx_t *self)
{
    if (self->map)
        munmap(self->map, self->map_size);
    *self = (idx_t){0};
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

/* After the last chunk: was it the end that the header promised, and is the stream's checksum right? */
static err_code_t s_check_end(gzFile file, const char *gz_path, uint64_t found, uint64_t expected, err_t *err)
{
    int status = Z_OK;
    const char *what = gzerror(file, &status);
    if (status == Z_DATA_ERROR || (status != Z_OK && status != Z_STREAM_END && found == expected))
        return err_set(
            err, ERR_MALFORMED,
            "%s: damaged: %s; expected %llu bytes, found %llu; fetch the file again (apt-get install "
            "--reinstall " PACKAGE ")",
            gz_path, what, (unsigned long long)expected, (unsigned long long)found);
    return found == expected ? ERR_OK : s_wrong_size(gz_path, expected, found, err);
}

/* The values of a chunk that begins `found` bytes into the file. */
static void s_note_chunk(idx_t *self, const uint8_t *chunk, size_t size, uint64_t found, size_t rank)
{
    size_t skip = found < HEADER_SIZE(rank) ? HEADER_SIZE(rank) - (size_t)found : 0;
    if (rank == 1 && skip < size)
        s_note_range(self, chunk + skip, size - skip);
}

/* Reads a packed file to its end, into `fd` where that is not -1. */
static err_code_t s_inflate(gzFile file, const char *gz_path, size_t rank, int fd, const char *temp_path,
                            idx_t *ret_idx, err_t *err)
{
    uint8_t *chunk = malloc(CHUNK_SIZE);
    if (!chunk)
        return err_set(err, ERR_MEMORY, "%s: no memory to unpack it", gz_path);
    uint64_t expected = 0, found = 0;
    err_code_t code = ERR_OK;
    *ret_idx = (idx_t){.least = UINT8_MAX};
    for (size_t size; !code && (size = s_read_chunk(file, chunk)) > 0; found += size) {
        if (found == 0)
            code = s_read_header(gz_path, chunk, size, rank, ret_idx, &expected, err);
        if (!code && found + size > expected)
            code = s_wrong_size(gz_path, expected, found + size, err);
        s_note_chunk(ret_idx, chunk, size, found, rank);
        if (!code && fd >= 0)
            code = s_write_all(fd, chunk, size, temp_path, err);
    }
    free(chunk);
    if (code)
        return code;
    return s_check_end(file, gz_path, found, found ? expected : HEADER_SIZE(rank), err);
}

/* Unpacks into a temporary file of our own beside `path` and renames it when it is whole and on disk. */
static err_code_t s_unpack(const char *gz_path, size_t rank, const char *path, err_t *err)
{
    char temp_path[PATH_MAX];
    if (snprintf(temp_path, sizeof temp_path, "%s.XXXXXX", path) >= (int)sizeof temp_path)
        return err_set(err, ERR_LIMIT, "%.200s...: path too long", path);
    gzFile file = gzopen(gz_path, "rbe");
    if (!file)
        return s_io(err, "open", gz_path);
    int fd = mkostemp(temp_path, O_CLOEXEC);
    if (fd < 0) {
        gzclose(file);
        return s_io(err, "create", temp_path);
    }
    gzbuffer(file, CHUNK_SIZE);
    idx_t ignored;
    err_code_t code = s_inflate(file, gz_path, rank, fd, temp_path, &ignored, err);
    gzclose(file);
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

/* mkdir -p */
static err_code_t s_make_dir(const char *dir, err_t *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path)
        return err_set(err, ERR_LIMIT, "%.200s...: path too long", dir);
    for (char *end = path + 1;; end++) {
        char kept = *end;
        if (kept != '/' && kept != '\0')
            continue;
        *end = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return s_io(err, "make directory", path);
        *end = kept;
        if (kept == '\0')
            return ERR_OK;
    }
}

/* CACHE/NAME.DIGEST, another name for each source: two data sets have files of the same names, and one may
 * change. */
static err_code_t s_cache_path(const char *cache_dir, const char *name, const char *gz_path,
                               const struct stat *status, char ret_path[PATH_MAX], err_t *err)
{
    char real[PATH_MAX], source[PATH_MAX + 64];
    if (!realpath(gz_path, real))
        return s_io(err, "resolve", gz_path);
    int length = snprintf(source, sizeof source, "%s %lld %lld.%09ld", real, (long long)status->st_size,
                          (long long)status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
    uint64_t digest = hash_checksum(source, (size_t)length);
    if (snprintf(ret_path, PATH_MAX, "%s/%s.%016llx", cache_dir, name, (unsigned long long)digest) >=
        PATH_MAX)
        return err_set(err, ERR_LIMIT, "%.200s...: path too long", cache_dir);
    return ERR_OK;
}

static err_code_t s_open_packed(const char *gz_path, const char *name, const char *cache_dir,
                                const struct stat *status, size_t rank, idx_t *ret_self, err_t *err)
{
    char path[PATH_MAX], lock_path[PATH_MAX];
    if (!cache_dir)
        return err_set(err, ERR_CONFIG, "%s: is packed, and there is no directory to unpack it to", gz_path);
    err_code_t code = s_make_dir(cache_dir, err);
    if (!code)
        code = s_cache_path(cache_dir, name, gz_path, status, path, err);
    if (!code && snprintf(lock_path, sizeof lock_path, "%s.lock", path) >= (int)sizeof lock_path)
        code = err_set(err, ERR_LIMIT, "%.200s...: path too long", path);
    if (code)
        return code;
    if (access(path, F_OK) < 0) {
        int lock = s_lock(lock_path);
        if (access(path, F_OK) < 0) /* still: nobody else unpacked it while we waited */
            code = s_unpack(gz_path, rank, path, err);
        if (lock >= 0)
            close(lock);
    }
    return code ? code : s_map(path, rank, ret_self, err);
}

/* ---- names ---- */

typedef struct {
    char path[PATH_MAX];
    struct stat status;
    bool packed;
} found_t;

/* A file that begins as gzip's files do is packed, whatever its name is. */
static bool s_is_packed(const char *path)
{
    uint8_t magic[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool packed = fd >= 0 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && magic[0] == 0x1f &&
                  magic[1] == 0x8b;
    if (fd >= 0)
        close(fd);
    return packed;
}

/* "train-images-idx3-ubyte" as some unpack it: "train-images.idx3-ubyte". */
static void s_dot(char *name)
{
    char *dash = strstr(name, "-idx");
    if (dash)
        *dash = '.';
}

/* The file by any of its names. */
static err_code_t s_find_file(const char *dir, const char *name, found_t *ret, err_t *err)
{
    static const struct {
        bool dotted;
        const char *suffix;
    } forms[] = {{false, ""}, {false, ".gz"}, {true, ""}, {true, ".gz"}};
    char dotted[NAME_MAX + 1];
    snprintf(dotted, sizeof dotted, "%s", name);
    s_dot(dotted);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (snprintf(ret->path, sizeof ret->path, "%s/%s%s", dir, forms[i].dotted ? dotted : name,
                     forms[i].suffix) >= (int)sizeof ret->path)
            return err_set(err, ERR_LIMIT, "%.200s...: path too long", dir);
        if (stat(ret->path, &ret->status) == 0) {
            ret->packed = forms[i].suffix[0] || s_is_packed(ret->path);
            return ERR_OK;
        }
        if (errno != ENOENT && errno != ENOTDIR)
            return s_io(err, "open", ret->path);
    }
    return err_set(err, ERR_NOT_FOUND,
                   "%s/%s: no such file, nor %s, nor with .gz; apt-get install " PACKAGE
                   " and set data.dir to /usr/share/datasets/fashion-mnist, or to where your files are",
                   dir, name, dotted);
}

/* ---- all ---- */

err_code_t idx_open(const char *dir, const char *name, const char *cache_dir, size_t rank, idx_t *ret_self,
                    err_t *err)
{
    CHECK(rank >= 1 && rank <= IDX_RANK_MAX);
    found_t found;
    err_code_t code = s_find_file(dir, name, &found, err);
    if (code)
        return code;
    return found.packed ? s_open_packed(found.path, name, cache_dir, &found.status, rank, ret_self, err)
                        : s_map(found.path, rank, ret_self, err);
}

static err_code_t s_look_at_header(gzFile file, const char *path, size_t rank, idx_t *ret_self, err_t *err)
{
    uint8_t bytes[HEADER_SIZE(IDX_RANK_MAX)];
    uint64_t ignored;
    int got = gzread(file, bytes, HEADER_SIZE(rank));
    return s_read_header(path, bytes, got > 0 ? (size_t)got : 0, rank, ret_self, &ignored, err);
}

static err_code_t s_look_packed(const char *path, size_t rank, bool thorough, idx_t *ret_self, err_t *err)
{
    gzFile file = gzopen(path, "rbe");
    if (!file)
        return s_io(err, "open", path);
    err_code_t code = ERR_OK;
    if (thorough || rank == 1) {
        gzbuffer(file, CHUNK_SIZE);
        code = s_inflate(file, path, rank, -1, path, ret_self, err);
    } else {
        code = s_look_at_header(file, path, rank, ret_self, err);
    }
    gzclose(file);
    return code;
}

err_code_t idx_look(const char *dir, const char *name, size_t rank, bool thorough, idx_t *ret_self,
                    err_t *err)
{
    CHECK(rank >= 1 && rank <= IDX_RANK_MAX);
    found_t found;
    idx_t idx = {0};
    err_code_t code = s_find_file(dir, name, &found, err);
    if (!code)
        code = found.packed ? s_look_packed(found.path, rank, thorough, &idx, err)
                            : s_map(found.path, rank, &idx, err);
    if (code)
        return code;
    size_t size = idx.map_size;
    idx_close(&(idx_t){.map = idx.map, .map_size = size});
    idx.map = NULL;
    idx.data = NULL;
    *ret_self = idx;
    return ERR_OK;
}
