#include "codec/base/backoff.h"

int64_t backoff_next(backoff_t *self)
{
    if (!self->now_us)
        self->now_us = self->first_us;
    else
        self->now_us = self->now_us < self->last_us / 2 ? 2 * self->now_us : self->last_us;
    return self->now_us;
}

void backoff_reset(backoff_t *self)
{
    self->now_us = 0;
}
