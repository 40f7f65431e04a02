#include "deploy/cli/checkpoint/catalog.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/tale.h"
#include "deploy/launch/launch.h"
#include "store/archive.h"
#include "store/kv_child.h"
#include "store/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS_MAX 1024 /* regions[].shards */

typedef struct {
    tale_t tale;
    uint64_t stores;
    uint64_t snapshots;
    uint64_t values;
    uint64_t size_bytes;
} verify_t;

/* ---- Stores ---- */

static void s_tell(verify_t *self, const char *below, const verify_report_t *report)
{
    self->stores++;
    self->snapshots += report->snapshots;
    self->values += report->values;
    self->size_bytes += report->size_bytes;
    for (size_t i = 0; i < report->problem_count; i++) {
        manifest_id_t id = {.number = report->problems[i].number};
        tale_row(&self->tale, "damaged", below, id.number ? &id : NULL, 0, report->problems[i].text);
    }
    if (report->problem_total > report->problem_count) {
        char more[64];
        snprintf(more, sizeof more, "%" PRIu64 " more problems",
                 report->problem_total - report->problem_count);
        tale_row(&self->tale, "damaged", below, NULL, 0, more);
    }
}

/* A store without snapshots: every key is read. */
static err_code_t s_read_keys(verify_t *self, const char *path, err_t *err)
{
    kv_t *kv = NULL;
    kv_keys_t keys = {0};
    err_code_t code = kv_child_open(path, &kv, err);
    if (!code)
        code = kv_keys(kv, "", &keys, err);
    for (size_t i = 0; i < keys.count && !code; i++) {
        buf_t *value = NULL;
        code = kv_get(kv, keys.items[i].key, &value, err);
        self->values += !code;
        buf_destroy(&value);
    }
    kv_keys_fini(&keys);
    kv_destroy(&kv);
    self->stores++;
    return code;
}

static err_code_t s_store(verify_t *self, const char *state_dir, const store_place_t *place, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    verify_report_t report = {0};
    err_t why = {.code = ERR_OK};
    err_code_t code = stores_path(state_dir, place, path, err);
    if (code)
        return code;
    if (place->kind == STORE_OTHER) {
        code = s_read_keys(self, path, &why);
    } else {
        code = verify_dir(path, &report, &why);
        s_tell(self, place->below, &report);
        verify_report_fini(&report);
    }
    if (code == ERR_MALFORMED || code == ERR_CHECKSUM || code == ERR_VERSION)
        tale_row(&self->tale, "damaged", place->below, NULL, 0, why.text);
    else if (code && code != ERR_NOT_FOUND) /* not there: a running job has removed or just begun it */
        return err_set(err, code, "%s", why.text);
    return ERR_OK;
}

/* That every shard the job has is there at all, where anything of its region is. */
static void s_find_missing(verify_t *self, const topology_t *topology, const stores_t *places)
{
    for (size_t r = 0; r < topology->region_count; r++) {
        bool here = false, found[SHARDS_MAX] = {false};
        const topology_region_t *region = &topology->regions[r];
        for (size_t i = 0; i < places->count; i++) {
            const store_place_t *place = &places->items[i];
            if (place->kind != STORE_SHARD || strcmp(place->region, region->name) != 0)
                continue;
            here = true;
            if (place->shard < SHARDS_MAX)
                found[place->shard] = true;
        }
        for (uint32_t k = 0; here && k < region->shards && k < SHARDS_MAX; k++) {
            char below[TOPOLOGY_NAME_MAX + 32];
            snprintf(below, sizeof below, "%s/shard-%" PRIu32, region->name, k);
            if (!found[k])
                tale_row(&self->tale, "missing", below, NULL, 0, "there is no store of this shard");
        }
    }
}

