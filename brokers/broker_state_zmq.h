/* broker_state_zmq - the state of a broker, shared by the files broker*_zmq.c and by nobody else.
 *
 * Threads  what is above the line is written before the thread starts serving and read by both; what is below
 *          belongs to the thread.
 */
#ifndef BROKERS_BROKER_STATE_ZMQ_H
#define BROKERS_BROKER_STATE_ZMQ_H

#include "brokers/broker_fault_zmq.h"
#include "brokers/broker_files.h"
#include "brokers/frames_zmq.h"
#include "brokers/reach.h"
#include "codec/base/backoff.h"
#include "codec/base/rng.h"

#include <stdatomic.h>

/* One connection of a link. The listening side knows the routing id, the dialing side has sockets. */
typedef struct {
    unsigned char id[ROUTE_ID_MAX];
    size_t id_size;
    void *dealer;
    void *monitor;
} broker_side_t;

#define BROKER_WHO_MAX (WIRE_NAME_SIZE + 40)

typedef struct {
    const topology_link_t *spec;
    size_t region_index; /* of the other region */
    bool dials;
    link_t *link;
    broker_side_t *sides; /* control first */
    size_t side_count;
    size_t open_count; /* of a dialing peer: sides that have their socket, the first so many */
    bool cannot_open;
    char endpoint[TOPOLOGY_TEXT_MAX]; /* dialed now */
    bool parted; /* its control connection was lost and not made again: it may be up elsewhere */
    int64_t find_due_us;
    backoff_t find_pause;
    int64_t due_us;
    bool dirty;      /* something was told to the link since it was pumped */
    int64_t down_us; /* since when it is not up */
    int64_t up_us;   /* since when it is; as long as it is */
    bool was_up;
    struct {
        reach_t *reach; /* under way; NULL: not */
        int64_t reach_due_us, log_due_us;
        backoff_t reach_wait, log_wait;
        char text[REACH_TEXT_MAX]; /* the last reason; empty: none is known */
    } trouble;
    struct {
        uint64_t session; /* of the broker at the other end; a listening peer's, 0: none has been here */
        char who[BROKER_WHO_MAX];
        /* two brokers of that region, or another run: the last refusal, here or there */
        char rival[ERR_TEXT_MAX];
        int64_t rival_us, log_due_us;
    } caller;
    uint64_t detours; /* messages of this region for others that went over this one */
    uint64_t relayed; /* messages of other regions that were handed on to this one */
    bool up, foreign; /* as last logged */
} broker_peer_t;

#define BROKER_PARTS_MAX 3 /* frames of a message */

/* A message that a test lets another one overtake. */
typedef struct {
    wire_name_t to;
    zmq_msg_t parts[BROKER_PARTS_MAX];
    size_t count; /* 0: none */
} broker_held_t;

typedef struct {
    broker_fault_board_t *board; /* NULL: no faults */
    rng_t rng;
    broker_held_t held;
} broker_faults_t;

struct broker {
    broker_spec_t spec;
    const topology_region_t *region;
    char name[WIRE_NAME_SIZE]; /* broker/REGION */
    char inproc[64];
    char ipc[TOPOLOGY_TEXT_MAX];
    char tcp[TOPOLOGY_TEXT_MAX];
    struct _zactor_t *actor;
    void *context;   /* czmq's, so that inproc reaches the actors of this process */
    err_code_t code; /* of the start */
    err_t err;
    _Atomic int64_t linger_us;
    topology_link_t *_Atomic changed; /* the links as they are from now on; the thread takes them */
    /* -------------------------------------------------------------------------------------------------------
     */
    void *router;
    struct gate *gate; /* of the router's listener */
    routes_t *routes;
    uint64_t pid;
    uint64_t process; /* machine_process */
    broker_peer_t *peers;
    size_t peer_count;
    bool polls_changed; /* there are more sides to poll */
    int64_t now_us;
    int64_t traffic_us; /* when the router last had something */
    int64_t timer_due_us;
    int64_t run_due_us; /* when the directory is looked at again */
    uint64_t malformed;
    uint64_t malformed_logged;
    int64_t log_due_us;
    broker_faults_t faults;
};

