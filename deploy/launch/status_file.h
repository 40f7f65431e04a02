/* status_file - DIR/status.json: how the run stood last (picture.h), for `status` when nobody can be asked,
 * and for programs; replaced several times a second.
 *
 * Threads  written by the global scheduler's thread; read by any process.
 */
#ifndef DEPLOY_LAUNCH_STATUS_FILE_H
#define DEPLOY_LAUNCH_STATUS_FILE_H

#include "actors/scheduler/global/global_core.h"
#include "codec/base/json.h"

#define PROCESS_ROWS_MAX (3 * TOPOLOGY_REGIONS_MAX + 1)

/* The processes that `up` looks after; none in a run whose processes were started by hand. */
typedef struct {
    char name[TOPOLOGY_NAME_MAX + 16];
    uint64_t pid; /* 0: does not run now */
    uint64_t restarts;
    char died[256];               /* of what, again and again; empty: does not */
    char waits_for[ERR_TEXT_MAX]; /* room on the disk, before it can start; empty: it does not */
} process_row_t;

typedef struct {
    process_row_t items[PROCESS_ROWS_MAX];
    size_t count;
} process_rows_t;

/* Adds "processes", and how often any was started again as "process_restarts". */
void process_rows_add(json_value_t *document, const process_rows_t *rows);

/* Replaces the file in one step (without fsync: it is worth nothing after a power cut). Errors: ERR_IO. */
MUST_USE err_code_t status_file_write(const char *path, const char *text, err_t *err);

#endif
