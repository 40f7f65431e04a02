#include "actors/keeper/transfer.h"

#include "actors/kit/timers.h"
#include "actors/kit/role.h"
#include "codec/base/backoff.h"
#include "codec/base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- who has it ---- */

struct giver {
    snapshot_id_t id;
    wire_name_t region, name;
    uint64_t shard, incarnation;
    buf_t **bufs; /* (count) 0 the manifest */
    size_t count;
    uint64_t manifest_checksum, total_bytes;
};

/* The same bytes whoever gives the snapshot: keys and piece sizes of stores stay out of it. */
static err_code_t s_encode_manifest(const snapshot_t *snapshot, buf_t **ret_bytes, err_t *err)
{
    manifest_t manifest = {.id = snapshot->id, .next_key = snapshot->count, .count = snapshot->count};
    manifest.values = calloc(snapshot->count + 1, sizeof *manifest.values);
    if (!manifest.values)
        return err_set(err, ERR_MEMORY, "no memory for %zu values", snapshot->count);
    for (size_t i = 0; i < snapshot->count; i++) {
        buf_t *buf = snapshot->values[i].buf;
        manifest_value_t *value = &manifest.values[i];
        memcpy(value->name, snapshot->values[i].name, sizeof value->name);
        value->key = i;
        value->size_bytes = buf_size(buf);
        value->checksum = buf_checksum(buf);
        value->piece_bytes = MESSAGE_CHUNK_BYTES;
    }
    err_code_t code = manifest_encode(&manifest, ret_bytes, err);
    free(manifest.values);
    return code;
}

err_code_t giver_new(const snapshot_t *snapshot, const char *region, uint64_t shard, const char *name,
                     uint64_t incarnation, giver_t **ret_self, err_t *err)
{
    giver_t *self = calloc(1, sizeof *self);
    buf_t **bufs = calloc(snapshot->count + 1, sizeof(buf_t *));
    if (!self || !bufs) {
        free(self);
        free(bufs);
        return err_set(err, ERR_MEMORY, "no memory for %zu values", snapshot->count);
    }
    self->bufs = bufs;
    err_code_t code = s_encode_manifest(snapshot, &bufs[0], err);
    if (code) {
        giver_destroy(&self);
        return code;
    }
    self->id = snapshot->id;
    self->count = snapshot->count + 1;
    for (size_t i = 0; i < snapshot->count; i++) {
        bufs[i + 1] = buf_ref(snapshot->values[i].buf);
        self->total_bytes += buf_size(bufs[i + 1]);
    }
    message_set_name(self->region, region);
    message_set_name(self->name, name);
    self->shard = shard;
    self->incarnation = incarnation;
    self->manifest_checksum = hash_checksum(buf_peek(bufs[0]), buf_size(bufs[0]));
    *ret_self = self;
    return ERR_OK;
}

void giver_destroy(giver_t **self_p)
{
    giver_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        buf_destroy(&self->bufs[i]);
    free(self->bufs);
    free(self);
}

const snapshot_id_t *giver_id(const giver_t *self)
{
    return &self->id;
}

void giver_offer(const giver_t *self, const char *to, uint64_t newcomer, outbox_t *outbox)
{
    message_t *m = message_new(KIND_snapshot_offer, to, self->name);
    m->incarnation = self->incarnation;
    message_set_name(m->snapshot_offer.region, self->region);
    m->snapshot_offer.shard = self->shard;
    m->snapshot_offer.incarnation = self->id.incarnation;
    m->snapshot_offer.history = self->id.history;
    m->snapshot_offer.number = self->id.number;
    m->snapshot_offer.manifest_bytes = buf_size(self->bufs[0]);
    m->snapshot_offer.manifest_checksum = self->manifest_checksum;
    m->snapshot_offer.total_bytes = self->total_bytes;
    m->snapshot_offer.newcomer = newcomer;
    outbox_add(outbox, &m);
}

static message_t *s_answer_fetch(const message_t *fetch, const char *name, uint64_t incarnation)
{
    message_t *m = message_new(KIND_snapshot_piece, fetch->from, name);
    m->incarnation = incarnation;
    message_set_name(m->snapshot_piece.region, fetch->snapshot_fetch.region);
    m->snapshot_piece.shard = fetch->snapshot_fetch.shard;
    m->snapshot_piece.incarnation = fetch->snapshot_fetch.incarnation;
    m->snapshot_piece.number = fetch->snapshot_fetch.number;
    m->snapshot_piece.value = fetch->snapshot_fetch.value;
    m->snapshot_piece.offset = fetch->snapshot_fetch.offset;
    return m;
}

