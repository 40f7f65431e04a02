/* auc - how well scores tell the samples of two classes apart: the area under the ROC curve.
 *
 *   AUC = P(score of a positive sample > score of a negative one), ties count half
 *       = sum over positives p of (negatives below p + half of those equal to p) / (positives negatives)
 *
 * Why      where few samples are positive, the share of right answers says little; the area asks for the
 *          order alone.
 * How      scores are kept as they come and sorted once: exact, not binned.
 * Source   Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 143, 1982: the
 *          statistic of Mann and Whitney.
 * Threads  one owner.
 */
#ifndef ACTORS_MODEL_AUC_H
#define ACTORS_MODEL_AUC_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct auc auc_t;

/* Room for the scores of `count` samples. Errors: ERR_MEMORY. */
MUST_USE err_code_t auc_new(size_t count, auc_t **ret_self, err_t *err);
void auc_destroy(auc_t **self_p);

/* Forgets all scores. */
void auc_clear(auc_t *self);

/* Adds scores and labels (count): 0 is negative, all else positive. At most as many as there is room for. */
void auc_add(auc_t *self, const float *scores, const uint32_t *labels, size_t count);

/* The area, NaN without a sample of either class or with a score that is NaN. */
double auc_area(auc_t *self);

#endif
