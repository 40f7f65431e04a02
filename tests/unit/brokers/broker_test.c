/* Real brokers on sockets that the system chooses; actors are played by DEALER sockets. */
#include "brokers/broker.h"
#include "brokers/frames_zmq.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* a test that waits longer has failed */
#define LINGER_US 2000000

typedef struct {
    topology_t *topology;
    char dir[64];
    broker_t *brokers[3];
} world_t;

typedef struct {
    void *socket;
    const char *name;
    uint64_t incarnation;
    uint64_t pid, process;
} actor_t;

/* ---- brokers ----------------------------------------------------------------------------------------- */

static topology_t *s_topology(void)
{
    topology_t *t = calloc(1, sizeof *t);
    strcpy(t->job.name, "test");
    t->region_count = 2;
    strcpy(t->regions[0].name, "eu");
    strcpy(t->regions[1].name, "us");
    for (size_t i = 0; i < 2; i++) {
        t->regions[i].data_share = 1;
        t->regions[i].workers = t->regions[i].shards = 1;
    }
    t->link_count = 1;
    t->links[0] = (topology_link_t){.between = {0, 1}, .rtt_us = 10000, .emulate = true, .connections = 2};
    return t;
}

static void s_start(world_t *w, size_t region)
{
    broker_spec_t spec = {.topology = w->topology, .region_index = region, .run_dir = w->dir, .seed = 1};
    err_t err = {0};
    cr_assert_eq(broker_start(&spec, &w->brokers[region], &err), ERR_OK, "%s", err.text);
}

static void s_init(world_t *w)
{
    memset(w, 0, sizeof *w);
    strcpy(w->dir, "/tmp/cloudless-broker-test-XXXXXX");
    cr_assert_not_null(mkdtemp(w->dir));
    w->topology = s_topology();
    s_start(w, 0);
    s_start(w, 1);
}

static void s_fini(world_t *w)
{
    broker_stop(&w->brokers[0], 0);
    broker_stop(&w->brokers[1], 0);
    broker_stop(&w->brokers[2], 0);
    free(w->topology);
    cr_assert_eq(rmdir(w->dir), 0, "nothing is left in the run directory");
    zsys_shutdown();
}

/* ---- actors ------------------------------------------------------------------------------------------ */

