#include "deploy/state/catalog.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"

#include "codec/base/units.h"
#include "codec/wire/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_WHOLE_MAX (UINT64_C(1) << 53)

/* ---- The state, field by field as the schema says ---- */

/* Numbers that are names, not counts: readers of JSON keep 53 bits of a number. */
static bool s_is_name(const char *field)
{
    static const char *const names[] = {"layout", "mark", "tag", "incarnation", "entry"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(field, names[i]))
            return true;
    return strstr(field, "history") != NULL;
}

/* A counter that has grown beyond what readers keep is a text, too, rather than another number. */
static void s_set_number(json_value_t *object, const char *key, uint64_t number)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, number);
    if (s_is_name(key) || number > JSON_WHOLE_MAX)
        json_set_string(object, key, text);
    else
        json_set_u64(object, key, number);
}

static void s_set_list(json_value_t *object, const char *key, const uint64_t *items, size_t count)
{
    json_value_t *list = json_new_array();
    bool fit = true;
    for (size_t i = 0; i < count; i++)
        fit &= items[i] <= JSON_WHOLE_MAX;
    for (size_t i = 0; i < count; i++) {
        char text[17];
        snprintf(text, sizeof text, "%016" PRIx64, items[i]);
        if (fit)
            json_add_u64(list, items[i]);
        else
            json_add_string(list, text);
    }
    json_set_moved(object, key, &list);
}

static void s_set_value(json_value_t *object, const char *key, const void *value, wire_type_t type)
{
    switch (type) {
    case TYPE_u64:
        s_set_number(object, key, *(const uint64_t *)value);
        break;
    case TYPE_i64:
        json_set_i64(object, key, *(const int64_t *)value);
        break;
    case TYPE_f64:
        json_set_number(object, key, *(const double *)value);
        break;
    case TYPE_bool:
        json_set_bool(object, key, *(const bool *)value);
        break;
    default: /* TYPE_name */
        json_set_string(object, key, value);
    }
}

static void s_set_rows(json_value_t *object, const schema_field_t *field, const void *value)
{
    wire_rows_t rows = schema_rows(value);
    json_value_t *list = json_new_array();
    for (size_t i = 0; i < rows.count; i++) {
        const char *at = (const char *)rows.items + i * field->rows->row_bytes;
        json_value_t *row = json_new_object();
        for (size_t c = 0; c < field->rows->column_count; c++) {
            const schema_column_t *column = &field->rows->columns[c];
            s_set_value(row, column->name, at + column->offset, column->type);
        }
        json_add_moved(list, &row);
    }
    json_set_moved(object, field->name, &list);
}

static void s_set_field(json_value_t *object, const schema_field_t *field, const void *value)
{
    const wire_ranges_t *ranges = value;
    const wire_u64s_t *list = value;
    switch (field->type) {
    case TYPE_text:
        json_set_string(object, field->name, *(const wire_text_t *)value);
        break;
    case TYPE_ranges: /* first, end of each interval */
        s_set_list(object, field->name, (const uint64_t *)(const void *)ranges->items, 2 * ranges->count);
        break;
    case TYPE_u64s:
        s_set_list(object, field->name, list->items, list->count);
        break;
    case TYPE_rows:
        s_set_rows(object, field, value);
        break;
    case TYPE_column: /* with its rows */
        break;
    default:
        s_set_value(object, field->name, value, field->type);
    }
}
_Static_assert(sizeof(range_t) == 2 * sizeof(uint64_t), "an interval is two numbers");

static json_value_t *s_state(const message_t *state)
{
    json_value_t *object = json_new_object();
    const schema_t *schema = schema_find((uint64_t)state->kind);
    for (size_t i = 0; i < schema->field_count; i++)
        if (!strstr(schema->fields[i].name, "_former")) /* it is in today's fields */
            s_set_field(object, &schema->fields[i], schema_peek(state, &schema->fields[i]));
    return object;
}

/* ---- Values ---- */

static json_value_t *s_values(const manifest_t *manifest)
{
    json_value_t *values = json_new_array();
    for (size_t i = 0; i < manifest->count; i++) {
        char checksum[17];
        const manifest_value_t *value = &manifest->values[i];
        json_value_t *row = json_new_object();
        snprintf(checksum, sizeof checksum, "%016" PRIx64, value->checksum);
        json_set_string(row, "name", value->name);
        json_set_u64(row, "size_bytes", value->size_bytes);
        json_set_string(row, "checksum", checksum);
        json_set_u64(row, "key", value->key);
        json_add_moved(values, &row);
    }
    return values;
}

static void s_fill_snapshot(json_value_t *document, const pick_t *pick)
{
    char history[17], incarnation[17];
    const manifest_id_t *id = &pick->snapshot->manifest.id;
    snprintf(history, sizeof history, "%016" PRIx64, id->history);
    snprintf(incarnation, sizeof incarnation, "%016" PRIx64, id->incarnation);
    json_set_string(document, "store", pick->store->place.below);
    json_set_u64(document, "number", id->number);
    json_set_string(document, "tag", id->tag);
    json_set_string(document, "history", history);
    json_set_string(document, "incarnation", incarnation);
    json_set_u64(document, "size_bytes", pick->snapshot->size_bytes);
    json_set_u64(document, "batches", pick->snapshot->batches);
    json_value_t *values = s_values(&pick->snapshot->manifest), *state = s_state(pick->snapshot->state);
    json_set_moved(document, "values", &values);
    json_set_moved(document, "state", &state);
}

