/* Parameters, what the optimizer remembers, and accumulator are changed in place while nobody else holds
 * them, and otherwise written into another buffer in the same pass over memory. Memory is found before the
 * first element is touched, so a step is made as a whole or not at all. */

#include "actors/shard/replica/replica.h"

#include <string.h>

/* The trail of a tensor; NULL: none is kept. */
static trail_t *s_trail(replica_t *self, buf_t **slot)
{
    if (slot == &self->parameters)
        return &self->stepped[0].trail;
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
        if (slot == &self->state[i])
            return &self->stepped[1 + i].trail;
    return NULL;
}

/* It lacks no more than some steps to be a present version. */
static bool s_is_near(replica_t *self, const buf_t *spare)
{
    bool near =
        self->parameters && trail_leads(&self->stepped[0].trail, buf_id(spare), buf_id(self->parameters));
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX && !near; i++)
        near =
            self->state[i] && trail_leads(&self->stepped[1 + i].trail, buf_id(spare), buf_id(self->state[i]));
    return near;
}

static buf_t *s_take_spare(replica_t *self, size_t i)
{
    buf_t *buf = self->spares[i];
    self->spares[i] = NULL;
    buf_touch(buf);
    return buf;
}

/* One that is near a version is left for the next one of that, if there is another. */
buf_t *version_fresh(replica_t *self)
{
    size_t near = SHARD_SPARES;
    for (size_t i = 0; i < SHARD_SPARES; i++) {
        if (!self->spares[i] || !buf_is_unique(self->spares[i]))
            continue;
        if (!s_is_near(self, self->spares[i]))
            return s_take_spare(self, i);
        near = i;
    }
    return near < SHARD_SPARES ? s_take_spare(self, near) : buf_new(base_bytes(self->base));
}

/* The buffer of the next version of a tensor; *ret_was: of which earlier one it is, 0: it is anything. */
static buf_t *s_next(replica_t *self, buf_t **slot, uint64_t *ret_was)
{
    const trail_t *trail = *slot ? s_trail(self, slot) : NULL;
    for (size_t i = 0; trail && i < SHARD_SPARES; i++) {
        buf_t *spare = self->spares[i];
        if (!spare || !buf_is_unique(spare) || !trail_leads(trail, buf_id(spare), buf_id(*slot)))
            continue;
        *ret_was = buf_id(spare);
        return s_take_spare(self, i);
    }
    return version_fresh(self);
}

/* A released buffer may still be on its way to a worker or to the store; it is used again once they let go.
 * Encoded deltas are of other sizes. */
void version_release(replica_t *self, buf_t **buf_p)
{
    if (*buf_p && buf_size(*buf_p) != base_bytes(self->base))
        buf_destroy(buf_p);
    for (size_t i = 0; *buf_p && i < SHARD_SPARES; i++) {
        if (!self->spares[i]) {
            self->spares[i] = *buf_p;
            *buf_p = NULL;
        }
    }
    if (*buf_p && !buf_is_unique(self->spares[0])) {
        buf_t *older = self->spares[0];
        self->spares[0] = self->spares[SHARD_SPARES - 1];
        self->spares[SHARD_SPARES - 1] = *buf_p;
        *buf_p = older;
    }
    buf_destroy(buf_p);
}

bool version_open(replica_t *self, target_t *target, buf_t **slot, bool apart)
{
    *target = (target_t){.slot = slot};
    if (!*slot || apart || !buf_is_unique(*slot)) {
        target->next = s_next(self, slot, &target->was);
        if (!target->next)
            return false;
    }
    target->from = *slot ? buf_peek(*slot) : NULL;
    target->to = buf_data(target->next ? target->next : *slot);
    return true;
}

void version_drop(replica_t *self, target_t *target)
{
    if (target->next)
        version_release(self, &target->next);
    *target = (target_t){0};
}

static void s_abandon(replica_t *self, target_t *target)
{
    version_drop(self, target);
    self->base->short_of_memory = true;
}

void version_commit(replica_t *self, target_t *target)
{
    if (!target->slot)
        return;
    if (target->next) {
        version_release(self, target->slot);
        *target->slot = target->next;
    } else {
        buf_touch(*target->slot);
    }
    *target = (target_t){0};
}

/* -- a pass over gradients --------------------------------------------------------------------------------
 */

static void s_accumulate(const target_t *open, size_t first, size_t count, const float *g)
{
    if (!open->slot)
        return;
    if (!open->from) {
        memcpy(open->to + first, g, count * sizeof *g);
        return;
    }
    if (open->to != open->from)
        memcpy(open->to + first, open->from + first, count * sizeof *g);
    vector_add(count, open->to + first, g);
}

/* The part of what the optimizer remembers that the next step is about: all, or its lane. */
static bool s_open_state(replica_t *self, bool apart, pass_t *pass)
{
    const optimizer_row_t *row = optimizer_find(self->optimizer.kind);
    size_t lane = row->lanes[0] ? self->state_steps % base_lanes(self->base) : 0;
    for (size_t i = 0; i < optimizer_tensors(row); i++)
        if (!version_open(self, &pass->state[i], &self->state[lane + i], apart))
            return false;
    return true;
}

