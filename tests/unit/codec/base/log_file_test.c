#include "codec/base/log_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 4096
#define LINE "a line of a log that is neither long nor short, and ends here\n"

static size_t s_bytes(const char *path)
{
    struct stat info;
    return stat(path, &info) ? 0 : (size_t)info.st_size;
}

Test(log_file, never_grows_beyond_twice_its_limit_whoever_writes)
{
    char dir[] = "/tmp/cloudless-log-XXXXXX", path[64], before[80];
    log_file_t files[3];
    err_t err = {0};
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.log", dir);
    snprintf(before, sizeof before, "%s.1", path);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(log_file_open(&files[i], path, MOST, &err), ERR_OK, "%s", err.text);
    for (int line = 0; line < 3000; line++) {
        log_file_write(&files[line % 3], LINE, strlen(LINE));
        cr_assert_lt(s_bytes(path) + s_bytes(before), 2 * (3 * MOST + MOST));
    }
    cr_assert_gt(s_bytes(before), 0);
    for (size_t i = 0; i < 3; i++)
        log_file_write(&files[i], LINE, strlen(LINE));
    for (size_t i = 0; i < 3; i++)
        log_file_close(&files[i]);
    cr_assert_eq(log_file_open(&files[0], "/no/such/directory/x.log", MOST, &err), ERR_IO);
    unlink(path);
    unlink(before);
    rmdir(dir);
}
