/* kind - what a kind of training data must offer: its samples, by number, as they lie in its files.
 *
 * Why      a kind is a file of this folder and a row of brokers/data_kinds.def.
 * Not      which samples are a region's: dataset.
 * Threads  an open one is immutable; any thread may read.
 */
#ifndef ACTORS_MODEL_DATA_KIND_H
#define ACTORS_MODEL_DATA_KIND_H

#include "actors/model/dataset.h"

typedef enum { DATA_TRAIN, DATA_TEST, DATA_PARTS } data_part_t;

typedef enum {
    LOOK_NOT,     /* to be read from */
    LOOK_AT,      /* facts and labels alone; nothing is left on disk */
    LOOK_THROUGH, /* the same, and what is packed is read to its end, so that damage shows */
} look_t;

typedef struct {
    /* Opens the files.
     *
     *   out  ret_state  the kind's own, to be given to close; untouched on failure
     *        ret_facts  total, tests, channels, height, width; the caller adds kind, form and labels. `total`
     *                   is what the files have: the caller takes fewer where the spec says so
     *
     * Errors   those of dataset_open */
    err_code_t (*open)(const dataset_spec_t *spec, look_t look, void **ret_state, dataset_facts_t *ret_facts,
                       err_t *err);
    /* After any look. Below 0 or above any sensible number of classes too: the caller refuses it. */
    int64_t (*label)(const void *state, data_part_t part, uint64_t number);
    /* One sample, (channels x height x width) float32, after LOOK_NOT alone. */
    void (*gather)(const void *state, data_part_t part, uint64_t number, float *ret_x);
    void (*close)(void *state);
} data_kind_t;

#define DATA_KIND(ID, NAME, ...) extern const data_kind_t data_##NAME;
#include "brokers/data_kinds.def"
#undef DATA_KIND

#endif
