/* hosting_processes - actors that run in processes of their own, or in one for each role, which this one
 * starts and buries. */
#include "actors/node/hosting.h"

#include "actors/kit/process.h"
#include "codec/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HOSTING_ARGUMENTS_MAX 32
#define HOSTING_KILL_US                                                                                      \
    1000000 /* how long a process has to end one of its actors before it is killed whole */

typedef struct {
    process_t *process;        /* NULL: the place is free */
    char name[WIRE_NAME_SIZE]; /* of its actor, or of the role of its actors */
} host_t;

typedef struct {
    bool used;
    char name[WIRE_NAME_SIZE];
    uint64_t incarnation;
    host_t *host;
    hosting_event_t event; /* what is to be told next ... */
    bool tells;            /* ... if anything */
    bool ended;
    int64_t kill_us; /* when its process is killed for it; 0: never */
} hosting_slot_t;

typedef struct {
    hosting_spec_t with;
    int epoll_fd;
    host_t hosts[NODE_ACTORS_MAX];
    hosting_slot_t slots[NODE_ACTORS_MAX];
} processes_t;

/* ---- hosted actors ---- */

/* The one that runs; of any incarnation when that is 0. */
static hosting_slot_t *s_find_slot(processes_t *self, const char *name, uint64_t incarnation)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        hosting_slot_t *slot = &self->slots[i];
        if (slot->used && !slot->ended && !strcmp(slot->name, name) &&
            (!incarnation || slot->incarnation == incarnation))
            return slot;
    }
    return NULL;
}

static hosting_slot_t *s_new_slot(processes_t *self, const char *name, uint64_t incarnation)
{
    size_t i = 0;
    while (i < NODE_ACTORS_MAX && self->slots[i].used)
        i++;
    CHECK(i < NODE_ACTORS_MAX); /* the node counts them */
    self->slots[i] = (hosting_slot_t){.used = true, .incarnation = incarnation};
    snprintf(self->slots[i].name, sizeof self->slots[i].name, "%s", name);
    return &self->slots[i];
}

static void s_tell_of(hosting_slot_t *slot, bool ended, err_code_t code, const char *reason)
{
    slot->tells = true;
    slot->ended = slot->ended || ended;
    slot->event = (hosting_event_t){.ended = ended, .incarnation = slot->incarnation};
    memcpy(slot->event.actor, slot->name, sizeof slot->event.actor);
    if (ended)
        slot->event.why.code = code;
    snprintf(slot->event.why.text, sizeof slot->event.why.text, "%s", reason);
}

/* ---- host processes ---- */

/* Gone, by whatever: so are all who lived there. */
static void s_leave(processes_t *self, host_t *host, const char *reason)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        hosting_slot_t *slot = &self->slots[i];
        if (slot->used && !slot->ended && slot->host == host)
            s_tell_of(slot, true, ERR_STOPPED, reason);
    }
    epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, process_lines(host->process)->fd, NULL);
    process_destroy(&host->process);
}

static host_t *s_host(processes_t *self, const char *name)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        if (self->hosts[i].process && !strcmp(self->hosts[i].name, name))
            return &self->hosts[i];
    return NULL;
}

static err_code_t s_build(processes_t *self, const char *name, host_t **ret_host, err_t *err)
{
    const char *arguments[HOSTING_ARGUMENTS_MAX + 1] = {0};
    size_t count = 0;
    while (self->with.host_arguments[count] && count < HOSTING_ARGUMENTS_MAX - 2) {
        arguments[count] = self->with.host_arguments[count];
        count++;
    }
    arguments[count++] = "--hosts"; /* people see in a list of processes which is which */
    arguments[count++] = name;
    process_spec_t spec = {
        .arguments = arguments, .output = STDERR_FILENO, .error = STDERR_FILENO, .own_group = true};
    host_t *host = self->hosts;
    while (host->process)
        host++;
    err_code_t rc = process_start(&spec, &host->process, err);
    if (rc)
        return rc;
    snprintf(host->name, sizeof host->name, "%s", name);
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = host};
    CHECK(epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, process_lines(host->process)->fd, &interest) == 0);
    *ret_host = host;
    return ERR_OK;
}

/* Where an actor is to live. In a process of its own nobody may be left of its predecessor. */
static err_code_t s_find_host(processes_t *self, const char *actor, host_t **ret_host, err_t *err)
{
    char name[WIRE_NAME_SIZE];
    bool shared = self->with.isolate != ISOLATE_ACTOR;
    snprintf(name, sizeof name, "%.*s", shared ? (int)strcspn(actor, "/") : WIRE_NAME_SIZE - 1, actor);
    host_t *host = s_host(self, name);
    if (host && !shared) {
        s_leave(self, host, "ended for its successor");
        host = NULL;
    }
    *ret_host = host;
    return host ? ERR_OK : s_build(self, name, ret_host, err);
}

/* ---- commands ---- */

static void s_say_command(processes_t *self, host_t *host, const node_command_t *command)
{
    char line[PROCESS_LINE_MAX];
    hosting_print_command(command, line, sizeof line);
    if (process_lines_say(process_lines(host->process), "%s", line))
        s_leave(self, host, "its process does not listen");
}

