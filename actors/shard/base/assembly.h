/* assembly - the chunks of one tensor as they arrive, held by reference until the tensor is whole.
 *
 * Why      pushes and deltas travel in pieces that may be lost, doubled and reordered; nothing is applied,
 *          and nothing copied, before every piece is there.
 * Not      checksums and the meaning of the numbers: the caller looks at a chunk before it adds it.
 * Threads  one owner.
 * Limits   ASSEMBLY_CHUNKS_MAX chunks; the caller limits how many assemblies there are.
 */
#ifndef ACTORS_SHARD_ASSEMBLY_H
#define ACTORS_SHARD_ASSEMBLY_H

#include "codec/base/buf.h"
#include "codec/base/err.h"

#define ASSEMBLY_CHUNKS_MAX 65536

typedef struct {
    slice_t *chunks;   /* (chunk_count) */
    uint64_t *offsets; /* (chunk_count) bytes; UINT64_MAX: not here yet */
    uint64_t chunk_count;
    uint64_t have;
    uint64_t total_bytes;
} assembly_t; /* all-zero bytes are an assembly that has not begun */

/* Errors   ERR_SHAPE (no chunk, or more of them than `total_bytes` in pieces of a quarter of `chunk_bytes`
 * needs) */
MUST_USE err_code_t assembly_begin(assembly_t *self, uint64_t chunk_count, uint64_t total_bytes,
                                   uint64_t chunk_bytes);
void assembly_fini(assembly_t *self);
bool assembly_begun(const assembly_t *self);

/* Adds one chunk; a chunk that is here already is ignored.
 *
 * Errors   ERR_SHAPE (index, offset or size outside, not a multiple of 4, or no data where some is due) */
MUST_USE err_code_t assembly_add(assembly_t *self, uint64_t chunk, uint64_t offset_bytes,
                                 const slice_t *data);

bool assembly_complete(const assembly_t *self);

/* The chunks, in the order of their indices, cover [0, total_bytes) exactly; for a complete one. */
bool assembly_seamless(const assembly_t *self);

/* Elements [first, first + count) of a complete, seamless assembly as float32: in place where they lie
 * aligned in one chunk, else gathered in scratch (count). */
const float *assembly_read(const assembly_t *self, size_t first, size_t count, float *scratch);

#endif
