#include "codec/base/buf.h"

#include "codec/base/err.h"
#include "codec/base/hash.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUF_ALIGN 64

struct buf {
    atomic_size_t references;
    uint64_t id;
    size_t size;
    void *data;
    buf_free_fn *free_fn; /* NULL: data lies in the same block */
    void *hint;
    atomic_uint_fast64_t checksum; /* when summed; any thread may find it, and all find the same */
    atomic_bool summed;
};

static uint64_t s_next_id(void)
{
    static atomic_uint_fast64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}

/* One block; the bytes are aligned within it, since glibc's aligned_alloc is much slower than its malloc. */
buf_t *buf_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(buf_t) - BUF_ALIGN)
        return NULL;
    buf_t *self = malloc(sizeof *self + BUF_ALIGN - 1 + size);
    if (!self)
        return NULL;
    uintptr_t end = (uintptr_t)(self + 1);
    atomic_init(&self->references, 1);
    self->id = s_next_id();
    self->size = size;
    self->data = (char *)(self + 1) + (BUF_ALIGN - end % BUF_ALIGN) % BUF_ALIGN;
    self->free_fn = NULL;
    self->hint = NULL;
    atomic_init(&self->summed, false);
    return self;
}

buf_t *buf_new_zero(size_t size)
{
    buf_t *self = buf_new(size);
    if (self)
        memset(self->data, 0, size);
    return self;
}

buf_t *buf_new_copy(const void *data, size_t size)
{
    buf_t *self = buf_new(size);
    if (self && size)
        memcpy(self->data, data, size);
    return self;
}

buf_t *buf_wrap(void *data, size_t size, buf_free_fn *free_fn, void *hint)
{
    CHECK(free_fn);
    buf_t *self = malloc(sizeof *self);
    if (!self)
        return NULL;
    atomic_init(&self->references, 1);
    self->id = s_next_id();
    self->size = size;
    self->data = data;
    self->free_fn = free_fn;
    self->hint = hint;
    atomic_init(&self->summed, false);
    return self;
}

buf_t *buf_ref(buf_t *buf)
{
    if (buf)
        atomic_fetch_add_explicit(&buf->references, 1, memory_order_relaxed);
    return buf;
}

void buf_destroy(buf_t **buf_p)
{
    buf_t *self = *buf_p;
    *buf_p = NULL;
    if (!self || atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1)
        return;
    if (self->free_fn)
        self->free_fn(self->data, self->hint);
    free(self);
}

bool buf_is_unique(const buf_t *buf)
{
    return atomic_load_explicit(&buf->references, memory_order_acquire) == 1;
}

void *buf_data(buf_t *buf)
{
    return buf->data;
}

const void *buf_peek(const buf_t *buf)
{
    return buf->data;
}

size_t buf_size(const buf_t *buf)
{
    return buf->size;
}

uint64_t buf_id(const buf_t *buf)
{
    return buf->id;
}

void buf_touch(buf_t *buf)
{
    buf->id = s_next_id();
    atomic_store_explicit(&buf->summed, false, memory_order_relaxed);
}

uint64_t buf_checksum(buf_t *buf)
{
    if (!atomic_load_explicit(&buf->summed, memory_order_acquire)) {
        atomic_store_explicit(&buf->checksum, hash_checksum(buf->data, buf->size), memory_order_relaxed);
        atomic_store_explicit(&buf->summed, true, memory_order_release);
    }
    return atomic_load_explicit(&buf->checksum, memory_order_relaxed);
}

bool buf_make_unique(buf_t **buf_p)
{
    if (buf_is_unique(*buf_p))
        return true;
    buf_t *copy = buf_new_copy((*buf_p)->data, (*buf_p)->size);
    if (!copy)
        return false;
    buf_destroy(buf_p);
    *buf_p = copy;
    return true;
}

slice_t slice_of(buf_t *buf, size_t offset_bytes, size_t size_bytes)
{
    CHECK(offset_bytes <= buf->size && size_bytes <= buf->size - offset_bytes);
    return (slice_t){buf_ref(buf), offset_bytes, size_bytes};
}

slice_t slice_ref(const slice_t *slice)
{
    return (slice_t){buf_ref(slice->buf), slice->offset_bytes, slice->size_bytes};
}

const void *slice_peek(const slice_t *slice)
{
    return slice->buf ? (const char *)slice->buf->data + slice->offset_bytes : NULL;
}

void slice_fini(slice_t *slice)
{
    buf_destroy(&slice->buf);
    *slice = (slice_t){0};
}
