/* diverging - whether a region's training has diverged for good, by what its workers and shards tell.
 *
 * Why      a run that has diverged learns nothing any more, and is not paid for any longer.
 * How      losses are looked at in windows of DIVERGING_BATCHES batches. A window is bad when its mean is
 *          above 10 and above 5 times that of the first window, or 100 if that began too high. Training has
 *          diverged after DIVERGING_WINDOWS bad ones in a row, none of them below half of the first of these:
 *          a spike that warm-up or momentum brings falls, and begins anew. Or when nine in ten of
 *          DIVERGING_STEPS steps were refused as not finite by every shard.
 * Not      a loss that stays where it was: a model may be hard to train.
 * Threads  one owner; pure.
 */
#ifndef ACTORS_SCHEDULER_BASE_DIVERGING_H
#define ACTORS_SCHEDULER_BASE_DIVERGING_H

#include "brokers/topology.h"

#define DIVERGING_BATCHES 20u
#define DIVERGING_WINDOWS 3u
#define DIVERGING_STEPS 40u

typedef struct {
    double window;       /* samples of one */
    double samples, sum; /* of the window that is not full yet */
    double first;        /* mean of the first window; 0: none yet */
    double worst;        /* mean of the window that the bad ones began with */
    double newest;       /* mean of the newest window */
    unsigned bad;        /* windows in a row */
    uint64_t steps, not_finite;
} diverging_t;

/* `batch`: mean samples of one. */
void diverging_init(diverging_t *self, double batch);

/* Samples that were computed since the last time, and the sum of their losses. True: it has diverged. */
bool diverging_take(diverging_t *self, uint64_t samples, double loss_sum);
/* Steps so far, and updates that the region's shards have refused as not finite. */
bool diverging_take_refused(diverging_t *self, uint64_t steps, uint64_t not_finite, uint64_t shards);

/* Names the settings to change, as the topology has them: "use a smaller job.optimizer.lr than 0.03, ..." */
#define DIVERGING_ADVICE_MAX 384
const char *diverging_advice(const topology_t *topology, char ret_text[DIVERGING_ADVICE_MAX]);

#endif
