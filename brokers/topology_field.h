/* topology_field - the one table of everything a topology may say; reading, printing, schema and help walk
 * it.
 *
 * Why      a key that is read but not documented, or documented but not read, cannot exist.
 * Not      relations between keys: see topology_check.
 * Threads  constant; any.
 *
 * A path names a key by its place: "job.sync.every", "regions[].offers[].name"; [] stands for each element of
 * a list. A row's offset is within the struct of the innermost list's element, or within topology_t.
 */
#ifndef BROKERS_TOPOLOGY_FIELD_H
#define BROKERS_TOPOLOGY_FIELD_H

#include "brokers/topology.h"

typedef enum {
    FIELD_MAP,      /* keys of its own */
    FIELD_LIST,     /* of maps */
    FIELD_WHOLE,    /* uint64_t; 0 stands for the word in `values` if there is one */
    FIELD_NUMBER,   /* double */
    FIELD_RATIO,    /* double, "0.05" or "5%" */
    FIELD_DURATION, /* int64_t microseconds */
    FIELD_RATE,     /* uint64_t bytes per second */
    FIELD_SIZE,     /* uint64_t bytes */
    FIELD_BOOL,     /* bool: true or false */
    FIELD_NAME,     /* char[TOPOLOGY_NAME_MAX]: letters, digits, '-' and '_' */
    FIELD_PATH,     /* char[TOPOLOGY_TEXT_MAX] */
    FIELD_ENDPOINT, /* char[TOPOLOGY_TEXT_MAX]: tcp://HOST:PORT */
    FIELD_ENUM,     /* an enum whose values count from 0 in the order of `values` */
    FIELD_FLAG,     /* bool: which of two `values` */
    FIELD_WORD,     /* char[TOPOLOGY_NAME_MAX]: one of `values` */
    FIELD_INSIDE,   /* inside_t, and inside_slack for "ssp: s" */
    FIELD_BETWEEN,  /* size_t[2]: two names of regions */
    FIELD_WHOLES,   /* uint64_t[element_max]: as many as the count says; without a count, all or none */
    FIELD_WORDS     /* char[TOPOLOGY_WORDS_MAX]: up to element_max words, see topology_words.h */
} field_type_t;

typedef struct {
    const char *path;
    field_type_t type;
    bool required;
    bool live;     /* may change while the job runs: what plans are made of */
    bool digest;   /* must be equal in all processes of a job and for a resume ... */
    bool carry;    /* ... where a job that goes on may have another value than it had */
    bool above;    /* min itself is not allowed */
    bool below;    /* max itself is not allowed */
    bool later;    /* runs were begun before it was there: its default is no part of the digest ... */
    bool optional; /* ... and is not printed either */
    size_t offset;
    size_t element_size; /* of a list */
    size_t element_max;  /* of a list */
    size_t count_offset; /* of a list: where its size_t count is */
    size_t given_offset; /* where a bool says that the key was written; 0: nowhere */
    const char *min;     /* as one would write it, so that the message shows it */
    const char *max;
    const char *otherwise; /* the default, as one would write it; NULL with `required` */
    const char *values;    /* "process|disk" */
    const char *bare;      /* of a map: the key whose value alone may stand for it */
    const char *unit;      /* of a number without one: "samples" */
    const char *help;
} field_t;

/* The next row directly under `parent` (NULL: the whole file) after `previous` (NULL: the first), or NULL. */
const field_t *field_next(const field_t *parent, const field_t *previous);
/* The row directly under `parent` with this last key, or NULL. */
const field_t *field_find(const field_t *parent, const char *key);
/* The last key of its path. */
const char *field_key(const field_t *self);

/* Returns whether a map may be written as the value of this one of its keys. */
bool field_is_bare(const field_t *parent, const field_t *field);
/* How many values a FIELD_WHOLES has there. */
size_t field_wholes(const field_t *self, const void *base);
/* "PREFIX.KEY", or the prefix alone for a bare key. Returns out. */
const char *field_path(const field_t *parent, const field_t *field, const char *prefix, char *out,
                       size_t size);

size_t field_count(void);
const field_t *field_at(size_t index);

/* "write a whole number from 1 to 64": the remedy for a wrong value. Returns out. */
#define FIELD_REMEDY_MAX 256
const char *field_remedy(const field_t *self, char out[FIELD_REMEDY_MAX]);
/* "write `every`" for the nearest key, or all of them when none is near. */
const char *field_suggest(const field_t *parent, const char *key, char out[FIELD_REMEDY_MAX]);

/* The value `index` of values, without a terminating zero; NULL after the last. */
const char *field_value(const field_t *self, size_t index, size_t *ret_length);

#endif
