#include "deploy/cli/checkpoint/catalog.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/tale.h"

#include "codec/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void s_set_hex(json_value_t *row, const char *key, uint64_t value)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    json_set_string(row, key, text);
}

static json_value_t *s_snapshot(const catalog_store_t *store, size_t index, bool newest)
{
    const catalog_snapshot_t *snapshot = &store->snapshots[index];
    json_value_t *row = json_new_object();
    json_set_u64(row, "number", snapshot->number);
    json_set_bool(row, "newest", newest && index + 1 == store->count);
    json_set_bool(row, "readable", snapshot->readable);
    if (!snapshot->readable) {
        json_set_string(row, "why", snapshot->why);
        return row;
    }
    json_set_string(row, "tag", snapshot->manifest.id.tag);
    s_set_hex(row, "history", snapshot->manifest.id.history);
    json_set_u64(row, "values", snapshot->manifest.count);
    json_set_u64(row, "size_bytes", snapshot->size_bytes);
    json_set_u64(row, "batches", snapshot->batches);
    json_set_u64(row, "steps", snapshot->state->shard_state.steps);
    json_set_u64(row, "cut", snapshot->state->shard_state.cut);
    return row;
}

/* The last store of its shard and kind is the newest: that is their order. */
static bool s_is_newest(const catalog_t *catalog, size_t index)
{
    const store_place_t *place = &catalog->stores[index].place, *next = place;
    for (size_t i = index + 1; i < catalog->count; i++) {
        next = &catalog->stores[i].place;
        if (next->kind == place->kind && next->shard == place->shard &&
            !strcmp(next->region, place->region) && catalog->stores[i].count)
            return false;
    }
    return true;
}

static json_value_t *s_store(const catalog_t *catalog, size_t index)
{
    const catalog_store_t *store = &catalog->stores[index];
    json_value_t *row = json_new_object(), *snapshots = json_new_array();
    bool newest = s_is_newest(catalog, index);
    json_set_string(row, "store", store->place.below);
    json_set_string(row, "kind", stores_kind_name(store->place.kind));
    json_set_string(row, "region", store->place.region);
    json_set_u64(row, "shard", store->place.shard);
    s_set_hex(row, "incarnation", store->place.incarnation);
    json_set_bool(row, "readable", store->readable);
    if (!store->readable)
        json_set_string(row, "why", store->why);
    for (size_t i = 0; i < store->count; i++) {
        json_value_t *snapshot = s_snapshot(store, i, newest);
        json_add_moved(snapshots, &snapshot);
    }
    json_set_moved(row, "snapshots", &snapshots);
    return row;
}

static void s_print_snapshot(const json_value_t *row)
{
    char size[UNITS_TEXT_MAX];
    const char *mark = json_get_bool(row, "newest", false) ? "*" : " ";
    if (json_get_bool(row, "readable", false))
        printf("  %s %8" PRIu64 "  %-20s %10s %10" PRIu64 " %10" PRIu64 " %8" PRIu64 "  %s\n", mark,
               json_get_u64(row, "number", 0), json_get_string(row, "tag", ""),
               units_print_size(json_get_u64(row, "size_bytes", 0), size), json_get_u64(row, "batches", 0),
               json_get_u64(row, "steps", 0), json_get_u64(row, "cut", 0),
               json_get_string(row, "history", ""));
    else
        printf("  %s %8" PRIu64 "  damaged: %s\n", mark, json_get_u64(row, "number", 0),
               json_get_string(row, "why", ""));
}

static void s_print_text(const json_value_t *document)
{
    const json_value_t *stores = json_get(document, "stores");
    printf("job %s\n    snapshot  %-20s %10s %10s %10s %8s  history\n", json_get_string(document, "job", ""),
           "tag", "size", "batches", "steps", "cut");
    for (size_t i = 0; i < json_count(stores); i++) {
        const json_value_t *store = json_at(stores, i), *snapshots = json_get(store, "snapshots");
        bool readable = json_get_bool(store, "readable", false);
        printf("%s%s%s\n", json_get_string(store, "store", ""),
               readable ? "" : ": damaged: ", json_get_string(store, "why", ""));
        for (size_t k = 0; k < json_count(snapshots); k++)
            s_print_snapshot(json_at(snapshots, k));
    }
}

static int s_run(const cli_args_t *args)
{
    tale_t tale;
    catalog_t *catalog = NULL;
    err_t err = {0};
    const char *region = cli_value(args, "region");
    if (!cli_has(args, "state"))
        return cli_fail(EXIT_WRONG, "checkpoint ls", "--state is missing; name the run's state directory");
    tale_init(&tale, args, "checkpoint ls");
    err_code_t code = catalog_open(cli_value(args, "state"), false, &catalog, &err);
    if (!code && region && topology_region_index(catalog->topology, region) == SIZE_MAX)
        code = err_set(&err, ERR_USAGE, "there is no region %s in this job; name one of its regions", region);
    int status = code ? tale_fail(&tale, code, &err) : EXIT_DONE;
    if (!code) {
        json_value_t *stores = json_new_array();
        json_set_string(tale.document, "job", catalog->topology->job.name);
        for (size_t i = 0; i < catalog->count; i++) {
            const store_place_t *place = &catalog->stores[i].place;
            if (place->kind == STORE_OTHER || (region && strcmp(region, place->region) != 0))
                continue;
            json_value_t *store = s_store(catalog, i);
            json_add_moved(stores, &store);
        }
        json_set_moved(tale.document, "stores", &stores);
        if (tale.json)
            tale_print_json(&tale.document);
        else
            s_print_text(tale.document);
    }
    catalog_destroy(&catalog);
    tale_fini(&tale);
    return status;
}

const cli_command_t checkpoint_ls = {
    .name = "checkpoint ls",
    .summary = "Lists every snapshot of every shard, and the copies that keepers hold.",
    .example = "cloudless checkpoint ls --state run1",
    .notes = "* is the newest, from which a shard starts. batches and steps are the shard's own, cut is the "
             "last number "
             "of its\nstream to other regions.",
    .run = s_run,
    .options = {TALE_STATE_OPTION, TALE_REGION_OPTION, TALE_JSON_OPTION}};