static void s_print_text(const json_value_t *document)
{
    char size[UNITS_TEXT_MAX];
    const json_value_t *values = json_get(document, "values");
    printf("%s  snapshot %" PRIu64 " (%s)  history %s\n", json_get_string(document, "store", ""),
           json_get_u64(document, "number", 0), json_get_string(document, "tag", ""),
           json_get_string(document, "history", ""));
    for (size_t i = 0; i < json_count(values); i++) {
        const json_value_t *row = json_at(values, i);
        printf("  %-24s %10s  checksum %s\n", json_get_string(row, "name", ""),
               units_print_size(json_get_u64(row, "size_bytes", 0), size),
               json_get_string(row, "checksum", ""));
    }
    char *state = json_print(json_get(document, "state"), true);
    printf("  state %s\n", state);
    free(state);
}

/* ---- Which ---- */

/* One shard in the catalog, or the same in a keeper's copy. */
static err_code_t s_find_snapshot(const catalog_t *catalog, const cli_args_t *args, pick_t *ret_pick,
                                  err_t *err)
{
    choice_t choice = {.tag = cli_value(args, "tag")};
    uint64_t shard = 0;
    const char *region = cli_value(args, "region");
    size_t index = topology_region_index(catalog->topology, region);
    if (index == SIZE_MAX)
        return err_set(err, ERR_USAGE, "there is no region %s in this job; name one of its regions", region);
    if (units_parse_u64(cli_value(args, "shard"), &shard, NULL) ||
        shard >= catalog->topology->regions[index].shards)
        return err_set(err, ERR_USAGE,
                       "there is no shard %s in region %s; it has %" PRIu64 ", the first is 0",
                       cli_value(args, "shard"), region, catalog->topology->regions[index].shards);
    const char *number = cli_value(args, "number");
    if (number && (units_parse_u64(number, &choice.number, NULL) || !choice.number))
        return err_set(err, ERR_USAGE, "--number %s is no number of a snapshot; see cloudless checkpoint ls",
                       number);
    return catalog_pick(catalog, index, (uint32_t)shard, &choice, ret_pick, err);
}

static int s_run_show(const cli_args_t *args)
{
    result_t result;
    catalog_t *catalog = NULL;
    pick_t pick;
    snapshot_t *snapshot = NULL;
    err_t err = {0};
    char dir[STATEDIR_PATH_MAX];
    const char *archive = cli_value(args, "archive");
    if ((archive && cli_has(args, "state")) || !cli_has(args, "region") || !cli_has(args, "shard"))
        return command_fail(EXIT_WRONG, "checkpoint show",
                            "--region and --shard are needed, and either --state or --archive; see cloudless "
                            "checkpoint show --help");
    int status = archive ? EXIT_DONE : commands_state(args, "checkpoint show", dir);
    if (status)
        return status;
    result_init(&result, args, "checkpoint show");
    err_code_t code =
        archive ? catalog_open_archive(archive, &catalog, &err) : catalog_open(dir, true, &catalog, &err);
    if (!code)
        code = s_find_snapshot(catalog, args, &pick, &err);
    if (!code) /* what is shown is whole */
        code = pick_load(&pick, &snapshot, &err);
    status = code ? result_fail(&result, code, &err) : EXIT_DONE;
    if (!code) {
        s_fill_snapshot(result.document, &pick);
        if (result.json)
            result_print_json(&result.document);
        else
            s_print_text(result.document);
    }
    snapshot_destroy(&snapshot);
    catalog_destroy(&catalog);
    result_fini(&result);
    return status;
}

const cli_command_t checkpoint_show = {
    .name = "checkpoint show",
    .summary = "Shows one snapshot of one shard: its values with their checksums, and where the shard stood.",
    .example = "cloudless checkpoint show --state run1 --region shanghai --shard 0 --json",
    .notes = "Without --number and --tag it is the newest. Every value is checked. Fields of the state are "
             "explained in the\n"
             "protocol document under shard_state; applied lists first and end of each interval of batches. "
             "Numbers that are names\n"
             "(histories, layouts, incarnations, points, votes) are texts of 16 hexadecimal digits.",
    .run = s_run_show,
    .options = {RESULT_STATE_OPTION,
                {"archive", 'a', "FILE", "an archive in place of a state directory"},
                {"region", 'r', "NAME", "whose shard"},
                {"shard", 'k', "K", "which shard, from 0"},
                {"number", 0, "N", "the snapshot of this number"},
                {"tag", 0, "TAG", "the newest with this tag; NAME also finds mark/NAME"},
                RESULT_JSON_OPTION}};
