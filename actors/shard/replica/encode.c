/* Deltas may be encoded. The part of a cut that its bytes do not carry stays here, in the residual, which is
 * part of the version, and joins the next cut: gradients come late, never not at all. The last cut of a run
 * is sent as it is and takes the residual with it.
 *
 * A model is sent as model + residual too. Under sma every region takes Q_r = Q(w_r + e_r), with the new
 * residual e_r' = w_r + e_r - Q_r, and goes on from W = sum n_r Q_r / N. So W + mean e' = mean w + mean e:
 * what rounding keeps back of a region's local steps, even where they are smaller than the last bit of what
 * is sent, is in the mean that follows. Under ama the errors of successive models cancel out instead of
 * adding up to a bias. Carrying a part of the values only (topk) would make the rest of the model zero; the
 * topology's check refuses it.
 *
 * Under asp the residual is what is not significant yet. Where nothing is, the cut carries the cursor alone.
 *
 * Under ssgd a gradient is weighted by its samples, and a last one without samples weighs nothing: there the
 * residual of the last round ends with the run, unless gradients are counts and simply added.
 *
 * Averages are not encoded: they are few, their errors would be a model's, and one that rounds to zero is
 * divided by. Their values stand as they are before the encoded bytes, and have no residual. What is fixed
 * is not sent: it is zero in what is encoded, and nobody reads it.
 *
 * Where rows travel alone, a cut is a patch when that is shorter, encoded or as it is: what is exactly 0 in
 * it, with what earlier cuts left out, is no part of it. Gradients and differences are 0 where nobody touched
 * a row; of a model nothing is, and it goes whole.
 *
 * Under a waiting strategy a region adds its own contribution as the others see it, so that
 * replicas stay equal. */

#include "actors/shard/replica/exchange.h"

#include "codec/compress/patched.h"

#include <string.h>

void encode_derive(replica_t *self)
{
    self->encoding = strategy_encoding(self->base->spec.topology, &self->encoding_setting);
}

/* Before the bytes of an encoding; what is not encoded has them in their place. */
static size_t s_average_bytes(const replica_t *self, uint64_t encoding)
{
    return encoding && !(encoding & PATCHED) ? spans_count(&self->spans, TENSOR_AVERAGE) * sizeof(float) : 0;
}

size_t encode_bytes_most(const replica_t *self)
{
    return encoding_size_most(self->encoding, &self->encoding_setting, self->base->spec.elements) +
           s_average_bytes(self, self->encoding->number);
}

/* -- averages ---------------------------------------------------------------------------------------------
 */

static bool s_has_rules(const replica_t *self)
{
    return spans_count(&self->spans, TENSOR_OPTIMIZER) < self->base->spec.elements;
}

/* To be encoded: what the optimizer has, and zero. */
static const float *s_encodable(const replica_t *self, const buf_t *values, buf_t *blank)
{
    if (!blank)
        return buf_peek(values);
    float *x = buf_data(blank);
    memcpy(x, buf_peek(values), base_bytes(self->base));
    for (size_t i = 0; i < self->spans.count; i++) {
        const span_t *span = &self->spans.items[i];
        if (span->rule != TENSOR_OPTIMIZER)
            memset(x + span->first, 0, (span->end - span->first) * sizeof *x);
    }
    return x;
}

static size_t s_average_count(const span_t *span)
{
    return span->rule == TENSOR_AVERAGE ? span->end - span->first : 0;
}

/* False: they are not finite. */
static bool s_put_averages(const replica_t *self, const float *values, char *ret_bytes)
{
    bool finite = true;
    for (size_t i = 0; i < self->spans.count; i++) {
        const float *from = values + self->spans.items[i].first;
        size_t count = s_average_count(&self->spans.items[i]);
        finite = finite && vector_finite(count, from);
        memcpy(ret_bytes, from, count * sizeof *from);
        ret_bytes += count * sizeof *from;
    }
    return finite;
}

/* The bytes are as many as there are. */
static bool s_get_averages(const replica_t *self, reader_t *bytes, float *values)
{
    bool finite = true;
    for (size_t i = 0; i < self->spans.count; i++) {
        float *to = values + self->spans.items[i].first;
        size_t count = s_average_count(&self->spans.items[i]);
        const void *at = count ? reader_take(bytes, count * sizeof *to, to) : to;
        CHECK(at);
        if (at != to)
            memcpy(to, at, count * sizeof *to);
        finite = finite && vector_finite(count, to);
    }
    return finite;
}

static bool s_finite(replica_t *self, buf_t **values_p)
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
    buf_t *blank;  /* for what is encoded where averages are not; NULL: there are none */
    bool in_place; /* residual is the version's own */
} room_t;

static void s_leave(replica_t *self, room_t *room)
{
    buf_destroy(&room->bytes);
    if (room->residual && !room->in_place)
        version_release(self, &room->residual);
    if (room->view)
        version_release(self, &room->view);
    if (room->blank)
        version_release(self, &room->blank);
}

