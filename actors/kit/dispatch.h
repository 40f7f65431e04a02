/* dispatch - which messages a core takes, from whom and when: one row per kind, looked at in one place.
 *
 * Why      who may say what to a role is read in one table, and what becomes of a message that does not fit
 *          has one wording.
 * How      a name says what its bearer is (ROLE/REGION/NUMBER), `dispatch_self_t` what the core is, and so
 *          who is its own scheduler, its peer, a worker of its region. A row names the senders as a set. Who
 *          is obeyed, the scheduler above a core, has one newest incarnation: what an older one says is
 *          refused, but for a refusal, which is never answered. A kind without a row is not for this role:
 *          brokers tell everybody things that few need.
 * Rules    the rows of one kind are tried in order, and the first that fits is taken: a kind that means one
 *          thing from a keeper and another from a peer has two rows. `phase` is the core's own enum, a row's
 *          `phases` the set of those in which it is taken.
 * Not      what is in a message: handlers check that. Nor whether a name is in the topology.
 * Threads  pure but for `*newest`; the table is constant.
 */
#ifndef ACTORS_KIT_DISPATCH_H
#define ACTORS_KIT_DISPATCH_H

#include "codec/wire/message.h"

#define DISPATCH_IN(phase) (1u << (phase)) /* a set of phases */
#define DISPATCH_ALWAYS UINT32_MAX
#define DISPATCH_NO_NUMBER SIZE_MAX

/* Sets of senders: FROM_ID for each SENDER row of roles.def, where each is described. */
enum {
#define SENDER(id, ...) SENDER_##id,
#include "codec/wire/roles.def"
    SENDER_ANYBODY
};
typedef enum {
    FROM_NOBODY = 0,
#define SENDER(id, ...) FROM_##id = 1 << SENDER_##id,
#include "codec/wire/roles.def"
    FROM_ANYBODY = 1 << SENDER_ANYBODY,
} sender_t;

typedef struct {
    const char *region; /* borrowed */
    size_t number; /* of a shard or synchronizer; DISPATCH_NO_NUMBER: it has none, and is nobody's peer */
} dispatch_self_t;

/* Returns whether somebody of this name is one of the senders. */
bool sender_is(unsigned senders, const dispatch_self_t *self, const char *name);

typedef struct {
    message_kind_t kind;
    unsigned senders; /* FROM_... */
    unsigned phases;  /* DISPATCH_IN(...) | ..., or DISPATCH_ALWAYS */
    void (*handle)(void *core, message_t **message_p, int64_t now_us); /* may take the message */
} dispatch_row_t;

typedef struct {
    const dispatch_row_t *rows;
    size_t count;
    sender_t obeys; /* FROM_SCHEDULER, FROM_GLOBAL or FROM_NOBODY */
} dispatch_t;

typedef enum {
    /* no row: it is not for this role */
    DISPATCH_ACCEPTED,
    DISPATCH_FOREIGN,
    DISPATCH_DENIED, /* rows, but not for this sender */
    DISPATCH_STALE,  /* of a scheduler that has a successor */
    DISPATCH_EARLY,  /* not in this phase; it is said again, as everything that matters is */
} dispatch_verdict_t;

/* The fate of a message.
 *
 *   inout  newest   of who is obeyed, the newest incarnation that was heard; raised by what it says
 *   out    ret_row  the row that takes it; set with DISPATCH_ACCEPTED alone
 */
dispatch_verdict_t dispatch_judge(const dispatch_t *table, const dispatch_self_t *self,
                                  const message_t *message, unsigned phase, uint64_t *newest,
                                  const dispatch_row_t **ret_row);

/* Says what its sender is told of a verdict: code ERR_STALE or ERR_DENIED and one line. ERR_OK: nothing. */
err_code_t dispatch_why(dispatch_verdict_t verdict, const message_t *message, err_t *ret_why);

#endif
