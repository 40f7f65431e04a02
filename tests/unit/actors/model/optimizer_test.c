#include "actors/model/optimizer.h"
#include "tests/unit/actors/model/reference.h"

#define N 1003 /* whole vectors and a rest */

static const optimizer_t SGD = {.kind = OPTIMIZER_SGD, .lr = 0.1f};
static const optimizer_t MOMENTUM = {.kind = OPTIMIZER_MOMENTUM, .lr = 0.1f, .momentum = 0.9f};

typedef struct {
    float *w, *v, *g, *w_next, *v_next;
} case_t;

static case_t s_new(void)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    return (case_t){test_random(&rng, N, 1), test_random(&rng, N, 1), test_random(&rng, N, 1),
                    test_random(&rng, N, 1), test_random(&rng, N, 1)};
}

/* One step, v and ret_v NULL where there is nothing to remember. */
static void s_step(const optimizer_t *optimizer, float lr, size_t n, const float *w, const float *v,
                   const float *g, float *ret_w, float *ret_v)
{
    optimizer_step(optimizer, &(optimizer_step_t){.lr = lr,
                                                  .number = 1,
                                                  .n = n,
                                                  .w = w,
                                                  .g = g,
                                                  .state = {v},
                                                  .ret_w = ret_w,
                                                  .ret_state = {ret_v}});
}

static void s_free(case_t *self)
{
    free(self->w), free(self->v), free(self->g), free(self->w_next), free(self->v_next);
}

Test(optimizer, sgd_is_its_formula)
{
    case_t c = s_new();
    s_step(&SGD, 0.05f, N, c.w, NULL, c.g, c.w_next, NULL);
    for (size_t i = 0; i < N; i++)
        test_near("w", i, c.w_next[i], (double)c.w[i] - 0.05 * (double)c.g[i], 1e-6);
    s_free(&c);
}

/* Bit for bit: each product and each sum rounded once, whatever the processor could fuse. */
Test(optimizer, momentum_is_its_formula)
{
    case_t c = s_new();
    s_step(&MOMENTUM, 0.05f, N, c.w, c.v, c.g, c.w_next, c.v_next);
    for (size_t i = 0; i < N; i++) {
        volatile float kept = 0.9f * c.v[i];
        volatile float velocity = kept + c.g[i];
        volatile float step = 0.05f * velocity;
        volatile float w = c.w[i] - step;
        cr_assert_eq(c.v_next[i], velocity, "v[%zu]", i);
        cr_assert_eq(c.w_next[i], w, "w[%zu]", i);
    }
    s_free(&c);
}

Test(optimizer, in_place_equals_apart)
{
    case_t c = s_new();
    s_step(&MOMENTUM, 0.05f, N, c.w, c.v, c.g, c.w_next, c.v_next);
    float *w = test_alloc(N, sizeof *w);
    memcpy(w, c.w, N * sizeof *w);
    s_step(&MOMENTUM, 0.05f, N, w, c.v, c.g, w, c.v);
    cr_assert_eq(memcmp(w, c.w_next, N * sizeof *w), 0);
    cr_assert_eq(memcmp(c.v, c.v_next, N * sizeof *w), 0);

    s_step(&SGD, 0.05f, N, c.w, NULL, c.g, c.w_next, NULL);
    s_step(&SGD, 0.05f, N, c.w, NULL, c.g, c.w, NULL);
    cr_assert_eq(memcmp(c.w, c.w_next, N * sizeof *w), 0);
    free(w);
    s_free(&c);
}

/* A shard steps its range of the flat array alone: cutting must not change a bit. */
Test(optimizer, parts_equal_the_whole)
{
    case_t c = s_new();
    float *w = test_alloc(N, sizeof *w), *v = test_alloc(N, sizeof *v);
    s_step(&MOMENTUM, 0.05f, N, c.w, c.v, c.g, c.w_next, c.v_next);
    for (size_t first = 0, end = 7; first < N; first = end, end = end * 2 < N ? end * 2 : N)
        s_step(&MOMENTUM, 0.05f, end - first, c.w + first, c.v + first, c.g + first, w + first, v + first);
    cr_assert_eq(memcmp(w, c.w_next, N * sizeof *w), 0);
    cr_assert_eq(memcmp(v, c.v_next, N * sizeof *v), 0);
    free(w), free(v);
    s_free(&c);
}

