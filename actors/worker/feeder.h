/* feeder - the samples that a worker computes with, gathered and augmented by a thread of its own, a piece
 * ahead of need.
 *
 * Why      a worker that computes never waits for data to be unpacked, scaled and moved.
 * How      two buffers: one that is computed with, one that is filled meanwhile. What was not foreseen is
 *          gathered when it is taken.
 * Which    the order in which an epoch visits a region's samples is a function of seed, region and epoch, so
 *          that a batch number means the same samples whoever computes it.
 * Threads  one at a time, and its own.
 */
#ifndef ACTORS_WORKER_FEEDER_H
#define ACTORS_WORKER_FEEDER_H

#include "actors/model/data/augment.h"
#include "actors/model/dataset.h"
#include "brokers/job.h"

typedef struct {
    const dataset_t *dataset;   /* this and the next are borrowed */
    const job_region_t *region; /* what its batches are */
    size_t region_index;
    uint64_t seed;
    augment_t augment;          /* shift and flip alone; of training samples */
    size_t piece_max, test_max; /* samples of a piece, at most */
} feeder_spec_t;

/* A part of a batch, or of the samples to test with, that is computed at once. */
typedef struct {
    bool test;
    uint64_t batch; /* global number */
    uint64_t from;  /* samples of the batch, or to test with, before it */
} feeder_piece_t;

typedef struct {
    size_t count;
    bool last;      /* of its batch, or to test with */
    const float *x; /* (count, sample_size) */
    const uint32_t *labels;
} feeder_samples_t;

typedef struct {
    uint64_t taken;
    uint64_t ahead;    /* ... of which so many were gathered, or under way, when they were wanted */
    int64_t waited_us; /* for all of them */
} feeder_tally_t;

typedef struct feeder feeder_t;

/* Errors: ERR_MEMORY, ERR_LIMIT (no more threads). */
MUST_USE err_code_t feeder_new(const feeder_spec_t *spec, feeder_t **ret_self, err_t *err);
void feeder_destroy(feeder_t **self_p);

/* Has a piece gathered meanwhile, unless it is, or another is under way. */
void feeder_ask(feeder_t *self, const feeder_piece_t *piece);
/* The samples of a piece, borrowed until the next is taken. */
feeder_samples_t feeder_take(feeder_t *self, const feeder_piece_t *piece);
/* The same without taking it: it is there when it is taken, unless another is asked for before. Borrowed
 * until the next call. */
feeder_samples_t feeder_peek(feeder_t *self, const feeder_piece_t *piece);
const feeder_tally_t *feeder_tally(const feeder_t *self); /* borrowed */

#endif
