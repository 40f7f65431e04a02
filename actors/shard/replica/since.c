#include "actors/shard/replica/since.h"

void since_fini(since_t *self)
{
    buf_destroy(&self->before);
    ranges_fini(&self->touched);
}

static bool s_is_long(const since_t *self)
{
    uint64_t words = 2 * self->touched.count + ranges_size(&self->touched);
    return words > buf_size(self->before) / sizeof(float) / 4;
}

/* One that is too long is given up at once: nobody is to keep what was stored for nothing. */
void since_step(since_t *self, uint64_t from, uint64_t to, const ranges_t *touched)
{
    if (!self->before)
        return;
    if (self->at != from || ranges_union(&self->touched, touched) || s_is_long(self))
        since_fini(self);
    self->at = to;
}

static void s_begin(since_t *self, buf_t *present)
{
    since_fini(self);
    self->before = buf_ref(present);
    self->at = buf_id(present);
}

bool since_store(since_t *self, snapshot_t *snapshot, const char *name, buf_t *present, err_t *err)
{
    if (!self->before || self->at != buf_id(present))
        s_begin(self, present);
    if (self->touched.count)
        return snapshot_patch_add(snapshot, name, self->before, present, &self->touched, err);
    buf_t *whole = buf_ref(self->before);
    return !snapshot_add(snapshot, name, &whole, err);
}
