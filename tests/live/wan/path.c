#include "tests/live/wan/path.h"

#include "codec/base/units.h"

#include <string.h>

#define QUEUE_US 100000

void path_init(path_t *self, uint64_t seed, uint64_t from, uint64_t to)
{
    *self = (path_t){0};
    rng_init_for(&self->rng, seed, "path", from, to);
}

/* ---- knobs ---- */

static err_code_t s_rate(void *knob, const char *text, err_t *err)
{
    return units_parse_rate(text, knob, err);
}

static err_code_t s_duration(void *knob, const char *text, err_t *err)
{
    return units_parse_duration(text, knob, err);
}

static err_code_t s_ratio(void *knob, const char *text, err_t *err)
{
    return units_parse_ratio(text, knob, err);
}

static const struct {
    const char *name;
    size_t offset;
    err_code_t (*parse)(void *knob, const char *text, err_t *err);
} s_knobs[] = {
    {"rate=", offsetof(path_knobs_t, rate_bytes_per_s), s_rate},
    {"flow=", offsetof(path_knobs_t, flow_bytes_per_s), s_rate},
    {"rtt=", offsetof(path_knobs_t, rtt_us), s_duration},
    {"jitter=", offsetof(path_knobs_t, jitter_us), s_duration},
    {"queue=", offsetof(path_knobs_t, queue_us), s_duration},
    {"loss=", offsetof(path_knobs_t, loss), s_ratio},
    {"reorder=", offsetof(path_knobs_t, reorder), s_ratio},
};

err_code_t path_set(path_t *self, const char *text, err_t *err)
{
    bool down = strcmp(text, "down") == 0;
    if (down || strcmp(text, "up") == 0) {
        self->knobs.down = down;
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof s_knobs / sizeof *s_knobs; i++) {
        size_t length = strlen(s_knobs[i].name);
        if (strncmp(text, s_knobs[i].name, length) == 0)
            return s_knobs[i].parse((char *)&self->knobs + s_knobs[i].offset, text + length, err);
    }
    return err_set(err, ERR_USAGE,
                   "%s: no such knob; write rate=, flow=, rtt=, jitter=, queue=, loss=, reorder=, down or up",
                   text);
}

/* ---- packets ---- */

static int64_t s_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When the packet has left a place that sends so fast, and is free from *free_us on. */
static int64_t s_serve(int64_t *free_us, uint64_t rate_bytes_per_s, size_t size_bytes, int64_t now_us)
{
    if (!rate_bytes_per_s)
        return now_us;
    *free_us =
        s_most(*free_us, now_us) + (int64_t)(1e6 * (double)size_bytes / (double)rate_bytes_per_s + 0.5);
    return *free_us;
}

int64_t path_send(path_t *self, size_t size_bytes, uint32_t flow, int64_t now_us)
{
    const path_knobs_t *knobs = &self->knobs;
    if (knobs->down) {
        self->stats.cut++;
        return -1;
    }
    if (knobs->loss > 0 && rng_unit(&self->rng) < knobs->loss) {
        self->stats.lost++;
        return -1;
    }
    int64_t queue_us = knobs->queue_us ? knobs->queue_us : QUEUE_US;
    int64_t *flow_free_us = &self->flow_free_us[flow % PATH_FLOWS];
    if ((knobs->rate_bytes_per_s && self->free_us - now_us > queue_us) ||
        (knobs->flow_bytes_per_s && *flow_free_us - now_us > queue_us)) {
        self->stats.dropped++;
        return -1;
    }
    /* The shared rate comes first: a flow that waits for its own rate holds nobody else up. */
    int64_t left_us = s_serve(&self->free_us, knobs->rate_bytes_per_s, size_bytes, now_us);
    left_us = s_serve(flow_free_us, knobs->flow_bytes_per_s, size_bytes, left_us);
    self->stats.packets++;
    self->stats.bytes += size_bytes;
    if (knobs->reorder > 0 && rng_unit(&self->rng) < knobs->reorder) {
        self->stats.reordered++;
        return left_us;
    }
    int64_t jitter_us = knobs->jitter_us ? (int64_t)rng_below(&self->rng, (uint64_t)knobs->jitter_us + 1) : 0;
    int64_t *arrived_us = &self->arrived_us[flow % PATH_FLOWS];
    *arrived_us = s_most(*arrived_us, left_us + knobs->rtt_us / 2 + jitter_us);
    return *arrived_us;
}
