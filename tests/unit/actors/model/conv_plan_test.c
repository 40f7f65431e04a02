#include "actors/model/conv_plan.h"
#include "actors/model/kernel.h"
#include "tests/unit/actors/model/reference.h"

#include <dirent.h>

/* Everything of one convolution, in double precision as plain loops have it; dy is (count, O, P, Q). */
typedef struct {
    const conv_t *conv;
    size_t count, x_size, w_size, y_size;
    double *x, *w, *y, *dy, *dw, *dx;
} case_t;

static case_t s_case(const conv_t *c, size_t count, const float *x, const float *w, const float *dy)
{
    case_t self = {.conv = c, .count = count, .x_size = count * c->I * c->H * c->W};
    self.w_size = conv_weight_size(c);
    self.y_size = conv_output_size(c, count);
    self.x = test_widen(x, self.x_size);
    self.w = test_widen(w, self.w_size);
    self.dy = test_widen(dy, self.y_size);
    self.y = test_alloc(self.y_size, sizeof(double));
    self.dw = test_alloc(self.w_size, sizeof(double));
    self.dx = test_alloc(self.x_size, sizeof(double));
    return self;
}

static void s_free(case_t *self)
{
    free(self->x), free(self->w), free(self->y), free(self->dy), free(self->dw), free(self->dx);
}

/* Adds what one number of dy does to the gradients: of weights w (I,K,K) and an image x (I,H,W), as
 * reference_conv_at reads them. */
static void s_add_gradients(const case_t *self, double dy, size_t w_first, size_t x_first, long top,
                            long left)
{
    const conv_t *c = self->conv;
    for (size_t i = 0; i < c->I; i++)
        for (size_t j = 0; j < c->K; j++)
            for (size_t k = 0; k < c->K; k++) {
                long h = top + (long)j, v = left + (long)k;
                if (h < 0 || h >= (long)c->H || v < 0 || v >= (long)c->W)
                    continue;
                size_t at_w = w_first + (i * c->K + j) * c->K + k;
                size_t at_x = x_first + (i * c->H + (size_t)h) * c->W + (size_t)v;
                self->dw[at_w] += dy * self->x[at_x];
                self->dx[at_x] += dy * self->w[at_w];
            }
}

static void s_compute(const case_t *self)
{
    const conv_t *c = self->conv;
    size_t P = conv_height(c), Q = conv_width(c);
    long S = (long)c->stride, Z = (long)c->pad;
    reference_conv(c, self->count, self->x, self->w, self->y);
    for (size_t at = 0; at < self->y_size; at++) {
        size_t q = at % Q, p = at / Q % P, o = at / (P * Q) % c->O, n = at / (P * Q * c->O);
        s_add_gradients(self, self->dy[at], o * c->I * c->K * c->K, n * c->I * c->H * c->W, S * (long)p - Z,
                        S * (long)q - Z);
    }
}

/* A group's outputs in the order of the spec -> images (count, O, PQ), or back. */
static void s_turn(const conv_plan_spec_t *spec, size_t count, const float *from, float *to, bool to_images)
{
    const conv_t *c = &spec->conv;
    if (spec->images_outermost) {
        memcpy(to, from, conv_output_size(c, count) * sizeof *to);
        return;
    }
    size_t PQ = conv_height(c) * conv_width(c);
    for (size_t o = 0; o < c->O; o++)
        for (size_t n = 0; n < count; n++) {
            size_t at = (o * count + n) * PQ, image = (n * c->O + o) * PQ;
            memcpy(to + (to_images ? image : at), from + (to_images ? at : image), PQ * sizeof *to);
        }
}

/* A batch that a plan works on, in groups. */
typedef struct {
    conv_plan_t *plan;
    const conv_plan_spec_t *spec;
    size_t count;
    const float *x, *dy;
    float *group; /* of outputs */
} work_t;

static void s_forward(const work_t *work, float *ret_y)
{
    const conv_t *c = &work->spec->conv;
    for (size_t n = 0, group; n < work->count; n += group) {
        group = work->count - n < conv_plan_group(work->plan) ? work->count - n : conv_plan_group(work->plan);
        conv_plan_forward(work->plan, group, work->x + n * c->I * c->H * c->W, work->group);
        s_turn(work->spec, group, work->group, ret_y + conv_output_size(c, n), true);
    }
}

static void s_backward(const work_t *work, float *ret_dx)
{
    const conv_t *c = &work->spec->conv;
    size_t x_size = c->I * c->H * c->W;
    for (size_t n = 0, group; n < work->count; n += group) {
        group = work->count - n < conv_plan_group(work->plan) ? work->count - n : conv_plan_group(work->plan);
        s_turn(work->spec, group, work->dy + conv_output_size(c, n), work->group, false);
        conv_plan_backward(work->plan, group, work->x + n * x_size, work->group,
                           ret_dx ? ret_dx + n * x_size : NULL);
    }
}

static void s_check_count(conv_plan_t *plan, const conv_plan_spec_t *spec, size_t count, void *scratch,
                          rng_t *rng)
{
    const conv_t *c = &spec->conv;
    size_t x_size = count * c->I * c->H * c->W, w_size = conv_weight_size(c);
    size_t y_size = conv_output_size(c, count);
    float *x = test_random(rng, x_size, 1), *w = test_random(rng, w_size, 1),
          *dy = test_random(rng, y_size, 1);
    float *y = test_random(rng, y_size, 9), *dw = test_random(rng, w_size, 9),
          *dx = test_random(rng, x_size, 9);
    float *group = test_random(rng, conv_output_size(c, conv_plan_group(plan)), 9);
    case_t self = s_case(c, count, x, w, dy);
    work_t work = {.plan = plan, .spec = spec, .count = count, .x = x, .dy = dy, .group = group};
    conv_plan_begin(plan, w, NULL, scratch);
    s_forward(&work, y);
    conv_plan_end(plan);
    s_compute(&self);
    test_all_near("y", y_size, y, self.y, 1e-4);
    conv_plan_begin(plan, w, dw, scratch);
    s_backward(&work, spec->first ? NULL : dx);
    conv_plan_end(plan);
    test_all_near("dw", w_size, dw, self.dw, 2e-4);
    if (!spec->first)
        test_all_near("dx", x_size, dx, self.dx, 1e-4);
    free(x), free(w), free(dy), free(y), free(dw), free(dx), free(group);
    s_free(&self);
}

