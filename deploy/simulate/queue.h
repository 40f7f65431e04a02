/* queue - the events of a world that are still to come, earliest first; of one moment in the order they were
 * made.
 *
 * How      a heap with four children per node: half as deep as a binary one, and the children lie side by
 *          side.
 * Threads  one owner.
 */
#ifndef DEPLOY_SIMULATE_QUEUE_H
#define DEPLOY_SIMULATE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t at_us;
    uint64_t sequence; /* filled in: order among events of one moment */
    void *what;        /* by kind: a message, a snapshot, a keeper's job; NULL: nothing */
    uint64_t life;     /* of the actor: what a former one had begun is dropped with it */
    uint64_t tick;     /* of a tick: the newest scheduled wins */
    uint32_t actor;
    uint16_t kind;
    uint16_t code; /* err_code_t */
} queue_event_t;

typedef struct {
    queue_event_t *items;
    size_t count, capacity;
    uint64_t sequence;
} queue_t;

void queue_fini(queue_t *self); /* what events point to is the caller's */
void queue_add(queue_t *self, queue_event_t event);
const queue_event_t *queue_peek(const queue_t *self); /* the next one, NULL: none */
queue_event_t queue_take(queue_t *self);              /* there must be one */

#endif
