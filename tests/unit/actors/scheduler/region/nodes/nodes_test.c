/* Nodes: which are there, and which are gone. */
#include "tests/unit/actors/scheduler/region/rooms.h"

static size_t s_announce(rooms_t *rooms, const char *name, uint64_t process, int64_t now_us,
                         nodes_news_t *news)
{
    message_t *announce = rooms_announce(rooms, name, process);
    size_t node = nodes_take_announce(&rooms->nodes, announce, false, now_us, news);
    message_destroy(&announce);
    return node;
}

Test(nodes, another_process_of_a_name_has_emptied_the_node)
{
    rooms_t *rooms = rooms_new();
    nodes_news_t news;
    size_t node = s_announce(rooms, "node/eu/a", 1, 0, &news);
    cr_assert(news.changed && !news.emptied);
    cr_assert_eq(s_announce(rooms, "node/eu/a", 1, 1, &news), node);
    cr_assert(!news.changed && !news.emptied);
    cr_assert_eq(s_announce(rooms, "node/eu/a", 2, 2, &news), node);
    cr_assert(news.changed && news.emptied);
    rooms_free(rooms);
}

Test(nodes, who_does_not_belong_here_is_refused)
{
    rooms_t *rooms = rooms_new();
    nodes_news_t news;
    message_t *announce = rooms_announce(rooms, "node/eu/a", 1), *refused;
    message_set_name(announce->announce.digest, "another");
    cr_assert_eq(nodes_take_announce(&rooms->nodes, announce, false, 0, &news), NOWHERE);
    refused = rooms_take(rooms, KIND_refused);
    cr_assert_eq(refused->refused.code, ERR_JOB);
    message_destroy(&refused);
    message_destroy(&announce);
    cr_assert_eq(s_announce(rooms, "node/us/a", 1, 0, &news), NOWHERE, "of another region");
    cr_assert_eq(rooms->nodes.count, 0);
    rooms_free(rooms);
}

Test(nodes, who_is_silent_is_gone_and_told_of_once)
{
    rooms_t *rooms = rooms_new();
    size_t a = rooms_node(rooms, "node/eu/a", 0), b = rooms_node(rooms, "node/eu/b", 4 * SECOND);
    for (int64_t now_us = 0; now_us <= SILENCE_US; now_us += 500 * MS)
        region_hears(&rooms->base, now_us);
    nodes_lose_silent(&rooms->nodes, SILENCE_US);
    cr_assert_not(nodes_is_alive(&rooms->nodes, a));
    cr_assert(nodes_is_alive(&rooms->nodes, b));
    cr_assert_eq(nodes_take_gone(&rooms->nodes), a);
    cr_assert_eq(nodes_take_gone(&rooms->nodes), NOWHERE);
    nodes_lose_silent(&rooms->nodes, SILENCE_US);
    cr_assert_eq(nodes_take_gone(&rooms->nodes), NOWHERE, "it is lost already");
    rooms_free(rooms);
}

Test(nodes, the_newest_that_a_disk_has_is_what_it_announced)
{
    rooms_t *rooms = rooms_new();
    nodes_news_t news;
    uint64_t incarnation = 0, number = 0;
    message_t *announce = rooms_announce(rooms, "node/eu/a", 1);
    message_set_rows(&announce->announce.held, 1);
    announce->announce.held.items[0] = (announce_held_t){.shard = 1, .incarnation = 5, .number = 9};
    size_t node = nodes_take_announce(&rooms->nodes, announce, false, 0, &news);
    message_destroy(&announce);
    cr_assert(nodes_holds(&rooms->nodes, node, 1, &incarnation, &number));
    cr_assert(incarnation == 5 && number == 9);
    cr_assert_not(nodes_holds(&rooms->nodes, node, 0, &incarnation, &number));
    rooms_free(rooms);
}