/* A full batch, then one whose last group is not full, then a full one again. */
static void s_check_plan(conv_plan_t *plan, const conv_plan_spec_t *spec, size_t batch)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    void *scratch = aligned_alloc(64, conv_plan_scratch(plan) + 64);
    cr_assert(scratch);
    size_t counts[] = {batch, batch / 2 + 1, batch};
    for (size_t i = 0; i < 3; i++)
        s_check_count(plan, spec, counts[i], scratch, &rng);
    free(scratch);
}

/* In both orders and every way that can; oneDNN where it is installed. */
static void s_check(conv_t conv, size_t batch, bool first)
{
    cr_assert_eq(kernel_prepare(NULL), ERR_OK);
    for (conv_way_t way = 0; way < CONV_WAYS; way++)
        for (int order = 0; order < 2; order++) {
            conv_plan_spec_t spec = {.conv = conv, .first = first, .images_outermost = order == 1};
            conv_plan_t *plan = NULL;
            err_code_t code = conv_plan_new_way(&spec, batch, way, &plan, NULL);
            if (code == ERR_NOT_FOUND && way != CONV_BY_PRODUCT)
                continue;
            cr_assert_eq(code, ERR_OK);
            s_check_plan(plan, &spec, batch);
            conv_plan_destroy(&plan);
            cr_assert_null(plan);
        }
}

Test(conv_plan, three_by_three_over_small_images_that_are_grouped)
{
    s_check((conv_t){.I = 4, .H = 5, .W = 4, .O = 8, .K = 3, .stride = 1, .pad = 1}, 15, false);
}

Test(conv_plan, channels_that_fill_no_register)
{
    s_check((conv_t){.I = 3, .H = 9, .W = 7, .O = 5, .K = 3, .stride = 2, .pad = 1}, 9, false);
    s_check((conv_t){.I = 20, .H = 7, .W = 6, .O = 10, .K = 5, .stride = 1}, 3, false);
}

Test(conv_plan, large_images_one_by_one)
{
    s_check((conv_t){.I = 8, .H = 23, .W = 25, .O = 8, .K = 3, .stride = 1, .pad = 1}, 2, false);
}

Test(conv_plan, one_by_one_with_a_stride_and_without)
{
    s_check((conv_t){.I = 8, .H = 8, .W = 8, .O = 16, .K = 1, .stride = 2}, 10, false);
    s_check((conv_t){.I = 8, .H = 4, .W = 4, .O = 16, .K = 1, .stride = 1}, 35, false);
}

Test(conv_plan, the_first_layer_has_no_gradient_of_its_input)
{
    s_check((conv_t){.I = 3, .H = 12, .W = 12, .O = 16, .K = 3, .stride = 1, .pad = 1}, 4, true);
    s_check((conv_t){.I = 1, .H = 12, .W = 12, .O = 8, .K = 5, .stride = 1}, 4, true);
}

Test(conv_plan, widths_of_lenet)
{
    s_check((conv_t){.I = 1, .H = 28, .W = 28, .O = 20, .K = 5, .stride = 1}, 3, true);
    s_check((conv_t){.I = 3, .H = 12, .W = 12, .O = 7, .K = 5, .stride = 1}, 18, false);
    s_check((conv_t){.I = 2, .H = 10, .W = 20, .O = 4, .K = 5, .stride = 1}, 3,
            false); /* rows no multiple of 4 */
}

static size_t s_threads(void)
{
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert(tasks);
    for (struct dirent *task; (task = readdir(tasks));)
        count += task->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* Every worker is a thread already: a library that starts more would make them fight. */
Test(conv_plan, no_way_starts_threads_and_the_environment_stays_as_it_was)
{
    cr_assert_eq(kernel_prepare(NULL), ERR_OK); /* OpenBLAS has its threads, which sleep */
    size_t before = s_threads();
    setenv("OMP_NUM_THREADS", "4", 1);
    s_check((conv_t){.I = 16, .H = 16, .W = 16, .O = 16, .K = 3, .stride = 1, .pad = 1}, 4, false);
    cr_assert_eq(s_threads(), before);
    cr_assert_str_eq(getenv("OMP_NUM_THREADS"), "4");
}

/* Whoever measured, plans of one shape compute alike. */
Test(conv_plan, a_shape_is_measured_once)
{
    conv_plan_spec_t spec = {.conv = {.I = 16, .H = 8, .W = 8, .O = 16, .K = 3, .stride = 1, .pad = 1}};
    conv_plan_t *plans[2] = {NULL};
    cr_assert_eq(kernel_prepare(NULL), ERR_OK);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(conv_plan_new(&spec, 32, &plans[i], NULL), ERR_OK);
    cr_assert_eq(conv_plan_way(plans[0]), conv_plan_way(plans[1]));
    s_check_plan(plans[0], &spec, 32);
    for (size_t i = 0; i < 2; i++)
        conv_plan_destroy(&plans[i]);
}
