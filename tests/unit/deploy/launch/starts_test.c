#include "deploy/launch/starts.h"

#include "store/file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t s_count(const char *dir, const char *name, uint64_t least)
{
    uint64_t count = 0;
    err_t err = {0};
    cr_assert_eq(starts_count(dir, name, least, &count, &err), ERR_OK, "%s", err.text);
    return count;
}

Test(starts, grow_by_one_for_each_name_and_beyond_what_is_known_elsewhere)
{
    char dir[] = "/tmp/cloudless-starts-XXXXXX", path[128];
    cr_assert(mkdtemp(dir));
    cr_assert_eq(s_count(dir, "node-eu-a", 0), 1);
    cr_assert_eq(s_count(dir, "node-eu-a", 0), 2);
    cr_assert_eq(s_count(dir, "node-eu-b", 0), 1);
    cr_assert_eq(s_count(dir, "node-eu-b", 40), 41);
    cr_assert_eq(s_count(dir, "node-eu-b", 7), 42, "what is stored counts too");
    snprintf(path, sizeof path, "%s/starts-node-eu-a", dir);
    cr_assert_eq(file_write(path, "rubbish that is much longer than a number", 41, NULL), ERR_OK);
    cr_assert_eq(s_count(dir, "node-eu-a", 0), 1, "begins anew; the broker then says how far it was");
    unlink(path);
    snprintf(path, sizeof path, "%s/starts-node-eu-b", dir);
    unlink(path);
    rmdir(dir);
}

Test(starts, a_directory_that_is_not_there_is_an_error)
{
    uint64_t count = 0;
    cr_assert_neq(starts_count("/tmp/cloudless-no-such-directory", "x", 0, &count, NULL), ERR_OK);
}
