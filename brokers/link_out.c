/* link_out - the sending half: cuts parcels into pieces, keeps them until acknowledged, sends the lost ones
 * again.
 *
 * A piece is lost when something of its class sent later on the same connection has arrived, when its
 * connection broke, or when nothing moved for a time-out: then the oldest is sent again as a probe (its
 * acknowledgement tells what else is missing), and a second time-out in a row gives the connection up until
 * it answers a hello.
 */
#include "brokers/link_core.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES 65536
#define PIECE_LEAST_BYTES 4096
#define PIECES_PER_S 50        /* on a thin link a piece takes 20 ms, so control waits no longer */
#define WINDOW_FIRST_PIECES 10 /* before anything is known */
#define WINDOW_LEAST_PIECES 4
#define WAITING_US 150000
#define TIMEOUT_FIRST_US 3000000 /* before a round trip is known */
#define TIMEOUT_LEAST_US 250000
#define PATIENCE_BYTES_PER_S 65536
#define PATIENCE_MOST_US 4000000
#define BACKOFF_MAX 4

static link_piece_t *s_piece(const link_out_t *out, uint64_t sequence)
{
    return &out->ring[sequence & (out->capacity - 1)];
}

static size_t s_lane(size_t class)
{
    return class == CLASS_CONTROL ? 0 : 1;
}

static void s_parcel_destroy(link_parcel_t *parcel)
{
    frames_fini(&parcel->frames);
    free(parcel);
}

static uint64_t s_parcel_cost(const link_parcel_t *parcel)
{
    return parcel->total_bytes + sizeof *parcel + sizeof(link_piece_t);
}

void link_out_init(link_t *self)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        link_out_t *out = &self->out[class];
        out->capacity = 64;
        out->ring = calloc(out->capacity, sizeof *out->ring);
        CHECK(out->ring);
        out->acked = out->next = 1;
    }
}

void link_out_fini(link_t *self)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        link_parcel_t *next;
        for (link_parcel_t *p = self->out[class].first; p; p = next) {
            next = p->next;
            s_parcel_destroy(p);
        }
        free(self->out[class].ring);
    }
}

void link_out_restart(link_t *self)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        link_out_t *out = &self->out[class];
        out->acked = out->next = 1;
        out->lost_count = 0;
        out->cutting = out->first;
        for (link_parcel_t *p = out->first; p; p = p->next)
            p->cut_bytes = 0;
    }
    self->flying_bytes[0] = self->flying_bytes[1] = 0;
    for (size_t i = 0; i < self->connection_count; i++) {
        link_connection_t *c = &self->connections[i];
        c->flying_bytes = c->flying_count = 0;
        c->backoff = 0;
        memset(c->arrived_order, 0, sizeof c->arrived_order);
    }
}

static bool s_is_sane(const frames_t *frames)
{
    return frames->envelope.buf && frames->envelope.size_bytes > 0 &&
           frames->envelope.size_bytes <= MESSAGE_ENVELOPE_MAX && frames->map.size_bytes <= MESSAGE_MAP_MAX &&
           frames->data.size_bytes <= MESSAGE_DATA_MAX;
}

err_code_t link_send(link_t *self, message_class_t class, frames_t *frames, int64_t now_us)
{
    self->now_us = now_us;
    if (!s_is_sane(frames) || (size_t) class >= CLASS_COUNT)
        return ERR_LIMIT;
    link_parcel_t *parcel = calloc(1, sizeof *parcel);
    if (!parcel)
        return ERR_MEMORY;
    parcel->head_bytes = frames->envelope.size_bytes + frames->map.size_bytes;
    parcel->total_bytes = parcel->head_bytes + frames->data.size_bytes;
    if (self->stats.queued_bytes + s_parcel_cost(parcel) > self->spec.queue_max_bytes) {
        free(parcel);
        return ERR_FULL;
    }
    parcel->frames = *frames;
    *frames = (frames_t){0};
    self->stats.queued_bytes += s_parcel_cost(parcel);
    link_out_t *out = &self->out[class];
    if (out->last)
        out->last->next = parcel;
    else
        out->first = parcel;
    out->last = parcel;
    if (!out->cutting)
        out->cutting = parcel;
    return ERR_OK;
}

