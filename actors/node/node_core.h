/* node_core - hosts actors: announces itself, starts and stops what its regional scheduler places, and
 * ends in order.
 *
 * Why      which actors run where is the scheduler's to decide; that a machine runs at most one
 *          incarnation of each, and stops them so that nothing is lost, is decided here.
 * How      three rooms: hosted (who is here, in which incarnation), announcing (what is said of that, and
 *          when), stopping (why, how and with which outcome it ends). What became of an actor (READY,
 *          FAILED, ended) is told with every announcement, so that a scheduler that was started again
 *          knows who runs; an older scheduler is refused.
 * Leaves   told to end by its process it says so to the scheduler, which has its actors end or go on
 *          elsewhere, and then stops it. It stops by itself when it hears of no scheduler, or when nothing
 *          changes.
 * Effects  node_core_take_command offers what is to be done; the driver reports with node_core_ready and
 *          node_core_ended.
 * Threads  one at a time (see role.h).
 * Limits   NODE_ACTORS_MAX actors.
 */
#ifndef ACTORS_NODE_NODE_CORE_H
#define ACTORS_NODE_NODE_CORE_H

#include "actors/kit/dispatch.h"
#include "actors/kit/role.h"
#include "actors/node/announcing.h"
#include "actors/node/stopping.h"

typedef struct node_core node_core_t;
extern const role_t node_role;
extern const dispatch_t node_dispatch; /* who may say what to it, and when */

node_core_t *node_core_new(const node_spec_t *spec);

/* The next thing to be done; false when there is none. What cannot be started in a directory of the run
 * has ended: ERR_JOB. */
bool node_core_take_command(node_core_t *self, node_command_t *ret_command);

void node_core_ready(node_core_t *self, const char *actor, uint64_t incarnation, int64_t now_us);
/* It has ended, or could not be started: why ERR_OK means that it had finished. */
void node_core_ended(node_core_t *self, const char *actor, uint64_t incarnation, const err_t *why,
                     int64_t now_us);

/* The process was told to end: it leaves, or stops where nobody has placed anything. */
void node_core_leave(node_core_t *self, int64_t now_us);
/* As a stop from the scheduler. */
void node_core_stop(node_core_t *self, int64_t now_us);

/* Once it has stopped: why an actor did not end as it should, or could not be started and was missing at the
 * end. ERR_OK also when actors died meanwhile and were placed again. Text borrowed. */
err_code_t node_core_failure(const node_core_t *self, const char **ret_reason);
/* Its broker has answered. */
void node_core_heard(node_core_t *self, int64_t now_us);
/* Told to stop, by whomever. */
bool node_core_stopping(const node_core_t *self);
/* Bye was said after a stop because the job is complete or was drained. */
bool node_core_released(const node_core_t *self);

#endif
