/* Intake's part of a state: pushes that a shard which stops holds for their step, each in one piece. Another
 * shard of the region may have made that step already, at parameters that nobody can compute again. */

#include "actors/shard/base/stored.h"
#include "actors/shard/intake/intake.h"

#include <string.h>

static size_t s_count_pushes(const intake_t *self)
{
    return life_stops(&self->base->life) ? self->held_count : 0;
}

void intake_pack(const intake_t *self, message_t *message)
{
    shard_state_held_t *rows = message_set_rows(&message->shard_state.held, s_count_pushes(self));
    for (size_t i = 0; i < s_count_pushes(self); i++)
        rows[i] = (shard_state_held_t){.batch = self->held[i].batch,
                                       .samples = self->held[i].samples,
                                       .code = (uint64_t)self->held[i].code};
}

static buf_t *s_gather(const intake_t *self, const held_t *held)
{
    buf_t *whole = buf_new(base_bytes(self->base));
    if (!whole)
        return NULL;
    float *to = buf_data(whole);
    const float *from = assembly_read(&held->assembly, 0, self->base->spec.elements, to);
    if (from != to)
        memcpy(to, from, base_bytes(self->base));
    return whole;
}

bool intake_values(const intake_t *self, snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    for (size_t i = 0; i < s_count_pushes(self); i++) {
        if (self->held[i].code)
            continue;
        buf_t *whole = s_gather(self, &self->held[i]);
        if (!whole || snapshot_add(snapshot, stored_key(name, "held", self->held[i].batch), &whole, err))
            return false;
    }
    return true;
}

/* A gradient in one piece, moved into the assembly of a push. */
static err_code_t s_assemble(const intake_t *self, buf_t **data_p, held_t *held, err_t *err)
{
    slice_t whole = slice_of(*data_p, 0, buf_size(*data_p));
    buf_destroy(data_p);
    err_code_t code = assembly_begin(&held->assembly, 1, whole.size_bytes, self->base->spec.chunk_bytes);
    if (!code)
        code = assembly_add(&held->assembly, 0, 0, &whole);
    slice_fini(&whole);
    if (code)
        assembly_fini(&held->assembly);
    return code ? err_set(err, code, "state: held") : ERR_OK;
}

static err_code_t s_load_push(intake_t *self, const shard_state_held_t *row, const snapshot_t *snapshot,
                              err_t *err)
{
    held_t held = {
        .worker = HELD_RESTORED, .batch = row->batch, .samples = row->samples, .code = (err_code_t)row->code};
    stored_name_t name;
    buf_t *data = NULL;
    if (row->batch >= self->base->region->batches || ranges_has(&self->replica->applied, row->batch))
        return err_set(err, ERR_MALFORMED, "state: held");
    if (!held.code) {
        stored_key(name, "held", row->batch);
        err_code_t code = stored_tensor(self->base, snapshot, name, true, &data, err);
        if (!code)
            code = s_assemble(self, &data, &held, err);
        if (code)
            return code;
    }
    held_add(self, &held);
    return ERR_OK;
}

err_code_t intake_load(intake_t *self, const message_t *message, const snapshot_t *snapshot, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < message->shard_state.held.count && !code; i++)
        code = s_load_push(self, &message->shard_state.held.items[i], snapshot, err);
    return code;
}