static size_t s_piece_bytes(const link_t *self)
{
    if (self->spec.piece_bytes)
        return self->spec.piece_bytes;
    uint64_t rate =
        self->spec.emulate && self->spec.rate_bytes_per_s ? self->spec.rate_bytes_per_s : self->estimate.rate;
    if (!rate || rate / PIECES_PER_S >= PIECE_BYTES)
        return PIECE_BYTES;
    return rate / PIECES_PER_S < PIECE_LEAST_BYTES ? PIECE_LEAST_BYTES : rate / PIECES_PER_S;
}

/* Twice what the path holds and what may wait on it: enough to keep it full and to find that it got faster.
 * Pings go on a connection of their own and do not see the queues that data meets in the kernel and, where
 * each flow has its own rate, on the way. */
uint64_t link_window_bytes(const link_t *self)
{
    if (self->spec.window_bytes)
        return self->spec.window_bytes;
    uint64_t piece = s_piece_bytes(self);
    int64_t rtt_us = link_estimate_rtt_least(&self->estimate);
    if (!self->estimate.rate || !rtt_us)
        return WINDOW_FIRST_PIECES * piece;
    double window = (double)self->estimate.rate * (2.0 * (double)rtt_us + WAITING_US) * 1e-6;
    return (uint64_t)window + WINDOW_LEAST_PIECES * piece;
}

/* ---- sending ----------------------------------------------------------------------------------------- */

/* Control has the first connection; others the greeted data connection with the least in flight. */
static bool s_choose(const link_t *self, size_t class, uint64_t *ret_connection)
{
    *ret_connection = 0;
    if (class == CLASS_CONTROL)
        return self->connections[0].greeted;
    for (uint64_t i = 1; i < self->connection_count; i++) {
        const link_connection_t *c = &self->connections[i];
        if (i > self->width.count && *ret_connection)
            break; /* more than are used, and some of these are there */
        if (c->greeted &&
            (*ret_connection == 0 || c->flying_bytes < self->connections[*ret_connection].flying_bytes))
            *ret_connection = i;
    }
    return *ret_connection != 0;
}

static bool s_class_ready(const link_t *self, size_t class, uint64_t *ret_connection)
{
    const link_out_t *out = &self->out[class];
    if (!out->lost_count && (!out->cutting || out->next - out->acked >= LINK_OUTSTANDING_MAX))
        return false;
    uint64_t flying = self->flying_bytes[s_lane(class)];
    if (flying && flying >= link_window_bytes(self))
        return false;
    return s_choose(self, class, ret_connection);
}

bool link_out_ready(const link_t *self)
{
    uint64_t connection;
    for (size_t class = 0; class < CLASS_COUNT; class ++)
        if (s_class_ready(self, class, &connection))
            return true;
    return false;
}

static void s_grow(link_out_t *out)
{
    link_piece_t *ring = calloc(2 * out->capacity, sizeof *ring);
    CHECK(ring);
    for (uint64_t s = out->acked; s < out->next; s++)
        ring[s & (2 * out->capacity - 1)] = *s_piece(out, s);
    free(out->ring);
    out->ring = ring;
    out->capacity *= 2;
}

/* Small messages travel whole; of large ones the frames in front go first, so that pieces of data need no
 * copy. */
