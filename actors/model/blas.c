#include "actors/model/blas.h"

#include <cblas.h>
#include <pthread.h>

void blas_product(blas_form_t a_form, blas_form_t b_form, size_t M, size_t N, size_t K, const float *a,
                  const float *b, float beta, float *c)
{
    int m = (int)M, n = (int)N, k = (int)K;
    cblas_sgemm(CblasRowMajor, a_form == BLAS_PLAIN ? CblasNoTrans : CblasTrans,
                b_form == BLAS_PLAIN ? CblasNoTrans : CblasTrans, m, n, k, 1.0f, a,
                a_form == BLAS_PLAIN ? k : m, b, b_form == BLAS_PLAIN ? n : k, beta, c, n);
}

static void s_single_thread(void)
{
    openblas_set_num_threads(1);
}

void blas_single_thread(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, s_single_thread);
}
