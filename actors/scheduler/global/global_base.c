#include "actors/scheduler/global/global_base.h"

#define HELD_UP_US (3000 * MILLISECOND_US) /* between two events: this scheduler itself stood still */

void global_base_init(global_base_t *self, const global_spec_t *spec, int64_t now_us)
{
    *self = (global_base_t){.spec = *spec, .advanced_us = now_us, .heard_us = now_us, .listens_us = now_us};
    topology_digest(spec->topology, self->digest);
    core_init(&self->core, ACTOR_GLOBAL, spec->incarnation, spec->topology);
}

void global_base_fini(global_base_t *self)
{
    core_fini(&self->core);
}

size_t global_region_count(const global_base_t *self)
{
    return self->spec.topology->region_count;
}

/* ---- what counts ---- */

void global_decide(global_base_t *self)
{
    self->decisions++;
}

void global_end(global_base_t *self, err_code_t code, const char *reason)
{
    self->failure = code;
    snprintf(self->reason, sizeof self->reason, "%s", reason);
    self->core.finished = self->displaced = true;
}

/* ---- listening ---- */

static bool s_note(global_base_t *self, int64_t *newest_us, int64_t now_us)
{
    bool gap = now_us - *newest_us > HELD_UP_US;
    if (gap)
        self->listens_us = now_us;
    *newest_us = now_us;
    return gap;
}

bool global_advances(global_base_t *self, int64_t now_us)
{
    return s_note(self, &self->advanced_us, now_us);
}

/* The one whom nobody hears is cut off: silence of others counts from when one of them is heard again. */
bool global_hears(global_base_t *self, int64_t now_us)
{
    return s_note(self, &self->heard_us, now_us);
}

int64_t global_listened_us(const global_base_t *self, int64_t seen_us)
{
    return seen_us > self->listens_us ? seen_us : self->listens_us;
}

int64_t global_silence_us(const global_base_t *self, int64_t seen_us, int64_t now_us)
{
    return now_us - global_listened_us(self, seen_us);
}
