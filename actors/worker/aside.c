#include "actors/worker/aside.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct aside {
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t wanted;
    void (*work)(void *arg); /* NULL: nothing is under way */
    void *arg;
    bool quit;
    int event_fd;
};

static void *s_run_aside(void *hint)
{
    aside_t *self = hint;
    pthread_mutex_lock(&self->mutex);
    while (!self->quit) {
        if (!self->work) {
            pthread_cond_wait(&self->wanted, &self->mutex);
            continue;
        }
        pthread_mutex_unlock(&self->mutex);
        self->work(self->arg);
        pthread_mutex_lock(&self->mutex);
        self->work = NULL;
        eventfd_write(self->event_fd, 1);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

err_code_t aside_new(aside_t **ret_self, err_t *err)
{
    aside_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->wanted, NULL);
    if (self->event_fd >= 0 && !pthread_create(&self->thread, NULL, s_run_aside, self)) {
        *ret_self = self;
        return ERR_OK;
    }
    if (self->event_fd >= 0)
        close(self->event_fd);
    free(self);
    return err_set(err, ERR_LIMIT,
                   "no more threads or descriptors; raise the limits of processes and open files");
}

void aside_destroy(aside_t **self_p)
{
    aside_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    pthread_mutex_lock(&self->mutex);
    self->quit = true;
    pthread_cond_signal(&self->wanted);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    close(self->event_fd);
    pthread_mutex_destroy(&self->mutex);
    pthread_cond_destroy(&self->wanted);
    free(self);
}

void aside_begin(aside_t *self, void (*work)(void *arg), void *arg)
{
    pthread_mutex_lock(&self->mutex);
    CHECK(!self->work);
    self->work = work;
    self->arg = arg;
    pthread_cond_signal(&self->wanted);
    pthread_mutex_unlock(&self->mutex);
}

bool aside_is_over(aside_t *self)
{
    eventfd_t ignored;
    pthread_mutex_lock(&self->mutex);
    bool over = !self->work;
    if (over)
        eventfd_read(self->event_fd, &ignored);
    pthread_mutex_unlock(&self->mutex);
    return over;
}

int aside_fd(const aside_t *self)
{
    return self->event_fd;
}

void aside_wait(aside_t *self)
{
    struct pollfd item = {.fd = self->event_fd, .events = POLLIN};
    while (!aside_is_over(self))
        (void)poll(&item, 1, -1);
}
