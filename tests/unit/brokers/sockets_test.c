/* Where local sockets lie: nobody can keep somebody else from having one. */
#include "brokers/broker_files.h"

#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

static temp_t s_temp;

static void s_setup(void)
{
    temp_init(&s_temp);
    setenv("TMPDIR", s_temp.dir, 1);
    unsetenv("XDG_RUNTIME_DIR");
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(sockets, .init = s_setup, .fini = s_teardown);

/* The path of a new socket; its directory is this user's alone. */
static const char *s_path(char path[TOPOLOGY_TEXT_MAX])
{
    err_t err = {0};
    struct stat info;
    char dir[TOPOLOGY_TEXT_MAX];
    cr_assert_eq(broker_socket_path(path, &err), ERR_OK, "%s", err.text);
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    cr_assert_eq(lstat(dir, &info), 0);
    cr_assert(S_ISDIR(info.st_mode) && info.st_uid == geteuid() && !(info.st_mode & 077));
    cr_assert_leq(strlen(path), 107);
    return path;
}

static void s_shared(char out[TEMP_PATH_MAX])
{
    snprintf(out, TEMP_PATH_MAX, "%s/cloudless-%lu", s_temp.dir, (unsigned long)geteuid());
}

Test(sockets, lie_where_temporary_files_do)
{
    char path[TOPOLOGY_TEXT_MAX], again[TOPOLOGY_TEXT_MAX], shared[TEMP_PATH_MAX];
    s_shared(shared);
    cr_expect_eq(strncmp(s_path(path), shared, strlen(shared)), 0, "%s", path);
    cr_expect_eq(strncmp(s_path(again), shared, strlen(shared)), 0, "%s", again);
    cr_expect_str_neq(path, again);
}

Test(sockets, a_name_that_somebody_else_has_taken_is_left_to_them)
{
    char path[TOPOLOGY_TEXT_MAX], shared[TEMP_PATH_MAX], system[64];
    s_shared(shared);
    snprintf(system, sizeof system, "/tmp/cloudless-%lu/", (unsigned long)geteuid());
    cr_assert_eq(mkdir(shared, 0777), 0);
    cr_assert_eq(chmod(shared, 0777), 0); /* as anybody's */
    s_path(path);
    cr_expect_neq(strncmp(path, shared, strlen(shared) + 1), 0, "%s", path);
    cr_expect_eq(strncmp(path, system, strlen(system)), 0, "the next place: %s", path);
}

Test(sockets, a_base_that_is_too_long_is_passed_over)
{
    char path[TOPOLOGY_TEXT_MAX], deep[TEMP_PATH_MAX];
    snprintf(deep, sizeof deep, "%s/%080d", s_temp.dir, 0);
    cr_assert_eq(mkdir(deep, 0700), 0);
    setenv("TMPDIR", deep, 1);
    cr_expect_eq(strncmp(s_path(path), "/tmp/", 5), 0, "%s", path);
    setenv("TMPDIR", "relative", 1);
    cr_expect_eq(strncmp(s_path(path), "/tmp/", 5), 0, "%s", path);
}
