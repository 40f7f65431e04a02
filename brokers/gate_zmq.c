#include "brokers/gate_zmq.h"

#include "codec/base/log.h"
#include "codec/base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define GATE_RESERVE_MOST 1024
#define GATE_BACKLOG_MOST 256
#define GATE_LOOK_MS 200 /* while it is shut */

struct gate {
    void *socket, *events; /* the latter the thread's */
    char name[64], endpoint[64];
    int listening_fd; /* -1: not yet */
    bool shut, told;
    pthread_t thread;
};

size_t gate_shut_from(size_t limit)
{
    size_t reserve = limit / 2 < GATE_RESERVE_MOST ? limit / 2 : GATE_RESERVE_MOST;
    return limit - reserve;
}

int gate_backlog(size_t limit)
{
    size_t backlog = limit / 8 < GATE_BACKLOG_MOST ? limit / 8 : GATE_BACKLOG_MOST;
    return (int)backlog;
}

/* The lowest free descriptor says how many are used at least. */
static size_t s_lowest_free(const gate_t *self)
{
    int fd = fcntl(self->listening_fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? (size_t)fd : SIZE_MAX;
}

size_t gate_limit(void)
{
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) ? GATE_LEAST : (size_t)files.rlim_cur;
}

static void s_set(gate_t *self, bool shut)
{
    struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog filter = {.len = 1, .filter = nothing};
    int option = shut ? SO_ATTACH_FILTER : SO_DETACH_FILTER;
    if (setsockopt(self->listening_fd, SOL_SOCKET, option, &filter, sizeof filter))
        return;
    self->shut = shut;
    if (shut && !self->told)
        log_event(LEVEL_WARN, self->name, "gate",
                  "open_files=%zu; nobody new is let in until connections that say nothing are closed; raise "
                  "ulimit -n if they are wanted",
                  gate_limit());
    self->told = true;
}

static void s_look_at_descriptors(gate_t *self)
{
    if (self->listening_fd < 0)
        return;
    size_t from = gate_shut_from(gate_limit()), free_fd = s_lowest_free(self);
    if (!self->shut && free_fd >= from)
        s_set(self, true);
    else if (self->shut && free_fd < from - from / 8)
        s_set(self, false);
}

/* False: the socket is gone. */
static bool s_take_event(gate_t *self)
{
    zmq_msg_t head, address;
    zmq_msg_init(&head);
    zmq_msg_init(&address);
    uint16_t event = ZMQ_EVENT_MONITOR_STOPPED;
    int32_t value = -1;
    if (zmq_msg_recv(&head, self->events, 0) == sizeof event + sizeof value &&
        zmq_msg_recv(&address, self->events, 0) >= 0) {
        memcpy(&event, zmq_msg_data(&head), sizeof event);
        memcpy(&value, (const char *)zmq_msg_data(&head) + sizeof event, sizeof value);
        bool tcp = zmq_msg_size(&address) > 4 && !memcmp(zmq_msg_data(&address), "tcp:", 4);
        if (event == ZMQ_EVENT_LISTENING && tcp)
            self->listening_fd = value;
    }
    zmq_msg_close(&head);
    zmq_msg_close(&address);
    return event != ZMQ_EVENT_MONITOR_STOPPED;
}

static void *s_run_gate(void *hint)
{
    gate_t *self = hint;
    zmq_pollitem_t item = {.socket = self->events, .events = ZMQ_POLLIN};
    bool going = true;
    while (going) {
        int ready = zmq_poll(&item, 1, self->shut ? GATE_LOOK_MS : -1);
        if (ready < 0 && errno != EINTR)
            break;
        if (ready > 0)
            going = s_take_event(self);
        if (going)
            s_look_at_descriptors(self);
    }
    zmq_close(self->events);
    return NULL;
}

err_code_t gate_open(void *context, void *socket, const char *name, gate_t **ret_self, err_t *err)
{
    gate_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->socket = socket;
    self->listening_fd = -1;
    snprintf(self->name, sizeof self->name, "%s", name);
    snprintf(self->endpoint, sizeof self->endpoint, "inproc://gate-%016llx",
             (unsigned long long)rng_entropy());
    const int none = 0, unlimited = 0; /* the socket's own thread must never wait for this one */
    bool monitored = !zmq_socket_monitor(
        socket, self->endpoint, ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_MONITOR_STOPPED);
    self->events = monitored ? zmq_socket(context, ZMQ_PAIR) : NULL;
    if (self->events && !zmq_setsockopt(self->events, ZMQ_LINGER, &none, sizeof none) &&
        !zmq_setsockopt(self->events, ZMQ_RCVHWM, &unlimited, sizeof unlimited) &&
        !zmq_connect(self->events, self->endpoint) &&
        !pthread_create(&self->thread, NULL, s_run_gate, self)) {
        *ret_self = self;
        return ERR_OK;
    }
    err_code_t rc = err_set(err, ERR_LIMIT, "%s: no more sockets or threads: %s", name, strerror(errno));
    if (self->events)
        zmq_close(self->events);
    if (monitored)
        zmq_socket_monitor(socket, NULL, 0);
    free(self);
    return rc;
}

void gate_close(gate_t **self_p)
{
    gate_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    zmq_socket_monitor(self->socket, NULL, 0); /* tells the thread */
    pthread_join(self->thread, NULL);
    free(self);
}
