#include "actors/worker/worker_gradients.h"

#include <criterion/criterion.h>

Test(worker_gradients, one_that_nobody_reads_is_used_again)
{
    worker_gradients_t gradients;
    worker_gradients_init(&gradients, 1, 10);
    cr_assert(worker_gradients_take(&gradients));
    buf_t *first = worker_gradients_taken(&gradients);
    cr_assert_eq(buf_size(first), 10 * sizeof(float));
    cr_assert(worker_gradients_take(&gradients));
    cr_assert_eq(worker_gradients_taken(&gradients), first);
    worker_gradients_fini(&gradients);
}

Test(worker_gradients, one_that_is_read_is_not_written_whatever_is_on_its_way)
{
    worker_gradients_t gradients;
    worker_gradients_init(&gradients, 1, 10);
    buf_t *read[5];
    for (size_t i = 0; i < 5; i++) {
        cr_assert(worker_gradients_take(&gradients));
        read[i] = buf_ref(worker_gradients_taken(&gradients));
        for (size_t k = 0; k < i; k++)
            cr_assert_neq(read[k], read[i]);
    }
    for (size_t i = 0; i < 5; i++)
        buf_destroy(&read[i]);
    worker_gradients_fini(&gradients);
}
