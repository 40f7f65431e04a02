/* temp - a directory of a test's own below /tmp, removed with all that is in it; and the seed of its random
 * choices.
 */
#ifndef TESTS_UNIT_STORE_TEMP_H
#define TESTS_UNIT_STORE_TEMP_H

#include <criterion/criterion.h>

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEMP_PATH_MAX 512

typedef struct {
    char dir[64];
} temp_t;

static inline void temp_init(temp_t *self)
{
    strcpy(self->dir, "/tmp/cloudless-test-XXXXXX");
    cr_assert_not_null(mkdtemp(self->dir));
}

static inline int temp_remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static inline void temp_fini(temp_t *self)
{
    cr_assert_eq(nftw(self->dir, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline const char *temp_path(const temp_t *self, const char *name, char out[TEMP_PATH_MAX])
{
    snprintf(out, TEMP_PATH_MAX, "%s/%s", self->dir, name);
    return out;
}

/* CLOUDLESS_SEED, or 1; printed, so that a failure can be run again. */
static inline uint64_t temp_seed(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    cr_log_info("CLOUDLESS_SEED=%llu", (unsigned long long)seed);
    return seed;
}

#endif
