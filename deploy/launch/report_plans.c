#include "deploy/launch/report_plans.h"

static json_value_t *s_units_of(const topology_t *topology, const global_plan_entry_t *entry)
{
    json_value_t *items = json_new_array();
    for (size_t r = 0; r < topology->region_count; r++)
        for (size_t i = 0; i < topology->regions[r].offer_count; i++) {
            json_value_t *item = json_new_object();
            json_set_string(item, "region", topology->regions[r].name);
            json_set_string(item, "offer", topology->regions[r].offers[i].name);
            json_set_u64(item, "units", entry->units[r][i]);
            json_add_moved(items, &item);
        }
    return items;
}

/* Adds what was predicted, beside what it came to; and every change of plan with its reason. */
void report_plans_add(json_value_t *report, const global_core_t *core, const report_context_t *context,
                      double cost)
{
    const global_plan_t *plan = global_core_plan(core);
    const topology_t *topology = context->topology;
    if (topology->plan.emulate > 0)
        json_set_number(report, "emulate", topology->plan.emulate);
    if (!plan)
        return;
    json_set_string(report, "objective", plan_objective_name(topology->plan.objective));
    json_set_number(report, "predicted_s", global_plan_at(plan, 0)->predicted_s);
    json_set_number(report, "planned_s", (double)global_core_planned_us(core, context->now_us) / 1e6);
    json_set_number(report, "predicted_cost", global_plan_at(plan, 0)->predicted_cost);
    json_set_number(report, "planned_cost", cost);
    json_value_t *plans = json_new_array();
    for (size_t i = 0; i < global_plan_count(plan); i++) {
        const global_plan_entry_t *entry = global_plan_at(plan, i);
        char reason[GLOBAL_PLAN_REASON_MAX];
        json_value_t *row = json_new_object(), *units = s_units_of(topology, entry);
        json_set_number(row, "t_s", (double)entry->at_us / 1e6);
        json_set_string(row, "reason", global_plan_reason(entry, topology, reason));
        json_set_moved(row, "units", &units);
        json_set_number(row, "predicted_s", entry->predicted_s);
        json_set_number(row, "predicted_cost", entry->predicted_cost);
        json_add_moved(plans, &row);
    }
    json_set_moved(report, "plans", &plans);
}

/* ---- for people ---- */

static void s_print_units(const json_value_t *units, FILE *out)
{
    for (size_t i = 0; i < json_count(units); i++) {
        const json_value_t *item = json_at(units, i);
        uint64_t count = json_get_u64(item, "units", 0);
        if (count)
            fprintf(out, "  %s %llu x %s", json_get_string(item, "region", ""), (unsigned long long)count,
                    json_get_string(item, "offer", ""));
    }
}

/* Predicted and measured, and what was rented when and why. */
void report_plans_print(const json_value_t *report, FILE *out)
{
    const json_value_t *plans = json_get(report, "plans");
    if (json_get_number(report, "emulate", 0) > 0)
        fprintf(out, "  speeds are emulated: a core of power 1 is %.4g of a core of this machine\n",
                json_get_number(report, "emulate", 0));
    if (!plans)
        return;
    fprintf(out, "  objective %s: predicted %.1f s and cost %.6g, measured %.1f s and %.6g\n",
            json_get_string(report, "objective", ""), json_get_number(report, "predicted_s", 0),
            json_get_number(report, "predicted_cost", 0), json_get_number(report, "planned_s", 0),
            json_get_number(report, "planned_cost", 0));
    for (size_t i = 0; i < json_count(plans); i++) {
        const json_value_t *plan = json_at(plans, i);
        fprintf(out, "  at %8.1f s", json_get_number(plan, "t_s", 0));
        s_print_units(json_get(plan, "units"), out);
        fprintf(out, "  (%s)\n", json_get_string(plan, "reason", ""));
    }
}
