/* announcing - what a node says of itself: where it is, what its disk holds, whom it hosts, and when it
 * says that.
 *
 * Owns     what was known when the node started, and when it announced itself last.
 * Reads    hosted (who lives, and of which run).
 * Rules    at once, then often until something is placed here, and again while it leaves; then once a
 *          second, or as the topology says. A node that drains announces itself too: who is silent is
 *          taken for lost.
 * Who      node_core sends what announcing_fill has written.
 * Threads  one owner.
 */
#ifndef ACTORS_NODE_ANNOUNCING_H
#define ACTORS_NODE_ANNOUNCING_H

#include "actors/node/hosted.h"

#define NODE_HELD_MAX 256

typedef struct {
    const char *name;   /* "node/eu/a"; copied */
    const char *region; /* copied */
    const char *host;   /* copied */
    const char *digest; /* of the topology; copied */
    uint64_t pid;
    uint64_t process; /* machine_process */
    uint64_t cores;
    uint64_t samples; /* training samples of all regions */
    uint64_t incarnation;
    uint64_t run;     /* that its directory belongs to; RUN_ID_NONE: the first placement says */
    int64_t alone_us; /* hosting actors it ends after so long without a broker; 0: never */
    int64_t
        announce_us;   /* between two announcements, once something is placed; 0: as the scheduler expects */
    const char *offer; /* that it is a unit of; copied; NULL: of none */
    double samples_per_s; /* of one core; 0: not measured */
    const char *kernel;   /* of OpenBLAS; copied; NULL: not known */
    int64_t age_us;       /* since its process was started, when the core is made */
    size_t held_count;    /* shards whose snapshots lie here */
    announce_held_t held[NODE_HELD_MAX];
} node_spec_t;

typedef struct {
    node_spec_t spec; /* its texts are those below */
    wire_name_t name, region, host, digest, offer, kernel;
    int64_t begun_us; /* the node's first event; -1: none yet */
    int64_t said_us;  /* INT64_MIN: never */
} announcing_t;

/* Copies the spec with its texts; `self` stays where it is. */
void announcing_init(announcing_t *self, const node_spec_t *spec);

/* Writes an announcement.
 *
 *   in   leaving    the node has been told to end
 *        scheduler  newest incarnation of a scheduler that it has heard
 */
void announcing_fill(announcing_t *self, const hosted_t *hosted, bool leaving, uint64_t scheduler,
                     int64_t now_us, message_t *ret_announce);

/* When the next one is due; in the past for the first. */
int64_t announcing_due(const announcing_t *self, const hosted_t *hosted, bool leaving);

#endif
