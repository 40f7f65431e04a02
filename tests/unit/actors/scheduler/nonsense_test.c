/* Messages that are well-formed and make no sense, from anybody, by the thousand: no core may crash, tick
 * without end, or grow without limit. */
#include "actors/scheduler/global/global_core.h"
#include "actors/scheduler/region/region_core.h"
#include "actors/worker/worker_core.h"
#include "codec/base/hash.h"
#include "codec/base/rng.h"
#include "codec/wire/schema.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 20000
#define SAMPLES 300

static const char *const s_names[] = {
    "scheduler/eu", "scheduler/global", "scheduler/us", "node/eu/a", "node/eu/b", "shard/eu/0", "shard/eu/1",
    "worker/eu/0",  "worker/eu/1",      "broker/eu",    "node/eu/",  "",          "eu",         "us"};

static uint64_t s_u64(rng_t *rng)
{
    static const uint64_t values[] = {
        0, 1, 2, 3, 5, 8, 30, 31, 1ull << 32, (1ull << 32) | 1, UINT64_MAX, UINT64_MAX - 1};
    return rng_below(rng, 8) ? values[rng_below(rng, sizeof values / sizeof *values)] : rng_u64(rng);
}

static double s_f64(rng_t *rng)
{
    static const double values[] = {0, 1, -1, 0.5, 1e300, NAN, INFINITY, -INFINITY};
    return values[rng_below(rng, sizeof values / sizeof *values)];
}

static void s_ranges(rng_t *rng, wire_ranges_t *ranges)
{
    size_t count = rng_below(rng, 4);
    if (!count)
        return;
    ranges->items = calloc(count, sizeof *ranges->items);
    cr_assert_not_null(ranges->items);
    ranges->count = count;
    for (size_t index = 0; index < count; index++)
        ranges->items[index] = (range_t){s_u64(rng), s_u64(rng)};
}

static const char *s_name(rng_t *rng)
{
    return s_names[rng_below(rng, sizeof s_names / sizeof *s_names)];
}

static void s_rows(rng_t *rng, void *value, const schema_rows_t *about)
{
    char *rows = message_new_rows(value, about->row_bytes, rng_below(rng, 4));
    for (size_t row = 0; row < schema_rows(value).count; row++)
        for (size_t i = 0; i < about->column_count; i++) {
            void *at = rows + row * about->row_bytes + about->columns[i].offset;
            uint64_t bits = s_u64(rng);
            double real = s_f64(rng);
            if (about->columns[i].type == TYPE_name)
                message_set_name(at, s_name(rng));
            else if (about->columns[i].type == TYPE_bool)
                *(bool *)at = bits & 1;
            else
                memcpy(at, about->columns[i].type == TYPE_f64 ? (void *)&real : &bits, sizeof bits);
        }
}

static void s_fill(rng_t *rng, message_t *message, const schema_field_t *field)
{
    void *value = (char *)message + field->offset;
    uint64_t items[] = {s_u64(rng), s_u64(rng), s_u64(rng)};
    switch (field->type) {
    case TYPE_u64:
    case TYPE_i64:
        memcpy(value, items, sizeof *items);
        break;
    case TYPE_f64:
        *(double *)value = s_f64(rng);
        break;
    case TYPE_bool:
        *(bool *)value = rng_below(rng, 2);
        break;
    case TYPE_name:
        message_set_name(value, s_name(rng));
        break;
    case TYPE_text:
        message_set_text(value, "nonsense");
        break;
    case TYPE_ranges:
        s_ranges(rng, value);
        break;
    case TYPE_u64s:
        message_set_u64s(value, items, rng_below(rng, 4));
        break;
    case TYPE_rows:
        s_rows(rng, value, field->rows);
        break;
    default:
        break;
    }
}

