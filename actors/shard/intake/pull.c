#include "actors/kit/breaks.h"
#include "actors/shard/intake/intake.h"

#include "codec/base/failpoint.h"
#include "codec/base/hash.h"

#include <stdlib.h>

uint64_t intake_chunks(const intake_t *self)
{
    uint64_t count =
        (base_bytes(self->base) + self->base->spec.chunk_bytes - 1) / self->base->spec.chunk_bytes;
    return count ? count : 1;
}

size_t intake_chunk_bytes(const intake_t *self, uint64_t chunk)
{
    size_t left = base_bytes(self->base) - (size_t)chunk * self->base->spec.chunk_bytes;
    return left < self->base->spec.chunk_bytes ? left : self->base->spec.chunk_bytes;
}

/* Several workers pull the same version: its checksums are made once. */
static void s_checksums(intake_t *self)
{
    if (!self->base->spec.checksums || self->checksums_of == buf_id(self->replica->parameters))
        return;
    uint64_t count = intake_chunks(self);
    if (!self->checksums) {
        self->checksums = calloc(count, sizeof *self->checksums);
        CHECK(self->checksums);
    }
    const char *data = buf_peek(self->replica->parameters);
    for (uint64_t i = 0; i < count; i++)
        self->checksums[i] =
            hash_checksum(data + i * self->base->spec.chunk_bytes, intake_chunk_bytes(self, i));
    self->checksums_of = buf_id(self->replica->parameters);
}

/* A chunk of an answer whose values are `values`. */
static message_t *s_params(const intake_t *self, const char *to, uint64_t request, buf_t *values,
                           uint64_t chunk)
{
    size_t bytes = buf_size(values), chunk_bytes = self->base->spec.chunk_bytes;
    size_t offset = (size_t)chunk * chunk_bytes, left = bytes - offset;
    uint64_t count = (bytes + chunk_bytes - 1) / chunk_bytes;
    message_t *params = core_message(&self->base->core, KIND_params, to);
    params->number = request;
    params->params.version = self->replica->version;
    params->params.chunk = chunk;
    params->params.chunk_count = count ? count : 1;
    params->params.offset = offset / sizeof(float);
    params->params.total = bytes / sizeof(float);
    params->data = slice_of(values, offset, left < chunk_bytes ? left : chunk_bytes);
    return params;
}

/* The current version, by reference: nothing is copied, and the next step will not change it under the
 * reader. */
static void s_answer_pull(intake_t *self, const char *to, uint64_t request)
{
    s_checksums(self);
    uint64_t count = intake_chunks(self);
    for (uint64_t i = 0; i < count; i++) {
        message_t *params = s_params(self, to, request, self->replica->parameters, i);
        params->params.checksum = self->base->spec.checksums ? self->checksums[i] : 0;
        core_send(&self->base->core, &params);
    }
}

/* A few elements of it: these are copied, and a step that follows need not copy the rest. False without
 * memory. */
static bool s_answer_some(intake_t *self, const char *to, uint64_t request, const patch_t *some)
{
    buf_t *values = buf_new(some->count * sizeof(float));
    if (!values)
        return false;
    patch_gather(some, buf_peek(self->replica->parameters), buf_data(values));
    uint64_t count = 1;
    for (uint64_t i = 0; i < count; i++) {
        message_t *params = s_params(self, to, request, values, i);
        count = params->params.chunk_count;
        if (self->base->spec.checksums)
            params->params.checksum = hash_checksum(slice_peek(&params->data), params->data.size_bytes);
        core_send(&self->base->core, &params);
    }
    buf_destroy(&values);
    return true;
}

/* False: it stays to be answered. */
static bool s_answer_worker(intake_t *self, worker_entry_t *worker)
{
    if (worker->pull_some)
        return s_answer_some(self, worker->name, worker->pull, worker->pull_some);
    s_answer_pull(self, worker->name, worker->pull);
    return true;
}

/* The step of a batch may begin: all that must be applied before it is, and no round or destination is waited
 * for. A batch that is in the version already is computed again for another shard, which lost it: this one
 * may be waiting for other regions that wait for exactly that shard. */
