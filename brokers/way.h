/* way - to which neighbour a broker hands what is for another region.
 *
 * Why      two regions may have no link, or one that is down, while both have one to a third: then that one
 *          relays.
 * How      the own link while it works; else the neighbour linked with both whose slower link is fastest. A
 *          relay hands on over its own link alone, so a message takes two hops at most and never turns in
 *          circles.
 * Not      whether the relay's second link is up: relays say it with their pings, and the caller takes it
 *          into `usable`.
 * Threads  any; a function of its arguments.
 */
#ifndef BROKERS_WAY_H
#define BROKERS_WAY_H

#include "brokers/topology.h"

/* The region to hand it to: `to` itself or a relay; SIZE_MAX when there is no way of at most two hops.
 *
 *   in   usable   (region_count) whether the link to a neighbour works now; NULL: all do
 *
 * Where nothing works now it is the way to wait for: the own link, else the best relay. */
size_t way_next(const topology_t *topology, size_t here, size_t to, const bool *usable);

/* way_next with all links working, for all pairs at once: ret_next[here * region_count + to], `here` for
 * itself. */
void way_table(const topology_t *topology, size_t *ret_next);

#endif