/* broker_bind_zmq.c */
MUST_USE err_code_t broker_bind(broker_t *self, err_t *err);

/* broker_post_zmq.c: actors and routes. */
size_t broker_post_receive(broker_t *self, size_t at_most); /* returns how many messages there were */
void broker_post_delivered(broker_t *self, broker_peer_t *peer, const frames_t *frames);
void broker_post_timer(broker_t *self);
void broker_post_malformed(broker_t *self);
/* To an actor of this region; takes the parts on success. Errors: ERR_UNREACHABLE, ERR_FULL, ERR_IO. */
MUST_USE err_code_t broker_post_hand_over(broker_t *self, const route_t *route, zmq_msg_t *parts,
                                          size_t count);

/* broker_run_zmq.c: to which run this broker belongs. */
void broker_run_look(broker_t *self); /* while it is not known */
/* Returns whether a message may cross a link now. */
bool broker_run_may_cross(broker_t *self, const broker_peer_t *peer, const envelope_t *envelope);
/* Checks whether an actor of that run may register. Errors: ERR_JOB. */
MUST_USE err_code_t broker_run_admits(const broker_t *self, const message_t *hello, err_t *err);

/* broker_fault_zmq.c: what a test wants to go wrong; without faults a message is handed over as it is. */
void broker_fault_open(broker_t *self);
void broker_fault_release(broker_t *self); /* lets a message that was held back go */
bool broker_fault_cuts(const broker_t *self, size_t to);
MUST_USE err_code_t broker_fault_forward(broker_t *self, const route_t *route, zmq_msg_t *parts,
                                         size_t count);

/* broker_peer_zmq.c: links. */
MUST_USE err_code_t broker_peers_start(broker_t *self, err_t *err);
void broker_peers_stop(broker_t *self);
broker_peer_t *broker_peer_of(const broker_t *self, size_t region_index);
/* The neighbour that gets what is for a region: that region, or a relay; NULL when there is no way.
 * *ret_usable: it works now. */
broker_peer_t *broker_peer_toward(const broker_t *self, size_t region_index, bool *ret_usable);
void broker_peer_tune(const broker_peer_t *peer, int fd); /* of a link's tcp connection */
void broker_peer_send(broker_t *self, broker_peer_t *peer, uint64_t connection, const message_t *message);
void broker_peer_poll_items(const broker_t *self, zmq_pollitem_t *items); /* two per dialed side, in order */
size_t broker_peer_poll_count(const broker_t *self);
size_t broker_peer_poll_most(const broker_t *self); /* what it may become */
void broker_peer_polled(broker_t *self, const zmq_pollitem_t *items);
void broker_peers_pump(broker_t *self); /* those that are dirty or due */
int64_t broker_peers_due(const broker_t *self);
bool broker_peers_idle(const broker_t *self);
/* broker_greet_zmq.c: who is at the other end of a link, and who is not. */
/* A link_* message came in at the router from a connection; takes the frames' references on its own. */
void broker_peer_receive(broker_t *self, zmq_msg_t *id, const frames_t *frames);
/* A dialled broker answered with `refused`; takes it. */
void broker_peer_refused(broker_t *self, broker_peer_t *peer, uint64_t connection, message_t **message_p);
/* Two brokers of that region, as long as they are; empty: there are not. */
const char *broker_peer_rival(const broker_t *self, const broker_peer_t *peer);
/* broker_trouble_zmq.c: why a link is not up. */
void broker_trouble_look(broker_t *self, broker_peer_t *peer); /* now and then */
void broker_trouble_init(broker_peer_t *peer);
void broker_trouble_fini(broker_peer_t *peer);
void broker_trouble_tell(const broker_t *self, size_t region, const broker_peer_t *way,
                         message_t *link_state);

void broker_peers_change(broker_t *self, const topology_link_t *links); /* of the topology, as they are now */

#endif
