#include "actors/model/vector.h"
#include "codec/base/hash.h"
#include "codec/wire/message.h"
#include "tests/bench/kit/bench.h"
#include "tests/bench/kit/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVER "server"
#define HEADER_BYTES 100 /* as long as our envelope and map */

size_t exchange_chunk_count(const exchange_t *self)
{
    return (self->size + MESSAGE_CHUNK_BYTES - 1) / MESSAGE_CHUNK_BYTES;
}

size_t exchange_chunk_size(const exchange_t *self, size_t chunk)
{
    size_t left = self->size - chunk * MESSAGE_CHUNK_BYTES;
    return left < MESSAGE_CHUNK_BYTES ? left : MESSAGE_CHUNK_BYTES;
}

void *exchange_socket(void *context, int type, const char *id)
{
    void *socket = zmq_socket(context, type);
    int zero = 0, one = 1;
    stage_check(socket != NULL, "socket");
    zmq_setsockopt(socket, ZMQ_SNDHWM, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    if (type == ZMQ_ROUTER)
        zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
    if (id)
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, strlen(id));
    return socket;
}

void exchange_poll(void *socket)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    stage_check(zmq_poll(&item, 1, 20000) == 1, "no answer");
}

static void s_bind(void *socket, const char *transport, char ret_endpoint[STAGE_TEXT_MAX])
{
    size_t size = STAGE_TEXT_MAX;
    stage_check(!zmq_bind(socket, !strcmp(transport, "tcp") ? "tcp://127.0.0.1:*" : "ipc://*"), "bind");
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, ret_endpoint, &size);
}

static void s_keep(void *data, void *hint)
{
    (void)data;
    (void)hint;
}

static void s_receive(void *socket, zmq_msg_t *ret_msg)
{
    zmq_msg_init(ret_msg);
    stage_check(zmq_msg_recv(ret_msg, socket, 0) >= 0, "receive");
}

/* A header begins with the checksum of the chunk behind it, when the scene has them. */
static void s_sum(const exchange_t *scene, void *header, const void *chunk, size_t size)
{
    uint64_t sum = scene->checked ? hash_checksum(chunk, size) : 0;
    memcpy(header, &sum, sizeof sum);
}

static void s_verify(const exchange_t *scene, zmq_msg_t *header, zmq_msg_t *chunk)
{
    uint64_t sum;
    memcpy(&sum, zmq_msg_data(header), sizeof sum);
    stage_check(!scene->checked || sum == hash_checksum(zmq_msg_data(chunk), zmq_msg_size(chunk)),
                "a damaged chunk");
}

/* ---- server ------------------------------------------------------------------------------------------ */

/* [peer][header][chunk] comes, [peer][header][chunk of the sum] goes; a relay swaps the peers. */
static void s_add(void *socket, const exchange_t *scene, float *at)
{
    zmq_msg_t peer, header, chunk, answer;
    s_receive(socket, &peer);
    s_receive(socket, &header);
    s_receive(socket, &chunk);
    size_t size = zmq_msg_size(&chunk);
    s_verify(scene, &header, &chunk);
    vector_add(size / sizeof *at, at, zmq_msg_data(&chunk));
    s_sum(scene, zmq_msg_data(&header), at, size);
    zmq_msg_init_data(&answer, at, size, s_keep, NULL);
    stage_check(zmq_msg_send(&peer, socket, ZMQ_SNDMORE) >= 0 &&
                    zmq_msg_send(&header, socket, ZMQ_SNDMORE) >= 0 && zmq_msg_send(&answer, socket, 0) >= 0,
                "send");
    zmq_msg_close(&chunk);
}

/* Through the relay to itself and back: now it knows who is there. */
static void s_greet(void *socket)
{
    zmq_msg_t peer, empty;
    stage_check(zmq_send(socket, SERVER, strlen(SERVER), ZMQ_SNDMORE) >= 0 && zmq_send(socket, "", 0, 0) >= 0,
                "greet");
    s_receive(socket, &peer);
    s_receive(socket, &empty);
    zmq_msg_close(&peer);
    zmq_msg_close(&empty);
}