void giver_refuse(const message_t *fetch, const char *name, uint64_t incarnation, outbox_t *outbox)
{
    message_t *m = s_answer_fetch(fetch, name, incarnation);
    m->snapshot_piece.code = ERR_NOT_FOUND;
    outbox_add(outbox, &m);
}

static bool s_has(const giver_t *self, const snapshot_fetch_t_ *fetch)
{
    return fetch->number == self->id.number && fetch->incarnation == self->id.incarnation &&
           fetch->shard == self->shard && strcmp(fetch->region, self->region) == 0;
}

void giver_serve(const giver_t *self, const message_t *fetch, outbox_t *outbox)
{
    const snapshot_fetch_t_ *want = &fetch->snapshot_fetch;
    if (!s_has(self, want)) {
        giver_refuse(fetch, self->name, self->incarnation, outbox);
        return;
    }
    if (want->length == 0) {
        giver_offer(self, fetch->from, 0, outbox);
        return;
    }
    message_t *m = s_answer_fetch(fetch, self->name, self->incarnation);
    size_t size = want->value < self->count ? buf_size(self->bufs[want->value]) : 0;
    if (want->length > MESSAGE_CHUNK_BYTES || want->offset >= size || want->length > size - want->offset) {
        m->snapshot_piece.code = ERR_LIMIT;
    } else {
        m->data = slice_of(self->bufs[want->value], want->offset, want->length);
        m->snapshot_piece.checksum = hash_checksum(slice_peek(&m->data), m->data.size_bytes);
    }
    outbox_add(outbox, &m);
}

/* ---- who wants it ---- */

typedef struct {
    buf_t *buf;
    uint64_t size, checksum;
    uint64_t first;   /* number of its first piece; they count through all values, the manifest's first */
    uint64_t missing; /* pieces */
} wanted_t;

/* A piece that was asked for. */
typedef struct {
    uint64_t piece;
    int64_t asked_us;
    backoff_t patience; /* none yet: ask at once */
    uint32_t damaged;
} ask_t;

struct taker {
    taker_spec_t spec;
    wire_name_t name, from;
    snapshot_offer_t_ offer; /* of no owned field */
    taker_state_t state;
    manifest_t manifest;
    wanted_t *values; /* (count) 0 the manifest */
    size_t count;
    uint64_t pieces, next; /* known so far; never asked for yet */
    uint64_t missing;      /* of the known ones */
    ask_t asks[TRANSFER_WINDOW_MAX];
    size_t ask_count;
    uint64_t have_bytes;
    double credit_bytes; /* what the rate allows: below 0, nothing is asked for */
    int64_t credit_us, progress_us;
};

static uint64_t s_piece_count(const taker_t *self, uint64_t size)
{
    return size / self->spec.piece_bytes + (size % self->spec.piece_bytes != 0);
}

static err_code_t s_check_offer(const taker_spec_t *spec, const snapshot_offer_t_ *offer, err_t *err)
{
    if (offer->number == 0 || offer->manifest_bytes == 0)
        return err_set(err, ERR_MALFORMED, "an offer of nothing");
    if (offer->manifest_bytes > TRANSFER_MANIFEST_MAX)
        return err_set(err, ERR_LIMIT, "a manifest of %" PRIu64 " bytes; at most %" PRIu64,
                       offer->manifest_bytes, TRANSFER_MANIFEST_MAX);
    if (offer->total_bytes > spec->most_bytes)
        return err_set(err, ERR_LIMIT, "a snapshot of %" PRIu64 " bytes; at most %" PRIu64,
                       offer->total_bytes, spec->most_bytes);
    return ERR_OK;
}

/* The value with the next numbers for its pieces. */
static bool s_want(taker_t *self, wanted_t *value, uint64_t size, uint64_t checksum)
{
    value->buf = buf_new(size);
    if (!value->buf)
        return false;
    value->size = size;
    value->checksum = checksum;
    value->first = self->pieces;
    value->missing = s_piece_count(self, size);
    self->pieces += value->missing;
    self->missing += value->missing;
    self->count++;
    return true;
}

