/* What crosses between regions may be encoded. What the bytes of a cut do not carry stays here, in the residual, which
 * is part of the version, and joins the next cut: gradients come late, never not at all. The last cut of a run is sent
 * as it is and takes the residual with it.
 *
 * A model is sent as model + residual too. Under sma every region takes Q_r = Q(w_r + e_r), with the new residual
 * e_r' = w_r + e_r - Q_r, and goes on from W = sum n_r Q_r / N. So W + mean e' = mean w + mean e: what rounding keeps
 * back of a region's local steps, even where they are smaller than the last bit of what is sent, is in the mean that
 * follows. Under ama the errors of successive models cancel out instead of adding up to a bias. Carrying a part of the
 * values only (topk) would make the rest of the model zero; the topology's check refuses it.
 *
 * Under asp the residual is what is not significant yet. Where nothing is, the cut carries the cursor alone.
 *
 * Under ssgd a gradient is weighted by its samples, and a last one without samples weighs nothing: there the residual of
 * the last round ends with the run, unless gradients are counts and simply added.
 *
 * Under a waiting strategy a region adds its own contribution as the others see it, so that replicas stay equal. */

#include "actors/shard/shard_internal.h"

void shard_encode_derive(shard_core_t *self)
{
    self->replica->encoding = strategy_encoding(self->base->spec.topology, &self->replica->encoding_setting);
}

size_t shard_encoded_bytes(const shard_core_t *self)
{
    return encoding_size_most(self->replica->encoding, &self->replica->encoding_setting,
                              self->base->spec.elements);
}

static bool s_finite(shard_core_t *self, buf_t **values_p)
{
    if (!*values_p || vector_finite(self->base->spec.elements, buf_peek(*values_p)))
        return true;
    base_refused(self->base, ERR_NUMBER);
    buf_destroy(values_p);
    return false;
}

/* Room for an encoded cut. */
typedef struct {
    buf_t *bytes, *residual, *view;
    bool in_place; /* residual is the version's own */
} room_t;

static void s_leave(shard_core_t *self, room_t *room)
{
    buf_destroy(&room->bytes);
    if (room->residual && !room->in_place)
        version_release(self, &room->residual);
    if (room->view)
        version_release(self, &room->view);
}

static bool s_find_room(shard_core_t *self, room_t *ret)
{
    *ret = (room_t){.in_place = self->replica->residual && buf_is_unique(self->replica->residual)};
    ret->bytes = buf_new(shard_encoded_bytes(self));
    ret->residual = ret->in_place ? self->replica->residual : version_fresh(self);
    ret->view = self->base->rules.sees_own ? version_fresh(self) : NULL;
    if (ret->bytes && ret->residual && (ret->view || !self->base->rules.sees_own))
        return true;
    s_leave(self, ret);
    return false;
}

/* Bytes of their own length. */
static buf_t *s_fit(buf_t **bytes_p, size_t size)
{
    buf_t *bytes = *bytes_p, *fitting = size < buf_size(bytes) ? buf_new_copy(buf_peek(bytes), size) : NULL;
    if (!fitting && size < buf_size(bytes))
        return NULL;
    *bytes_p = NULL;
    if (fitting)
        buf_destroy(&bytes);
    return fitting ? fitting : bytes;
}

static void s_keep_residual(shard_core_t *self, room_t *room)
{
    if (room->in_place) {
        buf_touch(self->replica->residual);
    } else {
        if (self->replica->residual)
            version_release(self, &self->replica->residual);
        self->replica->residual = room->residual;
    }
    room->residual = NULL;
}

static err_code_t s_decode(const shard_core_t *self, uint64_t encoding, const slice_t *slices, size_t count,
                           buf_t *view)
{
    const encoding_t *row = encoding_find(encoding);
    CHECK(row);
    return encoding_decode(row, slices, count, buf_data(view), self->base->spec.elements, NULL);
}

err_code_t shard_encode_view(const shard_core_t *self, uint64_t encoding, buf_t *data, buf_t *ret_view)
{
    slice_t whole = slice_of(data, 0, buf_size(data));
    err_code_t code = s_decode(self, encoding, &whole, 1, ret_view);
    slice_fini(&whole);
    return code;
}

