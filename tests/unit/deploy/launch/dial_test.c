/* What a topology says of the world around it, tried: who answers, who does not, and who is somebody else. */
#include "deploy/launch/dial.h"

#include "brokers/frames_zmq.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two regions that are dialled at these ports, the other way round than they are named: first south's, then north's. */
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

/* Answers one hello as the broker of south. */
static void *s_answer(void *socket)
{
    zmq_msg_t id;
    frames_t frames;
    zmq_msg_init(&id);
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    cr_assert_eq(zmq_poll(&item, 1, 10000), 1);
    cr_assert_eq(frames_recv_zmq(socket, &id, &frames), ERR_OK);
    message_t *hello = NULL;
    cr_assert_eq(frames_unpack(&frames, &hello, NULL), ERR_OK);
    message_t *answer = message_new(KIND_registered, hello->from, "broker/south");
    message_set_name(answer->registered.region, "south");
    cr_assert_eq(frames_send_message_zmq(socket, zmq_msg_data(&id), zmq_msg_size(&id), answer), ERR_OK);
    message_destroy(&answer);
    message_destroy(&hello);
    frames_fini(&frames);
    zmq_msg_close(&id);
    return NULL;
}

static size_t s_dial_south(const char *asked_by, char *ret_text, size_t size)
{
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_ROUTER);
    char endpoint[64], broker[96], other[96];
    size_t length = sizeof endpoint;
    pthread_t thread;
    cr_assert_eq(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
    cr_assert_eq(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &length), 0);
    cr_assert_eq(pthread_create(&thread, NULL, s_answer, socket), 0);
    snprintf(broker, sizeof broker, "{advertise: \"%s\"}", endpoint);
    snprintf(other, sizeof other, "{}");
    bool north = strcmp(asked_by, "north") == 0;
    size_t problems =
        s_check(dial_brokers, s_topology(north ? broker : other, north ? other : broker), ret_text, size);
    pthread_join(thread, NULL);
    zmq_close(socket);
    zmq_ctx_term(context);
    return problems;
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
    int busy = s_listen(&busy_port, 4),
        idle = s_listen(&free_port, 0); /* held, so that nobody else listens there */
    snprintf(taken, sizeof taken, "{bind: \"tcp://127.0.0.1:%u\"}", busy_port);
    snprintf(silent, sizeof silent, "{bind: \"tcp://127.0.0.1:%u\"}", free_port);
    cr_expect_eq(s_check(dial_brokers, s_topology(taken, silent), text, sizeof text), 1, "%s", text);
    cr_expect(strstr(text, "is listened on, but by no broker"), "%s", text);
    cr_expect(strstr(text, "nobody listens there yet"), "%s", text);
    close(busy);
    close(idle);
}

Test(dial, an_address_that_is_not_of_this_machine_is_told_where_all_regions_are)
{
    char text[2048]; /* 192.0.2.0/24 is for documentation: nobody's */
    cr_expect_eq(
        s_check(dial_binds, s_topology("{bind: \"tcp://192.0.2.1:5000\"}", "{}"), text, sizeof text) > 0,
        true);
    cr_expect(strstr(text, "tcp://192.0.2.1:5000 is no address of this machine"), "%s", text);
    cr_expect_eq(s_check(dial_binds,
                         s_topology("{bind: \"tcp://192.0.2.1:5000\"}",
                                    "{bind: \"tcp://192.0.2.2:5\", advertise: \"tcp://192.0.2.2:5\"}"),
                         text, sizeof text),
                 0, "%s", text);
}