err_code_t taker_new(const taker_spec_t *spec, const message_t *offer, int64_t now_us, taker_t **ret_self,
                     err_t *err)
{
    CHECK(spec->piece_bytes > 0 && spec->window > 0 && spec->patience_us > 0);
    err_code_t code = s_check_offer(spec, &offer->snapshot_offer, err);
    if (code)
        return code;
    taker_t *self = calloc(1, sizeof *self);
    if (self)
        self->values = calloc(1, sizeof *self->values);
    if (!self || !self->values) {
        taker_destroy(&self);
        return err_set(err, ERR_MEMORY, "no memory for a transfer");
    }
    self->spec = *spec;
    if (self->spec.window > TRANSFER_WINDOW_MAX)
        self->spec.window = TRANSFER_WINDOW_MAX;
    if (self->spec.piece_bytes > MESSAGE_CHUNK_BYTES)
        self->spec.piece_bytes = MESSAGE_CHUNK_BYTES;
    message_set_name(self->name, spec->name);
    message_set_name(self->from, offer->from);
    self->offer = offer->snapshot_offer;
    self->credit_us = self->progress_us = now_us;
    if (!s_want(self, self->values, self->offer.manifest_bytes, self->offer.manifest_checksum)) {
        taker_destroy(&self);
        return err_set(err, ERR_MEMORY, "no memory for a manifest of %" PRIu64 " bytes",
                       offer->snapshot_offer.manifest_bytes);
    }
    *ret_self = self;
    return ERR_OK;
}

void taker_destroy(taker_t **self_p)
{
    taker_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        buf_destroy(&self->values[i].buf);
    free(self->values);
    manifest_fini(&self->manifest);
    free(self);
}

static bool s_is(const taker_t *self, const char *region, uint64_t shard, uint64_t incarnation,
                 uint64_t number)
{
    return number == self->offer.number && incarnation == self->offer.incarnation &&
           shard == self->offer.shard && strcmp(region, self->offer.region) == 0;
}

bool taker_is_of(const taker_t *self, const message_t *message)
{
    if (message->kind == KIND_snapshot_offer)
        return s_is(self, message->snapshot_offer.region, message->snapshot_offer.shard,
                    message->snapshot_offer.incarnation, message->snapshot_offer.number);
    return message->kind == KIND_snapshot_piece &&
           s_is(self, message->snapshot_piece.region, message->snapshot_piece.shard,
                message->snapshot_piece.incarnation, message->snapshot_piece.number);
}

bool taker_follow(taker_t *self, const message_t *offer)
{
    const snapshot_offer_t_ *other = &offer->snapshot_offer;
    if (!taker_is_of(self, offer) || other->manifest_bytes != self->offer.manifest_bytes ||
        other->manifest_checksum != self->offer.manifest_checksum ||
        other->total_bytes != self->offer.total_bytes)
        return false;
    message_set_name(self->from, offer->from);
    for (size_t i = 0; i < self->ask_count; i++)
        backoff_reset(&self->asks[i].patience);
    return true;
}

/* ---- asking ---- */

/* Where a piece lies: by bisection over the values' first pieces; those without pieces are passed over. */
static wanted_t *s_find_wanted(const taker_t *self, uint64_t piece)
{
    size_t low = 0, high = self->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->values[middle].first <= piece)
            low = middle;
        else
            high = middle;
    }
    return &self->values[low];
}

static size_t s_piece_size(const taker_t *self, const wanted_t *value, uint64_t piece)
{
    uint64_t left = value->size - (piece - value->first) * self->spec.piece_bytes;
    return left < self->spec.piece_bytes ? (size_t)left : self->spec.piece_bytes;
}

static void s_earn(taker_t *self, int64_t now_us)
{
    if (now_us <= self->credit_us)
        return;
    double earned = (double)self->spec.rate_bytes_per_s * (double)(now_us - self->credit_us) / 1e6;
    self->credit_us = now_us;
    self->credit_bytes += earned;
    if (self->credit_bytes > 0)
        self->credit_bytes = 0; /* what was not used is not saved: never more than one piece above the rate */
}

static bool s_may_ask(const taker_t *self)
{
    return self->spec.rate_bytes_per_s == 0 || self->credit_bytes >= 0;
}

