/* A push of several chunks is applied while it arrives: each chunk is used while it is in the cache, and
 * when the last one is here the step is done. The pass writes buffers of its own; what others see changes
 * at the commit alone. */

#include "actors/kit/breaks.h"
#include "actors/shard/intake/intake.h"

#include "codec/base/hash.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

static uint64_t s_id(const buf_t *buf)
{
    return buf ? buf_id(buf) : 0;
}

static void s_bases(const intake_t *self, uint64_t ret_base[AHEAD_BASES])
{
    const replica_t *replica = self->replica;
    ret_base[0] = s_id(replica->parameters);
    ret_base[1] = s_id(replica->open);
    for (size_t i = 0; i < OPTIMIZER_STATE_MAX; i++)
        ret_base[2 + i] = s_id(replica->state[i]);
}

/* The next step would still compute the same. */
static bool s_holds(const intake_t *self)
{
    uint64_t base[AHEAD_BASES];
    s_bases(self, base);
    float lr = optimizer_rate(&self->replica->optimizer, self->replica->samples_applied,
                              self->base->spec.job->samples_total);
    const ahead_t *ahead = &self->ahead;
    bool same_rate = !(lr < ahead->pass.lr) && !(lr > ahead->pass.lr);
    return ahead->serial && same_rate && !memcmp(base, ahead->base, sizeof base);
}

void ahead_drop(intake_t *self)
{
    version_pass_drop(self->replica, &self->ahead.pass);
    self->ahead.serial = 0;
}

static bool s_is_first_of_some(const staged_t *staged)
{
    return staged->assembly.have == 1 && staged->assembly.chunk_count > 1;
}

/* A step is of one push, which is applied at once and in any pieces, and nobody else's parameters are
 * changed by it. */
static bool s_may_begin(const intake_t *self)
{
    const replica_t *replica = self->replica;
    bool rows = optimizer_find(replica->optimizer.kind)->rows && spans_have_rows(&replica->spans);
    return self->base->region->width == 1 && self->terms.steps && !rows &&
           !buf_is_unique(replica->parameters);
}

static bool s_begin_ahead(intake_t *self, const staged_t *staged)
{
    ahead_t *ahead = &self->ahead;
    if (!s_is_first_of_some(staged) || !s_may_begin(self) || s_holds(self))
        return false;
    ahead_drop(self);
    if (!version_pass_open(self->replica, true, self->terms.sums, true, &ahead->pass))
        return false;
    if (self->base->spec.checksums && !ahead->checksums) {
        ahead->checksums = calloc(intake_chunks(self), sizeof *ahead->checksums);
        CHECK(ahead->checksums);
    }
    s_bases(self, ahead->base);
    ahead->serial = staged->serial;
    ahead->elements = 0;
    ahead->summed = 0;
    return true;
}

/* The checksum of the new parameters, when the push is cut as pulls are. */
static void s_sum(intake_t *self, uint64_t chunk, uint64_t offset, size_t count)
{
    size_t size = count * sizeof(float);
    if (!self->base->spec.checksums || chunk >= intake_chunks(self) ||
        offset * sizeof(float) != chunk * self->base->spec.chunk_bytes ||
        size != intake_chunk_bytes(self, chunk))
        return;
    self->ahead.checksums[chunk] = hash_checksum(self->ahead.pass.w.to + offset, size);
    self->ahead.summed++;
}

void ahead_add(intake_t *self, const staged_t *staged, uint64_t chunk, uint64_t offset, const slice_t *data)
{
    ahead_t *ahead = &self->ahead;
    if ((ahead->serial != staged->serial || !s_holds(self)) && !s_begin_ahead(self, staged))
        return;
    const char *at = slice_peek(data);
    size_t count = data->size_bytes / sizeof(float);
    if ((uintptr_t)at % alignof(float))
        return; /* rare, and then never whole */
    const float *g = (const float *)(const void *)at;
    for (size_t i = 0; i < count; i += SHARD_BLOCK) {
        size_t n = count - i < SHARD_BLOCK ? count - i : SHARD_BLOCK;
        version_pass_block(self->replica, &ahead->pass, offset + i, n, g + i);
    }
    s_sum(self, chunk, offset, count);
    ahead->elements += count;
}

bool ahead_commit(intake_t *self, uint64_t serial)
{
    ahead_t *ahead = &self->ahead;
    if (!serial || ahead->serial != serial || ahead->elements != self->base->spec.elements || !s_holds(self))
        return false;
    version_pass_commit(self->replica, &ahead->pass);
    ahead->serial = 0;
    if (ahead->summed == intake_chunks(self)) {
        uint64_t *made = ahead->checksums;
        ahead->checksums = self->checksums;
        self->checksums = made;
        self->checksums_of = buf_id(self->replica->parameters);
    }
    return true;
}
