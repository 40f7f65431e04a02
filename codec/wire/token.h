/* token - one msgpack value at a time out of bytes that nobody vouches for; never reads past their end.
 *
 * Why      msgpack-c allocates what a header declares before it has seen the bytes; this allocates nothing.
 * Source   https://github.com/msgpack/msgpack/blob/master/spec.md
 * Threads  one owner per reader.
 */
#ifndef CODEC_WIRE_TOKEN_H
#define CODEC_WIRE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *start, *at, *end;
} reader_t;

typedef enum {
    TOKEN_NIL,
    TOKEN_BOOL,
    TOKEN_UINT,  /* any integer that is not negative, whatever its width */
    TOKEN_INT,   /* a negative one */
    TOKEN_FLOAT, /* 32 or 64 bit */
    TOKEN_STR,
    TOKEN_BIN,
    TOKEN_EXT,
    TOKEN_ARRAY,
    TOKEN_MAP,
} token_type_t;

typedef struct {
    token_type_t type;
    union {
        bool boolean;
        uint64_t uint;
        int64_t sint;
        double real;
        struct {
            size_t length;       /* bytes of str, bin and ext, elements of an array, pairs of a map */
            const uint8_t *body; /* of str, bin and ext, after token_read; not terminated */
        };
    };
} token_t;

void reader_init(reader_t *self, const void *bytes, size_t size);
size_t reader_left(const reader_t *self);
size_t reader_offset(const reader_t *self);

/* Reads a value's header (the whole value where it has no body). NULL, or what is wrong, borrowed for ever;
 * then the reader stands at the header. */
const char *token_head(reader_t *self, token_t *ret_token);

/* The same, and steps over the body of str, bin and ext. Elements of arrays and maps follow as values of
 * their own; a count that the bytes left cannot hold is refused. */
const char *token_read(reader_t *self, token_t *ret_token);

const char *token_type_name(token_type_t type); /* "str" */

#endif
