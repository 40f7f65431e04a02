#include "deploy/launch/report.h"

#include "deploy/launch/carry.h"

#include "actors/scheduler/base/diverging.h"
#include "actors/synchronizer/strategy.h"
#include "codec/base/units.h"
#include "deploy/launch/parameters.h"
#include "deploy/launch/region_row.h"
#include "deploy/launch/report_plans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_LOSS_MOST 4.6    /* twice the cross-entropy of guessing one of ten classes */
#define REPORT_STILL_US 1000000 /* shorter stands are told in the document alone */
#define REPORT_LOSS_GROWTH 1.5  /* times what the curve began with */

const char *report_state_name(run_state_t state)
{
    static const char *const names[] = {
        [RUN_STARTING] = "starting", [RUN_TRAINING] = "training", [RUN_STOPPING] = "stopping",
        [RUN_DONE] = "done",         [RUN_DRAINED] = "drained",   [RUN_FAILED] = "failed"};
    return names[state];
}

/* ---- cost ---- */

/* Price of everything offered in a region for one second, and how many units that is. */
static double s_price_per_s(const topology_region_t *region, uint64_t *ret_units)
{
    double price = 0;
    *ret_units = 0;
    for (size_t i = 0; i < region->offer_count; i++) {
        price += (double)region->offers[i].count * region->offers[i].price_per_s;
        *ret_units += region->offers[i].count;
    }
    return price;
}

/* The time that units were rented for, of every offer; where no node is a unit of an offer, its nodes stand
 * for all there is. */
global_cost_t report_cost(const global_core_t *core, const report_context_t *context, size_t region)
{
    global_cost_t cost = global_core_cost(core, region);
    const message_t *report = global_core_region(core, region).report;
    if (!report || cost.rented_s > 0)
        return cost;
    uint64_t units;
    double price_per_s = s_price_per_s(&global_core_topology(core)->regions[region], &units);
    double nodes = context->one_node_each || !units ? 1 : (double)units;
    cost.rent = (double)report->region_report.rented_us / 1e6 / nodes * price_per_s;
    cost.total = cost.rent + cost.wan;
    return cost;
}

/* ---- the document ---- */

/* Seconds that units of each offer were rented. */
static void s_add_offers(json_value_t *row, const topology_region_t *region, const message_t *report)
{
    json_value_t *offers = json_new_array();
    for (size_t i = 0; i < region->offer_count; i++) {
        json_value_t *offer = json_new_object();
        json_set_string(offer, "name", region->offers[i].name);
        json_set_number(offer, "rented_s", (double)global_report_offer(report, i).rented_us / 1e6);
        json_set_number(offer, "price_per_s", region->offers[i].price_per_s);
        json_add_moved(offers, &offer);
    }
    json_set_moved(row, "offers", &offers);
}

static void s_add_region(json_value_t *regions, const global_core_t *core, const report_context_t *context,
                         size_t index)
{
    static const message_t nothing; /* a region that never reported */
    const message_t *report = global_core_region(core, index).report;
    json_value_t *row = region_row_new(core, NULL, context, index);
    s_add_offers(row, &global_core_topology(core)->regions[index], report ? report : &nothing);
    json_set_string(row, "parameters_sha256", NULL);
    json_add_moved(regions, &row);
}

typedef struct {
    size_t region;
    const curve_row_t *row;
} curve_item_t;

static int s_compare_rows(const void *a, const void *b)
{
    const curve_item_t *x = a, *y = b;
    if (x->row->train_us != y->row->train_us)
        return x->row->train_us < y->row->train_us ? -1 : 1;
    if (x->region != y->region)
        return x->region < y->region ? -1 : 1;
    return x->row->index < y->row->index ? -1 : x->row->index > y->row->index;
}

