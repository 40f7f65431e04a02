/* optimizers - how a gradient may change parameters: the list of them, and what the rest of the system
 * needs to know of each.
 *
 * Why      an optimizer is a row of optimizers.def and a file of its own; nobody else knows one by name.
 * Threads  rows are constant.
 */
#ifndef BROKERS_OPTIMIZERS_H
#define BROKERS_OPTIMIZERS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIMIZER_TENSORS_MAX 2u /* of one optimizer */

#define OPTIMIZER(ID, ...) OPTIMIZER_##ID,
typedef enum {
#include "brokers/optimizers.def"
} optimizer_name_t;
#undef OPTIMIZER

typedef struct {
    optimizer_name_t id;
    const char *name;
    /* each of the parameters' size, 0 at the start; NULL: it remembers no more */
    const char *tensors[OPTIMIZER_TENSORS_MAX];
    bool momentum; /* uses the key job.optimizer.momentum */
    bool counts;   /* a step depends on its number, so that is stored */
    bool idles;    /* a gradient of 0 changes nothing, neither parameters nor what it remembers */
    bool evens;    /* a step is about as long as the rate, however large gradients are */
    double lr;     /* what job.optimizer.lr is when the topology does not say; 0: as for all */
} optimizer_row_t;

const optimizer_row_t *optimizer_find(optimizer_name_t id);
size_t optimizer_tensors(const optimizer_row_t *self); /* how many */
/* Another optimizer than this one remembers a tensor of that name. */
bool optimizer_foreign(const optimizer_row_t *self, const char *tensor);

#endif
