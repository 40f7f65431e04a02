/* Hosting, the roles: how a node starts an actor of each; a role that nodes host has a row here. */
#include "actors/node/hosting.h"

#include "actors/keeper/keeper_actor.h"
#include "actors/shard/shard_actor.h"
#include "actors/synchronizer/synchronizer_actor.h"
#include "actors/worker/worker_actor.h"
#include "codec/wire/actor_name.h"

#include <string.h>

/* ---- what an actor needs ---- */

static void s_fill_worker(const hosting_spec_t *with, const node_command_t *command, size_t index,
                          shell_spec_t *ret_spec)
{
    (void)command;
    worker_actor_t worker = {.topology = with->topology,
                             .job = with->job,
                             .dataset = with->dataset,
                             .region_index = with->region_index,
                             .worker_index = index,
                             .checksums = with->checksums,
                             .pace = with->pace};
    worker_actor_fill(&worker, ret_spec);
}

static void s_fill_shard(const hosting_spec_t *with, const node_command_t *command, size_t index,
                         shell_spec_t *ret_spec)
{
    shard_actor_t shard = {.topology = with->topology,
                           .job = with->job,
                           .state_dir = with->state_dir,
                           .region_index = with->region_index,
                           .shard_index = index,
                           .checksums = with->checksums,
                           .newest_incarnation = command->newest_incarnation,
                           .newest_number = command->newest_number,
                           .handed = command->handed,
                           .run = command->run};
    shard_actor_fill(&shard, ret_spec);
}

static void s_fill_synchronizer(const hosting_spec_t *with, const node_command_t *command, size_t index,
                                shell_spec_t *ret_spec)
{
    (void)command;
    synchronizer_actor_t synchronizer = {
        .topology = with->topology, .region_index = with->region_index, .shard_index = index};
    synchronizer_actor_fill(&synchronizer, ret_spec);
}

static void s_fill_keeper(const hosting_spec_t *with, const node_command_t *command, size_t index,
                          shell_spec_t *ret_spec)
{
    (void)command, (void)index;
    keeper_actor_t keeper = {with->topology, with->state_dir, with->region_index};
    keeper_actor_fill(&keeper, ret_spec);
}

typedef void fill_fn(const hosting_spec_t *with, const node_command_t *command, size_t index,
                     shell_spec_t *ret_spec);

static fill_fn *const s_fills[ROLE_NONE + 1] = {
    [ROLE_WORKER] = s_fill_worker,
    [ROLE_SHARD] = s_fill_shard,
    [ROLE_SYNCHRONIZER] = s_fill_synchronizer,
    [ROLE_KEEPER] = s_fill_keeper,
};

/* ---- who is in this job ---- */

static bool s_is_of_node(const hosting_spec_t *with, const actor_parts_t *actor)
{
    actor_parts_t node;
    return actor_split(with->node, strlen(with->node), &node) && !strcmp(actor->rest, node.rest);
}

static bool s_is_in_job(const hosting_spec_t *with, const actor_parts_t *actor)
{
    const topology_region_t *region = &with->topology->regions[with->region_index];
    if (!actor_is_in(actor, region->name))
        return false;
    switch (role_row(actor->role)->placed) {
    case PLACED_PER_SHARD:
    case PLACED_BESIDE_SHARD:
        return actor->number < region->shards;
    case PLACED_AS_NEEDED:
        return actor->number != ACTOR_NO_NUMBER;
    case PLACED_PER_NODE:
        return s_is_of_node(with, actor);
    case PLACED_ONCE:
        return !actor->rest_length;
    default:
        return false;
    }
}

bool hosting_fill(const hosting_spec_t *with, const node_command_t *command, shell_spec_t *ret_spec)
{
    actor_parts_t actor;
    if (!actor_split(command->actor, strlen(command->actor), &actor) || !s_is_in_job(with, &actor) ||
        !s_fills[actor.role])
        return false;
    s_fills[actor.role](with, command, actor.number, ret_spec);
    return true;
}