/* Steps are part of the version: a job that goes on from a snapshot goes on with the same threshold. */
static float s_threshold(const shard_core_t *self)
{
    return strategy_threshold(self->base->spec.topology,
                              self->replica->steps / self->base->region->steps_per_epoch);
}

static err_code_t s_encode(shard_core_t *self, const buf_t *values, room_t *room, encoded_t *ret)
{
    size_t size;
    encoding_input_t input = {
        .count = self->base->spec.elements,
        .values = buf_peek(values),
        .residual = self->replica->residual ? buf_peek(self->replica->residual) : NULL,
        .ret_residual = buf_data(room->residual),
        .scale = self->base->rules.strategy->selects ? buf_peek(self->replica->parameters) : NULL,
        .threshold = s_threshold(self)};
    err_code_t code = encoding_encode(self->replica->encoding, &self->replica->encoding_setting, &input,
                                      buf_data(room->bytes), &size, NULL);
    if (code)
        return code;
    s_keep_residual(self, room);
    if (size == 0)
        return ERR_OK; /* nothing is significant */
    ret->encoding = self->replica->encoding->number;
    ret->data = s_fit(&room->bytes, size);
    CHECK(ret->data);
    if (!room->view)
        return ERR_OK;
    CHECK(!shard_encode_view(self, ret->encoding, ret->data, room->view)); /* what was just encoded */
    ret->view = room->view;
    room->view = NULL;
    return ERR_OK;
}

/* Without memory values are sent as they are too, which every receiver takes. */
encoded_t shard_encode(shard_core_t *self, buf_t **values_p, bool whole)
{
    encoded_t encoded = {0};
    room_t room;
    if (!*values_p)
        return encoded;
    if (whole || self->replica->encoding->number == 0 || !s_find_room(self, &room)) {
        if (s_finite(self, values_p))
            encoded.data = *values_p;
        encoded.refused = !encoded.data;
        encoded.view = buf_ref(encoded.data);
        *values_p = NULL;
        return encoded;
    }
    err_code_t code = s_encode(self, *values_p, &room, &encoded);
    encoded.refused = code != ERR_OK;
    if (code)
        base_refused(self->base, code);
    s_leave(self, &room);
    version_release(self, values_p);
    return encoded;
}

bool shard_encode_whole(shard_core_t *self)
{
    if (!self->replica->residual || self->replica->outer.on) /* a difference takes it along as it is made */
        return true;
    if (self->base->rules.strategy->cuts != DELTA_GRADIENT) {
        version_release(self, &self->replica->residual);
    } else if (!self->replica->open) {
        self->replica->open = self->replica->residual;
        self->replica->residual = NULL;
    } else {
        buf_t *sum = version_fresh(self);
        if (!sum)
            return false;
        encoding_add(buf_peek(self->replica->open), buf_peek(self->replica->residual), buf_data(sum),
                     self->base->spec.elements);
        version_release(self, &self->replica->open);
        version_release(self, &self->replica->residual);
        self->replica->open = sum;
    }
    return true;
}

/* -- in ---------------------------------------------------------------------------------------------------
 */

bool shard_encode_accepts(const shard_core_t *self, uint64_t encoding)
{
    return encoding == 0 || encoding == self->replica->encoding->number;
}

bool shard_encode_fits(const shard_core_t *self, uint64_t encoding, uint64_t size)
{
    const encoding_t *row = encoding_find(encoding);
    return row && encoding_fits(row, &self->replica->encoding_setting, self->base->spec.elements, size);
}

bool shard_decode(shard_core_t *self, incoming_t *incoming)
{
    if (incoming->code || incoming->encoding == 0 || incoming->decoded ||
        incoming->head.kind == DELTA_NOTHING)
        return true;
    buf_t *view = version_fresh(self);
    if (!view) {
        self->base->short_of_memory = true;
        return false;
    }
    incoming->code = s_decode(self, incoming->encoding, incoming->assembly.chunks,
                              (size_t)incoming->assembly.chunk_count, view);
    assembly_fini(&incoming->assembly);
    if (incoming->code)
        version_release(self, &view);
    incoming->decoded = view;
    return true;
}
