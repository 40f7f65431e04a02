/* buf - bytes that several owners share without copying: tensors, received frames, stored values.
 *
 * Why      a pull, a snapshot and a delta hold the same version of the parameters; the last one frees it.
 * Not      growing strings or parsing.
 * Threads  the count is atomic: any thread may take and give back references. The bytes may be written only
 *          by a holder for whom buf_is_unique is true, or before they are shared.
 * Limits   memory alone; buf_new returns NULL when there is none.
 */
#ifndef CODEC_BASE_BUF_H
#define CODEC_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buf buf_t;
typedef void buf_free_fn(void *data, void *hint);

/* A new buffer of `size` bytes, not cleared, aligned to 64 bytes; NULL without memory. Size 0 is allowed. */
buf_t *buf_new(size_t size);

/* The same with every byte zero. */
buf_t *buf_new_zero(size_t size);

/* A new buffer with a copy of `size` bytes. */
buf_t *buf_new_copy(const void *data, size_t size);

/* A buffer around bytes of somebody else; free_fn(data, hint) is called once, when the last holder leaves. */
buf_t *buf_wrap(void *data, size_t size, buf_free_fn *free_fn, void *hint);

/* One more reference; never fails. NULL gives NULL. */
buf_t *buf_ref(buf_t *buf);

/* Gives a reference back and sets the pointer to NULL; NULL is fine. */
void buf_destroy(buf_t **buf_p);

/* Returns whether the caller holds the only reference, and so may change the bytes. */
bool buf_is_unique(const buf_t *buf);

/* The bytes, valid while a reference is held. */
void *buf_data(buf_t *buf);
const void *buf_peek(const buf_t *buf);
size_t buf_size(const buf_t *buf);

/* A number that no other buffer of this process ever had: names unchanged contents in a snapshot.
 * buf_touch gives a new one, and must be called after a unique holder changed the bytes. */
uint64_t buf_id(const buf_t *buf);
void buf_touch(buf_t *buf);

/* XXH3 of the bytes; computed once, and remembered until buf_touch: for buffers that do not change any
 * more. */
uint64_t buf_checksum(buf_t *buf);

/* Makes *buf_p unique: itself when it is already, else a copy (the reference to the old one is given back).
 * Returns false, and changes nothing, without memory. */
bool buf_make_unique(buf_t **buf_p);

/* A part of a buffer. Holds a reference of its own when made by slice_of; given back by slice_fini. */
typedef struct {
    buf_t *buf;
    size_t offset_bytes;
    size_t size_bytes;
} slice_t;

/* A slice with its own reference to buf; offset + size must lie inside. */
slice_t slice_of(buf_t *buf, size_t offset_bytes, size_t size_bytes);
slice_t slice_ref(const slice_t *slice);
const void *slice_peek(const slice_t *slice);
void slice_fini(slice_t *slice);

#endif
