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

#define OPTIMIZER_TENSORS_MAX 2u /* of one step */
#define OPTIMIZER_LANES_MAX 8u
#define OPTIMIZER_STATE_MAX OPTIMIZER_LANES_MAX /* tensors that are stored */

#define OPTIMIZER(ID, ...) OPTIMIZER_##ID,
typedef enum {
#include "brokers/optimizers.def"
} optimizer_name_t;
#undef OPTIMIZER

/* How the learning rate goes, by the share of all samples that is applied. */
typedef enum { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE, SCHEDULE_STEPS } schedule_t;

typedef struct {
    optimizer_name_t id;
    const char *name;
    /* each of the parameters' size, 0 at the start; NULL: it remembers no more */
    const char *tensors[OPTIMIZER_TENSORS_MAX];
    /* its one tensor in each lane, where steps can take turns: step s uses lane s mod their number. So what
     * several asynchronous workers push does not pile up in one momentum (Hakimi et al., arXiv 1907.11612) */
    const char *lanes[OPTIMIZER_LANES_MAX];
    bool momentum;           /* uses the key job.optimizer.momentum */
    bool nesterov;           /* uses the key job.optimizer.nesterov */
    bool counts;             /* a step depends on its number, so that is stored */
    bool idles;              /* a gradient of 0 changes nothing, neither parameters nor what it remembers */
    bool evens;              /* a step is about as long as the rate, however large gradients are */
    bool decays_apart;       /* weight decay is no part of the gradient */
    bool rows;               /* of a sparse tensor it looks at rows as a whole */
    double lr;               /* what job.optimizer.lr is when the topology does not say; 0: as for all */
    double decay;            /* what job.optimizer.weight_decay is then */
    optimizer_name_t moving; /* what it is when it is given a momentum, where that is another one */
} optimizer_row_t;

const optimizer_row_t *optimizer_find(optimizer_name_t id);
size_t optimizer_tensors(const optimizer_row_t *self); /* how many a step has */
/* How many are stored when steps take turns in so many lanes, and their names. */
size_t optimizer_state(const optimizer_row_t *self, size_t lanes);
const char *optimizer_state_name(const optimizer_row_t *self, size_t index);
/* Another optimizer than this one remembers a tensor of that name. */
bool optimizer_foreign(const optimizer_row_t *self, const char *tensor);

#endif
