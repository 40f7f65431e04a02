#include "deploy/launch/region_row.h"

#include <math.h>

#define RENTED_MAX 64

typedef struct {
    const char *name, *machine, *kernels, *still_why, *rented;
    bool seen, complete;
    uint64_t samples, samples_total, samples_repeated, steps, rounds, nodes, workers, shards, units, restarts,
        worker_starts, nodes_joined, shards_moved, rent_failures, wan_sent_bytes, wan_received_bytes;
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help) uint64_t json;
#include "codec/wire/counters.def"
    double seen_s, done_share, samples_per_s, left_s, train_s, compute_s, rented_s, loss, test_accuracy,
        test_auc, keep_lag_s, worker_start_s, worker_start_median_s, join_s, still_s, rent_cost, wan_cost,
        cost;
} region_row_t;

#define BOTH(member, type, unit, help, head, final_head)                                                     \
    {                                                                                                        \
#member, unit, help, type, offsetof(region_row_t, member), head, final_head, ROW_ALWAYS              \
    }
#define LIVE(member, type, unit, help, head)                                                                 \
    {                                                                                                        \
#member, unit, help, type, offsetof(region_row_t, member), head, NULL, ROW_LIVE                      \
    }

const row_field_t region_row_fields[] = {
    BOTH(name, ROW_TEXT, "", "the region", "region", "region"),
    BOTH(machine, ROW_TEXT, "", "where its scheduler runs", "machine", NULL),
    BOTH(kernels, ROW_TEXT, "", "of OpenBLAS that its nodes compute with", NULL, NULL),
    LIVE(seen, ROW_BOOL, "", "it has reported to this global scheduler", NULL),
    LIVE(seen_s, ROW_NUMBER, "s", "age of this row: since its newest report", "heard"),
    LIVE(done_share, ROW_NUMBER, "share", "of its samples of all epochs", "done"),
    BOTH(samples, ROW_COUNT, "samples", "of its own batches applied by all its shards", NULL, "samples"),
    BOTH(samples_total, ROW_COUNT, "samples", "of its own batches in the whole run", NULL, NULL),
    BOTH(samples_repeated, ROW_COUNT, "samples", "computed again because an update was rolled back", NULL,
         NULL),
    LIVE(samples_per_s, ROW_NUMBER, "samples/s", "applied just now", "samples/s"),
    LIVE(left_s, ROW_NUMBER, "s", "until it is done, at the rate of now", "left"),
    BOTH(train_s, ROW_NUMBER, "s", "training time", NULL, "time"),
    BOTH(compute_s, ROW_NUMBER, "s", "of its workers together, in batches", NULL, NULL),
    BOTH(steps, ROW_COUNT, "", "optimizer steps of its own batches", "steps", NULL),
    BOTH(rounds, ROW_COUNT, "", "exchanges cut by its shards", "rounds", NULL),
    LIVE(nodes, ROW_COUNT, "", "nodes that are there", "nodes"),
    BOTH(workers, ROW_COUNT, "", "workers that run; in a report those that were to", "workers", NULL),
    BOTH(shards, ROW_COUNT, "", "shards that run; in a report those that were to", "shards", NULL),
    BOTH(worker_starts, ROW_COUNT, "", "workers that were started and have computed", NULL, NULL),
    BOTH(worker_start_s, ROW_NUMBER, "s", "the longest start of a worker", NULL, NULL),
    BOTH(worker_start_median_s, ROW_NUMBER, "s", "the middle one of the starts of workers", NULL, NULL),
    BOTH(nodes_joined, ROW_COUNT, "", "nodes that joined while it trained", NULL, NULL),
    BOTH(join_s, ROW_NUMBER, "s", "the longest time of a node's joining", NULL, NULL),
    BOTH(still_s, ROW_NUMBER, "s",
         "the longest time in which there was something to do and nothing was applied", NULL, NULL),
    BOTH(still_why, ROW_TEXT, "", "for whom its actors waited then; empty: they computed", NULL, NULL),
    BOTH(shards_moved, ROW_COUNT, "", "shards that were handed over to another node", NULL, NULL),
    BOTH(restarts, ROW_COUNT, "", "actors placed again after they had run", NULL, NULL),
    BOTH(keep_lag_s, ROW_NUMBER, "s", "age of the oldest change that some keeper lacks", NULL, NULL),
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    BOTH(json, ROW_COUNT, unit, help, NULL, NULL),
#include "codec/wire/counters.def"
    BOTH(loss, ROW_NUMBER, "", "mean training loss of the newest batches", "loss", NULL),
    BOTH(test_accuracy, ROW_NUMBER, "", "of the newest evaluation", "accuracy", NULL),
    BOTH(test_auc, ROW_NUMBER, "", "area under the ROC curve, of the newest evaluation of two classes", NULL,
         NULL),
    BOTH(units, ROW_COUNT, "", "that its offers have", NULL, NULL),
    BOTH(rented, ROW_TEXT, "", "what was paid for: units times seconds, or of all units together", NULL,
         "rented"),
    BOTH(rented_s, ROW_NUMBER, "s", "seconds of it", NULL, NULL),
    BOTH(rent_failures, ROW_COUNT, "", "rented nodes that did not come, or died", NULL, NULL),
    BOTH(rent_cost, ROW_NUMBER, "price", "of its machines, so far", NULL, NULL),
    BOTH(wan_cost, ROW_NUMBER, "price", "of what it sent, so far", NULL, NULL),
    BOTH(cost, ROW_NUMBER, "price", "of its machines and of what it sent, so far", "cost", "cost"),
    BOTH(wan_sent_bytes, ROW_COUNT, "bytes", "to other regions", NULL, "WAN sent"),
    BOTH(wan_received_bytes, ROW_COUNT, "bytes", "from other regions", NULL, "WAN received"),
    LIVE(complete, ROW_BOOL, "", "it has done its part", NULL),
    {0}};

