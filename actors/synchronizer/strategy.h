/* strategy - how regions exchange what they learn: what is accumulated, when it is cut, what a remote delta does.
 *
 * Why      one small interface and one file per strategy; the shard core is the same for all of them.
 *
 *   asgd      every local step: the gradient; at the receiver one optimizer step with it. Never merged: a full window
 *             makes the region wait.
 *   asgd-ga   after `every` local steps: the sum of their gradients; at the receiver one optimizer step with the sum.
 *             A full window merges cuts.       Source: arXiv 2303.05330, section on ASGD-GA.
 *   ama       after `every` steps: the model; at the receiver w <- (1 - a) w + a w_remote, a = n_remote / N.
 *   sma       after `every` steps: the model; all regions wait, then w <- sum n_r w_r / N in the order of regions.
 *   ssgd      every step: the gradient; all regions wait, then one step with sum n_r g_r / sum n_r, in that order:
 *             equal to one process with the big batch (n_r: samples of the round).
 *
 * Threads  rows are constant.
 */
#ifndef ACTORS_SYNCHRONIZER_STRATEGY_H
#define ACTORS_SYNCHRONIZER_STRATEGY_H

#include "brokers/topology.h"

typedef enum { DELTA_GRADIENT, DELTA_MODEL, DELTA_NOTHING } delta_kind_t; /* values travel on the wire */

typedef struct {
    strategy_name_t id;
    const char *name;
    delta_kind_t cuts;   /* what a cut contains */
    bool waits;          /* a cut opens a round that all members must reach */
    bool merges;         /* at a full window further cuts are merged; else the region waits */
    bool local_step;     /* a local gradient is applied at once (false: ssgd, only with the round) */
    bool mean_gradient;  /* contributions are weighted by their samples (ssgd) */
} strategy_t;

const strategy_t *strategy_find(strategy_name_t id);

#endif
