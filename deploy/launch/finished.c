#include "deploy/launch/finished.h"

#include "deploy/state/catalog.h"

#include <stdlib.h>

static bool s_is_through(const launch_t *launch, const pick_t *pick)
{
    const message_t *state = pick->snapshot->state;
    if (pick->snapshot->batches < launch->job.regions[pick->region_index].batches)
        return false;
    for (size_t r = 0; r < launch->topology->region_count; r++)
        if (r != pick->region_index &&
            (r >= state->shard_state.regions.count || !state->shard_state.regions.items[r].final))
            return false;
    return true;
}

static bool s_are_through(const launch_t *launch, const catalog_t *catalog)
{
    const choice_t newest = {.tag = NULL};
    for (size_t r = 0; r < launch->topology->region_count; r++)
        for (uint32_t k = 0; k < launch->topology->regions[r].shards; k++) {
            pick_t pick;
            if (catalog_pick(catalog, r, k, &newest, &pick, NULL) || !s_is_through(launch, &pick))
                return false;
        }
    return true;
}

bool finished(const launch_t *launch)
{
    catalog_t *catalog = NULL;
    bool through = !catalog_open(launch->state_dir, false, &catalog, NULL) && s_are_through(launch, catalog);
    catalog_destroy(&catalog);
    return through;
}
