/* statedir - the directory in which a job keeps what survives it.
 *
 *   DIR/job                                    whose it is: name, digest, and the run as soon as it is known
 *   DIR/lock                                   held by the one process that runs the job here
 *   DIR/log/  DIR/run/  DIR/data/              log files, sockets and small files of the run, unpacked sets
 *   DIR/REGION/scheduler/                      the regional scheduler's store
 *   DIR/REGION/shard-K/  DIR/REGION/kept-K/    a shard's stores, and copies: statedir_stores.h
 *
 * Why      a job never goes on from another job's state, and two runs never write into one directory.
 * Not      what lies in the stores. Which of a shard's a restart goes on from: statedir_latest.h.
 * Threads  any; a statedir_t has one owner. Paths need no lock: processes that the holder started use them
 *          too.
 * Limits   STATEDIR_PATH_MAX bytes per path; region names of letters, digits, '-', '_' and '.', not first.
 */
#ifndef STORE_STATEDIR_H
#define STORE_STATEDIR_H

#include "codec/base/err.h"
#include "codec/base/run_id.h"
#include "store/manifest.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define STATEDIR_PATH_MAX 1024
#define STATEDIR_NAME_MAX 255
#define STATEDIR_OTHER_SETTINGS " with other settings" /* in the text of ERR_JOB, where it is that alone */
#define STATEDIR_TOPOLOGY_FILE "topology.yaml"         /* the job's, as it runs; written by others */
#define STATEDIR_INITIAL_FILE "initial.safetensors"    /* the first parameters, where a job was given some */

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

#define STATEDIR_CHANGES_MAX 2048
/* The run that a directory belongs to. Whoever begins the run makes the identity; others take it over once
 * they are told. */
typedef struct {
    uint64_t id;  /* RUN_ID_NONE: not known yet */
    bool adopted; /* begun before runs had identities: what has none may belong to it */
    /* Settings that it was carried on with, "KEY FROM TO" in a line each, newest last. */
    char changes[STATEDIR_CHANGES_MAX];
} statedir_run_t;

/* Reads it. Errors: ERR_NOT_FOUND (no state directory), ERR_JOB (its job file cannot be read), ERR_IO. */
MUST_USE err_code_t statedir_run(const char *path, statedir_run_t *ret_run, err_t *err);

/* Makes a directory one of a run, on the disk when it returns; nothing happens when it is already. Processes
 * that share a directory may do so at once: the first decides.
 *
 * Errors   ERR_JOB (of another run: the text has both identities and what to do), ERR_NOT_FOUND, ERR_IO,
 *          ERR_FULL,
 * ERR_DENIED, ERR_IN_USE (somebody else holds the directory)
 */
MUST_USE err_code_t statedir_join_run(const char *path, const statedir_run_t *run, err_t *err);
/* The same for whoever holds it. */
MUST_USE err_code_t statedir_begin_run(statedir_t *self, const statedir_run_t *run, err_t *err);

/* From now on the directory is of a job with another digest, on the disk when it returns: whoever calls knows
 * that this may be.
 *
 *   in   changes  what is another now, as above: added to what there is, of which the oldest goes where there
 *        is no room
 *
 * Errors   as above */
MUST_USE err_code_t statedir_carry(statedir_t *self, const char *digest, const char *changes, err_t *err);

/* Settings that a run was carried on with stand as comments in the topology's text, too, so that it is in
 * archives, and outlives the job file.
 *
 *   put   writes it there            find   adds to `run` what a text says
 */
void statedir_put_changes(const statedir_run_t *run, FILE *out);
void statedir_find_changes(const char *text, size_t size, statedir_run_t *run);

/* Makes a directory that a tool has filled the state directory of a job. Errors: ERR_IO, ERR_FULL,
 * ERR_DENIED, ERR_LIMIT. */
MUST_USE err_code_t statedir_mark(const char *path, const char *job_name, const char *digest,
                                  const statedir_run_t *run, err_t *err);

/* Gives the lock up; NULL is fine. */
void statedir_close(statedir_t **self_p);

/* Returns whether this open created it, so that there is nothing to resume. */
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
#endif
