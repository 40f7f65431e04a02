#include "store/kv_child.h"

#include "store/kv_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STALL_MS 120000 /* a child that gives no byte for so long is stuck in a damaged file */
#define ORPHAN_S 5      /* what a child that has lost its parent may take to notice */

typedef enum { ASK_HOLD, ASK_GET, ASK_KEYS } ask_kind_t;

/* Both ends are the same program: plain structs. */
typedef struct {
    uint32_t kind;
    char key[KV_KEY_MAX + 1];
} ask_t;

typedef struct {
    err_t error;
    uint64_t size_bytes; /* of what follows */
} answer_t;

typedef struct {
    kv_t base;
    char *dir;
    pid_t pid;
    int fd;
    uint64_t file_bytes; /* nothing that is stored can be larger */
    err_t dead;          /* why the child is gone; code ERR_OK: it lives */
} kv_child_t;

static bool s_write_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t done = send(fd, at, size, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

/* ---- The child ---- */

static void s_orphaned(int number)
{
    (void)number;
    /* it leaves by itself when it sees the end of the socket, and its place among the readers too */
    alarm(ORPHAN_S);
}

/* LMDB reports damage to standard error before it gives up; the parent says it in one line instead. Ctrl-C
 * goes to parent and child alike, but only a child that ends by itself gives its place among the readers
 * back. */
static void s_child_prepare(pid_t parent, int fd)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], SIG_DFL);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, s_orphaned);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (getppid() != parent)
        _exit(1);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    /* The other ends of sisters' sockets would keep those sisters alive. */
    if (fd > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
    close_range((unsigned)fd + 1, UINT_MAX, 0);
}

static void s_answer_parent(int fd, err_code_t code, const err_t *error, const void *data, size_t size)
{
    answer_t answer = {.size_bytes = code ? 0 : size};
    if (code)
        answer.error = *error;
    answer.error.code = code;
    if (!s_write_all(fd, &answer, sizeof answer) ||
        (answer.size_bytes > 0 && !s_write_all(fd, data, answer.size_bytes)))
        _exit(0);
}

static void s_answer_value(void *hint, const void *data, size_t size)
{
    s_answer_parent(*(int *)hint, ERR_OK, NULL, data, size);
}

static void s_serve_one(kv_t *kv, int fd, const ask_t *ask)
{
    err_t error = {.code = ERR_OK};
    kv_keys_t keys = {0};
    err_code_t code;
    switch (ask->kind) {
    case ASK_GET:
        code = kv_read(kv, ask->key, s_answer_value, &fd, &error);
        if (code)
            s_answer_parent(fd, code, &error, NULL, 0);
        return;
    case ASK_KEYS:
        code = kv_keys(kv, ask->key, &keys, &error);
        s_answer_parent(fd, code, &error, keys.items, keys.count * sizeof *keys.items);
        kv_keys_fini(&keys);
        return;
    default:
        s_answer_parent(fd, ERR_OK, NULL, NULL, 0);
    }
}

static _Noreturn void s_serve(kv_t *kv, int fd)
{
    ask_t ask;
    bool held = false;
    while (recv(fd, &ask, sizeof ask, MSG_WAITALL) == (ssize_t)sizeof ask) {
        err_t error = {.code = ERR_OK};
        err_code_t code = held ? ERR_OK : kv_lmdb_hold(kv, &error);
        held = held || !code;
        if (code)
            s_answer_parent(fd, code, &error, NULL, 0);
        else
            s_serve_one(kv, fd, &ask);
    }
    kv_destroy(&kv);
    _exit(0);
}

static _Noreturn void s_child(const char *dir, int fd)
{
    kv_lmdb_options_t options = {.read_only = true};
    err_t error = {.code = ERR_OK};
    kv_t *kv = NULL;
    err_code_t code = kv_lmdb_open(dir, &options, &kv, &error);
    s_answer_parent(fd, code, &error, NULL, 0);
    if (code)
        _exit(0);
    s_serve(kv, fd);
}

/* ---- The parent ---- */

