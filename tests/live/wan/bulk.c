/* bulk - what a link between two brokers carries: one process of each region, its broker and one actor.
 *
 *   bulk TOPOLOGY REGION START-SECONDS SECONDS
 *
 * The first region's actor sends deltas of 1 MiB to that of the second, 64 MiB on their way at most, until it
 * is ended; the second lets START-SECONDS pass (the link looks for its number of connections), measures for
 * SECONDS and prints Mbit/s; with 0 SECONDS it ends when the next delta has come.
 */
#include "brokers/broker.h"
#include "brokers/frames_zmq.h"

#include <czmq.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DELTA_BYTES = 1 << 20, WINDOW = 64 };

typedef struct {
    void *socket;
    const char *name, *other;
    uint64_t sent, acknowledged, received;
    double start_s, began_s;
    uint64_t measured_bytes;
} bulk_t;

static double s_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

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
    double now_s = s_now_s();
    if (message->kind == KIND_delta_ack && message->number > self->acknowledged)
        self->acknowledged = message->number;
    if (message->kind == KIND_unreachable)
        self->sent = self->acknowledged; /* the other side is not there yet */
    if (message->kind != KIND_delta)
        return;
    self->received++;
    if (self->began_s == 0)
        self->began_s = now_s;
    if (now_s - self->began_s >= self->start_s)
        self->measured_bytes += DELTA_BYTES;
    s_acknowledge(self);
}

static bool s_is_over(const bulk_t *self, double seconds)
{
    if (seconds <= 0)
        return self->measured_bytes > 0;
    return self->began_s > 0 && s_now_s() - self->began_s >= self->start_s + seconds;
}

static void s_serve(bulk_t *self, bool sends, double seconds)
{
    buf_t *body = buf_new_zero(DELTA_BYTES);
    CHECK(body);
    pid_t parent = getppid();
    double hello_s = 0;
    while (getppid() == parent && !s_is_over(self, seconds)) {
        if (s_now_s() >= hello_s) {
            s_hello(self);
            hello_s = s_now_s() + 1;
        }
        while (sends && self->sent - self->acknowledged < WINDOW)
            s_send_delta(self, body);
        message_t *message = s_next(self, 100);
        if (message) {
            s_take(self, message);
            message_destroy(&message);
        }
    }
    buf_destroy(&body);
}

int main(int argc, char **argv)
{
    topology_t *topology = NULL;
    err_t err = {0};
    broker_t *broker = NULL;
    if (argc != 5)
        return fprintf(stderr, "usage: bulk TOPOLOGY REGION START-SECONDS SECONDS\n"), 2;
    if (topology_read(argv[1], NULL, 0, &topology, &err) != ERR_OK)
        return fprintf(stderr, "bulk: %s\n", err.text), 1;
    size_t region = topology_region_index(topology, argv[2]);
    broker_spec_t spec = {.topology = topology, .region_index = region, .seed = 1};
    if (region > 1 || broker_start(&spec, &broker, &err) != ERR_OK)
        return fprintf(stderr, "bulk: %s\n", err.text), 1;
    char names[2][WIRE_NAME_SIZE];
    for (size_t i = 0; i < 2; i++)
        snprintf(names[i], sizeof names[i], "synchronizer/%s/0", topology->regions[i].name);
    bulk_t self = {.socket = zmq_socket(zsys_init(), ZMQ_DEALER),
                   .name = names[region],
                   .other = names[!region],
                   .start_s = atof(argv[3])};
    int none = 0;
    zmq_setsockopt(self.socket, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(self.socket, ZMQ_LINGER, &none, sizeof none);
    if (zmq_connect(self.socket, broker_inproc(broker)) < 0)
        return fprintf(stderr, "bulk: cannot connect\n"), 1;
    s_serve(&self, region == 0, atof(argv[4]));
    if (atof(argv[4]) > 0)
        printf("%.2f\n", (double)self.measured_bytes * 8e-6 / atof(argv[4]));
    zmq_close(self.socket);
    broker_stop(&broker, 0);
    topology_destroy(&topology);
    return 0;
}