static bool s_find_room(replica_t *self, bool view, room_t *ret)
{
    *ret = (room_t){.in_place = self->residual && buf_is_unique(self->residual)};
    ret->bytes = buf_new(encode_bytes_most(self));
    ret->residual = ret->in_place ? self->residual : version_fresh(self);
    ret->view = view ? version_fresh(self) : NULL;
    ret->blank = s_has_rules(self) ? version_fresh(self) : NULL;
    if (ret->bytes && ret->residual && !view == !ret->view && s_has_rules(self) == (ret->blank != NULL))
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

static void s_keep_residual(replica_t *self, room_t *room)
{
    if (room->in_place) {
        buf_touch(self->residual);
    } else {
        if (self->residual)
            version_release(self, &self->residual);
        self->residual = room->residual;
    }
    room->residual = NULL;
}

static err_code_t s_decode(const replica_t *self, uint64_t encoding, const slice_t *slices, size_t count,
                           buf_t *view, patch_t **ret_patch)
{
    const encoding_t *row = encoding_find(encoding & ~(uint64_t)PATCHED);
    CHECK(row);
    if (encoding & PATCHED)
        return patched_decode(row, slices, count, buf_data(view), self->base->spec.elements, ret_patch);
    reader_t bytes = reader_of(slices, count), averages = bytes;
    if (!reader_skip(&bytes, s_average_bytes(self, encoding)))
        return ERR_SHAPE;
    err_code_t code = encoding_read(row, &bytes, buf_data(view), self->base->spec.elements, NULL);
    if (!code && encoding && !s_get_averages(self, &averages, buf_data(view)))
        code = ERR_NUMBER;
    return code;
}

err_code_t encode_view(const replica_t *self, uint64_t encoding, buf_t *data, buf_t *ret_view)
{
    slice_t whole = slice_of(data, 0, buf_size(data));
    err_code_t code = s_decode(self, encoding, &whole, 1, ret_view, NULL);
    slice_fini(&whole);
    return code;
}

/* NULL: that would not be shorter, or is not to be. Errors: ERR_NUMBER; without memory it is as if it were
 * not shorter. */
static err_code_t s_patch(const replica_t *self, const encoding_t *encoding, const encoding_input_t *input,
                          buf_t **ret_bytes)
{
    if (!self->base->spec.patches || s_has_rules(self))
        return ERR_OK;
    err_code_t code = patched_encode(encoding, &self->encoding_setting, input, ret_bytes);
    return code == ERR_MEMORY ? ERR_OK : code;
}

static err_code_t s_see(replica_t *self, room_t *room, uint64_t encoding, buf_t *data, encoded_t *ret)
{
    ret->encoding = encoding;
    ret->data = data;
    if (!room->view)
        return ERR_OK;
    CHECK(!encode_view(self, encoding, data, room->view)); /* what was just encoded */
    ret->view = room->view;
    room->view = NULL;
    return ERR_OK;
}

static err_code_t s_encode(replica_t *self, const buf_t *values, room_t *room, encoded_t *ret)
{
    size_t size, averages = s_average_bytes(self, self->encoding->number);
    char *bytes = buf_data(room->bytes);
    encoding_input_t input = {.count = self->base->spec.elements,
                              .values = s_encodable(self, values, room->blank),
                              .residual = self->residual ? buf_peek(self->residual) : NULL,
                              .ret_residual = buf_data(room->residual)};
    input.scale = self->exchange->scale(self, &input.threshold);
    if (!s_put_averages(self, buf_peek(values), bytes))
        return ERR_NUMBER;
    buf_t *patch = NULL;
    err_code_t code = s_patch(self, self->encoding, &input, &patch);
    if (patch) {
        s_keep_residual(self, room);
        return s_see(self, room, PATCHED | self->encoding->number, patch, ret);
    }
    if (!code)
        code =
            encoding_encode(self->encoding, &self->encoding_setting, &input, bytes + averages, &size, NULL);
    if (code)
        return code;
    s_keep_residual(self, room);
    if (size == 0)
        return ERR_OK; /* nothing is significant */
    buf_t *data = s_fit(&room->bytes, averages + size);
    CHECK(data);
    return s_see(self, room, self->encoding->number, data, ret);
}

/* As they are; what is 0 is left out where that is shorter. */
static void s_send_plain(replica_t *self, buf_t **values_p, encoded_t *ret)
{
    encoding_input_t input = {.count = self->base->spec.elements};
    if (!s_finite(self, values_p)) {
        ret->refused = true;
        return;
    }
    input.values = buf_peek(*values_p);
    ret->view = *values_p;
    *values_p = NULL;
    if (!s_patch(self, encoding_find(0), &input, &ret->data) && ret->data)
        ret->encoding = PATCHED;
    else
        ret->data = buf_ref(ret->view);
}

/* Without memory values are sent as they are too, which every receiver takes. */
encoded_t encode_cut(replica_t *self, buf_t **values_p, bool whole, bool view)
{
    encoded_t encoded = {0};
    room_t room;
    if (!*values_p)
        return encoded;
    if (whole || self->encoding->number == 0 || !s_find_room(self, view, &room)) {
        s_send_plain(self, values_p, &encoded);
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

/* -- in ---------------------------------------------------------------------------------------------------
 */

bool encode_accepts(const replica_t *self, uint64_t encoding)
{
    uint64_t values = encoding & ~(uint64_t)PATCHED;
    if ((encoding & PATCHED) && s_has_rules(self))
        return false;
    return values == 0 || values == self->encoding->number;
}

bool encode_fits(const replica_t *self, uint64_t encoding, uint64_t size)
{
    const encoding_t *row = encoding_find(encoding & ~(uint64_t)PATCHED);
    size_t averages = s_average_bytes(self, encoding);
    if (row && (encoding & PATCHED))
        return patched_fits(row, &self->encoding_setting, self->base->spec.elements, size);
    return row && size >= averages &&
           encoding_fits(row, &self->encoding_setting, self->base->spec.elements, size - averages);
}

bool encode_decode(replica_t *self, uint64_t encoding, const assembly_t *assembly, buf_t **ret_view,
                   patch_t **ret_patch, err_code_t *ret_code)
{
    *ret_view = version_fresh(self);
    if (!*ret_view) {
        self->base->short_of_memory = true;
        return false;
    }
    *ret_code =
        s_decode(self, encoding, assembly->chunks, (size_t)assembly->chunk_count, *ret_view, ret_patch);
    if (*ret_code)
        version_release(self, ret_view);
    return true;
}
