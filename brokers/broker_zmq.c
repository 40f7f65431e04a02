/* broker_zmq - a broker's thread: binds, serves, ends.
 *
 * The router is served in a tight loop, and for a moment after its last message without blocking: waking a
 * blocked thread costs ten times what handing a message on does. Everything else (links, monitors, timers)
 * has its turn every ROUND_US at the latest.
 */
#include "brokers/broker_state_zmq.h"
#include "brokers/gate_zmq.h"
#include "codec/wire/actor_name.h"

#include <czmq.h> /* here alone: its syslog.h has macros named like the levels of codec/base/log.h */

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define SPIN_US 40
#define ROUND_US 500
#define FIXED_ITEMS 3 /* pipe, timer, router */

static int64_t s_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- start and end ----------------------------------------------------------------------------------- */

static err_code_t s_open_broker(broker_t *self, err_t *err)
{
    self->now_us = s_now_us();
    self->routes = routes_new();
    self->pid = (uint64_t)getpid();
    self->process = machine_process();
    err_code_t code = broker_bind(self, err);
    if (code == ERR_OK)
        code = broker_peers_start(self, err);
    if (code == ERR_OK && self->spec.run_dir)
        code = broker_file_write(self->spec.run_dir, self->region->name, self->tcp, self->ipc, err);
    broker_fault_open(self);
    return code;
}

static void s_close_broker(broker_t *self, int64_t linger_us)
{
    if (self->spec.run_dir && self->ipc[0])
        broker_file_remove(self->spec.run_dir, self->region->name, self->ipc);
    if (self->routes && self->router)
        broker_fault_release(self);
    broker_peers_stop(self);
    gate_close(&self->gate);
    if (self->router) {
        int linger_ms = linger_us / 1000 > INT_MAX ? INT_MAX : (int)(linger_us / 1000);
        CHECK(zmq_setsockopt(self->router, ZMQ_LINGER, &linger_ms, sizeof linger_ms) == 0);
        zmq_close(self->router);
    }
    if (self->ipc[0])
        unlink(self->ipc + strlen("ipc://"));
    routes_destroy(&self->routes);
}

/* ---- serving ----------------------------------------------------------------------------------------- */

typedef struct {
    zmq_pollitem_t *items;
    int count;
    int timer;
    int64_t armed_us;
    int64_t stop_us; /* when to end at the latest; INT64_MAX: not asked to */
} loop_t;

static void s_arm(loop_t *loop, int64_t due_us)
{
    if (due_us == loop->armed_us)
        return;
    struct itimerspec when = {0};
    if (due_us != INT64_MAX) {
        when.it_value.tv_sec = due_us / 1000000;
        when.it_value.tv_nsec = due_us % 1000000 * 1000 + 1;
    }
    CHECK(timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0);
    loop->armed_us = due_us;
}

static int64_t s_due_us(const broker_t *self, const loop_t *loop)
{
    int64_t due_us = broker_peers_due(self);
    if (self->timer_due_us < due_us)
        due_us = self->timer_due_us;
    return loop->stop_us < due_us ? loop->stop_us : due_us;
}

static void s_read_pipe(broker_t *self, loop_t *loop)
{
    char word[8] = "";
    int size = zmq_recv(loop->items[0].socket, word, sizeof word, ZMQ_DONTWAIT);
    if (size == 5 && memcmp(word, "$TERM", 5) == 0)
        loop->stop_us = self->now_us + atomic_load(&self->linger_us);
    topology_link_t *changed = atomic_exchange(&self->changed, NULL);
    if (changed)
        broker_peers_change(self, changed);
    free(changed);
}

static void s_watch_sides(broker_t *self, loop_t *loop)
{
    broker_peer_poll_items(self, loop->items + FIXED_ITEMS);
    loop->count = (int)(FIXED_ITEMS + broker_peer_poll_count(self));
    self->polls_changed = false;
}

