#include "actors/watcher/watcher.h"

#include "actors/kit/core_base.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

#define WATCHER_REPEAT_US 300000

struct watcher {
    core_base_t base;
    message_t *picture;
    bool alone;
    int64_t next_us;
};

watcher_t *watcher_new(const char *name, int64_t now_us)
{
    watcher_t *self = calloc(1, sizeof *self);
    CHECK(self);
    core_init(&self->base, name, 0, NULL);
    self->next_us = now_us;
    return self;
}

const message_t *watcher_picture(const watcher_t *self)
{
    return self->picture;
}

bool watcher_is_alone(const watcher_t *self)
{
    return self->alone;
}

static void s_tick_watcher(void *core, int64_t now_us)
{
    watcher_t *self = core;
    self->base.now_us = now_us;
    if (self->picture || now_us < self->next_us)
        return;
    self->next_us = now_us + WATCHER_REPEAT_US;
    message_t *want = core_message(&self->base, KIND_picture_want, ACTOR_GLOBAL);
    core_send(&self->base, &want);
}

static void s_message_watcher(void *core, message_t **message_p, int64_t now_us)
{
    watcher_t *self = core;
    message_t *message = *message_p;
    if (message->kind == KIND_picture && !strcmp(message->from, ACTOR_GLOBAL) && !self->picture) {
        self->picture = message;
        *message_p = NULL;
        self->base.finished = true;
    }
    self->alone = message->kind == KIND_unreachable;
    message_destroy(message_p);
    s_tick_watcher(self, now_us);
}

static int64_t s_due_watcher(const void *core)
{
    const watcher_t *self = core;
    return self->picture ? ROLE_NEVER : self->next_us;
}

static void s_destroy_watcher(void **core_p)
{
    watcher_t *self = *core_p;
    if (!self)
        return;
    message_destroy(&self->picture);
    core_fini(&self->base);
    free(self);
    *core_p = NULL;
}

const role_t watcher_role = {.name = "watcher",
                             .message = s_message_watcher,
                             .tick = s_tick_watcher,
                             .due = s_due_watcher,
                             .outbox = core_outbox,
                             .finished = core_finished,
                             .destroy = s_destroy_watcher};
