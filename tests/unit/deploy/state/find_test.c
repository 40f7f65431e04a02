#include "deploy/launch/launch.h"
#include "deploy/state/find.h"
#include "store/lockfile.h"
#include "tests/unit/store/temp.h"

#include <signal.h>
#include <sys/stat.h>

static temp_t s_temp;
static char s_base[TEMP_PATH_MAX], s_found[STATEDIR_PATH_MAX];
static err_t s_err;

static void s_setup(void)
{
    temp_init(&s_temp);
    setenv("XDG_STATE_HOME", s_temp.dir, 1);
    cr_assert_eq(mkdir(temp_path(&s_temp, "cloudless", s_base), 0700), 0);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(find, .init = s_setup, .fini = s_teardown);

static const char *s_run(const char *name, char path[STATEDIR_PATH_MAX])
{
    statedir_t *state = NULL;
    snprintf(path, STATEDIR_PATH_MAX, "%s/%s", s_base, name);
    cr_assert_eq(statedir_open(path, name, "digest", &state, &s_err), ERR_OK, "%s", s_err.text);
    statedir_close(&state);
    return path;
}

Test(find, the_only_run_is_meant)
{
    char path[STATEDIR_PATH_MAX], other[TEMP_PATH_MAX];
    cr_assert_eq(state_find(s_found, &s_err), ERR_USAGE);
    cr_assert(strstr(s_err.text, "no run is kept in ") && strstr(s_err.text, s_base), "%s", s_err.text);
    cr_assert_eq(mkdir(temp_path(&s_temp, "cloudless/photos", other), 0700), 0);
    s_run("mnist", path);
    cr_assert_eq(state_find(s_found, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_str_eq(s_found, path);
}

Test(find, of_several_the_one_in_use_is_meant_and_otherwise_they_are_named)
{
    char first[STATEDIR_PATH_MAX], second[STATEDIR_PATH_MAX], lock[STATEDIR_PATH_MAX + 8];
    s_run("a", first);
    s_run("b", second);
    cr_assert_eq(state_find(s_found, &s_err), ERR_USAGE);
    cr_assert(strstr(s_err.text, "a, b") || strstr(s_err.text, "b, a"), "%s", s_err.text);
    snprintf(lock, sizeof lock, "%s/lock", second);
    int ends[2], fd = -1;
    char byte;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork(); /* a lock of one's own is not seen */
    if (child == 0) {
        err_code_t code = lockfile_take(lock, &fd, NULL);
        _exit(code || write(ends[1], "x", 1) != 1 || pause());
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_assert_eq(state_find(s_found, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_str_eq(s_found, second);
    kill(child, SIGKILL);
}

Test(find, without_a_home_it_says_so)
{
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    cr_assert_eq(state_find(s_found, &s_err), ERR_USAGE);
    cr_assert(strstr(s_err.text, "--state"), "%s", s_err.text);
}
