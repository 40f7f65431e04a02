#include "store/kv_mem.h"

#include <criterion/criterion.h>
#include <string.h>

static err_t s_err;

static bool s_has(kv_t *kv, const char *key)
{
    buf_t *value = NULL;
    err_code_t code = kv_get(kv, key, &value, NULL);
    buf_destroy(&value);
    return code == ERR_OK;
}

Test(kv_mem, full_is_not_suspect)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    kv_mem_set_fault(kv, KV_MEM_COMMIT, (kv_mem_fault_t){.countdown = 1, .repeat = 2, .code = ERR_FULL});
    cr_assert_eq(kv_store(kv, "a", "x", 1, &s_err), ERR_OK);
    cr_assert_eq(kv_store(kv, "b", "x", 1, &s_err), ERR_FULL);
    cr_assert_eq(kv_store(kv, "b", "x", 1, &s_err), ERR_FULL);
    cr_assert_not(kv_suspect(kv));
    cr_assert_not(s_has(kv, "b"));
    cr_assert_eq(kv_store(kv, "b", "x", 1, &s_err), ERR_OK);
    cr_assert(s_has(kv, "b"));
    cr_assert_eq(kv_mem_calls(kv, KV_MEM_COMMIT), 4);
    cr_assert_eq(kv_mem_failed(kv, KV_MEM_COMMIT), 2);
    kv_destroy(&kv);
}

Test(kv_mem, io_in_commit_is_suspect_and_refuses_more)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    kv_mem_set_fault(kv, KV_MEM_COMMIT, (kv_mem_fault_t){.repeat = 1, .code = ERR_IO});
    cr_assert_eq(kv_store(kv, "a", "x", 1, &s_err), ERR_IO);
    cr_assert(kv_suspect(kv));
    cr_assert_eq(kv_store(kv, "a", "x", 1, &s_err), ERR_IO);
    cr_assert_eq(kv_sync(kv, &s_err), ERR_IO);
    cr_assert_eq(kv_mem_calls(kv, KV_MEM_COMMIT), 1, "a suspect store must not be written");
    kv_mem_restart(kv);
    cr_assert_not(s_has(kv, "a"));
    cr_assert_eq(kv_store(kv, "a", "x", 1, &s_err), ERR_OK);
    kv_destroy(&kv);
}

Test(kv_mem, sync_fails_after_the_commit_is_visible)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    kv_mem_set_fault(kv, KV_MEM_SYNC, (kv_mem_fault_t){.repeat = -1, .code = ERR_IO});
    cr_assert_eq(kv_store(kv, "a", "x", 1, &s_err), ERR_IO);
    cr_assert(kv_suspect(kv));
    cr_assert(s_has(kv, "a"));
    kv_destroy(&kv);
}

Test(kv_mem, put_fails_its_transaction)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    kv_txn_t *txn = NULL;
    kv_mem_set_fault(kv, KV_MEM_PUT, (kv_mem_fault_t){.countdown = 1, .repeat = 1, .code = ERR_IO});
    cr_assert_eq(kv_begin(kv, &txn, &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "a", "x", 1, &s_err), ERR_OK);
    cr_assert_eq(kv_put(txn, "b", "x", 1, &s_err), ERR_IO);
    cr_assert_eq(kv_commit(&txn, &s_err), ERR_IO);
    cr_assert_not(s_has(kv, "a"));
    cr_assert_not(kv_suspect(kv));
    kv_destroy(&kv);
}

Test(kv_mem, damage)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_PROCESS);
    buf_t *value = NULL;
    cr_assert_eq(kv_store(kv, "a", "abc", 3, &s_err), ERR_OK);
    cr_assert_eq(kv_store(kv, "b", "abc", 3, &s_err), ERR_OK);
    cr_assert_not(kv_mem_swap(kv, "a", "b"), "equal values cannot be told apart");
    cr_assert_not(kv_mem_flip(kv, "a", 3, 1));
    cr_assert_not(kv_mem_flip(kv, "none", 0, 1));
    cr_assert(kv_mem_flip(kv, "a", 1, 1));
    cr_assert(kv_mem_resize(kv, "a", 5));
    cr_assert(kv_mem_swap(kv, "a", "b"));
    cr_assert_eq(kv_get(kv, "b", &value, &s_err), ERR_OK);
    cr_assert_eq(buf_size(value), 5);
    cr_assert_eq(memcmp(buf_peek(value), "acc\0\0", 5), 0);
    buf_destroy(&value);
    cr_assert(kv_mem_lose(kv, "b"));
    cr_assert_not(kv_mem_lose(kv, "b"));
    cr_assert_not(s_has(kv, "b"));
    kv_destroy(&kv);
}