static actor_t s_actor(const char *endpoint, const char *name, uint64_t incarnation)
{
    actor_t actor = {.socket = zmq_socket(zsys_init(), ZMQ_DEALER), .name = name, .incarnation = incarnation};
    int linger = 0, patience = PATIENCE_MS, unlimited = 0;
    zmq_setsockopt(actor.socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(actor.socket, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_setsockopt(actor.socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    cr_assert_eq(zmq_connect(actor.socket, endpoint), 0, "%s: %s", endpoint, zmq_strerror(errno));
    actor.pid = (uint64_t)getpid();
    actor.process = machine_process();
    return actor;
}

static message_t *s_new(const actor_t *actor, message_kind_t kind, const char *to, uint64_t number)
{
    message_t *m = message_new(kind, to, actor->name);
    m->incarnation = actor->incarnation;
    m->number = number;
    return m;
}

static void s_send(const actor_t *actor, message_t *m)
{
    cr_assert_eq(frames_send_message_zmq(actor->socket, NULL, 0, m), ERR_OK);
    message_destroy(&m);
}

static message_t *s_next(const actor_t *actor)
{
    zmq_pollitem_t item = {.socket = actor->socket, .events = ZMQ_POLLIN};
    cr_assert_gt(zmq_poll(&item, 1, PATIENCE_MS), 0, "%s waits in vain", actor->name);
    frames_t frames;
    message_t *m = NULL;
    err_t err = {0};
    cr_assert_eq(frames_recv_zmq(actor->socket, NULL, &frames), ERR_OK);
    cr_assert_eq(frames_unpack(&frames, &m, &err), ERR_OK, "%s", err.text);
    frames_fini(&frames);
    return m;
}

/* The next message of a kind; states of links on the way are passed over. */
static message_t *s_wait(const actor_t *actor, message_kind_t kind)
{
    for (;;) {
        message_t *m = s_next(actor);
        if (m->kind == kind)
            return m;
        cr_assert_eq(m->kind, KIND_link_state, "%s: %s instead of %s", actor->name,
                     message_kind_name(m->kind), message_kind_name(kind));
        message_destroy(&m);
    }
}

static void s_hello(const actor_t *actor)
{
    message_t *m = s_new(actor, KIND_hello, "broker", 0);
    m->hello.pid = actor->pid;
    m->hello.process = actor->process;
    s_send(actor, m);
}

static void s_register(const actor_t *actor, const char *region)
{
    s_hello(actor);
    message_t *m = s_wait(actor, KIND_registered);
    char broker[WIRE_NAME_SIZE];
    snprintf(broker, sizeof broker, "broker/%s", region);
    cr_assert_str_eq(m->from, broker);
    cr_assert_gt(m->registered.day_us, 0);
    cr_assert_str_eq(m->to, actor->name);
    message_destroy(&m);
}

static void s_leave(actor_t *actor)
{
    zmq_close(actor->socket);
}

static buf_t *s_pattern(uint64_t number, size_t size)
{
    buf_t *buf = buf_new(size);
    unsigned char *data = buf_data(buf);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)(number * 37 + i * 11 + i / 255);
    return buf;
}

static void s_send_delta(const actor_t *from, const char *to, uint64_t number, size_t size)
{
    message_t *m = s_new(from, KIND_delta, to, number);
    message_set_name(m->delta.origin, "eu");
    m->delta.last = number;
    m->data = (slice_t){s_pattern(number, size), 0, size};
    s_send(from, m);
}

static void s_expect_delta(const actor_t *at, const char *from, uint64_t number, size_t size)
{
    message_t *m = s_wait(at, KIND_delta);
    cr_assert_eq(m->number, number);
    cr_assert_eq(m->delta.last, number);
    cr_assert_str_eq(m->from, from);
    cr_assert_str_eq(m->to, at->name);
    cr_assert_eq(m->data.size_bytes, size);
    cr_assert_eq((uintptr_t)slice_peek(&m->data) % sizeof(float), 0, "floats are aligned");
    buf_t *wanted = s_pattern(number, size);
    cr_assert_eq(memcmp(slice_peek(&m->data), buf_peek(wanted), size), 0);
    buf_destroy(&wanted);
    message_destroy(&m);
}

/* ---- tests ------------------------------------------------------------------------------------------- */

Test(broker, routes_inside_a_region_over_every_transport)
{
    world_t w;
    s_init(&w);
    const char *endpoints[] = {broker_inproc(w.brokers[0]), broker_ipc(w.brokers[0]),
                               broker_tcp(w.brokers[0])};
    for (size_t i = 0; i < 9; i++) {
        actor_t shard = s_actor(endpoints[i / 3], "shard/eu/0", i),
                worker = s_actor(endpoints[i % 3], "worker/eu/0", i);
        s_register(&shard, "eu");
        s_register(&worker, "eu");
        size_t sizes[] = {0, 1, 4097, 8192, 100000, MESSAGE_CHUNK_BYTES};
        for (uint64_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            s_send_delta(&worker, "shard/eu/0", k + 1, sizes[k]);
        for (uint64_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            s_expect_delta(&shard, "worker/eu/0", k + 1, sizes[k]);
        message_t *ack = s_new(&shard, KIND_push_ack, "worker/eu/0", 17);
        ack->push_ack.applied = true;
        s_send(&shard, ack);
        ack = s_wait(&worker, KIND_push_ack);
        cr_assert(ack->push_ack.applied && ack->number == 17);
        message_destroy(&ack);
        s_leave(&shard);
        s_leave(&worker);
    }
    s_fini(&w);
}

Test(broker, routes_between_regions)
{
    world_t w;
    s_init(&w);
    actor_t a = s_actor(broker_ipc(w.brokers[0]), "shard/eu/0", 1),
            b = s_actor(broker_tcp(w.brokers[1]), "shard/us/0", 1);
    s_register(&a, "eu");
    s_register(&b, "us");
    s_send_delta(&a, "shard/us/0", 1, 300000);
    s_expect_delta(&b, "shard/eu/0", 1, 300000);
    s_send_delta(&b, "shard/eu/0", 1, 300000);
    s_expect_delta(&a, "shard/us/0", 1, 300000);
    s_leave(&a);
    s_leave(&b);
    s_fini(&w);
}

Test(broker, an_emulated_link_follows_the_topology)
{
    world_t w;
    s_init(&w);
    actor_t a = s_actor(broker_ipc(w.brokers[0]), "shard/eu/0", 1),
            b = s_actor(broker_tcp(w.brokers[1]), "shard/us/0", 1);
    s_register(&a, "eu");
    s_register(&b, "us");
    s_send_delta(&a, "shard/us/0", 1, 1000);
    s_expect_delta(&b, "shard/eu/0", 1, 1000);
    topology_t *changed = malloc(sizeof *changed);
    *changed = *w.topology;
    changed->links[0].rtt_us = 1200000;
    broker_change_links(w.brokers[0], changed);
    changed->links[0].rtt_us = 600000;
    broker_change_links(w.brokers[0], changed); /* the newest counts */
    free(changed);
    /* The broker may take up what was sent before the change first: some message is late. */
    int64_t took_us = 0;
    for (uint64_t number = 2; took_us < 300000; number++) {
        int64_t began_us = zclock_usecs();
        s_send_delta(&a, "shard/us/0", number, 1000);
        s_expect_delta(&b, "shard/eu/0", number, 1000);
        took_us = zclock_usecs() - began_us;
        cr_assert_lt(number, 100, "the link is as quick as it was");
    }
    s_leave(&a);
    s_leave(&b);
    s_fini(&w);
}

Test(broker, the_global_scheduler_is_in_the_first_region)
{
    world_t w;
    s_init(&w);
    actor_t global = s_actor(broker_inproc(w.brokers[0]), "scheduler/global", 0);
    actor_t us = s_actor(broker_inproc(w.brokers[1]), "scheduler/us", 0);
    s_register(&global, "eu");
    s_register(&us, "us");
    s_send(&us, s_new(&us, KIND_stopped, "scheduler/global", 5));
    message_t *m = s_wait(&global, KIND_stopped);
    cr_assert_eq(m->number, 5);
    message_destroy(&m);
    s_leave(&global);
    s_leave(&us);
    s_fini(&w);
}

Test(broker, a_gradient_of_64_mib_crosses_the_link_intact)
{
    world_t w;
    s_init(&w);
    actor_t a = s_actor(broker_inproc(w.brokers[0]), "shard/eu/0", 1),
            b = s_actor(broker_ipc(w.brokers[1]), "shard/us/0", 1);
    s_register(&a, "eu");
    s_register(&b, "us");
    for (uint64_t k = 1; k <= 64; k++)
        s_send_delta(&a, "shard/us/0", k, MESSAGE_CHUNK_BYTES);
    for (uint64_t k = 1; k <= 64; k++)
        s_expect_delta(&b, "shard/eu/0", k, MESSAGE_CHUNK_BYTES);
    s_leave(&a);
    s_leave(&b);
    s_fini(&w);
}

Test(broker, unknown_names_are_unreachable)
{
    world_t w;
    s_init(&w);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "worker/eu/0", 1);
    s_register(&a, "eu");
    const char *names[] = {"shard/eu/7", "shard/us/7", "shard/mars/0", "nonsense", "scheduler/global"};
    for (uint64_t i = 0; i < sizeof names / sizeof *names; i++) {
        s_send(&a, s_new(&a, KIND_pull, names[i], 100 + i));
        message_t *m = s_wait(&a, KIND_unreachable);
        cr_assert_str_eq(m->unreachable.actor, names[i]);
        cr_assert_eq(m->number, 100 + i);
        message_destroy(&m);
    }
    s_leave(&a);
    s_fini(&w);
}

Test(broker, an_actor_that_left_becomes_unreachable)
{
    world_t w;
    s_init(&w);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "worker/eu/0", 1),
            b = s_actor(broker_tcp(w.brokers[0]), "shard/eu/0", 1);
    s_register(&a, "eu");
    s_register(&b, "eu");
    s_leave(&b);
    message_t *m = NULL;
    for (bool gone = false; !gone; message_destroy(&m)) { /* until the broker has seen the connection end */
        s_send(&a, s_new(&a, KIND_pull, "shard/eu/0", 1));
        s_send(&a, s_new(&a, KIND_pull, "worker/eu/0", 2)); /* comes back to itself: the end of this round */
        m = s_next(&a);
        gone = m->kind == KIND_unreachable;
    }
    m = s_wait(&a, KIND_pull);
    message_destroy(&m);
    s_leave(&a);
    s_fini(&w);
}

Test(broker, an_older_incarnation_is_refused)
{
    world_t w;
    s_init(&w);
    actor_t old = s_actor(broker_tcp(w.brokers[0]), "shard/eu/0", 1),
            new = s_actor(broker_tcp(w.brokers[0]), "shard/eu/0", 2);
    s_register(&old, "eu");
    s_register(&new, "eu");
    s_hello(&old);
    message_t *m = s_wait(&old, KIND_refused);
    cr_assert_eq(m->refused.code, ERR_STALE);
    cr_assert_eq(m->refused.kind, KIND_hello);
    message_destroy(&m);
    actor_t peer = s_actor(broker_tcp(w.brokers[0]), "shard/eu/1", 1);
    s_register(&peer, "eu");
    s_send_delta(&old, "shard/eu/1", 3, 10); /* nor is anything else that it says carried on */
    m = s_wait(&old, KIND_refused);
    cr_assert_eq(m->refused.code, ERR_STALE);
    cr_assert_eq(m->refused.kind, KIND_delta);
    message_destroy(&m);
    s_send_delta(&new, "shard/eu/1", 4, 10);
    s_expect_delta(&peer, "shard/eu/0", 4, 10);
    s_leave(&peer);
    s_leave(&old);
    s_leave(&new);
    s_fini(&w);
}

Test(broker, a_name_of_another_region_is_refused)
{
    world_t w;
    s_init(&w);
    actor_t stray = s_actor(broker_tcp(w.brokers[0]), "shard/us/0", 1);
    s_hello(&stray);
    message_t *m = s_wait(&stray, KIND_refused);
    cr_assert_eq(m->refused.code, ERR_DENIED);
    message_destroy(&m);
    s_leave(&stray);
    s_fini(&w);
}

/* A restart may repeat what was not acknowledged yet, and says when nobody was there to take it. */
static void s_expect_after_restart(const actor_t *at, const char *from, uint64_t number, size_t size)
{
    message_t *m = s_next(at);
    for (; m->number != number; m = s_next(at)) {
        cr_assert(m->number == 1 && (m->kind == KIND_delta || m->kind == KIND_unreachable));
        message_destroy(&m);
    }
    cr_assert_eq(m->kind, KIND_delta);
    cr_assert_str_eq(m->from, from);
    cr_assert_eq(m->data.size_bytes, size);
    message_destroy(&m);
}

static void s_restart(size_t region)
{
    world_t w;
    s_init(&w);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "shard/eu/0", 1);
    actor_t b = s_actor(broker_tcp(w.brokers[1]), "shard/us/0", 1);
    actor_t *mover = region ? &b : &a, *stayer = region ? &a : &b;
    s_register(&a, "eu");
    s_register(&b, "us");
    s_send_delta(stayer, mover->name, 1, 1000);
    s_expect_delta(mover, stayer->name, 1, 1000);
    s_leave(mover);
    broker_stop(&w.brokers[region], LINGER_US);
    s_start(&w, region);
    *mover = s_actor(broker_tcp(w.brokers[region]), mover->name, 2);
    s_register(mover, region ? "us" : "eu");
    s_send_delta(stayer, mover->name, 2, 5000000);
    s_expect_after_restart(mover, stayer->name, 2, 5000000);
    s_send_delta(mover, stayer->name, 3, 5000000);
    s_expect_after_restart(stayer, mover->name, 3, 5000000);
    s_leave(&a);
    s_leave(&b);
    s_fini(&w);
}

Test(broker, messages_flow_again_when_the_listening_broker_restarted)
{
    s_restart(0);
}

Test(broker, messages_flow_again_when_the_dialing_broker_restarted)
{
    s_restart(1);
}

Test(broker, the_order_of_starting_does_not_matter)
{
    world_t w;
    s_init(&w);
    broker_stop(&w.brokers[0], 0);
    actor_t b = s_actor(broker_tcp(w.brokers[1]), "shard/us/0", 1);
    s_register(&b, "us");
    s_send_delta(&b, "shard/us/0", 1, 10); /* to itself: the broker serves while its peer is away */
    s_expect_delta(&b, "shard/us/0", 1, 10);
    s_start(&w, 0);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "shard/eu/0", 1);
    s_register(&a, "eu");
    s_send_delta(&b, "shard/eu/0", 2, 10);
    s_expect_delta(&a, "shard/us/0", 2, 10);
    s_leave(&a);
    s_leave(&b);
    s_fini(&w);
}

