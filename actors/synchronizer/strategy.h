/* strategy - how regions exchange what they learn: what is accumulated, when it is cut, what a remote delta
 * does there.
 *
 * Why      one small interface and one file per strategy; the shard core is the same for all of them.
 *
 *   asgd      every local step: the gradient; at the receiver one optimizer step with it. Never merged: a
 *             full window makes the region wait.
 *   asgd-ga   after `every` local steps: the sum of their gradients; at the receiver one optimizer step with
 *             the sum. A full window merges cuts.  Source: arXiv 2303.05330, section on ASGD-GA.
 *   ama       after `every` steps: the model; at the receiver w <- (1 - a) w + a w_remote, a = n_remote / N.
 *   sma       after `every` steps: the model; all regions wait, then w <- sum n_r w_r / N in the order of
 *             regions.
 *   ssgd      every step: the gradient; all regions wait, then one step with sum n_r g_r / sum n_r, in that
 *             order: equal to one process with the big batch (n_r: samples of the round).
 *   diloco    after `every` steps: the difference d_r = s - w_r from where the region began, s; all regions
 *             wait, then with d = sum n_r d_r / N in the order of regions:
 *               m <- mu m + d,  s <- s - lr (d + mu m),  w_r <- s.
 *             All replicas are then equal. Source: DiLoCo, arXiv 2311.08105, algorithm 1 with outer Nesterov
 *             (Sutskever et al. 2013, as PyTorch's SGD with nesterov computes it). With `overlap: t` steps go
 *             on while a round is under way: w'_r being the model as it was cut, the round acts t steps
 *             later,  w_r <- s + (w_r - w'_r).  Those t steps are in the next difference. A shard is a
 *             fragment of the model with rounds of its own, and shards cut in turn. That it is always t
 *             steps, and not as soon as the others are there, makes what is computed independent of the
 *             network. Source: Streaming DiLoCo, arXiv 2501.18512; its mixing factor alpha is left out: what
 *             was cut comes back as the round's step and what came after it is nowhere else yet, so any other
 *             share than 0 of the one and 1 of the other would have samples counted twice or lost.
 *   diloco-async  the same differences, and nobody waits. Each delta, also the own one, acts when it is
 *             taken, with its region's share a_r = n_r / N of the samples:
 *               s <- s - lr a_r d_r,  g <- g + a_r d_r;
 *             every R-th of them (R regions) is followed by
 *               m <- mu m + g,  s <- s - lr mu m,  g <- 0:
 *             momentum comes late, once for a delta of each region on average. At the own cut w <- s; what
 *             others send moves w as it moves s, so that the next difference has local steps alone. Every
 *             replica takes the same set of deltas once; the part without momentum does not depend on their
 *             order. Source: delayed Nesterov, arXiv 2401.09135, algorithm 3 with c = 0 and shares for 1 / N.
 *             lr and mu: job.sync.outer_lr and outer_momentum.
 *
 *   asp       local steps act at once. After `every` of them d = s - w + e is what has changed here since it
 *             was sent (e: what earlier cuts have left); sent are the d_i with |d_i| > v |w_i|, v = threshold
 *             / sqrt(t) in the t-th pass over the region's data; the rest is the next e. Where w_i is 0, any
 *             change counts. A receiver:  w <- w - d,  s <- s - d,  so that its own next difference has local
 *             steps alone. Nobody waits. Everybody adds everything in full, so that replicas differ by what
 *             is not significant or under way, and by nothing at the end. But what R regions gain adds up: a
 *             step is R times as long as one region's. Weighing what others send, as ama and diloco-async do,
 *             would avoid that, and leave replicas apart for ever, as a region's own steps would weigh more
 *             here than there. So it is the rate that is to be divided by R. The local optimizer's momentum
 *             stays in its region. Source: Gaia, Hsieh et al., NSDI 2017, sections 4.2 and 5.2. Its t counts
 *             iterations; with one per mini-batch everything would be significant after an epoch or two.
 *
 * job.sync.compensate (asgd, asgd-ga): a gradient sum g of k steps that another region computed at parameters
 * which lacked this region's newest steps is applied as
 *
 *             g + (lambda / k) g g (w - w_bak)
 *
 * element by element: the first term of the gradient's Taylor series, with g g in place of the
 * Hessian. Source: DC-ASGD-c, arXiv 1609.08326, equation 10, there k = 1; the sum of k gradients has k
 * times the curvature of one.
 *
 * It is the receiver that does it: only it knows w, and the sender's gradient is the same for all. A delta
 * tells which number of each region's stream its origin had taken when it cut (delta.seen); w - w_bak is what
 * this region's own steps have done since it cut that number (actors/shard/replica/compensation.c). What
 * other regions' deltas have done since, those of the origin above all, does not count: the origin had its
 * own in the parameters it computed with, and the paper's worker, too, is compensated for the work of others
 * alone. Third regions' deltas reach both sides about as late.
 *
 * Kept for it: one tensor, and one for each cut that some region may name, at most 1 + the less of
 * job.sync.staleness and how many deltas job.sync.window holds (at least 2); the oldest goes when there are
 * more. A delta whose number is not kept (that, a restart, another region's state) is applied as it is, and
 * counted (`uncompensated` in the report).
 *
 * Not: inside a region, where a gradient is a few steps old and its worker's version is not kept; of the
 * ledger's counts, which must stay plain sums; the paper's adaptive lambda, one more tensor and one more
 * key: tried beside this with LeNet at a rate near divergence it kept two of four runs from diverging, and
 * cost the others a little.
 *
 * Averages (running statistics, TENSOR_AVERAGE) cross as what they are, whatever the strategy exchanges, and
 * are never encoded. In a region  w <- w + rate (seen - w)  for each batch, where `seen` is the batch's. The
 * value of another region's delta, v, acts as under ama:  w <- (1 - a) w + a v;  a round's is the mean of the
 * regions', and with ssgd that of what they have seen. So they lie between what was seen, and a variance is
 * never below zero, as sums of late changes, or an outer momentum, could take it. A sum of `every` gradients
 * would need another rate; values need none. They are not compensated. Fixed tensors are not exchanged.
 *
 * `every: auto` (strategies that do not wait): a cut is made when every destination has taken the
 * one before and every_least steps are done, and at every_most steps in any case; it is the same
 * cut for all destinations.
 *
 * Threads  rows are constant.
 */
#ifndef ACTORS_SYNCHRONIZER_STRATEGY_H
#define ACTORS_SYNCHRONIZER_STRATEGY_H

#include "brokers/topology.h"
#include "codec/compress/encoding.h"

/* How the deltas of a job are encoded, all but those that are sent whole. */
const encoding_t *strategy_encoding(const topology_t *topology, encoding_setting_t *ret_setting);

/* asp: a change is significant when it exceeds this part of its value. epoch: 0 in the first pass
 * over the region's data. */
float strategy_threshold(const topology_t *topology, uint64_t epoch);

/* Bytes of an encoded delta of so many elements; of asp an estimate, for its first epoch, as it
 * depends on the values:
 *
 *     share of them / the rest = every x (0.0016 x lr / (1 - momentum) / threshold) ^ 3/4
 *
 * and of an optimizer that evens steps out  every x (lr / threshold) ^ 3/4.
 *
 * Source  measured with lenet and mlp-large, thresholds 0.01 to 0.3, every 8 to 32, sgd and momentum:
 *         shares of 0.04 to 0.6, at most half as much again as the estimate, and two thirds of it at least.
 *         Other models may differ by more, and so may other optimizers: they were not measured. */
uint64_t strategy_delta_bytes(const topology_t *topology, size_t elements);

#endif
