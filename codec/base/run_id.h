/* run_id - which run of a job something belongs to: a random number, in text 16 hexadecimal digits.
 *
 * Why      two runs of one topology look alike in everything else; what one has left behind must not be mixed
 *          into the other. The global scheduler of a new directory makes it; whoever joins takes it over and
 *          keeps it.
 * Threads  any.
 */
#ifndef CODEC_BASE_RUN_ID_H
#define CODEC_BASE_RUN_ID_H

#include "codec/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define RUN_ID_NONE UINT64_C(0) /* not known (yet) */
#define RUN_ID_TEXT_SIZE 17

uint64_t run_id_new(void);
const char *run_id_text(uint64_t id, char ret_text[RUN_ID_TEXT_SIZE]); /* returns ret_text */
bool run_id_parse(const char *text, uint64_t *ret_id);                 /* the whole text, of an identity */

/* Returns whether two places belong to different runs, as far as both know theirs. */
bool run_id_differs(uint64_t a, uint64_t b);

/* The one wording of a refusal.
 *
 *   in   what  is refused: "the state directory /var/x", "node/west/a"
 *   in   own   its run; RUN_ID_NONE: it has something of a run that nobody has named
 *   in   run   the run it came to
 *
 * Returns ERR_JOB.
 */
err_code_t run_id_refuse(err_t *err, const char *what, uint64_t own, uint64_t run);

#endif
