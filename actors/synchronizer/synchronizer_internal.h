/* synchronizer_internal - the inside of a synchronizer core, shared by its files alone. */
#ifndef ACTORS_SYNCHRONIZER_SYNCHRONIZER_INTERNAL_H
#define ACTORS_SYNCHRONIZER_SYNCHRONIZER_INTERNAL_H

#include "actors/kit/core_base.h"
#include "actors/synchronizer/synchronizer_core.h"

#include "codec/base/backoff.h"

#define OUTGOING_DELTAS_MAX 1024u /* kept at a time; what is beyond is fetched again in its turn */
#define OUTGOING_CHUNKS_MAX 65536u
#define SYNCHRONIZER_FETCH_US 200000
#define SYNCHRONIZER_STATUS_US 1000000
#define SYNCHRONIZER_RESEND_FIRST_US 1000000
#define SYNCHRONIZER_RESEND_LAST_US 5000000
#define SYNCHRONIZER_CARRIED_US 60000000 /* so long a link's queue is taken for progress */
#define SYNCHRONIZER_GAP_US                                                                                  \
    100000 /* a gap told again within this (or a round trip and a half) is the same one */

/* One delta of the own shard: its chunks as they came, data by reference. */
typedef struct {
    uint64_t first, last;
    uint64_t total_bytes;
    message_t **chunks; /* (chunk_count) NULL: not here yet */
    uint64_t chunk_count, have;
} outgoing_delta_t;

/* The deltas that are here, in the order of their numbers. */
typedef struct {
    uint64_t history;                       /* 0: not known */
    uint64_t parent_history, parent_number; /* where it goes on from */
    uint64_t head_incarnation;              /* of the shard when it last said what it keeps */
    uint64_t oldest;                        /* first number the shard keeps */
    uint64_t last;                          /* last number it has committed */
    outgoing_delta_t *items;
    size_t count, capacity;
} outgoing_t;

void outgoing_reset(outgoing_t *self, uint64_t history);
bool relay_can_be(const delta_t_ *delta);                   /* numbers and chunks that a delta can have */
void outgoing_add(outgoing_t *self, message_t **message_p); /* takes it, or leaves it when it is not wanted */
void outgoing_drop_below(outgoing_t *self, uint64_t number); /* lets go what ends below it */
/* the whole delta that begins at first, or NULL */
const outgoing_delta_t *outgoing_find(const outgoing_t *self, uint64_t first);
/* The first number in [oldest, last] that no whole delta here covers; 0 when there is none. */
uint64_t outgoing_missing(const outgoing_t *self);

typedef struct {
    size_t region;
    wire_name_t name;
    uint64_t incarnation, generation;
    uint64_t applied, durable; /* as the destination says */
    int64_t lacks_us;          /* since when it lacks something and has not answered; 0: it does not */
    int64_t gap_us;            /* next stream_gap */
    bool away;
    uint64_t sent;         /* last number handed to the broker since the last step back */
    uint64_t flying_bytes; /* of those above `applied` */
    int64_t heard_us;      /* when it last answered, or was first sent something after it had everything */
    int64_t stepped_us;    /* when sending last began again */
    int64_t advanced_us;   /* when it last took something, or lacked nothing before */
    backoff_t pause;       /* of silence, before it is sent again */
    bool link_known, link_up;
    uint64_t rate_bytes_per_s;
    uint64_t queued_bytes; /* that the link has not brought over */
    int64_t rtt_us;
} destination_t;

struct synchronizer_core {
    core_base_t base;
    synchronizer_spec_t spec;
    wire_name_t shard, scheduler;
    outgoing_t outgoing;
    uint64_t shard_incarnation;
    destination_t *destinations; /* (destination_count) */
    size_t destination_count;
    int64_t fetch_us, status_us, waits_since_us;
    size_t waits_for; /* index into destinations; SIZE_MAX: nobody */
};

#endif
