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
} house_t;

typedef struct {
    bool used;
    char name[WIRE_NAME_SIZE];
    uint64_t incarnation;
    house_t *house;
    hosting_event_t event; /* what is to be told next ... */
    bool tells;            /* ... if anything */
    bool ended;
    int64_t kill_us; /* when its process is killed for it; 0: never */
} guest_t;

typedef struct {
    hosting_spec_t with;
    int epoll_fd;
    house_t houses[NODE_ACTORS_MAX];
    guest_t guests[NODE_ACTORS_MAX];
} processes_t;

/* ---- guests ---- */

/* The one that runs; of any incarnation when that is 0. */
static guest_t *s_find(processes_t *self, const char *name, uint64_t incarnation)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        guest_t *guest = &self->guests[i];
        if (guest->used && !guest->ended && !strcmp(guest->name, name) &&
            (!incarnation || guest->incarnation == incarnation))
            return guest;
    }
    return NULL;
}

static guest_t *s_new_guest(processes_t *self, const char *name, uint64_t incarnation)
{
    size_t i = 0;
    while (i < NODE_ACTORS_MAX && self->guests[i].used)
        i++;
    CHECK(i < NODE_ACTORS_MAX); /* the node counts them */
    self->guests[i] = (guest_t){.used = true, .incarnation = incarnation};
    snprintf(self->guests[i].name, sizeof self->guests[i].name, "%s", name);
    return &self->guests[i];
}

static void s_tell(guest_t *guest, bool ended, err_code_t code, const char *reason)
{
    guest->tells = true;
    guest->ended = guest->ended || ended;
    guest->event = (hosting_event_t){.ended = ended, .incarnation = guest->incarnation};
    memcpy(guest->event.actor, guest->name, sizeof guest->event.actor);
    if (ended)
        guest->event.why.code = code;
    snprintf(guest->event.why.text, sizeof guest->event.why.text, "%s", reason);
}

/* ---- houses ---- */

/* Gone, by whatever: so are all who lived there. */
static void s_leave(processes_t *self, house_t *house, const char *reason)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        guest_t *guest = &self->guests[i];
        if (guest->used && !guest->ended && guest->house == house)
            s_tell(guest, true, ERR_STOPPED, reason);
    }
    epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, process_lines(house->process)->fd, NULL);
    process_destroy(&house->process);
}

static house_t *s_house(processes_t *self, const char *name)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        if (self->houses[i].process && !strcmp(self->houses[i].name, name))
            return &self->houses[i];
    return NULL;
}

static err_code_t s_build(processes_t *self, const char *name, house_t **ret_house, err_t *err)
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
    house_t *house = self->houses;
    while (house->process)
        house++;
    err_code_t rc = process_start(&spec, &house->process, err);
    if (rc)
        return rc;
    snprintf(house->name, sizeof house->name, "%s", name);
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = house};
    CHECK(epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, process_lines(house->process)->fd, &interest) == 0);
    *ret_house = house;
    return ERR_OK;
}

/* Where an actor is to live. In a process of its own nobody may be left of its predecessor. */
static err_code_t s_find_house(processes_t *self, const char *actor, house_t **ret_house, err_t *err)
{
    char name[WIRE_NAME_SIZE];
    bool shared = self->with.isolate != ISOLATE_ACTOR;
    snprintf(name, sizeof name, "%.*s", shared ? (int)strcspn(actor, "/") : WIRE_NAME_SIZE - 1, actor);
    house_t *house = s_house(self, name);
    if (house && !shared) {
        s_leave(self, house, "ended for its successor");
        house = NULL;
    }
    *ret_house = house;
    return house ? ERR_OK : s_build(self, name, ret_house, err);
}

/* ---- commands ---- */

static void s_say(processes_t *self, house_t *house, const node_command_t *command)
{
    char line[PROCESS_LINE_MAX];
    hosting_print_command(command, line, sizeof line);
    if (process_lines_say(process_lines(house->process), "%s", line))
        s_leave(self, house, "its process does not listen");
}

