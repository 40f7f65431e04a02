#include "tests/bench/kit/stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

/* Of the child. */
static int s_commands, s_figures;

void stage_check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench: %s: %s\n", what, zmq_strerror(errno));
    _exit(1); /* what other threads of a child still use stays */
}

static void s_read(int from, void *ret, size_t size, const char *what)
{
    errno = EPIPE;
    stage_check(read(from, ret, size) == (ssize_t)size, what);
}

stage_part_t stage_open(stage_fn *fn, const void *scene, const char *from, char ret_said[STAGE_TEXT_MAX])
{
    int commands[2], figures[2];
    char before[STAGE_TEXT_MAX];
    snprintf(before, sizeof before, "%s", from);
    stage_check(!pipe(commands) && !pipe(figures), "pipe");
    fflush(stdout);
    pid_t pid = fork();
    stage_check(pid >= 0, "fork");
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        s_commands = commands[0];
        s_figures = figures[1];
        close(commands[1]);
        close(figures[0]);
        fn(scene, before);
        _exit(0);
    }
    close(commands[0]);
    close(figures[1]);
    s_read(figures[0], ret_said, STAGE_TEXT_MAX, "a part did not start");
    return (stage_part_t){pid, commands[1], figures[0]};
}

double stage_turn(const stage_part_t *part)
{
    double figure;
    stage_check(write(part->commands, "t", 1) == 1, "turn");
    s_read(part->figures, &figure, sizeof figure, "a part ended early");
    return figure;
}

void stage_close(stage_part_t *part)
{
    if (!part->pid)
        return;
    kill(part->pid, SIGKILL);
    waitpid(part->pid, NULL, 0);
    close(part->commands);
    close(part->figures);
    *part = (stage_part_t){0};
}

void stage_say(const char *text)
{
    char said[STAGE_TEXT_MAX] = "";
    snprintf(said, sizeof said, "%s", text);
    stage_check(write(s_figures, said, sizeof said) == sizeof said, "pipe");
}

bool stage_next(double figure)
{
    static bool played;
    char command;
    if (played)
        stage_check(write(s_figures, &figure, sizeof figure) == sizeof figure, "pipe");
    played = true;
    return read(s_commands, &command, 1) == 1;
}

void stage_idle(void)
{
    for (;;)
        pause();
}
