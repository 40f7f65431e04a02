/* limits - what the system allows this process, against what a process of a run needs in any case.
 *
 * Why      what fails for a limit later, in a library, is an abort or a hang that names none.
 * Not      what a large model needs: that is known when it is refused.
 * Threads  the main thread, before others are there.
 */
#ifndef DEPLOY_LAUNCH_LIMITS_H
#define DEPLOY_LAUNCH_LIMITS_H

#include "codec/base/err.h"

/* Errors: ERR_LIMIT, with the limit's name, what it is and what is needed. */
MUST_USE err_code_t limits_check(err_t *err);

#endif
