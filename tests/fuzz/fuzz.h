/* fuzz - what the programs beside it share.
 *
 * Why      each of them gives arbitrary bytes to one reader. With gcc `main` tries a number of seeded
 *          mutations of inputs that the program makes itself; with clang and -DCLOUDLESS_LIBFUZZER=ON its
 *          fuzzer drives, guided by coverage, and begins from the same inputs: no corpus lies around that
 *          could grow old.
 * How      a program defines LLVMFuzzerTestOneInput, which counts with fuzz_took, and fuzz_seed; and includes
 *          this once.
 * Seeds    CLOUDLESS_SEED.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "codec/base/err.h"
#include "codec/base/rng.h"
#include "tests/unit/codec/base/seed.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* An input that the reader takes; malloc. */
static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size);

static size_t fuzz_taken;

/* A refusal has a reason of one line. */
static inline bool fuzz_took(err_code_t code, const err_t *err)
{
    CHECK(!code || (err->code == code && err->text[0] && !strchr(err->text, '\n')));
    fuzz_taken += !code;
    return !code;
}

static inline uint8_t *fuzz_copy(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    CHECK(copy);
    memcpy(copy, bytes, size);
    return copy;
}

/* ---- files ---- */

static char fuzz_dir_name[64];

static inline int fuzz_remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static inline void fuzz_dir_remove(void)
{
    nftw(fuzz_dir_name, fuzz_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A directory of this process, in memory where there is such a place; gone with it. */
static inline const char *fuzz_dir(void)
{
    if (!fuzz_dir_name[0]) {
        snprintf(fuzz_dir_name, sizeof fuzz_dir_name, "%s/cloudless-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        CHECK(mkdtemp(fuzz_dir_name));
        atexit(fuzz_dir_remove);
    }
    return fuzz_dir_name;
}

static inline const char *fuzz_path(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name);
    return path;
}

static inline const char *fuzz_write(const char *name, const void *bytes, size_t size)
{
    const char *path = fuzz_path(name);
    FILE *file = fopen(path, "we");
    CHECK(file && fwrite(bytes, 1, size, file) == size && !fclose(file));
    return path;
}

/* The contents of a file behind `before` bytes for the caller to fill; malloc. */
static inline uint8_t *fuzz_read(const char *path, size_t before, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    CHECK(file && !fseek(file, 0, SEEK_END));
    long size = ftell(file);
    CHECK(size >= 0);
    uint8_t *bytes = calloc(1, before + (size_t)size + 1);
    CHECK(bytes);
    rewind(file);
    CHECK(fread(bytes + before, 1, (size_t)size, file) == (size_t)size && !fclose(file));
    *ret_size = before + (size_t)size;
    return bytes;
}

/* ---- who drives ---- */

#ifdef CLOUDLESS_LIBFUZZER

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);

/* Now and then a fresh input of the program's own, so that the fuzzer need not find the format out. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
    rng_t rng;
    rng_init(&rng, seed);
    if (size > 2 && rng_below(&rng, 50))
        return LLVMFuzzerMutate(bytes, size, most);
    uint8_t *fresh = fuzz_seed(&rng, &size);
    size = size < most ? size : most;
    memcpy(bytes, fresh, size);
    free(fresh);
    return size;
}

#else

/* Flips a bit, sets a byte, drops some, or repeats some elsewhere; never longer. Half of the changes meet the
 * first bytes, where headers are. */
static inline size_t fuzz_mutate(rng_t *rng, uint8_t *bytes, size_t size)
{
    if (size < 2)
        return size;
    size_t near = size > 48 && rng_below(rng, 2) ? 48 : size;
    size_t at = rng_below(rng, near), from = rng_below(rng, size), count = rng_below(rng, 17);
    size_t room = size - (at > from ? at : from);
    count = count < room ? count : room;
    switch (rng_below(rng, 6)) {
    case 0:
    case 1:
        bytes[at] ^= (uint8_t)(1u << rng_below(rng, 8));
        return size;
    case 2:
        bytes[at] = (uint8_t)(rng_below(rng, 2) ? rng_u64(rng) : rng_below(rng, 2) ? 0xff : 0);
        return size;
    case 3:
        memmove(bytes + at, bytes + from, count);
        return size;
    case 4:
        memmove(bytes + at, bytes + at + count, size - at - count);
        return size - count;
    default:
        return rng_below(rng, 4) ? size : size - rng_below(rng, size);
    }
}

#ifndef FUZZ_RUNS
#define FUZZ_RUNS 6000
#endif
/* Of 1000 inputs, half of which are changed: were all refused, or none, nothing would be tested. */
#ifndef FUZZ_TAKEN_LEAST
#define FUZZ_TAKEN_LEAST 200
#endif

int main(int argc, char **argv)
{
    rng_t rng;
    size_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : FUZZ_RUNS;
    rng_init(&rng, test_seed());
    for (size_t run = 0; run < runs; run++) {
        size_t size;
        uint8_t *bytes = fuzz_seed(&rng, &size);
        for (uint64_t changes = rng_below(&rng, 2) * rng_below(&rng, 6); changes; changes--)
            size = fuzz_mutate(&rng, bytes, size);
        uint8_t *exact = fuzz_copy(bytes, size); /* so that a sanitizer sees its end */
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        free(bytes);
    }
    printf("%zu runs, %zu taken\n", runs, fuzz_taken);
    bool tells = fuzz_taken * 1000 >= runs * FUZZ_TAKEN_LEAST && fuzz_taken * 1000 <= runs * 950;
    return runs >= 100 && !tells;
}

#endif
#endif
