/* names - which number a name has: a table that is asked often and grows only.
 *
 * Why      a region of a hundred workers is asked with every message who sent it; looking through a list for
 *          that takes longer than the rest of the work.
 * How      open addressing with a checksum per name; twice as many places as names.
 * Threads  one owner.      Limits   names shorter than NAMES_SIZE.
 */
#ifndef CODEC_BASE_NAMES_H
#define CODEC_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define NAMES_SIZE 64 /* with its terminating zero */

typedef struct {
    uint64_t checksum;
    size_t number; /* SIZE_MAX: free */
    char name[NAMES_SIZE];
} names_slot_t;

typedef struct {
    names_slot_t *slots;
    size_t capacity, count; /* capacity 0 or a power of two */
} names_t;

void names_fini(names_t *self);

/* Gives a name its number, in the place of one that it has. Too long a name aborts. */
void names_set(names_t *self, const char *name, size_t number);

/* Its number; SIZE_MAX when it has none. */
size_t names_find(const names_t *self, const char *name);

#endif
