#include "deploy/cli/checkpoint/files.h"

#include "deploy/launch/launch.h"
#include "store/archive.h"
#include "store/file.h"

#include <stdio.h>
#include <string.h>

/* ---- The topology ---- */

static err_code_t s_take_file(void *hint, const char *name, const void *data, size_t size, err_t *err)
{
    buf_t **text_p = hint;
    if (strcmp(name, LAUNCH_TOPOLOGY_FILE) != 0 || *text_p)
        return ERR_OK;
    *text_p = buf_new_copy(data, size);
    return *text_p ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for the topology");
}

static bool s_wants_none(void *hint, const char *region, uint32_t shard, const manifest_t *manifest)
{
    (void)hint, (void)region, (void)shard, (void)manifest;
    return false;
}

/* Its text as it lies elsewhere, and where that is. */
static err_code_t s_find_text(const char *from, const char *archive, buf_t **ret_text, const char **ret_where,
                              err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    *ret_where = from ? from : archive;
    if (from) {
        snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, from);
        return file_read(path, FILE_MAX_BYTES, ret_text, err);
    }
    archive_visitor_t visitor = {.hint = ret_text, .wants = s_wants_none, .file = s_take_file};
    err_code_t code = archive_read(archive, &visitor, err);
    return code || *ret_text ? code : err_set(err, ERR_MALFORMED, "%s has no topology", archive);
}

/* Of this job, where its own file still tells which that is. */
static err_code_t s_check_text(const char *dir, const char *where, const buf_t *text, err_t *err)
{
    topology_t *topology = NULL;
    statedir_run_t run;
    char digest[17];
    err_code_t code =
        topology_parse(LAUNCH_TOPOLOGY_FILE, buf_peek(text), buf_size(text), NULL, 0, &topology, err);
    if (code)
        return err_prefix(err, code, "%s", where);
    topology_digest(topology, digest);
    if (!statedir_run(dir, &run, NULL))
        code = statedir_check(dir, topology->job.name, digest, err);
    topology_destroy(&topology);
    return code ? err_prefix(err, code, "the topology of %s does not fit", where) : ERR_OK;
}

static err_code_t s_take(result_t *result, const char *path, const char *dir, const char *from,
                         const char *archive, err_t *err)
{
    buf_t *text = NULL;
    const char *where = NULL;
    err_code_t code = s_find_text(from, archive, &text, &where, err);
    if (!code)
        code = s_check_text(dir, where, text, err);
    if (!code && !result->dry)
        code = file_write(path, buf_peek(text), buf_size(text), err);
    if (!code)
        result_row(result, result->dry ? "to take" : "taken", LAUNCH_TOPOLOGY_FILE, NULL, buf_size(text),
                   where);
    buf_destroy(&text);
    return code;
}

err_code_t files_mend_topology(result_t *result, const char *dir, const char *from, const char *archive,
                               bool *ret_taken, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    topology_t *topology = NULL;
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, dir);
    bool whole = !topology_read(path, NULL, 0, &topology, NULL);
    topology_destroy(&topology);
    *ret_taken = false;
    if (whole || (!from && !archive)) /* opening the directory says what is missing */
        return ERR_OK;
    err_code_t code = s_take(result, path, dir, from, archive, err);
    *ret_taken = !code;
    return code;
}

/* ---- Whose it is ---- */

static err_code_t s_run_of(const catalog_t *catalog, statedir_run_t *run, err_t *err)
{
    *run = (statedir_run_t){.id = RUN_ID_NONE};
    for (size_t i = 0; i < catalog->count; i++)
        for (size_t k = 0; k < catalog->stores[i].count; k++) {
            const catalog_snapshot_t *snapshot = &catalog->stores[i].snapshots[k];
            uint64_t id = snapshot->readable ? snapshot->state->shard_state.run : RUN_ID_NONE;
            if (run_id_differs(run->id, id))
                return run_id_refuse(err, catalog->stores[i].place.below, id, run->id);
            run->id = id != RUN_ID_NONE ? id : run->id;
        }
    return ERR_OK;
}

/* Its text was read a moment ago. */
static err_code_t s_changes_of(const catalog_t *catalog, statedir_run_t *run, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    buf_t *text = NULL;
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, catalog->dir);
    err_code_t code = file_read(path, FILE_MAX_BYTES, &text, err);
    if (!code)
        statedir_find_changes(buf_peek(text), buf_size(text), run);
    buf_destroy(&text);
    return code;
}

err_code_t files_mend_job(result_t *result, const catalog_t *catalog, bool *ret_written, err_t *err)
{
    statedir_run_t run;
    char digest[17];
    err_t why = {.code = ERR_OK};
    *ret_written = false;
    err_code_t code = statedir_run(catalog->dir, &run, &why);
    if (code != ERR_NOT_FOUND && code != ERR_JOB && code != ERR_LIMIT)
        return code ? err_set(err, code, "%s", why.text) : ERR_OK;
    err_code_t code_was = code;
    code = s_run_of(catalog, &run, err);
    if (!code)
        code = s_changes_of(catalog, &run, err);
    topology_digest(catalog->topology, digest);
    if (!code && !result->dry)
        code = statedir_mark(catalog->dir, catalog->topology->job.name, digest, &run, err);
    if (!code)
        result_row(result, result->dry ? "to write" : "written", "job", NULL, 0,
                   code_was == ERR_NOT_FOUND ? "it was lost" : "it was damaged");
    *ret_written = !code;
    return code;
}
