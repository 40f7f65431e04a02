/* Announcements: their content and their time, without a node. */
#include "actors/node/announcing.h"

#include <criterion/criterion.h>

#include <string.h>

#define S ((int64_t)1000000)

static announcing_t s_announcing;
static hosted_t s_hosted;

static announcing_t *s_new(void)
{
    char host[] = "host";
    const node_spec_t spec = {.name = "node/eu/a",
                              .region = "eu",
                              .host = host,
                              .digest = "0123456789abcdef",
                              .cores = 2,
                              .incarnation = 9,
                              .age_us = 3 * S};
    announcing_init(&s_announcing, &spec);
    memset(host, 'x', strlen(host));
    hosted_init(&s_hosted, "node/eu/a", 7);
    return &s_announcing;
}

static message_t *s_say(announcing_t *self, bool leaving, int64_t now_us)
{
    message_t *announce = message_new(KIND_announce, "scheduler/eu", "node/eu/a");
    announcing_fill(self, &s_hosted, leaving, 4, now_us, announce);
    return announce;
}

Test(announcing, says_what_was_known_at_the_start_and_who_lives)
{
    announcing_t *self = s_new();
    self->begun_us = S;
    message_t *place = message_new(KIND_place, "node/eu/a", "scheduler/eu");
    message_set_name(place->place.actor, "shard/eu/0");
    place->place.incarnation = 5;
    place->place.run = 7;
    hosted_place(&s_hosted, place);
    message_destroy(&place);
    message_t *said = s_say(self, true, 3 * S);
    cr_assert_str_eq(said->announce.host, "host", "a copy");
    cr_assert_str_eq(said->announce.digest, "0123456789abcdef");
    cr_assert_str_eq(said->announce.offer, "");
    cr_assert_eq(said->announce.cores, 2);
    cr_assert_eq(said->announce.run, 7);
    cr_assert_eq(said->announce.scheduler, 4);
    cr_assert_eq(said->announce.age_us, 5 * S);
    cr_assert(said->announce.leaving);
    cr_assert_eq(said->announce.hosted.count, 1);
    cr_assert_eq(said->announce.hosted.items[0], 5);
    message_destroy(&said);
    hosted_fini(&s_hosted);
}

Test(announcing, at_once_then_often_until_something_is_placed_and_again_while_it_leaves)
{
    announcing_t *self = s_new();
    cr_assert_leq(announcing_due(self, &s_hosted, false), 0);
    message_t *said = s_say(self, false, 10 * S);
    message_destroy(&said);
    int64_t often_us = announcing_due(self, &s_hosted, false);
    cr_assert(often_us > 10 * S && often_us < 11 * S);
    s_hosted.placed = true;
    cr_assert_eq(announcing_due(self, &s_hosted, false), 11 * S);
    cr_assert_eq(announcing_due(self, &s_hosted, true), often_us);
    self->spec.announce_us = 5 * S;
    cr_assert_eq(announcing_due(self, &s_hosted, false), 15 * S);
    hosted_fini(&s_hosted);
}
