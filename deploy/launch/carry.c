#include "deploy/launch/carry.h"

#include "actors/shard/durable/carry.h"
#include "deploy/state/catalog.h"
#include "deploy/state/holders.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A setting that is another now: as it is kept, "KEY FROM TO" in a line. */
typedef struct {
    char key[TOPOLOGY_NAME_MAX], from[TOPOLOGY_NAME_MAX], to[TOPOLOGY_NAME_MAX];
} row_t;

static bool s_next(const char **at, row_t *ret_row)
{
    size_t length = strcspn(*at, "\n");
    bool good = sscanf(*at, "%31s %31s %31s", ret_row->key, ret_row->from, ret_row->to) == 3;
    *at += length + ((*at)[length] == '\n');
    return good;
}

void carry_print(const char *changes, char text[CARRY_TEXT_MAX])
{
    row_t row;
    text[0] = '\0';
    for (size_t length = 0; *changes && length < CARRY_TEXT_MAX && s_next(&changes, &row);
         length = strlen(text))
        snprintf(text + length, CARRY_TEXT_MAX - length, "%s%s %s -> %s", length ? ", " : "", row.key,
                 row.from, row.to);
}

json_value_t *carry_rows(const char *changes)
{
    json_value_t *rows = json_new_array();
    row_t row;
    while (*changes && s_next(&changes, &row)) {
        json_value_t *item = json_new_object();
        json_set_string(item, "key", row.key);
        json_set_string(item, "from", row.from);
        json_set_string(item, "to", row.to);
        json_add_moved(rows, &item);
    }
    return rows;
}

/* ---- whether it may ---- */

/* The topology that the directory was left with, if its job file says the same. */
static topology_t *s_former(const launch_t *launch, char digest[17])
{
    char path[STATEDIR_PATH_MAX + 32];
    topology_t *former = NULL;
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, launch->state_dir);
    if (topology_read(path, NULL, 0, &former, NULL))
        return NULL;
    topology_digest(former, digest);
    if (statedir_check(launch->state_dir, former->job.name, digest, NULL))
        topology_destroy(&former);
    return former;
}

/* Settings that a shard that stands in the way was stored under. */
typedef struct {
    uint64_t epochs;
    bool other_rate;
} then_t;

static err_code_t s_check_shard(const launch_t *launch, size_t region, const message_t *state,
                                then_t *ret_then, err_t *err)
{
    uint64_t rate = state->shard_state.rate;
    *ret_then = (then_t){.epochs = state->shard_state.batches / launch->job.regions[region].batches_per_epoch,
                         .other_rate = rate && rate != shard_carry_rate(launch->topology)};
    return shard_carry(launch->topology, &launch->job, region, state, err);
}

/* Copies of a shard that runs on another machine may be behind. */
static bool s_is_meant(const pick_t *pick, bool whole)
{
    return whole || pick->store->place.kind == STORE_SHARD;
}

static err_code_t s_check_shards(const launch_t *launch, bool whole, then_t *ret_then, err_t *err)
{
    const choice_t newest = {.tag = NULL};
    catalog_t *catalog = NULL;
    err_code_t rc =
        launch->job.samples ? catalog_open(launch->state_dir, false, &catalog, err) : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND)
        return ERR_OK; /* it is not known here what a batch is */
    for (size_t r = 0; !rc && r < launch->topology->region_count; r++)
        for (uint32_t k = 0; !rc && k < launch->topology->regions[r].shards; k++) {
            pick_t pick; /* none, or a damaged one: what its start does about that is another matter */
            if (!catalog_pick(catalog, r, k, &newest, &pick, NULL) && s_is_meant(&pick, whole))
                rc = s_check_shard(launch, r, pick.snapshot->state, ret_then, err);
        }
    catalog_destroy(&catalog);
    return rc;
}

static err_code_t s_may(const launch_t *launch, const topology_t *former, char *ret_changes, size_t size,
                        err_t *err)
{
    topology_carried_t rows[TOPOLOGY_CARRIED_MAX];
    size_t count;
    err_code_t rc = topology_carry(former, launch->topology, rows, &count, err);
    ret_changes[0] = '\0';
    for (size_t i = 0, length = 0; !rc && i < count; i++, length = strlen(ret_changes))
        snprintf(ret_changes + length, size - length, "%s %s %s\n", rows[i].key, rows[i].from, rows[i].to);
    return rc;
}

/* Whoever forgets what was set when the run was begun is not to change it. */
static bool s_is_asked(const launch_t *launch, const row_t *row)
{
    size_t length = strlen(row->key);
    for (size_t i = 0; i < launch->set_count; i++)
        if (!strncmp(launch->sets[i], row->key, length) && launch->sets[i][length] == '=')
            return true;
    return false;
}

static bool s_are_asked(const launch_t *launch, const char *changes)
{
    row_t row;
    bool asked = true;
    while (asked && *changes && s_next(&changes, &row))
        asked = s_is_asked(launch, &row);
    return asked;
}

