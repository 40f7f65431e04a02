/* report_plans - the part of a report that says what was rented when and why, and predicted beside measured.
 *
 * Threads  as report.h.
 */
#ifndef DEPLOY_LAUNCH_REPORT_PLANS_H
#define DEPLOY_LAUNCH_REPORT_PLANS_H

#include "deploy/launch/report.h"

void report_plans_add(json_value_t *report, const global_core_t *core, const report_context_t *context,
                      double cost);
void report_plans_print(const json_value_t *report, FILE *out);

#endif
