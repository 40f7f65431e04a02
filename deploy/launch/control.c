#include "deploy/launch/control.h"

#include "codec/base/log.h"
#include "store/file.h"
#include "store/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTROL_PEER_US ((int64_t)1000000) /* for each part of what a peer sends or takes */
#define CONTROL_PAUSE_MS 100               /* with no descriptors at all */
#define CONTROL_HEAD_MAX 24                /* "LENGTH\n" */
#define CONTROL_UNKNOWN "-\n"

struct control {
    const control_word_t *words;
    void *hint;
    char name[STATEDIR_NAME_MAX];
    int folder_fd, listen_fd, end_fd, spare_fd;
    pthread_t thread;
};

/* ---- addresses ---- */

/* However long the path is, and whatever it is called in this mount namespace: the folder is open, and what
 * is in it has a short name below /proc. */
static err_code_t s_address(int folder_fd, const char *name, struct sockaddr_un *ret_address, err_t *err)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "/proc/self/fd/%d/%s.sock",
                          folder_fd, name);
    if (length >= (int)sizeof ret_address->sun_path)
        return err_set(err, ERR_LIMIT, "control of %s: the name is too long for a socket", name);
    return ERR_OK;
}

static err_code_t s_open_folder(const char *state_dir, int *ret_fd, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/run", state_dir);
    *ret_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? err_set(err, file_code_of(errno), "control in %s: %s", path, strerror(errno))
                       : ERR_OK;
}

