#include "actors/scheduler/base/journal.h"

#include "codec/base/failpoint.h"
#include "codec/base/grow.h"
#include "codec/base/hash.h"
#include "store/file.h"
#include "store/kv_lmdb.h"
#include "store/statedir.h"
#include "store/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_KEY "state"
#define ROWS_AT_ONCE 256 /* in one transaction; the rest follows with the next */

typedef struct {
    size_t rows;     /* stored */
    uint64_t report; /* checksum of the stored one */
} stored_t;

struct journal {
    kv_t *kv;
    const journal_source_t *source;
    size_t region_count;
    stored_t regions[TOPOLOGY_REGIONS_MAX];
    uint64_t state; /* checksum of the stored one */
    uint64_t decisions;
    bool failed; /* the newest attempt: the next one takes its time */
    int64_t next_us;
    int64_t withheld_us; /* since when something is; -1: nothing is */
};

/* ---- values ---- */

typedef struct {
    uint64_t checksum; /* of what follows */
    uint64_t envelope_bytes;
} head_t;

static buf_t *s_pack(const message_t *message)
{
    size_t envelope_bytes;
    buf_t *bytes = message_pack(message, &envelope_bytes);
    buf_t *value = buf_new(sizeof(head_t) + buf_size(bytes));
    CHECK(value);
    head_t head = {.envelope_bytes = envelope_bytes};
    char *body = (char *)buf_data(value) + sizeof head;
    memcpy(body, buf_peek(bytes), buf_size(bytes));
    head.checksum = hash_checksum(body, buf_size(bytes)) ^ envelope_bytes;
    memcpy(buf_data(value), &head, sizeof head);
    buf_destroy(&bytes);
    return value;
}

static err_code_t s_unpack(const buf_t *value, message_kind_t kind, message_t **ret_message, err_t *err)
{
    head_t head;
    if (buf_size(value) < sizeof head)
        return err_set(err, ERR_MALFORMED, "a stored message has %zu bytes", buf_size(value));
    memcpy(&head, buf_peek(value), sizeof head);
    const char *body = (const char *)buf_peek(value) + sizeof head;
    size_t size = buf_size(value) - sizeof head;
    if (head.checksum != (hash_checksum(body, size) ^ head.envelope_bytes) || head.envelope_bytes > size)
        return err_set(err, ERR_CHECKSUM, "a stored message is damaged");
    message_t *message = NULL;
    err_code_t rc = message_unpack(body, head.envelope_bytes, body + head.envelope_bytes,
                                   size - head.envelope_bytes, NULL, &message, err);
    if (!rc && message->kind != kind) {
        message_destroy(&message);
        rc = err_set(err, ERR_MALFORMED, "another kind of message is stored there");
    }
    if (!rc)
        *ret_message = message;
    return rc;
}

static err_code_t s_get(kv_t *kv, const char *key, message_kind_t kind, message_t **ret_message, err_t *err)
{
    buf_t *value = NULL;
    err_code_t rc = kv_get(kv, key, &value, err);
    if (!rc)
        rc = s_unpack(value, kind, ret_message, err);
    buf_destroy(&value);
    return rc;
}

/* The transaction reads the value until it is committed, so it is freed with the others after that. */
typedef struct {
    buf_t *values[2 * TOPOLOGY_REGIONS_MAX + ROWS_AT_ONCE];
    size_t count;
    bool deleted;
    kv_txn_t *txn;
} batch_t;

static err_code_t s_put_value(batch_t *batch, const char *key, buf_t *value, err_t *err)
{
    batch->values[batch->count++] = value;
    return kv_put(batch->txn, key, buf_peek(value), buf_size(value), err);
}

static void s_report_key(size_t region, char ret_key[KV_KEY_MAX + 1])
{
    snprintf(ret_key, KV_KEY_MAX + 1, "report/%04zu", region);
}

static void s_row_key(size_t region, size_t index, char ret_key[KV_KEY_MAX + 1])
{
    snprintf(ret_key, KV_KEY_MAX + 1, "row/%04zu/%08zu", region, index);
}

/* ---- opening ---- */

/* "DIR/scheduler" becomes "DIR/.damaged-scheduler": tools and starts pass names with a dot over. */
static err_code_t s_move_aside(const char *path, char aside[STATEDIR_PATH_MAX], err_t *err)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    snprintf(aside, STATEDIR_PATH_MAX, "%.*s.damaged-%s", folder, path, path + folder);
    err_code_t rc = file_remove_tree(aside, err);
    if (!rc && rename(path, aside) != 0)
        rc = err_set(err, file_code_of(errno), "set %s aside: %s", path, strerror(errno));
    return rc;
}

