#include "store/kv_mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char key[KV_KEY_MAX + 1];
    buf_t *value; /* in a transaction NULL removes the key */
} entry_t;

typedef struct {
    entry_t *items;
    size_t count;
    size_t capacity;
} table_t;

typedef struct {
    kv_t base;
    kv_durability_t durability;
    pthread_mutex_t writer; /* held from begin to the end of a transaction */
    pthread_mutex_t lock;   /* of all below */
    table_t table;          /* sorted by key */
    kv_mem_fault_t faults[KV_MEM_OPERATIONS];
    uint64_t calls[KV_MEM_OPERATIONS];
    uint64_t failed[KV_MEM_OPERATIONS];
} kv_mem_t;

typedef struct {
    kv_txn_t base;
    table_t changes; /* in the order they were made */
} mem_txn_t;

static void s_table_fini(table_t *table)
{
    for (size_t i = 0; i < table->count; i++)
        buf_destroy(&table->items[i].value);
    free(table->items);
    *table = (table_t){0};
}

static bool s_table_reserve(table_t *table, size_t count)
{
    if (count <= table->capacity)
        return true;
    size_t capacity = count + count / 2 + 16;
    entry_t *items = realloc(table->items, capacity * sizeof *items);
    if (!items)
        return false;
    table->items = items;
    table->capacity = capacity;
    return true;
}

/* Where a key is, or would be put. */
static size_t s_table_search(const table_t *table, const char *key)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->items[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static entry_t *s_table_find(const table_t *table, const char *key)
{
    size_t at = s_table_search(table, key);
    bool found = at < table->count && strcmp(table->items[at].key, key) == 0;
    return found ? &table->items[at] : NULL;
}

/* Makes one change; room for one more entry is there. */
static void s_table_change(table_t *table, const entry_t *change)
{
    size_t at = s_table_search(table, change->key);
    bool found = at < table->count && strcmp(table->items[at].key, change->key) == 0;
    entry_t *place = table->items + at;
    if (found) {
        buf_destroy(&place->value);
        place->value = buf_ref(change->value);
        if (!change->value) {
            memmove(place, place + 1, (table->count - at - 1) * sizeof *place);
            table->count--;
        }
    } else if (change->value) {
        memmove(place + 1, place, (table->count - at) * sizeof *place);
        *place = *change;
        buf_ref(change->value);
        table->count++;
    }
}

/* Counts a call, and whether this is one that has to fail. */
static err_code_t s_call(kv_mem_t *self, kv_mem_operation_t operation, err_t *err)
{
    pthread_mutex_lock(&self->lock);
    kv_mem_fault_t *fault = &self->faults[operation];
    err_code_t code = ERR_OK;
    self->calls[operation]++;
    if (fault->code && fault->countdown > 0) {
        fault->countdown--;
    } else if (fault->code && fault->repeat != 0) {
        code = fault->code;
        self->failed[operation]++;
        if (fault->repeat > 0)
            fault->repeat--;
    }
    pthread_mutex_unlock(&self->lock);
    if (code == ERR_IO && operation != KV_MEM_PUT)
        atomic_store(&self->base.suspect, true);
    return code ? err_set(err, code, "injected fault") : ERR_OK;
}

static void s_destroy_mem(kv_t *base)
{
    kv_mem_t *self = (kv_mem_t *)base;
    s_table_fini(&self->table);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->writer);
    free(self);
}

static err_code_t s_begin_mem(kv_t *base, kv_txn_t **ret_txn, err_t *err)
{
    mem_txn_t *txn = calloc(1, sizeof *txn);
    if (!txn)
        return err_set(err, ERR_MEMORY, "no memory for a transaction");
    pthread_mutex_lock(&((kv_mem_t *)base)->writer);
    *ret_txn = &txn->base;
    return ERR_OK;
}

static void s_end(mem_txn_t *txn)
{
    kv_mem_t *self = (kv_mem_t *)txn->base.kv;
    s_table_fini(&txn->changes);
    free(txn);
    pthread_mutex_unlock(&self->writer);
}

static err_code_t s_add_change(mem_txn_t *txn, const char *key, buf_t *value, err_t *err)
{
    if (!s_table_reserve(&txn->changes, txn->changes.count + 1))
        return err_set(err, ERR_MEMORY, "%s: no memory", key);
    entry_t *change = &txn->changes.items[txn->changes.count++];
    *change = (entry_t){.value = value};
    memcpy(change->key, key, strlen(key) + 1);
    return ERR_OK;
}

static err_code_t s_put_mem(kv_txn_t *base, const char *key, size_t size, kv_fill_fn *fill, void *hint,
                            err_t *err)
{
    mem_txn_t *txn = (mem_txn_t *)base;
    err_code_t code = s_call((kv_mem_t *)base->kv, KV_MEM_PUT, err);
    if (code)
        return code;
    buf_t *value = buf_new(size);
    if (!value)
        return err_set(err, ERR_MEMORY, "%s: no memory for %zu bytes", key, size);
    fill(hint, buf_data(value), size);
    code = s_add_change(txn, key, value, err);
    if (code)
        buf_destroy(&value);
    return code;
}

static err_code_t s_del_mem(kv_txn_t *base, const char *key, err_t *err)
{
    return s_add_change((mem_txn_t *)base, key, NULL, err);
}

static err_code_t s_apply_mem(kv_mem_t *self, const table_t *changes, err_t *err)
{
    pthread_mutex_lock(&self->lock);
    bool room = s_table_reserve(&self->table, self->table.count + changes->count);
    for (size_t i = 0; room && i < changes->count; i++)
        s_table_change(&self->table, &changes->items[i]);
    pthread_mutex_unlock(&self->lock);
    return room ? ERR_OK : err_set(err, ERR_MEMORY, "no memory to commit");
}