static uint64_t s_cut(link_t *self, link_out_t *out)
{
    if (out->next - out->acked == out->capacity)
        s_grow(out);
    link_parcel_t *parcel = out->cutting;
    size_t most = s_piece_bytes(self);
    size_t left = parcel->total_bytes - parcel->cut_bytes;
    if (parcel->cut_bytes < parcel->head_bytes && parcel->total_bytes > most)
        left = parcel->head_bytes - parcel->cut_bytes;
    size_t size = left < most ? left : most;
    *s_piece(out, out->next) =
        (link_piece_t){.parcel = parcel, .offset_bytes = parcel->cut_bytes, .size_bytes = size};
    parcel->cut_bytes += size;
    if (parcel->cut_bytes == parcel->total_bytes)
        out->cutting = parcel->next;
    return out->next++;
}

static uint64_t s_find_lost(link_out_t *out)
{
    uint64_t sequence = out->lost_from > out->acked ? out->lost_from : out->acked;
    while (s_piece(out, sequence)->state != PIECE_LOST)
        sequence++;
    out->lost_from = sequence + 1;
    out->lost_count--;
    return sequence;
}

static void s_gather(const link_parcel_t *parcel, size_t offset, size_t size, char *out)
{
    const slice_t *frames[] = {&parcel->frames.envelope, &parcel->frames.map, &parcel->frames.data};
    for (size_t i = 0; i < 3 && size; i++) {
        size_t length = frames[i]->size_bytes;
        if (offset >= length) {
            offset -= length;
            continue;
        }
        size_t part = length - offset < size ? length - offset : size;
        memcpy(out, (const char *)slice_peek(frames[i]) + offset, part);
        out += part;
        size -= part;
        offset = 0;
    }
}

static slice_t s_payload(const link_piece_t *piece)
{
    const link_parcel_t *parcel = piece->parcel;
    if (piece->offset_bytes >= parcel->head_bytes) {
        const slice_t *data = &parcel->frames.data;
        size_t offset = piece->offset_bytes - parcel->head_bytes;
        return slice_of(data->buf, data->offset_bytes + offset, piece->size_bytes);
    }
    buf_t *buf = buf_new(piece->size_bytes);
    CHECK(buf);
    s_gather(parcel, piece->offset_bytes, piece->size_bytes, buf_data(buf));
    return (slice_t){buf, 0, piece->size_bytes};
}

static message_t *s_message(link_t *self, size_t class, uint64_t sequence, const link_piece_t *piece)
{
    const link_parcel_t *parcel = piece->parcel;
    message_t *message = message_new(KIND_link_data, self->peer_name, self->own_name);
    message->link_data.session = self->spec.session;
    message->link_data.peer_session = self->peer_session;
    message->link_data.class = class;
    message->link_data.sequence = sequence;
    message->link_data.last = piece->offset_bytes + piece->size_bytes == parcel->total_bytes;
    if (piece->offset_bytes == 0) {
        message->link_data.envelope_bytes = parcel->frames.envelope.size_bytes;
        message->link_data.map_bytes = parcel->frames.map.size_bytes;
        message->link_data.data_bytes = parcel->frames.data.size_bytes;
        message->link_data.has_data = parcel->frames.data.buf != NULL;
    }
    message->data = s_payload(piece);
    return message;
}

static void s_launch(link_t *self, size_t class, link_piece_t *piece, uint64_t connection)
{
    link_connection_t *c = &self->connections[connection];
    bool idle = self->flying_bytes[0] + self->flying_bytes[1] == 0;
    piece->stamp = link_estimate_stamp(&self->estimate, idle, self->now_us);
    piece->state = PIECE_FLYING;
    piece->connection = (uint32_t)connection;
    piece->order = ++c->next_order;
    piece->sent_us = self->now_us;
    if (piece->sends++)
        self->stats.resent_bytes += piece->size_bytes;
    if (!c->flying_count++)
        c->progress_us = self->now_us;
    c->flying_bytes += piece->size_bytes;
    self->flying_bytes[s_lane(class)] += piece->size_bytes;
}

