/* dial - tries what a topology says of the world around it, from this machine: names, addresses, brokers,
 * ways, room.
 *
 * Why      a wrong address is otherwise found out when the run waits for a broker that never answers, and a
 *          wrong rate when the plan that was made of it does not come true.
 * Threads  the caller's; waits for DIAL_PATIENCE_MS, and once more where something answers, for all addresses
 *          together; and for what is measured (dial_way.h) of each broker that answers.
 */
#ifndef DEPLOY_LAUNCH_DIAL_H
#define DEPLOY_LAUNCH_DIAL_H

#include "deploy/launch/launch.h"

#define DIAL_PATIENCE_MS 3000
#define DIAL_CLOCK_S 2 /* more would be seen in log lines */

/* Returns how many brokers cannot listen where they are to, looks names up, and prints "problem: ..." of each
 * to out. A region is of this machine when none advertises, or when its own advertised address is; of the
 * others it is told, and no problem. */
size_t dial_binds(const topology_t *topology, FILE *out);

/* Dials every broker that has an address: whoever answers is to be the broker of that region, with a clock
 * that does not differ by more than DIAL_CLOCK_S. That nobody listens yet is no problem. Then each link
 * beside what was measured of the ways from here to its two ends: round trips, and rates where
 * `transfer_bytes` may be sent to each for that (0: none). */
size_t dial_brokers(const topology_t *topology, uint64_t transfer_bytes, FILE *out);

/* Checks whether the state directory has room for the snapshots that are kept. */
size_t dial_room(const launch_t *launch, FILE *out);

#endif