static bool s_open_step(replica_t *self, bool step, bool accumulate, bool apart, pass_t *pass)
{
    *pass = (pass_t){
        .lr = optimizer_rate(&self->optimizer, self->samples_applied, self->base->spec.job->samples_total),
        .number = self->state_steps + 1,
        .evened = 1,
        .average = -1};
    if (step && !version_open(self, &pass->w, &self->parameters, apart))
        return false;
    if (step && !s_open_state(self, apart, pass))
        return false;
    return !accumulate || version_open(self, &pass->open, &self->open, apart);
}

bool version_pass_open(replica_t *self, bool step, bool accumulate, bool apart, pass_t *ret_pass)
{
    if (s_open_step(self, step, accumulate, apart, ret_pass))
        return true;
    version_pass_drop(self, ret_pass);
    return false;
}

/* A rule applied to a part of a block. */
typedef void span_rule_t(const replica_t *self, const pass_t *pass, const span_part_t *part, const float *g);

static void s_optimize(const replica_t *self, const pass_t *pass, const span_part_t *part, const float *g)
{
    const span_t *span = part->span;
    size_t first = part->first, count = part->end - first;
    s_accumulate(&pass->open, first, count, g);
    if (!pass->w.slot)
        return;
    optimizer_step_t step = {.lr = pass->lr,
                             .number = pass->number,
                             .decays = span->decays,
                             .row = span->row,
                             .before = span->row ? (span->before + first - span->first) % span->row : 0,
                             .n = count,
                             .w = pass->w.from + first,
                             .g = g,
                             .ret_w = pass->w.to + first};
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++) {
        const target_t *state = &pass->state[i];
        step.state[i] = state->slot ? state->from + first : NULL;
        step.ret_state[i] = state->slot ? state->to + first : NULL;
    }
    optimizer_step(&self->optimizer, &step);
}

static void s_stay(const target_t *target, const span_part_t *part)
{
    if (target->slot && target->to != target->from)
        memcpy(target->to + part->first, target->from + part->first,
               (part->end - part->first) * sizeof(float));
}

/* The optimizer has no part in it. */
static void s_keep(const replica_t *self, const pass_t *pass, const span_part_t *part, const float *g)
{
    (void)self;
    (void)g;
    s_stay(&pass->w, part);
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
        s_stay(&pass->state[i], part);
    if (pass->open.slot)
        memset(pass->open.to + part->first, 0, (part->end - part->first) * sizeof(float));
}

/* The accumulator gets the average itself, and where no step is made what was seen. */
static void s_average(const replica_t *self, const pass_t *pass, const span_part_t *part, const float *seen)
{
    size_t first = part->first, count = part->end - first;
    float rate = pass->average < 0 ? part->span->rate : pass->average;
    s_keep(self, pass, part, seen);
    if (pass->w.slot)
        vector_mix(count, pass->w.to + first, 1 - rate, seen, rate * pass->evened);
    if (pass->open.slot)
        memcpy(pass->open.to + first, pass->w.slot ? pass->w.to + first : seen, count * sizeof *seen);
}

void version_pass_block(const replica_t *self, const pass_t *pass, size_t first, size_t count, const float *g)
{
    static span_rule_t *const rules[] = {
        [TENSOR_OPTIMIZER] = s_optimize, [TENSOR_AVERAGE] = s_average, [TENSOR_FIXED] = s_keep};
    size_t end = first + count;
    for (span_part_t part = spans_part(&self->spans, first, end); part.span;
         part = spans_part(&self->spans, part.end, end))
        rules[part.span->rule](self, pass, &part, g + (part.first - first));
}

size_t version_block_end(const replica_t *self, size_t first)
{
    return spans_end(&self->spans, first, SHARD_BLOCK);
}

void version_pass_commit(replica_t *self, pass_t *pass)
{
    if (pass->w.slot)
        self->state_steps = pass->number;
    version_commit(self, &pass->w);
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
        version_commit(self, &pass->state[i]);
    version_commit(self, &pass->open);
}

void version_pass_drop(replica_t *self, pass_t *pass)
{
    version_drop(self, &pass->w);
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
        version_drop(self, &pass->state[i]);
    version_drop(self, &pass->open);
}

/* -- of a part of the elements: what is written apart has the others, too */

static void s_fill(replica_t *self, target_t *target)
{
    if (!target->slot || !target->next)
        return;
    if (target->was)
        trail_copy(s_trail(self, target->slot), target->was, buf_id(*target->slot), target->from, target->to);
    else if (target->from)
        memcpy(target->to, target->from, base_bytes(self->base));
    else
        memset(target->to, 0, base_bytes(self->base));
    target->from = target->to;
}

static void s_fill_pass(replica_t *self, pass_t *pass)
{
    s_fill(self, &pass->w);
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
        s_fill(self, &pass->state[i]);
    s_fill(self, &pass->open);
}

