#include "actors/kit/breaks.h"
#include "actors/shard/intake/intake.h"
#include "actors/shard/replica/exchange.h"

#include "codec/base/failpoint.h"

#include <stdlib.h>

static bool s_find_held(const intake_t *self, uint64_t batch, size_t *ret_index)
{
    for (size_t i = 0; i < self->held_count; i++) {
        if (self->held[i].batch == batch) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* The next step when steps are in order: all its batches must be held. Its batches enter the applied set
 * together, so it is the step of the first batch that is not in the set. */
static size_t s_pick_in_order(intake_t *self, uint64_t *ret_missing)
{
    uint64_t first, end;
    *ret_missing = self->base->region->batches;
    if (!ranges_gap(&self->replica->applied, 0, self->base->region->batches, &first, &end))
        return 0;
    uint64_t width = self->base->region->width;
    uint64_t begin = first / width * width;
    for (uint64_t i = 0; i < width; i++) {
        if (!s_find_held(self, begin + i, &self->picks[i])) {
            *ret_missing = begin + i;
            return 0;
        }
    }
    return (size_t)width;
}

/* The held pushes that make up the next step, in ascending order of batch; 0 when there is none. */
static size_t s_pick(intake_t *self)
{
    uint64_t missing;
    if (self->terms.in_order)
        return s_pick_in_order(self, &missing);
    self->picks[0] = 0;
    return self->held_count ? 1 : 0;
}

bool intake_has(const intake_t *self, uint64_t batch)
{
    size_t index;
    return ranges_has(&self->replica->applied, batch) || s_find_held(self, batch, &index);
}

bool intake_missing(const intake_t *self, uint64_t *ret_batch)
{
    if (!self->terms.in_order || self->held_count == 0)
        return false;
    uint64_t first, end, width = self->base->region->width;
    if (!ranges_gap(&self->replica->applied, 0, self->base->region->batches, &first, &end))
        return false;
    first = first / width * width;
    for (uint64_t batch = first; batch < first + width; batch++) {
        size_t index;
        if (!s_find_held(self, batch, &index)) {
            *ret_batch = batch;
            return true;
        }
    }
    return false;
}

/* The elements that some of the parts have; NULL: all of them, or no memory to tell. */
static const ranges_t *s_touched(intake_t *self, const blend_t *blend)
{
    err_code_t code = ERR_OK;
    self->touched.count = 0;
    for (size_t i = 0; i < blend->count && !code; i++) {
        if (!blend->parts[i].patch)
            return NULL;
        if (blend->count == 1)
            return &blend->parts[i].patch->runs;
        code = ranges_union(&self->touched, &blend->parts[i].patch->runs);
    }
    return code || !blend->count ? NULL : &self->touched;
}

/* g = sum of count_i g_i / sum of count_i, or the plain sum when gradients are counts. */
static void s_blend(intake_t *self, size_t count, blend_t *ret_blend)
{
    *ret_blend =
        (blend_t){.parts = self->parts, .scratch = self->replica->scratch, .sums = self->replica->sums};
    for (size_t i = 0; i < count; i++) {
        const held_t *held = &self->held[self->picks[i]];
        if (held->code)
            continue;
        double weight = self->base->rules.plain_sum ? 1 : (double)held->samples;
        ret_blend->divisor += weight;
        self->parts[ret_blend->count++] =
            (part_t){.assembly = &held->assembly, .patch = held->patch, .weight = weight};
    }
    if (self->base->rules.plain_sum)
        ret_blend->divisor = 1;
    ret_blend->touched = s_touched(self, ret_blend);
}

static void s_record(intake_t *self, const held_t *held)
{
    /* its room was checked when the push came */
    CHECK(!ranges_add(&self->replica->applied, held->batch, held->batch + 1));
    if (held->code) {
        base_refused(self->base, held->code);
        err_code_t full = ranges_add(&self->replica->refused, held->batch, held->batch + 1);
        (void)full; /* a set full of intervals names no more of them; the count goes on alone */
    }
    if (held->worker != HELD_RESTORED)
        intake_ack(self, self->workers[held->worker].name, held->batch, true, held->code);
}

static int s_descending(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* A step whose pushes were all refused changes no parameter and still counts, so that rounds stay in step. */
static void s_apply(intake_t *self, size_t count, bool some)
{
    uint64_t samples = 0;
    for (size_t i = 0; i < count; i++)
        samples += self->held[self->picks[i]].samples;
    if (self->terms.counts)
        self->replica->samples_applied += samples;
    self->replica->steps++;
    if (some && self->terms.steps)
        self->replica->version++;
    for (size_t i = 0; i < count; i++)
        s_record(self, &self->held[self->picks[i]]);
    qsort(self->picks, count, sizeof *self->picks, s_descending);
    for (size_t i = 0; i < count; i++)
        held_drop(self, self->picks[i]);
    self->replica->open_steps++;
    self->replica->open_samples += samples;
    base_changed(self->base);
    FAILPOINT(shard_push_applied);
}

bool intake_step(intake_t *self)
{
    if (self->base->short_of_memory)
        return false;
    size_t count = s_pick(self);
    if (count == 0 || !self->replica->exchange->ready(self->replica))
        return false;
    blend_t blend;
    s_blend(self, count, &blend);
    bool some = blend.count > 0;
    bool ready = some && count == 1 && ahead_commit(self, self->held[self->picks[0]].serial);
    bool done = ready || !some || version_step(self->replica, &blend, self->terms.steps, self->terms.sums);
    if (done)
        s_apply(self, count, some);
    return done;
}
