/* Where local steps began: of strategies that send differences from there, or go back to it. */

#include "actors/shard/replica/replica.h"

void start_begin(replica_t *self)
{
    if (!self->outer.starts || self->outer.start)
        return;
    self->outer.start = buf_ref(self->parameters);
    if (self->outer.mu > 0) {
        self->outer.momentum = buf_new_zero(base_bytes(self->base));
        CHECK(self->outer.momentum);
    }
}

void start_fini(replica_t *self)
{
    buf_destroy(&self->outer.start);
    buf_destroy(&self->outer.base);
    buf_destroy(&self->outer.momentum);
    buf_destroy(&self->outer.gathered);
    buf_destroy(&self->outer.room);
}

void start_here(replica_t *self)
{
    version_release(self, &self->outer.start);
    self->outer.start = buf_ref(self->parameters);
}

void start_return(replica_t *self)
{
    CHECK(self->outer.start);
    if (self->parameters == self->outer.start)
        return;
    version_release(self, &self->parameters);
    self->parameters = buf_ref(self->outer.start);
}

void start_drop_base(replica_t *self)
{
    if (self->outer.base)
        version_release(self, &self->outer.base);
}

/* Local steps that are under way stay as they are, moved with their start. */
void start_settle(replica_t *self)
{
    if (self->open_steps)
        return;
    start_drop_base(self);
    start_return(self);
}
