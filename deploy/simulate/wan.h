/* wan - the links of a timed world: what is sent waits for its turn, takes its bytes' time, and half a round
 * trip.
 *
 * How      each direction of a link is one line: what is put on it waits until the line is free. Control goes
 *          before data and waits for the piece alone that is being put out, as on the real link. A message
 *          for a region without a link goes over the third one that brokers would choose, which hands its
 *          chunks on as they come. What is lost is sent again: it costs its bytes once more, and a round
 *          trip.
 * Not      how a link finds its rate: it is as fast as the topology says.
 * Threads  one owner.
 */
#ifndef DEPLOY_SIMULATE_WAN_H
#define DEPLOY_SIMULATE_WAN_H

#include "brokers/topology.h"
#include "codec/base/rng.h"

typedef struct {
    const topology_link_t *link; /* NULL: none */
    double free_us;              /* when all that was put on the line has left */
    int64_t arrived_us[2];       /* newest arrival of data and of control: each keeps its order */
    uint64_t bytes;              /* that left here */
} wan_line_t;

typedef struct {
    size_t count;      /* regions */
    wan_line_t *lines; /* (count, count) from, to */
    size_t *next;      /* (count, count) the region that a message goes to first */
    rng_t rng;
} wan_t;

void wan_init(wan_t *self, const topology_t *topology, uint64_t seed);
void wan_fini(wan_t *self);

/* When a message of so many bytes is there; they are counted. */
int64_t wan_arrives(wan_t *self, size_t from, size_t to, uint64_t bytes, bool control, int64_t now_us);

/* Bytes that left a region, or came in, over its own links; and the price of what left. */
uint64_t wan_sent(const wan_t *self, size_t region);
uint64_t wan_received(const wan_t *self, size_t region);
double wan_cost(const wan_t *self, size_t region);

/* The first link of the way to another region: borrowed. */
const wan_line_t *wan_line(const wan_t *self, size_t from, size_t to);

#endif