Test(broker, tells_synchronizers_and_schedulers_how_the_link_is)
{
    world_t w;
    s_init(&w);
    actor_t s = s_actor(broker_inproc(w.brokers[0]), "synchronizer/eu/0", 1);
    s_register(&s, "eu");
    message_t *m = s_wait(&s, KIND_link_state);
    while (!m->link_state.up || !m->link_state.rtt_us) {
        message_destroy(&m);
        m = s_wait(&s, KIND_link_state);
    }
    cr_assert_str_eq(m->link_state.region, "us");
    cr_assert_geq(m->link_state.rtt_us, 10000);
    cr_assert_gt(m->link_state.sent_bytes, 0);
    message_destroy(&m);
    s_leave(&s);
    s_fini(&w);
}

Test(broker, bad_frames_are_dropped_and_nothing_else_happens)
{
    world_t w;
    s_init(&w);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "worker/eu/0", 1);
    s_register(&a, "eu");
    char junk[300] = "junk";
    for (int frames = 1; frames <= 6; frames++)
        for (int i = 0; i < frames; i++)
            zmq_send(a.socket, junk, i * sizeof junk / 6, i + 1 < frames ? ZMQ_SNDMORE : 0);
    message_t *m = s_new(&a, KIND_link_data, "broker/eu", 0);
    m->link_data.session = 1;
    s_send(&a, m);
    m = s_new(&a, KIND_link_hello, "broker/eu", 0);
    message_set_name(m->link_hello.region, "us");
    message_set_name(m->link_hello.digest, "wrong");
    m->link_hello.session = 1;
    m->link_hello.connection = UINT64_MAX;
    s_send(&a, m);
    s_send_delta(&a, "worker/eu/0", 9, 100);
    s_expect_delta(&a, "worker/eu/0", 9, 100);
    s_leave(&a);
    s_fini(&w);
}

