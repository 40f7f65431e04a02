/* bulk - what a link between two brokers carries: one process of each region, its broker and one actor.
 *
 *   bulk TOPOLOGY REGION SECONDS [MBIT]
 *
 * The first region's actor sends deltas of 1 MiB to that of the second, which measures for so long after a start-up of 12 s (the link looks for its number of connections) and
 * prints Mbit/s, then what it cost: bytes sent again in percent, the longest time between two answered pings in ms.
 * With MBIT the sender has no more than so much on its way (64 MiB otherwise): as a shard's window does.
 */
#include "brokers/broker.h"
#include "brokers/frames_zmq.h"
#include "tests/bench/kit/bench.h"

#include <czmq.h>
#include <stdio.h>
#include <string.h>

enum { DELTA_BYTES = 1 << 20, WINDOW = 64 };
#define START_S 12.0

typedef struct {
    void *socket;
    const char *name, *other;
    uint64_t sent, acknowledged, received;
    double began_s, longest_s, state_s;
    uint64_t measured_bytes, first_state_bytes;
} bulk_t;

static void s_send(bulk_t *self, message_t *message)
{
    if (frames_send_message_zmq(self->socket, NULL, 0, message) != ERR_OK)
        fprintf(stderr, "bulk: a message could not be sent\n");
    message_destroy(&message);
}

static void s_hello(bulk_t *self)
{
    message_t *hello = message_new(KIND_hello, "broker", self->name);
    hello->hello.pid = (uint64_t)getpid();
    s_send(self, hello);
}

static void s_send_delta(bulk_t *self, buf_t *body)
{
    message_t *delta = message_new(KIND_delta, self->other, self->name);
    delta->number = ++self->sent;
    delta->data = slice_of(body, 0, DELTA_BYTES);
    s_send(self, delta);
}

static void s_acknowledge(bulk_t *self)
{
    message_t *ack = message_new(KIND_delta_ack, self->other, self->name);
    ack->number = self->received;
    s_send(self, ack);
}

/* One message, at most so long waited for. */
static message_t *s_next(bulk_t *self, long timeout_ms)
{
    zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
    frames_t frames;
    message_t *message = NULL;
    if (zmq_poll(&item, 1, timeout_ms) <= 0 || frames_recv_zmq(self->socket, NULL, &frames) != ERR_OK)
        return NULL;
    err_code_t code = frames_unpack(&frames, &message, NULL);
    frames_fini(&frames);
    return code ? NULL : message;
}

static void s_take(bulk_t *self, const message_t *message)
{
    double now_s = bench_now_s();
    if (message->kind == KIND_delta_ack && message->number > self->acknowledged)
        self->acknowledged = message->number;
    if (message->kind == KIND_unreachable)
        self->sent = self->acknowledged; /* the other side is not there yet */
    if (message->kind != KIND_delta)
        return;
    self->received++;
    if (self->began_s == 0)
        self->began_s = now_s;
    if (now_s - self->began_s >= START_S)
        self->measured_bytes += DELTA_BYTES;
    s_acknowledge(self);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return fprintf(stderr, "usage: bulk TOPOLOGY REGION SECONDS [WINDOW-MIB]\n"), 2;
    topology_t *topology = NULL;
    err_t err = {0};
    broker_t *broker = NULL;
    if (topology_read(argv[1], NULL, 0, &topology, &err) != ERR_OK)
        return fprintf(stderr, "bulk: %s\n", err.text), 1;
    size_t region = topology_region_index(topology, argv[2]);
    broker_spec_t spec = {.topology = topology, .region_index = region, .seed = 1};
    if (region > 1 || broker_start(&spec, &broker, &err) != ERR_OK)
        return fprintf(stderr, "bulk: %s\n", err.text), 1;
    double seconds = atof(argv[3]);
    uint64_t window = argc > 4 ? strtoull(argv[4], NULL, 10) : WINDOW;
    char names[2][WIRE_NAME_SIZE];
    for (size_t i = 0; i < 2; i++)
        snprintf(names[i], sizeof names[i], "synchronizer/%s/0", topology->regions[i].name);
    bulk_t self = {.socket = zmq_socket(zsys_init(), ZMQ_DEALER), .name = names[region], .other = names[!region]};
    int unlimited = 0;
    zmq_setsockopt(self.socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(self.socket, ZMQ_LINGER, &unlimited, sizeof unlimited);
    if (zmq_connect(self.socket, broker_inproc(broker)) < 0)
        return fprintf(stderr, "bulk: cannot connect\n"), 1;
    buf_t *body = buf_new_zero(DELTA_BYTES);
    double hello_s = 0, parent = getppid();
    for (;;) {
        double now_s = bench_now_s();
        if (now_s >= hello_s) {
            s_hello(&self);
            hello_s = now_s + 1;
            if (getppid() != (pid_t)parent)
                return 1;
        }
        while (region == 0 && self.sent - self.acknowledged < window)
            s_send_delta(&self, body);
        message_t *message = s_next(&self, 100);
        if (message) {
            s_take(&self, message);
            message_destroy(&message);
        }
        if (region == 1 && self.began_s > 0 && bench_now_s() - self.began_s >= START_S + seconds)
            break;
    }
    printf("%.2f\n", (double)self.measured_bytes * 8e-6 / (bench_now_s() - self.began_s - START_S));
    zmq_close(self.socket);
    broker_stop(&broker, 0);
    buf_destroy(&body);
    topology_destroy(&topology);
    return 0;
}
