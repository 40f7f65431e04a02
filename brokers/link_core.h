/* link_core - the state of a link_t, shared by the files link*.c and by nobody else.
 *
 * Parcel   a message that is not wholly acknowledged yet; cut lazily, so that pieces follow the rate of the
 * link. Piece    a numbered part of a parcel, at most a few in flight; its record lives in a ring until
 * acknowledged. Order    each connection counts what it carries; connections keep their order, so when
 * something sent later on one has arrived, what was sent before it on the same one is lost.
 */
#ifndef BROKERS_LINK_CORE_H
#define BROKERS_LINK_CORE_H

#include "brokers/link.h"
#include "codec/base/backoff.h"
#include "codec/base/rng.h"

#define LINK_PAST_MAX 8 /* sessions of the peer that are over and may not come back */
#define LINK_RATE_SLOTS 10
#define LINK_NEVER INT64_MAX

/* How many connections carry data, and what is tried. */
typedef struct {
    uint64_t count;   /* the first so many are used */
    uint64_t wanted;  /* open at most so many: the most that this end or the other has used */
    uint64_t before;  /* not 0: count is a try, and this is what it was */
    double rate;      /* bytes per microsecond with `before` */
    bool settling;    /* what arrives does not count yet */
    int64_t set_us;   /* when count was set last */
    int64_t began_us; /* of the time that is measured */
    uint64_t began_bytes;
    int64_t next_try_us;
    backoff_t pause; /* after a try that was not worth it */
} link_width_t;

/* Facts that the estimate needs about the moment a piece was sent. */
typedef struct {
    uint64_t delivered_bytes;
    int64_t delivered_us;
    int64_t first_sent_us;
    bool limited; /* there was less to send than the link could take */
} link_stamp_t;

typedef struct link_parcel {
    struct link_parcel *next;
    frames_t frames;
    size_t head_bytes; /* envelope and map */
    size_t total_bytes;
    size_t cut_bytes; /* already in pieces */
} link_parcel_t;

typedef enum { PIECE_FLYING, PIECE_LOST, PIECE_ARRIVED } link_piece_state_t;

typedef struct {
    link_parcel_t *parcel;
    size_t offset_bytes;
    size_t size_bytes;
    link_piece_state_t state;
    uint32_t connection;
    uint32_t sends;
    uint64_t order;
    int64_t sent_us;
    link_stamp_t stamp;
} link_piece_t;

/* The sending half of a class. */
typedef struct {
    link_parcel_t *first, *last;
    link_parcel_t *cutting; /* the first parcel with bytes that are in no piece yet */
    link_piece_t *ring;     /* of sequences acked .. next - 1 */
    size_t capacity;
    uint64_t acked; /* first sequence that is not acknowledged */
    uint64_t next;  /* first sequence not given yet */
    uint64_t lost_count;
    uint64_t lost_from; /* no lost piece before it */
} link_out_t;

typedef enum { ASSEMBLY_IDLE, ASSEMBLY_FILLING, ASSEMBLY_SKIPPING } link_assembly_state_t;

/* The receiving half of a class. */
typedef struct {
    message_t **ring; /* pieces that arrived beyond a gap, by sequence */
    size_t capacity;
    uint64_t next; /* the sequence expected next */
    uint64_t highest;
    bool ack_wanted;
    link_assembly_state_t state;
    frames_t frames;
    buf_t *head; /* being filled: envelope and map */
    buf_t *body;
    size_t head_bytes, envelope_bytes, data_bytes;
    bool has_data;
    size_t filled_bytes;
} link_in_t;

typedef struct {
    bool open;    /* the transport says so */
    bool greeted; /* the peer's hello came over it; data may go */
    bool was_open;
    int64_t hello_due_us;   /* LINK_NEVER: none wanted */
    bool answer_due;        /* the peer asked for our hello */
    int64_t answer_last_us; /* answers to strangers' pieces are rationed */
    uint64_t next_order;
    uint64_t arrived_order[CLASS_COUNT];
    uint64_t flying_bytes;
    uint64_t flying_count;
    int64_t progress_us; /* something of this connection was acknowledged, or first sent */
    unsigned backoff;
    int64_t rtt_us; /* of pieces, acknowledgement delay included; 0 unknown */
    int64_t rtt_variation_us;
} link_connection_t;

typedef struct {
    uint64_t delivered_bytes; /* as the peer counts */
    int64_t delivered_us;
    int64_t first_sent_us;  /* when the piece acknowledged last was sent */
    uint64_t limited_until; /* samples are of a sender with little to say until this much is delivered */
    uint64_t rates[LINK_RATE_SLOTS];
    int64_t slot_us; /* when the newest slot began */
    size_t slot;
    uint64_t rate;           /* the greatest of rates */
    int64_t rtt_us;          /* smoothed, of pings */
    int64_t rtt_least_us[2]; /* of this and the last period */
    int64_t rtt_period_us;
} link_estimate_t;

