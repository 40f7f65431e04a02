/* worker_status - what a worker shows of itself: what it waits for, since when, and when that is told next.
 *
 * Why      every wait is shown, and a change soon, but not more often than a scheduler of many workers bears.
 * Owns     the name that is shown, and the times.
 * Called   by the worker alone.
 * Threads  those of the worker.
 */
#ifndef ACTORS_WORKER_WORKER_STATUS_H
#define ACTORS_WORKER_WORKER_STATUS_H

#include "actors/kit/core_base.h"

typedef struct {
    int64_t every_us; /* 0: as the scheduler expects of a real worker */
    int64_t due_us, sent_us;
    wire_name_t waits_for; /* "": nobody */
    int64_t since_us;
} worker_status_t;

void worker_status_init(worker_status_t *self, int64_t every_us);
void worker_status_start(worker_status_t *self, int64_t now_us); /* the first event */

/* Another name than the one before is told soon. */
void worker_status_show(worker_status_t *self, const char *waits_for, int64_t now_us);
/* Tells it, and how many batches are done. */
void worker_status_send(worker_status_t *self, core_base_t *base, const char *to, const char *state,
                        uint64_t done, int64_t now_us);

#endif
