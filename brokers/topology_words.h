/* topology_words - a list of words as one text: what a FIELD_WORDS has.
 *
 *   in a topology "[user, movie]", or one word alone; in its struct "user,movie"
 *
 * Why      names of columns are somebody else's: letters of any language, spaces and dots, but nothing that
 *          YAML would take for something else.
 * Threads  pure.
 */
#ifndef BROKERS_TOPOLOGY_WORDS_H
#define BROKERS_TOPOLOGY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define TOPOLOGY_WORDS_MAX 1024

/* Reads up to `most` words. False, and nothing written, when it is no such list. */
bool words_parse(const char *text, size_t most, char ret_words[TOPOLOGY_WORDS_MAX]);

/* As words_parse reads it: in brackets, unless `most` is 1. Returns out, which has room for twice as many. */
const char *words_print(const char *words, size_t most, char *out);

/* How many words there are, and whether one of them is this. */
size_t words_count(const char *words);
bool words_have(const char *words, const char *word);

#endif
