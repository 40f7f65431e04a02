/* route - who is connected to a broker: name of an actor -> routing id of its connection.
 *
 * Why      actors move, restart and are fenced; a broker must never hand a message to one that was replaced.
 * How      a name's greatest incarnation is remembered also when its actor is gone (a convenience: shards and
 *          keepers hold the fence that counts); of two connections with the same incarnation the newer one
 *          has the name.
 * Not      sending, sockets, time: the caller gives them.
 * Threads  one owner.      Limits   ROUTE_MAX names; beyond it names of actors that are gone are forgotten
 *          first.
 */
#ifndef BROKERS_ROUTE_H
#define BROKERS_ROUTE_H

#include "codec/wire/message.h"

#define ROUTE_MAX 16384
#define ROUTE_ID_MAX 32
#define ROUTE_CONTEND_US 2500000
#define ROUTE_EXPIRE_US 10000000 /* without a hello; they come once a second */

typedef struct {
    wire_name_t name;
    unsigned char id[ROUTE_ID_MAX];
    size_t id_size; /* 0: gone */
    uint64_t incarnation;
    uint64_t pid;     /* for people */
    uint64_t process; /* machine_process of its process; 0: not told */
    int64_t seen_us;
    uint64_t life;        /* of a scheduler: its start */
    uint64_t run;         /* that it was placed in; RUN_ID_NONE: it does not belong to one */
    wire_name_t host;     /* where its process is */
    uint64_t contender;   /* who claims the name meanwhile, from another disk or start; 0: nobody */
    int64_t contended_us; /* since when */
    buf_t *pending; /* a uint64_t that the sender keeps: bytes on their way to it. Shared, so that it outlives
                       the route */
} route_t;

typedef struct routes routes_t;

routes_t *routes_new(void);
void routes_destroy(routes_t **self_p);

/* Nodes name themselves: what the lower half of a node's incarnation says is its disk. One with another disk
 * than the node that is connected by its name has the name when that one is not heard of for
 * ROUTE_CONTEND_US. So has another start of a scheduler: of two the first stays, and never notices.
 *
 * Whether a hello may be taken. ERR_IN_USE: the other one has been heard of since; ERR_TIMEOUT: not decided
 * yet, the hello is to be left unanswered. */
MUST_USE err_code_t routes_contend(routes_t *self, const char *name, uint64_t incarnation, uint64_t life,
                                   int64_t now_us);

/* Notes who has registered, for the next one who claims the name. */
void routes_note(routes_t *self, const char *name, uint64_t life, uint64_t process, uint64_t run,
                 const char *host);

/* A hello. ERR_STALE: a greater incarnation has been here. ERR_LIMIT: too many names, or a name or id too
 * long. */
MUST_USE err_code_t routes_register(routes_t *self, const char *name, const void *id, size_t id_size,
                                    uint64_t incarnation, uint64_t pid, int64_t now_us);

/* The greatest incarnation that has registered by that name, also when it is gone; 0: none is remembered. */
uint64_t routes_newest(const routes_t *self, const char *name, size_t length);

/* The connected actor of that name, or NULL; borrowed until the next call that changes the table. */
const route_t *routes_find(const routes_t *self, const char *name, size_t length);

/* Its connection broke. */
void routes_gone(routes_t *self, const char *name, size_t length);

/* Forgets connections not heard of for ROUTE_EXPIRE_US; returns how many. */
size_t routes_expire(routes_t *self, int64_t now_us);

/* The connected ones: start with *position 0; NULL at the end. */
const route_t *routes_each(const routes_t *self, size_t *position);

#endif
