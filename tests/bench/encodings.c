/* How fast deltas are encoded (with their residual) and decoded, in bytes of float32 per second, beside
 * memcpy of the same bytes in the same run. 1.7 MB is a delta of LeNet, 64 MiB one that no cache holds. */
#include "codec/base/rng.h"
#include "codec/compress/encoding.h"
#include "codec/compress/lanes.h"
#include "tests/bench/kit/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 200
#define CHUNK ((size_t)1 << 20)

/* The rows of the benchmark; targets hold on a busy machine too. */
static const struct {
    const char *name, *encoding;
    encoding_setting_t setting;
    double encode, decode; /* of memcpy */
} s_rows[] = {
    {"fp16", "fp16", {0, 0}, 0.2, 0.4},
    {"bf16", "bf16", {0, 0}, 0.2, 0.4},
    {"int8", "int8", {0, 0}, 0.15, 0.4},
    {"int4", "int4", {0, 0}, 0.1, 0.4},
    {"topk_1_percent", "topk", {0.01, 1}, 0.06, 0.4},
    {"topk_1_percent_int8", "topk", {0.01, 3}, 0.06, 0.4},
};
#define ROWS (sizeof s_rows / sizeof *s_rows)

typedef struct {
    size_t count, size;
    float *values, *residual, *decoded;
    buf_t *bytes;
    slice_t *slices;
    size_t slice_count;
} stage_t;

static void s_must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "encodings: %s\n", what);
    exit(1);
}

static void s_open(stage_t *stage, size_t bytes)
{
    rng_t rng;
    rng_init(&rng, 1);
    *stage = (stage_t){.count = bytes / sizeof(float)};
    stage->values = malloc(bytes);
    stage->residual = calloc(1, bytes);
    stage->decoded = calloc(1, bytes);
    stage->bytes = buf_new_zero(bytes + CHUNK);
    stage->slices = calloc(bytes / CHUNK + 2, sizeof *stage->slices);
    s_must(stage->values && stage->residual && stage->decoded && stage->bytes && stage->slices, "no memory");
    for (size_t i = 0; i < stage->count; i++)
        stage->values[i] = (float)rng_normal(&rng) * 0.01f;
}

static void s_forget(stage_t *stage)
{
    while (stage->slice_count)
        slice_fini(&stage->slices[--stage->slice_count]);
}

static void s_close(stage_t *stage)
{
    s_forget(stage);
    buf_destroy(&stage->bytes);
    free(stage->values);
    free(stage->residual);
    free(stage->decoded);
    free(stage->slices);
}

static double s_encode(stage_t *stage, size_t row)
{
    encoding_input_t input = {.count = stage->count,
                              .values = stage->values,
                              .residual = stage->residual,
                              .ret_residual = stage->residual};
    double start = bench_now_s();
    err_code_t code = encoding_encode(encoding_named(s_rows[row].encoding), &s_rows[row].setting, &input,
                                      buf_data(stage->bytes), &stage->size, NULL);
    double seconds = bench_now_s() - start;
    s_must(!code, "not encoded");
    return (double)stage->count * sizeof(float) / seconds;
}

/* In chunks, as they arrive. */
static double s_decode(stage_t *stage, size_t row)
{
    for (size_t at = 0; at < stage->size; at += CHUNK)
        stage->slices[stage->slice_count++] =
            slice_of(stage->bytes, at, stage->size - at < CHUNK ? stage->size - at : CHUNK);
    double start = bench_now_s();
    err_code_t code = encoding_decode(encoding_named(s_rows[row].encoding), stage->slices, stage->slice_count,
                                      stage->decoded, stage->count, NULL);
    double seconds = bench_now_s() - start;
    s_must(!code, "not decoded");
    s_forget(stage);
    return (double)stage->count * sizeof(float) / seconds;
}

static double s_copy(stage_t *stage)
{
    double start = bench_now_s();
    memcpy(stage->decoded, stage->values, stage->count * sizeof(float));
    __asm__ volatile("" ::: "memory");
    return (double)stage->count * sizeof(float) / (bench_now_s() - start);
}

static void s_report(const char *what, size_t row, size_t bytes, double *rates, double *copies, double target,
                     int runs)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", what, s_rows[row].name);
    bench_row(&(bench_row_t){.name = name,
                             .size_bytes = bytes,
                             .processes = 1,
                             .value = bench_median(rates, (size_t)runs) / 1e9,
                             .unit = "GB/s",
                             .peer = "memcpy",
                             .peer_value = bench_median(copies, (size_t)runs) / 1e9,
                             .target = target,
                             .runs = runs});
}

static void s_bench(size_t row, size_t bytes, int runs)
{
    double encodes[RUNS_MAX], decodes[RUNS_MAX], copies[RUNS_MAX], again[RUNS_MAX];
    stage_t stage;
    s_open(&stage, bytes);
    for (int run = -2; run < runs; run++) {
        double copy = s_copy(&stage), encode = s_encode(&stage, row), decode = s_decode(&stage, row);
        if (run < 0)
            continue;
        copies[run] = again[run] = copy;
        encodes[run] = encode;
        decodes[run] = decode;
    }
    s_report("encode", row, bytes, encodes, copies, s_rows[row].encode, runs);
    s_report("decode", row, bytes, decodes, again, s_rows[row].decode, runs);
    printf("   %s: %.1f times smaller\n", s_rows[row].name, (double)bytes / (double)stage.size);
    s_close(&stage);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {(size_t)431080 * 4, (size_t)64 << 20};
    bench_open(argc, argv);
    int runs = bench_runs(15);
    if (runs > RUNS_MAX)
        runs = RUNS_MAX;
    printf("registers: %s\n", lanes_name(lanes_used()));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t row = 0; row < ROWS; row++)
            if (bench_wants(s_rows[row].name))
                s_bench(row, sizes[i], runs);
    return bench_close();
}
