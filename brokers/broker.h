/* broker - a region's one post office: actors of the region register with it, brokers of other regions link
 * to it.
 *
 * Why      actors know names, not addresses. It keeps soft state only: kill it and everybody registers again.
 * How      one thread; one ROUTER socket bound at inproc, ipc and tcp at once, where actors (DEALER, random
 *          routing id) and the dialing side of links connect. A name's second part is its region
 *          ("shard/eu/2"); other regions go over their link, "scheduler/global" to the home region. An
 *          unknown name is answered with `unreachable`. hello from an older incarnation than registered is
 *          answered with refused ERR_STALE.
 * Threads  start, stop, change_links and the getters from the thread that made it.
 */
#ifndef BROKERS_BROKER_H
#define BROKERS_BROKER_H

#include "brokers/link.h"
#include "brokers/topology.h"

typedef struct broker broker_t;

typedef struct {
    const topology_t *topology;
    size_t region_index;
    const char *run_dir; /* where endpoints of brokers are written and looked up: run_dir/broker-REGION */
    uint64_t seed;       /* of emulated jitter and loss */
    uint64_t run;        /* that the state directory belongs to; RUN_ID_NONE: none yet */
    /* which is looked at until it says; borrowed. NULL: this broker belongs to no run, and nothing is kept
     * back for want of one */
    const char *state_dir;
} broker_spec_t;

/* Returns when the broker is bound and serving. Writes run_dir/broker-REGION: one endpoint per line, tcp
 * first, then ipc. Errors: ERR_IN_USE (address: says which and what to do), ERR_CONFIG, ERR_IO, ERR_FULL. */
MUST_USE err_code_t broker_start(const broker_spec_t *spec, broker_t **ret_self, err_t *err);

const char *broker_inproc(const broker_t *self); /* endpoints, borrowed */
const char *broker_ipc(const broker_t *self);
const char *broker_tcp(const broker_t *self);

/* The topology has changed while it runs: its emulated links take on their new rates and round trips.
 * Copied. */
void broker_change_links(broker_t *self, const topology_t *changed);

/* Sends what is queued (at most linger_us), then ends the thread. */
void broker_stop(broker_t **self_p, int64_t linger_us);

/* Where an actor finds the broker of a region: `advertise` of the topology, else run_dir/broker-REGION (ipc
 * when it exists on this machine). ERR_NOT_FOUND while there is none yet: try again. */
MUST_USE err_code_t broker_find(const topology_t *topology, size_t region_index, const char *run_dir,
                                char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err);

#endif
