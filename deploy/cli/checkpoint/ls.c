#include "deploy/state/catalog.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"

#include "codec/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Returns whether no newer store of its shard and kind has anything. */
static bool s_is_newest(const catalog_t *catalog, size_t index)
{
    const store_place_t *place = &catalog->stores[index].place;
    for (size_t i = 0; i < catalog->count; i++) {
        const store_place_t *other = &catalog->stores[i].place;
        if (stores_same_shard(place, other) && stores_compare_age(other, place) > 0 &&
            catalog->stores[i].count)
            return false;
    }
    return true;
}

static json_value_t *s_list_store(const catalog_t *catalog, size_t index)
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

/* ---- Common points ---- */

static json_value_t *s_points(const catalog_t *catalog)
{
    point_t *points = NULL;
    size_t count = 0, shards = 0;
    json_value_t *rows = json_new_array();
    for (size_t r = 0; r < catalog->topology->region_count; r++)
        shards += catalog->topology->regions[r].shards;
    points_find(catalog, &points, &count);
    for (size_t i = 0; i < count; i++) {
        json_value_t *row = json_new_object();
        json_set_string(row, "point", points[i].tag + strlen(SNAPSHOT_MARK_PREFIX));
        json_set_u64(row, "shards", points[i].shards);
        json_set_u64(row, "shards_expected", shards);
        json_set_u64(row, "batches_least", points[i].least);
        json_set_u64(row, "batches_most", points[i].most);
        json_add_moved(rows, &row);
    }
    free(points);
    return rows;
}

static void s_print_points(const json_value_t *document)
{
    const json_value_t *points = json_get(document, "points");
    printf("job %s\n    %-28s %14s  batches of each shard\n", json_get_string(document, "job", ""),
           "common point", "shards");
    for (size_t i = 0; i < json_count(points); i++) {
        const json_value_t *row = json_at(points, i);
        uint64_t shards = json_get_u64(row, "shards", 0), expected = json_get_u64(row, "shards_expected", 0);
        uint64_t least = json_get_u64(row, "batches_least", 0), most = json_get_u64(row, "batches_most", 0);
        printf("  %s %-28s %6" PRIu64 " of %4" PRIu64 "  %" PRIu64, shards == expected ? " " : "!",
               json_get_string(row, "point", ""), shards, expected, least);
        printf(least < most ? " to %" PRIu64 "\n" : "\n", most);
    }
    if (!json_count(points))
        printf("there is none; cloudless checkpoint mark makes one of a running job\n");
}

/* ---- The command ---- */

static void s_fill_listing(json_value_t *document, const catalog_t *catalog, const char *region, bool points)
{
    json_value_t *stores = json_new_array();
    json_set_string(document, "job", catalog->topology->job.name);
    for (size_t i = 0; i < catalog->count && !points; i++) {
        const store_place_t *place = &catalog->stores[i].place;
        if (place->kind == STORE_OTHER || (region && strcmp(region, place->region) != 0))
            continue;
        json_value_t *store = s_list_store(catalog, i);
        json_add_moved(stores, &store);
    }
    json_value_t *rows = points ? s_points(catalog) : NULL;
    if (points)
        json_set_moved(document, "points", &rows);
    else
        json_set_moved(document, "stores", &stores);
    json_destroy(&stores);
}

/* A store that is listed as damaged is a problem found, as in verify. */
static bool s_has_damage(const catalog_t *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) {
        const catalog_store_t *store = &catalog->stores[i];
        bool damaged = !store->readable && store->place.kind != STORE_OTHER;
        for (size_t k = 0; k < store->count; k++)
            damaged = damaged || !store->snapshots[k].readable;
        if (damaged && !catalog_is_gone(catalog, store))
            return true;
    }
    return false;
}

static int s_print_listing(result_t *result, const catalog_t *catalog, const char *region, bool points)
{
    s_fill_listing(result->document, catalog, region, points);
    if (result->json)
        result_print_json(&result->document);
    else if (points)
        s_print_points(result->document);
    else
        s_print_text(result->document);
    return s_has_damage(catalog) ? EXIT_PROBLEMS : EXIT_DONE;
}

static int s_run_ls(const cli_args_t *args)
{
    result_t result;
    catalog_t *catalog = NULL;
    err_t err = {0};
    const char *region = cli_value(args, "region"), *archive = cli_value(args, "archive");
    char dir[STATEDIR_PATH_MAX];
    if (archive && cli_has(args, "state"))
        return command_fail(EXIT_WRONG, "checkpoint ls", "give either --state or --archive");
    int status = archive ? EXIT_DONE : commands_state(args, "checkpoint ls", dir);
    if (status)
        return status;
    result_init(&result, args, "checkpoint ls");
    err_code_t code =
        archive ? catalog_open_archive(archive, &catalog, &err) : catalog_open(dir, true, &catalog, &err);
    if (!code && region && topology_region_index(catalog->topology, region) == SIZE_MAX)
        code = err_set(&err, ERR_USAGE, "there is no region %s in this job; name one of its regions", region);
    status = code ? result_fail(&result, code, &err)
                  : s_print_listing(&result, catalog, region, cli_has(args, "points"));
    catalog_destroy(&catalog);
    result_fini(&result);
    return status;
}

const cli_command_t checkpoint_ls = {
    .name = "checkpoint ls",
    .summary = "Lists every snapshot of every shard, and the copies that keepers hold; or the common points.",
    .example = "cloudless checkpoint ls --state run1\n"
               "         cloudless checkpoint ls --state run1 --points",
    .notes = "* is the newest, from which a shard starts. batches and steps are the shard's own, cut is the "
             "last number of its\n"
             "stream to other regions. A common point that not all shards have is marked with !. Ends with 3 "
             "when something\n"
             "is damaged.",
    .run = s_run_ls,
    .options = {
        RESULT_STATE_OPTION,
        {"archive", 'a', "FILE", "an archive in place of a state directory"},
        {"points", 0, NULL, "the common points, to which checkpoint restore --to and export --to go back"},
        RESULT_REGION_OPTION,
        RESULT_JSON_OPTION}};
