/* link - the connection of two regions' brokers: a pure core that turns messages into pieces and back.
 *
 * Why      the WAN is thin and shaky: control must not wait behind gradients, nothing may be lost over a
 *          reconnect, one TCP flow does not fill a long path, and synchronizers need to know rate and round
 *          trip. How four classes by priority, each with its own sequence; messages cut into pieces of
 *          piece_bytes; pieces are kept until acknowledged (at most window_bytes on their way) and sent again
 *          on a gap, on a time-out or after a reconnect; control goes on connection 0, everything else is
 *          spread over connections 1 .. connections. Emulated with emulate set, what leaves is delayed by
 *          half the round trip (and jitter), limited to the rate and lost with the given probability, inside
 *          this core: a laptop shows what a WAN would do. Time monotonic microseconds given by the caller; no
 *          sockets, no clock, no threads in here. Limits queue_max_bytes wait to be sent: beyond it link_send
 *          says ERR_FULL and the sender tries again later.
 */
#ifndef BROKERS_LINK_H
#define BROKERS_LINK_H

#include "codec/base/machine.h"
#include "codec/wire/message.h"

typedef struct {
    char local[WIRE_NAME_SIZE]; /* region names */
    char remote[WIRE_NAME_SIZE];
    char digest[WIRE_NAME_SIZE]; /* of the topology; a peer with another is refused */
    uint64_t session;            /* random, not 0 */
    uint64_t run; /* identity of the run, as far as it is known; a peer of another is refused */
    uint64_t pid; /* who this is, for people */
    char host[MACHINE_NAME_MAX];
    uint64_t connections;   /* for data, at least 1 */
    bool measure;           /* use as many of them as carry more: begins with LINK_CONNECTIONS_FIRST */
    size_t piece_bytes;     /* 0: 64 KiB, less on links so thin that this would take longer than 20 ms */
    size_t window_bytes;    /* most bytes sent and not acknowledged; 0: follows rate x round trip */
    size_t queue_max_bytes; /* default 256 MiB when 0 */
    bool emulate;
    uint64_t rate_bytes_per_s; /* 0: unlimited */
    int64_t rtt_us;
    int64_t jitter_us;
    double loss;
    uint64_t seed; /* of jitter and loss */
} link_spec_t;

#define LINK_REACH_WORDS 2 /* a bit for each region */

typedef struct {
    bool up; /* a ping was answered within LINK_DEAD_US, both ways */
    uint64_t rate_bytes_per_s;
    int64_t rtt_us;
    uint64_t queued_bytes;
    uint64_t sent_bytes; /* as on the wire: pieces and their headers */
    uint64_t received_bytes;
    uint64_t resent_bytes;
    uint64_t reconnects;                /* sessions or connections begun anew */
    uint64_t refused;                   /* malformed or foreign frames */
    uint64_t connections;               /* that data is spread over now */
    bool foreign;                       /* the last hello was of another job, run or region */
    bool turned_away;                   /* the other end has refused this one, which greets again later */
    uint64_t reaches[LINK_REACH_WORDS]; /* what the other end said last */
} link_stats_t;

#define LINK_DEAD_US 5000000
#define LINK_PING_US 500000
#define LINK_REFUSED_US 500000
#define LINK_REFUSED_MOST_US 8000000
#define LINK_CONNECTIONS_MAX 64 /* for data */
#define LINK_CONNECTIONS_FIRST 2
#define LINK_CONNECTIONS_MEASURED 16 /* the most that measuring finds */
#define LINK_PIECE_MAX (1u << 20)    /* a larger piece is refused */
#define LINK_OUTSTANDING_MAX 65536   /* pieces per class between the oldest not acknowledged and the newest */
#define LINK_HELD_MAX (64u << 20)    /* bytes kept beyond gaps; more is dropped and comes again */

typedef struct link link_t;

link_t *link_new(const link_spec_t *spec, int64_t now_us);
void link_destroy(link_t **self_p);

/* The frames of one message, as a broker forwards them without decoding. */
typedef struct {
    slice_t envelope;
    slice_t map;
    slice_t data; /* buf NULL when there is no data frame */
} frames_t;
void frames_fini(frames_t *self);
size_t frames_size(const frames_t *self);

/* Queues a message (takes the slices on success). ERR_FULL: the queue is at its limit. ERR_LIMIT: a frame is
 * over its limit (MESSAGE_*_MAX) or there is no envelope. */
MUST_USE err_code_t link_send(link_t *self, message_class_t class, frames_t *frames, int64_t now_us);

/* A message (link_*) came in on a connection; takes it. */
void link_message(link_t *self, uint64_t connection, message_t **message_p, int64_t now_us);

/* Two brokers of a region: the one whose session the link has stays as long as it is there.
 *
 * Whether a hello of `session` may be taken. ERR_IN_USE: another session is there, heard of since this one
 * claimed its place; ERR_TIMEOUT: not decided yet, the hello is to be left unanswered; ERR_STALE: the
 * session has been replaced. */
MUST_USE err_code_t link_contend(link_t *self, uint64_t session, int64_t now_us);

/* For the control connection of who is there: a hello that asks for another one, past the emulated wire. */
message_t *link_probe(link_t *self);

/* The other end has refused (kind link_hello) what this one said on a connection: it greets again later, each
 * time after twice the time up to LINK_REFUSED_MOST_US; where its session was replaced, with the fresh
 * one. */
void link_refused(link_t *self, uint64_t connection, const message_t *refused, uint64_t fresh_session,
                  int64_t now_us);

/* Which run this end belongs to is known now: it is said at once, and a peer of another one is a peer no
 * more. */
void link_set_run(link_t *self, uint64_t run, int64_t now_us);

/* Both ends have said to which run they belong, and it is the same one. */
bool link_is_of_run(const link_t *self);

/* The peer's session is over, when it is that one: nothing of it is taken any more. */
void link_part(link_t *self, uint64_t session, int64_t now_us);

/* A connection was (re)made by the transport: greets, and sends again what may be lost. */
void link_connected(link_t *self, uint64_t connection, int64_t now_us);

/* The transport lost it: what flew on it goes over another. Not needed for correctness, only for speed. */
void link_disconnected(link_t *self, uint64_t connection, int64_t now_us);

void link_tick(link_t *self, int64_t now_us);
int64_t link_due(const link_t *self);

/* Returns what is to be sent now: a link_* message and the connection it goes on; NULL when nothing. The
 * caller owns it. */
message_t *link_take_outgoing(link_t *self, uint64_t *ret_connection);

/* The next message that arrived whole, once and in its class's order; false when none. */
bool link_take_delivered(link_t *self, frames_t *ret_frames);

/* Emulated: another rate and round trip from now on; what is on the way already arrives as it would have. */
void link_change(link_t *self, uint64_t rate_bytes_per_s, int64_t rtt_us);

/* Emulated outage: until then nothing leaves or arrives (tests, laboratory). 0 ends it. */
void link_outage(link_t *self, int64_t until_us);

/* Data connections that are worth being open; grows only. */
uint64_t link_wanted(const link_t *self);

/* Said with every ping: the regions that this one reaches by links of its own, a bit each. */
void link_set_reaches(link_t *self, const uint64_t reaches[LINK_REACH_WORDS]);

bool link_idle(const link_t *self); /* nothing queued or unacknowledged */
link_stats_t link_stats(const link_t *self);

#endif
