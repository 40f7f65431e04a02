#include "actors/worker/worker_shards.h"

#include <criterion/criterion.h>

static const topology_t s_topology = {.regions = {{.name = "west"}}, .region_count = 1};
static const size_t s_first[] = {0, 3, 10};

static worker_shards_t s_shards(void)
{
    worker_shards_t shards;
    worker_spec_t spec = {.topology = &s_topology, .shard_count = 2, .shard_first = s_first};
    worker_shards_init(&shards, &spec);
    return shards;
}

static size_t s_hear(worker_shards_t *self, const char *from, uint64_t incarnation, bool *ret_renewed)
{
    message_t *message = message_new(KIND_params, "worker/west/0", from);
    message->incarnation = incarnation;
    size_t shard = worker_shards_sender(self, message, ret_renewed);
    message_destroy(&message);
    return shard;
}

Test(worker_shards, each_has_a_name_and_its_elements)
{
    worker_shards_t shards = s_shards();
    cr_assert_eq(worker_shards_named(&shards, "shard/west/1"), 1);
    cr_assert_eq(worker_shards_named(&shards, "shard/west/2"), 2, "none");
    cr_assert_eq(worker_shards_elements(&shards, 1), 7);
    cr_assert_eq(worker_shards_all(&shards), 10);
    worker_shards_fini(&shards);
}

Test(worker_shards, a_former_incarnation_is_nobody_and_a_later_one_is_told_apart)
{
    worker_shards_t shards = s_shards();
    bool renewed;
    cr_assert_eq(s_hear(&shards, "shard/west/0", 5, &renewed), 0);
    cr_assert_not(renewed, "the first that is heard");
    cr_assert_eq(s_hear(&shards, "shard/west/0", 6, &renewed), 0);
    cr_assert(renewed);
    cr_assert_eq(s_hear(&shards, "shard/west/0", 5, &renewed), 2);
    cr_assert_not(renewed);
    cr_assert_eq(s_hear(&shards, "shard/east/0", 9, &renewed), 2);
    worker_shards_fini(&shards);
}
