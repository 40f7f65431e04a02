/* predict - a job's run before it is run: time, cost, bytes and how busy the workers would be.
 *
 * Why      what a plan or a strategy comes to is known in a minute on one core, and nothing is rented for it.
 * How      the cores that run live, in virtual time (sim.h), with tensors as lengths without bytes (sizes.h),
 *          links as the topology describes them (wan.h), and steps that take what the pace says, times the
 *          power of the node's offer. The copy of the topology that the cores see has its windows in bytes
 *          made as much shorter as deltas are.
 * Not      a judgement of accuracy: nothing is learned here. No faults happen.
 * Threads  one.      Limits   what the schedulers allow: PREDICT_WORKERS_MAX workers per region.
 */
#ifndef DEPLOY_SIMULATE_PREDICT_H
#define DEPLOY_SIMULATE_PREDICT_H

#include "brokers/job.h"
#include "deploy/simulate/pace.h"
#include "deploy/simulate/sim.h"

#define PREDICT_WORKERS_MAX 1024 /* as a shard remembers */
#define PREDICT_CROWD 1000       /* workers of all regions from which signs of life are rarer, to save time */

typedef uint64_t predict_units_t[TOPOLOGY_OFFERS_MAX];

typedef struct {
    double done; /* share of all samples */
    int64_t virtual_us;
    uint64_t events;
} predict_progress_t;

typedef struct {
    const topology_t *topology; /* borrowed, as all below */
    uint64_t samples, tests;    /* of the data set and of its test set */
    const predict_units_t
        *units; /* (regions) rented of each offer, a node each, a worker per core; NULL: the workers of the
                                     topology, of power 1, as `up` runs them */
    bool stay;  /* units are kept until the end of the run, also in a region that is done */
    pace_t pace;
    uint64_t machine_cores; /* not 0: all regions are on one machine of so many cores */
    int64_t limit_us;       /* virtual; ends there; INT64_MAX: when the run is over */
    uint64_t seed;
    bool (*progress)(void *hint,
                     const predict_progress_t *progress); /* once a virtual second; false ends it there;
                                                                         NULL: nobody asks */
    void *hint;
} predict_spec_t;

typedef struct {
    uint64_t workers, nodes;
    uint64_t samples, samples_total; /* done, and of the whole run */
    uint64_t rounds;
    uint64_t restarts; /* of actors that were taken for lost: none ever is */
    double train_s;    /* first lease to last change */
    double computed;   /* share of the workers' time that went to gradients ... */
    double evaluated, waited_shard, waited_scheduler; /* ... and the rest */
    uint64_t sent_bytes, received_bytes;
    double rented_s; /* sum over units */
    double rent, wan_cost, cost;
} predict_region_t;

typedef struct {
    bool over; /* the run ended; else the limit came first */
    double virtual_s;
    double run_s; /* of the whole run: train_s of the slowest region, or what it would be at the same rate */
    double run_cost;
    uint64_t events, messages;
    predict_region_t total;
    size_t region_count;
    predict_region_t regions[TOPOLOGY_REGIONS_MAX];
} prediction_t;

/* Errors: ERR_LIMIT (more workers than a region may have), ERR_CONFIG (a region with none), those of
 * job_derive, and ERR_STATE when the run does not go on: the text says who waits. */
MUST_USE err_code_t predict_run(const predict_spec_t *spec, prediction_t *ret_self, err_t *err);

#endif