static void s_start(processes_t *self, const node_command_t *command)
{
    err_t err = {0};
    guest_t *predecessor = s_find(self, command->actor, 0);
    if (predecessor)
        s_leave(self, predecessor->house, "ended for its successor");
    guest_t *guest = s_new_guest(self, command->actor, command->incarnation);
    house_t *house;
    err_code_t rc = s_find_house(self, command->actor, &house, &err);
    if (rc) {
        s_tell(guest, true, rc, err.text);
        return;
    }
    guest->house = house;
    s_say(self, house, command);
}

static bool s_lives_alone(const processes_t *self, const guest_t *guest)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        const guest_t *other = &self->guests[i];
        if (other != guest && other->used && !other->ended && other->house == guest->house)
            return false;
    }
    return true;
}

static void s_command(void *hosting, const node_command_t *command, int64_t now_us)
{
    processes_t *self = hosting;
    if (command->verb == NODE_START) {
        s_start(self, command);
        return;
    }
    guest_t *guest = s_find(self, command->actor, command->incarnation);
    if (!guest)
        return;
    if (command->verb == NODE_KILL && s_lives_alone(self, guest)) {
        s_leave(self, guest->house, "ended where it stood");
        return;
    }
    if (command->verb == NODE_KILL)
        guest->kill_us = now_us + HOSTING_KILL_US;
    s_say(self, guest->house, command);
}

/* ---- what became of them ---- */

static void s_take_line(processes_t *self, const house_t *house, const char *line)
{
    hosting_event_t event;
    if (!hosting_parse_event(line, &event))
        return;
    guest_t *guest = s_find(self, event.actor, event.incarnation);
    if (guest && guest->house == house)
        s_tell(guest, event.ended, event.why.code, event.why.text);
}

static void s_hear(processes_t *self, house_t *house)
{
    char line[PROCESS_LINE_MAX], reason[PROCESS_LINE_MAX];
    int status = 0;
    while (house->process && process_lines_take(process_lines(house->process), line))
        s_take_line(self, house, line);
    if (!house->process || !process_lines(house->process)->ended ||
        !process_has_ended(house->process, &status))
        return;
    size_t length = (size_t)snprintf(reason, sizeof reason, "its process ");
    process_status_text(status, reason + length, sizeof reason - length);
    length = strlen(reason);
    snprintf(reason + length, sizeof reason - length, "; see the log of %s", self->with.node);
    s_leave(self, house, reason);
}

static void s_kill_the_deaf(processes_t *self, int64_t now_us)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        guest_t *guest = &self->guests[i];
        if (!guest->used || guest->ended || !guest->kill_us || now_us < guest->kill_us)
            continue;
        log_event(LEVEL_WARN, self->with.node, "host_hangs",
                  "actor=%s pid=%d; killing the process, its other actors start again", guest->name,
                  (int)process_pid(guest->house->process));
        s_leave(self, guest->house, "ended where it stood, with its process");
    }
}

static bool s_take_told(processes_t *self, hosting_event_t *ret_event)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        guest_t *guest = &self->guests[i];
        if (!guest->used || !guest->tells)
            continue;
        guest->tells = false;
        guest->used = !guest->ended;
        *ret_event = guest->event;
        return true;
    }
    return false;
}

static bool s_take(void *hosting, hosting_event_t *ret_event, int64_t now_us)
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

static void s_close(void **self_p)
{
    processes_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        process_destroy(&self->houses[i].process);
    close(self->epoll_fd);
    free(self);
}

static int s_fd(const void *hosting)
{
    const processes_t *self = hosting;
    return self->epoll_fd;
}

static int64_t s_due(const void *hosting)
{
    const processes_t *self = hosting;
    int64_t due_us = ROLE_NEVER;
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        const guest_t *guest = &self->guests[i];
        if (guest->used && !guest->ended && guest->kill_us && guest->kill_us < due_us)
            due_us = guest->kill_us;
    }
    return due_us;
}

const hosting_ops_t hosting_processes = {
    .open = s_open, .close = s_close, .command = s_command, .take = s_take, .fd = s_fd, .due = s_due};
