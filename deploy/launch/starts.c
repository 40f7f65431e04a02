#include "deploy/launch/starts.h"

#include "codec/base/buf.h"
#include "codec/base/rng.h"
#include "store/file.h"
#include "store/statedir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STARTS_DIGITS 20

/* A number in a file; 0 when there is none, or none that can be read. */
static err_code_t s_read_number(const char *path, uint64_t *ret_number, err_t *err)
{
    char text[STARTS_DIGITS + 2] = "";
    buf_t *stored = NULL;
    err_code_t rc = file_read(path, STARTS_DIGITS + 1, &stored, err);
    if (rc && rc != ERR_NOT_FOUND && rc != ERR_LIMIT)
        return rc;
    if (!rc)
        memcpy(text, buf_peek(stored), buf_size(stored));
    buf_destroy(&stored);
    *ret_number = strtoull(text, NULL, 10);
    return ERR_OK;
}

static err_code_t s_write_number(const char *path, uint64_t number, err_t *err)
{
    char text[STARTS_DIGITS + 2];
    int length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)number);
    return file_write(path, text, (size_t)length, err);
}

err_code_t starts_count(const char *run_dir, const char *name, uint64_t least, uint64_t *ret_count,
                        err_t *err)
{
    char path[STATEDIR_PATH_MAX + STATEDIR_NAME_MAX + 16];
    uint64_t last = 0;
    snprintf(path, sizeof path, "%s/starts-%s", run_dir, name);
    err_code_t rc = s_read_number(path, &last, err);
    if (rc)
        return rc;
    *ret_count = (last > least ? last : least) + 1;
    return s_write_number(path, *ret_count, err);
}

err_code_t starts_disk(const char *run_dir, uint32_t *ret_disk, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 16];
    uint64_t disk = 0;
    snprintf(path, sizeof path, "%s/disk", run_dir);
    err_code_t rc = s_read_number(path, &disk, err);
    if (!rc && !disk) {
        disk = (rng_entropy() & UINT32_MAX) | 1;
        rc = s_write_number(path, disk, err);
    }
    *ret_disk = (uint32_t)disk;
    return rc;
}
