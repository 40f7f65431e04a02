/* blas - matrix products on OpenBLAS: the one place that calls it.
 *
 * Why      four lines of cblas arguments become one, and I stays a name (complex.h, which cblas.h includes,
 *          takes it). The library is opened at run time, so that its kernel can be chosen first (see kernel),
 *          and so that commands which compute nothing start without it.
 * Threads  any, once it is open; each call computes on the caller's thread alone.
 * Limits   dimensions below 2^31.
 */
#ifndef ACTORS_MODEL_BLAS_H
#define ACTORS_MODEL_BLAS_H

#include "codec/base/err.h"

#include <stddef.h>

/* Read by the library when it is opened: the name of the kernel to take. */
#define BLAS_KERNEL_VARIABLE "OPENBLAS_CORETYPE"

typedef enum { BLAS_PLAIN, BLAS_TRANSPOSED } blas_form_t;

/* Opens the library, with the kernel that its variable names or that it chooses; its own threads are off:
 * every worker is a thread already, and they would fight. Once per process is enough; more often is harmless,
 * but not at once.
 *
 * Errors   ERR_NOT_FOUND (no library, or not one of OpenBLAS) */
MUST_USE err_code_t blas_open(err_t *err);

/* The kernel that computes, as the library calls it: "SkylakeX". Borrowed for ever; needs an open library. */
const char *blas_kernel(void);

/* "0.3.21, DYNAMIC_ARCH": what is installed, opened for this with whatever kernel; into text. */
const char *blas_version(char *text, size_t size);

/* C <- A B + beta C, all row-major without gaps. Needs an open library.
 *   in   a (M, K), or (K, M) when transposed; b (K, N), or (N, K) when transposed
 *   out  c (M, N), not read when beta is 0 */
void blas_product(blas_form_t a_form, blas_form_t b_form, size_t M, size_t N, size_t K, const float *a,
                  const float *b, float beta, float *c);

/* Compares products with plain loops: sizes that fit no register and no block, every form, and one that is
 * larger than the blocks kernels cut, by Freivalds' check (C r = A (B r) for random r; Freivalds 1977). Some
 * 20 ms. Needs an open library. */
bool blas_is_right(void);

#endif
