/* model_spec - which model a job trains, with its options, and the list of models there are.
 *
 * Why      a model is a row of models.def and a file of its own; nobody else knows one by name.
 * Not      what a model computes: actors/model/models.
 * Threads  rows are constant.
 */
#ifndef BROKERS_MODEL_SPEC_H
#define BROKERS_MODEL_SPEC_H

#include "brokers/data_kinds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_NAME_MAX 32
#define MODEL_HIDDEN_MAX 8
#define MODEL_INPUT_RANK 3

/* 0: not said. */
typedef struct {
    char name[MODEL_NAME_MAX];
    uint64_t hidden[MODEL_HIDDEN_MAX]; /* (hidden_count) values that come out of each hidden layer */
    size_t hidden_count;
    uint64_t classes;
    uint64_t input[MODEL_INPUT_RANK]; /* of a sample: channels, height, width */
    uint64_t embedding;               /* values of a category */
    uint64_t rows, categorical;       /* of a table: categories and one, and columns that have them */
} model_spec_t;

typedef struct {
    const char *takes;      /* options that it has: "hidden|classes|input" */
    data_form_t form;       /* of the samples that it is trained on */
    model_spec_t otherwise; /* its name, and what is meant where neither the topology nor the data say */
} model_row_t;

/* The row with that name, or NULL; the row at an index, or NULL behind the last. */
const model_row_t *model_row(const char *name);
const model_row_t *model_row_at(size_t index);
/* Returns whether it has an option, by its key in a topology. */
bool model_row_takes(const model_row_t *self, const char *option);

/* A model without options. A name that is too long is cut off, and then not known. */
model_spec_t model_spec_of(const char *name);
/* Fills in what is not said. */
void model_spec_complete(model_spec_t *self, const model_spec_t *otherwise);

#endif
