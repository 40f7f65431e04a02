#include "brokers/reach.h"

#include "codec/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REACH_STACK_BYTES (256u << 10)

/* Of its owner and its thread; the last of the two that lets it go frees it. */
struct reach {
    atomic_int holders;
    atomic_bool done;
    char endpoint[REACH_TEXT_MAX];
    char text[REACH_TEXT_MAX];
};

static void s_release(reach_t *self)
{
    if (atomic_fetch_sub(&self->holders, 1) == 1)
        free(self);
}

static int s_connect(int family, const struct sockaddr *address, socklen_t size)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
    if (fd < 0)
        return errno;
    if (connect(fd, address, size)) {
        struct pollfd item = {.fd = fd, .events = POLLOUT};
        socklen_t length = sizeof error;
        if (errno != EINPROGRESS)
            error = errno;
        else if (poll(&item, 1, REACH_PATIENCE_MS) <= 0)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
            error = errno;
    }
    close(fd);
    return error;
}

static void s_tell_why(reach_t *self, int error)
{
    if (error == ECONNREFUSED)
        snprintf(self->text, sizeof self->text, "connection refused: nobody listens there");
    else if (error == ETIMEDOUT)
        snprintf(self->text, sizeof self->text,
                 "no answer: the machine is away, or a firewall drops what is sent");
    else if (error)
        snprintf(self->text, sizeof self->text, "%s", strerror(error));
}

static void s_try_ipc(reach_t *self, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    s_tell_why(self, s_connect(AF_UNIX, (struct sockaddr *)&address, sizeof address));
}

/* Any of the name's addresses will do. */
static void s_try_tcp(reach_t *self, const char *place)
{
    char host[REACH_TEXT_MAX];
    snprintf(host, sizeof host, "%s", place[0] == '[' ? place + 1 : place);
    char *port = strrchr(host, ':');
    if (!port)
        return;
    *port++ = '\0';
    size_t length = strlen(host);
    if (length && host[length - 1] == ']')
        host[length - 1] = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int code = getaddrinfo(host, port, &hints, &found);
    if (code) {
        snprintf(self->text, sizeof self->text, "name unknown: %.100s (%s)", host, gai_strerror(code));
        return;
    }
    int error = 0;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        error = s_connect(at->ai_family, at->ai_addr, at->ai_addrlen);
        if (!error)
            break;
    }
    freeaddrinfo(found);
    s_tell_why(self, error);
}

static void *s_run_reach(void *hint)
{
    reach_t *self = hint;
    if (!strncmp(self->endpoint, "tcp://", 6))
        s_try_tcp(self, self->endpoint + 6);
    else if (!strncmp(self->endpoint, "ipc://", 6))
        s_try_ipc(self, self->endpoint + 6);
    atomic_store(&self->done, true);
    s_release(self);
    return NULL;
}

reach_t *reach_begin(const char *endpoint)
{
    reach_t *self = calloc(1, sizeof *self);
    CHECK(self);
    atomic_init(&self->holders, 2);
    snprintf(self->endpoint, sizeof self->endpoint, "%s", endpoint);
    pthread_attr_t how;
    pthread_t thread;
    pthread_attr_init(&how);
    pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&how, REACH_STACK_BYTES);
    int failed = pthread_create(&thread, &how, s_run_reach, self);
    pthread_attr_destroy(&how);
    if (!failed)
        return self;
    free(self);
    return NULL;
}

bool reach_done(const reach_t *self, char ret_text[REACH_TEXT_MAX])
{
    if (!atomic_load(&self->done))
        return false;
    memcpy(ret_text, self->text, REACH_TEXT_MAX);
    return true;
}

void reach_destroy(reach_t **self_p)
{
    reach_t *self = *self_p;
    *self_p = NULL;
    if (self)
        s_release(self);
}
