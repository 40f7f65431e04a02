#include "store/writer.h"

#include "store/kv_mem.h"
#include "tests/unit/store/fixture.h"

#include <poll.h>
#include <pthread.h>

static err_t s_err;

static bool s_readable(const writer_t *writer, int timeout_ms)
{
    struct pollfd poller = {.fd = writer_fd(writer), .events = POLLIN};
    return poll(&poller, 1, timeout_ms) == 1;
}

static writer_result_t s_wait(writer_t *writer)
{
    writer_result_t result = {.duration_us = -1};
    cr_assert(s_readable(writer, -1));
    cr_assert(writer_take_result(writer, &result));
    return result;
}

/* A kv whose commits wait until the test opens a gate. */
typedef struct {
    kv_ops_t ops;
    const kv_ops_t *real;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered;
    bool open;
} gate_t;

static gate_t s_gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static err_code_t s_gated_commit(kv_txn_t *txn, err_t *err)
{
    pthread_mutex_lock(&s_gate.lock);
    s_gate.entered = true;
    pthread_cond_broadcast(&s_gate.changed);
    while (!s_gate.open)
        pthread_cond_wait(&s_gate.changed, &s_gate.lock);
    pthread_mutex_unlock(&s_gate.lock);
    return s_gate.real->commit(txn, err);
}

static void s_gate_close(kv_t *kv)
{
    s_gate.real = kv->ops;
    s_gate.ops = *kv->ops;
    s_gate.ops.commit = s_gated_commit;
    kv->ops = &s_gate.ops;
}

static void s_gate_await(void)
{
    pthread_mutex_lock(&s_gate.lock);
    while (!s_gate.entered)
        pthread_cond_wait(&s_gate.changed, &s_gate.lock);
    pthread_mutex_unlock(&s_gate.lock);
}

static void s_gate_open(kv_t *kv)
{
    pthread_mutex_lock(&s_gate.lock);
    s_gate.open = true;
    pthread_cond_broadcast(&s_gate.changed);
    pthread_mutex_unlock(&s_gate.lock);
    (void)kv;
}

static void s_new(kv_t **ret_kv, snapshot_store_t **ret_store, writer_t **ret_writer)
{
    *ret_kv = kv_mem_new(KV_DURABILITY_DISK);
    *ret_store = fixture_open(*ret_kv);
    cr_assert_eq(writer_new(*ret_store, ret_writer, &s_err), ERR_OK, "%s", s_err.text);
}

static void s_end(kv_t **kv_p, snapshot_store_t **store_p, writer_t **writer_p)
{
    writer_destroy(writer_p);
    snapshot_store_destroy(store_p);
    kv_destroy(kv_p);
}

Test(writer, writes_one_after_the_other)
{
    kv_t *kv;
    snapshot_store_t *store;
    writer_t *writer;
    writer_result_t result;
    s_new(&kv, &store, &writer);
    for (uint64_t number = 1; number <= 3; number++) {
        snapshot_t *snapshot = fixture_snapshot(number);
        cr_assert(writer_idle(writer));
        cr_assert_not(s_readable(writer, 0));
        cr_assert_not(writer_take_result(writer, &result));
        cr_assert_eq(writer_submit(writer, &snapshot, &s_err), ERR_OK);
        cr_assert_null(snapshot);
        result = s_wait(writer);
        cr_assert_eq(result.error.code, ERR_OK);
        cr_assert_eq(result.id.number, number);
        cr_assert_str_eq(result.id.tag, number == 1 ? "tag 1" : number == 2 ? "tag 2" : "tag 3");
        cr_assert_gt(result.written_bytes, 5000);
        cr_assert_geq(result.duration_us, 0);
        cr_assert_not(result.suspect);
        cr_assert_eq(snapshot_store_newest(store), number);
    }
    s_end(&kv, &store, &writer);
    cr_assert_null(writer);
}

