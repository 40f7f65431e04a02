/* link_estimate - how fast the link is, from what the peer says has arrived.
 *
 * rate     the greatest delivery rate of the last LINK_RATE_SLOTS seconds in which there was enough to send.
 * A sample is bytes delivered between the sending of a piece and its acknowledgement, over the longer of the
 * time taken to send and the time taken to acknowledge them, so that bunched acknowledgements do not inflate
 * it. rtt      smoothed (1/8) from pings; the least of the last 10 to 20 s sizes the window. Source Cardwell
 * et al., "BBR: Congestion-Based Congestion Control", 2016; draft-cheng-iccrg-delivery-rate-estimation.
 */
#include "brokers/link_core.h"

#define SLOT_US 1000000
#define INTERVAL_LEAST_US 200 /* shorter ones are noise of the clock and of scheduling */
#define RTT_PERIOD_US 10000000

void link_estimate_init(link_estimate_t *self, int64_t now_us)
{
    *self = (link_estimate_t){.delivered_us = now_us, .first_sent_us = now_us, .slot_us = now_us};
    self->rtt_period_us = now_us;
}

/* `idle`: nothing was in flight before this piece, so time before it does not count. */
link_stamp_t link_estimate_stamp(link_estimate_t *self, bool idle, int64_t now_us)
{
    if (idle) {
        self->first_sent_us = now_us;
        self->delivered_us = now_us;
    }
    return (link_stamp_t){.delivered_bytes = self->delivered_bytes,
                          .delivered_us = self->delivered_us,
                          .first_sent_us = self->first_sent_us,
                          .limited = self->limited_until != 0};
}

void link_estimate_delivered(link_estimate_t *self, uint64_t delivered_bytes, int64_t now_us)
{
    if (delivered_bytes <= self->delivered_bytes)
        return;
    self->delivered_bytes = delivered_bytes;
    self->delivered_us = now_us;
    if (delivered_bytes > self->limited_until)
        self->limited_until = 0;
}

static void s_add_rate(link_estimate_t *self, uint64_t rate, bool limited, int64_t now_us)
{
    if (limited && rate <= self->rate)
        return;
    if (now_us - self->slot_us >= SLOT_US) {
        self->slot = (self->slot + 1) % LINK_RATE_SLOTS;
        self->rates[self->slot] = 0;
        self->slot_us = now_us;
    }
    if (rate > self->rates[self->slot])
        self->rates[self->slot] = rate;
    self->rate = 0;
    for (size_t i = 0; i < LINK_RATE_SLOTS; i++)
        if (self->rates[i] > self->rate)
            self->rate = self->rates[i];
}

void link_estimate_sample(link_estimate_t *self, const link_stamp_t *stamp, int64_t sent_us, int64_t now_us)
{
    int64_t send_us = sent_us - stamp->first_sent_us;
    int64_t ack_us = now_us - stamp->delivered_us;
    int64_t interval_us = send_us > ack_us ? send_us : ack_us;
    self->first_sent_us = sent_us;
    if (interval_us < INTERVAL_LEAST_US || self->delivered_bytes <= stamp->delivered_bytes)
        return;
    double bytes = (double)(self->delivered_bytes - stamp->delivered_bytes);
    s_add_rate(self, (uint64_t)(bytes * 1e6 / (double)interval_us), stamp->limited, now_us);
}

void link_estimate_rtt(link_estimate_t *self, int64_t rtt_us, int64_t now_us)
{
    if (rtt_us < 1)
        rtt_us = 1;
    self->rtt_us = self->rtt_us ? self->rtt_us + (rtt_us - self->rtt_us) / 8 : rtt_us;
    if (now_us - self->rtt_period_us >= RTT_PERIOD_US) {
        self->rtt_least_us[1] = self->rtt_least_us[0];
        self->rtt_least_us[0] = 0;
        self->rtt_period_us = now_us;
    }
    if (!self->rtt_least_us[0] || rtt_us < self->rtt_least_us[0])
        self->rtt_least_us[0] = rtt_us;
}

int64_t link_estimate_rtt_least(const link_estimate_t *self)
{
    int64_t a = self->rtt_least_us[0], b = self->rtt_least_us[1];
    if (!a || !b)
        return a ? a : b;
    return a < b ? a : b;
}
