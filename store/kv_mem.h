/* kv_mem - a kv in memory whose operations fail and whose values rot on request.
 *
 * Why      disks fill up, lie and break too seldom to be tested with; here the n-th put, commit or sync
 *          fails.
 * Not      durable.
 * Threads  as kv.h; set faults and damage only while no transaction is open.
 */
#ifndef STORE_KV_MEM_H
#define STORE_KV_MEM_H

#include "store/kv.h"

typedef enum { KV_MEM_PUT, KV_MEM_COMMIT, KV_MEM_SYNC, KV_MEM_OPERATIONS } kv_mem_operation_t;

typedef struct {
    uint64_t countdown; /* so many calls still succeed */
    int64_t repeat;     /* then so many fail; -1: all of them */
    err_code_t code;    /* ERR_IO (a commit or sync makes the kv suspect) or ERR_FULL; OK: no fault */
} kv_mem_fault_t;

/* A new, empty one. With `disk` every commit ends with a sync, which can fail after the commit became
 * visible. NULL without memory. */
kv_t *kv_mem_new(kv_durability_t durability);

void kv_mem_set_fault(kv_t *self, kv_mem_operation_t operation, kv_mem_fault_t fault);

/* How often an operation was called, and how many of those calls were made to fail. */
uint64_t kv_mem_calls(kv_t *self, kv_mem_operation_t operation);
uint64_t kv_mem_failed(kv_t *self, kv_mem_operation_t operation);

/* Does what a restart does after a fault: the same contents, not suspect, no faults. */
void kv_mem_restart(kv_t *self);

/* Damage behind the kv's back: bytes XORed with mask; cut or grown with zeros to a size; two values
 * exchanged; a value gone. False when there is no such key or offset, or the values were equal. */
bool kv_mem_flip(kv_t *self, const char *key, size_t offset, uint8_t mask);
bool kv_mem_resize(kv_t *self, const char *key, size_t size);
bool kv_mem_swap(kv_t *self, const char *key, const char *other_key);
bool kv_mem_lose(kv_t *self, const char *key);

#endif
