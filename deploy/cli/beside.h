/* beside - what a run would have taken with another strategy, simulated on the machine that it ran on: a
 * line for people.
 *
 * Why      what an exchange is worth shows beside the plain one, and a person does not wait for that to run.
 * How      the same topology with another `job.sync`, in virtual time (predict.h), at the pace of this
 *          machine, whose cores all regions share as they do under `up`.
 * Threads  one.
 */
#ifndef DEPLOY_CLI_BESIDE_H
#define DEPLOY_CLI_BESIDE_H

#include "deploy/launch/launch.h"

typedef struct {
    const char *strategy; /* NULL: none is asked for, and nothing is printed */
    launch_t launch;
} beside_t;

/* Reads the topology as `up` does, with the strategy in place of what its job.sync says.
 *
 *   in   launch    whose `sets` are those of the command line; `path` and `seed` likewise, seed may be NULL
 *
 * Errors   ERR_CONFIG: there is no such strategy, or the topology cannot have it */
MUST_USE err_code_t beside_prepare(beside_t *self, const char *strategy, const char *path,
                                   const char *const *sets, size_t set_count, const char *seed, err_t *err);

/* Measures the pace of this machine, simulates, and prints the line on standard output: some seconds. What
 * fails is told there as well: the run itself went well. */
void beside_print(beside_t *self);

void beside_fini(beside_t *self);

#endif