static void s_say_command(const char *changes, char out[CARRY_TEXT_MAX])
{
    row_t row;
    snprintf(out, CARRY_TEXT_MAX, "--resume");
    for (size_t length = strlen(out); *changes && s_next(&changes, &row); length = strlen(out))
        snprintf(out + length, CARRY_TEXT_MAX - length, " --set %s=%s", row.key, row.to);
}

void carry_explain(const launch_t *launch, char *out, size_t size)
{
    char digest[17], changes[CARRY_TEXT_MAX], text[CARRY_TEXT_MAX], command[CARRY_TEXT_MAX];
    topology_t *former = s_former(launch, digest);
    err_t why = {0};
    out[0] = '\0';
    if (!former)
        return;
    if (s_may(launch, former, changes, sizeof changes, &why)) {
        snprintf(out, size, ": %.200s; undo the change, or name another directory with --state", why.text);
    } else {
        carry_print(changes, text);
        s_say_command(changes, command);
        snprintf(out, size,
                 ": %.120s; to go on so add %.160s, else undo the change, or name another directory "
                 "with --state",
                 text, command);
    }
    topology_destroy(&former);
}

/* Under what the oldest of the snapshots can be gone on with. */
static void s_say_former(const launch_t *launch, const char *changes, const then_t *then,
                         char out[CARRY_TEXT_MAX])
{
    row_t row;
    snprintf(out, CARRY_TEXT_MAX, "--resume");
    if (then->epochs && then->epochs != launch->job.epochs)
        snprintf(out + strlen(out), CARRY_TEXT_MAX - strlen(out), " --set job.epochs=%llu",
                 (unsigned long long)then->epochs);
    for (size_t length = strlen(out); then->other_rate && *changes && s_next(&changes, &row);
         length = strlen(out)) {
        char key[TOPOLOGY_NAME_MAX + 8];
        snprintf(key, sizeof key, " %s=", row.key);
        if (strcmp(row.key, "job.epochs") != 0 && !strstr(out, key))
            snprintf(out + length, CARRY_TEXT_MAX - length, " --set %s=%s", row.key, row.from);
    }
}

err_code_t carry_check(const launch_t *launch, err_t *err)
{
    statedir_run_t run;
    then_t then;
    err_t why = {0};
    char text[CARRY_TEXT_MAX], command[CARRY_TEXT_MAX];
    if (statedir_run(launch->state_dir, &run, NULL) || !run.changes[0] ||
        s_check_shards(launch, true, &then, &why) != ERR_JOB)
        return ERR_OK;
    carry_print(run.changes, text);
    s_say_former(launch, run.changes, &then, command);
    return err_set(
        err, ERR_JOB,
        "%.200s: its snapshots are of before it was carried on with %.100s, and amidst rounds; go on with "
        "%.150s, and make the change when that is done",
        launch->state_dir, text, command);
}

/* ---- doing it ---- */

static err_code_t s_ask_shards(const launch_t *launch, bool whole, err_t *err)
{
    err_t why = {0};
    then_t then;
    err_code_t rc = s_check_shards(launch, whole, &then, &why);
    if (rc)
        err_set(err, rc, "%s: %s%s", launch->state_dir, why.text,
                whole
                    ? ""
                    : "; where that shard has gone on elsewhere since, name another directory with --state");
    return rc;
}

/* Under the directory's lock: whoever else works there does so under the former settings. */
static err_code_t s_replace(const launch_t *launch, const topology_t *former, const char *digest, bool whole,
                            const char *changes, err_t *err)
{
    statedir_t *state = NULL;
    char role[NAME_MAX + 1];
    err_code_t rc = statedir_open(launch->state_dir, former->job.name, digest, &state, err);
    if (rc)
        return rc;
    pid_t holder = state_role_holder(launch->state_dir, role);
    if (holder)
        rc = err_set(err, ERR_IN_USE, "%s: %s, process %d, works there with other settings; stop it first",
                     launch->state_dir, role, (int)holder);
    if (!rc)
        rc = launch_keep_seen(launch, former, err);
    if (!rc)
        rc = s_ask_shards(launch, whole, err);
    if (!rc)
        rc = statedir_carry(state, launch->digest, changes, err);
    if (!rc)
        rc = launch_replace_topology(launch, launch->topology, err);
    statedir_close(&state);
    return rc;
}

err_code_t carry_on(const launch_t *launch, bool whole, char text[CARRY_TEXT_MAX], err_t *err)
{
    char digest[17], changes[CARRY_TEXT_MAX];
    err_t why = {0};
    topology_t *former = s_former(launch, digest);
    text[0] = '\0';
    if (!former)
        return ERR_JOB;
    if (s_may(launch, former, changes, sizeof changes, &why) || (whole && !s_are_asked(launch, changes))) {
        topology_destroy(&former);
        return ERR_JOB; /* as it was told already */
    }
    err_code_t rc = s_replace(launch, former, digest, whole, changes, err);
    topology_destroy(&former);
    if (!rc)
        carry_print(changes, text);
    return rc;
}
