/* split - which samples of one copy are whose: the same on every machine, for all know the same seed.
 *
 *   share      all samples are shuffled, then cut in proportion to the regions' shares
 *   label      sorted by class, in order within it, then cut so
 *   dirichlet  each region gets as many as its share says, and classes unevenly: regions take samples in a
 *              shuffled order, n_r turns for region r, and a turn takes the next sample (shuffled) of a class
 *              c that is drawn with a chance in proportion to
 *
 *                  alpha + samples of class c that the region has already        (0 when class c is used up)
 *
 *              Polya's urn: without the last condition a region's mixture of classes is drawn from the
 *              symmetric Dirichlet distribution with parameter alpha. All in whole millionths, so that no
 *              machine rounds otherwise.
 *   own        all samples of the files
 *
 * Numbers of samples are exact: largest remainder (job.h), and every sample is one region's.
 *
 * Source   Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
 *          Classification", 2019; Blackwell and MacQueen, "Ferguson Distributions via Polya Urn Schemes",
 *          1973.
 * Threads  any.
 */
#ifndef ACTORS_MODEL_DATA_SPLIT_H
#define ACTORS_MODEL_DATA_SPLIT_H

#include "brokers/data_kinds.h"
#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    data_split_t how;
    double alpha; /* of dirichlet */
    uint64_t seed;
    const double *shares; /* (region_count) */
    size_t region_count, region_index;
    uint64_t total;
    size_t classes; /* labels are below it */
    /* The class of a sample; NULL: a sample's number is its class, so that by label means in order. */
    uint32_t (*label)(const void *hint, uint64_t number);
    const void *hint;
} split_t;

/* The numbers of the region's samples.
 *
 *   out  ret_own  (*ret_count), for the caller to free; NULL with count = total: all, in order
 *
 * Errors   ERR_MEMORY */
MUST_USE err_code_t split_take(const split_t *self, uint32_t **ret_own, uint64_t *ret_count, err_t *err);

#endif
