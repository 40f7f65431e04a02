/* dataset - the samples of one job, mapped once per process, and the part of them that lives in one region.
 *
 * Why      data may not move: a region reads its own samples and can reach no other through this interface.
 * Kinds    brokers/data_kinds.def; each is a file of actors/model/data, which says what its files are.
 *          Gzipped files are unpacked once into cache_dir and mapped there (data/packed.h).
 * Threads  immutable once open; any thread may read.
 */
#ifndef ACTORS_MODEL_DATASET_H
#define ACTORS_MODEL_DATASET_H

#include "brokers/data_kinds.h"
#include "codec/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATASET_LABELS (1 << 20) /* labels are below this */

typedef struct dataset dataset_t;

/* Columns of a table, as a topology has them: names separated by commas; NULL and empty: none. */
#define DATASET_COLUMNS_MAX 4096
typedef struct {
    const char *label, *categorical, *numeric; /* each shorter than DATASET_COLUMNS_MAX */
    uint64_t hash;                             /* rows of each categorical column; 0: one for each category */
} dataset_columns_t;

typedef struct {
    const char *kind;          /* of brokers/data_kinds.def */
    const char *dir;           /* of the files; unused for counter */
    const char *cache_dir;     /* where gzipped files are unpacked; made when missing */
    uint64_t samples;          /* counter: how many training samples. Files: 0 = all */
    bool no_tests;             /* samples to test with are not looked for */
    dataset_columns_t columns; /* of a table */
    data_split_t split;        /* data/split.h; own: the files are this region's alone */
    double alpha;              /* of dirichlet */
    uint64_t seed;
    const double *region_shares; /* one per region of the job, any positive scale */
    size_t region_count;
    size_t region_index;     /* whose samples this dataset serves */
    uint64_t region_samples; /* own: as many as the files must have; 0: any number */
} dataset_spec_t;

/* Facts of a data set, without its samples. */
typedef struct {
    const char *kind; /* borrowed for ever */
    data_form_t form;
    uint64_t total;                   /* training samples of all regions; split own: of this one */
    uint64_t tests;                   /* 0 for counter */
    size_t channels, height, width;   /* of a picture; 1 x 1 x columns of a table; 1 x 1 x 1 for counter */
    unsigned label_least, label_most; /* of training and test samples; 0 for counter, whose labels are any */
    unsigned absent;                  /* the first class without a training sample; at most label_most + 1 */
    /* Of a table: its first columns, which have rows of an embedding; rows, with row 0 of categories that
     * training lacks; cells without a number, and with row 0, of training and test samples. */
    size_t categorical, rows;
    uint64_t missing, unknown;
} dataset_facts_t;

/* Float32 values of a sample. */
static inline size_t dataset_facts_size(const dataset_facts_t *facts)
{
    return facts->channels * facts->height * facts->width;
}

/* Looks at the files and keeps nothing, on disk or in memory; needs neither a cache directory nor a region.
 * `thorough`: reads packed pictures through, so that damage shows. Errors: as of dataset_open. */
MUST_USE err_code_t dataset_look(const dataset_spec_t *spec, bool thorough, dataset_facts_t *ret_facts,
                                 err_t *err);

/* The same thoroughly, and how many training samples of each class the region has.
 *
 *   out  ret_counts  (label_most + 1), for the caller to free; NULL for counter, which has no classes */
MUST_USE err_code_t dataset_count(const dataset_spec_t *spec, dataset_facts_t *ret_facts,
                                  uint64_t **ret_counts, err_t *err);

/* Errors: ERR_NOT_FOUND (a file is missing: names it and the Debian package that has it), ERR_MALFORMED
 * (truncated, wrong magic, counts that differ, labels out of range: names file, expected and found),
 * ERR_CONFIG (kind, shares, samples), ERR_LIMIT (2^32 samples or more), ERR_MEMORY, ERR_IO. */
MUST_USE err_code_t dataset_open(const dataset_spec_t *spec, dataset_t **ret_self, err_t *err);
void dataset_destroy(dataset_t **self_p);

const dataset_facts_t *dataset_facts(const dataset_t *self); /* borrowed */
uint64_t dataset_samples(const dataset_t *self);             /* training samples of this region */
uint64_t dataset_test_samples(const dataset_t *self);        /* 0 for counter */
size_t dataset_sample_size(const dataset_t *self);           /* float32 values per sample: 784 for 28 x 28 */

/* Gathers training samples of this region by local index (each < dataset_samples) into
 *   x (count, channels, height, width) float32, bytes scaled to 0..1 (counter: x[i] = global sample number,
 * exact below 2^24; labels carry it exactly) and labels (count) uint32. */
void dataset_gather(const dataset_t *self, const uint32_t *indices, size_t count, float *ret_x,
                    uint32_t *ret_labels);
/* The same for test samples [first, first + count). */
void dataset_gather_test(const dataset_t *self, uint64_t first, size_t count, float *ret_x,
                         uint32_t *ret_labels);

#endif
