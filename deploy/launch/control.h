/* control - asking whoever works in a state directory: a line goes there, a text comes back.
 *
 * Why      a number in a file may be a stranger's by now, or another process' in another pid namespace; a
 *          socket in the directory reaches its owner alone, from wherever the directory can be written.
 * How      DIR/run/NAME.sock (AF_UNIX). Who opens it holds the lock of that name, or is the child of who
 *          does; what an earlier one left is replaced. The answer begins with its length, so that half of one
 *          is never taken for one.
 * Threads  each open control answers in a thread of its own, one after another; control_ask any.
 * Limits   CONTROL_REQUEST_MAX bytes per request, CONTROL_ANSWER_MAX per answer. Who asks and then says
 *          nothing is let go after a second. With no descriptors left one that is kept for this is used.
 */
#ifndef DEPLOY_LAUNCH_CONTROL_H
#define DEPLOY_LAUNCH_CONTROL_H

#include "codec/base/err.h"

#include <stdint.h>
#include <sys/types.h>

#define CONTROL_REQUEST_MAX 1024
#define CONTROL_ANSWER_MAX (64 << 20)

/* The first word of a request, and what answers it: a text that is freed with free(), never NULL. `rest` is
 * what follows the word and one blank. In control's thread. */
typedef struct control_word {
    const char *word; /* NULL: no further one */
    char *(*answer)(void *hint, const char *rest);
} control_word_t;

typedef struct control control_t;

/* Answers from now on. `words` and `hint` are borrowed until control_close.
 *
 *   in  state_dir  of the run
 *   in  name       of the process, unique in the directory, as deploy/state/holders.h calls it
 *
 * Errors  ERR_IO, ERR_DENIED, ERR_FULL, ERR_LIMIT (name, descriptors): nobody can ask then, and nothing else
 *         is lost
 */
MUST_USE err_code_t control_open(const char *state_dir, const char *name, const control_word_t *words,
                                 void *hint, control_t **ret_self, err_t *err);

/* Returns when no answer is under way; NULL is fine. */
void control_close(control_t **self_p);

/* Asks, and waits at most `patience_us` for each part of the answer.
 *
 *   out  ret_answer  freed with free(); may be NULL
 *   out  ret_pid     of who answers, as this process would see it; 0: it is in a namespace that cannot be
 *        seen; may be NULL
 *
 * Errors  ERR_NOT_FOUND, ERR_UNREACHABLE (nobody answers there), ERR_TIMEOUT (somebody is there and does not
 *         answer), ERR_VERSION (does not know the word), ERR_DENIED, ERR_LIMIT, ERR_MALFORMED
 */
MUST_USE err_code_t control_ask(const char *state_dir, const char *name, const char *request,
                                int64_t patience_us, char **ret_answer, pid_t *ret_pid, err_t *err);

#endif