Test(broker, one_that_does_not_read_does_not_fill_the_memory)
{
    world_t w;
    s_init(&w);
    actor_t deaf = s_actor(broker_ipc(w.brokers[0]), "shard/eu/0", 1),
            a = s_actor(broker_inproc(w.brokers[0]), "worker/eu/0", 1);
    deaf.process = 1; /* another one, which may have the same id in another container */
    s_register(&deaf, "eu");
    s_register(&a, "eu");
    enum { COUNT = 400 };
    buf_t *chunk = s_pattern(0, MESSAGE_CHUNK_BYTES);
    for (uint64_t k = 0; k < COUNT; k++) {
        message_t *m = s_new(&a, KIND_push, "shard/eu/0", k);
        m->data = slice_of(chunk, 0, MESSAGE_CHUNK_BYTES);
        s_send(&a, m);
    }
    s_send(&a, s_new(&a, KIND_pull, "worker/eu/0", 2));
    size_t refused = 0;
    message_t *m = s_next(&a);
    for (; m->kind == KIND_refused; m = s_next(&a)) {
        cr_assert_eq(m->refused.code, ERR_FULL);
        cr_assert_eq(m->refused.kind, KIND_push);
        refused++;
        message_destroy(&m);
    }
    cr_assert_eq(m->kind, KIND_pull);
    message_destroy(&m);
    cr_assert_gt(refused, 0);
    for (size_t k = 0; k < COUNT - refused; k++) {
        m = s_wait(&deaf, KIND_push);
        message_destroy(&m);
    }
    s_send_delta(&a, "shard/eu/0", 1, MESSAGE_CHUNK_BYTES); /* there is room again */
    s_expect_delta(&deaf, "worker/eu/0", 1, MESSAGE_CHUNK_BYTES);
    buf_destroy(&chunk);
    s_leave(&a);
    s_leave(&deaf);
    s_fini(&w);
}

