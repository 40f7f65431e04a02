#include "actors/kit/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t s_read_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return s_read_us(CLOCK_MONOTONIC);
}

int64_t clock_thread_us(void)
{
    return s_read_us(CLOCK_THREAD_CPUTIME_ID);
}

/* The name of the program, in brackets, may hold anything: fields are counted from behind it. */
static unsigned long long s_start_ticks(void)
{
    char text[1024] = "";
    unsigned long long ticks = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return 0;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *at = strrchr(text, ')');
    if (!at ||
        sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &ticks) != 1)
        return 0;
    return ticks;
}

int64_t clock_process_age_us(void)
{
    unsigned long long ticks = s_start_ticks();
    long per_s = sysconf(_SC_CLK_TCK);
    struct timespec now;
    if (!ticks || per_s <= 0 || clock_gettime(CLOCK_BOOTTIME, &now))
        return 0;
    int64_t age_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 -
                     (int64_t)(ticks * 1000000 / (unsigned long long)per_s);
    return age_us > 0 ? age_us : 0;
}
