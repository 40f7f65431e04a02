/* statedir_job - the file that says whose a state directory is: its job, digest and run; for the files of
 * statedir alone.
 *
 * Rules    the file is replaced whole. What it cannot be read as is refused, and says by which version it
 *          was written, or how it is written anew.
 * Errors   ERR_NOT_FOUND, ERR_JOB (damaged), ERR_VERSION (of another version), ERR_IO, ERR_FULL,
 *          ERR_LIMIT.
 * Threads  any; who writes holds the directory's lock.
 */
#ifndef STORE_STATEDIR_JOB_H
#define STORE_STATEDIR_JOB_H

#include "store/statedir.h"

/* The content of a job file. */
typedef struct {
    char name[STATEDIR_NAME_MAX + 1];
    char digest[STATEDIR_NAME_MAX + 1];
    statedir_run_t run;
} statedir_job_t;

/* Sets all of it. Errors: ERR_LIMIT (not one line each, or too long). */
MUST_USE err_code_t statedir_job_fill(const char *job_name, const char *digest, const statedir_run_t *run,
                                      statedir_job_t *ret_job, err_t *err);
/* The same for its digest alone. */
MUST_USE err_code_t statedir_job_set_digest(statedir_job_t *self, const char *digest, err_t *err);

MUST_USE err_code_t statedir_job_read(const char *path, statedir_job_t *ret_job, err_t *err);
MUST_USE err_code_t statedir_job_write(const char *path, const statedir_job_t *job, err_t *err);

/* Adds settings that the run was carried on with: whole lines, of which the oldest go where there is no
 * room. */
void statedir_job_add_changes(statedir_run_t *run, const char *lines);

#endif
