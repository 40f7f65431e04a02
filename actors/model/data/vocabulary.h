/* vocabulary - the categories of one column, numbered in the order of their bytes.
 *
 * Why      a category must have the same number in every process that reads the same file, and for whoever
 *          counts them again in another language: sorted, and no order of arrival.
 * Threads  one owner while words are added; any may ask afterwards.
 */
#ifndef ACTORS_MODEL_DATA_VOCABULARY_H
#define ACTORS_MODEL_DATA_VOCABULARY_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *text; /* (length): all words, one behind the other */
    size_t length, text_room;
    struct word {
        size_t at, length;
        uint32_t number;
    } * words; /* (count) in the order of arrival */
    size_t count, word_room;
    uint32_t *table; /* (table_size): 1 + place of a word; 0: free */
    size_t table_size;
} vocabulary_t;

/* Adds a word unless it is there. Errors: ERR_MEMORY. */
MUST_USE err_code_t vocabulary_add(vocabulary_t *self, const char *word, size_t length, err_t *err);

/* Numbers the words from `first`, by their bytes. Errors: ERR_MEMORY. */
MUST_USE err_code_t vocabulary_number(vocabulary_t *self, uint32_t first, err_t *err);

/* The number of a word, 0: it is not there. */
uint32_t vocabulary_find(const vocabulary_t *self, const char *word, size_t length);

void vocabulary_fini(vocabulary_t *self);

#endif
