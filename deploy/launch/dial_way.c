#include "deploy/launch/dial_way.h"

#include "actors/kit/clock.h"
#include "brokers/frames_zmq.h"

#define ECHOES 5
#define CHUNK_BYTES ((uint64_t)64 << 10)
#define UNDER_WAY_BYTES ((uint64_t)4 << 20) /* fills 100 Mbit/s at 300 ms */

typedef struct {
    void *socket;
    const char *name;
    int64_t end_us;
} way_t;

static bool s_send_probe(const way_t *self, uint64_t number, uint64_t bytes)
{
    message_t *message = message_new(KIND_measure, self->name, self->name);
    message->number = number;
    if (bytes) {
        buf_t *padding = buf_new_zero(bytes);
        CHECK(padding);
        message->data = (slice_t){.buf = padding, .size_bytes = bytes};
    }
    err_code_t rc = frames_send_message_zmq(self->socket, NULL, 0, message);
    message_destroy(&message);
    return rc == ERR_OK;
}

/* The next of ours that is back; its bytes are told, and its number. False when time is over. */
static bool s_hear(const way_t *self, uint64_t *ret_number, uint64_t *ret_bytes)
{
    for (;;) {
        int64_t left_us = self->end_us - clock_now_us();
        zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
        if (left_us <= 0 || zmq_poll(&item, 1, (long)(left_us / 1000 + 1)) <= 0)
            return false;
        frames_t frames;
        message_t *message = NULL;
        if (frames_recv_zmq(self->socket, NULL, &frames))
            continue;
        bool ours = !frames_unpack(&frames, &message, NULL) && message->kind == KIND_measure;
        if (ours) {
            *ret_number = message->number;
            *ret_bytes = message->data.buf ? message->data.size_bytes : 0;
        }
        message_destroy(&message);
        frames_fini(&frames);
        if (ours)
            return true;
    }
}

/* One after the other; the least is what the way takes, the rest is who was busy. */
static void s_measure_rtt(const way_t *self, dial_way_t *ret)
{
    for (uint64_t echo = 1; echo <= ECHOES; echo++) {
        uint64_t number = 0, bytes;
        int64_t sent_us = clock_now_us();
        if (!s_send_probe(self, echo, 0))
            return;
        while (number != echo)
            if (!s_hear(self, &number, &bytes))
                return;
        int64_t took_us = clock_now_us() - sent_us;
        if (!ret->answered || took_us < ret->rtt_us)
            ret->rtt_us = took_us;
        ret->answered = true;
    }
}

/* From the first that is back to the last: how long the way is does not count. */
static void s_measure_rate(const way_t *self, uint64_t most_bytes, dial_way_t *ret)
{
    uint64_t back_bytes = 0, first_bytes = 0, number, bytes;
    int64_t first_us = 0, last_us = 0;
    while (back_bytes < most_bytes) {
        while (ret->sent_bytes + CHUNK_BYTES <= most_bytes &&
               ret->sent_bytes - back_bytes + CHUNK_BYTES <= UNDER_WAY_BYTES &&
               clock_now_us() < self->end_us && s_send_probe(self, 0, CHUNK_BYTES))
            ret->sent_bytes += CHUNK_BYTES;
        if (back_bytes == ret->sent_bytes || !s_hear(self, &number, &bytes))
            break;
        back_bytes += bytes;
        last_us = clock_now_us();
        if (!first_us) {
            first_us = last_us;
            first_bytes = back_bytes;
        }
    }
    if (last_us > first_us)
        ret->rate_bytes_per_s =
            (uint64_t)((double)(back_bytes - first_bytes) / ((double)(last_us - first_us) / 1e6));
}

dial_way_t dial_way_measure(void *socket, const char *name, uint64_t transfer_bytes)
{
    dial_way_t ret = {0};
    way_t self = {socket, name, clock_now_us() + DIAL_WAY_PATIENCE_MS * INT64_C(1000)};
    s_measure_rtt(&self, &ret);
    self.end_us = clock_now_us() + DIAL_WAY_PATIENCE_MS * INT64_C(1000);
    if (ret.answered && transfer_bytes)
        s_measure_rate(&self, transfer_bytes, &ret);
    return ret;
}
