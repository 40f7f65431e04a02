#include "actors/kit/shell.h"

#include "actors/kit/timers.h"
#include "actors/kit/clock.h"
#include "actors/kit/shell_link.h"
#include "codec/base/failpoint.h"
#include "codec/base/log.h"
#include "codec/wire/actor_name.h"

#include <czmq.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SHELL_BATCH 64    /* messages read before the core's effects get their turn */
#define SHELL_SPIN_US 30  /* how long to look again before sleeping, when there was traffic just now */
#define SHELL_LOOK_US 500 /* between two looks at the pipe while there is traffic */
#define SHELL_COMPLAIN_US 1000000 /* between two log lines about bad bytes */

typedef struct shell_work {
    struct shell_work *next;
    shell_call_fn *fn;
    void *arg;
    shell_free_fn *free_fn;
} shell_work_t;

struct shell {
    shell_spec_t spec;
    char name[WIRE_NAME_SIZE];
    zactor_t *actor;

    pthread_mutex_t mutex; /* everything in this block */
    pthread_cond_t changed;
    shell_state_t state;
    err_t failure;
    uint64_t outbid_by; /* 0: was not */
    shell_work_t *calls, **calls_end;

    /* of the actor's thread alone */
    void *core;
    shell_link_t *link;
    bool quit, fenced, terminated;
    uint64_t bad_messages;
    int64_t complained_us;
};

/* ---- state ---- */

static void s_set_state(shell_t *self, shell_state_t state, const err_t *failure)
{
    pthread_mutex_lock(&self->mutex);
    self->state = state;
    if (failure)
        self->failure = *failure;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    if (self->spec.notify_fd >= 0)
        eventfd_write(self->spec.notify_fd, 1);
}

shell_state_t shell_state(shell_t *self, err_t *ret_failure)
{
    pthread_mutex_lock(&self->mutex);
    shell_state_t state = self->state;
    if (ret_failure && state == SHELL_ENDED)
        *ret_failure = self->failure;
    pthread_mutex_unlock(&self->mutex);
    return state;
}

bool shell_outbid(shell_t *self, uint64_t *ret_newest)
{
    pthread_mutex_lock(&self->mutex);
    *ret_newest = self->state == SHELL_ENDED ? self->outbid_by : 0;
    pthread_mutex_unlock(&self->mutex);
    return *ret_newest != 0;
}

err_code_t shell_wait_ready(shell_t *self, err_t *err)
{
    pthread_mutex_lock(&self->mutex);
    while (self->state == SHELL_STARTING)
        pthread_cond_wait(&self->changed, &self->mutex);
    err_code_t rc = self->state == SHELL_ENDED ? self->failure.code : ERR_OK;
    if (rc && err)
        *err = self->failure;
    pthread_mutex_unlock(&self->mutex);
    return rc;
}

/* ---- calls ---- */

static shell_work_t *s_take_calls(shell_t *self)
{
    pthread_mutex_lock(&self->mutex);
    shell_work_t *calls = self->calls;
    self->calls = NULL;
    self->calls_end = &self->calls;
    pthread_mutex_unlock(&self->mutex);
    return calls;
}

/* Runs or, without a core, only frees what was asked for. */
static void s_run_calls(shell_t *self)
{
    shell_work_t *call = s_take_calls(self);
    while (call) {
        shell_work_t *next = call->next;
        if (self->core)
            call->fn(self->core, call->arg, clock_now_us());
        if (call->free_fn)
            call->free_fn(call->arg);
        free(call);
        call = next;
    }
}

void shell_call(shell_t *self, shell_call_fn *fn, void *arg, shell_free_fn *free_fn)
{
    shell_work_t *call = malloc(sizeof *call);
    CHECK(call);
    *call = (shell_work_t){.fn = fn, .arg = arg, .free_fn = free_fn};
    pthread_mutex_lock(&self->mutex);
    bool ended = self->state == SHELL_ENDED;
    *self->calls_end = call;
    self->calls_end = &call->next;
    pthread_mutex_unlock(&self->mutex);
    if (!ended)
        zstr_send(self->actor, "CALL");
}

typedef struct {
    const role_t *role;
    message_t *message;
} shell_letter_t;

static void s_deliver(void *core, void *arg, int64_t now_us)
{
    shell_letter_t *letter = arg;
    letter->role->message(core, &letter->message, now_us);
}

static void s_free_letter(void *arg)
{
    shell_letter_t *letter = arg;
    message_destroy(&letter->message);
    free(letter);
}