/* While one is written nothing waits for it, and a second is refused: the caller keeps it. */
Test(writer, takes_one_at_a_time)
{
    kv_t *kv;
    snapshot_store_t *store;
    writer_t *writer;
    writer_result_t result;
    s_new(&kv, &store, &writer);
    s_gate_close(kv);
    snapshot_t *first = fixture_snapshot(1), *second = fixture_snapshot(2);
    buf_t *shared = buf_ref(first->values[0].buf);
    cr_assert_eq(writer_submit(writer, &first, &s_err), ERR_OK);
    s_gate_await();
    cr_assert_not(writer_idle(writer));
    cr_assert_not(writer_take_result(writer, &result));
    cr_assert_not(buf_is_unique(shared));
    cr_assert_eq(writer_submit(writer, &second, &s_err), ERR_STATE);
    cr_assert_not_null(second);
    cr_assert_eq(snapshot_store_newest(store), 0, "durable only when committed");
    s_gate_open(kv);
    cr_assert(s_readable(writer, -1));
    cr_assert(buf_is_unique(shared), "given back before the result is seen");
    cr_assert_eq(writer_submit(writer, &second, &s_err), ERR_STATE, "the result was not taken");
    result = s_wait(writer);
    cr_assert_eq(result.id.number, 1);
    cr_assert_eq(writer_submit(writer, &second, &s_err), ERR_OK);
    result = s_wait(writer);
    cr_assert_eq(result.id.number, 2);
    buf_destroy(&shared);
    s_end(&kv, &store, &writer);
}

Test(writer, errors_are_results)
{
    kv_t *kv;
    snapshot_store_t *store;
    writer_t *writer;
    s_new(&kv, &store, &writer);
    kv_mem_set_fault(kv, KV_MEM_COMMIT, (kv_mem_fault_t){.repeat = 1, .code = ERR_FULL});
    snapshot_t *snapshot = fixture_snapshot(1);
    cr_assert_eq(writer_submit(writer, &snapshot, &s_err), ERR_OK);
    writer_result_t result = s_wait(writer);
    cr_assert_eq(result.error.code, ERR_FULL);
    cr_assert_not_null(strstr(result.error.text, "snapshot 1"), "%s", result.error.text);
    cr_assert_not(result.suspect);
    cr_assert_eq(snapshot_store_newest(store), 0);
    snapshot = fixture_snapshot(1);
    cr_assert_eq(writer_submit(writer, &snapshot, &s_err), ERR_OK);
    cr_assert_eq(s_wait(writer).error.code, ERR_OK, "it can be tried again");
    kv_mem_set_fault(kv, KV_MEM_SYNC, (kv_mem_fault_t){.repeat = 1, .code = ERR_IO});
    snapshot = fixture_snapshot(2);
    cr_assert_eq(writer_submit(writer, &snapshot, &s_err), ERR_OK);
    result = s_wait(writer);
    cr_assert_eq(result.error.code, ERR_IO);
    cr_assert(result.suspect);
    s_end(&kv, &store, &writer);
}

static void *s_stop(void *argument)
{
    writer_stop(argument);
    return NULL;
}

Test(writer, stop_drains)
{
    kv_t *kv;
    snapshot_store_t *store;
    writer_t *writer;
    pthread_t thread;
    writer_result_t result;
    s_new(&kv, &store, &writer);
    s_gate_close(kv);
    snapshot_t *snapshot = fixture_snapshot(1);
    cr_assert_eq(writer_submit(writer, &snapshot, &s_err), ERR_OK);
    s_gate_await();
    cr_assert_eq(pthread_create(&thread, NULL, s_stop, writer), 0);
    s_gate_open(kv);
    pthread_join(thread, NULL);
    cr_assert(writer_take_result(writer, &result));
    cr_assert_eq(result.error.code, ERR_OK);
    cr_assert_eq(snapshot_store_newest(store), 1);
    snapshot = fixture_snapshot(2);
    cr_assert_eq(writer_submit(writer, &snapshot, &s_err), ERR_STATE);
    cr_assert_not(writer_idle(writer));
    snapshot_destroy(&snapshot);
    writer_stop(writer);
    s_end(&kv, &store, &writer);
}

/* Given and destroyed at once: still written. */
Test(writer, destroy_drains)
{
    kv_t *kv;
    snapshot_store_t *store;
    writer_t *writer;
    s_new(&kv, &store, &writer);
    snapshot_t *snapshot = fixture_snapshot(1);
    cr_assert_eq(writer_submit(writer, &snapshot, &s_err), ERR_OK);
    writer_destroy(&writer);
    cr_assert_eq(snapshot_store_newest(store), 1);
    s_end(&kv, &store, &writer);
}
