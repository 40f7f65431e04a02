/* files - the small files of a state directory, `job` and topology.yaml, when they are lost or damaged.
 *
 * Why      everything they say is elsewhere: the topology in archives and copies, the run in every snapshot.
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_FILES_H
#define DEPLOY_CLI_CHECKPOINT_FILES_H

#include "deploy/state/catalog.h"
#include "deploy/cli/checkpoint/result.h"

/* Takes a topology that cannot be read from another state directory, or from an archive; either may be NULL.
 * It must be that of the job that the directory says it is of.
 *
 *   out  ret_taken  whether it was, or with result->dry would be
 *
 * Errors   ERR_CONFIG (nothing was named that has it), ERR_JOB (of another job), ERR_IO, ERR_FULL, ERR_DENIED
 */
MUST_USE err_code_t files_mend_topology(result_t *result, const char *dir, const char *from,
                                        const char *archive, bool *ret_taken, err_t *err);

/* Writes a lost or damaged `job` anew, from the topology (with what the run was carried on with) and from
 * what snapshots say of their run. Errors: ERR_JOB (they are of several runs), ERR_VERSION (of a program
 * of another version), ERR_IO, ERR_FULL, ERR_DENIED. */
MUST_USE err_code_t files_mend_job(result_t *result, const catalog_t *catalog, bool *ret_written, err_t *err);

#endif