static bool s_may_begin(const intake_t *self, uint64_t batch, bool steps)
{
    if (ranges_has(&self->replica->applied, batch))
        return true;
    if (!steps)
        return false;
    const topology_t *topology = self->base->spec.topology;
    uint64_t width = self->base->region->width, slack = 0;
    switch (topology->job.sync.inside) {
    case INSIDE_ASYNC:
        return true;
    case INSIDE_SYNC:
        break;
    case INSIDE_SSP:
        width = topology->regions[self->base->spec.region_index].workers;
        slack = topology->job.sync.inside_slack;
        break;
    }
    uint64_t step = width ? batch / width : batch;
    uint64_t below = step > slack ? (step - slack) * (width ? width : 1) : 0;
    return ranges_has_all(&self->replica->applied, 0, below);
}

/* The push that a pull goes behind is here: in the version, or held for its step. */
static bool s_is_here(const intake_t *self, const worker_entry_t *worker)
{
    if (!worker->pull_after)
        return true;
    return intake_has(self, worker->pull_after - 1);
}

void intake_forget_pull(intake_t *self, worker_entry_t *worker)
{
    self->pulls_waiting -= worker->pull_waits;
    worker->pull_waits = false;
    worker->pull_after = 0;
    patch_destroy(&worker->pull_some);
}

void intake_want(intake_t *self, worker_entry_t *worker, uint64_t request, uint64_t batch)
{
    if (worker->pull_waits && request < worker->pull)
        return;
    intake_forget_pull(self, worker);
    self->pulls_waiting++;
    worker->pull_waits = true;
    worker->pull = request;
    worker->pull_batch = batch;
}

void intake_serve(intake_t *self, bool steps)
{
    if (life_stops(&self->base->life))
        return;
    size_t left = self->pulls_waiting;
    for (size_t i = 0; left && i < self->worker_count; i++) {
        worker_entry_t *worker = &self->workers[i];
        left -= worker->pull_waits;
        if (!worker->pull_waits || !s_is_here(self, worker) ||
            !s_may_begin(self, worker->pull_batch, steps) || !s_answer_worker(self, worker))
            continue;
        intake_forget_pull(self, worker);
        worker->pull_answered = worker->pull;
        FAILPOINT(shard_pull_answered);
    }
}

/* A patch without values, of the data of a pull. Errors: ERR_CHECKSUM, ERR_SHAPE, those of patch_load */
static err_code_t s_some(const intake_t *self, const message_t *message, patch_t **ret_some)
{
    size_t bytes = message->data.buf ? message->data.size_bytes : 0;
    const void *index = bytes ? slice_peek(&message->data) : "";
    bool checked = self->base->spec.checksums || message->pull.checksum;
    if (checked && hash_checksum(index, bytes) != message->pull.checksum)
        return ERR_CHECKSUM;
    if (bytes % (2 * sizeof(uint32_t)))
        return ERR_SHAPE;
    return patch_load(index, bytes / (2 * sizeof(uint32_t)), self->base->spec.elements, ret_some, NULL);
}

/* A worker that hears nothing asks again. */
static void s_want_as_asked(intake_t *self, worker_entry_t *worker, const message_t *message)
{
    patch_t *some = NULL;
    err_code_t code = message->pull.some ? s_some(self, message, &some) : ERR_OK;
    if (code) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, code, "what is asked for is no part of the parameters");
        return;
    }
    intake_want(self, worker, message->number, message->pull.batch);
    if (worker->pull == message->number) {
        worker->pull_some = some;
        worker->pull_after = message->pull.after;
    } else { /* it asks for something newer already */
        patch_destroy(&some);
    }
}

void intake_pull(intake_t *self, const message_t *message)
{
    if (message->pull.newest) { /* for anybody: an evaluation, an export */
        s_answer_pull(self, message->from, message->number);
        return;
    }
    worker_entry_t *worker = intake_worker(self, message);
    if (!worker)
        return;
    if (message->pull.batch >= self->base->region->batches) {
        core_refuse(&self->base->core, message, ERR_LIMIT, "no such batch in this region");
        return;
    }
    s_want_as_asked(self, worker, message);
}