static void s_set_patience(int fd, int64_t patience_us)
{
    struct timeval time = {.tv_sec = patience_us / 1000000, .tv_usec = patience_us % 1000000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

/* ---- bytes ---- */

/* Either returns ERR_OK, ERR_TIMEOUT, or ERR_UNREACHABLE. */
static err_code_t s_send_bytes(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return errno == EAGAIN ? ERR_TIMEOUT : ERR_UNREACHABLE;
        bytes += sent;
        size -= (size_t)sent;
    }
    return ERR_OK;
}

static err_code_t s_receive(int fd, char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(fd, bytes, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 && errno == EAGAIN ? ERR_TIMEOUT : ERR_UNREACHABLE;
        bytes += got;
        size -= (size_t)got;
    }
    return ERR_OK;
}

/* A line without its end. Also ERR_LIMIT. */
static err_code_t s_receive_line(int fd, char *line, size_t size)
{
    for (size_t count = 0; count < size; count++) {
        err_code_t rc = s_receive(fd, line + count, 1);
        if (rc)
            return rc;
        if (line[count] == '\n') {
            line[count] = '\0';
            return ERR_OK;
        }
    }
    return ERR_LIMIT;
}

/* ---- answering ---- */

static const control_word_t *s_find_word(const control_t *self, const char *request)
{
    size_t length = strcspn(request, " ");
    for (const control_word_t *row = self->words; row->word; row++)
        if (strlen(row->word) == length && !strncmp(row->word, request, length))
            return row;
    return NULL;
}

static void s_serve(control_t *self, int fd)
{
    char request[CONTROL_REQUEST_MAX], head[CONTROL_HEAD_MAX];
    s_set_patience(fd, CONTROL_PEER_US);
    if (s_receive_line(fd, request, sizeof request))
        return;
    const control_word_t *row = s_find_word(self, request);
    if (!row) {
        (void)!s_send_bytes(fd, CONTROL_UNKNOWN, strlen(CONTROL_UNKNOWN));
        return;
    }
    const char *rest = request + strlen(row->word);
    char *answer = row->answer(self->hint, rest + (*rest == ' '));
    size_t size = strlen(answer);
    int length = snprintf(head, sizeof head, "%zu\n", size);
    if (!s_send_bytes(fd, head, (size_t)length))
        (void)!s_send_bytes(fd, answer, size);
    free(answer);
}

/* With no descriptors left the spare one is given up for as long as the answer takes. */
static void s_accept(control_t *self)
{
    int fd = accept4(self->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    bool none_left = fd < 0 && (errno == EMFILE || errno == ENFILE);
    if (none_left && self->spare_fd >= 0) {
        close(self->spare_fd);
        fd = accept4(self->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    }
    if (fd >= 0) {
        s_serve(self, fd);
        close(fd);
    }
    if (none_left)
        self->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (none_left && fd < 0)
        poll(&(struct pollfd){.fd = self->end_fd, .events = POLLIN}, 1, CONTROL_PAUSE_MS);
}

static void *s_run_control(void *hint)
{
    control_t *self = hint;
    struct pollfd items[] = {{.fd = self->end_fd, .events = POLLIN},
                             {.fd = self->listen_fd, .events = POLLIN}};
    for (;;) {
        if (poll(items, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (items[0].revents)
            return NULL;
        if (items[1].revents)
            s_accept(self);
    }
}

/* A socket that a killed process has left goes: this process alone may be it. */
static err_code_t s_listen(control_t *self, err_t *err)
{
    struct sockaddr_un address;
    char file[STATEDIR_NAME_MAX + 8];
    err_code_t rc = s_address(self->folder_fd, self->name, &address, err);
    if (rc)
        return rc;
    snprintf(file, sizeof file, "%s.sock", self->name);
    unlinkat(self->folder_fd, file, 0);
    self->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->listen_fd < 0 || bind(self->listen_fd, (struct sockaddr *)&address, sizeof address) ||
        fchmodat(self->folder_fd, file, 0600, 0) || listen(self->listen_fd, 16))
        return err_set(err, file_code_of(errno), "control of %s: %s", self->name, strerror(errno));
    return ERR_OK;
}

static err_code_t s_open_socket(control_t *self, const char *state_dir, err_t *err)
{
    err_code_t rc = s_open_folder(state_dir, &self->folder_fd, err);
    if (!rc)
        rc = s_listen(self, err);
    if (rc)
        return rc;
    self->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int failed = self->end_fd < 0 ? errno : pthread_create(&self->thread, NULL, s_run_control, self);
    return failed ? err_set(err, ERR_LIMIT, "control of %s: %s", self->name, strerror(failed)) : ERR_OK;
}

static void s_free(control_t **self_p)
{
    control_t *self = *self_p;
    *self_p = NULL;
    int fds[] = {self->listen_fd, self->folder_fd, self->end_fd, self->spare_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(self);
}

err_code_t control_open(const char *state_dir, const char *name, const control_word_t *words, void *hint,
                        control_t **ret_self, err_t *err)
{
    control_t *self = calloc(1, sizeof *self);
    CHECK(self);
    *self = (control_t){
        .words = words, .hint = hint, .folder_fd = -1, .listen_fd = -1, .end_fd = -1, .spare_fd = -1};
    snprintf(self->name, sizeof self->name, "%s", name);
    err_code_t rc = s_open_socket(self, state_dir, err);
    if (rc)
        s_free(&self);
    else
        *ret_self = self;
    return rc;
}

void control_close(control_t **self_p)
{
    control_t *self = *self_p;
    if (!self)
        return;
    char file[STATEDIR_NAME_MAX + 8];
    snprintf(file, sizeof file, "%s.sock", self->name);
    unlinkat(self->folder_fd, file, 0);
    eventfd_write(self->end_fd, 1);
    pthread_join(self->thread, NULL);
    s_free(self_p);
}

/* ---- asking ---- */

static err_code_t s_take_answer(int fd, const char *name, char **ret_answer, err_t *err)
{
    char head[CONTROL_HEAD_MAX];
    err_code_t rc = s_receive_line(fd, head, sizeof head);
    if (!rc && !strcmp(head, "-"))
        return err_set(err, ERR_VERSION, "%s does not know how to answer this; it is of another version",
                       name);
    char *end = head;
    unsigned long long size = rc ? 0 : strtoull(head, &end, 10);
    if (rc == ERR_LIMIT || (!rc && (end == head || *end || size > CONTROL_ANSWER_MAX)))
        return err_set(err, ERR_MALFORMED, "%s answers with something else than a text", name);
    char *answer = rc ? NULL : calloc(1, (size_t)size + 1);
    CHECK(rc || answer);
    if (!rc)
        rc = s_receive(fd, answer, (size_t)size);
    if (rc || !ret_answer)
        free(answer);
    else
        *ret_answer = answer;
    return rc ? err_set(err, rc, "%s does not answer", name) : ERR_OK;
}

static err_code_t s_ask_socket(int fd, int folder_fd, const char *name, const char *request,
                               char **ret_answer, pid_t *ret_pid, err_t *err)
{
    struct sockaddr_un address;
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    err_code_t rc = s_address(folder_fd, name, &address, err);
    if (rc)
        return rc;
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        return err_set(err,
                       errno == ECONNREFUSED ? ERR_UNREACHABLE
                       : errno == EAGAIN     ? ERR_TIMEOUT
                                             : file_code_of(errno),
                       "%s cannot be asked: %s", name, strerror(errno));
    if (ret_pid && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
        *ret_pid = peer.pid;
    char line[CONTROL_REQUEST_MAX + 1];
    int length = snprintf(line, sizeof line, "%s\n", request);
    if (length > CONTROL_REQUEST_MAX)
        return err_set(err, ERR_LIMIT, "the request is too long");
    rc = s_send_bytes(fd, line, (size_t)length);
    return rc ? err_set(err, rc, "%s does not listen", name) : s_take_answer(fd, name, ret_answer, err);
}

err_code_t control_ask(const char *state_dir, const char *name, const char *request, int64_t patience_us,
                       char **ret_answer, pid_t *ret_pid, err_t *err)
{
    int folder_fd;
    err_code_t rc = s_open_folder(state_dir, &folder_fd, err);
    if (rc)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    rc = fd < 0 ? err_set(err, ERR_LIMIT, "%s cannot be asked: %s", name, strerror(errno)) : ERR_OK;
    if (!rc) {
        s_set_patience(fd, patience_us);
        rc = s_ask_socket(fd, folder_fd, name, request, ret_answer, ret_pid, err);
        close(fd);
    }
    close(folder_fd);
    return rc;
}