/* The child is gone or stuck: it is ended, and why is remembered. */
static err_code_t s_bury(kv_child_t *self, err_t *err)
{
    int status = 0;
    if (self->pid > 0) {
        kill(self->pid, SIGKILL); /* one that is dead already keeps its own reason */
        while (waitpid(self->pid, &status, 0) < 0 && errno == EINTR)
            ;
        self->pid = 0;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        err_set(&self->dead, ERR_MALFORMED, "%.300s: damaged, reading it killed the process (%s)", self->dir,
                strsignal(WTERMSIG(status)));
    else
        err_set(&self->dead, ERR_MALFORMED,
                "%.300s: damaged, the process that read it ended before it was through", self->dir);
    return err_set(err, ERR_MALFORMED, "%s", self->dead.text);
}

static bool s_read_all(int fd, void *data, size_t size)
{
    char *at = data;
    while (size > 0) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        int ready = poll(&poller, 1, STALL_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static void s_note_file_size(kv_child_t *self)
{
    char path[PATH_MAX];
    struct stat status;
    snprintf(path, sizeof path, "%s/data.mdb", self->dir);
    if (stat(path, &status) == 0)
        self->file_bytes = (uint64_t)status.st_size;
}

/* Receives what the child says next; *ret_data (NULL when nothing follows) is the caller's. `unit_bytes`:
 * what follows is a list of such items and may be longer than the file. */
static err_code_t s_receive(kv_child_t *self, size_t unit_bytes, buf_t **ret_data, err_t *err)
{
    answer_t answer;
    if (!s_read_all(self->fd, &answer, sizeof answer))
        return s_bury(self, err);
    answer.error.text[ERR_TEXT_MAX - 1] = '\0';
    if (answer.error.code)
        return err_set(err, answer.error.code, "%s", answer.error.text);
    if (answer.size_bytes / unit_bytes > self->file_bytes)
        return s_bury(self, err);
    buf_t *data = buf_new(answer.size_bytes);
    if (!data) {
        s_bury(self, NULL); /* it is in the middle of its answer */
        return err_set(err, ERR_MEMORY, "read %s: no memory for %zu bytes", self->dir,
                       (size_t)answer.size_bytes);
    }
    if (!s_read_all(self->fd, buf_data(data), answer.size_bytes)) {
        buf_destroy(&data);
        return s_bury(self, err);
    }
    *ret_data = data;
    return ERR_OK;
}

static err_code_t s_ask_child(kv_child_t *self, ask_kind_t kind, const char *key, buf_t **ret_data,
                              err_t *err)
{
    ask_t ask = {.kind = kind};
    if (self->dead.code)
        return err_set(err, ERR_MALFORMED, "%s", self->dead.text);
    if (strlen(key) > KV_KEY_MAX)
        return err_set(err, ERR_NOT_FOUND, "%s: not stored", key);
    memcpy(ask.key, key, strlen(key) + 1);
    s_note_file_size(self);
    if (!s_write_all(self->fd, &ask, sizeof ask))
        return s_bury(self, err);
    return s_receive(self, kind == ASK_KEYS ? sizeof(kv_key_t) : 1, ret_data, err);
}

static err_code_t s_read_child(kv_t *base, const char *key, kv_visit_fn *visit, void *hint, err_t *err)
{
    buf_t *data = NULL;
    err_code_t code = s_ask_child((kv_child_t *)base, ASK_GET, key, &data, err);
    if (code)
        return code;
    visit(hint, buf_peek(data), buf_size(data));
    buf_destroy(&data);
    return ERR_OK;
}

static err_code_t s_keys_child(kv_t *base, const char *prefix, kv_keys_t *keys, err_t *err)
{
    buf_t *data = NULL;
    err_code_t code = s_ask_child((kv_child_t *)base, ASK_KEYS, prefix, &data, err);
    if (code)
        return code;
    const kv_key_t *items = buf_peek(data);
    for (size_t i = 0; i < buf_size(data) / sizeof *items && !code; i++)
        code =
            kv_keys_append(keys, items[i].key, strnlen(items[i].key, KV_KEY_MAX), items[i].size_bytes, err);
    buf_destroy(&data);
    return code;
}

static void s_destroy_child(kv_t *base)
{
    kv_child_t *self = (kv_child_t *)base;
    if (self->fd >= 0) {
        shutdown(self->fd, SHUT_RDWR);
        close(self->fd);
    }
    while (self->pid > 0 && waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    free(self->dir);
    free(self);
}

/* Read only: kv_begin never comes here. */
static const kv_ops_t s_ops = {.destroy = s_destroy_child, .read = s_read_child, .keys = s_keys_child};

static err_code_t s_start_child(kv_child_t *self, err_t *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(err, ERR_IO, "read %s: socketpair: %s", self->dir, strerror(errno));
    pid_t parent = getpid();
    fflush(NULL);
    self->pid = fork();
    if (self->pid == 0) {
        close(ends[0]);
        s_child_prepare(parent, ends[1]);
        s_child(self->dir, ends[1]);
    }
    close(ends[1]);
    self->fd = ends[0];
    if (self->pid < 0)
        return err_set(err, ERR_IO, "read %s: fork: %s", self->dir, strerror(errno));
    return ERR_OK;
}

static err_code_t s_open_child(kv_child_t *self, err_t *err)
{
    buf_t *nothing = NULL;
    err_code_t code = s_start_child(self, err);
    if (!code)
        code = s_receive(self, 1, &nothing, err);
    buf_destroy(&nothing);
    return code;
}

err_code_t kv_child_open(const char *dir, kv_t **ret_self, err_t *err)
{
    kv_child_t *self = calloc(1, sizeof *self);
    if (self)
        self->dir = strdup(dir);
    if (!self || !self->dir) {
        free(self);
        return err_set(err, ERR_MEMORY, "read %s: no memory", dir);
    }
    self->base.ops = &s_ops;
    self->base.read_only = true;
    atomic_init(&self->base.suspect, false);
    self->fd = -1;
    err_code_t code = s_open_child(self, err);
    if (code)
        s_destroy_child(&self->base);
    else
        *ret_self = &self->base;
    return code;
}

err_code_t kv_child_hold(kv_t *self, err_t *err)
{
    buf_t *nothing = NULL;
    err_code_t code = s_ask_child((kv_child_t *)self, ASK_HOLD, "", &nothing, err);
    buf_destroy(&nothing);
    return code;
}
