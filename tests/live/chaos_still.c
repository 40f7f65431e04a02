#include "tests/live/chaos.h"

#include "codec/base/json.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The file, when it has been written since; NULL otherwise. */
static json_value_t *s_read(chaos_picture_t *self)
{
    struct stat info;
    json_value_t *document = NULL;
    if (!self->path[0] || stat(self->path, &info))
        return NULL;
    int64_t written_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    if (written_ns == self->written_ns || json_read_file(self->path, &document, NULL))
        return NULL;
    self->written_ns = written_ns;
    return document;
}

static void s_look_beside(chaos_still_t *self)
{
    json_value_t *status = s_read(&self->beside);
    const json_value_t *pace = status ? json_at(json_get(status, "regions"), 0) : NULL;
    uint64_t steps = pace ? json_get_u64(pace, "steps", 0) : 0;
    if (steps && !self->known) /* what it made before is not of this run */
        for (size_t r = 0; r < CHAOS_REGIONS_MAX; r++)
            self->moved[r] = steps;
    self->known = self->known || steps;
    self->steps = steps > self->steps ? steps : self->steps;
    json_destroy(&status);
}

static bool s_look_region(chaos_still_t *self, size_t region, const json_value_t *row)
{
    uint64_t samples = json_get_u64(row, "samples", 0);
    bool complete = json_get_bool(row, "complete", false);
    bool grew = samples > self->samples[region] || (complete && !self->complete[region]);
    uint64_t stood = self->steps - self->moved[region];
    if (self->known && !self->complete[region] && stood > self->most)
        self->most = stood;
    if (grew)
        self->moved[region] = self->steps;
    self->samples[region] = samples > self->samples[region] ? samples : self->samples[region];
    self->complete[region] = self->complete[region] || complete;
    return grew;
}

void chaos_still_init(chaos_still_t *self, const chaos_run_t *run)
{
    *self = (chaos_still_t){.moved_us = chaos_now_us()};
    snprintf(self->own.path, PATH_MAX, "%.4000s/status.json", run->state);
    if (run->job.pace)
        snprintf(self->beside.path, PATH_MAX, "%.4000s/status.json", run->job.pace);
}

bool chaos_still_look(chaos_still_t *self, const chaos_run_t *run)
{
    bool grew = false;
    s_look_beside(self);
    json_value_t *status = s_read(&self->own);
    const json_value_t *regions = status ? json_get(status, "regions") : NULL;
    for (size_t r = 0; r < json_count(regions) && r < run->job.regions; r++)
        grew = s_look_region(self, r, json_at(regions, r)) || grew;
    json_destroy(&status);
    if (grew)
        self->moved_us = chaos_now_us();
    return grew;
}

size_t chaos_still_where(const chaos_still_t *self, size_t regions)
{
    uint64_t last = 0;
    size_t done = 0;
    for (size_t r = 0; r < regions; r++) {
        if (self->known && !self->complete[r] && self->steps - self->moved[r] > CHAOS_STILL_MOST)
            return r;
        last = self->moved[r] > last ? self->moved[r] : last;
        done += self->complete[r];
    }
    return self->known && done == regions && self->steps - last > CHAOS_STILL_MOST ? regions : SIZE_MAX;
}

uint64_t chaos_still_samples(const chaos_still_t *self)
{
    uint64_t samples = 0;
    for (size_t r = 0; r < CHAOS_REGIONS_MAX; r++)
        samples += self->samples[r];
    return samples;
}