/* ---- places ------------------------------------------------------------------------------------------ */

Test(broker, is_found_by_its_file_and_leaves_nothing)
{
    world_t w;
    s_init(&w);
    char endpoint[TOPOLOGY_TEXT_MAX], ipc[TOPOLOGY_TEXT_MAX];
    cr_assert_eq(broker_find(w.topology, 0, w.dir, endpoint, NULL), ERR_OK);
    cr_assert_str_eq(endpoint, broker_ipc(w.brokers[0]));
    strcpy(ipc, endpoint + strlen("ipc://"));
    struct stat info;
    cr_assert_eq(stat(ipc, &info), 0);
    *strrchr(endpoint, '/') = '\0';
    cr_assert_eq(stat(endpoint + strlen("ipc://"), &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0700);
    strcpy(w.topology->regions[1].advertise, "tcp://elsewhere:5555");
    cr_assert_eq(broker_find(w.topology, 1, w.dir, endpoint, NULL), ERR_OK);
    cr_assert_str_eq(endpoint, "tcp://elsewhere:5555");
    broker_stop(&w.brokers[0], 0);
    err_t err;
    cr_assert_eq(broker_find(w.topology, 0, w.dir, endpoint, &err), ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "eu"));
    cr_assert_neq(stat(ipc, &info), 0);
    s_fini(&w);
}

