/* watch - what `status` is answered with, whoever is asked: the picture of the run, and how old it is.
 *
 * Why      a process that only hosts workers knows nothing of the run; it asks the global scheduler over its
 *          own broker, so that every machine tells the same.
 * Format   a line with the age in microseconds, then the JSON document; or a line "!REASON" when nobody could
 *          tell.
 * Threads  watch_answer any, one at a time; the rest any.
 */
#ifndef DEPLOY_LAUNCH_WATCH_H
#define DEPLOY_LAUNCH_WATCH_H

#include "codec/base/json.h"
#include "deploy/launch/launch.h"

#define WATCH_WORD "status"
#define WATCH_PATIENCE_US ((int64_t)3000000) /* for the global scheduler's answer */

/* The answer in that format, from malloc: of a document that is here already ... */
char *watch_print(const char *document, int64_t age_us);
/* ... or of what the global scheduler says, over the broker of `where`. */
char *watch_answer(const launch_where_t *where);

/* Reads an answer. Errors: ERR_UNREACHABLE (with the reason), ERR_MALFORMED. */
MUST_USE err_code_t watch_parse(const char *answer, json_value_t **ret_document, double *ret_age_s,
                                err_t *err);

#endif