/* Mostly fields that make it past the first checks, else nothing deeper would be reached. */
static void s_season(rng_t *rng, message_t *message, const topology_t *topology)
{
    message->incarnation = s_u64(rng);
    message->number = s_u64(rng);
    if (message->kind == KIND_announce && rng_below(rng, 4)) {
        topology_digest(topology, message->announce.digest);
        message->announce.samples = SAMPLES;
        message_set_rows(&message->announce.held, 0);
    }
    if (message->kind == KIND_region_report && rng_below(rng, 4)) {
        topology_digest(topology, message->region_report.digest);
        message_set_name(message->region_report.region, "eu");
        message_set_name(message->from, "scheduler/eu");
    }
    if (message->kind == KIND_params && rng_below(rng, 2)) {
        buf_t *buf = buf_new_zero(rng_below(rng, 40));
        message->data = slice_of(buf, 0, buf_size(buf));
        buf_destroy(&buf);
    }
}

static message_t *s_message(rng_t *rng, const topology_t *topology)
{
    const schema_t *schema = NULL;
    while (!schema || schema->kind == KIND_stop || schema->kind == KIND_bye ||
           (schema->kind == KIND_refused && rng_below(rng, 500)))
        schema = schema_find(rng_below(rng, schema_end()));
    message_t *message = message_new(schema->kind, "x", s_name(rng));
    for (size_t index = 0; index < schema->field_count; index++)
        s_fill(rng, message, &schema->fields[index]);
    s_season(rng, message, topology);
    return message;
}

static void s_drain(rng_t *rng, outbox_t *outbox, message_t **kept)
{
    message_t *message;
    while ((message = outbox_take(outbox))) {
        if (!rng_below(rng, 3)) { /* an answer to something that was really asked */
            message_destroy(kept);
            *kept = message;
        } else
            message_destroy(&message);
    }
}

/* Half of the time turns a message that was sent into a plausible answer, so that cores get into deeper
 * states. */
static message_t *s_answer(const message_t *asked)
{
    if (!asked)
        return NULL;
    message_t *answer = NULL;
    if (asked->kind == KIND_place) {
        answer = message_new(KIND_placed, asked->from, asked->to);
        message_set_name(answer->placed.actor, asked->place.actor);
        answer->placed.incarnation = asked->place.incarnation;
    } else if (asked->kind == KIND_lease_want) {
        answer = message_new(KIND_lease, asked->from, asked->to);
        answer->lease.grant = asked->lease_want.last_grant + 1;
        answer->lease.first = asked->lease_want.last_grant % 30;
        answer->lease.end = answer->lease.first + 1;
        answer->incarnation = UINT64_MAX;
    } else if (asked->kind == KIND_region_report) {
        answer = message_new(KIND_plan, asked->from, asked->to);
        answer->plan.plan = 1;
        answer->plan.run = 7;
        answer->plan.workers = answer->plan.shards = 2;
    } else if (asked->kind == KIND_pull) {
        size_t total = strcmp(asked->to, "shard/eu/0") ? 3 : 5;
        answer = message_new(KIND_params, asked->from, asked->to);
        answer->number = asked->number;
        answer->incarnation = UINT64_MAX; /* nonsense has brought the fence to this */
        answer->params.chunk_count = 1;
        answer->params.total = total;
        buf_t *buf = buf_new_zero(total * sizeof(float));
        answer->params.checksum = hash_checksum(buf_peek(buf), buf_size(buf));
        answer->data = slice_of(buf, 0, buf_size(buf));
        buf_destroy(&buf);
    } else if (asked->kind == KIND_push) {
        answer = message_new(KIND_push_ack, asked->from, asked->to);
        answer->incarnation = UINT64_MAX;
        answer->push_ack.batch = asked->push.batch;
        answer->push_ack.applied = true;
    }
    return answer;
}