/* All regions' rows in the order of time. */
static json_value_t *s_curve(const global_core_t *core, const topology_t *topology)
{
    size_t count = 0, capacity = 0;
    for (size_t r = 0; r < topology->region_count; r++)
        capacity += global_core_region(core, r).curve_count;
    curve_item_t *items = calloc(capacity + 1, sizeof *items);
    CHECK(items);
    for (size_t r = 0; r < topology->region_count; r++) {
        region_view_t view = global_core_region(core, r);
        for (size_t i = 0; i < view.curve_count; i++)
            items[count++] = (curve_item_t){r, &view.curve[i]};
    }
    qsort(items, count, sizeof *items, s_compare_rows);
    json_value_t *curve = json_new_array();
    for (size_t i = 0; i < count; i++) {
        json_value_t *row = json_new_object();
        json_set_number(row, "t_s", (double)items[i].row->train_us / 1e6);
        json_set_string(row, "region", topology->regions[items[i].region].name);
        json_set_number(row, "epoch", items[i].row->epoch);
        json_set_number(row, "loss", items[i].row->loss);
        json_set_number(row, "test_accuracy", items[i].row->test_accuracy);
        json_set_number(row, "test_loss", items[i].row->test_loss);
        json_set_number(row, "test_auc", report_auc(items[i].row->test_auc));
        json_add_moved(curve, &row);
    }
    free(items);
    return curve;
}

double report_auc(double told)
{
    return told > 0 ? told : NAN;
}

static void s_mean(double value, double weight, double *sum, double *weights)
{
    if (isfinite(value) && weight > 0) {
        *sum += value * weight;
        *weights += weight;
    }
}

static void s_add_counters(report_totals_t *totals, const message_t *message)
{
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    COUNTER_##add(totals->json, message->report);
#include "codec/wire/counters.def"
}