static err_code_t s_state(verify_t *self, const char *dir, bool here, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    topology_t *topology = NULL;
    stores_t places = {0};
    if (!launch_is_state(dir))
        return err_set(err, ERR_USAGE, "%s is no state directory; give --state as for up", dir);
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, dir);
    err_t why = {.code = ERR_OK};
    if (topology_read(path, NULL, 0, &topology, &why))
        tale_row(&self->tale, "damaged", LAUNCH_TOPOLOGY_FILE, NULL, 0, why.text);
    err_code_t code = stores_find(dir, &places, err);
    for (size_t i = 0; i < places.count && !code; i++)
        code = s_store(self, dir, &places.items[i], err);
    if (!code && topology && !here)
        s_find_missing(self, topology, &places);
    stores_fini(&places);
    topology_destroy(&topology);
    return code;
}

/* ---- Archives ---- */

static err_code_t s_seen(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                         err_t *err)
{
    verify_t *self = hint;
    message_t *state = NULL;
    self->snapshots++;
    self->values += snapshot->count;
    for (size_t i = 0; i < snapshot->count; i++)
        self->size_bytes += buf_size(snapshot->values[i].buf);
    buf_t *bytes = snapshot_peek(snapshot, "state");
    err_code_t code =
        bytes ? catalog_decode(bytes, &state, err) : err_set(err, ERR_MALFORMED, "there is no state");
    message_destroy(&state);
    return code ? err_prefix(err, code, "%s/shard-%" PRIu32, region, shard) : ERR_OK;
}

static err_code_t s_archive(verify_t *self, const char *path, err_t *err)
{
    archive_visitor_t visitor = {.hint = self, .snapshot = s_seen};
    err_t why = {.code = ERR_OK};
    err_code_t code = archive_read(path, &visitor, &why);
    self->stores++;
    if (code == ERR_NOT_FOUND)
        return err_set(err, ERR_USAGE, "%s", why.text);
    if (code == ERR_IO || code == ERR_MEMORY || code == ERR_DENIED)
        return err_set(err, code, "%s", why.text);
    if (code)
        tale_row(&self->tale, "damaged", path, NULL, 0, why.text);
    return ERR_OK;
}

/* ---- The command ---- */

static int s_end(verify_t *self)
{
    json_set_u64(self->tale.document, "stores", self->stores);
    json_set_u64(self->tale.document, "snapshots", self->snapshots);
    json_set_u64(self->tale.document, "values", self->values);
    json_set_u64(self->tale.document, "size_bytes", self->size_bytes);
    size_t problems = tale_count(&self->tale);
    json_set_u64(self->tale.document, "problems", problems);
    if (problems)
        return tale_end(&self->tale, EXIT_PROBLEMS, "%zu problems in %" PRIu64 " stores", problems,
                        self->stores);
    return tale_end(&self->tale, EXIT_DONE,
                    "all is well: %" PRIu64 " stores, %" PRIu64 " snapshots, %" PRIu64 " values",
                    self->stores, self->snapshots, self->values);
}

static int s_run(const cli_args_t *args)
{
    verify_t self = {0};
    err_t err = {0};
    const char *dir = cli_value(args, "state"), *archive = cli_value(args, "archive");
    if (!dir == !archive)
        return cli_fail(EXIT_WRONG, "checkpoint verify", "give either --state or --archive");
    tale_init(&self.tale, args, "checkpoint verify");
    err_code_t code =
        dir ? s_state(&self, dir, cli_has(args, "here"), &err) : s_archive(&self, archive, &err);
    int status = code ? tale_fail(&self.tale, code, &err) : s_end(&self);
    tale_fini(&self.tale);
    return status;
}

const cli_command_t checkpoint_verify = {
    .name = "checkpoint verify",
    .summary = "Reads every value of every snapshot and says what is wrong; a damaged file harms nobody.",
    .example = "cloudless checkpoint verify --state run1",
    .notes = "Ends with 3 when something is wrong; cloudless checkpoint repair may have a remedy.",
    .run = s_run,
    .options = {TALE_STATE_OPTION,
                {"archive", 'a', "FILE", "an archive in place of a state directory"},
                TALE_HERE_OPTION,
                TALE_JSON_OPTION}};
