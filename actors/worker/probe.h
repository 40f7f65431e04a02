/* probe - how many samples per second one core of this machine computes for a job's model.
 *
 * Why      plans and predictions rest on what a machine does, not on what its name promises.
 * How      gradients of full batches of made-up samples, one thread; the median of their times, so that a neighbour's burst does
 *          not count.
 * Threads  any; it computes in the caller's.
 */
#ifndef ACTORS_WORKER_PROBE_H
#define ACTORS_WORKER_PROBE_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Computes for at least `least_us` and three batches.
 *
 *   in   model, batch  of the job
 *   out  ret_samples_per_s  above 0
 *
 * Errors   those of model_new
 */
MUST_USE err_code_t probe_measure(const char *model, size_t batch, int64_t least_us, double *ret_samples_per_s, err_t *err);

#endif
