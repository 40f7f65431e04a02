/* gate - where a shard stands with common points: what from other regions must wait for one, and
 * whether anything kept may go.
 *
 * Why      a common point is a set of snapshots in which no shard has what its origin cut behind the point,
 *          and every origin still keeps what the others lacked. Rooms that take and let go ask the gate;
 *          durable/mark moves it.
 * Owns     the numbers of points: taken, over, being made, seen ahead; and how long a silent global
 *          scheduler is waited for.
 * Not      messages, tags and snapshots of points: durable/mark.
 * Called   gate_lets, gate_holds, gate_seen and `number` by every room; the rest by durable and the core.
 * Threads  one owner.
 */
#ifndef ACTORS_SHARD_BASE_GATE_H
#define ACTORS_SHARD_BASE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#define GATE_PATIENCE_US 10000000 /* silence of the global scheduler after which a point is given up */

/* A point is over when its snapshot is durable here, or when it was given up. */
typedef struct {
    uint64_t number;    /* newest point that was taken or is over; what is cut next lies behind it; stored */
    uint64_t over;      /* newest point that is over: what lies behind it may be taken from other regions */
    uint64_t held;      /* point that is being made: no kept delta is let go; 0: none */
    uint64_t ahead;     /* newest point that another region's delta lies behind */
    int64_t patient_us; /* when the global scheduler has been silent for too long; ROLE_NEVER: no matter */
    unsigned breaks;    /* of actors/kit/breaks.h */
} gate_t;

void gate_init(gate_t *self, unsigned breaks);
/* As stored: all points up to `number` are over. */
void gate_load(gate_t *self, uint64_t number);

/* Contributions from behind this point may be taken. */
bool gate_lets(const gate_t *self, uint64_t point);
/* Everything kept for others stays. */
bool gate_holds(const gate_t *self);
/* Something from behind this point has come. */
void gate_seen(gate_t *self, uint64_t point, int64_t now_us);

/* Another word of the global scheduler about the point that is held has come. */
void gate_wait(gate_t *self, int64_t now_us);
/* The snapshot of the point that is held is taken. */
void gate_take(gate_t *self);

/* These return whether `number` has grown, which is to be stored: a restart must not wait for
 * the same point again. */

/* A point begins to be made; those before it are over. */
bool gate_hold(gate_t *self, uint64_t point, int64_t now_us);
/* All points up to `point` are over: nobody waits here for one of them any more. */
bool gate_over(gate_t *self, uint64_t point, int64_t now_us);
/* Gives up the point that is held, if any. */
bool gate_drop(gate_t *self, int64_t now_us);
/* Gives up what has been waited for too long: a global scheduler that is gone keeps nobody from training. */
bool gate_tick(gate_t *self, int64_t now_us);

#endif
