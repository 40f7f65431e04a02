#include "store/statedir_latest.h"

#include "store/statedir_paths.h"
#include "store/statedir_stores.h"
#include "store/verify.h"

#include <stdlib.h>
#include <string.h>

/* A store that was looked at. */
typedef struct {
    char path[STATEDIR_PATH_MAX];
    uint64_t good, newest; /* snapshots; 0: none */
    bool damaged, killed;
    char why[ERR_TEXT_MAX];
} looked_t;

static err_code_t s_look_into(const char *parent, const statedir_store_t *store, looked_t *ret, err_t *err)
{
    verify_report_t report = {0};
    *ret = (looked_t){0};
    err_code_t code = statedir_store_dir(parent, store, ret->path, err);
    if (!code)
        code = verify_dir(ret->path, &report, err);
    if (code)
        return code == ERR_NOT_FOUND ? ERR_OK : code;
    ret->good = report.newest_good;
    ret->newest = report.newest;
    ret->damaged = report.newest_good < report.newest || (report.problem_total > 0 && !report.newest_good);
    ret->killed = report.killed;
    snprintf(ret->why, sizeof ret->why, "%s",
             report.problem_count ? report.problems[report.problem_count - 1].text : "damaged");
    verify_report_fini(&report);
    return ERR_OK;
}

static void s_note_skipped(statedir_latest_t *latest, const looked_t *looked)
{
    if (latest->skipped++ > 0)
        return;
    memcpy(latest->why, looked->why, sizeof latest->why);
    if (looked->killed || !looked->newest)
        return;
    memcpy(latest->damaged_path, looked->path, sizeof latest->damaged_path);
    latest->damaged_number = looked->newest;
}

/* Looks at what there is of one incarnation, its own store and copies: *ret_found when one of them has a good
 * snapshot. What is damaged in one of them and whole in the other is not lost; what nobody can tell may
 * be. */
static err_code_t s_try(char parents[STORES_KINDS][STATEDIR_PATH_MAX], const statedir_store_t *store,
                        statedir_latest_t *latest, bool *ret_found, err_t *err)
{
    const statedir_store_t stores[STORES_KINDS] = {
        [STORES_OWN] = *store, [STORES_KEPT] = {store->incarnation, 0}};
    looked_t looked[STORES_KINDS];
    const looked_t *best = &looked[STORES_OWN];
    for (size_t i = 0; i < STORES_KINDS; i++) {
        err_code_t code = s_look_into(parents[i], &stores[i], &looked[i], err);
        if (code)
            return code;
        if (looked[i].good > best->good)
            best = &looked[i];
    }
    for (size_t i = 0; i < STORES_KINDS; i++)
        if (looked[i].damaged && (!best->good || !looked[i].newest || looked[i].newest > best->good))
            s_note_skipped(latest, &looked[i]);
    memcpy(latest->path, best->path, sizeof latest->path);
    latest->kept = best == &looked[STORES_KEPT];
    latest->incarnation = store->incarnation;
    latest->number = best->good;
    *ret_found = best->good > 0;
    return ERR_OK;
}

err_code_t statedir_shard_latest(const char *path, const char *region, uint32_t shard,
                                 statedir_latest_t *ret_latest, err_t *err)
{
    char parents[STORES_KINDS][STATEDIR_PATH_MAX];
    statedir_store_t *stores = NULL;
    size_t count = 0;
    statedir_latest_t latest = {0};
    bool found = false;
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < STORES_KINDS && !code; i++)
        code = statedir_parent(path, region, shard, (statedir_stores_kind_t)i, parents[i], err);
    if (!code)
        code = statedir_stores_all(parents, STORES_KINDS, &stores, &count, err);
    for (size_t i = 0; i < count && !code && !found; i++)
        code = s_try(parents, &stores[i], &latest, &found, err);
    free(stores);
    if (code)
        return code;
    if (!found && latest.skipped > 0)
        return err_set(err, ERR_CHECKSUM, "no snapshot in %s is whole; %.300s", parents[STORES_OWN],
                       latest.why);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "there is no snapshot in %s", parents[STORES_OWN]);
    *ret_latest = latest;
    return ERR_OK;
}
