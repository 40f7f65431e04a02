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

static err_code_t s_check_shards(const launch_t *launch, err_t *err)
{
    const choice_t newest = {.tag = NULL};
    catalog_t *catalog = NULL;
    err_code_t rc = catalog_open(launch->state_dir, false, &catalog, err);
    for (size_t r = 0; !rc && r < launch->topology->region_count; r++)
        for (uint32_t k = 0; !rc && k < launch->topology->regions[r].shards; k++) {
            pick_t pick; /* none, or a damaged one: what its start does about that is another matter */
            if (!catalog_pick(catalog, r, k, &newest, &pick, NULL))
                rc = shard_carry(launch->topology, &launch->job, r, pick.snapshot->state, err);
        }
    catalog_destroy(&catalog);
    return rc;
}

static err_code_t s_may(const launch_t *launch, const topology_t *former, bool whole, char *ret_changes,
                        size_t size, err_t *err)
{
    topology_carried_t rows[TOPOLOGY_CARRIED_MAX];
    size_t count;
    err_code_t rc = topology_carry(former, launch->topology, rows, &count, err);
    if (!rc && whole)
        rc = s_check_shards(launch, err);
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
    if (s_may(launch, former, false, changes, sizeof changes, &why)) {
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

/* ---- doing it ---- */

/* Under the directory's lock: whoever else works there does so under the former settings. */
static err_code_t s_replace(const launch_t *launch, const topology_t *former, const char *digest,
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
    if (s_may(launch, former, false, changes, sizeof changes, &why) ||
        (whole && !s_are_asked(launch, changes))) {
        topology_destroy(&former);
        return ERR_JOB; /* as it was told already */
    }
    err_code_t rc = s_may(launch, former, whole, changes, sizeof changes, err);
    if (rc)
        rc = err_prefix(err, rc, "%s", launch->state_dir);
    else
        rc = s_replace(launch, former, digest, changes, err);
    topology_destroy(&former);
    if (!rc)
        carry_print(changes, text);
    return rc;
}
