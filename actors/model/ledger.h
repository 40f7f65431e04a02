/* ledger - the model that counts: its "gradient" adds 1 to the counter of each sample, so a run shows exactly
 * how often every sample was processed.
 *
 * Threads  any; pure functions.
 */
#ifndef ACTORS_MODEL_LEDGER_H
#define ACTORS_MODEL_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#define LEDGER_COUNTERS 1000

/* g[c] = minus the number of labels that are c modulo 1000: a sum, so that learning rate 1 adds exactly 1 per
 * sample. in   labels (count)       out  g (1000); exact below 2^24 */
void ledger_gradient(const uint32_t *labels, size_t count, float *ret_g);

#endif
