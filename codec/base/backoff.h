/* backoff - pauses between attempts: the first, then each twice the one before, up to the last.
 *
 * Why      everything that is tried again waits longer each time; one place says how much.
 * Not      the time, and when the next attempt is due: the caller adds.
 * Threads  one owner.
 */
#ifndef CODEC_BASE_BACKOFF_H
#define CODEC_BASE_BACKOFF_H

#include <stdint.h>

typedef struct {
    int64_t first_us, last_us; /* first_us above 0 and at most last_us */
    int64_t now_us;            /* the newest pause; 0: none since the start or a reset */
} backoff_t;

static inline backoff_t backoff_of(int64_t first_us, int64_t last_us)
{
    return (backoff_t){.first_us = first_us, .last_us = last_us};
}

/* Returns the pause that is next, which is the newest from now on. */
int64_t backoff_next(backoff_t *self);

/* Returns the pause that is under way: the newest, or the first when there was none yet. */
static inline int64_t backoff_now(const backoff_t *self)
{
    return self->now_us ? self->now_us : self->first_us;
}

/* It worked: the next pause is the first again. */
void backoff_reset(backoff_t *self);

#endif