/* A step of adam in place. */
static void s_adam_step(uint64_t number, size_t n, float *w, float *m, float *v, const float *g)
{
    static const optimizer_t adam = {.kind = OPTIMIZER_ADAM, .momentum = 0.9f};
    optimizer_step(&adam, &(optimizer_step_t){.lr = 0.01f,
                                              .number = number,
                                              .n = n,
                                              .w = w,
                                              .g = g,
                                              .state = {m, v},
                                              .ret_w = w,
                                              .ret_state = {m, v}});
}

#define START(...) static const float s_start[] = __VA_ARGS__;
#include "tests/golden/optimizers.inc"
#define ELEMENTS (sizeof s_start / sizeof *s_start)
#define STEPS 5

#define GRADIENTS(...) static const float s_gradients[STEPS][ELEMENTS] = __VA_ARGS__;
#include "tests/golden/optimizers.inc"

typedef struct {
    const char *name;
    optimizer_t optimizer;
    size_t row;
    double after[STEPS][ELEMENTS];
} recorded_t;

#define RECORDED(ID, LR, MOMENTUM, NESTEROV, DECAY, ROW, ...)                                                \
    {#ID " " #LR " " #MOMENTUM " " #NESTEROV " " #DECAY,                                                     \
     {.kind = OPTIMIZER_##ID, .lr = LR, .momentum = MOMENTUM, .nesterov = NESTEROV, .decay = DECAY},         \
     ROW,                                                                                                    \
     __VA_ARGS__},
static const recorded_t s_recorded[] = {
#include "tests/golden/optimizers.inc"
};

typedef struct {
    float w[ELEMENTS], state[OPTIMIZER_TENSORS_MAX][ELEMENTS];
} memory_t;

/* In parts of `each` elements, as shards step their blocks. */
static void s_step_parts(const recorded_t *recorded, size_t step, size_t each, bool decays, memory_t *self)
{
    for (size_t first = 0; first < ELEMENTS; first += each) {
        size_t n = ELEMENTS - first < each ? ELEMENTS - first : each;
        optimizer_step_t part = {.lr = recorded->optimizer.lr,
                                 .number = step + 1,
                                 .decays = decays,
                                 .row = recorded->row,
                                 .before = recorded->row ? first % recorded->row : 0,
                                 .n = n,
                                 .w = self->w + first,
                                 .g = s_gradients[step] + first,
                                 .ret_w = self->w + first};
        for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
            part.state[i] = part.ret_state[i] = self->state[i] + first;
        optimizer_step(&recorded->optimizer, &part);
    }
}

static memory_t s_memory(void)
{
    memory_t memory = {0};
    memcpy(memory.w, s_start, sizeof s_start);
    return memory;
}

Test(optimizer, every_one_is_what_pytorch_makes_of_it)
{
    for (size_t i = 0; i < sizeof s_recorded / sizeof *s_recorded; i++) {
        memory_t memory = s_memory();
        for (size_t step = 0; step < STEPS; step++) {
            s_step_parts(&s_recorded[i], step, ELEMENTS, true, &memory);
            test_all_near(s_recorded[i].name, ELEMENTS, memory.w, s_recorded[i].after[step], 2e-6);
        }
    }
}

Test(optimizer, every_one_is_recorded)
{
    static const optimizer_name_t ids[] = {
#define OPTIMIZER(ID, ...) OPTIMIZER_##ID,
#include "brokers/optimizers.def"
#undef OPTIMIZER
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        size_t found = 0;
        for (size_t k = 0; k < sizeof s_recorded / sizeof *s_recorded; k++)
            found += s_recorded[k].optimizer.kind == ids[i];
        cr_assert(found, "add a case of %s to tests/golden/optimizers.py", optimizer_find(ids[i])->name);
    }
}

/* Whole rows, where they are looked at as a whole. */
Test(optimizer, every_one_in_parts_equals_the_whole)
{
    for (size_t i = 0; i < sizeof s_recorded / sizeof *s_recorded; i++) {
        memory_t whole = s_memory(), parts = s_memory();
        for (size_t step = 0; step < STEPS; step++) {
            s_step_parts(&s_recorded[i], step, ELEMENTS, true, &whole);
            s_step_parts(&s_recorded[i], step, s_recorded[i].row ? s_recorded[i].row : 1, true, &parts);
        }
        cr_assert_eq(memcmp(&whole, &parts, sizeof whole), 0, "%s", s_recorded[i].name);
    }
}

Test(optimizer, what_does_not_decay_goes_as_without)
{
    for (size_t i = 0; i < sizeof s_recorded / sizeof *s_recorded; i++) {
        memory_t with = s_memory(), without = s_memory();
        recorded_t plain = s_recorded[i];
        plain.optimizer.decay = 0;
        for (size_t step = 0; step < STEPS; step++) {
            s_step_parts(&s_recorded[i], step, ELEMENTS, false, &with);
            s_step_parts(&plain, step, ELEMENTS, true, &without);
        }
        cr_assert_eq(memcmp(&with, &without, sizeof with), 0, "%s", s_recorded[i].name);
    }
}

/* So rows without a gradient need not be sent. */
Test(optimizer, without_a_gradient_those_that_idle_change_nothing)
{
    static const float nothing[ELEMENTS] = {0};
    for (size_t i = 0; i < sizeof s_recorded / sizeof *s_recorded; i++) {
        optimizer_t optimizer = s_recorded[i].optimizer;
        if (!optimizer_find(optimizer.kind)->idles)
            continue;
        memory_t memory = s_memory();
        optimizer.decay = 0;
        s_step_parts(&s_recorded[i], 0, ELEMENTS, true, &memory);
        memory_t before = memory;
        optimizer_step(&optimizer, &(optimizer_step_t){.lr = 0.1f,
                                                       .number = 2,
                                                       .row = s_recorded[i].row,
                                                       .n = ELEMENTS,
                                                       .w = memory.w,
                                                       .g = nothing,
                                                       .state = {memory.state[0], memory.state[1]},
                                                       .ret_w = memory.w,
                                                       .ret_state = {memory.state[0], memory.state[1]}});
        cr_assert_eq(memcmp(&memory, &before, sizeof before), 0, "%s", s_recorded[i].name);
    }
}

Test(optimizer, decay_takes_more_than_a_block_at_a_time)
{
    enum { MANY = 10000 };
    rng_t rng;
    rng_init(&rng, test_seed());
    float *w = test_random(&rng, MANY, 1), *g = test_random(&rng, MANY, 1),
          *next = test_alloc(MANY, sizeof *w);
    optimizer_t sgd = {.kind = OPTIMIZER_SGD, .decay = 0.5f};
    optimizer_step(&sgd,
                   &(optimizer_step_t){.lr = 0.1f, .decays = true, .n = MANY, .w = w, .g = g, .ret_w = next});
    for (size_t i = 0; i < MANY; i++)
        test_near("w", i, next[i], (double)w[i] - 0.1 * ((double)g[i] + 0.5 * (double)w[i]), 1e-6);
    free(w), free(g), free(next);
}

/* A shard steps its range alone, and processors have registers of several sizes: no bit depends on them. */
Test(optimizer, adam_in_parts_equals_the_whole)
{
    case_t whole = s_new(), parts = s_new();
    for (size_t i = 0; i < N; i++)
        whole.v[i] = parts.v[i] = fabsf(whole.v[i]);
    for (uint64_t number = 1; number < 4; number++) {
        s_adam_step(number, N, whole.w, whole.w_next, whole.v, whole.g);
        for (size_t first = 0, end = 7; first < N; first = end, end = end * 2 < N ? end * 2 : N)
            s_adam_step(number, end - first, parts.w + first, parts.w_next + first, parts.v + first,
                        parts.g + first);
    }
    cr_assert_eq(memcmp(whole.w, parts.w, N * sizeof(float)), 0);
    cr_assert_eq(memcmp(whole.w_next, parts.w_next, N * sizeof(float)), 0);
    cr_assert_eq(memcmp(whole.v, parts.v, N * sizeof(float)), 0);
    s_free(&whole), s_free(&parts);
}

Test(optimizer, nothing_to_do)
{
    s_step(&SGD, 1, 0, NULL, NULL, NULL, NULL, NULL);
    s_step(&MOMENTUM, 1, 0, NULL, NULL, NULL, NULL, NULL);
}

Test(optimizer, rates)
{
    optimizer_t linear = {.kind = OPTIMIZER_SGD, .lr = 0.5f, .schedule = SCHEDULE_LINEAR};
    cr_assert_eq(optimizer_rate(&SGD, 70, 100), 0.1f);
    cr_assert_eq(optimizer_rate(&linear, 0, 100), 0.5f);
    cr_assert_eq(optimizer_rate(&linear, 50, 100), 0.25f);
    cr_assert_eq(optimizer_rate(&linear, 75, 100), 0.125f);
    cr_assert_eq(optimizer_rate(&linear, 100, 100), 0);
    cr_assert_eq(optimizer_rate(&linear, 101, 100), 0);
    cr_assert_eq(optimizer_rate(&linear, UINT64_MAX, 100), 0);
    cr_assert_eq(optimizer_rate(&linear, 0, 0), 0.5f);
    optimizer_t warm = {.kind = OPTIMIZER_SGD, .lr = 0.5f, .schedule = SCHEDULE_LINEAR, .warmup = 0.5};
    cr_assert_eq(optimizer_rate(&warm, 0, 100), 0);
    cr_assert_eq(optimizer_rate(&warm, 25, 100), 0.1875f); /* half of the rise of 0.75 of the rate */
    cr_assert_eq(optimizer_rate(&warm, 50, 100), 0.25f);
    cr_assert_eq(optimizer_rate(&warm, 75, 100), 0.125f);
}

#define SCHEDULE(ID, ...) {SCHEDULE_##ID, __VA_ARGS__},
static const struct {
    schedule_t schedule;
    double rates[21];
} s_schedules[] = {
#include "tests/golden/optimizers.inc"
};

Test(optimizer, schedules_are_pytorchs)
{
    static const uint64_t milestones[] = {30, 75};
    for (size_t i = 0; i < sizeof s_schedules / sizeof *s_schedules; i++) {
        optimizer_t optimizer = {.lr = 0.5f,
                                 .schedule = s_schedules[i].schedule,
                                 .milestones = milestones,
                                 .milestone_count = 2,
                                 .factor = 0.2};
        for (uint64_t step = 0; step <= 20; step++)
            test_near("rate", step, optimizer_rate(&optimizer, 10 * step, 200), s_schedules[i].rates[step],
                      1e-7);
    }
}

Test(optimizer, every_schedule_rises_with_the_warmup)
{
    for (size_t i = 0; i < sizeof s_schedules / sizeof *s_schedules; i++) {
        optimizer_t cold = {.lr = 0.5f, .schedule = s_schedules[i].schedule}, warm = cold;
        warm.warmup = 0.25;
        cr_assert_eq(optimizer_rate(&warm, 0, 100), 0);
        cr_assert_float_eq(optimizer_rate(&warm, 10, 100), 0.4f * optimizer_rate(&cold, 10, 100), 1e-6);
        cr_assert_eq(optimizer_rate(&warm, 25, 100), optimizer_rate(&cold, 25, 100));
    }
}