static void s_start_in_process(processes_t *self, const node_command_t *command)
{
    err_t err = {0};
    hosting_slot_t *predecessor = s_find_slot(self, command->actor, 0);
    if (predecessor)
        s_leave(self, predecessor->host, "ended for its successor");
    hosting_slot_t *slot = s_new_slot(self, command->actor, command->incarnation);
    host_t *host;
    err_code_t rc = s_find_host(self, command->actor, &host, &err);
    if (rc) {
        s_tell_of(slot, true, rc, err.text);
        return;
    }
    slot->host = host;
    s_say_command(self, host, command);
}

static bool s_lives_alone(const processes_t *self, const hosting_slot_t *slot)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        const hosting_slot_t *other = &self->slots[i];
        if (other != slot && other->used && !other->ended && other->host == slot->host)
            return false;
    }
    return true;
}

static void s_command_processes(void *hosting, const node_command_t *command, int64_t now_us)
{
    processes_t *self = hosting;
    if (command->verb == NODE_START) {
        s_start_in_process(self, command);
        return;
    }
    hosting_slot_t *slot = s_find_slot(self, command->actor, command->incarnation);
    if (!slot)
        return;
    if (command->verb == NODE_KILL && s_lives_alone(self, slot)) {
        s_leave(self, slot->host, "ended where it stood");
        return;
    }
    if (command->verb == NODE_KILL)
        slot->kill_us = now_us + HOSTING_KILL_US;
    s_say_command(self, slot->host, command);
}

/* ---- what became of them ---- */

static void s_take_line(processes_t *self, const host_t *host, const char *line)
{
    hosting_event_t event;
    if (!hosting_parse_event(line, &event))
        return;
    hosting_slot_t *slot = s_find_slot(self, event.actor, event.incarnation);
    if (slot && slot->host == host)
        s_tell_of(slot, event.ended, event.why.code, event.why.text);
}

static void s_hear(processes_t *self, host_t *host)
{
    char line[PROCESS_LINE_MAX], reason[PROCESS_LINE_MAX];
    int status = 0;
    while (host->process && process_lines_take(process_lines(host->process), line))
        s_take_line(self, host, line);
    if (!host->process || !process_lines(host->process)->ended || !process_has_ended(host->process, &status))
        return;
    size_t length = (size_t)snprintf(reason, sizeof reason, "its process ");
    process_status_text(status, reason + length, sizeof reason - length);
    length = strlen(reason);
    snprintf(reason + length, sizeof reason - length, "; see the log of %s", self->with.node);
    s_leave(self, host, reason);
}

static void s_kill_the_deaf(processes_t *self, int64_t now_us)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        hosting_slot_t *slot = &self->slots[i];
        if (!slot->used || slot->ended || !slot->kill_us || now_us < slot->kill_us)
            continue;
        log_event(LEVEL_WARN, self->with.node, "host_hangs",
                  "actor=%s pid=%d; killing the process, its other actors start again", slot->name,
                  (int)process_pid(slot->host->process));
        s_leave(self, slot->host, "ended where it stood, with its process");
    }
}

static bool s_take_told(processes_t *self, hosting_event_t *ret_event)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        hosting_slot_t *slot = &self->slots[i];
        if (!slot->used || !slot->tells)
            continue;
        slot->tells = false;
        slot->used = !slot->ended;
        *ret_event = slot->event;
        return true;
    }
    return false;
}

static bool s_take_processes(void *hosting, hosting_event_t *ret_event, int64_t now_us)
{
    processes_t *self = hosting;
    if (s_take_told(self, ret_event))
        return true;
    struct epoll_event heard[16];
    int count = epoll_wait(self->epoll_fd, heard, sizeof heard / sizeof *heard, 0);
    for (int i = 0; i < count; i++)
        s_hear(self, heard[i].data.ptr);
    s_kill_the_deaf(self, now_us);
    return s_take_told(self, ret_event);
}

/* ---- life ---- */

static err_code_t s_open(const hosting_spec_t *spec, void **ret_self, err_t *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_LIMIT, "no more descriptors; raise the limit of open files");
    processes_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->with = *spec;
    self->epoll_fd = fd;
    *ret_self = self;
    return ERR_OK;
}

static void s_close_processes(void **self_p)
{
    processes_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        process_destroy(&self->hosts[i].process);
    close(self->epoll_fd);
    free(self);
}

static int s_fd_processes(const void *hosting)
{
    const processes_t *self = hosting;
    return self->epoll_fd;
}

static int64_t s_due_processes(const void *hosting)
{
    const processes_t *self = hosting;
    int64_t due_us = ROLE_NEVER;
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        const hosting_slot_t *slot = &self->slots[i];
        if (slot->used && !slot->ended && slot->kill_us && slot->kill_us < due_us)
            due_us = slot->kill_us;
    }
    return due_us;
}

const hosting_ops_t hosting_processes = {.open = s_open,
                                         .close = s_close_processes,
                                         .command = s_command_processes,
                                         .take = s_take_processes,
                                         .fd = s_fd_processes,
                                         .due = s_due_processes};
