#include "actors/scheduler/region/base/region_base.h"

#include "actors/scheduler/region/base/region_former.h"
#include "codec/wire/actor_name.h"

#include <stdarg.h>
#include <string.h>

#define HELD_UP_US (1 * SECOND_US) /* between two events: this scheduler itself stood still */

void region_base_init(region_base_t *self, const region_spec_t *spec, int64_t now_us)
{
    CHECK(spec->region_index < spec->topology->region_count);
    const message_t *saved = spec->legacy ? spec->legacy->state : NULL;
    *self = (region_base_t){.spec = *spec,
                            .region = &spec->topology->regions[spec->region_index],
                            .saved = saved ? message_dup(saved) : NULL,
                            .started_us = now_us,
                            .advanced_us = now_us,
                            .listens_us = now_us,
                            .issued = spec->term << 32};
    if (saved)
        region_former(self->saved, self->region->shards);
    core_init(&self->core, actor_name(ROLE_SCHEDULER, self->region->name).text, spec->term << 32,
              spec->topology);
    topology_digest(spec->topology, self->digest);
}

void region_base_fini(region_base_t *self)
{
    message_destroy(&self->saved);
    core_fini(&self->core);
}

/* ---- what counts ---- */

uint64_t region_issue(region_base_t *self)
{
    return ++self->issued;
}

void region_decide(region_base_t *self)
{
    self->decisions++;
}

/* ---- life ---- */

bool region_stops(const region_base_t *self)
{
    return self->life != REGION_WORKS;
}

void region_move_on(region_base_t *self, region_life_t life)
{
    CHECK(life == self->life + 1);
    self->life = life;
}

void region_fail(region_base_t *self, err_code_t code, const char *format, ...)
{
    if (self->failure)
        return;
    self->failure = code ? code : ERR_STATE;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->reason, sizeof self->reason, format, arguments);
    va_end(arguments);
    self->report_soon = true;
}

void region_outdated(region_base_t *self)
{
    region_fail(self, ERR_STALE, "a newer scheduler of this region runs; this one ends");
    self->core.finished = true;
}

/* ---- hearing ---- */

void region_hears(region_base_t *self, int64_t now_us)
{
    if (now_us - self->advanced_us > HELD_UP_US)
        self->listens_us = now_us;
    self->advanced_us = now_us;
}

bool region_is_silent(const region_base_t *self, int64_t seen_us, int64_t silence_us, int64_t now_us)
{
    int64_t from_us = seen_us > self->listens_us ? seen_us : self->listens_us;
    return now_us - from_us >= silence_us;
}
