/* pace - how long the parts of a step take: what a worker computes, a shard applies, a message needs.
 *
 * Why      a prediction is as good as these figures; they are measured on this machine with the job's own
 *          model, or, where the topology says what a core computes, taken from one table.
 * How      pace_measure runs the real things alone: the model's gradient and evaluation (as a node's probe),
 *          a shard core that is pushed gradients, the encoding of a delta, two threads that hand a message
 *          over. Compiled for the same machine and of the same job they are what a real run spends, but for
 *          what its threads take from each other.
 * Threads  any; it computes in the caller's, and starts one more for the messages.
 */
#ifndef DEPLOY_SIMULATE_PACE_H
#define DEPLOY_SIMULATE_PACE_H

#include "brokers/topology.h"

typedef struct {
    double samples_per_s;     /* gradients, by one core of power 1 */
    double tests_per_s;       /* samples of the test set evaluated, by the same */
    double apply_bytes_per_s; /* of float32: a shard checks and applies a push */
    double copy_bytes_per_s;  /* of float32: a worker takes parameters */
    double delta_bytes_per_s; /* of float32: a delta is encoded, or decoded and applied */
    double hop_us;            /* a message between two actors of a region, through its broker */
    double commit_us;         /* a snapshot without its bytes, at the topology's durability */
    double commit_bytes_per_s;
    double spread; /* a step takes 1 - spread to 1 + spread of its time */
    bool measured; /* here and now; else samples_per_s was given, and the rest is the table's */
} pace_t;

/* From plan.samples_per_s and the table. */
pace_t pace_given(const topology_t *topology);

/* Measured for about so long, gradients on as many cores at once as compute together on one machine of the
 * job. Errors: those of model_new. */
MUST_USE err_code_t pace_measure(const topology_t *topology, uint64_t cores, int64_t least_us,
                                 pace_t *ret_self, err_t *err);

#endif
