#include "deploy/state/catalog.h"

#include <inttypes.h>
#include <stdio.h>
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

/* ---- The stores of one shard, its own and copies, newest first ---- */

/* The stores of one name: the store of an incarnation, and a copy of it. */
typedef struct {
    catalog_store_t *items[2];
    size_t count;
} namesakes_t;

static bool s_is_of(const catalog_store_t *store, const char *region, uint32_t shard)
{
    return store->place.kind != STORE_OTHER && store->place.shard == shard &&
           !strcmp(store->place.region, region);
}

/* The stores of the newest name that is older than `than`, which may be NULL. */
static namesakes_t s_next(const catalog_t *self, const char *region, uint32_t shard,
                          const store_place_t *than)
{
    namesakes_t found = {.count = 0};
    for (size_t i = 0; i < self->count; i++) {
        catalog_store_t *store = &self->stores[i];
        if (!s_is_of(store, region, shard) || (than && stores_compare_age(&store->place, than) >= 0))
            continue;
        int order = found.count ? stores_compare_age(&store->place, &found.items[0]->place) : 1;
        if (order > 0)
            found.count = 0;
        if (order >= 0 && found.count < 2)
            found.items[found.count++] = store;
    }
    return found;
}

/* ---- One snapshot among them ---- */

typedef struct {
    const choice_t *choice;
    pick_t pick;            /* snapshot NULL: nothing yet */
    char why[ERR_TEXT_MAX]; /* what may have been the one cannot be read, and why; empty: nothing such */
} search_t;

static void s_note_damage(search_t *self, const catalog_store_t *store, const char *why)
{
    if (!self->why[0])
        snprintf(self->why, sizeof self->why, "%s: %s", store->place.below, why);
}

/* A snapshot whose tag cannot be read is not the one with a tag; with none asked for it is the newest. */
static bool s_may_be(const choice_t *choice, const catalog_snapshot_t *snapshot)
{
    if (snapshot->manifest.id.number)
        return choice_fits(choice, &snapshot->manifest.id);
    return !choice->tag && (!choice->number || choice->number == snapshot->number);
}

/* The newest in one store that fits and can be read; the same in its namesake is a twin. */
static void s_look_readable(search_t *self, catalog_store_t *store)
{
    pick_t *pick = &self->pick;
    for (size_t i = store->count; i-- > 0;) {
        const catalog_snapshot_t *snapshot = &store->snapshots[i];
        if (!snapshot->readable || !s_may_be(self->choice, snapshot))
            continue;
        if (pick->snapshot && snapshot->number == pick->snapshot->number)
            pick->twin = store;
        if (pick->snapshot && snapshot->number <= pick->snapshot->number)
            return;
        pick->store = store;
        pick->snapshot = snapshot;
        pick->twin = NULL;
        return;
    }
}

/* Looks for what may have been newer, and cannot be read: of a store that cannot be read at all nobody
 * knows. */
static void s_look_damaged(search_t *self, const catalog_store_t *store)
{
    uint64_t found = self->pick.snapshot ? self->pick.snapshot->number : 0;
    if (!store->readable && !self->choice->tag && !self->choice->number)
        s_note_damage(self, store, store->why);
    for (size_t i = store->count; i-- > 0;) {
        const catalog_snapshot_t *snapshot = &store->snapshots[i];
        if (!snapshot->readable && snapshot->number > found && s_may_be(self->choice, snapshot))
            s_note_damage(self, store, snapshot->why);
    }
}

static void s_look_at_stores(search_t *self, const namesakes_t *stores)
{
    for (size_t i = 0; i < stores->count; i++)
        s_look_readable(self, stores->items[i]);
    for (size_t i = 0; i < stores->count; i++)
        s_look_damaged(self, stores->items[i]);
}

static err_code_t s_not_found(const catalog_t *self, const search_t *search, const char *region, err_t *err)
{
    const choice_t *choice = search->choice;
    char points[ERR_TEXT_MAX / 2] = "";
    if (choice->tag)
        points_say(self, points, sizeof points);
    if (choice->tag)
        return err_set(err, ERR_NOT_FOUND,
                       "shard %" PRIu32 " of region %s has no snapshot with the tag %.80s%s",
                       search->pick.shard, region, choice->tag, points);
    if (choice->number)
        return err_set(err, ERR_NOT_FOUND, "shard %" PRIu32 " of region %s has no snapshot %" PRIu64,
                       search->pick.shard, region, choice->number);
    return err_set(err, ERR_NOT_FOUND, "shard %" PRIu32 " of region %s has no snapshot in %s",
                   search->pick.shard, region, self->dir);
}

