/* hosting_threads - actors that are threads of this process. */
#include "actors/node/hosting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
    bool used;
    char name[WIRE_NAME_SIZE];
    uint64_t incarnation;
    shell_t *shell; /* NULL: it was killed, or could not be started */
    err_t why;      /* then */
    bool ready;     /* was told */
} guest_t;

typedef struct {
    hosting_spec_t with;
    int event_fd; /* an actor's state has changed */
    guest_t guests[NODE_ACTORS_MAX];
} threads_t;

/* ---- commands ---- */

/* The one that runs; of any incarnation when that is 0. */
static guest_t *s_find(threads_t *self, const char *name, uint64_t incarnation)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        guest_t *guest = &self->guests[i];
        if (guest->used && guest->shell && !strcmp(guest->name, name) &&
            (!incarnation || guest->incarnation == incarnation))
            return guest;
    }
    return NULL;
}

static guest_t *s_free_place(threads_t *self)
{
    size_t i = 0;
    while (i < NODE_ACTORS_MAX && self->guests[i].used)
        i++;
    CHECK(i < NODE_ACTORS_MAX); /* the node counts them */
    return &self->guests[i];
}

/* Ended from outside: to be told with the next take. */
static void s_end(threads_t *self, guest_t *guest, err_code_t code, const char *reason)
{
    shell_destroy(&guest->shell);
    err_set(&guest->why, code, "%s", reason);
    eventfd_write(self->event_fd, 1);
}

static void s_start(threads_t *self, const node_command_t *command)
{
    guest_t *predecessor = s_find(self, command->actor, 0);
    if (predecessor)
        s_end(self, predecessor, ERR_STOPPED, "ended for its successor");
    guest_t *guest = s_free_place(self);
    *guest = (guest_t){.used = true, .incarnation = command->incarnation};
    memcpy(guest->name, command->actor, sizeof guest->name);
    shell_spec_t spec = {.name = guest->name,
                         .incarnation = command->incarnation,
                         .run = command->run,
                         .find = self->with.find,
                         .find_hint = self->with.find_hint,
                         .notify_fd = self->event_fd};
    if (hosting_fill(&self->with, command, &spec))
        guest->shell = shell_start(&spec);
    else
        s_end(self, guest, ERR_NOT_FOUND, "there is no such actor in this job");
}

static void s_command(void *hosting, const node_command_t *command, int64_t now_us)
{
    (void)now_us;
    threads_t *self = hosting;
    if (command->verb == NODE_START) {
        s_start(self, command);
        return;
    }
    guest_t *guest = s_find(self, command->actor, command->incarnation);
    if (!guest)
        return;
    if (command->verb == NODE_KILL) {
        s_end(self, guest, ERR_STOPPED, "ended where it stood");
        return;
    }
    message_t *stop = message_new(KIND_stop, command->actor, self->with.node);
    stop->stop.done = command->done;
    shell_post(guest->shell, &stop);
}

/* ---- what became of them ---- */

static bool s_look(guest_t *guest, hosting_event_t *ret_event)
{
    err_t why = guest->why;
    shell_state_t state = guest->shell ? shell_state(guest->shell, &why) : SHELL_ENDED;
    if (state == SHELL_STARTING || (state == SHELL_READY && guest->ready))
        return false;
    *ret_event = (hosting_event_t){.ended = state == SHELL_ENDED, .incarnation = guest->incarnation};
    memcpy(ret_event->actor, guest->name, sizeof ret_event->actor);
    guest->ready = true;
    if (ret_event->ended) {
        ret_event->why = why;
        shell_destroy(&guest->shell);
        guest->used = false;
    }
    return true;
}

static bool s_take(void *hosting, hosting_event_t *ret_event, int64_t now_us)
{
    (void)now_us;
    threads_t *self = hosting;
    eventfd_t ignored;
    eventfd_read(self->event_fd, &ignored);
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        if (self->guests[i].used && s_look(&self->guests[i], ret_event)) {
            eventfd_write(self->event_fd, 1); /* there may be more */
            return true;
        }
    return false;
}

/* ---- life ---- */

static err_code_t s_open(const hosting_spec_t *spec, void **ret_self, err_t *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_LIMIT, "no more descriptors; raise the limit of open files");
    threads_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->with = *spec;
    self->event_fd = fd;
    *ret_self = self;
    return ERR_OK;
}

static void s_close(void **self_p)
{
    threads_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        shell_destroy(&self->guests[i].shell);
    close(self->event_fd);
    free(self);
}

static int s_fd(const void *hosting)
{
    const threads_t *self = hosting;
    return self->event_fd;
}

static int64_t s_due(const void *hosting)
{
    (void)hosting;
    return ROLE_NEVER;
}

const hosting_ops_t hosting_threads = {
    .open = s_open, .close = s_close, .command = s_command, .take = s_take, .fd = s_fd, .due = s_due};
