/* statedir - the directory in which a job keeps what survives it.
 *
 *   DIR/job                                    whose it is: name and digest
 *   DIR/lock                                   held by the one process that runs the job here
 *   DIR/log/  DIR/run/  DIR/data/              log files, sockets and small files of the run, unpacked data sets
 *             DIR/REGION/scheduler/                      the regional scheduler's store
 *   DIR/REGION/shard-K/INCARNATION/            one store per shard and incarnation (16 hexadecimal digits)
 *
 * Why      a job never goes on from another job's state, and two runs never write into one directory.
 * Not      what lies in the stores.
 * Threads  any; a statedir_t has one owner. Paths need no lock: processes that the holder started use them too.
 * Limits   STATEDIR_PATH_MAX bytes per path; region names of letters, digits, '-', '_' and '.', not first.
 */
#ifndef STORE_STATEDIR_H
#define STORE_STATEDIR_H

#include "codec/base/err.h"
#include "store/manifest.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define STATEDIR_PATH_MAX 1024
#define STATEDIR_NAME_MAX 255

typedef struct statedir statedir_t;

/* Opens, or creates with mode 0700, the state directory of a job and takes its lock.
 *
 *   in   job_name  1 to STATEDIR_NAME_MAX bytes, one line
 *   in   digest    what must be equal for a job to be the same one (of its fixed settings); the same limits
 *
 * Errors   ERR_JOB (of another job, or not empty and no state directory; the text says what to do),
 * ERR_IN_USE (the text names the pid), ERR_DENIED, ERR_IO, ERR_FULL, ERR_LIMIT, ERR_MEMORY. Nothing that was
 * there is changed then.
 */
MUST_USE err_code_t statedir_open(const char *path, const char *job_name, const char *digest,
                                  statedir_t **ret_self, err_t *err);

/* Makes a directory that a tool has filled the state directory of a job. Errors: ERR_IO, ERR_FULL, ERR_DENIED,
 * ERR_LIMIT. */
MUST_USE err_code_t statedir_mark(const char *path, const char *job_name, const char *digest, err_t *err);

/* Gives the lock up; NULL is fine. */
void statedir_close(statedir_t **self_p);

/* Whether this open created it, so that there is nothing to resume. */
bool statedir_is_new(const statedir_t *self);
const char *statedir_path(const statedir_t *self); /* borrowed until closed */

/* The pid of the process that holds the state directory now; 0 when nobody does or it is none. */
pid_t statedir_lock_holder(const char *path);

/* Checks without a lock that a directory belongs to a job (for processes the holder started). Errors:
 * ERR_JOB, ERR_NOT_FOUND, ERR_IO. */
MUST_USE err_code_t statedir_check(const char *path, const char *job_name, const char *digest, err_t *err);

typedef enum { STATEDIR_LOG, STATEDIR_RUN, STATEDIR_DATA } statedir_folder_t;

/* Paths below a state directory, written into the caller's array; the folder is created. Errors: ERR_LIMIT
 * (too long), ERR_MALFORMED (region name), ERR_IO, ERR_FULL, ERR_DENIED. */
MUST_USE err_code_t statedir_folder(const char *path, statedir_folder_t folder, char ret[STATEDIR_PATH_MAX],
                                    err_t *err);
MUST_USE err_code_t statedir_scheduler(const char *path, const char *region, char ret[STATEDIR_PATH_MAX],
                                       err_t *err);
MUST_USE err_code_t statedir_shard(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                                   char ret[STATEDIR_PATH_MAX], err_t *err);

/* The newest store of a shard that a restart can go on from. */
typedef struct {
    char path[STATEDIR_PATH_MAX];
    uint64_t incarnation;
    uint64_t number;  /* of its newest good snapshot */
    uint32_t skipped; /* newer stores without a good snapshot, and newer damaged snapshots: if not 0, this is
                         a loss ... */
    char damaged_path[STATEDIR_PATH_MAX]; /* store of the newest damaged snapshot, empty when there is none or
                                             it must not be opened */
    uint64_t damaged_number;              /* of that snapshot */
    char why[ERR_TEXT_MAX]; /* ... and this says of the newest of them why; empty stores do not count */
} statedir_latest_t;

/* Finds it, each candidate being read whole in a child process first (store/verify.h).
 *
 * Errors   ERR_NOT_FOUND (no store of that shard holds a snapshot), ERR_CHECKSUM (all that do are damaged),
 * ERR_IO, ERR_MEMORY
 */
MUST_USE err_code_t statedir_shard_latest(const char *path, const char *region, uint32_t shard,
                                          statedir_latest_t *ret_latest, err_t *err);

#endif
