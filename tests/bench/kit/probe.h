/* probe - asks a shard of a running job for its version: when it answers again, and when it goes on.
 *
 * Why      reports come once a second; recovery takes less.
 * How      an actor of the region like any other, which pulls the newest parameters. Its connection is made
 *          anew on request, so that what is measured is not its own patience.
 * Threads  one.
 */
#ifndef TESTS_BENCH_KIT_PROBE_H
#define TESTS_BENCH_KIT_PROBE_H

#include "brokers/topology.h"

typedef struct probe probe_t;

/* in  topology, run_dir  borrowed;  shard  "shard/north/0" */
probe_t *probe_new(const topology_t *topology, size_t region_index, const char *run_dir, const char *shard);
void probe_destroy(probe_t **self_p);

/* Forgets the connection to the broker. */
void probe_renew(probe_t *self);

/* The shard's version and incarnation; false when there was no answer within `patience_us`. */
bool probe_ask(probe_t *self, int64_t patience_us, uint64_t *ret_version, uint64_t *ret_incarnation);

#endif
