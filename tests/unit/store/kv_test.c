/* The promises of every kv, tried on each of them. */
#include "store/kv.h"

#include "codec/base/rng.h"
#include "store/kv_lmdb.h"
#include "store/kv_mem.h"
#include "tests/unit/store/temp.h"

#include <pthread.h>

static temp_t s_temp;
static err_t s_err;

static kv_t *s_new_mem(kv_durability_t durability)
{
    return kv_mem_new(durability);
}

static kv_t *s_new_lmdb(kv_durability_t durability)
{
    char path[TEMP_PATH_MAX];
    kv_t *kv = NULL;
    kv_lmdb_options_t options = {.durability = durability, .map_bytes = 1 << 16};
    cr_assert_eq(kv_lmdb_open(temp_path(&s_temp, "kv", path), &options, &kv, &s_err), ERR_OK, "%s",
                 s_err.text);
    return kv;
}

static const struct {
    const char *name;
    kv_t *(*make)(kv_durability_t durability);
    kv_durability_t durability;
} s_kinds[] = {
    {"memory, process", s_new_mem, KV_DURABILITY_PROCESS},
    {"memory, disk", s_new_mem, KV_DURABILITY_DISK},
    {"lmdb, process", s_new_lmdb, KV_DURABILITY_PROCESS},
    {"lmdb, disk", s_new_lmdb, KV_DURABILITY_DISK},
};

/* Runs a body on an empty kv of each kind. */
static void s_each(void (*body)(kv_t *kv))
{
    for (size_t i = 0; i < sizeof s_kinds / sizeof *s_kinds; i++) {
        cr_log_info("%s", s_kinds[i].name);
        temp_init(&s_temp);
        kv_t *kv = s_kinds[i].make(s_kinds[i].durability);
        cr_assert_not_null(kv);
        body(kv);
        kv_destroy(&kv);
        temp_fini(&s_temp);
    }
}

static void s_expect(kv_t *kv, const char *key, const void *data, size_t size)
{
    buf_t *value = NULL;
    cr_assert_eq(kv_get(kv, key, &value, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(buf_size(value), size);
    cr_assert_eq(memcmp(buf_peek(value), data, size), 0, "%s", key);
    buf_destroy(&value);
}

static void s_expect_none(kv_t *kv, const char *key)
{
    buf_t *value = NULL;
    cr_assert_eq(kv_get(kv, key, &value, &s_err), ERR_NOT_FOUND);
    cr_assert_null(value);
}

static void s_commit_is_visible(kv_t *kv)
{
    kv_txn_t *txn = NULL;
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(kv_put(txn, "a", "one", 3, &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "empty", "", 0, &s_err), ERR_OK);
    s_expect_none(kv, "a");
    cr_assert_eq(kv_commit(&txn, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_null(txn);
    s_expect(kv, "a", "one", 3);
    s_expect(kv, "empty", "", 0);
    cr_assert_eq(kv_store(kv, "a", "another", 7, &s_err), ERR_OK);
    s_expect(kv, "a", "another", 7);
    cr_assert_not(kv_suspect(kv));
    cr_assert_eq(kv_sync(kv, &s_err), ERR_OK);
}

Test(kv, commit_is_visible)
{
    s_each(s_commit_is_visible);
}

static void s_abort_leaves_nothing(kv_t *kv)
{
    kv_txn_t *txn = NULL;
    cr_assert_eq(kv_store(kv, "a", "old", 3, &s_err), ERR_OK);
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "a", "new", 3, &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "b", "new", 3, &s_err), ERR_OK);
    cr_assert_eq(kv_del(txn, "a", &s_err), ERR_OK);
    kv_abort(&txn);
    cr_assert_null(txn);
    kv_abort(&txn);
    s_expect(kv, "a", "old", 3);
    s_expect_none(kv, "b");
}

Test(kv, abort_leaves_nothing)
{
    s_each(s_abort_leaves_nothing);
}

static void s_delete(kv_t *kv)
{
    kv_txn_t *txn = NULL;
    cr_assert_eq(kv_store(kv, "a", "1", 1, &s_err), ERR_OK);
    cr_assert_eq(kv_store(kv, "b", "2", 1, &s_err), ERR_OK);
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK);
    cr_assert_eq(kv_del(txn, "a", &s_err), ERR_OK);
    cr_assert_eq(kv_del(txn, "never there", &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "c", "3", 1, &s_err), ERR_OK);
    cr_assert_eq(kv_del(txn, "c", &s_err), ERR_OK);
    cr_assert_eq(kv_del(txn, "b", &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "b", "4", 1, &s_err), ERR_OK);
    cr_assert_eq(kv_commit(&txn, &s_err), ERR_OK);
    s_expect_none(kv, "a");
    s_expect(kv, "b", "4", 1);
    s_expect_none(kv, "c");
}

Test(kv, delete)
{
    s_each(s_delete);
}

static void s_keys_by_prefix(kv_t *kv)
{
    static const char *names[] = {"v/2", "m/1", "v/10", "v", "w", "v/"};
    static const char *expected[] = {"v/", "v/10", "v/2"};
    kv_keys_t keys = {0};
    cr_assert_eq(kv_keys(kv, "v/", &keys, &s_err), ERR_OK);
    cr_assert_eq(keys.count, 0);
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(kv_store(kv, names[i], "123456", i, &s_err), ERR_OK);
    cr_assert_eq(kv_keys(kv, "v/", &keys, &s_err), ERR_OK);
    cr_assert_eq(keys.count, 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert_str_eq(keys.items[i].key, expected[i]);
    cr_assert_eq(keys.items[1].size_bytes, 2);
    kv_keys_fini(&keys);
    cr_assert_eq(kv_keys(kv, "", &keys, &s_err), ERR_OK);
    cr_assert_eq(keys.count, 6);
    kv_keys_fini(&keys);
}

Test(kv, keys_by_prefix)
{
    s_each(s_keys_by_prefix);
}

static void s_count_up(void *hint, void *data, size_t size)
{
    (*(int *)hint)++;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)data)[i] = (uint8_t)(i * 7);
}