/* Computes as a worker's driver does; the numbers are no better than the messages. */
static void s_compute(worker_core_t *core, rng_t *rng, int64_t now_us)
{
    worker_task_t task;
    if (!worker_core_take_task(core, &task))
        return;
    if (task.evaluate) {
        worker_core_evaluated(core, &(worker_result_t){s_f64(rng), s_f64(rng), s_f64(rng)},
                              (int64_t)s_u64(rng), now_us);
        return;
    }
    for (size_t index = 0; index < 8; index++)
        task.gradient[index] = (float)s_f64(rng);
    worker_core_computed(core, s_f64(rng), now_us);
}

static void s_torture(const role_t *role, void *core, const topology_t *topology, uint64_t seed)
{
    rng_t rng;
    rng_init(&rng, seed);
    message_t *asked = NULL;
    int64_t now_us = 0;
    for (int index = 0; index < MESSAGES && !role->finished(core); index++) {
        message_t *message = rng_below(&rng, 2) ? s_answer(asked) : NULL;
        if (!message)
            message = s_message(&rng, topology);
        role->message(core, &message, now_us);
        cr_assert_null(message);
        if (role == &worker_role && !role->finished(core))
            s_compute(core, &rng, now_us);
        if (!rng_below(&rng, 4))
            now_us += (int64_t)rng_below(&rng, 200000);
        if (role->due(core) <= now_us) {
            role->tick(core, now_us);
            cr_assert_gt(role->due(core), now_us, "CLOUDLESS_SEED=%" PRIu64 ": %s ticks without end", seed,
                         role->name);
        }
        s_drain(&rng, role->outbox(core), &asked);
    }
    message_destroy(&asked);
}

static topology_t *s_topology(void)
{
    topology_t *topology = calloc(1, sizeof *topology);
    cr_assert_not_null(topology);
    topology->job.epochs = 1;
    topology->job.batch = 10;
    topology->job.sync.away_after_us = 1000000;
    topology->region_count = 2;
    for (size_t index = 0; index < 2; index++) {
        strcpy(topology->regions[index].name, index ? "us" : "eu");
        topology->regions[index].data_share = 1;
        topology->regions[index].workers = topology->regions[index].shards = 2;
    }
    return topology;
}

static uint64_t s_seed(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    fprintf(stderr, "CLOUDLESS_SEED=%" PRIu64 "\n", seed);
    return seed;
}

Test(nonsense, does_not_harm_the_global_scheduler)
{
    topology_t *topology = s_topology();
    for (uint64_t seed = s_seed(), end = seed + 3; seed < end; seed++) {
        void *core = global_core_new(&(global_spec_t){.topology = topology, .incarnation = 1, .run = 7}, 0);
        s_torture(&global_role, core, topology, seed);
        global_role.destroy(&core);
    }
    free(topology);
}

Test(nonsense, does_not_harm_a_regional_scheduler)
{
    topology_t *topology = s_topology();
    for (uint64_t seed = s_seed(), end = seed + 6; seed < end; seed++) {
        region_spec_t spec = {
            .topology = topology, .term = 1, .run = 7, .nodes_expected = 1, .evaluates = seed % 2};
        void *core = region_core_new(&spec, 0);
        s_torture(&region_role, core, topology, seed);
        region_role.destroy(&core);
    }
    free(topology);
}

Test(nonsense, does_not_harm_a_worker)
{
    topology_t *topology = s_topology();
    static const size_t first[] = {0, 5, 8};
    uint64_t batches = 0;
    job_t job;
    err_t err;
    cr_assert_eq(job_derive(topology, SAMPLES, &job, &err), ERR_OK);
    for (uint64_t seed = s_seed(), end = seed + 6; seed < end; seed++) {
        worker_spec_t spec = {.topology = topology,
                              .job = &job,
                              .incarnation = (1ull << 32) | 1,
                              .shard_count = 2,
                              .shard_first = first,
                              .chunk_bytes = 8,
                              .checksums = seed % 2};
        void *core = worker_core_new(&spec);
        s_torture(&worker_role, core, topology, seed);
        batches += worker_core_done(core);
        worker_role.destroy(&core);
    }
    cr_assert_gt(batches, 0, "it must have come so far as to work");
    free(topology);
}