err_code_t journal_set_aside(const char *path, bool dry, err_t *ret_lost, err_t *err)
{
    char aside[STATEDIR_PATH_MAX] = "";
    verify_report_t report = {0};
    *ret_lost = (err_t){.code = ERR_OK};
    err_code_t rc = verify_keys_dir(path, &report, err);
    if (rc == ERR_NOT_FOUND) /* nothing was kept */
        return ERR_OK;
    bool damaged = !rc && report.problem_total > 0;
    if (damaged && !dry)
        rc = s_move_aside(path, aside, err);
    if (damaged && !rc)
        err_set(ret_lost, ERR_MALFORMED, "%.200s%s%.200s",
                report.problem_count ? report.problems[0].text : "damaged", dry ? "" : "; set aside as ",
                aside);
    verify_report_fini(&report);
    return rc;
}

err_code_t journal_open(const char *path, kv_t **ret_kv, err_t *ret_lost, err_t *err)
{
    kv_lmdb_options_t options = {.durability = KV_DURABILITY_DISK};
    err_code_t rc = journal_set_aside(path, false, ret_lost, err);
    return rc ? rc : kv_lmdb_open(path, &options, ret_kv, err);
}

/* ---- reading ---- */

static void s_load_region(journal_t *self, size_t region, legacy_region_t *legacy)
{
    char key[KV_KEY_MAX + 1];
    s_report_key(region, key);
    if (s_get(self->kv, key, KIND_region_report, &legacy->report, NULL))
        legacy->report = NULL;
    for (size_t capacity = 0;;) {
        legacy->rows = grow(legacy->rows, legacy->row_count, &capacity, sizeof(message_t *));
        s_row_key(region, legacy->row_count, key);
        message_t *row = NULL;
        if (s_get(self->kv, key, KIND_curve, &row, NULL))
            break;
        legacy->rows[legacy->row_count++] = row;
    }
    self->regions[region].rows = legacy->row_count;
}

err_code_t journal_load(journal_t *self, message_kind_t kind, legacy_t *ret_legacy, err_t *err)
{
    *ret_legacy = (legacy_t){0};
    err_code_t rc = s_get(self->kv, STATE_KEY, kind, &ret_legacy->state, err);
    if (rc)
        return rc == ERR_NOT_FOUND ? ERR_OK : rc;
    for (size_t region = 0; region < self->region_count; region++)
        s_load_region(self, region, &ret_legacy->regions[region]);
    return ERR_OK;
}

void legacy_fini(legacy_t *self)
{
    message_destroy(&self->state);
    for (size_t region = 0; region < TOPOLOGY_REGIONS_MAX; region++) {
        legacy_region_t *legacy = &self->regions[region];
        message_destroy(&legacy->report);
        for (size_t index = 0; index < legacy->row_count; index++)
            message_destroy(&legacy->rows[index]);
        free(legacy->rows);
        *legacy = (legacy_region_t){0};
    }
}

err_code_t journal_check(kv_t *kv, err_t *err)
{
    static const struct {
        const char *prefix;
        message_kind_t kinds[2];
    } legacy[] = {{STATE_KEY, {KIND_region_state, KIND_global_state}},
                  {"report/", {KIND_region_report, KIND_region_report}},
                  {"row/", {KIND_curve, KIND_curve}}};
    err_code_t rc = ERR_OK;
    for (size_t i = 0; i < sizeof legacy / sizeof *legacy && !rc; i++) {
        kv_keys_t keys = {0};
        rc = kv_keys(kv, legacy[i].prefix, &keys, err);
        for (size_t k = 0; k < keys.count && !rc; k++) {
            message_t *message = NULL;
            rc = s_get(kv, keys.items[k].key, legacy[i].kinds[0], &message, NULL);
            if (rc)
                rc = s_get(kv, keys.items[k].key, legacy[i].kinds[1], &message, err);
            message_destroy(&message);
        }
        kv_keys_fini(&keys);
    }
    return rc;
}

/* ---- writing ---- */

static err_code_t s_put_state(journal_t *self, batch_t *batch, const void *core, int64_t now_us,
                              uint64_t *ret_checksum, err_t *err)
{
    message_t *state = self->source->state(core, now_us);
    buf_t *value = s_pack(state);
    message_destroy(&state);
    *ret_checksum = hash_checksum(buf_peek(value), buf_size(value));
    if (*ret_checksum == self->state) {
        buf_destroy(&value);
        return ERR_OK;
    }
    return s_put_value(batch, STATE_KEY, value, err);
}

static err_code_t s_put_report(journal_t *self, batch_t *batch, const void *core, size_t region,
                               uint64_t *ret_checksum, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    const message_t *report = self->source->report ? self->source->report(core, region) : NULL;
    *ret_checksum = self->regions[region].report;
    if (!report)
        return ERR_OK;
    buf_t *value = s_pack(report);
    *ret_checksum = hash_checksum(buf_peek(value), buf_size(value));
    if (*ret_checksum == self->regions[region].report) {
        buf_destroy(&value);
        return ERR_OK;
    }
    s_report_key(region, key);
    return s_put_value(batch, key, value, err);
}

