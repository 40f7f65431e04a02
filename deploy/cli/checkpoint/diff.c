#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"
#include "deploy/cli/checkpoint/whole.h"

#include "codec/base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    catalog_t *catalog;
    choice_t choice;
    size_t region_index;
    parameters_t *parameters;
    char path[STATEDIR_PATH_MAX];
    char tag[MANIFEST_NAME_MAX + 1];
} side_t;

typedef struct {
    result_t result;
    side_t sides[2];
    json_value_t *tensors;
    json_value_t *positions;
    uint64_t differences;
} diff_t;

/* ---- What is compared ---- */

/* PATH, PATH@TAG or PATH@NUMBER; a path that is there is meant as it stands. */
static err_code_t s_open_side(side_t *side, const char *text, err_t *err)
{
    const char *at = strchr(text, '@');
    bool chosen = at && at > text && at[1] && access(text, F_OK) != 0; /* tags may have '/' */
    int length = chosen ? (int)(at - text) : (int)strlen(text);
    if (snprintf(side->path, sizeof side->path, "%.*s", length, text) >= (int)sizeof side->path)
        return err_set(err, ERR_USAGE, "%.200s: the path is too long", text);
    if (chosen && units_parse_u64(at + 1, &side->choice.number, NULL)) {
        snprintf(side->tag, sizeof side->tag, "%s", at + 1);
        side->choice.tag = side->tag;
    }
    return catalog_open_any(side->path, true, &side->catalog, err);
}

static err_code_t s_find_region(side_t *side, const char *region, err_t *err)
{
    side->region_index = topology_region_index(side->catalog->topology, region);
    return side->region_index != SIZE_MAX
               ? ERR_OK
               : err_set(err, ERR_USAGE, "there is no region %s in %s; name one of its regions", region,
                         side->path);
}

/* ---- Tensors ---- */

typedef struct {
    double greatest; /* absolute difference; NaN when one is no number where the other is */
    uint64_t changed;
} tensor_diff_t;

static tensor_diff_t s_compare_tensors(const float *a, const float *b, size_t count)
{
    tensor_diff_t diff = {0};
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) == 0)
            continue;
        diff.changed++;
        double by = fabs((double)a[i] - (double)b[i]);
        if (isnan(by) || by > diff.greatest)
            diff.greatest = by;
    }
    return diff;
}

static err_code_t s_tensors(diff_t *self, const char *region, err_t *err)
{
    const parameters_t *a = self->sides[0].parameters, *b = self->sides[1].parameters;
    if (layout_digest(&a->layout) != layout_digest(&b->layout))
        return err_set(err, ERR_USAGE, "they are of different models and cannot be compared");
    for (size_t i = 0; i < a->layout.tensor_count; i++) {
        const tensor_t *tensor = &a->layout.tensors[i];
        tensor_diff_t diff =
            s_compare_tensors(a->values + tensor->offset, b->values + tensor->offset, tensor->count);
        json_value_t *row = json_new_object();
        json_set_string(row, "region", region);
        json_set_string(row, "tensor", tensor->name);
        json_set_u64(row, "elements", tensor->count);
        json_set_u64(row, "changed", diff.changed);
        json_set_number(row, "max_abs", diff.greatest);
        json_add_moved(self->tensors, &row);
        self->differences += diff.changed;
    }
    return ERR_OK;
}

/* ---- Positions ---- */

static void s_position(diff_t *self, const char *region, uint32_t shard, const char *what, uint64_t a,
                       uint64_t b)
{
    if (a == b)
        return;
    json_value_t *row = json_new_object();
    json_set_string(row, "region", region);
    json_set_u64(row, "shard", shard);
    json_set_string(row, "position", what);
    json_set_u64(row, "a", a);
    json_set_u64(row, "b", b);
    json_add_moved(self->positions, &row);
    self->differences++;
}

static uint64_t s_taken(const message_t *state, size_t region)
{
    return region < state->shard_state.regions.count ? state->shard_state.regions.items[region].taken : 0;
}

/* Where the same region stood; two regions stand at places of their own. */
static void s_positions(diff_t *self, const char *region, uint32_t shard, const message_t *a,
                        const message_t *b)
{
    const topology_t *topology = self->sides[0].catalog->topology;
    s_position(self, region, shard, "batches", catalog_batches(a), catalog_batches(b));
    s_position(self, region, shard, "steps", a->shard_state.steps, b->shard_state.steps);
    s_position(self, region, shard, "samples", a->shard_state.samples_applied,
               b->shard_state.samples_applied);
    s_position(self, region, shard, "history", a->shard_state.history, b->shard_state.history);
    s_position(self, region, shard, "cut", a->shard_state.cut, b->shard_state.cut);
    for (size_t r = 0; r < topology->region_count; r++) {
        char what[TOPOLOGY_NAME_MAX + 16];
        snprintf(what, sizeof what, "taken from %s", topology->regions[r].name);
        s_position(self, region, shard, what, s_taken(a, r), s_taken(b, r));
    }
}

/* ---- All of it ---- */

static err_code_t s_load_side(side_t *side, uint32_t shard, message_t **ret_state, err_t *err)
{
    snapshot_t *snapshot = NULL;
    pick_t pick;
    err_code_t code = catalog_pick(side->catalog, side->region_index, shard, &side->choice, &pick, err);
    if (!code)
        code = pick_load(&pick, &snapshot, err);
    if (code)
        return err_prefix(err, code, "%s", side->path);
    code = whole_place(snapshot, side->catalog->topology, shard, side->parameters, err);
    buf_t *state = code ? NULL : snapshot_peek(snapshot, "state");
    if (!code)
        code =
            state ? catalog_decode(state, ret_state, err) : err_set(err, ERR_MALFORMED, "there is no state");
    snapshot_destroy(&snapshot);
    return code;
}