Test(broker, an_address_in_use_is_one_clear_error)
{
    world_t w;
    s_init(&w);
    topology_t *other = s_topology();
    strcpy(other->regions[0].bind, broker_tcp(w.brokers[0]));
    broker_spec_t spec = {.topology = other};
    broker_t *broker = NULL;
    err_t err = {0};
    cr_assert_eq(broker_start(&spec, &broker, &err), ERR_IN_USE);
    cr_assert_null(broker);
    cr_assert_not_null(strstr(err.text, broker_tcp(w.brokers[0])), "%s", err.text);
    strcpy(other->regions[0].bind, "nonsense");
    cr_assert_eq(broker_start(&spec, &broker, &err), ERR_CONFIG);
    free(other);
    s_fini(&w);
}

Test(broker, beyond_loopback_needs_a_word)
{
    topology_t *t = s_topology();
    strcpy(t->regions[0].bind, "tcp://0.0.0.0:*");
    broker_spec_t spec = {.topology = t};
    broker_t *broker = NULL;
    err_t err = {0};
    cr_assert_eq(broker_start(&spec, &broker, &err), ERR_CONFIG);
    cr_assert_not_null(strstr(err.text, "security: none"), "%s", err.text);
    t->security_given = true;
    cr_assert_eq(broker_start(&spec, &broker, &err), ERR_OK);
    broker_stop(&broker, 0);
    free(t);
    zsys_shutdown();
}

