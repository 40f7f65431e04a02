/* launch - what every process of a job begins with: the topology, the state directory, the data set, and the
 * job.
 *
 * Why      one order of checks and one wording of errors for up, node, broker and scheduler.
 * Threads  made by the main thread; immutable afterwards, and then read by all actors of the process.
 */
#ifndef DEPLOY_LAUNCH_LAUNCH_H
#define DEPLOY_LAUNCH_LAUNCH_H

#include "actors/kit/shell.h"
#include "actors/model/dataset.h"
#include "brokers/job.h"
#include "brokers/mistakes.h"
#include "store/statedir.h"

#include <limits.h>

#define LAUNCH_TOPOLOGY_FILE STATEDIR_TOPOLOGY_FILE /* the effective topology, in the state directory */
#define LAUNCH_STATUS_FILE "status.json"
#define LAUNCH_REPORT_FILE "report.json" /* when nobody took it from standard output */

typedef struct {
    topology_t *topology;
    mistakes_t *mistakes; /* of the topology, once it was read */
    char digest[17];
    char state_dir[STATEDIR_PATH_MAX]; /* absolute */
    char run_dir[STATEDIR_PATH_MAX];
    statedir_t *state; /* held by `up` alone */
    bool carries;      /* what it was left with may be carried on under other settings (carry.h) ... */
    char carried[512]; /* ... as was done: which; CARRY_TEXT_MAX */
    const char *const
        *sets; /* (set_count) of the command line, borrowed: `up` changes nothing that is not named there */
    size_t set_count;
    int role_lock;         /* held by the processes that are started by hand; -1: none */
    dataset_t *dataset;    /* NULL where no data is needed */
    dataset_facts_t facts; /* of the data set, when it was looked at */
    /* (regions) the first class of which a region of split own has no training sample; UINT_MAX: not seen */
    unsigned absent[TOPOLOGY_REGIONS_MAX];
    job_t job; /* of it */
} launch_t;

void launch_init(launch_t *self);
void launch_fini(launch_t *self);

/* Reads the topology; `seed` may be NULL. Errors: ERR_CONFIG, ERR_NOT_FOUND. */
MUST_USE err_code_t launch_read(launch_t *self, const char *path, const char *const *sets, size_t set_count,
                                const char *seed, err_t *err);

/* After launch_read, or launch_look_dataset, failed: prints every mistake that is in the topology, the first
 * as `err` has it, and returns `status`. With `looks`, the data set is looked at too where the topology's
 * other mistakes let it. */
int launch_wrong(launch_t *self, int status, const char *where, const err_t *err, bool looks);

/* Reads it again while the job runs. Errors: as above; ERR_CONFIG when something has changed that may not. */
MUST_USE err_code_t launch_reread(const launch_t *self, const char *path, const char *const *sets,
                                  size_t set_count, const char *seed, topology_t **ret_changed, err_t *err);

/* Puts the effective topology into the state directory once more, after such a change. Errors: those of
 * file_write. */
MUST_USE err_code_t launch_replace_topology(const launch_t *self, const topology_t *changed, err_t *err);

/* Chooses the state directory: `given`, or ${XDG_STATE_HOME:-~/.local/state}/cloudless/JOBNAME. Creates
 * nothing. */
MUST_USE err_code_t launch_choose_state(launch_t *self, const char *given, err_t *err);

/* Takes the whole state directory for this process and its children, and puts the effective topology there.
 * Errors: those of statedir_open; ERR_IN_USE also when processes that were started by hand work in it. */
MUST_USE err_code_t launch_take_state(launch_t *self, err_t *err);

/* Joins a state directory in a role ("node-eu-a") of which there may be one. Errors: as above. */
MUST_USE err_code_t launch_join_state(launch_t *self, const char *role, err_t *err);

/* Gives the run that this process begins its identity, unless the directory is of one already: for the
 * process of the global scheduler, or the one that holds its directory. Errors: those of
 * statedir_join_run. */
MUST_USE err_code_t launch_begin_run(launch_t *self, err_t *err);

/* Uses a state directory that this process's parent holds. */
MUST_USE err_code_t launch_share_state(launch_t *self, err_t *err);

/* The log of this process goes to DIR/log/NAME.log from now on; with `echo` warnings and errors go to
 * standard error as well. Errors: ERR_IO, ERR_FULL, ERR_DENIED. */
MUST_USE err_code_t launch_open_log(const launch_t *self, const char *name, bool echo, err_t *err);

/* Checks whether a file can be written there at the end of a run; nothing is created. Errors: ERR_USAGE. */
MUST_USE err_code_t launch_check_output(const char *path, err_t *err);

/* Undoes launch_take_state when it was this process that created the directory and nothing was run in it. */
void launch_abandon_state(launch_t *self);

/* How many shards of all regions have a snapshot to go on from. */
MUST_USE err_code_t launch_count_snapshots(const launch_t *self, size_t *ret_count, err_t *err);

/* The data set as a region sees it, without a cache directory. `shares` has room for all regions and must
 * live as long as the spec. */
dataset_spec_t launch_dataset_spec(const topology_t *topology, size_t region, double *shares);

/* The data that are looked at, other than one region's: with split own those of all, or of all whose folder
 * is on this machine; else the one copy. */
#define LAUNCH_ALL (SIZE_MAX - 1)
#define LAUNCH_HERE SIZE_MAX

/* Returns whether a region has data of its own that are not on this machine. */
bool launch_data_elsewhere(const topology_t *topology, size_t region);

/* Looks at the data set without keeping any of it, on disk or in memory, compares it with the model, and
 * derives the job. Every command that computes does so before it creates anything; `thorough`: and reads
 * everything through.
 *
 *   in   which  an index of a region, LAUNCH_ALL or LAUNCH_HERE; where nothing is here, facts.kind is NULL
 *
 * Errors   those of dataset_look, model_accepts and job_derive */
MUST_USE err_code_t launch_look_dataset(launch_t *self, size_t which, bool thorough, err_t *err);

/* After launch_look_dataset: prints, for each region of split own that lacks a class, a line that begins with
 * `before`. Returns how many. */
size_t launch_print_absent(const launch_t *self, const char *before, FILE *out);

/* The same for commands that compute nothing with it: where the files are not there, and the topology says
 * how many samples there are, the job is derived from that, and facts.kind is NULL. With split own no file is
 * looked for. */
MUST_USE err_code_t launch_try_dataset(launch_t *self, err_t *err);

/* Goes on with the model that a run was begun with, whatever its data have become: as was noted then in its
 * topology, or, before it was, as the model is when nothing is said. Errors: those of model_accepts. */
MUST_USE err_code_t launch_keep_seen(const launch_t *self, const topology_t *former, err_t *err);

/* Opens the data set as a region sees it, compares and derives. Errors: those of dataset_open, and as
 * above. */
MUST_USE err_code_t launch_open_dataset(launch_t *self, size_t region_index, err_t *err);

/* The same for processes of all regions: opens the copy that these share. With split own nothing is opened,
 * and the job derived alone. */
MUST_USE err_code_t launch_open_copy(launch_t *self, err_t *err);

/* Where a region's broker is, for shells: hint is launch_where_t. */
typedef struct {
    const launch_t *launch;
    size_t region_index;
    const char *inproc; /* NULL: in another process */
} launch_where_t;
err_code_t launch_find_broker(void *hint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err);

/* The command that goes on with the topology that lies in a state directory; for a shell. */
#define LAUNCH_COMMAND_MAX (3 * STATEDIR_PATH_MAX)
const char *launch_resume_command(const char *state_dir, char out[LAUNCH_COMMAND_MAX]);

#endif
