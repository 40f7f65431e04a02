/* bench - rows of measurements, each beside a peer or a physical limit measured in the same run.
 *
 * A program calls bench_open, bench_row for each figure (median of its runs), and returns bench_close().
 * Rows are printed for people and, with --rows FILE, appended as one JSON object per line for run.sh, which
 * adds where they are from (kit/rows.sh).
 */
#ifndef TESTS_BENCH_KIT_BENCH_H
#define TESTS_BENCH_KIT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;      /* "push_pull" */
    size_t size_bytes;     /* 0: does not apply */
    const char *transport; /* "inproc", "ipc", "tcp"; NULL: does not apply */
    int processes;
    double value; /* median */
    const char *unit;
    const char *peer; /* what it is compared to, "memcpy"; NULL: nothing */
    double peer_value;
    double target; /* of value / peer_value; 0: none */
    bool at_most;  /* the ratio must not be above the target (times); else not below (rates) */
    int runs;
    const char *durability; /* of what was stored; NULL: nothing was */
    uint64_t samples;       /* that were computed, or trained on, per run; 0: none */
    uint64_t seed;          /* that data were made of; 0: does not apply */
} bench_row_t;

/* Reads --rows FILE, --runs N and --only SCENE. */
void bench_open(int argc, char **argv);
int bench_runs(int otherwise);
/* Returns whether a scene is wanted: all are, or with --only the one of that name ("4096/ipc/2"). */
bool bench_wants(const char *scene);
void bench_row(const bench_row_t *row);
/* 0, or 3 when a ratio missed its target. */
int bench_close(void);

double bench_now_s(void);                          /* monotonic */
double bench_median(double *values, size_t count); /* sorts them */

/* Bytes per second of copying `size` bytes again and again between two buffers: the machine's limit. */
double bench_memcpy_rate(size_t size);

#endif
