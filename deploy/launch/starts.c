#include "deploy/launch/starts.h"

#include "codec/base/buf.h"
#include "store/file.h"
#include "store/statedir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STARTS_DIGITS 20

err_code_t starts_count(const char *run_dir, const char *name, uint64_t least, uint64_t *ret_count,
                        err_t *err)
{
    char path[STATEDIR_PATH_MAX + STATEDIR_NAME_MAX + 16], text[STARTS_DIGITS + 2] = "";
    snprintf(path, sizeof path, "%s/starts-%s", run_dir, name);
    buf_t *stored = NULL;
    err_code_t rc = file_read(path, STARTS_DIGITS + 1, &stored, err);
    if (rc && rc != ERR_NOT_FOUND && rc != ERR_LIMIT)
        return rc;
    if (!rc)
        memcpy(text, buf_peek(stored), buf_size(stored));
    buf_destroy(&stored);
    uint64_t last = strtoull(text, NULL, 10);
    *ret_count = (last > least ? last : least) + 1;
    int length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)*ret_count);
    return file_write(path, text, (size_t)length, err);
}
