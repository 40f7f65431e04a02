#include "deploy/simulate/wan.h"

#include "brokers/way.h"
#include "codec/base/err.h"

#include <stdlib.h>

#define PIECE_BYTES 65536.0    /* of a link, as brokers/link.h has them ... */
#define PIECE_MOST_US 20000.0  /* ... smaller on a thin one */
#define PIECE_HEAD_BYTES 160.0 /* envelope and map of each */
#define ACK_BYTES 160u         /* the answer to each piece, the other way */
#define CHUNK_BYTES 1048576.0  /* what a region that relays hands on at a time */

static wan_line_t *s_line(const wan_t *self, size_t from, size_t to)
{
    return &self->lines[from * self->count + to];
}

void wan_init(wan_t *self, const topology_t *topology, uint64_t seed)
{
    size_t count = topology->region_count;
    *self = (wan_t){.count = count,
                    .lines = calloc(count * count, sizeof *self->lines),
                    .next = calloc(count * count, sizeof *self->next)};
    CHECK(self->lines && self->next);
    rng_init_for(&self->rng, seed, "wan", 0, 0);
    for (size_t from = 0; from < count; from++)
        for (size_t to = 0; to < count; to++) {
            if (from == to)
                continue;
            s_line(self, from, to)->link = topology_link(topology, from, to);
            self->next[from * count + to] = way_next(topology, from, to, NULL);
        }
}

void wan_fini(wan_t *self)
{
    free(self->lines);
    free(self->next);
    *self = (wan_t){0};
}

static double s_us(const wan_line_t *line, double bytes)
{
    return line->link->rate_bytes_per_s ? bytes * 1e6 / (double)line->link->rate_bytes_per_s : 0;
}

static double s_least(double a, double b)
{
    return a < b ? a : b;
}

static double s_most(double a, double b)
{
    return a > b ? a : b;
}

/* With the heads of its pieces, and what is lost of it sent again. */
static double s_on_the_wire(const wan_line_t *line, uint64_t bytes)
{
    double pieces = ((double)bytes + PIECE_BYTES - 1) / PIECE_BYTES;
    double whole = (double)bytes + s_most(1, (double)(uint64_t)pieces) * PIECE_HEAD_BYTES;
    return whole / (1 - line->link->loss);
}

/* When the last byte has left. Data waits for all that is on the line; control for a piece at most, and the
 * data behind it is later by as much. */
static double s_put_bytes(wan_line_t *line, double bytes, bool control, double now_us)
{
    double takes_us = s_us(line, bytes), begins_us = s_most(now_us, line->free_us);
    line->bytes += (uint64_t)bytes;
    line->free_us = begins_us + takes_us;
    if (!control)
        return line->free_us;
    double piece_us = s_least(s_us(line, PIECE_BYTES), PIECE_MOST_US);
    return s_least(begins_us, now_us + piece_us) + takes_us;
}

/* Half a round trip, what varies of it, and a round trip more for what was lost. */
static double s_delay_us(wan_t *self, const wan_line_t *line)
{
    double delay_us = (double)line->link->rtt_us / 2;
    if (line->link->jitter_us > 0)
        delay_us += (double)rng_below(&self->rng, (uint64_t)line->link->jitter_us + 1);
    if (line->link->loss > 0 && rng_unit(&self->rng) < line->link->loss)
        delay_us += (double)line->link->rtt_us;
    return delay_us;
}

static int64_t s_in_order(wan_line_t *line, bool control, double arrives_us)
{
    int64_t *newest = &line->arrived_us[control];
    if ((int64_t)arrives_us > *newest)
        *newest = (int64_t)arrives_us;
    return *newest;
}

int64_t wan_arrives(wan_t *self, size_t from, size_t to, uint64_t bytes, bool control, int64_t now_us)
{
    size_t next = self->next[from * self->count + to];
    CHECK(next != SIZE_MAX); /* the topology's check found a way for every two */
    wan_line_t *first = s_line(self, from, next);
    double wire = s_on_the_wire(first, bytes), out_us = s_put_bytes(first, wire, control, (double)now_us);
    double delay_us = s_delay_us(self, first);
    s_line(self, next, from)->bytes += ACK_BYTES * (1 + bytes / (uint64_t)PIECE_BYTES);
    if (next == to)
        return s_in_order(first, control, out_us + delay_us);
    wan_line_t *second = s_line(self, next, to);
    double chunk = s_least(wire, CHUNK_BYTES);
    double begins_us = out_us - s_us(first, wire - chunk) + delay_us;
    double put_us = s_put_bytes(second, s_on_the_wire(second, bytes), control, begins_us);
    put_us = s_most(put_us, out_us + delay_us + s_us(second, chunk));
    s_line(self, to, next)->bytes += ACK_BYTES * (1 + bytes / (uint64_t)PIECE_BYTES);
    return s_in_order(second, control, put_us + s_delay_us(self, second));
}

uint64_t wan_sent(const wan_t *self, size_t region)
{
    uint64_t sum = 0;
    for (size_t to = 0; to < self->count; to++)
        sum += s_line(self, region, to)->bytes;
    return sum;
}

uint64_t wan_received(const wan_t *self, size_t region)
{
    uint64_t sum = 0;
    for (size_t from = 0; from < self->count; from++)
        sum += s_line(self, from, region)->bytes;
    return sum;
}

double wan_cost(const wan_t *self, size_t region)
{
    double sum = 0;
    for (size_t to = 0; to < self->count; to++) {
        const wan_line_t *line = s_line(self, region, to);
        if (line->link)
            sum += (double)line->bytes / 1e9 * line->link->price_per_gb;
    }
    return sum;
}

const wan_line_t *wan_line(const wan_t *self, size_t from, size_t to)
{
    return s_line(self, from, self->next[from * self->count + to]);
}
