#include "codec/base/machine.h"

#include "codec/base/hash.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void machine_name(char ret_name[MACHINE_NAME_MAX])
{
    char host[HOST_NAME_MAX + 1] = "";
    if (gethostname(host, sizeof host - 1) || !host[0])
        host[0] = '?';
    for (char *c = host; *c; c++)
        if (*c <= ' ' || *c >= 0x7f)
            *c = '_';
    snprintf(ret_name, MACHINE_NAME_MAX, "%s", host);
}

/* The file's first line; empty when it cannot be read. */
static void s_first_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file || !fgets(text, (int)size, file))
        text[0] = '\0';
    if (file)
        fclose(file);
}

/* When it was started, in ticks since the machine's: the 20th word behind the program's name, in which
 * anything may be. */
static unsigned long long s_started(void)
{
    char line[512];
    s_first_line("/proc/self/stat", line, sizeof line);
    const char *at = strrchr(line, ')');
    for (int word = 0; at && word < 20; word++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

uint64_t machine_process(void)
{
    char boot[64], text[256];
    struct stat space = {0};
    (void)!stat("/proc/self/ns/pid", &space);
    s_first_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    snprintf(text, sizeof text, "%s|%llu|%ld|%llu", boot, (unsigned long long)space.st_ino, (long)getpid(),
             s_started());
    return hash_checksum(text, strlen(text)) | 1;
}

int64_t machine_day_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
