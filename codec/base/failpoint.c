#include "codec/base/failpoint.h"

#include "codec/base/err.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAILPOINT_VARIABLE "CLOUDLESS_FAILPOINT"

typedef struct {
    _Atomic uint64_t hits, strikes;
} cell_t;

static const struct {
    const char *name;
    bool kills;
} s_points[] = {
#define FAILPOINT_KILLS(id, name, meaning) {name, true},
#define FAILPOINT_ONLY_FAILS(id, name, meaning) {name, false},
    FAILPOINTS_THAT_KILL(FAILPOINT_KILLS) FAILPOINTS_THAT_FAIL(FAILPOINT_ONLY_FAILS)};

static cell_t s_private[FAILPOINT_COUNT];
static cell_t *_Atomic s_cells; /* NULL: nothing is counted */
/* The first hit that strikes (0: none), and the last. Written before s_cells. */
static struct {
    uint64_t first, last;
} s_armed[FAILPOINT_COUNT];

const char *failpoint_name(failpoint_t point)
{
    return s_points[point].name;
}

bool failpoint_kills(failpoint_t point)
{
    return s_points[point].kills;
}

static void s_path(const char *run_dir, char ret[PATH_MAX])
{
    snprintf(ret, PATH_MAX, "%s/" FAILPOINT_FILE, run_dir);
}

static void s_arm_one(const char *text, size_t length)
{
    const char *colon = memchr(text, ':', length);
    size_t name_length = colon ? (size_t)(colon - text) : length;
    for (size_t i = 0; i < FAILPOINT_COUNT; i++) {
        if (strlen(s_points[i].name) != name_length || strncmp(s_points[i].name, text, name_length) != 0)
            continue;
        char *end = (char *)text + length;
        s_armed[i].first = s_armed[i].last = colon ? strtoull(colon + 1, &end, 10) : 1;
        if (*end == '+')
            s_armed[i].last += strtoull(end + 1, NULL, 10);
        if (text[length - 1] == '+')
            s_armed[i].last = UINT64_MAX;
        return;
    }
    fprintf(stderr, "cloudless: " FAILPOINT_VARIABLE ": there is no failpoint '%.*s'\n", (int)name_length,
            text);
    exit(2);
}

static void s_arm(const char *points)
{
    memset(s_armed, 0, sizeof s_armed);
    while (points && *points) {
        size_t length = strcspn(points, ",");
        s_arm_one(points, length);
        points += length + (points[length] == ',');
    }
}

void failpoint_arm(const char *points)
{
    atomic_store(&s_cells, NULL);
    s_arm(points);
    memset(s_private, 0, sizeof s_private);
    atomic_store(&s_cells, s_private);
}

#ifdef CLOUDLESS_FAILPOINTS
/* The counts of all processes of the run; they outlive each of them. */
static cell_t *s_map(const char *run_dir)
{
    char path[PATH_MAX];
    s_path(run_dir, path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    void *cells = MAP_FAILED;
    if (ftruncate(fd, sizeof s_private) == 0)
        cells = mmap(NULL, sizeof s_private, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return cells == MAP_FAILED ? NULL : cells;
}

void failpoint_open(const char *run_dir)
{
    if (atomic_load(&s_cells))
        return;
    s_arm(getenv(FAILPOINT_VARIABLE));
    atomic_store(&s_cells, s_map(run_dir));
}
#else
void failpoint_open(const char *run_dir)
{
    (void)run_dir;
}
#endif

bool failpoint_strikes(failpoint_t point)
{
    cell_t *cells = atomic_load_explicit(&s_cells, memory_order_relaxed);
    if (!cells)
        return false;
    uint64_t hit = atomic_fetch_add_explicit(&cells[point].hits, 1, memory_order_relaxed) + 1;
    if (hit < s_armed[point].first || hit > s_armed[point].last)
        return false;
    atomic_fetch_add(&cells[point].strikes, 1);
    return true;
}

void failpoint_hit(failpoint_t point)
{
    if (!failpoint_strikes(point))
        return;
    kill(getpid(), SIGKILL);
    abort(); /* not reached */
}

bool failpoint_is_break(const char *guard)
{
    static const char *const guards[] = {"dedup", "fencing", "output-commit", "checksum"};
    for (size_t i = 0; i < sizeof guards / sizeof *guards; i++)
        if (!strcmp(guards[i], guard))
            return true;
    return false;
}

bool failpoint_breaks(const char *guard)
{
#ifdef CLOUDLESS_FAILPOINTS
    const char *broken = getenv(FAILPOINT_BREAK_VARIABLE);
    return broken && !strcmp(broken, guard);
#else
    (void)guard;
    return false;
#endif
}

bool failpoint_read(const char *run_dir, failpoint_count_t ret_counts[FAILPOINT_COUNT])
{
    char path[PATH_MAX];
    cell_t cells[FAILPOINT_COUNT];
    s_path(run_dir, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool whole = pread(fd, cells, sizeof cells, 0) == (ssize_t)sizeof cells;
    close(fd);
    for (size_t i = 0; whole && i < FAILPOINT_COUNT; i++)
        ret_counts[i] = (failpoint_count_t){cells[i].hits, cells[i].strikes};
    return whole;
}
