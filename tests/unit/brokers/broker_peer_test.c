/* The connections of a link, as the system is told about them. */
#include "brokers/broker.h"
#include "brokers/frames_zmq.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whom the congestion control of which name was asked for: a program's own function comes before that of libc. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static char s_name[16];
static unsigned s_asked;

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
        pthread_mutex_lock(&s_lock);
        snprintf(s_name, sizeof s_name, "%.*s", (int)size, (const char *)value);
        s_asked++;
        pthread_mutex_unlock(&s_lock);
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

static unsigned s_count(void)
{
    pthread_mutex_lock(&s_lock);
    unsigned count = s_asked;
    pthread_mutex_unlock(&s_lock);
    return count;
}

typedef struct {
    topology_t *topology;
    char dir[64];
    broker_t *brokers[2];
    void *actor;
} world_t;

static void s_start(world_t *w, const char *congestion)
{
    memset(w, 0, sizeof *w);
    strcpy(w->dir, "/tmp/cloudless-peer-test-XXXXXX");
    cr_assert_not_null(mkdtemp(w->dir));
    topology_t *t = w->topology = calloc(1, sizeof *t);
    strcpy(t->job.name, "test");
    t->region_count = 2;
    strcpy(t->regions[0].name, "eu");
    strcpy(t->regions[1].name, "us");
    t->link_count = 1;
    t->links[0] = (topology_link_t){.between = {0, 1}, .connections = 2};
    strcpy(t->links[0].congestion, congestion);
    for (size_t region = 0; region < 2; region++) {
        broker_spec_t spec = {.topology = t, .region_index = region, .run_dir = w->dir, .seed = 1};
        err_t err = {0};
        cr_assert_eq(broker_start(&spec, &w->brokers[region], &err), ERR_OK, "%s", err.text);
    }
}

/* Until the link is up, as an actor of eu is told. */
static void s_wait_until_up(world_t *w)
{
    int linger = 0, patience = 60000;
    w->actor = zmq_socket(zsys_init(), ZMQ_DEALER);
    zmq_setsockopt(w->actor, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(w->actor, ZMQ_RCVTIMEO, &patience, sizeof patience);
    cr_assert_eq(zmq_connect(w->actor, broker_inproc(w->brokers[0])), 0);
    message_t *hello = message_new(KIND_hello, "broker", "synchronizer/eu/0");
    hello->incarnation = 1;
    hello->hello.pid = (uint64_t)getpid();
    cr_assert_eq(frames_send_message_zmq(w->actor, NULL, 0, hello), ERR_OK);
    message_destroy(&hello);
    for (bool up = false; !up;) {
        zmq_pollitem_t item = {.socket = w->actor, .events = ZMQ_POLLIN};
        cr_assert_gt(zmq_poll(&item, 1, patience), 0, "the link does not come up");
        frames_t frames;
        message_t *message = NULL;
        cr_assert_eq(frames_recv_zmq(w->actor, NULL, &frames), ERR_OK);
        cr_assert_eq(frames_unpack(&frames, &message, NULL), ERR_OK);
        up = message->kind == KIND_link_state && message->link_state.up;
        message_destroy(&message);
        frames_fini(&frames);
    }
}

static void s_stop(world_t *w)
{
    zmq_close(w->actor);
    broker_stop(&w->brokers[0], 0);
    broker_stop(&w->brokers[1], 0);
    free(w->topology);
    rmdir(w->dir);
    zsys_shutdown();
}

Test(broker_peer, a_link_asks_for_the_congestion_control_that_its_topology_names_at_both_ends)
{
    world_t w;
    s_start(&w, "bbr");
    s_wait_until_up(&w);
    s_stop(&w);
    cr_assert_geq(s_count(), 4, "control and a connection for data, here and there");
    cr_assert_str_eq(s_name, "bbr");
}

Test(broker_peer, a_link_that_leaves_it_to_the_system_asks_for_none)
{
    world_t w;
    s_start(&w, "system");
    s_wait_until_up(&w);
    s_stop(&w);
    cr_assert_eq(s_count(), 0);
}