message_t *link_out_take(link_t *self, uint64_t *ret_connection)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        if (!s_class_ready(self, class, ret_connection))
            continue;
        link_out_t *out = &self->out[class];
        uint64_t sequence = out->lost_count ? s_find_lost(out) : s_cut(self, out);
        link_piece_t *piece = s_piece(out, sequence);
        s_launch(self, class, piece, *ret_connection);
        return s_message(self, class, sequence, piece);
    }
    if (self->flying_bytes[1] < link_window_bytes(self)) {
        self->estimate.limited_until =
            self->estimate.delivered_bytes + self->flying_bytes[0] + self->flying_bytes[1] + 1;
        link_width_idle(self);
    }
    return NULL;
}

/* ---- what became of it ------------------------------------------------------------------------------- */

static void s_land(link_t *self, size_t class, const link_piece_t *piece)
{
    link_connection_t *c = &self->connections[piece->connection];
    c->flying_count--;
    c->flying_bytes -= piece->size_bytes;
    self->flying_bytes[s_lane(class)] -= piece->size_bytes;
}

static void s_lose(link_t *self, size_t class, uint64_t sequence)
{
    link_out_t *out = &self->out[class];
    link_piece_t *piece = s_piece(out, sequence);
    s_land(self, class, piece);
    piece->state = PIECE_LOST;
    if (!out->lost_count++ || sequence < out->lost_from)
        out->lost_from = sequence;
}

static void s_measure(link_t *self, link_connection_t *c, const link_piece_t *piece)
{
    int64_t rtt_us = self->now_us - piece->sent_us;
    if (!c->rtt_us) {
        c->rtt_us = rtt_us;
        c->rtt_variation_us = rtt_us / 2;
    } else {
        c->rtt_variation_us += (llabs(rtt_us - c->rtt_us) - c->rtt_variation_us) / 4;
        c->rtt_us += (rtt_us - c->rtt_us) / 8;
    }
    link_estimate_sample(&self->estimate, &piece->stamp, piece->sent_us, self->now_us);
}

/* A piece arrived. When it was sent twice, an answer faster than the round trip is to the copy before: it
 * says nothing. */
static void s_arrive(link_t *self, size_t class, link_piece_t *piece)
{
    link_out_t *out = &self->out[class];
    link_connection_t *c = &self->connections[piece->connection];
    if (piece->state == PIECE_LOST)
        out->lost_count--;
    if (piece->state != PIECE_FLYING) {
        piece->state = PIECE_ARRIVED;
        return;
    }
    s_land(self, class, piece);
    piece->state = PIECE_ARRIVED;
    c->progress_us = self->now_us;
    c->backoff = 0;
    if (piece->sends > 1 && self->now_us - piece->sent_us < link_estimate_rtt_least(&self->estimate))
        return;
    if (piece->order > c->arrived_order[class])
        c->arrived_order[class] = piece->order;
    if (piece->sends == 1)
        s_measure(self, c, piece);
}

static void s_pop(link_t *self, link_out_t *out, const link_piece_t *piece)
{
    link_parcel_t *parcel = piece->parcel;
    if (piece->offset_bytes + piece->size_bytes != parcel->total_bytes)
        return;
    out->first = parcel->next;
    if (!out->first)
        out->last = NULL;
    self->stats.queued_bytes -= s_parcel_cost(parcel);
    s_parcel_destroy(parcel);
}

void link_out_acked(link_t *self, size_t class, uint64_t next)
{
    link_out_t *out = &self->out[class];
    if (next > out->next) {
        self->stats.refused++;
        return;
    }
    for (; out->acked < next; out->acked++) {
        link_piece_t *piece = s_piece(out, out->acked);
        s_arrive(self, class, piece);
        s_pop(self, out, piece);
    }
}

static void s_find_gaps(link_t *self, size_t class)
{
    link_out_t *out = &self->out[class];
    for (uint64_t s = out->acked; s < out->next; s++) {
        const link_piece_t *piece = s_piece(out, s);
        if (piece->state == PIECE_FLYING &&
            piece->order < self->connections[piece->connection].arrived_order[class])
            s_lose(self, class, s);
    }
}

