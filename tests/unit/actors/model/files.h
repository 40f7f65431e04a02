/* files - a directory of its own for each test, with files of the MNIST family in it, whole or damaged. */
#ifndef TESTS_UNIT_ACTORS_MODEL_FILES_H
#define TESTS_UNIT_ACTORS_MODEL_FILES_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define TRAIN_IMAGES "train-images-idx3-ubyte"
#define TRAIN_LABELS "train-labels-idx1-ubyte"
#define TEST_IMAGES "t10k-images-idx3-ubyte"
#define TEST_LABELS "t10k-labels-idx1-ubyte"

typedef struct {
    char dir[64];
    char cache[160]; /* not made */
} files_t;

static inline files_t files_new(void)
{
    files_t self;
    snprintf(self.dir, sizeof self.dir, "/tmp/cloudless-files-XXXXXX");
    cr_assert(mkdtemp(self.dir));
    snprintf(self.cache, sizeof self.cache, "%s/some/cache", self.dir);
    return self;
}

static inline int files_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline void files_destroy(files_t *self)
{
    nftw(self->dir, files_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *files_path(const files_t *self, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", self->dir, name);
    return path;
}

static inline void files_write(const files_t *self, const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(files_path(self, name), "wb");
    cr_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static inline void files_write_gz(const files_t *self, const char *name, const void *bytes, size_t size)
{
    gzFile file = gzopen(files_path(self, name), "wb");
    cr_assert(file && gzwrite(file, bytes, (unsigned)size) == (int)size && gzclose(file) == Z_OK);
}

/* Cuts a written file to its first `size` bytes, or from its end if negative. */
static inline void files_cut(const files_t *self, const char *name, long size)
{
    struct stat status;
    cr_assert_eq(stat(files_path(self, name), &status), 0);
    cr_assert_eq(truncate(files_path(self, name), size < 0 ? status.st_size + size : size), 0);
}

/* The bytes of an idx file: pixel or label i is (first + i * step) modulo `modulus`. The caller frees them.
 */
static inline uint8_t *files_idx(size_t rank, const size_t *dims, unsigned step, unsigned modulus,
                                 size_t *ret_size)
{
    size_t count = 1, head = 4 + 4 * rank;
    for (size_t d = 0; d < rank; d++)
        count *= dims[d];
    uint8_t *bytes = calloc(1, head + count);
    cr_assert(bytes);
    bytes[2] = 8;
    bytes[3] = (uint8_t)rank;
    for (size_t d = 0; d < rank; d++)
        for (size_t k = 0; k < 4; k++)
            bytes[4 + 4 * d + k] = (uint8_t)(dims[d] >> (24 - 8 * k));
    for (size_t i = 0; i < count; i++)
        bytes[head + i] = (uint8_t)(i * step % modulus);
    *ret_size = head + count;
    return bytes;
}

static inline void files_write_idx(const files_t *self, const char *name, bool packed, size_t rank,
                                   const size_t *dims, unsigned step, unsigned modulus)
{
    size_t size;
    uint8_t *bytes = files_idx(rank, dims, step, modulus, &size);
    if (packed)
        files_write_gz(self, name, bytes, size);
    else
        files_write(self, name, bytes, size);
    free(bytes);
}

#endif
