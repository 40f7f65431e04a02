/* sizes - how many bytes a message of a timed world would have if its tensors were there.
 *
 * Why      the cores of such a world run with one element per shard, so that a thousand workers fit into one
 *          process; what the network and the shards are charged are the bytes of the real model, encoded as
 *          the topology says.
 * How      gradients, parameters and deltas count by the shard they belong to. A delta that is as long as its
 *          one element is not encoded (the last one of a run is not). Everything else counts as it is packed.
 * Threads  constant once made.
 */
#ifndef DEPLOY_SIMULATE_SIZES_H
#define DEPLOY_SIMULATE_SIZES_H

#include "brokers/topology.h"
#include "codec/tensor/layout.h"
#include "codec/wire/message.h"

typedef struct {
    size_t shard_count;
    uint64_t *plain;        /* (shard_count) bytes of a shard's float32 */
    uint64_t *encoded;      /* (shard_count) of an encoded delta of it, as far as that can be foretold */
    uint64_t element_bytes; /* of an encoded delta of one element */
    uint64_t encoding;      /* its number */
} sizes_t;

void sizes_init(sizes_t *self, const topology_t *topology, const layout_t *layout);
void sizes_fini(sizes_t *self);

/* The number of a shard by its name; 0: it is not one of these. */
size_t sizes_shard(const sizes_t *self, const char *shard);

/* Bytes of the tensor that a message carries a part of; 0: it carries none. */
uint64_t sizes_data(const sizes_t *self, const message_t *message);

/* Bytes that go over a link for a message with so much data: the data in chunks, and the small frames of each
 * as they are packed. */
uint64_t sizes_message(const message_t *message, uint64_t data_bytes);

/* How much longer deltas are than those of one element; above 0. */
double sizes_scale(const sizes_t *self);

#endif