/* Also notes what the step has changed. */
static void s_commit_touched(replica_t *self, pass_t *pass, const ranges_t *touched)
{
    uint64_t before[REPLICA_STEPPED];
    buf_t **slots[REPLICA_STEPPED];
    for (size_t i = 0; i < REPLICA_STEPPED; i++) {
        slots[i] = i ? pass->state[i - 1].slot : pass->w.slot;
        before[i] = slots[i] ? buf_id(*slots[i]) : 0;
    }
    version_pass_commit(self, pass);
    for (size_t i = 0; i < REPLICA_STEPPED; i++) {
        if (!slots[i])
            continue;
        trail_add(&self->stepped[i].trail, before[i], buf_id(*slots[i]), touched, self->base->spec.elements);
        since_step(&self->stepped[i].since, before[i], buf_id(*slots[i]), touched);
    }
}

static void s_pass_range(const replica_t *self, const pass_t *pass, const blend_t *gradient, size_t first,
                         size_t end)
{
    for (size_t i = first, next; i < end; i = next) {
        next = version_block_end(self, i);
        next = next < end ? next : end;
        version_pass_block(self, pass, i, next - i, blend_read(gradient, i, next - i));
    }
}

static bool s_step(replica_t *self, const blend_t *gradient, bool step, bool accumulate, float average)
{
    pass_t pass;
    if (!version_pass_open(self, step, accumulate, false, &pass)) {
        self->base->short_of_memory = true;
        return false;
    }
    pass.average = average;
    pass.evened = blend_evened(gradient);
    const ranges_t *touched = gradient->touched;
    if (touched)
        s_fill_pass(self, &pass);
    else
        s_pass_range(self, &pass, gradient, 0, self->base->spec.elements);
    for (size_t i = 0; touched && i < touched->count; i++)
        s_pass_range(self, &pass, gradient, touched->items[i].first, touched->items[i].end);
    if (touched)
        s_commit_touched(self, &pass, touched);
    else
        version_pass_commit(self, &pass);
    return true;
}

bool version_step(replica_t *self, const blend_t *gradient, bool step, bool accumulate)
{
    return s_step(self, gradient, step, accumulate, -1);
}

bool version_step_of(replica_t *self, const blend_t *gradient, float share)
{
    return s_step(self, gradient, true, false, share);
}

/* -- models -----------------------------------------------------------------------------------------------
 */

/* All but what is fixed. */
static void s_mix(const replica_t *self, float *w, size_t first, size_t end, float keep, const float *model,
                  float take)
{
    for (span_part_t part = spans_part(&self->spans, first, end); part.span;
         part = spans_part(&self->spans, part.end, end))
        if (part.span->rule != TENSOR_FIXED)
            vector_mix(part.end - part.first, w + part.first, keep, model + (part.first - first), take);
}

bool version_mix(replica_t *self, const blend_t *model, float keep, float take)
{
    target_t w;
    if (!version_open(self, &w, &self->parameters, false)) {
        s_abandon(self, &w);
        return false;
    }
    for (size_t i = 0; i < self->base->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->base->spec.elements - i < SHARD_BLOCK ? self->base->spec.elements - i : SHARD_BLOCK;
        if (w.next)
            memcpy(w.to + i, w.from + i, n * sizeof *w.to);
        s_mix(self, w.to, i, i + n, keep, blend_read(model, i, n), take);
    }
    version_commit(self, &w);
    return true;
}

static void s_set(const replica_t *self, const target_t *w, size_t first, size_t end, const float *model)
{
    for (span_part_t part = spans_part(&self->spans, first, end); part.span;
         part = spans_part(&self->spans, part.end, end))
        memcpy(w->to + part.first,
               part.span->rule == TENSOR_FIXED ? w->from + part.first : model + (part.first - first),
               (part.end - part.first) * sizeof *w->to);
}

bool version_set(replica_t *self, const blend_t *model)
{
    target_t w = {.slot = &self->parameters, .next = version_fresh(self)};
    if (!w.next) {
        s_abandon(self, &w);
        return false;
    }
    w.from = buf_peek(self->parameters);
    w.to = buf_data(w.next);
    for (size_t i = 0; i < self->base->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->base->spec.elements - i < SHARD_BLOCK ? self->base->spec.elements - i : SHARD_BLOCK;
        s_set(self, &w, i, i + n, blend_read(model, i, n));
    }
    version_commit(self, &w);
    return true;
}

buf_t *version_gather(replica_t *self, const assembly_t *assembly)
{
    buf_t *buf = version_fresh(self);
    if (!buf) {
        self->base->short_of_memory = true;
        return NULL;
    }
    float *to = buf_data(buf);
    for (size_t i = 0; i < self->base->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->base->spec.elements - i < SHARD_BLOCK ? self->base->spec.elements - i : SHARD_BLOCK;
        const float *from = assembly_read(assembly, i, n, self->scratch);
        memcpy(to + i, from, n * sizeof *to);
    }
    return buf;
}
