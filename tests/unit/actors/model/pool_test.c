#include "actors/model/pool.h"
#include "tests/unit/actors/model/reference.h"

typedef struct {
    pool_t pool;
    size_t count;
    double *x, *b, *dy, *y; /* images outermost */
} case_t;

static double s_weighted(void *context)
{
    case_t *self = context;
    const pool_t *p = &self->pool;
    reference_pool(self->count, p->C, p->H, p->W, self->x, self->b, self->y);
    double sum = 0;
    for (size_t i = 0; i < self->count * p->C * p->H * p->W / 4; i++)
        sum += self->dy[i] * self->y[i];
    return sum;
}

/* Index with images outermost of element i with channels outermost. */
static size_t s_place(const case_t *self, size_t i)
{
    size_t plane = self->pool.H * self->pool.W, c = i / (self->count * plane), n = i / plane % self->count;
    return (n * self->pool.C + c) * plane + i % plane;
}

static void s_check(pool_t pool, size_t count)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    size_t x_size = count * pool.C * pool.H * pool.W, y_size = x_size / 4;
    float *x = test_random(&rng, x_size, 1), *b = test_random(&rng, pool.C, 1),
          *y = test_random(&rng, y_size, 1);
    float *dy = test_random(&rng, y_size, 1), *dx = test_random(&rng, x_size, 9),
          *db = test_random(&rng, pool.C, 1);
    int32_t *choice = test_alloc(y_size, sizeof *choice);
    case_t self = {pool,
                   count,
                   test_widen(x, x_size),
                   test_widen(b, pool.C),
                   test_widen(dy, y_size),
                   test_widen(y, y_size)};
    double *db_before = test_widen(db, pool.C);
    for (size_t i = 0; i < x_size; i++)
        self.x[s_place(&self, i)] = x[i];

    pool_forward(&pool, count, x, b, y, choice);
    s_weighted(&self);
    test_all_near("y", y_size, y, self.y, 1e-6);
    pool_backward(&pool, count, choice, dy, db, dx);
    for (size_t i = 0; i < x_size; i++)
        test_near("dx", i, dx[i], test_slope(self.x, s_place(&self, i), s_weighted, &self), 1e-5);
    for (size_t c = 0; c < pool.C; c++)
        test_near("db", c, db[c] - db_before[c], test_slope(self.b, c, s_weighted, &self), 2e-5);
    free(x), free(b), free(y), free(dy), free(dx), free(db), free(choice), free(db_before);
    free(self.x), free(self.b), free(self.dy), free(self.y);
}

Test(pool, smallest)
{
    s_check((pool_t){.C = 1, .H = 2, .W = 2}, 1);
}

Test(pool, odd_outputs_that_fill_no_vector)
{
    s_check((pool_t){.C = 3, .H = 6, .W = 10}, 2);
    s_check((pool_t){.C = 2, .H = 2, .W = 18}, 3);
}

Test(pool, shapes_of_lenet)
{
    s_check((pool_t){.C = 2, .H = 24, .W = 24}, 2);
    s_check((pool_t){.C = 5, .H = 8, .W = 8}, 3);
}

Test(pool, widest)
{
    s_check((pool_t){.C = 1, .H = 4, .W = POOL_WIDTH_MAX}, 1);
}

Test(pool, equals_give_the_gradient_to_exactly_one)
{
    pool_t pool = {.C = 1, .H = 8, .W = 8};
    float x[64], y[16], b[1] = {0}, dy[16], db[1] = {0}, dx[64];
    int32_t choice[16];
    for (size_t i = 0; i < 64; i++)
        x[i] = 0.5f;
    for (size_t i = 0; i < 16; i++)
        dy[i] = (float)(i + 1);
    pool_forward(&pool, 1, x, b, y, choice);
    pool_backward(&pool, 1, choice, dy, db, dx);
    for (size_t i = 0; i < 16; i++) {
        const float *at = dx + i / 4 * 16 + i % 4 * 2;
        cr_assert_eq(at[0] + at[1] + at[8] + at[9], dy[i]);
        cr_assert_eq((at[0] != 0) + (at[1] != 0) + (at[8] != 0) + (at[9] != 0), 1);
    }
    cr_assert_eq(db[0], 136);
}
