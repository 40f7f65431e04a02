/* chaos - real runs of ledger jobs under faults, and their judge.
 *
 * Why      whatever is killed, paused, cut, doubled, swapped or damaged: at the end every counter of every
 *          region must say how often its samples had to be used. A fault that did not happen is a failure
 *          too: it would prove nothing. So is a region that stands still after one.
 * How      chaos_job     the topology, the process `cloudless up`, the verdict
 *          chaos_still   how far it is, and how long a region has stood still, counted
 *                        in steps of another job
 *          chaos_process which processes it has, and what they host
 *          chaos_plan    what is done to them, spread evenly over the run's progress
 *          chaos_points  runs in which every failpoint strikes once
 *          chaos_soak    for as long as one likes, beside the same run without faults
 * Seeds    printed, and settable with --seed or CLOUDLESS_SEED: the plan follows from it, timing does not.
 */
#ifndef TESTS_LIVE_CHAOS_H
#define TESTS_LIVE_CHAOS_H

#include "brokers/broker_fault_zmq.h"
#include "codec/base/failpoint.h"
#include "codec/base/rng.h"

#include <limits.h>
#include <sys/types.h>

enum { CHAOS_REGIONS_MAX = 3 };

typedef struct {
    const char *binary, *strategy, *isolate, *breaks; /* isolate, breaks: NULL: not said */
    const char *pace; /* state of a job beside, to which nothing happens (pace_begin in lib.sh); NULL: none */
    char dir[PATH_MAX];                          /* of this job alone */
    size_t regions, shards, workers;             /* workers 0: two in the first region, one in the others */
    unsigned long samples, epochs, batch, every; /* every: steps between snapshots; 0: 16 */
    uint64_t seed;
} chaos_job_t;

/* A file status.json, and as of when it was read. */
typedef struct {
    char path[PATH_MAX];
    int64_t written_ns;
} chaos_picture_t;

/* How long nothing was done, in steps of the job beside. */
typedef struct {
    chaos_picture_t own, beside;
    uint64_t steps,
        samples[CHAOS_REGIONS_MAX]; /* of the job beside; of each region, the most that were seen */
    uint64_t moved[CHAOS_REGIONS_MAX],
        most; /* steps at which that grew; the longest stand of one that was not done */
    bool known, complete[CHAOS_REGIONS_MAX]; /* steps were seen */
    int64_t moved_us;                        /* when anything grew */
} chaos_still_t;

typedef struct {
    chaos_job_t job;
    pid_t pid; /* 0: it has ended */
    int status;
    char state[PATH_MAX], report[PATH_MAX], run_dir[PATH_MAX];
    topology_t *topology;
    broker_fault_board_t *board;
    double progress; /* as last seen, 0 .. 1 */
    chaos_still_t still;
} chaos_run_t;

int64_t chaos_now_us(void);
void chaos_sleep_ms(int ms);

/* Starts the job; `failpoints` may be NULL. False with a message on standard error. */
bool chaos_run_start(chaos_run_t *self, const chaos_job_t *job, const char *failpoints);
/* Takes note of progress and of the end; false when it has ended. */
bool chaos_run_look(chaos_run_t *self);
/* Some region that is not done has made nothing for longer than it takes to notice that somebody is gone and
 * to begin again; or all are done and the run does not end. */
bool chaos_run_hangs(const chaos_run_t *self);
/* Returns whether it ended well, every counter is right, and no sanitizer had anything to say; says what
 * is wrong. */
bool chaos_run_judge(chaos_run_t *self);
/* Kills what is left, and gives everything back; `keep`: leaves the files. */
void chaos_run_destroy(chaos_run_t *self, bool keep);
const char *chaos_region(size_t index);

/* ---- how far it is ---- */

#define CHAOS_STILL_MOST                                                                                     \
    400 /* steps of the job beside: less than a region waits for one that may come back */

void chaos_still_init(chaos_still_t *self, const chaos_run_t *run);
/* Looks at both jobs; true when something has grown. */
bool chaos_still_look(chaos_still_t *self, const chaos_run_t *run);
/* The region that stands still; the count of regions when all are done and nothing ends; SIZE_MAX: none. */
size_t chaos_still_where(const chaos_still_t *self, size_t regions);
uint64_t chaos_still_samples(const chaos_still_t *self);

/* ---- processes ---- */

enum { CHAOS_PROCESSES_MAX = 256, CHAOS_NAME_MAX = 96 };

typedef struct {
    pid_t pid;
    /* of what it hosts: worker/north/0, broker/north, node/north, region/north, up */
    char name[CHAOS_NAME_MAX];
} chaos_process_t;

/* All descendants of a process. */
size_t chaos_processes(pid_t root, chaos_process_t *ret_items);
/* One of those whose name begins with `prefix`, chosen by chance; false when there is none now. */
bool chaos_pick(pid_t root, rng_t *rng, const char *prefix, chaos_process_t *ret_process);

/* ---- what is done ---- */

typedef struct {
    size_t rounds;            /* how often each fault is planned */
    int64_t pause_us, cut_us; /* at most */
    uint32_t duplicate_ppm, swap_ppm, damage_ppm;
    const char *only; /* comma-separated beginnings of names of faults; NULL: all */
} chaos_plan_t;

/* Runs a job under faults to its end. Returns whether it came out right and every fault fired. */
bool chaos_run_plan(const chaos_job_t *job, const chaos_plan_t *plan);

typedef struct {
    double minutes, interval_s; /* of training, about; between two kills */
    double least;               /* share of the updates per second that must be left */
} chaos_soak_t;

/* Runs a job of so many minutes without and with kills, and compares. */
bool chaos_run_soak(const chaos_job_t *job, const chaos_soak_t *soak);

/* Runs the job for all failpoints, some in each run, `parallel` runs at a time; `only`: those
 * whose names begin so. */
bool chaos_run_points(const chaos_job_t *job, size_t parallel, const char *only);

#endif
