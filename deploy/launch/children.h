/* children - the processes of a run that `up` starts: the global scheduler, and per region one or several.
 * One that dies unasked is started again; one that says why it cannot go on, or does not even start time
 * after time, is a failure.
 *
 * How      each tells on its standard input (see actors/kit/process.h) when it is ready. The first start
 *          after a death comes at once; the pause doubles while it dies soon after it was ready. One that
 *          dies again and again while its region, by what the global scheduler tells ("done REGION SAMPLES"),
 *          gets nothing done is a failure too.
 * Threads  the main thread, which must outlive them: the kernel ends them with the thread that made them.
 */
#ifndef DEPLOY_LAUNCH_CHILDREN_H
#define DEPLOY_LAUNCH_CHILDREN_H

#include "actors/kit/process.h"
#include "actors/node/hosting.h"
#include "codec/base/backoff.h"
#include "deploy/launch/launch.h"
#include "deploy/launch/status_file.h"

#define CHILD_ARGUMENTS_MAX 24
#define CHILDREN_GLOBAL SIZE_MAX /* as a region's index: the process is the global scheduler's */

typedef enum {
    CHILD_WAITS, /* to be started, again */
    CHILD_RUNS,
    CHILD_DONE,   /* ended in order */
    CHILD_FAILED, /* said why, or did not start time after time */
} child_state_t;

typedef struct {
    char name[TOPOLOGY_NAME_MAX + 16]; /* "region eu", "broker eu", "scheduler/global" */
    size_t region;
    bool carries; /* the messages of the others, who must be gone before it goes */
    const char *arguments[CHILD_ARGUMENTS_MAX];
    char log[STATEDIR_PATH_MAX + 64]; /* empty: it writes to our own output */

    child_state_t state;
    process_t *process; /* of CHILD_RUNS */
    bool asked;         /* to end */
    bool left;          /* it was told to end by somebody else: it is started again, as one that died */
    bool ready;
    bool came; /* was ready once */
    int64_t ready_us, again_us;
    backoff_t pause;        /* before the start after the next death */
    unsigned failed_starts; /* in a row */
    unsigned deaths;  /* in a row without anything done in between, as told by the global scheduler ... */
    uint64_t died_at; /* ... samples by then */
    bool dies;        /* has just died, not for the first time in a row */
    uint64_t restarts;
    off_t log_from;               /* where this start's lines begin */
    int status;                   /* as of waitpid, of the last that has ended */
    char why[ERR_TEXT_MAX];       /* it could not be started */
    char waits_for[ERR_TEXT_MAX]; /* room on the disk, before it can start; empty: it does not */
    bool waited, waits_told;      /* as it was when it was taken; there is nothing newer */
    bool reported;                /* its failure was taken */
} child_t;

typedef struct {
    child_t items[PROCESS_ROWS_MAX]; /* the first is the global scheduler's */
    size_t count;
    uint64_t done[TOPOLOGY_REGIONS_MAX]; /* samples, per region, the most that was told */
    char topology[STATEDIR_PATH_MAX + 32], parent[16];
} children_t;

/* Fills the table; starts nothing. `arguments` are those of the global scheduler's process, ended by NULL;
 * they and the launch are borrowed. Errors: those of statedir_folder. */
MUST_USE err_code_t children_init(children_t *self, const launch_t *launch, isolate_t isolate,
                                  const char *const *arguments, err_t *err);
void children_fini(children_t *self); /* kills what runs */

/* Starts those that wait and whose time has come; with `region_too` not only the global scheduler's. Returns
 * whether any was started. On an error that one is CHILD_FAILED. */
bool children_start_due(children_t *self, bool region_too, int64_t now_us);

/* Notes who is ready, who has ended and what that means. */
void children_look(children_t *self, int64_t now_us);

int64_t children_due(const children_t *self); /* of the next start, INT64_MAX: none */

/* Of the regions' processes those that carry messages, or all others: how many run; they are told to stop. */
size_t children_running(const children_t *self, bool carriers);
void children_ask(children_t *self, bool carriers);
void children_tell_changed(
    children_t *self);                /* SIGHUP to the regions' processes: the topology is to be read again */
void children_kill(children_t *self); /* all, at once, without waiting */

/* The next failure of a region's process that was not yet taken, or NULL. */
child_t *children_take_failed(children_t *self);

/* The next that died again without anything done in between and is to be started again, or NULL. */
child_t *children_take_dying(children_t *self);
/* The next process that has begun to wait for room on the disk, or that need not any more, and was not yet
 * taken; or NULL. */
const child_t *children_take_waiting(children_t *self);

/* Why it failed, one line: the last error in its log, or how it ended. */
void children_reason(const child_t *child, char *ret_text, size_t size);

/* For status and report. */
void children_rows(const children_t *self, process_rows_t *ret_rows);

#endif
