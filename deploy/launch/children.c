#include "deploy/launch/children.h"

#include "deploy/launch/host.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_LOG_TAIL 16384

/* In the child: its log instead of our output, and an end as soon as the parent is gone. */
_Noreturn static void s_become(const launch_t *launch, size_t index, int log_fd, pid_t parent)
{
    char topology[STATEDIR_PATH_MAX + 32], parent_text[16];
    snprintf(topology, sizeof topology, "%s/" LAUNCH_TOPOLOGY_FILE, launch->state_dir);
    snprintf(parent_text, sizeof parent_text, "%d", (int)parent);
    char *const arguments[] = {"cloudless",  "region",
                               "--topology", topology,
                               "--region",   (char *)(uintptr_t)launch->topology->regions[index].name,
                               "--state",    (char *)(uintptr_t)launch->state_dir,
                               "--parent",   parent_text,
                               NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null_fd = open("/dev/null", O_RDONLY);
    if (getppid() != parent || null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
        dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        _exit(1);
    setpgid(0, 0); /* a Ctrl-C is for the parent, which then drains us */
    host_restore_signals();
    execv("/proc/self/exe", arguments);
    _exit(1);
}

static err_code_t s_start(child_t *child, const launch_t *launch, size_t index, const char *log_dir,
                          err_t *err)
{
    snprintf(child->log, sizeof child->log, "%s/%s.log", log_dir, launch->topology->regions[index].name);
    int log_fd = open(child->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return err_set(err, file_code_of(errno), "%s: %s", child->log, strerror(errno));
    pid_t parent = getpid();
    child->pid = fork();
    if (child->pid == 0)
        s_become(launch, index, log_fd, parent);
    int failed = errno;
    close(log_fd);
    if (child->pid < 0) {
        child->pid = 0;
        return err_set(err, ERR_LIMIT, "start a process: %s", strerror(failed));
    }
    child->ran = true;
    return ERR_OK;
}

err_code_t children_start(children_t *self, const launch_t *launch, err_t *err)
{
    *self = (children_t){.count = launch->topology->region_count};
    char log_dir[STATEDIR_PATH_MAX];
    err_code_t rc = statedir_folder(launch->state_dir, STATEDIR_LOG, log_dir, err);
    for (size_t i = 0; i < self->count && !rc; i++)
        rc = s_start(&self->items[i], launch, i, log_dir, err);
    if (rc)
        children_signal(self, SIGKILL);
    return rc;
}

size_t children_reap(children_t *self)
{
    size_t running = 0;
    for (size_t i = 0; i < self->count; i++) {
        child_t *child = &self->items[i];
        if (child->pid && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
            child->pid = 0;
        running += child->pid != 0;
    }
    return running;
}

void children_signal(const children_t *self, int signal)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].pid)
            kill(self->items[i].pid, signal);
}

child_t *children_take_failed(children_t *self, size_t *ret_index)
{
    for (size_t i = 0; i < self->count; i++) {
        child_t *child = &self->items[i];
        if (child->pid || !child->ran || child->reported || child->status == 0)
            continue;
        child->reported = true;
        *ret_index = i;
        return child;
    }
    return NULL;
}

/* The last line of the log that is an error of ours. */
static bool s_last_error(const char *path, char *ret_text, size_t size)
{
    static const char prefix[] = "cloudless: ";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    char tail[CHILDREN_LOG_TAIL + 1];
    struct stat info;
    off_t from =
        fstat(fd, &info) == 0 && info.st_size > CHILDREN_LOG_TAIL ? info.st_size - CHILDREN_LOG_TAIL : 0;
    ssize_t length = pread(fd, tail, CHILDREN_LOG_TAIL, from);
    close(fd);
    tail[length > 0 ? length : 0] = '\0';
    bool found = false;
    for (char *line = strtok(tail, "\n"); line; line = strtok(NULL, "\n"))
        if (!strncmp(line, prefix, sizeof prefix - 1)) {
            snprintf(ret_text, size, "%s", line + sizeof prefix - 1);
            found = true;
        }
    return found;
}

void children_reason(const child_t *child, const char *region, char *ret_text, size_t size)
{
    char said[1024];
    if (WIFSIGNALED(child->status))
        snprintf(ret_text, size, "the process of region %s was ended by signal %d (%s); see %s", region,
                 WTERMSIG(child->status), strsignal(WTERMSIG(child->status)), child->log);
    else if (s_last_error(child->log, said, sizeof said))
        snprintf(ret_text, size, "%s (log: %s)", said, child->log);
    else
        snprintf(ret_text, size, "the process of region %s ended with status %d; see %s", region,
                 WEXITSTATUS(child->status), child->log);
}
