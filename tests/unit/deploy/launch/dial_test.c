/* A topology's addresses, tried: some answer, some do not, and some are somebody else's. */
#include "deploy/launch/dial.h"

#include "brokers/broker.h"
#include "brokers/frames_zmq.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Two regions that are dialled at these ports, the other way round than they are named: first south's,
 * then north's. */
static topology_t *s_topology(const char *north, const char *south)
{
    static const char text[] = "job: {name: t, model: ledger, data: {kind: counter, samples: 1000}}\n"
                               "security: none\n"
                               "regions:\n"
                               "  - {name: north, data_share: 1}\n"
                               "  - {name: south, data_share: 1}\n"
                               "links:\n"
                               "  - {between: [north, south]}\n";
    char sets[2][128];
    snprintf(sets[0], sizeof sets[0], "regions[north].broker=%s", north);
    snprintf(sets[1], sizeof sets[1], "regions[south].broker=%s", south);
    const char *const all[] = {sets[0], sets[1]};
    topology_t *topology = NULL;
    err_t err = {0};
    cr_assert_eq(topology_parse("t", text, strlen(text), all, 2, &topology, &err), ERR_OK, "%s", err.text);
    return topology;
}

static uint64_t s_transfer_bytes;

static size_t s_brokers(const topology_t *topology, FILE *out)
{
    return dial_brokers(topology, s_transfer_bytes, out);
}

static size_t s_check(size_t check(const topology_t *, FILE *), topology_t *topology, char *ret_text,
                      size_t size)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    size_t problems = check(topology, out);
    fclose(out);
    snprintf(ret_text, size, "%s", text);
    free(text);
    topology_destroy(&topology);
    return problems;
}

/* A socket that listens on a port which the system chooses. */
static int s_listen(unsigned *ret_port, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&address, size));
    cr_assert(!backlog || !listen(fd, backlog));
    cr_assert(!getsockname(fd, (struct sockaddr *)&address, &size));
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Answers as the broker of south would, until it is told to end. */
typedef struct {
    void *socket;
    int64_t ahead_us;    /* its time of day */
    bool loses;          /* what is large does not come back */
    uint64_t lost_bytes; /* of that */
    _Atomic bool ends;
} fake_t;

static void s_register(const fake_t *self, zmq_msg_t *id, const message_t *hello)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    message_t *answer = message_new(KIND_registered, hello->from, "broker/south");
    answer->registered.day_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + self->ahead_us;
    cr_assert_eq(frames_send_message_zmq(self->socket, zmq_msg_data(id), zmq_msg_size(id), answer), ERR_OK);
    message_destroy(&answer);
}

static void s_answer_one(fake_t *self)
{
    zmq_msg_t id;
    frames_t frames;
    message_t *message = NULL;
    zmq_msg_init(&id);
    if (!frames_recv_zmq(self->socket, &id, &frames)) {
        cr_assert_eq(frames_unpack(&frames, &message, NULL), ERR_OK);
        if (message->kind == KIND_hello)
            s_register(self, &id, message);
        else if (self->loses && message->data.buf)
            self->lost_bytes += message->data.size_bytes;
        else
            cr_assert_eq(frames_send_zmq(self->socket, zmq_msg_data(&id), zmq_msg_size(&id), &frames),
                         ERR_OK);
        message_destroy(&message);
        frames_fini(&frames);
    }
    zmq_msg_close(&id);
}

static void *s_answer(void *argument)
{
    fake_t *self = argument;
    while (!self->ends) {
        zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, 20) > 0)
            s_answer_one(self);
    }
    return NULL;
}

