/* columns - which columns of a table a model gets, and as what.
 *
 * Why      a table has columns that are numbers and columns that are names, and only its owner knows which;
 *          the files of one job have the same names in any order.
 * Slots    of a sample: 0 is the label, then the categorical columns, then the numeric ones, as declared.
 * Threads  immutable once declared.       Limits  COLUMNS_MAX slots.
 */
#ifndef ACTORS_MODEL_DATA_COLUMNS_H
#define ACTORS_MODEL_DATA_COLUMNS_H

#include "codec/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define COLUMNS_MAX 4096
#define COLUMNS_REST "rest" /* in place of names: all columns that are declared nowhere else */

typedef struct {
    char **names; /* (count) of the slots; names[0] is the label's */
    size_t count; /* 1 + categorical + numeric */
    size_t categorical, numeric;
    bool rest_categorical, rest_numeric; /* columns that are not named yet go there */
} columns_t;

/* Reads names separated by commas, as a topology has them; NULL and empty: none.
 *
 * Errors   ERR_CONFIG (a name twice, `rest` twice), ERR_LIMIT, ERR_MEMORY */
MUST_USE err_code_t columns_declare(columns_t *self, const char *label, const char *categorical,
                                    const char *numeric, err_t *err);

/* Gives the names of a table's header that are declared nowhere to where `rest` stands, in their order.
 * Errors: ERR_LIMIT, ERR_MEMORY. */
MUST_USE err_code_t columns_rest(columns_t *self, const char *const *names, size_t count, err_t *err);

/* The slot of that name, or columns count: there is none. */
size_t columns_slot(const columns_t *self, const char *name, size_t length);

/* "categorical" or "numeric", or "label", of a slot. */
const char *columns_kind(const columns_t *self, size_t slot);

void columns_fini(columns_t *self);

#endif