static void s_fill_in_place(kv_t *kv)
{
    enum { SIZE = 300000 }; /* more than the LMDB map begins with */
    kv_txn_t *txn = NULL;
    int calls = 0;
    uint8_t *expected = malloc(SIZE);
    s_count_up(&calls, expected, SIZE);
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "small", "x", 1, &s_err), ERR_OK);
    cr_assert_eq(kv_put_fill(txn, "filled", SIZE, s_count_up, &calls, &s_err), ERR_OK, "%s", s_err.text);
    cr_assert_eq(kv_put_fill(txn, "filled again", SIZE, s_count_up, &calls, &s_err), ERR_OK, "%s",
                 s_err.text);
    cr_assert_eq(kv_commit(&txn, &s_err), ERR_OK);
    cr_assert_geq(calls, 3);
    s_expect(kv, "small", "x", 1);
    s_expect(kv, "filled", expected, SIZE);
    s_expect(kv, "filled again", expected, SIZE);
    free(expected);
}

Test(kv, fill_in_place)
{
    s_each(s_fill_in_place);
}

static void s_wrong_keys(kv_t *kv)
{
    char longest[KV_KEY_MAX + 2];
    kv_txn_t *txn = NULL;
    memset(longest, 'k', sizeof longest);
    longest[KV_KEY_MAX + 1] = '\0';
    cr_assert_eq(kv_store(kv, "", "x", 1, &s_err), ERR_LIMIT);
    cr_assert_eq(kv_store(kv, longest, "x", 1, &s_err), ERR_LIMIT);
    cr_assert_eq(kv_store(kv, longest + 1, "x", 1, &s_err), ERR_OK, "%s", s_err.text);
    s_expect(kv, longest + 1, "x", 1);
    s_expect_none(kv, longest);
    s_expect_none(kv, "");
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "a", "x", 1, &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "", "x", 1, &s_err), ERR_LIMIT);
    cr_assert_eq(kv_put(txn, "b", "x", 1, &s_err), ERR_LIMIT, "a failed transaction must not go on");
    cr_assert_eq(kv_commit(&txn, &s_err), ERR_LIMIT);
    cr_assert_null(txn);
    s_expect_none(kv, "a");
}

