#include "deploy/launch/limits.h"

#include "codec/base/units.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#define LIMITS_THREADS 32

typedef struct {
    int resource;
    rlim_t least;
    bool bytes;
    const char *what, *remedy;
} row_t;

static const row_t s_rows[] = {
    {RLIMIT_NOFILE, 256, false, "open files are limited to", "ulimit -n 1024"},
    {RLIMIT_FSIZE, 64 << 20, true, "files are limited to", "ulimit -f unlimited"},
    {RLIMIT_AS, (rlim_t)2 << 30, true, "memory is limited to", "ulimit -v unlimited"},
};

static const char *s_print_limit(const row_t *row, rlim_t value, char out[UNITS_TEXT_MAX])
{
    if (row->bytes)
        return units_print_size((uint64_t)value, out);
    snprintf(out, UNITS_TEXT_MAX, "%llu", (unsigned long long)value);
    return out;
}

static err_code_t s_check_limit(const row_t *row, err_t *err)
{
    struct rlimit limit;
    char is[UNITS_TEXT_MAX], least[UNITS_TEXT_MAX];
    if (getrlimit(row->resource, &limit) || limit.rlim_cur >= row->least)
        return ERR_OK;
    return err_set(err, ERR_LIMIT, "%s %s and at least %s are needed; raise the limit: %s", row->what,
                   s_print_limit(row, limit.rlim_cur, is), s_print_limit(row, row->least, least),
                   row->remedy);
}

/* Each waits for the gate, so that all are there at once. */
static void *s_peer_status(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* How many there may be is known to nobody: to the user, to the control group, to the kernel. So they are
 * made. */
static err_code_t s_check_threads(err_t *err)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[LIMITS_THREADS];
    size_t count = 0;
    pthread_mutex_lock(&gate);
    while (count < LIMITS_THREADS && !pthread_create(&threads[count], NULL, s_peer_status, &gate))
        count++;
    pthread_mutex_unlock(&gate);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    if (count == LIMITS_THREADS)
        return ERR_OK;
    return err_set(
        err, ERR_LIMIT,
        "threads are limited, and %zu more are possible where at least %d are needed; raise the limit: "
        "ulimit -u, or pids.max of the control group",
        count, LIMITS_THREADS);
}

err_code_t limits_check(err_t *err)
{
    err_code_t rc = ERR_OK;
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows && !rc; i++)
        rc = s_check_limit(&s_rows[i], err);
    return rc ? rc : s_check_threads(err);
}
