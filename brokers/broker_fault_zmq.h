/* broker_fault - what a test does to the messages of a running job: cuts, duplicates, swaps, damage.
 *
 * Why      a network that misbehaves on request, in real processes, and says how often it did.
 * How      a board in the file that CLOUDLESS_NETWORK_FAULTS names, shared by all brokers of a run and by the
 *          test, which makes it and writes what it wants there. Cuts drop what one broker sends another,
 *          whatever carries it. The rest happens where a broker hands a message to an actor of its region:
 *          above links and sockets, which would mend it.
 * Threads  any; the numbers are atomic.
 * Not      there in builds without CLOUDLESS_FAILPOINTS.
 */
#ifndef BROKERS_BROKER_FAULT_ZMQ_H
#define BROKERS_BROKER_FAULT_ZMQ_H

#include "brokers/topology.h"

#include <stdatomic.h>
#include <stdbool.h>

#define BROKER_FAULT_VARIABLE "CLOUDLESS_NETWORK_FAULTS"
#define BROKER_FAULT_WHOLE 1000000u /* parts of a probability */

typedef struct {
    _Atomic uint64_t seed;
    _Atomic uint32_t cut[TOPOLOGY_REGIONS_MAX][TOPOLOGY_REGIONS_MAX]; /* [from][to], not 0: nothing arrives */
    _Atomic uint32_t duplicate_ppm, swap_ppm, damage_ppm;
    _Atomic uint64_t dropped, duplicated, swapped, damaged; /* what happened so far */
} broker_fault_board_t;

/* The board in a file; made when `create` and it is not there. NULL when that cannot be. Never given back. */
broker_fault_board_t *broker_fault_board(const char *path, bool create);

#endif