/* Everything but the router. Blocks until there is something to do when `may_block`. */
static void s_round(broker_t *self, loop_t *loop, bool may_block)
{
    if (self->polls_changed)
        s_watch_sides(self, loop);
    if (may_block)
        s_arm(loop, s_due_us(self, loop));
    int ready = zmq_poll(loop->items, loop->count, may_block ? -1 : 0);
    self->now_us = s_now_us();
    if (ready > 0) {
        if (loop->items[0].revents)
            s_read_pipe(self, loop);
        if (loop->items[1].revents)
            loop->armed_us = -1; /* armed anew before the next block, which also silences it */
        /* as many as were watched: more open when it pumps */
        broker_peer_polled(self, loop->items + FIXED_ITEMS);
    }
    broker_post_timer(self);
    broker_peers_pump(self);
}

static bool s_is_over(const broker_t *self, const loop_t *loop)
{
    return loop->stop_us != INT64_MAX && (self->now_us >= loop->stop_us || broker_peers_idle(self));
}

static void s_serve(broker_t *self, loop_t *loop)
{
    int64_t round_us = 0;
    while (!s_is_over(self, loop)) {
        self->now_us = s_now_us();
        if (broker_post_receive(self, BATCH)) {
            self->traffic_us = self->now_us;
            broker_peers_pump(self);
        }
        bool lively = self->now_us - self->traffic_us < SPIN_US;
        if (lively && self->now_us < round_us && broker_peers_due(self) > self->now_us) {
            sched_yield();
            continue;
        }
        s_round(self, loop, !lively);
        round_us = self->now_us + ROUND_US;
    }
}

static void s_loop_broker(broker_t *self, zsock_t *pipe)
{
    loop_t loop = {.stop_us = INT64_MAX, .armed_us = -1, .count = FIXED_ITEMS};
    loop.items = calloc(FIXED_ITEMS + broker_peer_poll_most(self), sizeof *loop.items);
    CHECK(loop.items);
    loop.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    CHECK(loop.timer >= 0);
    loop.items[0] = (zmq_pollitem_t){.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN};
    loop.items[1] = (zmq_pollitem_t){.fd = loop.timer, .events = ZMQ_POLLIN};
    loop.items[2] = (zmq_pollitem_t){.socket = self->router, .events = ZMQ_POLLIN};
    broker_peers_pump(self);
    s_serve(self, &loop);
    close(loop.timer);
    free(loop.items);
}

static void s_actor(zsock_t *pipe, void *args)
{
    broker_t *self = args;
    self->context = zsys_init();
    self->code = s_open_broker(self, &self->err);
    zsock_signal(pipe, 0);
    if (self->code == ERR_OK)
        s_loop_broker(self, pipe);
    s_close_broker(self, atomic_load(&self->linger_us));
}

/* ---- from outside ------------------------------------------------------------------------------------ */

err_code_t broker_start(const broker_spec_t *spec, broker_t **ret_self, err_t *err)
{
    CHECK(spec->region_index < spec->topology->region_count);
    broker_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    self->region = &spec->topology->regions[spec->region_index];
    message_set_name(self->name, actor_name(ROLE_BROKER, self->region->name).text);
    self->actor = zactor_new(s_actor, self);
    CHECK(self->actor);
    if (self->code == ERR_OK) {
        *ret_self = self;
        return ERR_OK;
    }
    zactor_destroy(&self->actor);
    err_code_t code = err_set(err, self->code, "%s", self->err.text);
    free(self);
    return code;
}

void broker_stop(broker_t **self_p, int64_t linger_us)
{
    broker_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    atomic_store(&self->linger_us, linger_us);
    zactor_destroy(&self->actor);
    free(self->changed);
    free(self);
}

void broker_change_links(broker_t *self, const topology_t *changed)
{
    size_t count = self->spec.topology->link_count;
    CHECK(changed->link_count == count);
    topology_link_t *links = calloc(count + 1, sizeof *links);
    CHECK(links);
    memcpy(links, changed->links, count * sizeof *links);
    free(atomic_exchange(&self->changed, links));
    zstr_send(self->actor, "LINKS");
}

const char *broker_inproc(const broker_t *self)
{
    return self->inproc;
}

const char *broker_ipc(const broker_t *self)
{
    return self->ipc;
}

const char *broker_tcp(const broker_t *self)
{
    return self->tcp;
}
