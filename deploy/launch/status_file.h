/* status_file - DIR/status.json: how the run stands, for `status` and for programs; replaced several times a second.
 *
 * Threads  written by the global scheduler's thread; read by any process.
 */
#ifndef DEPLOY_LAUNCH_STATUS_FILE_H
#define DEPLOY_LAUNCH_STATUS_FILE_H

#include "actors/scheduler/global_core.h"
#include "codec/base/json.h"

/* Replaces the file in one step (without fsync: it is worth nothing after a power cut). Errors: ERR_IO. */
MUST_USE err_code_t status_file_write(const char *path, const global_core_t *core, const topology_t *topology,
                                      int64_t now_us, err_t *err);

#endif
