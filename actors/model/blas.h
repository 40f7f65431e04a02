/* blas - matrix products on OpenBLAS: the one place that calls it.
 *
 * Why      four lines of cblas arguments become one, and I stays a name (complex.h, which cblas.h includes, takes
 *          it).
 * Threads  any; each call computes on the caller's thread alone.
 * Limits   dimensions below 2^31.
 */
#ifndef ACTORS_MODEL_BLAS_H
#define ACTORS_MODEL_BLAS_H

#include <stddef.h>

typedef enum { BLAS_PLAIN, BLAS_TRANSPOSED } blas_form_t;

/* C <- A B + beta C, all row-major without gaps.
 *   in   a (M, K), or (K, M) when transposed; b (K, N), or (N, K) when transposed
 *   out  c (M, N), not read when beta is 0 */
void blas_product(blas_form_t a_form, blas_form_t b_form, size_t M, size_t N, size_t K, const float *a,
                  const float *b, float beta, float *c);

/* Turns OpenBLAS' own threads off: every worker is a thread already, and they would fight. Once per process
 * is enough; more often is harmless. */
void blas_single_thread(void);

#endif
