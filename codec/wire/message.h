/* message - one decoded message: the envelope, the fields of its kind, and a shared slice of tensor data.
 *
 * Why      cores speak in these and never see bytes; the shells turn them into frames and back.
 * Frames   envelope   msgpack array [version, kind, to, from, incarnation, number, class]; all a broker reads
 *          map        msgpack map of field number -> value; with data it ends with key 0 and the 5-byte
 *                     header of a bin 32
 *          data       that binary's body, raw. Absent when the message carries none.
 * Threads  a message has one owner; data is shared by reference.
 * Limits   MESSAGE_ENVELOPE_MAX, MESSAGE_MAP_MAX, MESSAGE_DATA_MAX bytes per frame; names and texts as in
 *          schema.def.
 */
#ifndef CODEC_WIRE_MESSAGE_H
#define CODEC_WIRE_MESSAGE_H

#include "codec/base/buf.h"
#include "codec/base/err.h"
#include "codec/base/ranges.h"

#include <stdio.h>

#define MESSAGE_PROTOCOL 1
#define MESSAGE_ENVELOPE_MAX 256
#define MESSAGE_MAP_MAX (4u << 20) /* holds two sets of RANGES_MAX intervals */
#define MESSAGE_DATA_MAX (16u << 20)
#define MESSAGE_CHUNK_BYTES (1u << 20) /* where throughput peaks; tensors travel in such pieces */
#define WIRE_NAME_SIZE 64
#define WIRE_TEXT_SIZE 4096
#define WIRE_LIST_MAX 65536 /* values of an array: numbers of a u64s, or what rows have in one */

typedef uint64_t wire_u64_t;
typedef int64_t wire_i64_t;
typedef double wire_f64_t;
typedef bool wire_bool_t;
typedef char wire_name_t[WIRE_NAME_SIZE];
typedef char *wire_text_t; /* owned by the message, NULL reads as "" */
typedef struct {
    range_t *items; /* owned by the message */
    size_t count;
} wire_ranges_t;
typedef struct {
    uint64_t *items; /* owned by the message */
    size_t count;
} wire_u64s_t;

/* Rows of any kind: in a message they are of a type of their own, with the same two members. */
typedef struct {
    void *items; /* owned by the message */
    size_t count;
} wire_rows_t;

/* Terms count the starts of one scheduler, or of one node: nobody can have given a greater one, whatever
 * it says. */
#define INCARNATION_TERM_MAX (UINT64_C(1) << 24)
static inline bool incarnation_is_possible(uint64_t incarnation)
{
    return incarnation >> 32 < INCARNATION_TERM_MAX;
}

/* Returns whether a scheduler of the incarnation `by`, or one before it, can have given this one; also of an
 * actor's own and former ones. */
static inline bool incarnation_is_given(uint64_t incarnation, uint64_t by)
{
    return incarnation >> 32 <= by >> 32;
}

/* Compares what was numbered in two incarnations of one actor, each of which begins anew: as strcmp, older
 * first. The one order of snapshots, stores and attempts. */
static inline int incarnation_compare(uint64_t incarnation, uint64_t number, uint64_t than_incarnation,
                                      uint64_t than_number)
{
    if (incarnation != than_incarnation)
        return incarnation < than_incarnation ? -1 : 1;
    return (number > than_number) - (number < than_number);
}

typedef enum { CLASS_CONTROL, CLASS_PULL, CLASS_DELTA, CLASS_BULK, CLASS_COUNT } message_class_t;

typedef enum {
#define MESSAGE(name, number, class, doc) KIND_##name = number,
#define FIELD(message, number, type, name, doc)
#define END(name)
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END
} message_kind_t;

#define MESSAGE(name, number, class, doc) typedef struct {
#define FIELD(message, number, type, name, doc) wire_##type##_t name;
#define ROWS(message, number, name, doc)                                                                     \
    struct {                                                                                                 \
        struct message##_##name {
#define COLUMN(message, rows, type, name, doc) wire_##type##_t name;
#define ADDED(message, rows, number, type, name, doc) wire_##type##_t name;
#define ROWS_END(message, rows)                                                                              \
    }                                                                                                        \
    *items; /* owned by the message */                                                                       \
    size_t count;                                                                                            \
    }                                                                                                        \
    rows;
