#include "store/lockfile.h"

#include "tests/unit/store/temp.h"

#include <signal.h>
#include <sys/wait.h>

static err_t s_err;
static temp_t s_temp;
static char s_path[TEMP_PATH_MAX];

static void s_setup(void)
{
    temp_init(&s_temp);
    temp_path(&s_temp, "lock", s_path);
}

static void s_teardown(void)
{
    temp_fini(&s_temp);
}

TestSuite(lockfile, .init = s_setup, .fini = s_teardown);

Test(lockfile, one_holder)
{
    int fd = -1, other = -1;
    char pid[32];
    cr_assert_eq(lockfile_holder(s_path), 0);
    cr_assert_eq(access(s_path, F_OK), -1, "asking creates nothing");
    cr_assert_eq(lockfile_take(s_path, &fd, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(lockfile_holder(s_path), getpid());
    cr_assert_eq(lockfile_take(s_path, &other, &s_err), ERR_IN_USE);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    cr_assert_not_null(strstr(s_err.text, pid), "%s", s_err.text);
    cr_assert_eq(other, -1);
    lockfile_release(&fd);
    cr_assert_eq(fd, -1);
    lockfile_release(&fd);
    cr_assert_eq(lockfile_holder(s_path), 0);
    cr_assert_eq(lockfile_take(s_path, &fd, &s_err), ERR_OK);
    lockfile_release(&fd);
}

/* A killed holder holds nothing, though its pid is still in the file. */
Test(lockfile, dies_with_its_process)
{
    int ends[2], status = 0, fd = -1;
    char byte = 0;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        if (lockfile_take(s_path, &fd, NULL) || write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_assert_eq(lockfile_holder(s_path), child);
    cr_assert_eq(lockfile_take(s_path, &fd, &s_err), ERR_IN_USE);
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(lockfile_holder(s_path), 0);
    cr_assert_eq(lockfile_take(s_path, &fd, &s_err), ERR_OK);
    cr_assert_eq(lockfile_holder(s_path), getpid());
    lockfile_release(&fd);
}

Test(lockfile, errors)
{
    int fd = -1;
    cr_assert_eq(lockfile_take("/nowhere/lock", &fd, &s_err), ERR_NOT_FOUND);
    cr_assert_eq(fd, -1);
    cr_assert_eq(lockfile_holder("/nowhere/lock"), 0);
}
