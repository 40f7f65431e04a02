/* shell - the thin czmq actor around a core: it polls, decodes, calls the core, and sends what the core wants
 * sent.
 *
 * Why      one loop for all roles. A role adds only how its core is made and which effects it has
 *          (shell_ops_t).
 * How      one thread; one DEALER to the region's broker, in this process or not; hello at once and every
 *          second. When the broker does not answer, the endpoint is looked up again and a new socket is made.
 *          Until the broker knows the actor, what it wants sent is held back.
 * Start    shell_start returns at once, the state is STARTING; then it becomes READY, or ENDED with the
 *          reason: czmq's zactor_new would lose a failed start. shell_wait_ready waits for that.
 * Threads  an actor's functions run in its thread; shell_start, _call, _state and _destroy belong to the one
 *          that started it.
 * Limits   SHELL_HELD_MAX messages are held back for a broker that is away; further ones are dropped, and
 *          sent again by the core, as after any loss.
 */
#ifndef ACTORS_KIT_SHELL_H
#define ACTORS_KIT_SHELL_H

#include "actors/kit/role.h"
#include "brokers/topology.h"

#define SHELL_HELD_MAX 1024

typedef struct shell shell_t;

/* The part that a role adds; every function runs in the actor's thread and gets `hint` of the spec. Only open
 * is required. */
typedef struct {
    /* Makes the core; may raise *incarnation, for an actor that has its own stored. */
    err_code_t (*open)(void *hint, uint64_t *incarnation, void **ret_core, err_t *err);
    /* Effects of the core, after messages and ticks; returns when it wants to be called at the latest, now_us
     * for at once (messages are read in between), ROLE_NEVER for when something happens. */
    int64_t (*work)(void *hint, void *core, int64_t now_us);
    /* A descriptor that wakes the actor when readable; work must make it unreadable. */
    int (*fd)(void *hint);
    /* Before the core goes: whatever else works with what it has lent ends. */
    void (*halt)(void *hint);
    /* The broker has answered: this actor is not cut off. Optional. */
    void (*heard)(void *hint, void *core, int64_t now_us);
    /* Why a finished core failed; ERR_OK when it did not. */
    err_code_t (*failure)(void *hint, void *core, err_t *err);
    /* After the core is gone, also when open failed. Gives the hint back. */
    void (*close)(void *hint);
} shell_ops_t;

typedef err_code_t shell_find_fn(void *hint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err);

typedef struct {
    const char *name; /* "shard/eu/2"; copied */
    uint64_t incarnation;
    uint64_t run; /* that it was placed in; RUN_ID_NONE: it belongs to none, or finds out itself */
    const role_t *role;
    const shell_ops_t *ops;
    void *hint;          /* the actor's; given back by ops->close */
    shell_find_fn *find; /* where the broker is; any thread, must outlive the shell */
    void *find_hint;
    int notify_fd; /* an eventfd that is written when the state changes; -1: nobody is told */
} shell_spec_t;

typedef enum { SHELL_STARTING, SHELL_READY, SHELL_ENDED } shell_state_t;

/* Starts the actor's thread. The hint is given back by ops->close whatever happens. */
shell_t *shell_start(const shell_spec_t *spec);

/* Where it stands; when it has ended, ret_failure says why (code ERR_OK: it has finished). */
shell_state_t shell_state(shell_t *self, err_t *ret_failure);

/* Returns whether it has ended because the broker knew a newer incarnation when it registered for the first
 * time, and which: its starter may have lost count. One that was registered and is refused later has been
 * replaced. */
bool shell_outbid(shell_t *self, uint64_t *ret_newest);

/* Returns when it is READY; or the reason for which it ended before that. */
MUST_USE err_code_t shell_wait_ready(shell_t *self, err_t *err);

/* Has a function called with the core in the actor's thread, soon; never when the actor ends before.
 * `free_fn` (may be NULL) is called with arg in any case. */
typedef void shell_call_fn(void *core, void *arg, int64_t now_us);
typedef void shell_free_fn(void *arg);
void shell_call(shell_t *self, shell_call_fn *fn, void *arg, shell_free_fn *free_fn);

/* Gives the core a message as if the broker had brought it; takes the message. */
void shell_post(shell_t *self, message_t **message_p);

/* Ends the actor where it stands, without draining (a drain is a `stop` message), and waits for its thread.
 */
void shell_destroy(shell_t **self_p);

#endif