/* ---- relays ------------------------------------------------------------------------------------------ */

/* eu and us have no link with each other, and both one with asia. */
static void s_init_three(world_t *w)
{
    memset(w, 0, sizeof *w);
    strcpy(w->dir, "/tmp/cloudless-broker-test-XXXXXX");
    cr_assert_not_null(mkdtemp(w->dir));
    w->topology = s_topology();
    topology_t *t = w->topology;
    t->region_count = 3;
    t->regions[2] = t->regions[1];
    strcpy(t->regions[2].name, "asia");
    t->links[1] = t->links[0];
    t->link_count = 2;
    t->links[0].between[1] = 2;
    t->links[1].between[0] = 1;
    t->links[1].between[1] = 2;
    for (size_t region = 0; region < 3; region++)
        s_start(w, region);
}

Test(broker, regions_without_a_link_are_relayed)
{
    world_t w;
    s_init_three(&w);
    actor_t a = s_actor(broker_ipc(w.brokers[0]), "shard/eu/0", 1),
            b = s_actor(broker_tcp(w.brokers[1]), "shard/us/0", 1);
    s_register(&a, "eu");
    s_register(&b, "us");
    for (uint64_t number = 1; number <= 5; number++) {
        s_send_delta(&a, "shard/us/0", number, 300000);
        s_send_delta(&b, "shard/eu/0", number, 70000 * number);
    }
    for (uint64_t number = 1; number <= 5; number++) {
        s_expect_delta(&b, "shard/eu/0", number, 300000);
        s_expect_delta(&a, "shard/us/0", number, 70000 * number);
    }
    s_leave(&a);
    s_leave(&b);
    s_fini(&w);
}

Test(broker, an_unknown_name_behind_a_relay_is_unreachable)
{
    world_t w;
    s_init_three(&w);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "worker/eu/0", 1);
    s_register(&a, "eu");
    s_send(&a, s_new(&a, KIND_pull, "shard/us/7", 41));
    message_t *m = s_wait(&a, KIND_unreachable);
    cr_assert_str_eq(m->unreachable.actor, "shard/us/7");
    cr_assert_eq(m->number, 41);
    message_destroy(&m);
    s_leave(&a);
    s_fini(&w);
}

Test(broker, the_way_over_a_relay_has_a_state_and_no_bytes)
{
    world_t w;
    s_init_three(&w);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "synchronizer/eu/0", 1);
    s_register(&a, "eu");
    for (bool up = false; !up;) {
        message_t *m = s_wait(&a, KIND_link_state);
        if (strcmp(m->link_state.region, "us") == 0) {
            up = m->link_state.up;
            cr_assert_eq(m->link_state.sent_bytes + m->link_state.received_bytes, 0);
        }
        message_destroy(&m);
    }
    s_leave(&a);
    s_fini(&w);
}