static err_code_t s_sync_mem(kv_t *base, err_t *err)
{
    return s_call((kv_mem_t *)base, KV_MEM_SYNC, err);
}

static err_code_t s_commit_mem(kv_txn_t *base, err_t *err)
{
    mem_txn_t *txn = (mem_txn_t *)base;
    kv_mem_t *self = (kv_mem_t *)base->kv;
    err_code_t code = s_call(self, KV_MEM_COMMIT, err);
    if (!code)
        code = s_apply_mem(self, &txn->changes, err);
    if (!code && self->durability == KV_DURABILITY_DISK)
        code = s_sync_mem(&self->base, err);
    s_end(txn);
    return code;
}

static void s_abort_mem(kv_txn_t *base)
{
    s_end((mem_txn_t *)base);
}

static err_code_t s_read_mem(kv_t *base, const char *key, kv_visit_fn *visit, void *hint, err_t *err)
{
    kv_mem_t *self = (kv_mem_t *)base;
    pthread_mutex_lock(&self->lock);
    entry_t *entry = s_table_find(&self->table, key);
    if (entry)
        visit(hint, buf_peek(entry->value), buf_size(entry->value));
    pthread_mutex_unlock(&self->lock);
    return entry ? ERR_OK : err_set(err, ERR_NOT_FOUND, "%s: not stored", key);
}

static err_code_t s_keys_mem(kv_t *base, const char *prefix, kv_keys_t *keys, err_t *err)
{
    kv_mem_t *self = (kv_mem_t *)base;
    err_code_t code = ERR_OK;
    pthread_mutex_lock(&self->lock);
    for (size_t i = s_table_search(&self->table, prefix); i < self->table.count && !code; i++) {
        const entry_t *entry = &self->table.items[i];
        if (strncmp(entry->key, prefix, strlen(prefix)) != 0)
            break;
        code = kv_keys_append(keys, entry->key, strlen(entry->key), buf_size(entry->value), err);
    }
    pthread_mutex_unlock(&self->lock);
    return code;
}

static const kv_ops_t s_ops = {s_destroy_mem, s_begin_mem, s_put_mem,  s_del_mem, s_commit_mem,
                               s_abort_mem,   s_sync_mem,  s_read_mem, s_keys_mem};

kv_t *kv_mem_new(kv_durability_t durability)
{
    kv_mem_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->base.ops = &s_ops;
    atomic_init(&self->base.suspect, false);
    self->durability = durability;
    pthread_mutex_init(&self->writer, NULL);
    pthread_mutex_init(&self->lock, NULL);
    return &self->base;
}

static kv_mem_t *s_mem(kv_t *base)
{
    CHECK(base->ops == &s_ops);
    return (kv_mem_t *)base;
}

void kv_mem_set_fault(kv_t *self, kv_mem_operation_t operation, kv_mem_fault_t fault)
{
    s_mem(self)->faults[operation] = fault;
}

uint64_t kv_mem_calls(kv_t *self, kv_mem_operation_t operation)
{
    return s_mem(self)->calls[operation];
}

uint64_t kv_mem_failed(kv_t *self, kv_mem_operation_t operation)
{
    return s_mem(self)->failed[operation];
}

void kv_mem_restart(kv_t *self)
{
    kv_mem_t *mem = s_mem(self);
    memset(mem->faults, 0, sizeof mem->faults);
    atomic_store(&self->suspect, false);
}

/* Puts a changed copy in the place of a value, for a reader may hold the old one. */
static bool s_replace(entry_t *entry, size_t size)
{
    buf_t *copy = buf_new_zero(size);
    if (!copy)
        return false;
    size_t common = size < buf_size(entry->value) ? size : buf_size(entry->value);
    if (common)
        memcpy(buf_data(copy), buf_peek(entry->value), common);
    buf_destroy(&entry->value);
    entry->value = copy;
    return true;
}

bool kv_mem_flip(kv_t *self, const char *key, size_t offset, uint8_t mask)
{
    entry_t *entry = s_table_find(&s_mem(self)->table, key);
    if (!entry || mask == 0 || offset >= buf_size(entry->value) || !s_replace(entry, buf_size(entry->value)))
        return false;
    ((uint8_t *)buf_data(entry->value))[offset] ^= mask;
    return true;
}

bool kv_mem_resize(kv_t *self, const char *key, size_t size)
{
    entry_t *entry = s_table_find(&s_mem(self)->table, key);
    return entry && size != buf_size(entry->value) && s_replace(entry, size);
}

bool kv_mem_swap(kv_t *self, const char *key, const char *other_key)
{
    entry_t *entry = s_table_find(&s_mem(self)->table, key);
    entry_t *other = s_table_find(&s_mem(self)->table, other_key);
    if (!entry || !other)
        return false;
    size_t size = buf_size(entry->value);
    if (size == buf_size(other->value) && memcmp(buf_peek(entry->value), buf_peek(other->value), size) == 0)
        return false;
    buf_t *value = entry->value;
    entry->value = other->value;
    other->value = value;
    return true;
}

bool kv_mem_lose(kv_t *self, const char *key)
{
    entry_t gone = {0};
    table_t *table = &s_mem(self)->table;
    if (!s_table_find(table, key))
        return false;
    memcpy(gone.key, key, strlen(key) + 1);
    s_table_change(table, &gone);
    return true;
}
