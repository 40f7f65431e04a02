/* exchange - what a push-and-pull benchmark exchanges, and the bare ZeroMQ processes that do the same.
 *
 * Bare     a DEALER client sends the chunks of a gradient; the server adds each chunk to its sum and answers
 *          with the chunk of the sum, by reference. No names, no checksums, no copy on write, nothing
 *          decoded: the least that must happen. Two processes: the server is a ROUTER. Three: a ROUTER that
 *          relays is between two DEALERs.
 */
#ifndef TESTS_BENCH_KIT_EXCHANGE_H
#define TESTS_BENCH_KIT_EXCHANGE_H

#include "tests/bench/kit/stage.h"

#include <zmq.h>

typedef struct {
    const char *transport; /* inproc, ipc, tcp */
    int processes;         /* 1, 2, 3 */
    size_t size;           /* bytes one way, a multiple of 4 */
    size_t pairs;          /* of a turn */
    size_t in_flight;
    bool checked; /* the bare side also makes and verifies a checksum of every chunk, as ours always does */
} exchange_t;

size_t exchange_chunk_count(const exchange_t *self);
size_t exchange_chunk_size(const exchange_t *self, size_t chunk);
void *exchange_socket(void *context, int type, const char *id); /* no limits, no linger; id may be NULL */
void exchange_poll(void *socket);                               /* waits until there is something to read */

/* start them in this order; the first for three processes alone */
stage_fn bare_relay, bare_server, bare_client;

#endif