static err_code_t s_put_rows(journal_t *self, batch_t *batch, const void *core, size_t region, size_t *room,
                             size_t *ret_rows, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    size_t end = self->source->row_count(core, region), index = self->regions[region].rows;
    err_code_t rc = ERR_OK;
    for (size_t old = end; old < index && !rc; old++) { /* a curve that has begun anew */
        s_row_key(region, old, key);
        rc = kv_del(batch->txn, key, err);
        batch->deleted = true;
    }
    if (end < index)
        index = 0;
    for (; index < end && *room && !rc; index++, --*room) {
        message_t *row = self->source->row(core, region, index);
        s_row_key(region, index, key);
        rc = s_put_value(batch, key, s_pack(row), err);
        message_destroy(&row);
    }
    *ret_rows = index;
    return rc;
}

/* One transaction with whatever has changed. */
static err_code_t s_store_batch(journal_t *self, void *core, int64_t now_us, err_t *err)
{
    batch_t *batch = calloc(1, sizeof *batch);
    CHECK(batch);
    stored_t regions[TOPOLOGY_REGIONS_MAX];
    uint64_t state = 0;
    size_t room = ROWS_AT_ONCE;
    err_code_t rc = kv_begin(self->kv, &batch->txn, err);
    if (!rc)
        rc = s_put_state(self, batch, core, now_us, &state, err);
    for (size_t region = 0; region < self->region_count && !rc; region++) {
        rc = s_put_report(self, batch, core, region, &regions[region].report, err);
        if (!rc)
            rc = s_put_rows(self, batch, core, region, &room, &regions[region].rows, err);
    }
    if (rc || (!batch->count && !batch->deleted))
        kv_abort(&batch->txn);
    else
        rc = kv_commit(&batch->txn, err);
    FAILPOINT(scheduler_kept);
    for (size_t index = 0; index < batch->count; index++)
        buf_destroy(&batch->values[index]);
    free(batch);
    if (rc)
        return rc;
    self->state = state;
    memcpy(self->regions, regions, self->region_count * sizeof *regions);
    return ERR_OK;
}

/* Rows are left over that did not fit one transaction. */
static bool s_behind(const journal_t *self, const void *core)
{
    for (size_t region = 0; region < self->region_count; region++)
        if (self->regions[region].rows < self->source->row_count(core, region))
            return true;
    return false;
}

err_code_t journal_now(journal_t *self, void *core, int64_t now_us, err_t *err)
{
    uint64_t decisions = self->source->decisions(core);
    self->next_us = now_us + JOURNAL_EVERY_US;
    err_code_t rc;
    do
        rc = s_store_batch(self, core, now_us, err);
    while (!rc && s_behind(self, core));
    self->failed = rc != ERR_OK;
    if (rc)
        return rc;
    self->decisions = decisions;
    self->withheld_us = -1;
    if (self->source->stored)
        self->source->stored(core, decisions);
    return ERR_OK;
}

err_code_t journal_work(journal_t *self, void *core, int64_t now_us, err_t *err)
{
    bool decided = self->source->decisions(core) != self->decisions;
    if ((!decided || self->failed) && now_us < self->next_us)
        return ERR_OK;
    return journal_now(self, core, now_us, err);
}

static bool s_lets_go(const message_t *message)
{
    return message->kind == KIND_bye || (message->kind == KIND_stop && message->stop.done);
}

bool journal_withhold(journal_t *self, const void *core, outbox_t *outbox, int64_t now_us)
{
    bool some = false, late = self->withheld_us >= 0 && now_us - self->withheld_us >= JOURNAL_WITHHOLD_US;
    if (late || self->source->decisions(core) == self->decisions)
        return false;
    for (size_t left = outbox->count - outbox->head; left > 0; left--) {
        message_t *message = outbox_take(outbox);
        if (s_lets_go(message)) {
            some = true;
            message_destroy(&message);
        } else {
            outbox_add(outbox, &message);
        }
    }
    if (some && self->withheld_us < 0)
        self->withheld_us = now_us;
    return some;
}

err_code_t journal_clear(kv_t *kv, err_t *err)
{
    static const char *const prefixes[] = {STATE_KEY, "report/", "row/"};
    kv_txn_t *txn = NULL;
    err_code_t rc = kv_begin(kv, &txn, err);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes && !rc; i++) {
        kv_keys_t keys = {0};
        rc = kv_keys(kv, prefixes[i], &keys, err);
        for (size_t index = 0; index < keys.count && !rc; index++)
            rc = kv_del(txn, keys.items[index].key, err);
        kv_keys_fini(&keys);
    }
    if (rc)
        kv_abort(&txn);
    else
        rc = kv_commit(&txn, err);
    return rc;
}

/* ---- life ---- */

journal_t *journal_new(kv_t *kv, const journal_source_t *source, size_t region_count)
{
    CHECK(region_count <= TOPOLOGY_REGIONS_MAX);
    journal_t *self = calloc(1, sizeof *self);
    CHECK(self);
    *self = (journal_t){.kv = kv, .source = source, .region_count = region_count, .withheld_us = -1};
    return self;
}

void journal_destroy(journal_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}
