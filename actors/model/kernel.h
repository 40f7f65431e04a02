/* kernel - which of OpenBLAS' kernels computes here, and why.
 *
 * Why      on a processor that is newer than the library it falls back to a kernel of 2004: a fifth of the
 *          speed. And some builds compute wrong on some processors. Machines that are rented are often the
 *          newest there are.
 * How      what the library would choose is kept when it makes use of what the processor has (see processor);
 *          otherwise the best that the processor can run is tried, then the next. Each is opened in a child
 *          of its own, as it may crash, and compared with plain loops (blas_is_right); the first that is
 *          right is taken. What a user has set (OPENBLAS_CORETYPE) is left alone, and said to be wrong when
 *          it is. What was chosen is put into the environment, so that processes of this one choose nothing
 *          again.
 * Threads  kernel_prepare is best called first when a process begins, while it has one thread; later from
 *          any.
 */
#ifndef ACTORS_MODEL_KERNEL_H
#define ACTORS_MODEL_KERNEL_H

#include "actors/model/processor.h"
#include "codec/base/err.h"

#define KERNEL_NAME_MAX 24
#define KERNEL_WHY_MAX 224

typedef struct {
    char name[KERNEL_NAME_MAX]; /* as the library calls it: "SkylakeX" */
    char why[KERNEL_WHY_MAX];   /* one line for people */
    bool wrong;                 /* a user's own setting, and it computes wrong */
} kernel_t;

/* Opens the library with the right kernel, once per process.
 *
 * Errors   ERR_NOT_FOUND (no library), ERR_NUMBER (no kernel computes right on this processor) */
MUST_USE err_code_t kernel_prepare(err_t *err);

/* The kernel that kernel_prepare has chosen; an empty name before. Borrowed for ever. */
const kernel_t *kernel_chosen(void);

/* ---- the choice alone, for tests ---- */

typedef enum { KERNEL_RIGHT, KERNEL_WRONG, KERNEL_CRASHES } kernel_verdict_t;

/* Tries a kernel by name; NULL: the one that the library chooses. ret_name is empty when it crashed before
 * it could say. */
typedef kernel_verdict_t kernel_try_fn(void *hint, const char *name, char ret_name[KERNEL_NAME_MAX]);

/*   in   processor   that of the machine
 *   in   own         what the user has set, NULL or empty: nothing
 *   out  ret_kernel  name and reason
 *
 * Errors   ERR_NUMBER (nothing is right, or what the user has set crashes) */
MUST_USE err_code_t kernel_choose(const processor_t *processor, const char *own, kernel_try_fn *try,
                                  void *hint, kernel_t *ret_kernel, err_t *err);

/* The kernel_try_fn of kernel_prepare: in a child, with the library of this machine. */
kernel_verdict_t kernel_try(void *hint, const char *name, char ret_name[KERNEL_NAME_MAX]);

#endif
