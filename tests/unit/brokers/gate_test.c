#include "brokers/gate_zmq.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define LIMIT 512
#define KNOCK_MS 20
#define REFUSED_MOST 60 /* in a row: nobody is let in any more */

Test(gate, half_of_few_descriptors_and_a_thousand_of_many_are_kept)
{
    cr_expect_eq(gate_shut_from(512), 256);
    cr_expect_eq(gate_shut_from(1024), 512);
    cr_expect_eq(gate_shut_from(1048576), 1048576 - 1024);
    for (size_t limit = GATE_LEAST; limit < 100000; limit *= 2)
        cr_expect_lt(gate_shut_from(limit) + (size_t)gate_backlog(limit), limit);
}

/* A stranger: opens as many connections as it can, says nothing, and holds them until it is killed. */
static _Noreturn void s_flood(int port, int ready)
{
    struct rlimit files = {4096, 4096};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    (void)!setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0, refused = 0; i < 2 * LIMIT && refused < REFUSED_MOST; i++) {
        struct pollfd item = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .events = POLLOUT};
        (void)!connect(item.fd, (struct sockaddr *)&address, sizeof address);
        refused = poll(&item, 1, KNOCK_MS) == 1 ? 0 : refused + 1;
    }
    (void)!write(ready, "", 1);
    for (;;)
        pause();
}

static int s_port(void *router)
{
    char endpoint[64];
    size_t size = sizeof endpoint;
    cr_assert_eq(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    return atoi(strrchr(endpoint, ':') + 1);
}

static int s_lowest_free(void)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    return fd;
}

/* A descriptor that is not there yet, as when a local node dials. */
static bool s_is_heard(void *context, void *router, const char *endpoint)
{
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int patience_ms = 20000, linger_ms = 0;
    char text[8];
    zmq_setsockopt(dealer, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_setsockopt(router, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    bool heard = !zmq_connect(dealer, endpoint) && zmq_send(dealer, "hello", 5, 0) == 5 &&
                 zmq_recv(router, text, sizeof text, 0) >= 0 && zmq_recv(router, text, sizeof text, 0) == 5;
    zmq_close(dealer);
    return heard;
}

Test(gate, a_flood_of_strangers_leaves_descriptors_for_who_belongs_here, .timeout = 120)
{
    struct rlimit files = {LIMIT, LIMIT};
    char byte, tcp[64], ipc[64];
    int ready[2], handshake_ms = 4000, backlog = gate_backlog(LIMIT);
    cr_assert_eq(pipe(ready), 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    void *context = zmq_ctx_new(), *router = zmq_socket(context, ZMQ_ROUTER);
    zmq_setsockopt(router, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms);
    zmq_setsockopt(router, ZMQ_BACKLOG, &backlog, sizeof backlog);
    gate_t *gate = NULL;
    cr_assert_eq(gate_open(context, router, "broker/eu", &gate, NULL), ERR_OK);
    snprintf(ipc, sizeof ipc, "ipc:///tmp/cloudless-gate-%d", (int)getpid());
    cr_assert_eq(zmq_bind(router, ipc), 0);
    cr_assert_eq(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    int port = s_port(router);
    pid_t stranger = fork();
    if (stranger == 0)
        s_flood(port, ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_expect(s_is_heard(context, router, ipc), "a local one, at once");
    cr_expect_lt(s_lowest_free(), LIMIT - 32);
    snprintf(tcp, sizeof tcp, "tcp://127.0.0.1:%d", port);
    cr_expect(s_is_heard(context, router, tcp),
              "and one from afar, as strangers that do not greet are let go");
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
    gate_close(&gate);
    zmq_close(router);
    zmq_ctx_term(context);
    unlink(ipc + strlen("ipc://"));
}