typedef struct {
    int64_t release_us;
    message_t *message;
} link_wire_item_t;

typedef struct {
    link_wire_item_t *items; /* ring */
    size_t capacity, head, count;
    int64_t last_release_us;
} link_wire_line_t;

typedef struct {
    rng_t rng;
    int64_t free_ns; /* when the emulated wire has put out what it was given */
    int64_t outage_until_us;
    link_wire_line_t *lines; /* per connection */
} link_wire_t;

struct link {
    link_spec_t spec;
    char own_name[WIRE_NAME_SIZE];
    char peer_name[WIRE_NAME_SIZE];
    int64_t now_us;
    uint64_t peer_session; /* 0: not met */
    uint64_t peer_run;     /* as it said in this session; RUN_ID_NONE: it does not know */
    uint64_t past[LINK_PAST_MAX];
    size_t past_next;
    int64_t heard_us;     /* when something of the peer's session arrived last */
    uint64_t contender;   /* session that claims the place of the peer's; 0: none has */
    int64_t contended_us; /* since when */
    int64_t refused_until_us;
    backoff_t refused_wait;
    size_t connection_count; /* control included */
    link_connection_t *connections;
    link_out_t out[CLASS_COUNT];
    link_in_t in[CLASS_COUNT];
    uint64_t flying_bytes[2]; /* control, all others */
    uint64_t held_bytes;      /* arrived beyond gaps */
    uint64_t taken_bytes;     /* new payload of this session of the peer */
    uint64_t unacked_bytes;   /* arrived since the last acknowledgement */
    int64_t ack_due_us;
    frames_t *delivered;
    size_t delivered_capacity, delivered_head, delivered_count;
    int64_t ping_due_us;
    bool pong_due;
    int64_t pong_stamp_us;
    int64_t pinged_us; /* when a ping of ours was answered last; LINK_NEVER: not yet */
    link_estimate_t estimate;
    link_width_t width;
    uint64_t reaches[LINK_REACH_WORDS];
    link_wire_t wire;
    link_stats_t stats;
};

/* link_out.c */
void link_out_init(link_t *self);
void link_out_fini(link_t *self);
/* a new session of the peer: number again, from the start of each parcel */
void link_out_restart(link_t *self);
bool link_out_ready(const link_t *self);
message_t *link_out_take(link_t *self, uint64_t *ret_connection);
/* Everything of `class` below `next` has arrived, and the given ranges beyond it. */
void link_out_acked(link_t *self, size_t class, uint64_t next);
void link_out_arrived(link_t *self, size_t class, const wire_ranges_t *beyond);
void link_out_connection_lost(link_t *self, uint64_t connection);
void link_out_tick(link_t *self);
int64_t link_out_due(const link_t *self);
uint64_t link_window_bytes(const link_t *self);

/* link_in.c */
void link_in_init(link_t *self);
void link_in_fini(link_t *self);
void link_in_restart(link_t *self);
bool link_in_data(link_t *self, message_t **message_p); /* false: malformed */
bool link_in_ack_ready(const link_t *self);
message_t *link_in_take_ack(link_t *self);

/* link_greet.c */
void link_greet_hello(link_t *self, uint64_t connection, const message_t *message);
void link_greet_stranger(link_t *self, uint64_t connection);
bool link_greet_ready(const link_t *self);
message_t *link_greet_take(link_t *self, uint64_t *ret_connection);
void link_greet_ping(link_t *self, const message_t *message);
void link_greet_tick(link_t *self);
int64_t link_greet_due(const link_t *self);

/* link_estimate.c */
void link_estimate_init(link_estimate_t *self, int64_t now_us);
link_stamp_t link_estimate_stamp(link_estimate_t *self, bool idle, int64_t now_us);
void link_estimate_sample(link_estimate_t *self, const link_stamp_t *stamp, int64_t sent_us, int64_t now_us);
void link_estimate_delivered(link_estimate_t *self, uint64_t delivered_bytes, int64_t now_us);
void link_estimate_rtt(link_estimate_t *self, int64_t rtt_us, int64_t now_us);
int64_t link_estimate_rtt_least(const link_estimate_t *self); /* 0: unknown */

/* link_width.c */
void link_width_init(link_t *self);
void link_width_tick(link_t *self);
void link_width_idle(link_t *self);                  /* there was nothing to send */
void link_width_wish(link_t *self, uint64_t wanted); /* of the other end */

/* link_emulate.c */
void link_wire_init(link_t *self);
void link_wire_fini(link_t *self);
bool link_wire_free(const link_t *self); /* the next one may be put on the wire now */
void link_wire_put(link_t *self, uint64_t connection, message_t **message_p);
message_t *link_wire_take(link_t *self, uint64_t *ret_connection);
void link_wire_clear(link_t *self, uint64_t connection);
bool link_wire_out(const link_t *self); /* an outage is on */
int64_t link_wire_due(const link_t *self, bool ready);
uint64_t link_message_bytes(const message_t *message);

#endif
