/* Messages that another region's broker gave. Without sockets: links are pure, and what they were told to
 * send waits in them. The broker is asia's, linked with eu and us; far is linked with us alone. */
#include "brokers/broker_state_zmq.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { EU, US, ASIA, FAR, LOST, REGIONS };

#define LARGE 100000 /* bytes of a message; an answer that it cannot be delivered is much smaller */

typedef struct {
    topology_t *topology;
    broker_t broker;
    broker_peer_t peers[2];
} world_t;

static void s_init(world_t *w)
{
    static const char *const names[] = {"eu", "us", "asia", "far", "lost"};
    memset(w, 0, sizeof *w);
    topology_t *t = w->topology = calloc(1, sizeof *t);
    t->region_count = REGIONS;
    for (size_t r = 0; r < REGIONS; r++)
        strcpy(t->regions[r].name, names[r]);
    static const size_t links[][2] = {{EU, ASIA}, {US, ASIA}, {US, FAR}};
    for (; t->link_count < 3; t->link_count++)
        memcpy(t->links[t->link_count].between, links[t->link_count], sizeof *links);
    w->broker = (broker_t){.spec = {.topology = t, .region_index = ASIA},
                           .region = &t->regions[ASIA],
                           .name = "broker/asia",
                           .routes = routes_new(),
                           .peers = w->peers,
                           .peer_count = 2};
    for (size_t r = EU; r <= US; r++) {
        link_spec_t spec = {.session = 1 + r, .connections = 1};
        strcpy(spec.local, "asia");
        strcpy(spec.remote, names[r]);
        w->peers[r] = (broker_peer_t){.spec = &t->links[r], .region_index = r, .up = true};
        w->peers[r].link = link_new(&spec, 0);
    }
}

static void s_fini(world_t *w)
{
    routes_destroy(&w->broker.routes);
    for (size_t r = EU; r <= US; r++)
        link_destroy(&w->peers[r].link);
    free(w->topology);
}

static void s_give(world_t *w, size_t from, const char *to, message_kind_t kind)
{
    message_t *message = message_new(kind, to, "shard/eu/0");
    buf_t *data = buf_new_zero(LARGE);
    message->data = slice_of(data, 0, LARGE);
    frames_t frames = frames_pack(message);
    broker_post_delivered(&w->broker, &w->peers[from], &frames);
    frames_fini(&frames);
    buf_destroy(&data);
    message_destroy(&message);
}

static uint64_t s_waits(const world_t *w, size_t region)
{
    return link_stats(w->peers[region].link).queued_bytes;
}

static void s_expect_refused(world_t *w, size_t from)
{
    cr_assert_gt(s_waits(w, from), 0, "who gave it is told that there is no way");
    cr_assert_lt(s_waits(w, from), LARGE, "and does not have it back");
    cr_assert_eq(s_waits(w, from == EU ? US : EU), 0);
}

Test(broker_post, what_a_neighbour_gives_for_another_neighbour_is_handed_on)
{
    world_t w;
    s_init(&w);
    s_give(&w, EU, "shard/us/0", KIND_delta);
    cr_assert_geq(s_waits(&w, US), LARGE);
    cr_assert_eq(s_waits(&w, EU), 0);
    s_fini(&w);
}

Test(broker_post, nothing_goes_back_where_it_came_from)
{
    world_t w;
    s_init(&w);
    s_give(&w, EU, "shard/eu/1", KIND_delta);
    s_expect_refused(&w, EU);
    s_fini(&w);
}

/* Its own messages for far go over us; another region's would be on their third hop then, or turn in a
 * circle. */
Test(broker_post, a_relay_hands_on_over_its_own_links_alone)
{
    static const char *const names[] = {"shard/far/0", "shard/lost/0", "nobody"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        world_t w;
        s_init(&w);
        s_give(&w, EU, names[i], KIND_delta);
        s_expect_refused(&w, EU);
        s_fini(&w);
    }
    bool usable;
    world_t w;
    s_init(&w);
    cr_assert_eq(broker_peer_toward(&w.broker, FAR, &usable), &w.peers[US], "its own go there");
    s_fini(&w);
}

/* Or two brokers would tell each other for ever that they cannot tell each other. */
Test(broker_post, an_answer_that_cannot_be_delivered_is_not_answered)
{
    static const message_kind_t kinds[] = {KIND_unreachable, KIND_refused};
    for (size_t i = 0; i < 2; i++) {
        world_t w;
        s_init(&w);
        s_give(&w, EU, "shard/lost/0", kinds[i]);
        cr_assert_eq(s_waits(&w, EU) + s_waits(&w, US), 0);
        s_fini(&w);
    }
}
