/* find - the default place of state directories, ${XDG_STATE_HOME:-~/.local/state}/cloudless/JOB, and which
 * of them is meant when none is named.
 *
 * Threads  any.
 */
#ifndef DEPLOY_STATE_FIND_H
#define DEPLOY_STATE_FIND_H

#include "store/statedir.h"

/* Where state directories are when none is named, and which of those there is meant: the only one, or the
 * only one that somebody works in. Errors: ERR_USAGE (no home, nothing there, or several), ERR_LIMIT. */
MUST_USE err_code_t state_default_base(char ret[STATEDIR_PATH_MAX], err_t *err);
MUST_USE err_code_t state_find(char ret[STATEDIR_PATH_MAX], err_t *err);

#endif