err_code_t catalog_pick(const catalog_t *self, size_t region_index, uint32_t shard, const choice_t *choice,
                        pick_t *ret_pick, err_t *err)
{
    const char *region = self->topology->regions[region_index].name;
    search_t search = {.choice = choice, .pick = {.region_index = region_index, .shard = shard}};
    namesakes_t stores = s_next(self, region, shard, NULL);
    while (stores.count && !search.pick.snapshot && (choice->older || !search.why[0])) {
        s_look_at_stores(&search, &stores);
        stores = s_next(self, region, shard, &stores.items[0]->place);
    }
    search.pick.passed_over = search.why[0];
    if (search.why[0] && !choice->older)
        return err_set(err, ERR_CHECKSUM, "shard %" PRIu32 " of region %s is damaged: %s", shard, region,
                       search.why);
    if (!search.pick.snapshot)
        return s_not_found(self, &search, region, err);
    *ret_pick = search.pick;
    return ERR_OK;
}

err_code_t pick_load(const pick_t *self, snapshot_t **ret_snapshot, err_t *err)
{
    err_code_t code = catalog_load(self->store, self->snapshot->number, ret_snapshot, err);
    bool damaged = code == ERR_CHECKSUM || code == ERR_MALFORMED || code == ERR_VERSION;
    if (damaged && self->twin && !catalog_load(self->twin, self->snapshot->number, ret_snapshot, NULL))
        return ERR_OK;
    return code;
}

/* ---- All of them ---- */

/* Returns whether anything of a region's own, or of one shard, lies in the state directory; on another
 * machine's it does not. */
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

/* ---- Whether they belong together ---- */

/* The oldest plain snapshot that a shard's store keeps; common points are much older than that. NULL: it
 * has one alone. */
static const catalog_snapshot_t *s_oldest(const pick_t *pick)
{
    for (size_t i = 0; i < pick->store->count; i++) {
        const catalog_snapshot_t *snapshot = &pick->store->snapshots[i];
        if (snapshot == pick->snapshot)
            return NULL;
        if (snapshot->readable && !snapshot_is_mark(snapshot->manifest.id.tag))
            return snapshot;
    }
    return NULL;
}

bool picks_abreast(const topology_t *topology, const pick_t *picks, size_t count, err_t *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            const catalog_snapshot_t *oldest = s_oldest(&picks[k]);
            if (picks[i].region_index != picks[k].region_index || !oldest ||
                picks[i].snapshot->batches >= oldest->batches)
                continue;
            err_set(err, ERR_STATE,
                    "the shards of region %s are not of one moment: shard %" PRIu32 " has applied %" PRIu64
                    " batches, shard %" PRIu32 " %" PRIu64,
                    topology->regions[picks[i].region_index].name, picks[i].shard, picks[i].snapshot->batches,
                    picks[k].shard, picks[k].snapshot->batches);
            return false;
        }
    return true;
}

/* ---- Whether regions fit together ---- */

/* The last number of its stream that a shard does not keep any more. */
static uint64_t s_gone(const message_t *state)
{
    uint64_t first = state->shard_state.queue.count ? state->shard_state.queue.items[0].first
                                                    : state->shard_state.open_first;
    return first ? first - 1 : 0;
}

/* Where a shard stands with a region; all zero, when it knows none of that index. */
static shard_state_regions_t s_position(const message_t *state, size_t region)
{
    bool known = region < state->shard_state.regions.count;
    return known ? state->shard_state.regions.items[region] : (shard_state_regions_t){0};
}

/* The stream from one shard to its like in another region. */
static bool s_stream_fits(const topology_t *topology, const pick_t *from, const pick_t *to, bool strict,
                          err_t *err)
{
    const message_t *sender = from->snapshot->state, *receiver = to->snapshot->state;
    const shard_state_regions_t position = s_position(receiver, from->region_index);
    uint64_t taken = position.taken, history = position.history;
    uint64_t known = s_position(sender, to->region_index).destination_durable;
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
    message_t *state = picks[index].snapshot->state;
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        const pick_t *to = &picks[i];
        if (to->shard != picks[index].shard || to->region_index == picks[index].region_index ||
            to->region_index >= state->shard_state.regions.count)
            continue;
        uint64_t taken = s_position(to->snapshot->state, picks[index].region_index).taken;
        uint64_t *known = &state->shard_state.regions.items[to->region_index].destination_durable;
        if (*known <= taken)
            continue;
        *known = taken;
        changed = true;
    }
    return changed;
}
