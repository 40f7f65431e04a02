/* link_width - over how many connections data is spread, found by trying: more while more carries more.
 *
 * One flow does not fill a long path, and some networks give each flow a rate of its own; but every
 * connection costs sockets, and on a short clean path a second one brings nothing. While there is always
 * something to send, the number is doubled; when what arrives in the time after is not at least GAIN more, it
 * goes back and the next try waits. A time in which the link was idle even once says nothing and begins
 * again.
 */
#include "brokers/link_core.h"

#define PERIOD_LEAST_US 1000000
#define PERIOD_ROUND_TRIPS 5
#define GAIN 1.1
#define OPENING_US 5000000 /* so long a try waits for its connections */
#define PAUSE_FIRST_US 8000000
#define PAUSE_MOST_US 600000000

void link_width_init(link_t *self)
{
    link_width_t *width = &self->width;
    uint64_t all = self->spec.connections;
    *width = (link_width_t){.count = all, .wanted = all, .pause = backoff_of(PAUSE_FIRST_US, PAUSE_MOST_US)};
    if (self->spec.measure && all > LINK_CONNECTIONS_FIRST)
        width->count = width->wanted = LINK_CONNECTIONS_FIRST;
    width->began_us = self->now_us;
}

static void s_begin_width(link_t *self, bool settling)
{
    self->width.settling = settling;
    self->width.began_us = self->now_us;
    self->width.began_bytes = self->estimate.delivered_bytes;
}

static bool s_opening(const link_t *self)
{
    const link_width_t *width = &self->width;
    bool all = true;
    for (uint64_t i = 1; i <= width->count; i++)
        all = all && self->connections[i].greeted;
    return !all && self->now_us < width->set_us + OPENING_US;
}

static void s_set(link_t *self, uint64_t count)
{
    self->width.count = count;
    self->width.set_us = self->now_us;
    if (self->width.wanted < count)
        self->width.wanted = count;
    s_begin_width(self,
                  true); /* a new connection starts slowly, and what flew over an old one still arrives */
}

static void s_grow(link_t *self, double rate)
{
    link_width_t *width = &self->width;
    width->rate = rate;
    if (width->count >= self->spec.connections || self->now_us < width->next_try_us) {
        width->before = 0;
        s_begin_width(self, false);
        return;
    }
    width->before = width->count;
    s_set(self, 2 * width->count < self->spec.connections ? 2 * width->count : self->spec.connections);
}

static void s_judge(link_t *self, double rate)
{
    link_width_t *width = &self->width;
    if (!width->before || rate >= GAIN * width->rate) {
        if (width->before)
            backoff_reset(&width->pause);
        s_grow(self, rate);
        return;
    }
    s_set(self, width->before);
    width->before = 0;
    width->next_try_us = self->now_us + backoff_next(&width->pause);
}

void link_width_idle(link_t *self)
{
    if (self->spec.measure)
        s_begin_width(self, self->width.settling);
}

void link_width_wish(link_t *self, uint64_t wanted)
{
    if (wanted > self->spec.connections)
        wanted = self->spec.connections;
    if (self->spec.measure && wanted > self->width.wanted)
        self->width.wanted = wanted;
}

void link_width_tick(link_t *self)
{
    link_width_t *width = &self->width;
    if (!self->spec.measure || !self->stats.up)
        return;
    int64_t period_us = PERIOD_ROUND_TRIPS * self->estimate.rtt_us;
    if (period_us < PERIOD_LEAST_US)
        period_us = PERIOD_LEAST_US;
    int64_t took_us = self->now_us - width->began_us;
    if (self->estimate.delivered_bytes < width->began_bytes)
        s_begin_width(self, width->settling); /* a new session counts anew */
    else if (width->settling && s_opening(self))
        s_begin_width(self, true);
    else if (took_us >= period_us && width->settling)
        s_begin_width(self, false);
    else if (took_us >= period_us)
        s_judge(self, (double)(self->estimate.delivered_bytes - width->began_bytes) / (double)took_us);
}
