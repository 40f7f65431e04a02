/* A job of one worker that is stopped half way and goes on from what it stored is the same job, bit for bit,
 * with every optimizer. */
#include "tests/unit/actors/shard/world.h"

#define ELEMENTS 60 /* shards begin at 0 and 30, amidst a row of the embedding */
#define SAMPLES 160

static const optimizer_name_t s_ids[] = {
#define OPTIMIZER(ID, ...) OPTIMIZER_##ID,
#include "brokers/optimizers.def"
#undef OPTIMIZER
};

static const layout_t *s_layout(void)
{
    static layout_t layout;
    layout = (layout_t){0};
    cr_assert(!layout_add(&layout, "rows", 2, (size_t[]){8, 5}, NULL));
    layout_last(&layout)->sparse = true;
    cr_assert(!layout_add(&layout, "variance", 1, (size_t[]){10}, NULL));
    layout_last(&layout)->rule = TENSOR_AVERAGE;
    layout_last(&layout)->rate = 0.1f;
    cr_assert(!layout_add(&layout, "w", 2, (size_t[]){2, 5}, NULL));
    return &layout;
}

static world_t *s_world(optimizer_name_t optimizer, uint64_t workers)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 1, workers);
    t->job.optimizer.name = optimizer;
    t->job.optimizer.momentum = optimizer_find(optimizer)->momentum ? 0.9 : 0;
    t->job.optimizer.nesterov = optimizer_find(optimizer)->nesterov;
    t->job.optimizer.weight_decay = 0.1;
    t->job.optimizer.schedule = SCHEDULE_COSINE;
    t->job.optimizer.warmup = 0.2;
    t->checkpoint.every = 1;
    world_t *w = world_new(t, ELEMENTS);
    w->tensors = s_layout();
    world_start(w, SAMPLES);
    world_run(w);
    return w;
}

/* Gradients that depend on the parameters, as a model's do. */
static void s_train(world_t *w, uint64_t first, uint64_t end)
{
    float g[ELEMENTS], params[ELEMENTS];
    for (uint64_t b = first; b < end; b++) {
        cr_assert(world_pull(w, 0, 0, b, params));
        for (size_t i = 0; i < ELEMENTS; i++)
            g[i] = (float)((i * 7919 + b * 104729) % 977) / 500 - 1 + params[i] / 3;
        world_push(w, 0, 0, b, g);
        world_tick(w, 1000);
    }
}

/* With several workers a momentum has lanes, and the job goes on in the right one. */
Test(resume, a_job_that_was_stopped_computes_the_same_bits)
{
    for (size_t i = 0; i < 2 * (sizeof s_ids / sizeof *s_ids); i++) {
        optimizer_name_t optimizer = s_ids[i / 2];
        uint64_t workers = i % 2 ? 3 : 1;
        float straight[ELEMENTS], stopped[ELEMENTS];
        world_t *a = s_world(optimizer, workers), *b = s_world(optimizer, workers);
        uint64_t batches = a->job.regions[0].batches;
        cr_assert_geq(batches, 20);
        s_train(a, 0, batches - 1);
        s_train(b, 0, batches / 2);
        world_settle(b, 500000);
        for (size_t k = 0; k < b->shards; k++)
            world_crash(b, 0, k);
        world_settle(b, 500000);
        s_train(b, batches / 2, batches - 1);
        world_replica(a, 0, straight);
        world_replica(b, 0, stopped);
        cr_assert_eq(memcmp(straight, stopped, sizeof stopped), 0, "%s", optimizer_find(optimizer)->name);
        cr_assert(straight[0] < 0 || straight[0] > 0);
        world_destroy(a);
        world_destroy(b);
    }
}
