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

/* The current version, by reference: nothing is copied, and the next step will not change it under the
 * reader. */
static void s_answer_pull(intake_t *self, const char *to, uint64_t request)
{
    s_checksums(self);
    uint64_t count = intake_chunks(self);
    for (uint64_t i = 0; i < count; i++) {
        message_t *params = core_message(&self->base->core, KIND_params, to);
        params->number = request;
        params->params.version = self->replica->version;
        params->params.chunk = i;
        params->params.chunk_count = count;
        params->params.offset = i * self->base->spec.chunk_bytes / sizeof(float);
        params->params.total = self->base->spec.elements;
        params->params.checksum = self->base->spec.checksums ? self->checksums[i] : 0;
        params->data = slice_of(self->replica->parameters, (size_t)i * self->base->spec.chunk_bytes,
                                intake_chunk_bytes(self, i));
        core_send(&self->base->core, &params);
    }
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

void intake_forget_pull(intake_t *self, worker_entry_t *worker)
{
    self->pulls_waiting -= worker->pull_waits;
    worker->pull_waits = false;
}

void intake_want(intake_t *self, worker_entry_t *worker, uint64_t request, uint64_t batch)
{
    if (worker->pull_waits && request < worker->pull)
        return;
    self->pulls_waiting += !worker->pull_waits;
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
        if (!worker->pull_waits || !s_may_begin(self, worker->pull_batch, steps))
            continue;
        intake_forget_pull(self, worker);
        worker->pull_answered = worker->pull;
        s_answer_pull(self, worker->name, worker->pull);
        FAILPOINT(shard_pull_answered);
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
    intake_want(self, worker, message->number, message->pull.batch);
}