static void s_put_counters(json_value_t *document, const report_totals_t *totals)
{
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    json_set_u64(document, #json, totals->json);
#include "codec/wire/counters.def"
}

report_totals_t report_totals(const global_core_t *core, const report_context_t *context)
{
    report_totals_t totals = {0};
    double loss = 0, loss_weights = 0, accuracy = 0, accuracy_weights = 0, auc = 0, auc_weights = 0;
    for (size_t r = 0; r < context->topology->region_count; r++) {
        const message_t *report = global_core_region(core, r).report;
        if (!report)
            continue;
        double weight = (double)report->region_report.samples;
        totals.samples += report->region_report.samples;
        totals.restarts += report->region_report.restarts;
        totals.rounds += report->region_report.rounds;
        s_add_counters(&totals, report);
        totals.wan_sent_bytes += report->region_report.wan_sent_bytes;
        totals.samples_total += report->region_report.samples_total;
        if (report->region_report.lived_us > totals.lived_us)
            totals.lived_us = report->region_report.lived_us;
        totals.cost += report_cost(core, context, r).total;
        if (report->region_report.train_us > totals.train_us)
            totals.train_us = report->region_report.train_us;
        s_mean(report->region_report.loss, weight, &loss, &loss_weights);
        s_mean(report->region_report.test_accuracy, weight, &accuracy, &accuracy_weights);
        s_mean(report_auc(report->region_report.test_auc), weight, &auc, &auc_weights);
    }
    totals.loss = loss_weights > 0 ? loss / loss_weights : NAN;
    totals.accuracy = accuracy_weights > 0 ? accuracy / accuracy_weights : NAN;
    totals.auc = auc_weights > 0 ? auc / auc_weights : NAN;
    return totals;
}

/* The least loss that the curve began with in a region; NaN when there is none. */
static double s_first_loss(const global_core_t *core, const topology_t *topology)
{
    double least = NAN;
    for (size_t r = 0; r < topology->region_count; r++) {
        region_view_t view = global_core_region(core, r);
        if (view.curve_count && !(view.curve[0].loss >= least))
            least = view.curve[0].loss;
    }
    return least;
}

/* Updates that were not finite, or a loss far above what guessing costs or what it began with. Where no loss
 * is known nothing is said about it. */
static bool s_has_diverged(const global_core_t *core, const topology_t *topology,
                           const report_totals_t *totals)
{
    if (!strcmp(topology->job.data.kind, "counter") || !totals->samples)
        return false;
    double first = s_first_loss(core, topology);
    return totals->not_finite || totals->loss > REPORT_LOSS_MOST ||
           (isfinite(first) && totals->loss > REPORT_LOSS_GROWTH * first && totals->loss > 1);
}

static uint64_t s_sum(const json_value_t *report, const char *key)
{
    const json_value_t *regions = json_get(report, "regions");
    uint64_t sum = 0;
    for (size_t i = 0; i < json_count(regions); i++)
        sum += json_get_u64(json_at(regions, i), key, 0);
    return sum;
}

/* One region trains on; among several its exchanges wait for the disk, unless they were told not to. */
static void s_print_disk(const json_value_t *report, uint64_t failed, FILE *out)
{
    uint64_t uncovered = s_sum(report, "undurable_exchanges");
    bool several = json_count(json_get(report, "regions")) > 1;
    fprintf(out, "cloudless: the disk refused %llu snapshots, %s; look for snapshot_failed in the logs\n",
            (unsigned long long)failed,
            several && !uncovered ? "and its region waited for room" : "while training went on");
    if (uncovered)
        fprintf(out,
                "cloudless: %llu exchanges left a region before they were on a disk (checkpoint.when_full: "
                "go_on); what a "
                "death cost meanwhile is among state transfers and samples repeated\n",
                (unsigned long long)uncovered);
}

void report_print_warning(const json_value_t *report, FILE *out)
{
    uint64_t failed = s_sum(report, "snapshots_failed"), not_finite = s_sum(report, "not_finite");
    if (failed)
        s_print_disk(report, failed, out);
    uint64_t parameters = s_sum(report, "parameters_not_finite");
    bool ended = !strcmp(json_get_string(report, "state", ""), report_state_name(RUN_FAILED));
    if (ended || (!json_get_bool(report, "diverged", false) && !parameters))
        return;
    char refused[64] = "", exported[64] = "";
    if (not_finite)
        snprintf(refused, sizeof refused, ", %llu updates refused as not finite",
                 (unsigned long long)not_finite);
    if (parameters)
        snprintf(exported, sizeof exported, ", %llu parameters not finite", (unsigned long long)parameters);
    fprintf(out, "cloudless: the training diverged: loss %.3g%s%s; %s\n",
            json_get_number(report, "final_loss", NAN), refused, exported,
            json_get_string(report, "divergence_advice", ""));
}

json_value_t *report_new(const global_core_t *core, const report_context_t *context)
{
    const topology_t *topology = context->topology;
    report_totals_t totals = report_totals(core, context);
    json_value_t *report = json_new_object();
    json_set_string(report, "job", topology->job.name);
    json_set_string(report, "model", topology->job.model.name);
    json_set_string(report, "strategy", strategy_find(topology->job.sync.strategy)->name);
    if (topology->job.sync.every)
        json_set_u64(report, "every", topology->job.sync.every);
    else
        json_set_string(report, "every", "auto");
    json_set_string(report, "encoding", topology->job.sync.encoding);
    json_set_u64(report, "seed", topology->job.seed);
    json_set_string(report, "state", report_state_name(global_core_state(core)));
    json_set_string(report, "stopper", global_core_stopper(core));
    json_set_number(report, "done_share",
                    totals.samples_total ? (double)totals.samples / (double)totals.samples_total : NAN);
    json_set_number(report, "wall_s", (double)context->wall_us / 1e6);
    json_set_number(report, "lived_s",
                    (double)(totals.lived_us > context->wall_us ? totals.lived_us : context->wall_us) / 1e6);
    json_set_number(report, "train_s", (double)totals.train_us / 1e6);
    json_set_u64(report, "epochs", topology->job.epochs);
    json_set_u64(report, "samples", totals.samples);
    json_set_number(report, "final_loss", totals.loss);
    json_set_bool(report, "diverged", s_has_diverged(core, topology, &totals));
    char advice[DIVERGING_ADVICE_MAX];
    json_set_string(report, "divergence_advice", diverging_advice(topology, advice));
    json_set_number(report, "test_accuracy", totals.accuracy);
    json_set_number(report, "test_auc", totals.auc);
    json_set_u64(report, "rounds", totals.rounds);
    json_set_u64(report, "restarts", totals.restarts);
    s_put_counters(report, &totals);
    json_set_number(report, "cost", totals.cost);
    process_rows_add(report, context->processes);
    json_value_t *carried = carry_rows(context->changes ? context->changes : "");
    json_set_moved(report, "carried_on", &carried);
    json_value_t *regions = json_new_array();
    for (size_t r = 0; r < topology->region_count; r++)
        s_add_region(regions, core, context, r);
    json_set_moved(report, "regions", &regions);
    json_value_t *curve = s_curve(core, topology);
    json_set_moved(report, "curve", &curve);
    report_plans_add(report, core, context, totals.cost);
    return report;
}

/* json's readers lend constant parts; the document is the caller's own, so a part may be set. */
static json_value_t *s_region_row(json_value_t *report, size_t index)
{
    return (json_value_t *)(uintptr_t)json_at(json_get(report, "regions"), index);
}

void report_add_parameters(json_value_t *report, const topology_t *topology, const char *state_dir)
{
    for (size_t r = 0; r < topology->region_count; r++) {
        parameters_t *parameters = NULL;
        char hex[SHA256_HEX_SIZE];
        if (parameters_load(topology, state_dir, r, &parameters, NULL))
            continue; /* another machine's disk has them */
        parameters_sha256(parameters, hex);
        size_t not_finite = parameters_not_finite(parameters);
        if (not_finite)
            json_set_u64(s_region_row(report, r), "parameters_not_finite", not_finite);
        parameters_destroy(&parameters);
        json_set_string(s_region_row(report, r), "parameters_sha256", hex);
    }
}

/* ---- the table ---- */

static void s_print_number(FILE *out, const char *label, double value)
{
    if (isfinite(value))
        fprintf(out, fabs(value) < 1e6 ? "  %s %.4f" : "  %s %.3e", label, value);
}

static void s_print_carried(const json_value_t *report, FILE *out)
{
    const json_value_t *rows = json_get(report, "carried_on");
    for (size_t i = 0; i < json_count(rows); i++)
        fprintf(out, "%s%s %s -> %s", i ? ", " : "  carried on with ",
                json_get_string(json_at(rows, i), "key", ""), json_get_string(json_at(rows, i), "from", ""),
                json_get_string(json_at(rows, i), "to", ""));
    if (json_count(rows))
        fprintf(out, "\n");
}

/* Only of a run in which something was lost or taken from another region. */
static void s_print_losses(const json_value_t *report, FILE *out)
{
    uint64_t rolled_back = json_get_u64(report, "updates_rolled_back", 0),
             transfers = json_get_u64(report, "welcomes", 0);
    if (rolled_back || transfers)
        fprintf(out, "  updates rolled back %llu, and computed again; state transfers %llu\n",
                (unsigned long long)rolled_back, (unsigned long long)transfers);
}

/* Of regions that waited for something; a batch that takes long is no stand. */
static void s_print_stands(const json_value_t *report, FILE *out)
{
    const json_value_t *regions = json_get(report, "regions");
    for (size_t i = 0; i < json_count(regions); i++) {
        const json_value_t *row = json_at(regions, i);
        const char *why = json_get_string(row, "still_why", "");
        char time[UNITS_TEXT_MAX];
        int64_t us = (int64_t)(json_get_number(row, "still_s", 0) * 1e6);
        if (us >= REPORT_STILL_US && why[0])
            fprintf(out, "  %s stood still for %s at most: %s\n", json_get_string(row, "name", ""),
                    units_print_duration(us, time), why);
    }
}

void report_print_table(const json_value_t *report, FILE *out)
{
    char wall[UNITS_TEXT_MAX], train[UNITS_TEXT_MAX];
    const json_value_t *regions = json_get(report, "regions");
    fprintf(out, "\n");
    rows_print_final(regions, region_row_fields, out);
    units_print_duration((int64_t)(json_get_number(report, "lived_s", 0) * 1e6), wall);
    units_print_duration((int64_t)(json_get_number(report, "train_s", 0) * 1e6), train);
    fprintf(out, "\n  %s, %s, %s:", json_get_string(report, "job", ""), json_get_string(report, "model", ""),
            json_get_string(report, "strategy", ""));
    s_print_number(out, "loss", json_get_number(report, "final_loss", NAN));
    s_print_number(out, "test accuracy", json_get_number(report, "test_accuracy", NAN));
    if (isfinite(json_get_number(report, "test_auc", NAN)))
        s_print_number(out, "test AUC", json_get_number(report, "test_auc", NAN));
    uint64_t processes = json_get_u64(report, "process_restarts", 0);
    char also[48] = "";
    if (processes)
        snprintf(also, sizeof also, " and %llu processes", (unsigned long long)processes);
    fprintf(out, "\n  rounds %llu  restarts %llu%s  trained %s of %s  cost %.6f\n",
            (unsigned long long)json_get_u64(report, "rounds", 0),
            (unsigned long long)json_get_u64(report, "restarts", 0), also, train, wall,
            json_get_number(report, "cost", 0));
    s_print_carried(report, out);
    s_print_losses(report, out);
    s_print_stands(report, out);
    report_plans_print(report, out);
}