#define END(name)                                                                                            \
    char ended; /* lets a message have no fields */                                                          \
    }                                                                                                        \
    name##_t_;
/* The structs are named like hello_t_ and reached through message_t alone: m->hello.pid */
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END

/* A row of shard_state.queue is a shard_state_queue_t. */
#define MESSAGE(name, number, class, doc)
#define FIELD(message, number, type, name, doc)
#define ROWS(message, number, name, doc)
#define COLUMN(message, rows, type, name, doc)
#define ADDED(message, rows, number, type, name, doc)
#define ROWS_END(message, rows) typedef struct message##_##rows message##_##rows##_t;
#define END(name)
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END

typedef struct message {
    message_kind_t kind;
    wire_name_t to;
    wire_name_t from;
    uint64_t incarnation; /* of the sender, 0 for brokers */
    uint64_t number;      /* batch, delta, request or grant; see the kind */
    slice_t data;         /* buf NULL: none */
    union {
#define MESSAGE(name, number, class, doc) name##_t_ name;
#define FIELD(message, number, type, name, doc)
#define END(name)
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END
    };
} message_t;

/* A new message of a kind with all fields zero. `to` and `from` are copied; too long a name aborts (the
 * topology limits names). Never NULL: small allocations abort when there is no memory. */
message_t *message_new(message_kind_t kind, const char *to, const char *from);
message_t *message_dup(const message_t *self); /* deep for fields, by reference for data */
void message_destroy(message_t **self_p);

/* Sets an owned field. A text is cut at its limit; too long a name or list aborts. */
void message_set_text(wire_text_t *field, const char *text);
void message_set_ranges(wire_ranges_t *field, const ranges_t *ranges);
void message_set_u64s(wire_u64s_t *field, const uint64_t *items, size_t count);
void message_set_name(wire_name_t field, const char *name);

/* Gives a field `count` rows, all zero, and returns them to be filled; or those of another field of its kind.
 * Its former ones go. More than a message can carry (WIRE_LIST_MAX values) abort when it is packed. */
#define message_set_rows(field, count) message_new_rows(field, sizeof *(field)->items, count)
#define message_copy_rows(field, from)                                                                       \
    ((void)sizeof((field)->items == (from)->items), message_dup_rows(field, sizeof *(field)->items, from))
void *message_new_rows(void *field, size_t row_bytes, size_t count);
void message_dup_rows(void *field, size_t row_bytes, const void *from);

const char *message_kind_name(message_kind_t kind); /* "push", or "unknown" */
message_class_t message_kind_class(message_kind_t kind);

/* Bytes of the two small frames; the data frame is message->data itself. Returned buffers are the caller's.
 * message_pack writes both into one buffer: envelope first, *ret_envelope_bytes long, the map behind it. */
buf_t *message_pack(const message_t *self, size_t *ret_envelope_bytes);

/* From frames; `data` may be NULL when there is no third frame, and is shared by reference when there is.
 * Scans before it unpacks; nothing is allocated that the bytes do not fill.
 * Errors  ERR_MALFORMED, ERR_LIMIT, ERR_VERSION; an unknown kind is ERR_VERSION. */
MUST_USE err_code_t message_unpack(const void *envelope, size_t envelope_bytes, const void *map,
                                   size_t map_bytes, const slice_t *data, message_t **ret_self, err_t *err);

/* The envelope alone, as a broker reads it. Pointers into `bytes`, not terminated. */
typedef struct {
    message_kind_t kind; /* any number: a broker forwards kinds it does not know */
    const char *to;
    size_t to_length;
    const char *from;
    size_t from_length;
    uint64_t incarnation;
    uint64_t number;
    message_class_t class;
} envelope_t;
MUST_USE err_code_t envelope_peek(const void *bytes, size_t size, envelope_t *ret_self, err_t *err);

bool message_equal(const message_t *a, const message_t *b); /* all fields and the data bytes */
void message_print(const message_t *self, FILE *out); /* one line: push to=shard/eu/0 from=... batch=17 ... */
void message_document(FILE *out);                     /* the protocol, as Markdown, from schema.def */

#endif
