/* actor_name - names of actors: ROLE/REGION, ROLE/REGION/NUMBER or ROLE/REGION/PART, made and taken apart in
 * this file alone.
 *
 * Why      what a name says is relied upon from the brokers to the command line: the table of roles
 *          (roles.def) says how each is written.
 * How      of some roles there is one in a region ("scheduler/eu"), some are counted ("shard/eu/2"), some
 *          have a part of their own ("node/eu/a"). The global scheduler has "global" in the place
 *          of its region.
 * Not      whether the region is in the topology, or the number below some count.
 * Threads  pure.
 * Limits   WIRE_NAME_SIZE; topologies and the command line keep names below it. What is longer is cut off.
 */
#ifndef CODEC_WIRE_ACTOR_NAME_H
#define CODEC_WIRE_ACTOR_NAME_H

#include "codec/wire/message.h"
#include "codec/wire/roles.h"

#define ACTOR_GLOBAL_REGION "global"
#define ACTOR_GLOBAL "scheduler/" ACTOR_GLOBAL_REGION
#define ACTOR_NO_NUMBER UINT64_MAX

/* ---- making ---- */

/* By value, for use in the expression that makes it: actor_name(ROLE_SCHEDULER, region).text. */
typedef struct {
    wire_name_t text;
} actor_name_t;

actor_name_t actor_name(actor_role_t role, const char *region); /* scheduler, broker */
actor_name_t actor_name_numbered(actor_role_t role, const char *region,
                                 uint64_t number); /* shard, synchronizer, worker */
actor_name_t actor_name_called(actor_role_t role, const char *region,
                               const char *part); /* node, keeper, watcher */
/* The one of a role that has no numbers, or that of this number. */
actor_name_t actor_name_nth(actor_role_t role, const char *region, uint64_t number);

/* ---- taking apart ---- */

/* Points into the name. */
typedef struct {
    actor_role_t role;
    const char *region, *rest;
    size_t region_length, rest_length; /* of the rest 0: "scheduler/eu", and "shard/eu/" */
    uint64_t number; /* the rest; ACTOR_NO_NUMBER: it is none, or written as actor_name_numbered does not */
} actor_parts_t;

/* False: it has no region. A name of no role that there is has parts too: a broker hands on to whoever
 * registers.
 *
 *   in   name  (length) need not be terminated
 */
bool actor_split(const char *name, size_t length, actor_parts_t *ret_parts);

/* Returns whether the region is this one. */
bool actor_is_in(const actor_parts_t *parts, const char *region);

/* The role that a name begins with, whatever follows; ROLE_NONE: none that there is. */
actor_role_t actor_role_of(const char *name);

/* The role of this text: "shard". ROLE_NONE: there is none. */
actor_role_t actor_role_find(const char *text);

/* Returns whether a name is of this role and region, with or without a third part as the role wants it. */
bool actor_is_of(const char *name, actor_role_t role, const char *region);

#endif
