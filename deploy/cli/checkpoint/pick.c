#include "deploy/cli/checkpoint/catalog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MARK_PREFIX "mark/"

bool choice_fits(const choice_t *choice, const manifest_id_t *id)
{
    if (choice->number && id->number != choice->number)
        return false;
    if (!choice->tag)
        return true;
    size_t prefix = strlen(MARK_PREFIX);
    return !strcmp(id->tag, choice->tag) ||
           (!strncmp(id->tag, MARK_PREFIX, prefix) && !strcmp(id->tag + prefix, choice->tag));
}

static bool s_is_of(const catalog_store_t *store, const char *region, uint32_t shard)
{
    return store->place.kind == STORE_SHARD && store->place.shard == shard &&
           !strcmp(store->place.region, region);
}

/* What is wrong with a shard's store or snapshot that might have been the one. */
static err_code_t s_damaged(const catalog_store_t *store, const char *why, err_t *err)
{
    return err_set(err, ERR_CHECKSUM, "%s: %s", store->place.below, why);
}

/* Looks through one store, newest snapshot first; *ret_found says whether there is an answer. A snapshot whose tag
 * cannot be read is not the one with a tag; with none asked for it is the newest, and damaged. */
static err_code_t s_look(catalog_store_t *store, const choice_t *choice, pick_t *pick, bool *ret_found,
                         err_t *err)
{
    bool any = !choice->tag && !choice->number;
    if (!store->readable) {
        *ret_found = any;
        return any ? s_damaged(store, store->why, err) : ERR_OK;
    }
    for (size_t i = store->count; i-- > 0 && !*ret_found;) {
        const catalog_snapshot_t *snapshot = &store->snapshots[i];
        bool known = snapshot->manifest.id.number != 0;
        bool fits = known ? choice_fits(choice, &snapshot->manifest.id)
                          : !choice->tag && (any || choice->number == snapshot->number);
        if (!fits)
            continue;
        *ret_found = true;
        if (!snapshot->readable)
            return s_damaged(store, snapshot->why, err);
        pick->store = store;
        pick->snapshot = snapshot;
    }
    return ERR_OK;
}

static void s_say_choice(const choice_t *choice, char out[128])
{
    if (choice->tag)
        snprintf(out, 128, "no snapshot with the tag %.80s", choice->tag);
    else if (choice->number)
        snprintf(out, 128, "no snapshot %" PRIu64, choice->number);
    else
        snprintf(out, 128, "no snapshot");
}

err_code_t catalog_pick(const catalog_t *self, size_t region_index, uint32_t shard, const choice_t *choice,
                        pick_t *ret_pick, err_t *err)
{
    const char *region = self->topology->regions[region_index].name;
    pick_t pick = {.region_index = region_index, .shard = shard};
    bool found = false;
    err_code_t code = ERR_OK;
    for (size_t i = self->count; i-- > 0 && !found && !code;)
        if (s_is_of(&self->stores[i], region, shard))
            code = s_look(&self->stores[i], choice, &pick, &found, err);
    char what[128];
    s_say_choice(choice, what);
    if (!code && !found)
        code = err_set(err, ERR_NOT_FOUND, "shard %" PRIu32 " of region %s has %s", shard, region, what);
    else if (code)
        err_prefix(err, code, "shard %" PRIu32 " of region %s is damaged", shard, region);
    if (!code)
        *ret_pick = pick;
    return code;
}

/* Whether anything of a region's own, or of one shard, lies in the state directory; on another machine's it does not. */
static bool s_is_here(const catalog_t *self, const char *region, const uint32_t *shard)
{
    for (size_t i = 0; i < self->count; i++) {
        const store_place_t *place = &self->stores[i].place;
        if (place->kind == STORE_SHARD && !strcmp(place->region, region) &&
            (!shard || *shard == place->shard))
            return true;
    }
    return false;
}

bool catalog_is_here(const catalog_t *self, const char *region)
{
    return s_is_here(self, region, NULL);
}

static err_code_t s_pick_region(const catalog_t *self, size_t index, bool here, const choice_t *choice,
                                pick_t *picks, size_t *count, err_t *err)
{
    const topology_region_t *region = &self->topology->regions[index];
    err_code_t code = ERR_OK;
    for (uint32_t k = 0; k < region->shards && !code; k++)
        if (!here || s_is_here(self, region->name, &k))
            code = catalog_pick(self, index, k, choice, &picks[(*count)++], err);
    return code;
}