static void s_ask_piece(taker_t *self, ask_t *ask, int64_t now_us, outbox_t *outbox)
{
    const wanted_t *value = s_find_wanted(self, ask->piece);
    message_t *m = message_new(KIND_snapshot_fetch, self->from, self->name);
    m->incarnation = self->spec.incarnation;
    message_set_name(m->snapshot_fetch.region, self->offer.region);
    m->snapshot_fetch.shard = self->offer.shard;
    m->snapshot_fetch.incarnation = self->offer.incarnation;
    m->snapshot_fetch.number = self->offer.number;
    m->snapshot_fetch.value = (uint64_t)(value - self->values);
    m->snapshot_fetch.offset = (ask->piece - value->first) * self->spec.piece_bytes;
    m->snapshot_fetch.length = s_piece_size(self, value, ask->piece);
    if (self->spec.rate_bytes_per_s)
        self->credit_bytes -= (double)m->snapshot_fetch.length;
    ask->asked_us = now_us;
    backoff_next(&ask->patience);
    outbox_add(outbox, &m);
}

static bool s_overdue(const ask_t *ask, int64_t now_us)
{
    return now_us >= ask->asked_us + ask->patience.now_us;
}

void taker_tick(taker_t *self, int64_t now_us, outbox_t *outbox)
{
    if (self->state != TAKER_RUNS)
        return;
    s_earn(self, now_us);
    for (size_t i = 0; i < self->ask_count && s_may_ask(self); i++) {
        if (s_overdue(&self->asks[i], now_us))
            s_ask_piece(self, &self->asks[i], now_us, outbox);
    }
    while (self->next < self->pieces && self->ask_count < self->spec.window && s_may_ask(self)) {
        ask_t *ask = &self->asks[self->ask_count++];
        *ask = (ask_t){.piece = self->next++,
                       .patience = backoff_of(self->spec.patience_us,
                                              TRANSFER_PATIENCE_GROWTH * self->spec.patience_us)};
        s_ask_piece(self, ask, now_us, outbox);
    }
}

int64_t taker_due(const taker_t *self)
{
    if (self->state != TAKER_RUNS)
        return ROLE_NEVER;
    bool more = self->next < self->pieces && self->ask_count < self->spec.window;
    int64_t due = more ? self->credit_us : ROLE_NEVER;
    for (size_t i = 0; i < self->ask_count; i++) {
        due = timer_first(due, self->asks[i].asked_us + self->asks[i].patience.now_us);
    }
    if (s_may_ask(self))
        return due;
    double wait_us = -self->credit_bytes * 1e6 / (double)self->spec.rate_bytes_per_s;
    int64_t allowed_us = wait_us < 1e15 ? self->credit_us + 1 + (int64_t)wait_us : ROLE_NEVER;
    return due > allowed_us ? due : allowed_us;
}

void taker_set_rate(taker_t *self, uint64_t rate_bytes_per_s)
{
    self->spec.rate_bytes_per_s = rate_bytes_per_s;
}

/* ---- what comes ---- */

static taker_state_t s_end_taking(taker_t *self, taker_state_t state)
{
    self->state = state;
    return state;
}

/* The manifest is here: from now on its values are wanted. */
static err_code_t s_open_manifest(taker_t *self, err_t *err)
{
    err_code_t code =
        manifest_decode(buf_peek(self->values[0].buf), self->values[0].size, &self->manifest, err);
    if (code)
        return code;
    const manifest_t *manifest = &self->manifest;
    if (manifest->id.number != self->offer.number || manifest->id.incarnation != self->offer.incarnation ||
        manifest->id.history != self->offer.history)
        return err_set(err, ERR_MALFORMED, "the manifest is another snapshot's");
    uint64_t left = self->offer.total_bytes;
    for (size_t i = 0; i < manifest->count; i++) {
        if (manifest->values[i].size_bytes > left)
            return err_set(err, ERR_MALFORMED, "its values are longer than offered");
        left -= manifest->values[i].size_bytes;
    }
    if (left)
        return err_set(err, ERR_MALFORMED, "its values are shorter than offered");
    wanted_t *values = realloc(self->values, (manifest->count + 1) * sizeof *values);
    if (!values)
        return err_set(err, ERR_MEMORY, "no memory for %zu values", manifest->count);
    self->values = values;
    for (size_t i = 0; i < manifest->count; i++) {
        const manifest_value_t *value = &manifest->values[i];
        if (value->size_bytes == 0 && value->checksum != hash_checksum("", 0))
            return err_set(err, ERR_CHECKSUM, "value %s does not match its checksum", value->name);
        if (!s_want(self, &values[i + 1], value->size_bytes, value->checksum))
            return err_set(err, ERR_MEMORY, "no memory for %" PRIu64 " bytes", value->size_bytes);
    }
    return ERR_OK;
}