void link_out_arrived(link_t *self, size_t class, const wire_ranges_t *beyond)
{
    link_out_t *out = &self->out[class];
    for (size_t i = 0; i < beyond->count; i++) {
        uint64_t first = beyond->items[i].first > out->acked ? beyond->items[i].first : out->acked;
        for (uint64_t s = first; s < beyond->items[i].end && s < out->next; s++)
            s_arrive(self, class, s_piece(out, s));
    }
    s_find_gaps(self, class);
}

void link_out_connection_lost(link_t *self, uint64_t connection)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        link_out_t *out = &self->out[class];
        for (uint64_t s = out->acked; s < out->next; s++)
            if (s_piece(out, s)->state == PIECE_FLYING && s_piece(out, s)->connection == connection)
                s_lose(self, class, s);
    }
}

/* ---- time-outs --------------------------------------------------------------------------------------- */

/* A piece that tcp carries is slow rather than lost, and a copy would make it slower still. */
static int64_t s_patience_us(const link_t *self, const link_connection_t *c)
{
    int64_t patience_us = (int64_t)(c->flying_bytes * 1000000 / PATIENCE_BYTES_PER_S);
    if (self->spec.emulate)
        return 0; /* there pieces are lost */
    return patience_us < PATIENCE_MOST_US ? patience_us : PATIENCE_MOST_US;
}

static int64_t s_timeout_us(const link_t *self, const link_connection_t *c)
{
    int64_t timeout_us = TIMEOUT_FIRST_US;
    if (c->rtt_us) {
        timeout_us = 2 * c->rtt_us + 4 * c->rtt_variation_us;
        if (timeout_us < 2 * self->estimate.rtt_us)
            timeout_us = 2 * self->estimate.rtt_us;
    } else if (self->estimate.rtt_us) {
        timeout_us = TIMEOUT_LEAST_US + 4 * self->estimate.rtt_us;
    }
    if (timeout_us < TIMEOUT_LEAST_US)
        timeout_us = TIMEOUT_LEAST_US;
    return (timeout_us << c->backoff) + s_patience_us(self, c);
}

static void s_probe(link_t *self, uint64_t connection)
{
    size_t found_class = CLASS_COUNT;
    uint64_t found = 0, order = UINT64_MAX;
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        link_out_t *out = &self->out[class];
        for (uint64_t s = out->acked; s < out->next; s++) {
            const link_piece_t *piece = s_piece(out, s);
            if (piece->state == PIECE_FLYING && piece->connection == connection && piece->order < order) {
                found_class = class;
                found = s;
                order = piece->order;
            }
        }
    }
    CHECK(found_class < CLASS_COUNT);
    s_lose(self, found_class, found);
}

void link_out_tick(link_t *self)
{
    for (uint64_t i = 0; i < self->connection_count; i++) {
        link_connection_t *c = &self->connections[i];
        if (!c->flying_count || self->now_us < c->progress_us + s_timeout_us(self, c))
            continue;
        if (c->backoff % 2 == 0) {
            s_probe(self, i);
        } else {
            link_out_connection_lost(self, i);
            c->greeted = false;
            c->hello_due_us = self->now_us;
        }
        c->progress_us = self->now_us;
        if (c->backoff < BACKOFF_MAX)
            c->backoff++;
        else
            c->backoff--; /* stays slow, and goes on alternating */
    }
}

int64_t link_out_due(const link_t *self)
{
    int64_t due_us = LINK_NEVER;
    for (size_t i = 0; i < self->connection_count; i++) {
        const link_connection_t *c = &self->connections[i];
        if (c->flying_count && c->progress_us + s_timeout_us(self, c) < due_us)
            due_us = c->progress_us + s_timeout_us(self, c);
    }
    return due_us;
}
