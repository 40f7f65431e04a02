#include "store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct writer {
    snapshot_store_t *store;
    int fd;
    pthread_t thread;
    bool joined; /* only the owner looks at it */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    snapshot_t *snapshot; /* given and not yet finished */
    bool has_result;      /* finished and not yet taken */
    writer_result_t result;
    bool stopping;
};

static int64_t s_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static writer_result_t s_write_snapshot(writer_t *self, const snapshot_t *snapshot)
{
    writer_result_t result = {.id = snapshot->id, .error = {.code = ERR_OK}};
    uint64_t before = snapshot_store_bytes_written(self->store);
    int64_t start = s_now_us();
    result.error.code = snapshot_commit(self->store, snapshot, &result.error);
    result.duration_us = s_now_us() - start;
    result.written_bytes = snapshot_store_bytes_written(self->store) - before;
    result.suspect = kv_suspect(snapshot_store_kv(self->store));
    return result;
}

/* The eventfd counts results: 1 while one waits. */
static void s_signal(writer_t *self)
{
    uint64_t one = 1;
    while (write(self->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void *s_run_writer(void *argument)
{
    writer_t *self = argument;
    pthread_mutex_lock(&self->lock);
    while (self->snapshot || !self->stopping) {
        if (!self->snapshot) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        snapshot_t *snapshot = self->snapshot;
        pthread_mutex_unlock(&self->lock);
        writer_result_t result = s_write_snapshot(self, snapshot);
        snapshot_destroy(&snapshot); /* before the result is seen: its buffers are the owner's alone again */
        pthread_mutex_lock(&self->lock);
        self->snapshot = NULL;
        self->result = result;
        self->has_result = true;
        s_signal(self);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* The thread takes no signals: they belong to the threads that wait for them. */
static int s_start_writer(writer_t *self)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&self->thread, NULL, s_run_writer, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

err_code_t writer_new(snapshot_store_t *store, writer_t **ret_self, err_t *err)
{
    writer_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "background writer: no memory");
    self->store = store;
    self->joined = true;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = self->fd < 0 ? errno : s_start_writer(self);
    if (rc) {
        writer_destroy(&self);
        return err_set(err, ERR_LIMIT, "background writer: %s", strerror(rc));
    }
    self->joined = false;
    *ret_self = self;
    return ERR_OK;
}

err_code_t writer_submit(writer_t *self, snapshot_t **snapshot_p, err_t *err)
{
    err_code_t code = ERR_OK;
    pthread_mutex_lock(&self->lock);
    if (self->stopping) {
        code = err_set(err, ERR_STATE, "background writer: stopped");
    } else if (self->snapshot || self->has_result) {
        code = err_set(err, ERR_STATE, "background writer: the snapshot before is not finished");
    } else {
        self->snapshot = *snapshot_p;
        *snapshot_p = NULL;
        pthread_cond_signal(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    return code;
}

bool writer_idle(writer_t *self)
{
    pthread_mutex_lock(&self->lock);
    bool idle = !self->snapshot && !self->has_result && !self->stopping;
    pthread_mutex_unlock(&self->lock);
    return idle;
}

int writer_fd(const writer_t *self)
{
    return self->fd;
}

bool writer_take_result(writer_t *self, writer_result_t *ret_result)
{
    uint64_t count = 0;
    pthread_mutex_lock(&self->lock);
    bool has_result = self->has_result;
    if (has_result) {
        *ret_result = self->result;
        self->has_result = false;
        while (read(self->fd, &count, sizeof count) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_unlock(&self->lock);
    return has_result;
}

void writer_stop(writer_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (!self->joined)
        pthread_join(self->thread, NULL);
    self->joined = true;
}

void writer_destroy(writer_t **self_p)
{
    writer_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    writer_stop(self);
    if (self->fd >= 0)
        close(self->fd);
    snapshot_destroy(&self->snapshot);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