void shell_post(shell_t *self, message_t **message_p)
{
    shell_letter_t *letter = malloc(sizeof *letter);
    CHECK(letter);
    *letter = (shell_letter_t){.role = self->spec.role, .message = *message_p};
    *message_p = NULL;
    shell_call(self, s_deliver, letter, s_free_letter);
}

/* ---- the loop ---- */

/* Bytes that are no message: counted, and reported at most once a second. */
static void s_complain(shell_t *self, const err_t *err, int64_t now_us)
{
    self->bad_messages++;
    if (now_us - self->complained_us < SHELL_COMPLAIN_US)
        return;
    self->complained_us = now_us;
    log_event(LEVEL_WARN, self->name, "bad_message", "count=%llu reason=\"%s\"; dropping",
              (unsigned long long)self->bad_messages, err->text);
}

/* The broker knows a newer incarnation of this actor, or belongs to another run: whoever is out of place
 * must not act. */
static bool s_is_fence(const message_t *message)
{
    return message->kind == KIND_refused && message->refused.kind == KIND_hello &&
           (message->refused.code == ERR_STALE || message->refused.code == ERR_JOB);
}

static void s_take_fence(shell_t *self, const message_t *message)
{
    self->fenced = self->quit = true;
    pthread_mutex_lock(&self->mutex);
    self->outbid_by = shell_link_was_registered(self->link) ? 0 : message->refused.newest;
    pthread_mutex_unlock(&self->mutex);
    log_event(LEVEL_WARN, self->name, "fenced", "incarnation=%llu newest=%llu reason=\"%s\"; leaving",
              (unsigned long long)self->spec.incarnation, (unsigned long long)message->refused.newest,
              message->refused.reason ? message->refused.reason : "");
}

/* Reads and handles a bounded batch; returns how many messages there were. */
static size_t s_read(shell_t *self)
{
    size_t count = 0;
    for (; count < SHELL_BATCH && !self->quit; count++) {
        err_t err = {0};
        message_t *message = NULL;
        err_code_t rc = shell_link_receive(self->link, &message, &err);
        if (rc == ERR_NOT_FOUND || rc == ERR_IO)
            break;
        int64_t now_us = clock_now_us();
        if (rc) {
            s_complain(self, &err, now_us);
            continue;
        }
        if (s_is_fence(message))
            s_take_fence(self, message);
        else if (message->kind != KIND_registered)
            self->spec.role->message(self->core, &message, now_us);
        else if (self->spec.ops->heard)
            self->spec.ops->heard(self->spec.hint, self->core, now_us);
        message_destroy(&message);
    }
    return count;
}

#ifdef CLOUDLESS_FAILPOINTS
/* A message that the socket has is out of this process's hands, whether it arrives or not. */
static void s_failpoint_sent(const shell_t *self, message_kind_t kind)
{
    static const struct {
        message_kind_t kind;
        actor_role_t role;
        failpoint_t point;
    } points[] = {
#define SENT(its_role, message, failpoint) {KIND_##message, ROLE_##its_role, FAILPOINT_##failpoint},
#include "codec/wire/roles.def"
    };
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        if (points[i].kind == kind && points[i].role == actor_role_of(self->name))
            failpoint_hit(points[i].point);
}
#else
static void s_failpoint_sent(const shell_t *self, message_kind_t kind)
{
    (void)self;
    (void)kind;
}
#endif

/* Hands everything the core wants sent to the link; returns whether there was anything. */
static bool s_send_outbox(shell_t *self)
{
    outbox_t *outbox = self->spec.role->outbox(self->core);
    message_t *message;
    bool any = false;
    while ((message = outbox_take(outbox))) {
        any = true;
        message_kind_t kind = message->kind;
        if (message->kind == KIND_status && !strcmp(message->status.actor, self->name))
            message->status.pid = (uint64_t)getpid(); /* cores know of no processes */
        shell_link_send(self->link, &message);
        s_failpoint_sent(self, kind);
    }
    return any;
}

/* One turn: messages, ticks, effects, outbox. Returns when the next turn is needed. */
static int64_t s_turn(shell_t *self, bool *ret_traffic)
{
    const role_t *role = self->spec.role;
    *ret_traffic = s_read(self) > 0;
    int64_t now_us = clock_now_us();
    if (role->due(self->core) <= now_us)
        role->tick(self->core, now_us);
    int64_t due_us = ROLE_NEVER;
    if (self->spec.ops->work) {
        due_us = self->spec.ops->work(self->spec.hint, self->core, now_us);
        if (due_us <= now_us)
            *ret_traffic = true;
    }
    *ret_traffic |= s_send_outbox(self);
    return timer_first(due_us, timer_first(role->due(self->core), shell_link_due(self->link)));
}

