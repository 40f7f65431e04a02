/* roles - the roles that there are, as questions that the rest of the system asks instead of naming one.
 *
 * Why      a role is a row of roles.def, a folder of its own, and a row where it is started; whoever places,
 *          ends, routes or shows actors asks the row, and knows no role by name.
 * Rules    a role's own protocol may name it: leases are about workers, copies about keepers.
 * Threads  rows are constant.
 */
#ifndef CODEC_WIRE_ROLES_H
#define CODEC_WIRE_ROLES_H

#include "codec/base/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum {
#define ROLE(id, ...) ROLE_##id,
#include "codec/wire/roles.def"
    ROLE_NONE,   /* of a name: of no role that there is */
    ROLE_HOSTED, /* of a SENDER row: every role that nodes host */
} actor_role_t;

/* How its names are written (actor_name.h). */
typedef enum {
    NAMED_ALONE,    /* ROLE/REGION: there is one in a region */
    NAMED_NUMBERED, /* ROLE/REGION/NUMBER */
    NAMED_CALLED,   /* ROLE/REGION/PART */
} role_named_t;

/* How many of it a regional scheduler has nodes host, and where. */
typedef enum {
    PLACED_NEVER,        /* a process of its own; nobody places it */
    PLACED_PER_SHARD,    /* one for each of the region's shards; one that stores, where its snapshots are */
    PLACED_BESIDE_SHARD, /* one for each shard and on its node, where there are several regions */
    PLACED_AS_NEEDED,    /* as many as there is work for; one that is not there is not missed */
    PLACED_PER_NODE, /* by the node's name, where the room that needs them says so; nobody waits for one */
    PLACED_ONCE,     /* one in a region */
    PLACED_COUNT,
} role_placed_t;

/* By what one is told from another that claims its name at a broker. */
typedef enum {
    CLAIMS_NOT,            /* it is not: the newer has it */
    CLAIMS_BY_INCARNATION, /* of its state directory and start */
    CLAIMS_BY_LIFE,        /* of its process */
} role_claims_t;

#define ROLE_STOPS_LAST 3 /* it serves other nodes and ends with its own */

typedef struct {
    const char *text; /* "shard" */
    size_t length;    /* of text */
    const char *one;  /* "a shard" */
    role_named_t named;
    role_placed_t placed;
    unsigned
        starts; /* it is placed when all with a lower number have run, so that each finds those it talks to */
    unsigned stops;     /* and told to end when all with a lower number have ended, up to ROLE_STOPS_LAST */
    bool stores;        /* has a store of its own in its node's state directory */
    bool computes;      /* counts as load of its node; others move bytes */
    bool reads_samples; /* its process opens the region's data */
    bool hears_links;   /* is told by its broker how other regions are reached */
    bool in_run;        /* what it says or is told crosses only to a region of the same run */
    role_claims_t claims;
    unsigned explains; /* why everything stands still: of those that wait the one with the greatest number */
} role_row_t;

extern const role_row_t role_rows[ROLE_NONE + 1];

/* Of ROLE_NONE too: one that is nothing and does nothing. In the header, as every message asks. */
static inline const role_row_t *role_row(actor_role_t role)
{
    CHECK(role <= ROLE_NONE);
    return &role_rows[role];
}

/* Returns whether nodes host it. */
static inline bool role_is_hosted(actor_role_t role)
{
    return role_row(role)->placed != PLACED_NEVER;
}

#endif
