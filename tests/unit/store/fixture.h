/* fixture - snapshots with known contents for tests of the store. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "codec/base/rng.h"
#include "store/snapshot.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#define FIXTURE_VALUES 5

/* Bytes that depend on the number and the index alone; index 2 is empty, index 0 the largest. */
static inline buf_t *fixture_value(uint64_t number, size_t index)
{
    rng_t rng;
    rng_init_for(&rng, 7, "value", number, index);
    size_t size = index == 2 ? 0 : index == 0 ? 5000 : 37 * index + (size_t)rng_below(&rng, 300);
    buf_t *buf = buf_new(size);
    cr_assert_not_null(buf);
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buf_data(buf))[i] = (uint8_t)rng_u64(&rng);
    return buf;
}

static inline snapshot_t *fixture_empty(uint64_t number)
{
    snapshot_id_t id = {.history = 77, .number = number, .incarnation = 3};
    snprintf(id.tag, sizeof id.tag, "tag %d", (int)number);
    snapshot_t *snapshot = snapshot_new(&id);
    cr_assert_not_null(snapshot);
    return snapshot;
}

static inline void fixture_add(snapshot_t *snapshot, const char *name, buf_t *buf)
{
    cr_assert_eq(snapshot_add(snapshot, name, &buf, NULL), ERR_OK);
    cr_assert_null(buf);
}

static inline snapshot_t *fixture_snapshot(uint64_t number)
{
    snapshot_t *snapshot = fixture_empty(number);
    for (size_t i = 0; i < FIXTURE_VALUES; i++) {
        char name[32];
        snprintf(name, sizeof name, "value/%zu", i);
        fixture_add(snapshot, name, fixture_value(number, i));
    }
    return snapshot;
}

/* Returns whether a snapshot is that of its number, bit for bit. */
static inline bool fixture_same(const snapshot_t *snapshot, uint64_t number)
{
    snapshot_t *expected = fixture_snapshot(number);
    bool same = snapshot->count == expected->count && snapshot->id.number == number &&
                snapshot->id.history == 77 && snapshot->id.incarnation == 3 &&
                strcmp(snapshot->id.tag, expected->id.tag) == 0;
    for (size_t i = 0; same && i < expected->count; i++) {
        const snapshot_value_t *a = &snapshot->values[i], *b = &expected->values[i];
        same = strcmp(a->name, b->name) == 0 && buf_size(a->buf) == buf_size(b->buf) &&
               memcmp(buf_peek(a->buf), buf_peek(b->buf), buf_size(a->buf)) == 0;
    }
    snapshot_destroy(&expected);
    return same;
}

/* Small pieces and transactions, so that every path is walked with little data. */
static const snapshot_store_options_t fixture_options = {
    .keep = 2, .piece_bytes = 700, .transaction_bytes = 2000};

static inline snapshot_store_t *fixture_open(kv_t *kv)
{
    snapshot_store_t *store = NULL;
    err_t err;
    cr_assert_eq(snapshot_store_open(kv, &fixture_options, &store, &err), ERR_OK, "%s", err.text);
    return store;
}

static inline err_code_t fixture_commit(snapshot_store_t *store, uint64_t number, err_t *err)
{
    snapshot_t *snapshot = fixture_snapshot(number);
    err_code_t code = snapshot_commit(store, snapshot, err);
    snapshot_destroy(&snapshot);
    return code;
}

static inline size_t fixture_count_keys(kv_t *kv, const char *prefix)
{
    kv_keys_t keys = {0};
    cr_assert_eq(kv_keys(kv, prefix, &keys, NULL), ERR_OK);
    size_t count = keys.count;
    kv_keys_fini(&keys);
    return count;
}

#endif
