/* reader - bytes that lie in several pieces of memory, taken one behind the other.
 *
 * Why      an encoded delta arrives in chunks and is decoded where they lie, without being joined first.
 * Threads  one owner; a copy of the struct is another reader at the same place.
 */
#ifndef CODEC_COMPRESS_READER_H
#define CODEC_COMPRESS_READER_H

#include "codec/base/buf.h"

typedef struct {
    const slice_t *slices; /* borrowed */
    size_t count;          /* of those that are left, the one being read included */
    size_t offset;         /* in slices[0] */
    uint64_t left;         /* bytes in all */
} reader_t;

reader_t reader_of(const slice_t *slices, size_t count);

/* The next `size` bytes, where they lie or gathered in scratch (size); NULL, and nothing taken, when fewer
 * are left. */
const void *reader_take(reader_t *self, size_t size, void *scratch);

/* False, and nothing passed over, when fewer are left. */
bool reader_skip(reader_t *self, uint64_t size);

#endif
