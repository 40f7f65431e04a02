/* The connections of a link, as the system is told about them. */
#include "brokers/broker.h"
#include "brokers/frames_zmq.h"
#include "store/statedir.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whom the congestion control of which name was asked for: a program's own function comes before that of
 * libc. */
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

static broker_t *s_broker_in(const world_t *w, size_t region, const char *dir, uint64_t run,
                             const char *state_dir)
{
    broker_spec_t spec = {.topology = w->topology,
                          .region_index = region,
                          .run_dir = dir,
                          .seed = 1,
                          .run = run,
                          .state_dir = state_dir};
    broker_t *broker = NULL;
    err_t err = {0};
    cr_assert_eq(broker_start(&spec, &broker, &err), ERR_OK, "%s", err.text);
    return broker;
}

static broker_t *s_broker(const world_t *w, size_t region, const char *dir, uint64_t run)
{
    return s_broker_in(w, region, dir, run, NULL);
}

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
    for (size_t region = 0; region < 2; region++)
        w->brokers[region] = s_broker(w, region, w->dir, 0xab);
}

static void *s_actor(const broker_t *broker)
{
    int linger = 0;
    void *actor = zmq_socket(zsys_init(), ZMQ_DEALER);
    zmq_setsockopt(actor, ZMQ_LINGER, &linger, sizeof linger);
    cr_assert_eq(zmq_connect(actor, broker_inproc(broker)), 0);
    return actor;
}

static void s_register_in(void *actor, const char *name, uint64_t run)
{
    message_t *hello = message_new(KIND_hello, "broker", name);
    hello->hello.run = run;
    hello->incarnation = 1;
    hello->hello.pid = (uint64_t)getpid();
    hello->hello.process = machine_process();
    cr_assert_eq(frames_send_message_zmq(actor, NULL, 0, hello), ERR_OK);
    message_destroy(&hello);
}

static void s_register(void *actor, const char *name)
{
    s_register_in(actor, name, 0);
}

/* Until the actor is told that the link is as asked, with that error (NULL: whatever). */
static void s_wait_until(void *actor, const char *name, bool up, const char *error)
{
    for (bool seen = false; !seen;) {
        zmq_pollitem_t item = {.socket = actor, .events = ZMQ_POLLIN};
        s_register(actor, name); /* once a second, as they do */
        cr_assert_gt(zmq_poll(&item, 1, 60000), 0, "%s waits in vain", name);
        frames_t frames;
        message_t *m = NULL;
        cr_assert_eq(frames_recv_zmq(actor, NULL, &frames), ERR_OK);
        cr_assert_eq(frames_unpack(&frames, &m, NULL), ERR_OK);
        seen = m->kind == KIND_link_state && m->link_state.up == up &&
               (!error || (m->link_state.error && strstr(m->link_state.error, error)));
        message_destroy(&m);
        frames_fini(&frames);
    }
}

