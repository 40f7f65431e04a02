/* finished - whether a run has nothing left to train, so that whoever resumes it is told.
 *
 * Threads  the main thread, before others are started.
 */
#ifndef DEPLOY_LAUNCH_FINISHED_H
#define DEPLOY_LAUNCH_FINISHED_H

#include "deploy/launch/launch.h"

/* Returns whether the newest snapshot of every shard has all batches of its region, and all that other
 * regions sent. False also when that cannot be read here. */
bool finished(const launch_t *launch);

#endif