static size_t s_dial(fake_t *fake, const char *asked_by, char *ret_text, size_t size)
{
    void *context = zmq_ctx_new();
    char endpoint[64], broker[96], other[96];
    size_t length = sizeof endpoint;
    pthread_t thread;
    fake->socket = zmq_socket(context, ZMQ_ROUTER);
    cr_assert_eq(zmq_bind(fake->socket, "tcp://127.0.0.1:*"), 0);
    cr_assert_eq(zmq_getsockopt(fake->socket, ZMQ_LAST_ENDPOINT, endpoint, &length), 0);
    cr_assert_eq(pthread_create(&thread, NULL, s_answer, fake), 0);
    snprintf(broker, sizeof broker, "{advertise: \"%s\"}", endpoint);
    snprintf(other, sizeof other, "{}");
    bool north = strcmp(asked_by, "north") == 0;
    size_t problems =
        s_check(s_brokers, s_topology(north ? broker : other, north ? other : broker), ret_text, size);
    fake->ends = true;
    pthread_join(thread, NULL);
    zmq_close(fake->socket);
    zmq_ctx_term(context);
    return problems;
}

static size_t s_dial_south(const char *asked_by, char *ret_text, size_t size)
{
    fake_t fake = {0};
    return s_dial(&fake, asked_by, ret_text, size);
}

Test(dial, a_broker_that_is_of_another_region_is_a_problem_and_the_right_one_is_not)
{
    char text[2048];
    cr_expect_eq(s_dial_south("north", text, sizeof text), 1, "%s", text);
    cr_expect(strstr(text, "is the broker of south, not of north; correct broker.advertise"), "%s", text);
    cr_expect_eq(s_dial_south("south", text, sizeof text), 0, "%s", text);
    cr_expect(strstr(text, "its broker answers"), "%s", text);
}

Test(dial, what_listens_and_is_no_broker_is_a_problem_and_nobody_yet_is_none)
{
    char text[2048], taken[96], silent[96];
    unsigned busy_port, free_port;
    /* held, so that nobody else listens there */
    int busy = s_listen(&busy_port, 4), idle = s_listen(&free_port, 0);
    snprintf(taken, sizeof taken, "{bind: \"tcp://127.0.0.1:%u\"}", busy_port);
    snprintf(silent, sizeof silent, "{bind: \"tcp://127.0.0.1:%u\"}", free_port);
    cr_expect_eq(s_check(s_brokers, s_topology(taken, silent), text, sizeof text), 1, "%s", text);
    cr_expect(strstr(text, "is listened on, but by no broker"), "%s", text);
    cr_expect(strstr(text, "nobody listens there yet"), "%s", text);
    close(busy);
    close(idle);
}

Test(dial, an_address_that_is_not_of_this_machine_is_told_where_all_regions_are)
{
    char text[2048]; /* 203.0.113.0/24 is for documentation: nobody's */
    cr_expect_eq(
        s_check(dial_binds, s_topology("{bind: \"tcp://203.0.113.1:5000\"}", "{}"), text, sizeof text) > 0,
        true);
    cr_expect(strstr(text, "tcp://203.0.113.1:5000 is no address of this machine"), "%s", text);
}

/* Where regions are of several machines, those that are dialled at an address of this one are judged, the
 * others told. */
Test(dial, an_address_that_is_not_of_this_machine_is_told_of_every_region)
{
    char text[2048];
    cr_expect_eq(s_check(dial_binds,
                         s_topology("{bind: \"tcp://203.0.113.1:5000\", advertise: \"tcp://127.0.0.1:5000\"}",
                                    "{bind: \"tcp://203.0.113.2:5\", advertise: \"tcp://203.0.113.2:5\"}"),
                         text, sizeof text),
                 1, "%s", text);
    cr_expect(
        strstr(text,
               "problem: region north: broker.bind tcp://203.0.113.1:5000 is no address of this machine"),
        "%s", text);
    cr_expect(
        strstr(text,
               "south            broker.bind tcp://203.0.113.2:5 is no address of this machine; well where "
               "its broker runs on another"),
        "%s", text);
}