err_code_t catalog_pick_all(const catalog_t *self, const char *region, bool here, const choice_t *choice,
                            pick_t **ret_picks, size_t *ret_count, err_t *err)
{
    const topology_t *topology = self->topology;
    if (region && topology_region_index(topology, region) == SIZE_MAX)
        return err_set(err, ERR_USAGE, "there is no region %s in this job; name one of its regions", region);
    size_t room = 0, count = 0;
    for (size_t r = 0; r < topology->region_count; r++)
        room += topology->regions[r].shards;
    pick_t *picks = calloc(room + 1, sizeof *picks);
    CHECK(picks);
    err_code_t code = ERR_OK;
    for (size_t r = 0; r < topology->region_count && !code; r++) {
        const char *name = topology->regions[r].name;
        if (region ? !strcmp(region, name) : s_is_here(self, name, NULL))
            code = s_pick_region(self, r, here, choice, picks, &count, err);
    }
    if (!code && count == 0)
        code = err_set(err, ERR_NOT_FOUND, "%s: there is no snapshot", self->dir);
    if (code) {
        free(picks);
        return code;
    }
    *ret_picks = picks;
    *ret_count = count;
    return ERR_OK;
}

/* ---- Whether they fit together ---- */

/* The last number of its stream that a shard does not keep any more. */
static uint64_t s_gone(const message_t *state)
{
    const wire_u64s_t *queue = &state->shard_state.queue;
    uint64_t first = queue->count ? queue->items[0] : state->shard_state.open_first;
    return first ? first - 1 : 0;
}

static uint64_t s_item(const wire_u64s_t *list, size_t index)
{
    return index < list->count ? list->items[index] : 0;
}

/* The stream from one shard to its like in another region. */
static bool s_stream_fits(const topology_t *topology, const pick_t *from, const pick_t *to, bool strict,
                          err_t *err)
{
    const message_t *sender = from->snapshot->state, *receiver = to->snapshot->state;
    uint64_t taken = s_item(&receiver->shard_state.origin_taken, from->region_index);
    uint64_t history = s_item(&receiver->shard_state.origin_history, from->region_index);
    uint64_t known = s_item(&sender->shard_state.destination_durable, to->region_index);
    uint64_t gone = strict ? known : s_gone(sender);
    uint64_t cut = sender->shard_state.cut;
    if (history && history != sender->shard_state.history) {
        bool followed =
            history == sender->shard_state.follows_history && taken == sender->shard_state.follows;
        if (!followed)
            err_set(err, ERR_STATE, "region %s holds another history of shard %" PRIu32 " of region %s",
                    topology->regions[to->region_index].name, from->shard,
                    topology->regions[from->region_index].name);
        return followed;
    }
    if (taken <= cut && gone <= taken)
        return true;
    err_set(err, ERR_STATE,
            "region %s has taken %" PRIu64 " of what shard %" PRIu32
            " of region %s sent, which has cut %" PRIu64 " and no longer keeps the first %" PRIu64,
            topology->regions[to->region_index].name, taken, from->shard,
            topology->regions[from->region_index].name, cut, gone);
    return false;
}

bool picks_fit(const topology_t *topology, const pick_t *picks, size_t count, bool strict, err_t *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            if (picks[i].shard == picks[k].shard && picks[i].region_index != picks[k].region_index &&
                !s_stream_fits(topology, &picks[i], &picks[k], strict, err))
                return false;
    return true;
}

bool picks_settle(const pick_t *picks, size_t count, size_t index)
{
    wire_u64s_t *known = &picks[index].snapshot->state->shard_state.destination_durable;
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        const pick_t *to = &picks[i];
        if (to->shard != picks[index].shard || to->region_index == picks[index].region_index ||
            to->region_index >= known->count)
            continue;
        uint64_t taken = s_item(&to->snapshot->state->shard_state.origin_taken, picks[index].region_index);
        if (known->items[to->region_index] <= taken)
            continue;
        known->items[to->region_index] = taken;
        changed = true;
    }
    return changed;
}
