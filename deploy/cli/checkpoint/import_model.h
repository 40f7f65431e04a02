/* import_model - `cloudless checkpoint import --model`: a state directory whose run begins with given
 * parameters.
 *
 * Why      what was trained elsewhere is trained on here; every machine that hosts shards is given the same.
 * How      the parameters lie in the state directory, and the topology beside them has their SHA-256
 *          (job.init): processes with other first parameters are other jobs, and do not find together.
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_IMPORT_MODEL_H
#define DEPLOY_CLI_CHECKPOINT_IMPORT_MODEL_H

#include "deploy/cli/cli.h"

/* Prints what came of it; returns the exit status. */
int import_model(const cli_args_t *args);

#endif