static double s_seconds(int64_t us)
{
    return (double)us / 1e6;
}

static uint64_t s_units(const topology_region_t *region)
{
    uint64_t units = 0;
    for (size_t i = 0; i < region->offer_count; i++)
        units += region->offers[i].count;
    return units;
}

/* Where units of offers were rented their seconds are those of all together; else nodes stand for all
 * there is. */
static void s_put_rent(region_row_t *row, const region_report_t_ *report, const global_cost_t *cost,
                       char text[RENTED_MAX])
{
    uint64_t rented_us = 0;
    for (size_t i = 0; i < report->offers.count; i++)
        rented_us += report->offers.items[i].rented_us;
    row->rented_s = rented_us ? cost->rented_s : s_seconds(report->rented_us);
    row->rent_cost = cost->rent;
    row->wan_cost = cost->wan;
    row->cost = cost->total;
    if (rented_us)
        snprintf(text, RENTED_MAX, "%.0f s", row->rented_s);
    else
        snprintf(text, RENTED_MAX, "%llu x %.0f s", (unsigned long long)(row->units ? row->units : 1),
                 row->rented_s);
    row->rented = text;
}

static void s_put_counts(region_row_t *row, const region_report_t_ *report)
{
    row->samples = report->samples;
    row->samples_total = report->samples_total;
    row->samples_repeated = report->samples_repeated;
    row->steps = report->steps;
    row->rounds = report->rounds;
    row->nodes = report->nodes;
    row->worker_starts = report->worker_starts;
    row->nodes_joined = report->joins;
    row->shards_moved = report->moves;
    row->restarts = report->restarts;
    row->rent_failures = report->rent_failures;
    row->wan_sent_bytes = report->wan_sent_bytes;
    row->wan_received_bytes = report->wan_received_bytes;
}

/* Rows of the list name fields of the whole message. */
static void s_put_counters(region_row_t *row, const message_t *message)
{
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    row->json = message->report;
#include "codec/wire/counters.def"
}

static void s_put_times(region_row_t *row, const region_report_t_ *report)
{
    row->train_s = s_seconds(report->train_us);
    row->compute_s = s_seconds(report->compute_us);
    row->worker_start_s = s_seconds(report->worker_start_us);
    row->worker_start_median_s = s_seconds(report->worker_start_median_us);
    row->join_s = s_seconds(report->join_us);
    row->still_s = s_seconds(report->still_us);
    row->keep_lag_s = s_seconds(report->keep_lag_us);
}

static void s_put_live(region_row_t *row, const global_core_t *core, const headway_t *headway,
                       const report_context_t *context, size_t region)
{
    region_view_t view = global_core_region(core, region);
    row->seen = view.seen;
    row->seen_s = view.seen ? s_seconds(context->now_us - view.seen_us) : NAN;
    row->done_share = headway_share(core, region);
    row->samples_per_s = headway_rate(headway, core, region);
    row->left_s = headway_left_s(headway, core, region);
    row->complete = view.report && view.report->region_report.complete;
}

json_value_t *region_row_new(const global_core_t *core, const headway_t *headway,
                             const report_context_t *context, size_t region)
{
    static const message_t nothing = {.region_report = {.loss = NAN, .test_accuracy = NAN}};
    const topology_region_t *spec = &global_core_topology(core)->regions[region];
    const message_t *message = global_core_region(core, region).report;
    if (!message)
        message = &nothing;
    const region_report_t_ *report = &message->region_report;
    global_cost_t cost = report_cost(core, context, region);
    char rented[RENTED_MAX];
    bool planned = !headway && spec->workers;
    region_row_t row = {.name = spec->name,
                        .machine = report->machine,
                        .kernels = report->kernels ? report->kernels : "",
                        .still_why = report->still_why ? report->still_why : "",
                        .workers = planned ? spec->workers : report->workers,
                        .shards = headway ? report->shards : spec->shards,
                        .units = s_units(spec),
                        .loss = report->loss,
                        .test_accuracy = report->test_accuracy,
                        .test_auc = report_auc(report->test_auc)};
    s_put_counts(&row, report);
    s_put_counters(&row, message);
    s_put_times(&row, report);
    s_put_rent(&row, report, &cost, rented);
    if (headway)
        s_put_live(&row, core, headway, context, region);
    json_value_t *object = json_new_object();
    rows_put_of(object, region_row_fields, headway ? ROW_LIVE : ROW_FINAL, &row);
    return object;
}
