#include "deploy/launch/picture.h"

#include "codec/base/quote.h"
#include "codec/base/units.h"
#include "codec/wire/actor_name.h"
#include "deploy/launch/region_row.h"
#include "store/statedir.h"
#include "store/statedir_latest.h"

#include <math.h>
#include <string.h>

#define PICTURE_LINKS_ALL 12 /* more links than this: those that are up are counted only */

/* "done 62 %  samples/s 4919  left 1m 06s ..." of what is known. */
static void s_print_run(const json_value_t *document, FILE *out)
{
    char text[ROWS_TEXT_MAX];
    fprintf(out, " ");
    for (const row_field_t *field = picture_run_fields; field->name; field++)
        if (field->head && strcmp(rows_text(document, field, text), "-") != 0)
            fprintf(out, " %s %s ", field->head, text);
    fprintf(out, "\n");
    const char *refused = json_get_string(document, "refused", "");
    if (refused[0])
        fprintf(out, "  refused: %s\n", refused);
}

/* json's readers lend constant parts: a copy of those that are to be shown. */
static void s_print_links(const json_value_t *links, FILE *out)
{
    size_t count = json_count(links), up = 0;
    json_value_t *shown = json_new_array();
    for (size_t i = 0; i < count; i++) {
        const json_value_t *row = json_at(links, i);
        bool plain = !strcmp(json_get_string(row, "state", ""), "up");
        up += plain;
        if (plain && count > PICTURE_LINKS_ALL)
            continue;
        json_value_t *copy = json_dup(row);
        json_add_moved(shown, &copy);
    }
    if (json_count(shown)) {
        fprintf(out, "\n");
        rows_print(shown, picture_link_fields, out);
    }
    if (count > PICTURE_LINKS_ALL)
        fprintf(out, "\n  %zu of %zu links are up\n", up, count);
    json_destroy(&shown);
}

/* Prints what a lost disk came to: a region that goes on as if nothing had been would say nothing. */
static void s_print_losses(const json_value_t *regions, FILE *out)
{
    for (size_t i = 0; i < json_count(regions); i++) {
        const json_value_t *row = json_at(regions, i);
        uint64_t rolled_back = json_get_u64(row, "updates_rolled_back", 0),
                 transfers = json_get_u64(row, "welcomes", 0);
        if (rolled_back || transfers)
            fprintf(out,
                    "  %s has lost %llu updates, which are computed again; %llu of its shards took another "
                    "region's state\n",
                    json_get_string(row, "name", ""), (unsigned long long)rolled_back,
                    (unsigned long long)transfers);
    }
}

/* Processes that die again and again, or cannot start yet: nobody sees their actors. */
static void s_print_processes(const json_value_t *processes, FILE *out)
{
    for (size_t i = 0; i < json_count(processes); i++) {
        const json_value_t *row = json_at(processes, i);
        const char *waits_for = json_get_string(row, "waits_for", ""),
                   *died = json_get_string(row, "died", "");
        if (died[0])
            fprintf(out, "  %s\n", died);
        if (waits_for[0])
            fprintf(out, "  process %s waits: %s\n", json_get_string(row, "name", ""), waits_for);
    }
}

void picture_print(const json_value_t *document, bool actors, FILE *out)
{
    const json_value_t *rows = json_get(document, "actors");
    s_print_run(document, out);
    if (json_count(json_get(document, "regions"))) {
        fprintf(out, "\n");
        rows_print(json_get(document, "regions"), region_row_fields, out);
    }
    s_print_losses(json_get(document, "regions"), out);
    if (!actors)
        return;
    s_print_processes(json_get(document, "processes"), out);
    s_print_links(json_get(document, "links"), out);
    if (json_count(rows)) {
        fprintf(out, "\n");
        rows_print(rows, picture_actor_fields, out);
    }
}

void picture_explain(FILE *out)
{
    rows_explain("", picture_run_fields, out);
    rows_explain("regions[].", region_row_fields, out);
    rows_explain("links[].", picture_link_fields, out);
    rows_explain("actors[].", picture_actor_fields, out);
}

/* ---- the model ---- */

static bool s_is_here(const char *state_dir, const char *region)
{
    statedir_latest_t latest;
    return region[0] && statedir_shard_latest(state_dir, region, 0, &latest, NULL) == ERR_OK;
}

/* The machine and node of a region's first shard. */
static const json_value_t *s_first_shard(const json_value_t *actors, const char *region)
{
    actor_name_t name = actor_name_numbered(ROLE_SHARD, region, 0);
    for (size_t i = 0; i < json_count(actors); i++)
        if (!strcmp(json_get_string(json_at(actors, i), "name", ""), name.text))
            return json_at(actors, i);
    return NULL;
}

void picture_print_model(const json_value_t *document, const char *state_dir, FILE *out)
{
    const json_value_t *regions = json_get(document, "regions"), *actors = json_get(document, "actors");
    char quoted[QUOTE_MAX];
    for (size_t i = 0; i < json_count(regions); i++) {
        const char *region = json_get_string(json_at(regions, i), "name", "");
        if (!s_is_here(state_dir, region))
            continue;
        fprintf(out, "\n  the model is in %s; write it to a file with:\n", state_dir);
        fprintf(out, "  cloudless checkpoint export --state %s --region %s -o model.safetensors\n",
                quote_word(state_dir, quoted), region);
        return;
    }
    for (size_t i = 0; i < json_count(regions); i++) {
        const char *region = json_get_string(json_at(regions, i), "name", "");
        const json_value_t *shard = s_first_shard(actors, region);
        if (shard)
            fprintf(out, "%s  %s's model is on machine %s, in the state directory of %s", i ? "\n" : "\n",
                    region, json_get_string(shard, "machine", "?"),
                    json_get_string(shard, "node", "its node"));
    }
    if (json_count(regions) && s_first_shard(actors, json_get_string(json_at(regions, 0), "name", "")))
        fprintf(out,
                "\n  there: cloudless checkpoint export --state DIR --region REGION -o model.safetensors\n");
}
