#include "tests/bench/kit/turns.h"

#include "tests/bench/kit/bench.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: its ends of both pipes are 0 and 1. Returns false in the parent. */
static bool s_split(turns_t *self)
{
    int there[2], back[2];
    memset(self, 0, sizeof *self);
    if (pipe(there) || pipe(back))
        return false;
    fflush(NULL);
    self->pid = fork();
    if (!self->pid) {
        dup2(there[0], STDIN_FILENO);
        dup2(back[1], STDOUT_FILENO);
    }
    close(there[0]);
    close(back[1]);
    if (!self->pid) {
        close(there[1]);
        close(back[0]);
        return true;
    }
    signal(SIGPIPE, SIG_IGN);
    self->to = fdopen(there[1], "w");
    self->from = fdopen(back[0], "r");
    return false;
}

static _Noreturn void s_answer(void (*work)(void *), void *hint)
{
    char line[16];
    struct rusage usage;
    while (read(STDIN_FILENO, line, 1) == 1) {
        double start = bench_now_s();
        work(hint);
        double took = bench_now_s() - start;
        getrusage(RUSAGE_SELF, &usage);
        dprintf(STDOUT_FILENO, "%.6f %ld\n", 1e3 * took, usage.ru_maxrss);
    }
    _exit(0);
}

bool turns_fork(turns_t *self, bool (*prepare)(void *), void (*work)(void *), void *hint)
{
    if (s_split(self)) {
        if (!prepare(hint))
            _exit(1);
        s_answer(work, hint);
    }
    return self->pid > 0 && self->to && self->from;
}

bool turns_run(turns_t *self, char *const arguments[])
{
    if (s_split(self)) {
        execv(arguments[0], arguments);
        _exit(1);
    }
    return self->pid > 0 && self->to && self->from;
}

static bool s_ask(turns_t *self, double *ret_ms)
{
    if (fputc('\n', self->to) == EOF || fflush(self->to))
        return false;
    return fscanf(self->from, "%lf %lf", ret_ms, &self->most_kib) == 2;
}

bool turns_warm(turns_t *self)
{
    double unused;
    return s_ask(self, &unused);
}

bool turns_take(turns_t *self)
{
    if (self->count == TURNS_MAX || !s_ask(self, &self->ms[self->count]))
        return false;
    self->count++;
    return true;
}

double turns_median_ms(turns_t *self)
{
    return bench_median(self->ms, (size_t)self->count);
}

void turns_end(turns_t *self)
{
    if (self->to)
        fclose(self->to);
    if (self->from)
        fclose(self->from);
    /* Later children hold copies of its pipes: their end is no sign to it. */
    if (self->pid > 0 && !kill(self->pid, SIGKILL))
        waitpid(self->pid, NULL, 0);
    memset(self, 0, sizeof *self);
}