void bare_server(const void *scene, const char *relay)
{
    const exchange_t *self = scene;
    bool relayed = self->processes == 3;
    char endpoint[STAGE_TEXT_MAX] = "";
    void *socket = exchange_socket(zmq_ctx_new(), relayed ? ZMQ_DEALER : ZMQ_ROUTER, relayed ? SERVER : NULL);
    if (relayed) {
        stage_check(!zmq_connect(socket, relay), relay);
        s_greet(socket);
    } else {
        s_bind(socket, self->transport, endpoint);
    }
    float *sum = calloc(1, self->size);
    stage_check(sum != NULL, "memory");
    stage_say(relayed ? relay : endpoint);
    for (size_t chunk = 0;; chunk = (chunk + 1) % exchange_chunk_count(self))
        s_add(socket, self, sum + chunk * (MESSAGE_CHUNK_BYTES / sizeof *sum));
}

/* ---- relay ------------------------------------------------------------------------------------------- */

/* A message that comes is [from][to]..., what goes is [to][from]... */
static void s_pass_on(void *socket)
{
    zmq_msg_t from, to, part;
    s_receive(socket, &from);
    s_receive(socket, &to);
    bool deliver =
        zmq_msg_send(&to, socket, ZMQ_SNDMORE) >= 0 && zmq_msg_send(&from, socket, ZMQ_SNDMORE) >= 0;
    stage_check(deliver, "relay");
    for (bool more = true; more;) {
        s_receive(socket, &part);
        more = zmq_msg_more(&part);
        stage_check(zmq_msg_send(&part, socket, more ? ZMQ_SNDMORE : 0) >= 0, "relay");
    }
}

void bare_relay(const void *scene, const char *from)
{
    (void)from;
    char endpoint[STAGE_TEXT_MAX] = "";
    void *socket = exchange_socket(zmq_ctx_new(), ZMQ_ROUTER, NULL);
    s_bind(socket, ((const exchange_t *)scene)->transport, endpoint);
    stage_say(endpoint);
    for (;;)
        s_pass_on(socket);
}

/* ---- client ------------------------------------------------------------------------------------------ */

static void s_push(void *socket, const exchange_t *scene, char *gradient)
{
    static char header[HEADER_BYTES];
    for (size_t c = 0; c < exchange_chunk_count(scene); c++) {
        zmq_msg_t chunk;
        char *at = gradient + c * MESSAGE_CHUNK_BYTES;
        s_sum(scene, header, at, exchange_chunk_size(scene, c));
        zmq_msg_init_data(&chunk, at, exchange_chunk_size(scene, c), s_keep, NULL);
        if (scene->processes == 3)
            zmq_send(socket, SERVER, strlen(SERVER), ZMQ_SNDMORE);
        zmq_send(socket, header, sizeof header, ZMQ_SNDMORE);
        stage_check(zmq_msg_send(&chunk, socket, 0) >= 0, "send");
    }
}

/* Takes one message, [header][chunk of the answer], through a relay with [peer] before; false when there
 * is none. */
static bool s_take(void *socket, const exchange_t *scene, char *to)
{
    zmq_msg_t header, chunk;
    zmq_msg_init(&header);
    if (zmq_msg_recv(&header, socket, ZMQ_DONTWAIT) < 0)
        return false;
    if (scene->processes == 3)
        stage_check(zmq_msg_recv(&header, socket, 0) >= 0, "receive"); /* it closes the peer */
    s_receive(socket, &chunk);
    s_verify(scene, &header, &chunk);
    memcpy(to, zmq_msg_data(&chunk), zmq_msg_size(&chunk));
    zmq_msg_close(&header);
    zmq_msg_close(&chunk);
    return true;
}

static double s_turn(void *socket, const exchange_t *scene, char *gradient, char *params)
{
    size_t sent = 0, chunks = 0, done = 0, chunk_count = exchange_chunk_count(scene);
    double start = bench_now_s();
    while (done < scene->pairs) {
        for (; sent < scene->pairs && sent - done < scene->in_flight; sent++)
            s_push(socket, scene, gradient);
        exchange_poll(socket);
        while (s_take(socket, scene, params + chunks % chunk_count * MESSAGE_CHUNK_BYTES))
            done = ++chunks / chunk_count;
    }
    return bench_now_s() - start;
}

void bare_client(const void *scene, const char *endpoint)
{
    const exchange_t *self = scene;
    void *socket = exchange_socket(zmq_ctx_new(), ZMQ_DEALER, "client");
    char *gradient = malloc(self->size), *params = malloc(self->size);
    stage_check(gradient && params, "memory");
    memset(gradient, 0, self->size);
    stage_check(!zmq_connect(socket, endpoint), endpoint);
    s_turn(socket, self, gradient, params); /* warm */
    stage_say("ready");
    double seconds = 0;
    while (stage_next(seconds))
        seconds = s_turn(socket, self, gradient, params);
}
