#include "actors/worker/worker_lease.h"

void worker_lease_fini(worker_lease_t *self)
{
    message_destroy(&self->result);
    ranges_fini(&self->holding);
    ranges_fini(&self->todo);
}

static bool s_add(worker_lease_t *self, uint64_t first, uint64_t end)
{
    uint64_t gap_first, gap_end, from = first;
    while (from < end && ranges_gap(&self->holding, from, end, &gap_first, &gap_end)) {
        if (ranges_add(&self->todo, gap_first, gap_end))
            return false;
        from = gap_end;
    }
    return ranges_add(&self->holding, first, end) == ERR_OK;
}

bool worker_lease_take(worker_lease_t *self, const message_t *message, uint64_t batches)
{
    const lease_t_ *lease = &message->lease;
    bool is_next = lease->grant == self->last_grant + 1;
    if (!is_next || lease->first > lease->end || lease->end > batches ||
        !s_add(self, lease->first, lease->end))
        return false;
    self->last_grant = lease->grant;
    if (lease->end > lease->first)
        self->length = lease->end - lease->first;
    if (lease->evaluate)
        self->evaluate_grant = lease->grant;
    message_destroy(&self->result);
    return true;
}

bool worker_lease_batch(const worker_lease_t *self, uint64_t *ret_batch)
{
    if (!self->todo.count)
        return false;
    *ret_batch = self->todo.items[0].first;
    return true;
}

bool worker_lease_next(const worker_lease_t *self, bool *ret_evaluate, uint64_t *ret_batch)
{
    *ret_evaluate = self->evaluate_grant != 0;
    *ret_batch = 0;
    return *ret_evaluate || worker_lease_batch(self, ret_batch);
}

bool worker_lease_begin(worker_lease_t *self, uint64_t batch)
{
    return ranges_remove(&self->todo, batch, batch + 1) == ERR_OK;
}

bool worker_lease_put_back(worker_lease_t *self, uint64_t batch)
{
    return ranges_add(&self->todo, batch, batch + 1) == ERR_OK;
}

bool worker_lease_done(worker_lease_t *self, uint64_t batch)
{
    return ranges_remove(&self->holding, batch, batch + 1) == ERR_OK;
}

void worker_lease_keep_result(worker_lease_t *self, message_t **result_p)
{
    message_destroy(&self->result);
    self->result = *result_p;
    *result_p = NULL;
    self->evaluate_grant = 0;
}

bool worker_lease_wants(const worker_lease_t *self)
{
    return self->asked || self->result || 2 * ranges_size(&self->todo) <= self->length;
}
