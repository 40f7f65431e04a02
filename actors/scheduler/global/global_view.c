#include "actors/scheduler/global/global_view.h"

#include "codec/base/grow.h"

#include <stdlib.h>

static size_t s_region_count(const global_view_t *self)
{
    return global_region_count(self->base);
}

void global_view_init(global_view_t *self, global_base_t *base, global_regions_t *regions)
{
    *self = (global_view_t){.base = base, .regions = regions};
    self->links = calloc(s_region_count(self) * s_region_count(self) + 1, sizeof *self->links);
    CHECK(self->links);
    message_set_name(self->machine, base->spec.machine ? base->spec.machine : "");
    base->spec.machine = NULL;
}

void global_view_fini(global_view_t *self)
{
    for (size_t index = 0; index < self->actor_count; index++)
        message_destroy(&self->actors[index].status);
    for (size_t index = 0; index < s_region_count(self) * s_region_count(self); index++)
        message_destroy(&self->links[index].state);
    free(self->links);
    free(self->actors);
    names_fini(&self->names);
    buf_destroy(&self->picture);
}

/* ---- actors ---- */

static actor_entry_t *s_actor(global_view_t *self, const char *name)
{
    size_t known = names_find(&self->names, name);
    if (known != SIZE_MAX)
        return &self->actors[known];
    if (self->actor_count == VIEW_ACTORS_MAX)
        return NULL;
    self->actors = grow(self->actors, self->actor_count, &self->actor_capacity, sizeof *self->actors);
    names_set(&self->names, name, self->actor_count);
    actor_entry_t *actor = &self->actors[self->actor_count++];
    *actor = (actor_entry_t){.status = message_new(KIND_status, ACTOR_GLOBAL, ACTOR_GLOBAL)};
    message_set_name(actor->status->status.actor, name);
    return actor;
}

static bool s_is_foreign(const global_view_t *self, size_t region, const message_t *message)
{
    return message->incarnation && message->incarnation == self->regions->list[region].foreign;
}

void global_view_take_status(global_view_t *self, message_t **message_p, int64_t now_us)
{
    message_t *message = *message_p;
    size_t region = global_regions_of(self->regions, message);
    if (region == s_region_count(self) || !message->status.actor[0] || s_is_foreign(self, region, message))
        return;
    actor_entry_t *actor = s_actor(self, message->status.actor);
    if (!actor || message->status.incarnation < actor->status->status.incarnation)
        return;
    message_destroy(&actor->status);
    actor->status = message;
    *message_p = NULL;
    actor->seen_us = now_us;
}

void global_view_self(global_view_t *self, const char *state, const char *waits_for, int64_t since_us,
                      int64_t now_us)
{
    actor_entry_t *own = s_actor(self, ACTOR_GLOBAL);
    message_set_name(own->status->status.state, state);
    message_set_name(own->status->status.waits_for, waits_for);
    own->status->status.pid = self->base->spec.pid;
    message_set_name(own->status->status.machine, self->machine);
    own->status->status.incarnation = self->base->core.incarnation;
    own->status->status.since_us = (uint64_t)(now_us - since_us);
    own->seen_us = now_us;
}

/* ---- links ---- */

/* A region's scheduler hands on what its broker says; a broker's own word goes nowhere. */
void global_view_take_link(global_view_t *self, message_t **message_p, int64_t now_us)
{
    size_t from = global_regions_of(self->regions, *message_p);
    size_t to = topology_region_index(self->base->spec.topology, (*message_p)->link_state.region);
    if (from == s_region_count(self) || to == SIZE_MAX || from == to)
        return;
    link_entry_t *link = &self->links[from * s_region_count(self) + to];
    message_destroy(&link->state);
    *link = (link_entry_t){.state = *message_p, .seen_us = now_us};
    *message_p = NULL;
}

/* ---- the picture ---- */

void global_view_show(global_view_t *self, buf_t **picture_p, int64_t now_us)
{
    buf_destroy(&self->picture);
    if (*picture_p && buf_size(*picture_p) <= MESSAGE_DATA_MAX)
        self->picture = buf_ref(*picture_p);
    self->pictured_us = now_us;
    buf_destroy(picture_p);
}

void global_view_answer(global_view_t *self, const message_t *want, int64_t now_us)
{
    message_t *picture = core_message(&self->base->core, KIND_picture, want->from);
    if (self->picture) {
        picture->picture.age_us = now_us - self->pictured_us;
        picture->data = slice_of(self->picture, 0, buf_size(self->picture));
    }
    core_send(&self->base->core, &picture);
}
