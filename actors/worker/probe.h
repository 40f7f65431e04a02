/* probe - how many samples per second one core of this machine computes for a job's model, while others of
 * its cores do the same.
 *
 * Why      plans and predictions rest on what a machine does, not on what its name promises; and cores that
 *          share memory, a cache or their units are slower together than alone.
 * How      gradients of full batches of made-up samples, a thread for each core; the median of a thread's
 *          times, so that a neighbour's burst does not count, and the mean of the threads'.
 * Threads  any; it computes in the caller's and starts cores - 1 more, which have ended when it returns.
 */
#ifndef ACTORS_WORKER_PROBE_H
#define ACTORS_WORKER_PROBE_H

#include "brokers/model_spec.h"
#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define PROBE_CORES_MAX 256

/* Computes for at least `least_us` and three batches.
 *
 *   in   model, batch  of the job
 *   in   cores         that compute at once; 0 is 1, and more than this machine has, or PROBE_CORES_MAX, are
 *        so many
 *   out  ret_samples_per_s  above 0
 *
 * Errors   those of model_new
 */
MUST_USE err_code_t probe_measure(const model_spec_t *model, size_t batch, uint64_t cores, int64_t least_us,
                                  double *ret_samples_per_s, err_t *err);

#endif