/* Until the link is up, as an actor of eu is told. */
static void s_wait_until_up(world_t *w)
{
    w->actor = s_actor(w->brokers[0]);
    s_wait_until(w->actor, "synchronizer/eu/0", true, NULL);
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

/* Another machine's directory, in which the broker of eu is known as it would be by its address. */
static void s_second_dir(const world_t *w, char dir[80])
{
    char from[120], to[120], line[256];
    snprintf(dir, 80, "%s-2", w->dir);
    cr_assert_eq(mkdir(dir, 0700), 0);
    snprintf(from, sizeof from, "%s/broker-eu", w->dir);
    snprintf(to, sizeof to, "%s/broker-eu", dir);
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    while (fgets(line, sizeof line, in))
        fputs(line, out);
    fclose(in);
    fclose(out);
}

static void s_remove_dir(const char *dir)
{
    char path[120];
    snprintf(path, sizeof path, "%s/broker-eu", dir);
    cr_assert_eq(remove(path), 0);
    cr_assert_eq(rmdir(dir), 0);
}

Test(broker_peer, of_two_brokers_of_a_region_the_second_waits_until_the_first_is_gone)
{
    char dir[80];
    world_t w;
    s_start(&w, "system");
    s_wait_until_up(&w);
    s_second_dir(&w, dir);
    broker_t *second = s_broker(&w, 1, dir, 0xab);
    void *actor = s_actor(second);
    s_wait_until(w.actor, "synchronizer/eu/0", true, "two brokers of region us: process ");
    s_wait_until(actor, "synchronizer/us/0", false, "two brokers of region us: process ");
    broker_stop(&w.brokers[1], 0);
    s_wait_until(actor, "synchronizer/us/0", true, NULL);
    zmq_close(actor);
    broker_stop(&second, 0);
    s_remove_dir(dir);
    s_stop(&w);
}

Test(broker_peer, a_broker_of_another_run_is_refused_with_both_identities)
{
    char dir[80];
    world_t w;
    s_start(&w, "system");
    s_wait_until_up(&w);
    s_second_dir(&w, dir);
    broker_t *second = s_broker(&w, 1, dir, 0xcd);
    void *actor = s_actor(second);
    s_wait_until(actor, "synchronizer/us/0", false, "00000000000000cd");
    s_wait_until(actor, "synchronizer/us/0", false, "00000000000000ab");
    zmq_close(actor);
    broker_stop(&second, 0);
    s_remove_dir(dir);
    s_stop(&w);
}

/* ---- brokers that start before their directory knows its run ---- */

/* Both regions in new directories, up. */
static void s_start_unnamed(world_t *w, char dirs[2][80])
{
    s_start(w, "system");
    for (int region = 0; region < 2; region++) {
        statedir_run_t none = {0};
        broker_stop(&w->brokers[region], 0);
        snprintf(dirs[region], 80, "%s/state-%d", w->dir, region);
        cr_assert_eq(mkdir(dirs[region], 0700), 0);
        cr_assert_eq(statedir_mark(dirs[region], "test", "digest", &none, NULL), ERR_OK);
        w->brokers[region] = s_broker_in(w, (size_t)region, w->dir, 0, dirs[region]);
    }
    s_wait_until_up(w);
}

static void s_join(const char *dir, uint64_t run)
{
    statedir_run_t what = {.id = run};
    err_t err = {0};
    cr_assert_eq(statedir_join_run(dir, &what, &err), ERR_OK, "%s", err.text);
}

/* Sends a message again and again, until it arrives (true) or the sender was answered `answers` times
 * (false). */
static bool s_arrives(void *from, const char *sender, void *to, const char *receiver, message_kind_t kind,
                      size_t answers)
{
    bool arrived = false;
    for (size_t answered = 0; !arrived && answered < answers;) {
        zmq_pollitem_t items[] = {{.socket = from, .events = ZMQ_POLLIN},
                                  {.socket = to, .events = ZMQ_POLLIN}};
        s_register(from, sender);
        s_register(to, receiver);
        message_t *m = message_new(kind, receiver, sender);
        m->incarnation = 1;
        cr_assert_eq(frames_send_message_zmq(from, NULL, 0, m), ERR_OK);
        message_destroy(&m);
        while (zmq_poll(items, 2, 20) > 0) { /* until all that has come of it is read */
            int i = !items[0].revents;
            frames_t frames;
            while (frames_recv_zmq(items[i].socket, NULL, &frames) == ERR_OK) {
                cr_assert_eq(frames_unpack(&frames, &m, NULL), ERR_OK);
                arrived |= i == 1 && m->kind == kind;
                answered += i == 0 && m->kind == KIND_unreachable;
                message_destroy(&m);
                frames_fini(&frames);
            }
        }
    }
    return arrived;
}

static void s_remove_states(char dirs[2][80])
{
    for (int region = 0; region < 2; region++) {
        char command[120];
        snprintf(command, sizeof command, "rm -rf %s", dirs[region]);
        cr_assert_eq(system(command), 0);
    }
}

Test(broker_peer, before_both_know_that_they_are_of_one_run_schedulers_alone_are_heard)
{
    char dirs[2][80];
    world_t w;
    s_start_unnamed(&w, dirs);
    void *eu = w.actor, *us = s_actor(w.brokers[1]);
    cr_assert_not(s_arrives(eu, "synchronizer/eu/0", us, "shard/us/0", KIND_delta, 5));
    cr_assert(s_arrives(eu, "scheduler/eu", us, "scheduler/us", KIND_keeper_want, SIZE_MAX));
    s_join(dirs[0], 5);
    cr_assert_not(s_arrives(eu, "synchronizer/eu/0", us, "shard/us/0", KIND_delta, 5));
    s_join(dirs[1], 5);
    cr_assert(s_arrives(eu, "synchronizer/eu/0", us, "shard/us/0", KIND_delta, SIZE_MAX));
    zmq_close(us);
    s_remove_states(dirs);
    s_stop(&w);
}

Test(broker_peer, who_turns_out_to_be_of_another_run_is_parted_from)
{
    for (int first = 0; first < 2;
         first++) { /* who learns of its run first, the one that listens or that dials */
        char dirs[2][80];
        world_t w;
        s_start_unnamed(&w, dirs);
        void *us = s_actor(w.brokers[1]), *own = first ? us : w.actor;
        const char *name = first ? "synchronizer/us/0" : "synchronizer/eu/0";
        s_join(dirs[first], first ? 6 : 5);
        s_wait_until(own, name, true, NULL);
        s_wait_until(own, name, true, NULL); /* it has had time to look */
        s_wait_until(own, name, true, NULL);
        s_join(dirs[!first], first ? 5 : 6);
        s_wait_until(us, "synchronizer/us/0", false, "0000000000000005");
        s_wait_until(us, "synchronizer/us/0", false, "0000000000000006");
        zmq_close(us);
        s_remove_states(dirs);
        s_stop(&w);
    }
}

/* Its node came over from another run; the broker learns which one its own is. */
Test(broker_peer, an_actor_that_was_placed_in_another_run_is_refused_by_name)
{
    char dirs[2][80];
    world_t w;
    s_start_unnamed(&w, dirs);
    void *shard = s_actor(w.brokers[0]);
    s_join(dirs[0], 5);
    for (bool refused = false; !refused;) {
        zmq_pollitem_t item = {.socket = shard, .events = ZMQ_POLLIN};
        s_register_in(shard, "shard/eu/0", 6);
        cr_assert_gt(zmq_poll(&item, 1, 60000), 0);
        frames_t frames;
        message_t *m = NULL;
        cr_assert_eq(frames_recv_zmq(shard, NULL, &frames), ERR_OK);
        cr_assert_eq(frames_unpack(&frames, &m, NULL), ERR_OK);
        refused = m->kind == KIND_refused;
        cr_assert(!refused || (m->refused.code == ERR_JOB && strstr(m->refused.reason, "0000000000000006") &&
                               strstr(m->refused.reason, "0000000000000005")));
        message_destroy(&m);
        frames_fini(&frames);
    }
    zmq_close(shard);
    s_remove_states(dirs);
    s_stop(&w);
}
