/* starts - how often something was started in a state directory: a number that only grows, without a clock.
 *
 * Threads  any; one at a time per name, which the locks of the state directory see to.
 */
#ifndef DEPLOY_LAUNCH_STARTS_H
#define DEPLOY_LAUNCH_STARTS_H

#include "codec/base/err.h"

#include <stdint.h>

/* One more than the last time and than `least`; on the disk before it returns. A count that cannot be read
 * begins anew. Errors: ERR_IO, ERR_FULL, ERR_DENIED. */
MUST_USE err_code_t starts_count(const char *run_dir, const char *name, uint64_t least, uint64_t *ret_count,
                                 err_t *err);

/* A number that is made up once for a state directory: who has another one has another disk. Never 0.
 * Errors: as above. */
MUST_USE err_code_t starts_disk(const char *run_dir, uint32_t *ret_disk, err_t *err);

#endif
