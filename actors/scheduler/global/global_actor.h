/* global_actor - the shell of the global scheduler, with an observer who sees it a few times a second.
 *
 * Restart  goes on from what the one before it kept, until global_actor_forget.
 * Why      status files, progress bars and reports are read from the core in its own thread; nothing is
 *          copied twice.
 * Threads  see actors/kit/shell.h; the observer is called in the actor's thread.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_ACTOR_H
#define ACTORS_SCHEDULER_GLOBAL_ACTOR_H

#include "actors/kit/shell.h"
#include "actors/scheduler/global/global_core.h"

#define GLOBAL_OBSERVE_US 250000
#define GLOBAL_STARTS_FILE                                                                                   \
    "scheduler-global" /* in the run folder: how often one was started, its incarnation */

/* Called every GLOBAL_OBSERVE_US, and once more with `last` when the core has finished or the actor ends.
 * Returns what whoever asks is shown (the caller's), or NULL. */
typedef buf_t *global_observe_fn(void *hint, const global_core_t *core, int64_t now_us, bool last);

typedef struct {
    const topology_t *topology; /* this and the next are borrowed for the life of the actor */
    const char *state_dir;
    const global_plan_with_t *plan; /* borrowed too; NULL: nothing is rented by plan */
    global_observe_fn *observe;     /* NULL: nobody */
    void *observe_hint;
} global_actor_t;

/* Fills role, ops and hint of a shell's spec. */
void global_actor_fill(const global_actor_t *self, shell_spec_t *spec);

/* The run that was kept is over, its report is written: the next scheduler begins a run of its own. Called
 * when none runs there. Errors: those of kv_lmdb_open and kv_commit. */
MUST_USE err_code_t global_actor_forget(const char *state_dir, err_t *err);

/* Asks a running one for a drain: everything stops where it can go on from, and it ends when that is done. */
void global_actor_drain(shell_t *shell, int64_t patience_us);

/* Asks it for a common point of that name; what becomes of it global_core_mark tells its observer. */
void global_actor_mark(shell_t *shell, const char *name, bool fresh);

/* The topology's file has changed; copied. */
void global_actor_reread(shell_t *shell, const topology_t *changed);

/* Tells it that the process of a region has died. */
void global_actor_region_failed(shell_t *shell, size_t region_index, err_code_t code, const char *reason);

#endif