Test(broker, a_link_that_is_down_is_gone_around)
{
    world_t w;
    s_init_three(&w);
    broker_stop(&w.brokers[0], LINGER_US);
    topology_t *others = w.topology, *t = calloc(1, sizeof *t); /* those who run keep theirs */
    *t = *others;
    w.topology = t;
    t->links[2] = t->links[0]; /* eu dials us, which knows of no such link and does not answer */
    t->links[2].between[0] = 1;
    t->links[2].between[1] = 0;
    t->link_count = 3;
    s_start(&w, 0);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "shard/eu/0", 1),
            b = s_actor(broker_tcp(w.brokers[1]), "shard/us/0", 1);
    s_register(&a, "eu");
    s_register(&b, "us");
    uint64_t number = 0, came = 0;
    zmq_pollitem_t item = {.socket = b.socket, .events = ZMQ_POLLIN};
    while (!came) { /* what was sent before the link was given up waits for it */
        s_send_delta(&a, "shard/us/0", ++number, 1000);
        if (zmq_poll(&item, 1, 100) == 0)
            continue;
        message_t *m = s_next(&b);
        came = m->kind == KIND_delta ? m->number : 0;
        message_destroy(&m);
    }
    cr_assert_gt(came, 1, "its own link came first");
    s_leave(&a);
    s_leave(&b);
    s_fini(&w);
    free(others);
}

/* The first state of the link to a region for which `holds`. */
static message_t *s_state_that(const actor_t *actor, const char *region, bool (*holds)(const message_t *))
{
    for (int states = 0;; states++) { /* each region's is told twice a second */
        cr_assert_lt(states, 120, "the state of the link to %s never comes to be", region);
        message_t *m = s_wait(actor, KIND_link_state);
        if (!strcmp(m->link_state.region, region) && holds(m))
            return m;
        message_destroy(&m);
    }
}

static bool s_has_error(const message_t *m)
{
    return m->link_state.error && m->link_state.error[0];
}

static bool s_has_connections(const message_t *m)
{
    return m->link_state.connections && m->link_state.since_us > 0;
}

Test(broker, a_link_that_never_came_up_is_told_with_its_address_and_the_reason)
{
    world_t w;
    s_init(&w);
    actor_t b = s_actor(broker_tcp(w.brokers[1]), "scheduler/us", 1);
    s_register(&b, "us");
    message_t *m = s_state_that(&b, "eu", s_has_connections);
    cr_assert(m->link_state.was_up);
    cr_assert(m->link_state.address && m->link_state.address[0]);
    message_destroy(&m);
    s_leave(&b);
    broker_stop(&w.brokers[1], 0);
    topology_t *others = w.topology, *t = calloc(1, sizeof *t);
    *t = *others;
    w.topology = t;
    strcpy(t->regions[0].advertise, "tcp://127.0.0.1:1"); /* nobody may listen there */
    s_start(&w, 1);
    b = s_actor(broker_tcp(w.brokers[1]), "scheduler/us", 1);
    s_register(&b, "us");
    m = s_state_that(&b, "eu", s_has_error);
    cr_assert_not(m->link_state.up);
    cr_assert_not(m->link_state.was_up);
    cr_assert_str_eq(m->link_state.address, "tcp://127.0.0.1:1");
    cr_assert(strstr(m->link_state.error, "refused"), "%s", m->link_state.error);
    cr_assert_geq(m->link_state.since_us, 3000000);
    message_destroy(&m);
    s_leave(&b);
    s_fini(&w);
    free(others);
}

static bool s_is_relayed(const message_t *m)
{
    return m->link_state.up && m->link_state.relay[0];
}

Test(broker, a_region_that_is_reached_over_another_one_says_over_which)
{
    world_t w;
    s_init_three(&w);
    actor_t a = s_actor(broker_tcp(w.brokers[0]), "scheduler/eu", 1);
    s_register(&a, "eu");
    message_t *m = s_state_that(&a, "us", s_is_relayed);
    cr_assert_str_eq(m->link_state.relay, "asia");
    cr_assert_eq(m->link_state.connections, 0, "there is no link");
    message_destroy(&m);
    s_leave(&a);
    s_fini(&w);
}
