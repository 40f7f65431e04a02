/* data_kinds - what training data may be: the list of kinds, and what the rest of the system needs to know of
 * each.
 *
 * Why      a kind is a row of data_kinds.def and a file of its own; nobody else knows one by name.
 * Threads  rows are constant.
 */
#ifndef BROKERS_DATA_KINDS_H
#define BROKERS_DATA_KINDS_H

#include <stdbool.h>

#define DATA_KIND(ID, ...) DATA_KIND_##ID,
typedef enum {
#include "brokers/data_kinds.def"
} data_kind_name_t;
#undef DATA_KIND

/* The form of a sample, which a model must take. */
typedef enum {
    DATA_PICTURES, /* (channels, height, width) float32 and a class */
    DATA_TABLE,    /* (columns) float32 and a class */
    DATA_COUNTS,   /* its own number */
} data_form_t;

/* The samples of a region: a part of one copy, or all that it has by itself. */
typedef enum { SPLIT_SHARE, SPLIT_LABEL, SPLIT_DIRICHLET, SPLIT_OWN } data_split_t;

typedef struct {
    data_kind_name_t id;
    const char *name;
    data_form_t form;
    bool files; /* read from job.data.dir, with samples to test with among them */
} data_kind_row_t;

const data_kind_row_t *data_kind_find(const char *name); /* NULL: there is none */
const char *data_kind_names(void);                       /* "idx, counter", for messages */

#endif