static err_code_t s_value_whole(taker_t *self, const wanted_t *value, err_t *err)
{
    size_t index = (size_t)(value - self->values);
    if (hash_checksum(buf_peek(value->buf), value->size) != value->checksum)
        return err_set(err, ERR_CHECKSUM, "%s %s does not match its checksum", index ? "value" : "the",
                       index ? self->manifest.values[index - 1].name : "manifest");
    return index ? ERR_OK : s_open_manifest(self, err);
}

static ask_t *s_asked(taker_t *self, const snapshot_piece_t_ *piece)
{
    if (piece->value >= self->count || piece->offset % self->spec.piece_bytes)
        return NULL;
    uint64_t number = self->values[piece->value].first + piece->offset / self->spec.piece_bytes;
    for (size_t i = 0; i < self->ask_count; i++) {
        if (self->asks[i].piece == number && s_find_wanted(self, number) == &self->values[piece->value])
            return &self->asks[i];
    }
    return NULL;
}

/* Puts an asked piece into its place; what the value's last piece brings to light is the answer. */
static taker_state_t s_put_piece(taker_t *self, ask_t *ask, const message_t *m, err_t *err)
{
    wanted_t *value = s_find_wanted(self, ask->piece);
    size_t size = s_piece_size(self, value, ask->piece);
    memcpy((char *)buf_data(value->buf) + m->snapshot_piece.offset, slice_peek(&m->data), size);
    *ask = self->asks[--self->ask_count];
    self->have_bytes += size;
    self->missing--;
    if (--value->missing == 0 && s_value_whole(self, value, err))
        return s_end_taking(self, TAKER_BAD);
    return self->missing ? TAKER_RUNS : s_end_taking(self, TAKER_WHOLE);
}

static bool s_right(const taker_t *self, const ask_t *ask, const message_t *m)
{
    return m->data.buf &&
           m->data.size_bytes == s_piece_size(self, s_find_wanted(self, ask->piece), ask->piece) &&
           hash_checksum(slice_peek(&m->data), m->data.size_bytes) == m->snapshot_piece.checksum;
}

taker_state_t taker_piece(taker_t *self, const message_t *m, int64_t now_us, outbox_t *outbox, err_t *err)
{
    if (self->state != TAKER_RUNS || !taker_is_of(self, m) || strcmp(m->from, self->from) != 0)
        return self->state;
    if (m->snapshot_piece.code) {
        err_set(err, ERR_NOT_FOUND, "%s has it no longer", self->from);
        return s_end_taking(self, TAKER_GONE);
    }
    ask_t *ask = s_asked(self, &m->snapshot_piece);
    if (!ask)
        return TAKER_RUNS; /* here already */
    if (s_right(self, ask, m)) {
        self->progress_us = now_us;
        s_put_piece(self, ask, m, err);
    } else if (++ask->damaged < TRANSFER_DAMAGED_MAX) {
        backoff_reset(&ask->patience);
    } else {
        err_set(err, ERR_CHECKSUM, "a piece came damaged %d times", TRANSFER_DAMAGED_MAX);
        s_end_taking(self, TAKER_BAD);
    }
    taker_tick(self, now_us, outbox);
    return self->state;
}

uint64_t taker_have_bytes(const taker_t *self)
{
    return self->have_bytes;
}

uint64_t taker_total_bytes(const taker_t *self)
{
    return self->offer.manifest_bytes + self->offer.total_bytes;
}

int64_t taker_progress_us(const taker_t *self)
{
    return self->progress_us;
}

snapshot_t *taker_take(taker_t *self)
{
    if (self->state != TAKER_WHOLE || !self->values[0].buf)
        return NULL;
    snapshot_t *snapshot = snapshot_new(&self->manifest.id);
    CHECK(snapshot);
    for (size_t i = 0; i < self->manifest.count; i++)
        CHECK(!snapshot_add(snapshot, self->manifest.values[i].name, &self->values[i + 1].buf, NULL));
    buf_destroy(&self->values[0].buf);
    return snapshot;
}