Test(dial, the_file_is_told_beside_what_was_measured)
{
    char text[2048];
    fake_t fake = {0};
    cr_expect_eq(s_dial(&fake, "south", text, sizeof text), 0, "%s", text);
    cr_expect(strstr(text, "  north - south: the file says no rate, round trip 0 us\n"), "%s", text);
    cr_expect(strstr(text, "    from here to north: not measured, as its broker does not answer\n"), "%s",
              text);
    cr_expect(strstr(text, "    from here to south: round trip "), "%s", text);
    cr_expect(strstr(text, "rate not measured (--transfer 4MiB would be sent for that)"), "%s", text);
    fake = (fake_t){0};
    s_transfer_bytes = 1 << 20;
    cr_expect_eq(s_dial(&fake, "south", text, sizeof text), 0, "%s", text);
    cr_expect(strstr(text, "bit/s, of 1 MiB there and back\n"), "%s", text);
}

Test(dial, what_does_not_come_back_is_no_rate_and_no_more_is_sent_than_was_asked_for)
{
    char text[2048];
    fake_t fake = {.loses = true};
    s_transfer_bytes = (1 << 20) + 1;
    s_dial(&fake, "south", text, sizeof text);
    cr_expect(strstr(text, "rate not measured, as too little of 1 MiB came back in 3 s"), "%s", text);
    cr_expect_eq(fake.lost_bytes, 1 << 20);
}

Test(dial, a_clock_that_differs_is_told)
{
    char text[2048];
    fake_t fake = {.ahead_us = 37500000};
    cr_expect_eq(s_dial(&fake, "south", text, sizeof text), 1, "%s", text);
    cr_expect(strstr(text, "problem: region south: the clock of its broker is 37"), "%s", text);
    cr_expect(strstr(text, " s ahead of this machine's"), "%s", text);
    fake = (fake_t){.ahead_us = -37500000};
    cr_expect_eq(s_dial(&fake, "south", text, sizeof text), 1, "%s", text);
    cr_expect(strstr(text, " s behind this machine's"), "%s", text);
}

/* A broker hands back what is sent to oneself, and tells the time. */
Test(dial, a_true_broker_is_measured)
{
    char dir[] = "/tmp/cloudless-dial-XXXXXX", text[2048], south[128];
    cr_assert_not_null(mkdtemp(dir));
    topology_t *topology = s_topology("{}", "{}");
    broker_spec_t spec = {.topology = topology, .region_index = 1, .run_dir = dir};
    broker_t *broker = NULL;
    err_t err = {0};
    cr_assert_eq(broker_start(&spec, &broker, &err), ERR_OK, "%s", err.text);
    snprintf(south, sizeof south, "{advertise: \"%s\"}", broker_tcp(broker));
    s_transfer_bytes = 1 << 20;
    cr_expect_eq(s_check(s_brokers, s_topology("{}", south), text, sizeof text), 0, "%s", text);
    cr_expect(strstr(text, "its broker answers"), "%s", text);
    cr_expect(strstr(text, "bit/s, of 1 MiB there and back\n"), "%s", text);
    broker_stop(&broker, 0);
    topology_destroy(&topology);
    cr_expect_eq(rmdir(dir), 0);
}

/* /proc has room for nothing. */
Test(dial, a_state_directory_without_room_for_the_snapshots_is_a_problem)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    launch_t launch = {.topology = s_topology("{}", "{}")};
    snprintf(launch.state_dir, sizeof launch.state_dir, "/proc/not/there/yet");
    cr_expect_eq(dial_room(&launch, out), 1);
    fflush(out);
    cr_expect(strstr(text, "  problem: /proc/not/there/yet has room for 0 B, and snapshots take about "),
              "%s", text);
    snprintf(launch.state_dir, sizeof launch.state_dir, "/tmp/not/there/yet");
    cr_expect_eq(dial_room(&launch, out), 0);
    fclose(out);
    free(text);
    topology_destroy(&launch.topology);
}
