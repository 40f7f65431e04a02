#include "codec/base/machine.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t s_of_child(void)
{
    uint64_t process = 0;
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (!child) {
        process = machine_process();
        _exit(write(ends[1], &process, sizeof process) != sizeof process);
    }
    cr_assert_eq(read(ends[0], &process, sizeof process), (ssize_t)sizeof process);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
    return process;
}

Test(machine, a_process_is_the_same_each_time_and_no_other)
{
    uint64_t own = machine_process(), child = s_of_child();
    cr_expect_neq(own, 0);
    cr_expect_eq(machine_process(), own);
    cr_expect_neq(child, own);
    cr_expect_neq(s_of_child(), child);
}

/* Both are process 1, as in two containers. */
static uint64_t s_first_of_a_namespace(pid_t *ret_holder)
{
    uint64_t process = 0;
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t parent = fork();
    if (!parent) {
        if (unshare(CLONE_NEWPID))
            _exit(1);
        pid_t first = fork();
        if (!first) {
            process = getpid() == 1 ? machine_process() : 0;
            _exit(write(ends[1], &process, sizeof process) != sizeof process);
        }
        waitpid(first, NULL, 0);
        pause(); /* holds the namespace, whose number comes again otherwise */
    }
    close(ends[1]);
    if (read(ends[0], &process, sizeof process) != (ssize_t)sizeof process)
        process = 0;
    close(ends[0]);
    *ret_holder = parent;
    return process;
}

static void s_end(pid_t child)
{
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, NULL, 0), child);
}

Test(machine, two_that_are_process_1_differ)
{
    pid_t holders[2];
    uint64_t first = s_first_of_a_namespace(&holders[0]), second = s_first_of_a_namespace(&holders[1]);
    s_end(holders[0]);
    s_end(holders[1]);
    if (!first)
        cr_skip_test("needs the right to make a namespace");
    cr_expect_neq(first, second);
}
