/* region_row - the figures of a region, one list: `status`, its document, the report and the report's table
 * walk it.
 *
 * Why      how a run stands and what it came to must not name, count or print a thing differently.
 * Threads  the global scheduler's (it reads the core).
 */
#ifndef DEPLOY_LAUNCH_REGION_ROW_H
#define DEPLOY_LAUNCH_REGION_ROW_H

#include "deploy/launch/headway.h"
#include "deploy/launch/report.h"
#include "deploy/launch/rows.h"

extern const row_field_t region_row_fields[];

/* The figures of a region in an object of their own. `headway` NULL: of the report, else of a run that goes
 * on. A region that never reported has zeros, and null where that would be a value. */
json_value_t *region_row_new(const global_core_t *core, const headway_t *headway,
                             const report_context_t *context, size_t region);

#endif