Test(kv, wrong_keys)
{
    s_each(s_wrong_keys);
}

/* Readers beside a writer see one transaction or the other, never a mixture, also while the map grows. */
typedef struct {
    kv_t *kv;
    atomic_bool stop;
    atomic_int reads;
    atomic_int torn;
} readers_t;

static void s_look(void *hint, const void *data, size_t size)
{
    readers_t *readers = hint;
    const uint8_t *bytes = data;
    for (size_t i = 1; i < size; i++) {
        if (bytes[i] != bytes[0])
            atomic_fetch_add(&readers->torn, 1);
    }
    atomic_fetch_add(&readers->reads, 1);
}

static void *s_reader(void *argument)
{
    readers_t *readers = argument;
    while (!atomic_load(&readers->stop)) {
        if (kv_read(readers->kv, "value", s_look, readers, NULL) != ERR_OK)
            atomic_fetch_add(&readers->torn, 1);
    }
    return NULL;
}

static void s_readers_beside_writer(kv_t *kv)
{
    enum { SIZE = 20000, WRITES = 60 };
    readers_t readers = {.kv = kv};
    pthread_t threads[2];
    uint8_t data[SIZE];
    memset(data, 255, SIZE);
    cr_assert_eq(kv_store(kv, "value", data, SIZE, &s_err), ERR_OK);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, s_reader, &readers), 0);
    for (int i = 0; i < WRITES || atomic_load(&readers.reads) < 10; i++) {
        char other[32];
        snprintf(other, sizeof other, "other/%d", i % 50);
        memset(data, i, SIZE);
        cr_assert_eq(kv_store(kv, "value", data, SIZE, &s_err), ERR_OK, "%s", s_err.text);
        cr_assert_eq(kv_store(kv, other, data, SIZE, &s_err), ERR_OK, "%s", s_err.text);
    }
    atomic_store(&readers.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load(&readers.torn), 0);
}

Test(kv, readers_beside_writer)
{
    s_each(s_readers_beside_writer);
}

/* Random transactions against a simple model of the same. */
static void s_model(kv_t *kv)
{
    enum { KEYS = 12, STEPS = 150 };
    rng_t random;
    int model[KEYS], next[KEYS];
    rng_init(&random, temp_seed());
    memset(model, 0, sizeof model);
    for (int step = 0; step < STEPS; step++) {
        kv_txn_t *txn = NULL;
        uint8_t values[8][4096];
        memcpy(next, model, sizeof model);
        cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK);
        for (int i = 0; i < 8; i++) {
            int k = (int)(rng_u64(&random) % KEYS);
            char key[16];
            snprintf(key, sizeof key, "k%02d", k);
            next[k] = rng_u64(&random) % 3 ? (int)(rng_u64(&random) % 4096) : 0;
            memset(values[i], next[k] & 255, sizeof values[i]);
            err_code_t code =
                next[k] ? kv_put(txn, key, values[i], (size_t)next[k], &s_err) : kv_del(txn, key, &s_err);
            cr_assert_eq(code, ERR_OK, "%s", s_err.text);
        }
        if (rng_u64(&random) % 4) {
            cr_assert_eq(kv_commit(&txn, &s_err), ERR_OK);
            memcpy(model, next, sizeof model);
        } else {
            kv_abort(&txn);
        }
        for (int k = 0; k < KEYS; k++) {
            char key[16];
            uint8_t expected[4096];
            snprintf(key, sizeof key, "k%02d", k);
            memset(expected, model[k] & 255, sizeof expected);
            if (model[k])
                s_expect(kv, key, expected, (size_t)model[k]);
            else
                s_expect_none(kv, key);
        }
    }
}

Test(kv, equals_a_model)
{
    s_each(s_model);
}
