#include "deploy/launch/init.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define INIT_FAILED 1

bool init_is_needed(void)
{
    return getpid() == 1;
}

static _Noreturn void s_become(char **argv, const sigset_t *mask)
{
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv("/proc/self/exe", argv);
    fprintf(stderr, "cloudless: /proc/self/exe: %s; mount /proc\n", strerror(errno));
    _exit(INIT_FAILED);
}

/* Everybody who has ended. Whether the command is among them, and then how it ended. */
static bool s_bury(pid_t command, int *ret_status)
{
    int status;
    pid_t ended;
    bool over = false;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
        if (ended == command) {
            *ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            over = true;
        }
    return over;
}

/* A terminal's signal goes to the command as well, which is of the same group: only what a process sends
 * is handed on. */
static void s_hand_on(pid_t command, const siginfo_t *signal)
{
    if (signal->si_code <= 0)
        kill(command, signal->si_signo);
}

int init_run(char **argv)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t command = fork();
    if (command == 0)
        s_become(argv, &before);
    if (command < 0) {
        fprintf(stderr, "cloudless: start a process: %s\n", strerror(errno));
        return INIT_FAILED;
    }
    siginfo_t signal;
    int status = INIT_FAILED;
    while (!s_bury(command, &status))
        if (sigwaitinfo(&all, &signal) > 0 && signal.si_signo != SIGCHLD)
            s_hand_on(command, &signal);
    return status;
}
