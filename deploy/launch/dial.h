/* dial - tries what a topology says of the world around it, from this machine: names, addresses, brokers, room.
 *
 * Why      a wrong address is otherwise found out when the run waits for a broker that never answers.
 * Threads  the caller's; waits for DIAL_PATIENCE_MS, and once more where something answers, for all addresses together.
 */
#ifndef DEPLOY_LAUNCH_DIAL_H
#define DEPLOY_LAUNCH_DIAL_H

#include "deploy/launch/launch.h"

#define DIAL_PATIENCE_MS 3000

/* Whether brokers can listen where they are to: told when all regions are of one machine, as none advertises. Prints
 * "  problem: ..." to out and returns how many. Looks names up. */
size_t dial_binds(const topology_t *topology, FILE *out);

/* Dials every broker that has an address: whoever answers is to be the broker of that region. That nobody listens yet is no
 * problem. And whether the state directory has room for the snapshots that are kept. */
size_t dial_brokers(const topology_t *topology, FILE *out);
size_t dial_room(const launch_t *launch, FILE *out);

#endif
