/* global_view - how every actor and link of the run is doing, as it was told, and the picture that is made of
 * it.
 *
 * Owns     the newest status of each actor, the newest state of each way between regions, the picture that is
 *          shown.
 * Reads    base, regions.
 * Threads  one owner. Limits VIEW_ACTORS_MAX actors.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_VIEW_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_VIEW_H

#include "actors/scheduler/global/global_regions.h"
#include "codec/base/names.h"

#define VIEW_ACTORS_MAX 65536

typedef struct {
    message_t *status;
    int64_t seen_us;
} actor_entry_t;

typedef struct {
    message_t *state; /* NULL: not told yet */
    int64_t seen_us;
} link_entry_t;

typedef struct {
    global_base_t *base;
    global_regions_t *regions;
    actor_entry_t *actors; /* the first is this scheduler itself */
    size_t actor_count, actor_capacity;
    names_t names;       /* of actors: index */
    link_entry_t *links; /* (regions, regions) from, to */
    wire_name_t machine;
    buf_t *picture;      /* that is shown, NULL: nothing yet ... */
    int64_t pictured_us; /* ... as of then */
} global_view_t;

void global_view_init(global_view_t *self, global_base_t *base, global_regions_t *regions);
void global_view_fini(global_view_t *self);

void global_view_take_status(global_view_t *self, message_t **message_p, int64_t now_us);
void global_view_take_link(global_view_t *self, message_t **message_p, int64_t now_us);

/* This scheduler's own status: `state` for `since_us`, `waits_for` or "". */
void global_view_self(global_view_t *self, const char *state, const char *waits_for, int64_t since_us,
                      int64_t now_us);

void global_view_show(global_view_t *self, buf_t **picture_p, int64_t now_us); /* takes it */
void global_view_answer(global_view_t *self, const message_t *want, int64_t now_us);

#endif
