/* report - what a run came to, as one document: for --report and --json, and as the table that people read.
 *
 * Why      the table is printed from the document, so the two cannot disagree.
 * Threads  report_new in the global scheduler's thread (it reads the core), the rest anywhere.
 */
#ifndef DEPLOY_LAUNCH_REPORT_H
#define DEPLOY_LAUNCH_REPORT_H

#include "actors/scheduler/global/global_core.h"
#include "codec/base/json.h"
#include "deploy/launch/status_file.h"

#include <stdio.h>

typedef struct {
    const topology_t *topology;
    int64_t now_us;
    int64_t wall_us;    /* since the command began */
    bool one_node_each; /* a region's node stands for all that is rented there (`up`) */
    const process_rows_t *processes;
    const char *changes; /* that the run was carried on with, as statedir_run tells; NULL: none */
} report_context_t;

/* An area under a ROC curve as messages tell it, in which 0 is none: NaN then. */
double report_auc(double told);

json_value_t *report_new(const global_core_t *core, const report_context_t *context);

/* The cost of a region so far. */
global_cost_t report_cost(const global_core_t *core, const report_context_t *context, size_t region);

/* Sums over regions; loss, accuracy and auc are means weighted by samples, NaN without any. */
typedef struct {
    uint64_t samples, samples_total, restarts, rounds, wan_sent_bytes;
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help) uint64_t json;
#include "codec/wire/counters.def"
    int64_t train_us, lived_us;
    double loss, accuracy, auc, cost;
} report_totals_t;
report_totals_t report_totals(const global_core_t *core, const report_context_t *context);

/* Adds parameters_sha256 of every region that has snapshots in a state directory; null for the others. */
void report_add_parameters(json_value_t *report, const topology_t *topology, const char *state_dir);

/* One line that says what to do when the training diverged; else nothing. */
void report_print_warning(const json_value_t *report, FILE *out);

void report_print_table(const json_value_t *report, FILE *out);

/* "training", "done" ...; borrowed for ever. */
const char *report_state_name(run_state_t state);

#endif
