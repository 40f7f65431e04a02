/* Intake's part of a state: pushes that a shard which stops holds for their step, each in one piece. Another
 * shard of the region may have made that step already, at parameters that nobody can compute again. A patch
 * is stored under a name of its own, behind the number of its runs. */

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

#define PATCH_HEAD sizeof(uint64_t) /* of a stored patch: how many runs */

static const char *s_key(const held_t *held, stored_name_t name)
{
    return stored_key(name, held->patch ? "held_patch" : "held", held->batch);
}

static buf_t *s_gather(const held_t *held)
{
    const uint64_t runs = held->patch ? held->patch->runs.count : 0;
    const size_t head = held->patch ? PATCH_HEAD : 0, bytes = held->assembly.total_bytes;
    buf_t *whole = buf_new(head + bytes);
    if (!whole)
        return NULL;
    char *at = buf_data(whole);
    memcpy(at, &runs, head);
    float *to = (float *)(void *)(at + head);
    const float *from = bytes ? assembly_read(&held->assembly, 0, bytes / sizeof *to, to) : to;
    if (from != to)
        memcpy(to, from, bytes);
    return whole;
}

bool intake_values(const intake_t *self, snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    for (size_t i = 0; i < s_count_pushes(self); i++) {
        if (self->held[i].code)
            continue;
        buf_t *whole = s_gather(&self->held[i]);
        if (!whole || snapshot_add(snapshot, s_key(&self->held[i], name), &whole, err))
            return false;
    }
    return true;
}

/* A gradient in one piece behind its head, moved into the assembly of a push. */
static err_code_t s_assemble(const intake_t *self, buf_t **data_p, size_t head, held_t *held, err_t *err)
{
    slice_t whole = slice_of(*data_p, head, buf_size(*data_p) - head);
    buf_destroy(data_p);
    err_code_t code = assembly_begin(&held->assembly, 1, whole.size_bytes, self->base->spec.chunk_bytes);
    if (!code)
        code = assembly_add(&held->assembly, 0, 0, &whole);
    slice_fini(&whole);
    if (code)
        assembly_fini(&held->assembly);
    return code ? err_set(err, code, "state: held") : ERR_OK;
}

static err_code_t s_load_patch(const intake_t *self, buf_t *stored, held_t *held, err_t *err)
{
    uint64_t runs, words = (buf_size(stored) - PATCH_HEAD) / sizeof(float);
    memcpy(&runs, buf_peek(stored), sizeof runs);
    if (!self->base->spec.patches || buf_size(stored) % sizeof(float) ||
        !patch_fits(self->base->spec.elements, runs, words))
        return err_set(err, ERR_SHAPE, "state: held_patch");
    buf_t *data = buf_ref(stored);
    err_code_t code = s_assemble(self, &data, PATCH_HEAD, held, err);
    if (!code)
        code = held_read_patch(self, &held->assembly, runs + 1, &held->patch);
    if (code)
        assembly_fini(&held->assembly);
    return code ? err_set(err, code, "state: held_patch") : ERR_OK;
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
    buf_t *patch = snapshot_peek(snapshot, stored_key(name, "held_patch", row->batch));
    err_code_t code = ERR_OK;
    if (!held.code && patch && buf_size(patch) >= PATCH_HEAD) {
        code = s_load_patch(self, patch, &held, err);
    } else if (!held.code) {
        stored_key(name, "held", row->batch);
        code = stored_tensor(self->base, snapshot, name, true, &data, err);
        if (!code)
            code = s_assemble(self, &data, 0, &held, err);
    }
    if (code)
        return code;
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
