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
} hosting_slot_t;

typedef struct {
    hosting_spec_t with;
    int event_fd; /* an actor's state has changed */
    hosting_slot_t slots[NODE_ACTORS_MAX];
} threads_t;

/* ---- commands ---- */

/* The one that runs; of any incarnation when that is 0. */
static hosting_slot_t *s_find_shell(threads_t *self, const char *name, uint64_t incarnation)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        hosting_slot_t *slot = &self->slots[i];
        if (slot->used && slot->shell && !strcmp(slot->name, name) &&
            (!incarnation || slot->incarnation == incarnation))
            return slot;
    }
    return NULL;
}

static hosting_slot_t *s_free_place(threads_t *self)
{
    size_t i = 0;
    while (i < NODE_ACTORS_MAX && self->slots[i].used)
        i++;
    CHECK(i < NODE_ACTORS_MAX); /* the node counts them */
    return &self->slots[i];
}

/* Ended from outside: to be told with the next take. */
static void s_end_in_thread(threads_t *self, hosting_slot_t *slot, err_code_t code, const char *reason)
{
    shell_destroy(&slot->shell);
    err_set(&slot->why, code, "%s", reason);
    eventfd_write(self->event_fd, 1);
}

static void s_start_in_thread(threads_t *self, const node_command_t *command)
{
    hosting_slot_t *predecessor = s_find_shell(self, command->actor, 0);
    if (predecessor)
        s_end_in_thread(self, predecessor, ERR_STOPPED, "ended for its successor");
    hosting_slot_t *slot = s_free_place(self);
    *slot = (hosting_slot_t){.used = true, .incarnation = command->incarnation};
    memcpy(slot->name, command->actor, sizeof slot->name);
    shell_spec_t spec = {.name = slot->name,
                         .incarnation = command->incarnation,
                         .run = command->run,
                         .find = self->with.find,
                         .find_hint = self->with.find_hint,
                         .notify_fd = self->event_fd};
    if (hosting_fill(&self->with, command, &spec))
        slot->shell = shell_start(&spec);
    else
        s_end_in_thread(self, slot, ERR_NOT_FOUND, "there is no such actor in this job");
}

static void s_command_threads(void *hosting, const node_command_t *command, int64_t now_us)
{
    (void)now_us;
    threads_t *self = hosting;
    if (command->verb == NODE_START) {
        s_start_in_thread(self, command);
        return;
    }
    hosting_slot_t *slot = s_find_shell(self, command->actor, command->incarnation);
    if (!slot)
        return;
    if (command->verb == NODE_KILL) {
        s_end_in_thread(self, slot, ERR_STOPPED, "ended where it stood");
        return;
    }
    message_t *stop = message_new(KIND_stop, command->actor, self->with.node);
    stop->stop.done = command->done;
    shell_post(slot->shell, &stop);
}

/* ---- what became of them ---- */

static bool s_look_at_shell(hosting_slot_t *slot, hosting_event_t *ret_event)
{
    err_t why = slot->why;
    shell_state_t state = slot->shell ? shell_state(slot->shell, &why) : SHELL_ENDED;
    if (state == SHELL_STARTING || (state == SHELL_READY && slot->ready))
        return false;
    *ret_event = (hosting_event_t){.ended = state == SHELL_ENDED, .incarnation = slot->incarnation};
    memcpy(ret_event->actor, slot->name, sizeof ret_event->actor);
    slot->ready = true;
    if (ret_event->ended) {
        ret_event->why = why;
        shell_destroy(&slot->shell);
        slot->used = false;
    }
    return true;
}

static bool s_take_threads(void *hosting, hosting_event_t *ret_event, int64_t now_us)
{
    (void)now_us;
    threads_t *self = hosting;
    eventfd_t ignored;
    eventfd_read(self->event_fd, &ignored);
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        if (self->slots[i].used && s_look_at_shell(&self->slots[i], ret_event)) {
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

static void s_close_threads(void **self_p)
{
    threads_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        shell_destroy(&self->slots[i].shell);
    close(self->event_fd);
    free(self);
}

static int s_fd_threads(const void *hosting)
{
    const threads_t *self = hosting;
    return self->event_fd;
}

static int64_t s_due_threads(const void *hosting)
{
    (void)hosting;
    return ROLE_NEVER;
}

const hosting_ops_t hosting_threads = {.open = s_open,
                                       .close = s_close_threads,
                                       .command = s_command_threads,
                                       .take = s_take_threads,
                                       .fd = s_fd_threads,
                                       .due = s_due_threads};
