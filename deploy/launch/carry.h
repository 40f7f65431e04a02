/* carry - a run that was stopped, or is done, goes on with more epochs or another rate.
 *
 * Why      the run stays what it is: its identity, what is stored, its figures; only its settings are others
 *          from then on.
 * How      the directory tells under which settings it was left (its topology, which its job file vouches
 *          for). What may differ is in the table of keys (`carry`); whether it may do so now each shard's
 *          state tells (shard_carry): those that lie in the directory before it is one of other settings,
 *          others where they start.
 * Threads  the main thread, before others are started.
 */
#ifndef DEPLOY_LAUNCH_CARRY_H
#define DEPLOY_LAUNCH_CARRY_H

#include "codec/base/json.h"
#include "deploy/launch/launch.h"

/* Makes the state directory one of the job as it is now, after it was refused with ERR_JOB.
 *
 *   in   whole  all shards of the job are in it: nothing is changed that is not named on the command line
 *   out  text   what is another now, "job.epochs 10 -> 20"; empty where somebody else has done it
 *
 * Errors   ERR_JOB (the text names the key; as it was where the directory is another job's), ERR_IN_USE
 *          (somebody works there
 * under the former settings), those of statedir_open and file_write
 */
#define CARRY_TEXT_MAX 512
MUST_USE err_code_t carry_on(const launch_t *launch, bool whole, char text[CARRY_TEXT_MAX], err_t *err);

/* Checks whether a run that was carried on before goes on from the snapshots that lie here, which may be of
 * before that: they were put back (`checkpoint restore`). Errors: ERR_JOB, the text says with which settings
 * it does */
MUST_USE err_code_t carry_check(const launch_t *launch, err_t *err);

/* Says what stands in the way of that, or what would be carried on, as the end of a sentence; nothing when
 * nobody can tell. */
void carry_explain(const launch_t *launch, char *out, size_t size);

/* All that a run was carried on with: as one line, newest last, empty: never; and as rows of a document
 * (key, from, to). */
void carry_print(const char *changes, char text[CARRY_TEXT_MAX]);
json_value_t *carry_rows(const char *changes);

#endif
