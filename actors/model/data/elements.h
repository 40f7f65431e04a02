/* elements - numbers as they lie in a file, of any type and byte order, as float32 or as labels.
 *
 * Threads  constant; any.
 */
#ifndef ACTORS_MODEL_DATA_ELEMENTS_H
#define ACTORS_MODEL_DATA_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    ELEMENT_U8,
    ELEMENT_I8,
    ELEMENT_I16,
    ELEMENT_I32,
    ELEMENT_I64,
    ELEMENT_F16,
    ELEMENT_BF16,
    ELEMENT_F32,
    ELEMENT_F64,
} element_type_t;

typedef struct {
    const uint8_t *bytes; /* borrowed; at any alignment */
    element_type_t type;
    bool big_endian;
} elements_t;

size_t element_size(element_type_t type); /* bytes */
bool element_is_whole(element_type_t type);
/* The index of the first element that is NaN or infinite among `count`; SIZE_MAX: none. */
size_t elements_not_finite(const elements_t *self, size_t count);

/* Elements [first, first + count) as float32: unsigned bytes are scaled from 0..255 to 0..1, all others keep
 * their value, rounded to float32. */
void elements_read(const elements_t *self, size_t first, size_t count, float *ret_values);

/* A whole number. */
int64_t elements_whole(const elements_t *self, size_t index);

#endif