static void s_read_pipe(shell_t *self, zsock_t *pipe)
{
    char *command = zstr_recv(pipe);
    if (!command || streq(command, "$TERM"))
        self->quit = self->terminated = true;
    else
        s_run_calls(self);
    zstr_free(&command);
}

static void s_sleep(shell_t *self, zsock_t *pipe, int64_t due_us)
{
    int64_t now_us = clock_now_us();
    long timeout_ms = due_us == ROLE_NEVER ? 1000
                      : due_us <= now_us   ? 0
                                           : (long)((due_us - now_us + 999) / 1000);
    int fd = self->spec.ops->fd ? self->spec.ops->fd(self->spec.hint) : -1;
    zmq_pollitem_t items[3] = {{.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN}};
    int count = 1;
    void *socket = shell_link_socket(self->link);
    if (socket)
        items[count++] = (zmq_pollitem_t){.socket = socket, .events = ZMQ_POLLIN};
    if (fd >= 0)
        items[count++] = (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
    if (zmq_poll(items, count, timeout_ms < 1000 ? timeout_ms : 1000) < 0) {
        if (errno != EINTR)
            self->quit = true;
    } else if (items[0].revents) {
        s_read_pipe(self, pipe);
    }
}

/* Looks for the next message a little longer: sleeping and waking costs more than a reply takes. Where cores
 * are scarce the one that makes the reply goes first. */
static bool s_spin(shell_t *self)
{
    int64_t end_us = clock_now_us() + SHELL_SPIN_US;
    do {
        if (shell_link_readable(self->link))
            return true;
        sched_yield();
    } while (clock_now_us() < end_us);
    return false;
}

static void s_loop_shell(shell_t *self, zsock_t *pipe)
{
    int64_t look_us = 0;
    while (!self->quit) {
        bool traffic;
        shell_link_tick(self->link, clock_now_us());
        int64_t due_us = s_turn(self, &traffic);
        if (self->spec.role->finished(self->core))
            return;
        if (self->quit)
            return;
        if (traffic && s_spin(self)) {
            if (clock_now_us() < look_us)
                continue;
            due_us = 0; /* looks at the pipe, and goes on */
        }
        s_sleep(self, pipe, due_us);
        look_us = clock_now_us() + SHELL_LOOK_US;
    }
}

static void s_outcome(shell_t *self, err_t *ret_failure)
{
    *ret_failure = (err_t){0};
    if (self->fenced)
        err_set(ret_failure, ERR_STALE,
                "another process by the name %s has taken over; give every node a name of its own",
                self->name);
    else if (!self->spec.role->finished(self->core))
        err_set(ret_failure, ERR_STOPPED, "stopped where it stood");
    else if (self->spec.ops->failure)
        ret_failure->code = self->spec.ops->failure(self->spec.hint, self->core, ret_failure);
}

static void s_run_shell(shell_t *self, zsock_t *pipe)
{
    err_t failure = {0};
    failure.code = self->spec.ops->open(self->spec.hint, &self->spec.incarnation, &self->core, &failure);
    if (!failure.code) {
        self->link = shell_link_new(self->name, self->spec.incarnation, self->spec.run, self->spec.find,
                                    self->spec.find_hint);
        s_set_state(self, SHELL_READY, NULL);
        s_loop_shell(self, pipe);
        if (self->spec.ops->halt)
            self->spec.ops->halt(self->spec.hint);
        s_outcome(self, &failure);
        shell_link_destroy(&self->link, failure.code != ERR_STALE);
        self->spec.role->destroy(&self->core);
        self->core = NULL;
    }
    if (self->spec.ops->close)
        self->spec.ops->close(self->spec.hint);
    s_set_state(self, SHELL_ENDED, &failure);
}

static void s_actor(zsock_t *pipe, void *args)
{
    shell_t *self = args;
    zsock_signal(pipe, 0);
    s_run_shell(self, pipe);
    while (!self->terminated) /* the owner ends it: who writes into a pipe without a reader hangs */
        s_read_pipe(self, pipe);
}

/* ---- life ---- */

shell_t *shell_start(const shell_spec_t *spec)
{
    shell_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    snprintf(self->name, sizeof self->name, "%s", spec->name);
    self->spec.name = self->name;
    self->calls_end = &self->calls;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->actor = zactor_new(s_actor, self);
    CHECK(self->actor);
    return self;
}

void shell_destroy(shell_t **self_p)
{
    shell_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    zactor_destroy(&self->actor);
    s_run_calls(self);
    pthread_mutex_destroy(&self->mutex);
    pthread_cond_destroy(&self->changed);
    free(self);
}
