/* driver - a core driven by hand in virtual time: what its tests give it, when, and what it wants sent.
 *
 * Why      one set of these for the tests of all roles.
 */
#ifndef TESTS_UNIT_ACTORS_DRIVER_H
#define TESTS_UNIT_ACTORS_DRIVER_H

#include "actors/kit/role.h"

#include <criterion/criterion.h>
#include <string.h>

#define MS ((int64_t)1000)
#define SECOND (1000 * MS)

typedef struct {
    const role_t *role;
    void *core;
    int64_t now_us;
} driver_t;

static inline void driver_fini(driver_t *self)
{
    self->role->destroy(&self->core);
}

/* The next message of a kind; those before it are dropped. The caller owns it; NULL when there is none. */
static inline message_t *driver_take(driver_t *self, message_kind_t kind)
{
    message_t *message;
    while ((message = outbox_take(self->role->outbox(self->core)))) {
        if (message->kind == kind)
            return message;
        message_destroy(&message);
    }
    return NULL;
}

/* Counts the messages of a kind to somebody ("" for all); drops everything. The newest one may be kept. */
static inline size_t driver_count_to(driver_t *self, message_kind_t kind, const char *to,
                                     message_t **ret_newest)
{
    size_t count = 0;
    message_t *message;
    while ((message = driver_take(self, kind))) {
        bool counts = !*to || !strcmp(to, message->to);
        count += counts;
        if (counts && ret_newest) {
            message_destroy(ret_newest);
            *ret_newest = message_dup(message);
        }
        message_destroy(&message);
    }
    return count;
}

static inline size_t driver_count(driver_t *self, message_kind_t kind)
{
    return driver_count_to(self, kind, "", NULL);
}

static inline void driver_drop(driver_t *self)
{
    message_t *message;
    while ((message = outbox_take(self->role->outbox(self->core))))
        message_destroy(&message);
}

/* A core acts when it says that it is due: a tick before that says nothing. */
static inline void driver_tick(driver_t *self, int64_t now_us)
{
    const outbox_t *outbox = self->role->outbox(self->core);
    bool early = now_us < self->role->due(self->core);
    size_t said = outbox->count - outbox->head;
    self->now_us = now_us;
    self->role->tick(self->core, now_us);
    if (early)
        cr_assert_eq(outbox->count - outbox->head, said, "%s: said something before it was due",
                     self->role->name);
}

/* Takes the message. */
static inline void driver_give(driver_t *self, message_t *message)
{
    self->role->message(self->core, &message, self->now_us);
    cr_assert_null(message);
}

#endif