static err_code_t s_shard(diff_t *self, const char *region, uint32_t shard, bool positions, err_t *err)
{
    message_t *states[2] = {NULL, NULL};
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < 2 && !code; i++)
        code = s_load_side(&self->sides[i], shard, &states[i], err);
    if (!code && positions)
        s_positions(self, region, shard, states[0], states[1]);
    message_destroy(&states[0]);
    message_destroy(&states[1]);
    return code;
}

static err_code_t s_new_parameters(side_t *side, err_t *err)
{
    parameters_destroy(&side->parameters);
    return parameters_new(&side->catalog->topology->job.model, &side->parameters, err);
}

static err_code_t s_region(diff_t *self, const char *region, const char *against, err_t *err)
{
    err_code_t code = s_find_region(&self->sides[0], region, err);
    if (!code)
        code = s_find_region(&self->sides[1], against, err);
    for (size_t i = 0; i < 2 && !code; i++)
        code = s_new_parameters(&self->sides[i], err);
    if (code)
        return code;
    uint64_t shards = self->sides[0].catalog->topology->regions[0].shards;
    if (shards != self->sides[1].catalog->topology->regions[0].shards)
        return err_set(err, ERR_USAGE, "they have different numbers of shards and cannot be compared");
    for (uint32_t k = 0; k < shards && !code; k++)
        code = s_shard(self, region, k, !strcmp(region, against), err);
    return code ? code : s_tensors(self, region, err);
}

static err_code_t s_diff(diff_t *self, const cli_args_t *args, err_t *err)
{
    const char *region = cli_value(args, "region"), *against = cli_value(args, "against");
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < 2 && !code; i++)
        code = s_open_side(&self->sides[i], cli_positional_at(args, i), err);
    if (code || region)
        return code ? code : s_region(self, region, against ? against : region, err);
    const topology_t *topology = self->sides[0].catalog->topology;
    for (size_t r = 0; r < topology->region_count && !code; r++)
        code = s_region(self, topology->regions[r].name, topology->regions[r].name, err);
    return code;
}

static void s_print_text(const diff_t *self)
{
    for (size_t i = 0; i < json_count(self->tensors); i++) {
        const json_value_t *row = json_at(self->tensors, i);
        uint64_t changed = json_get_u64(row, "changed", 0);
        if (changed)
            printf("  %-12s %-24s %" PRIu64 " of %" PRIu64 " differ, by at most %g\n",
                   json_get_string(row, "region", ""), json_get_string(row, "tensor", ""), changed,
                   json_get_u64(row, "elements", 0), json_get_number(row, "max_abs", NAN));
    }
    for (size_t i = 0; i < json_count(self->positions); i++) {
        const json_value_t *row = json_at(self->positions, i);
        printf("  %-12s shard %" PRIu64 " %s: %" PRIu64 " and %" PRIu64 "\n",
               json_get_string(row, "region", ""), json_get_u64(row, "shard", 0),
               json_get_string(row, "position", ""), json_get_u64(row, "a", 0), json_get_u64(row, "b", 0));
    }
    printf("%s\n", self->differences ? "they differ" : "they are equal");
}

static int s_end_diff(diff_t *self)
{
    int status = self->differences ? EXIT_PROBLEMS : EXIT_DONE;
    if (!self->result.json) {
        s_print_text(self);
        return status;
    }
    json_set_bool(self->result.document, "equal", !self->differences);
    json_set_moved(self->result.document, "tensors", &self->tensors);
    json_set_moved(self->result.document, "positions", &self->positions);
    result_print_json(&self->result.document);
    return status;
}

static int s_run_diff(const cli_args_t *args)
{
    diff_t self = {.tensors = json_new_array(), .positions = json_new_array()};
    err_t err = {0};
    result_init(&self.result, args, "checkpoint diff");
    err_code_t code =
        cli_has(args, "against") && !cli_has(args, "region")
            ? err_set(&err, ERR_USAGE, "--against needs --region; see cloudless checkpoint diff --help")
            : s_diff(&self, args, &err);
    int status = code ? result_fail(&self.result, code, &err) : s_end_diff(&self);
    for (size_t i = 0; i < 2; i++) {
        catalog_destroy(&self.sides[i].catalog);
        parameters_destroy(&self.sides[i].parameters);
    }
    json_destroy(&self.tensors);
    json_destroy(&self.positions);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_diff = {
    .name = "checkpoint diff",
    .summary =
        "Compares two snapshots: how far each tensor's elements are apart, and where the shards stood.",
    .positional = "A B",
    .example = "cloudless checkpoint diff run1@before-lunch run1\n"
               "         cloudless checkpoint diff run1 run1 --region shanghai --against chongqing",
    .notes = "A and B are state directories or archives, with @TAG or @NUMBER for others than the newest "
             "snapshots. Ends "
             "with 3\nwhen they differ.",
    .run = s_run_diff,
    .options = {RESULT_REGION_OPTION,
                {"against", 0, "NAME", "compare with this region of B; positions are then not compared"},
                RESULT_JSON_OPTION}};
