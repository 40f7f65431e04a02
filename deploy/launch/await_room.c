#include "deploy/launch/await_room.h"

#include "actors/kit/clock.h"
#include "actors/kit/process.h"
#include "codec/base/log.h"
#include "deploy/launch/command.h"
#include "deploy/launch/host.h"
#include "codec/base/outlet.h"
#include "deploy/state/holders.h"

#include <signal.h>
#include <unistd.h>

#define AWAIT_ROOM_LOOK_MS 500
#define AWAIT_ROOM_SAY_US 10000000 /* between two lines of the log */

/* A parent that does not listen is gone, or looks for itself. */
static void s_tell_parent(const char *why)
{
    process_lines_t lines;
    process_lines_init(&lines, STDIN_FILENO);
    if (process_lines_say(&lines, AWAIT_ROOM_WORD "%s%s", why[0] ? " " : "", why))
        return;
}

static void s_say_full(const await_room_t *self, const char *why, bool first)
{
    log_event(LEVEL_WARN, self->where, "waits_for_room", "reason=\"%s\"; goes on when there is room", why);
    if (self->parent)
        s_tell_parent(why);
    else if (first)
        outlet_say("cloudless: %s: waits for room: %s\n", self->where, why);
}

static void s_go_on(const await_room_t *self)
{
    log_event(LEVEL_INFO, self->where, "goes_on", "reason=\"there is room again\"");
    if (self->parent)
        s_tell_parent("");
}

/* Returns whether it may be tried again; false when it is told to end. */
static bool s_pause(const await_room_t *self, host_t *host)
{
    host_event_t event = host_wait(host, AWAIT_ROOM_LOOK_MS);
    if (self->parent && process_is_orphan(self->parent))
        _exit(EXIT_FAILED);
    bool parents = self->parent && (event.signal == SIGINT || event.signal == HOST_HANGUP);
    return !event.signal || event.signal == SIGHUP || parents;
}

static err_code_t s_await(const await_room_t *self, await_room_step_fn *step, void *hint, host_t *host,
                          err_t *err)
{
    int64_t said_us = 0;
    err_code_t rc = ERR_FULL;
    while (rc == ERR_FULL) {
        int64_t now_us = clock_now_us();
        if (!said_us || now_us - said_us >= AWAIT_ROOM_SAY_US) {
            s_say_full(self, err->text, !said_us);
            said_us = now_us;
        }
        if (!s_pause(self, host))
            return err_set(err, ERR_STOPPED, "told to end while it waited for room");
        *err = (err_t){0};
        rc = step(hint, err);
    }
    s_go_on(self);
    return rc;
}

err_code_t await_room(const await_room_t *self, await_room_step_fn *step, void *hint, err_t *err)
{
    bool again = state_is_kept(self->state_dir);
    err_code_t rc = step(hint, err);
    if (rc != ERR_FULL || !again)
        return rc;
    host_t host;
    host_init(&host);
    rc = s_await(self, step, hint, &host, err);
    host_fini(&host);
    return rc;
}

typedef struct {
    launch_t *launch;
    const char *role;
    bool echo;
} joining_t;

static err_code_t s_join(void *hint, err_t *err)
{
    const joining_t *self = hint;
    err_code_t rc = launch_join_state(self->launch, self->role, err);
    if (!rc)
        rc = launch_open_log(self->launch, self->role, self->echo, err);
    if (!rc && self->launch->carried[0]) {
        log_event(LEVEL_INFO, self->role, "carried_on", "with=\"%s\"", self->launch->carried);
        outlet_say("carried on with %s\n", self->launch->carried);
    }
    return rc;
}

err_code_t await_room_join(launch_t *launch, const char *where, const char *role, bool echo, err_t *err)
{
    joining_t joining = {launch, role, echo};
    await_room_t who = {.where = where, .state_dir = launch->state_dir};
    return await_room(&who, s_join, &joining, err);
}
