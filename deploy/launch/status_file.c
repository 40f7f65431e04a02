#include "deploy/launch/status_file.h"

#include "deploy/launch/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void s_add_actor(json_value_t *actors, actor_view_t view, int64_t now_us)
{
    const message_t *status = view.status;
    double since_us = (double)status->status.since_us + (double)(now_us - view.seen_us);
    json_value_t *row = json_new_object();
    json_set_string(row, "name", status->status.actor);
    json_set_u64(row, "pid", status->status.pid);
    json_set_string(row, "node", status->status.node);
    json_set_u64(row, "incarnation", status->status.incarnation);
    json_set_string(row, "state", status->status.state);
    json_set_string(row, "waits_for", status->status.waits_for);
    json_set_number(row, "since_s", since_us / 1e6);
    json_set_u64(row, "applied", status->status.applied);
    json_set_u64(row, "durable", status->status.durable);
    json_add_moved(actors, &row);
}

static void s_add_region(json_value_t *regions, const char *name, region_view_t view, int64_t now_us)
{
    json_value_t *row = json_new_object();
    json_set_string(row, "name", name);
    json_set_bool(row, "seen", view.seen);
    if (view.seen)
        json_set_number(row, "seen_s", (double)(now_us - view.seen_us) / 1e6);
    if (view.report) {
        json_set_u64(row, "samples", view.report->region_report.samples);
        json_set_u64(row, "steps", view.report->region_report.steps);
        json_set_u64(row, "rounds", view.report->region_report.rounds);
        json_set_u64(row, "nodes", view.report->region_report.nodes);
        json_set_u64(row, "workers", view.report->region_report.workers);
        json_set_u64(row, "worker_starts", view.report->region_report.worker_starts);
        json_set_number(row, "worker_start_s", (double)view.report->region_report.worker_start_us / 1e6);
        json_set_u64(row, "nodes_joined", view.report->region_report.joins);
        json_set_number(row, "join_s", (double)view.report->region_report.join_us / 1e6);
        json_set_u64(row, "shards_moved", view.report->region_report.moves);
        json_set_number(row, "loss", view.report->region_report.loss);
        json_set_number(row, "test_accuracy", view.report->region_report.test_accuracy);
        json_set_number(row, "keep_lag_s", (double)view.report->region_report.keep_lag_us / 1e6);
        json_set_bool(row, "complete", view.report->region_report.complete);
    }
    json_add_moved(regions, &row);
}

void process_rows_add(json_value_t *document, const process_rows_t *rows)
{
    json_value_t *processes = json_new_array();
    uint64_t restarts = 0;
    for (size_t i = 0; i < rows->count; i++) {
        json_value_t *row = json_new_object();
        json_set_string(row, "name", rows->items[i].name);
        json_set_u64(row, "pid", rows->items[i].pid);
        json_set_u64(row, "restarts", rows->items[i].restarts);
        if (rows->items[i].died[0])
            json_set_string(row, "died", rows->items[i].died);
        if (rows->items[i].waits_for[0])
            json_set_string(row, "waits_for", rows->items[i].waits_for);
        json_add_moved(processes, &row);
        restarts += rows->items[i].restarts;
    }
    json_set_u64(document, "process_restarts", restarts);
    json_set_moved(document, "processes", &processes);
}

static json_value_t *s_document(const global_core_t *core, const topology_t *topology,
                                const process_rows_t *processes, int64_t now_us)
{
    json_value_t *document = json_new_object(), *regions = json_new_array(), *actors = json_new_array();
    json_set_string(document, "job", topology->job.name);
    json_set_u64(document, "pid", (uint64_t)getpid());
    json_set_string(document, "state", report_state_name(global_core_state(core)));
    for (size_t r = 0; r < topology->region_count; r++)
        s_add_region(regions, topology->regions[r].name, global_core_region(core, r), now_us);
    for (size_t i = 0; i < global_core_actor_count(core); i++)
        if (global_core_actor(core, i).status)
            s_add_actor(actors, global_core_actor(core, i), now_us);
    json_set_moved(document, "regions", &regions);
    json_set_moved(document, "actors", &actors);
    process_rows_add(document, processes);
    return document;
}

/* A full disk has no room for a second file, and is just what people look here for: the blocks of the old one take the
 * new text. */
static bool s_overwrite(const char *path, const char *text)
{
    size_t length = strlen(text);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written =
        fd >= 0 && pwrite(fd, text, length, 0) == (ssize_t)length && ftruncate(fd, (off_t)length) == 0;
    if (fd >= 0)
        close(fd);
    return written;
}

static err_code_t s_replace(const char *path, const char *text, err_t *err)
{
    char temporary[2048];
    snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid());
    FILE *out = fopen(temporary, "we");
    if (!out)
        return err_set(err, ERR_IO, "%s: %s", temporary, strerror(errno));
    bool written = fputs(text, out) >= 0;
    if (!fclose(out) && written && !rename(temporary, path))
        return ERR_OK;
    bool full = errno == ENOSPC;
    err_code_t rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    unlink(temporary);
    return full && s_overwrite(path, text) ? ERR_OK : rc;
}

err_code_t status_file_write(const char *path, const global_core_t *core, const topology_t *topology,
                             const process_rows_t *processes, int64_t now_us, err_t *err)
{
    json_value_t *document = s_document(core, topology, processes, now_us);
    char *text = json_print(document, false);
    err_code_t rc = s_replace(path, text, err);
    free(text);
    json_destroy(&document);
    return rc;
}
