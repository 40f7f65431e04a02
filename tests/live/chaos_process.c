#include "tests/live/chaos.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    pid_t pid, parent;
} link_t_;

static bool s_parent(pid_t pid, pid_t *ret_parent)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    const char *behind = strrchr(text, ')'); /* a name may hold anything */
    char state = 0;
    int parent = 0;
    if (!behind || sscanf(behind + 1, " %c %d", &state, &parent) != 2 || state == 'Z')
        return false;
    *ret_parent = parent;
    return true;
}

/* The arguments of a process, each behind the other; returns how many bytes. */
static size_t s_arguments(pid_t pid, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    length = length > 0 ? length : 0;
    text[length] = '\0';
    return (size_t)length;
}

static const char *s_value(const char *text, size_t length, const char *option)
{
    for (const char *at = text; at < text + length; at += strlen(at) + 1)
        if (!strcmp(at, option) && at + strlen(at) + 1 < text + length)
            return at + strlen(at) + 1;
    return NULL;
}

/* Names a process after what its arguments host. */
static void s_name(pid_t pid, char ret_name[CHAOS_NAME_MAX])
{
    char text[4096];
    size_t length = s_arguments(pid, text, sizeof text);
    const char *command = length > strlen(text) + 1 ? text + strlen(text) + 1 : "";
    const char *hosts = s_value(text, length, "--hosts"), *region = s_value(text, length, "--region");
    const char *parts = s_value(text, length, "--parts");
    if (hosts)
        snprintf(ret_name, CHAOS_NAME_MAX, "%s", hosts);
    else if (region)
        snprintf(ret_name, CHAOS_NAME_MAX, "%s/%s", parts && !strchr(parts, ',') ? parts : command, region);
    else
        snprintf(ret_name, CHAOS_NAME_MAX, "%s", command);
}

static size_t s_all(link_t_ *items, size_t max)
{
    size_t count = 0;
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) && count < max) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        pid_t pid = atoi(entry->d_name);
        if (s_parent(pid, &items[count].parent))
            items[count++].pid = pid;
    }
    if (dir)
        closedir(dir);
    return count;
}

size_t chaos_processes(pid_t root, chaos_process_t *ret_items)
{
    static link_t_ all[8192];
    size_t total = s_all(all, sizeof all / sizeof *all), count = 0;
    for (size_t next = 0; next <= count; next++) {
        pid_t parent = next ? ret_items[next - 1].pid : root;
        for (size_t i = 0; i < total && count < CHAOS_PROCESSES_MAX; i++) {
            if (all[i].parent != parent)
                continue;
            ret_items[count].pid = all[i].pid;
            s_name(all[i].pid, ret_items[count++].name);
        }
    }
    return count;
}

bool chaos_pick(pid_t root, rng_t *rng, const char *prefix, chaos_process_t *ret_process)
{
    chaos_process_t items[CHAOS_PROCESSES_MAX];
    size_t count = chaos_processes(root, items), fitting = 0;
    for (size_t i = 0; i < count; i++)
        if (!strncmp(items[i].name, prefix, strlen(prefix)))
            items[fitting++] = items[i];
    if (!fitting)
        return false;
    *ret_process = items[rng_below(rng, fitting)];
    return true;
}
