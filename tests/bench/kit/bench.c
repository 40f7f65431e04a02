#include "tests/bench/kit/bench.h"

#include "codec/base/json.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static FILE *s_rows;
static const char *s_only;
static int s_runs;
static bool s_missed;

void bench_open(int argc, char **argv)
{
    setenv("TMPDIR", "/tmp", 0); /* where ZeroMQ makes ipc sockets; without it, the current directory */
    static const struct option longs[] = {
        {"rows", 1, NULL, 'o'}, {"runs", 1, NULL, 'n'}, {"only", 1, NULL, 's'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 'o' && !(s_rows = fopen(optarg, "a"))) {
            perror(optarg);
            exit(1);
        }
        if (c == 'n')
            s_runs = atoi(optarg);
        if (c == 's')
            s_only = optarg;
        if (c == '?')
            exit(2);
    }
}

int bench_runs(int otherwise)
{
    return s_runs > 0 ? s_runs : otherwise;
}

bool bench_wants(const char *scene)
{
    return !s_only || !strcmp(s_only, scene);
}

/* Columns of rows of all kinds: null where it means nothing. */
static void s_set_provenance(json_value_t *object, const bench_row_t *row)
{
    json_value_t *seeds = row->seed ? json_new_array() : NULL;
    if (seeds)
        json_add_u64(seeds, row->seed);
    json_set_string(object, "durability", row->durability);
    if (row->samples)
        json_set_u64(object, "samples", row->samples);
    else
        json_set_string(object, "samples", NULL);
    if (seeds)
        json_set_moved(object, "seeds", &seeds);
    else
        json_set_string(object, "seeds", NULL);
}

static void s_write(const bench_row_t *row, double ratio)
{
    json_value_t *object = json_new_object();
    json_set_string(object, "name", row->name);
    json_set_u64(object, "size_bytes", row->size_bytes);
    json_set_string(object, "transport", row->transport);
    json_set_i64(object, "processes", row->processes);
    json_set_number(object, "value", row->value);
    json_set_string(object, "unit", row->unit);
    json_set_string(object, "peer", row->peer);
    json_set_number(object, "peer_value", row->peer_value);
    json_set_number(object, "ratio", ratio);
    json_set_number(object, "target", row->target);
    json_set_string(object, "target_is", row->at_most ? "at most" : "at least");
    json_set_i64(object, "runs", row->runs);
    s_set_provenance(object, row);
    char *text = json_print(object, true);
    fprintf(s_rows, "%s\n", text);
    free(text);
    json_destroy(&object);
}

void bench_row(const bench_row_t *row)
{
    double ratio = row->peer ? row->value / row->peer_value : 0;
    bool missed = row->peer && row->target > 0 && (row->at_most ? ratio > row->target : ratio < row->target);
    s_missed = s_missed || missed;
    printf("%-22s %10zu B  %-6s %d proc  %12.4g %-8s", row->name, row->size_bytes,
           row->transport ? row->transport : "-", row->processes, row->value, row->unit);
    if (row->peer)
        printf("  %-28s %12.4g  ratio %.2f", row->peer, row->peer_value, ratio);
    if (row->target > 0)
        printf(" (%s %.2f%s)", row->at_most ? "at most" : "at least", row->target, missed ? ", MISSED" : "");
    printf("  runs %d\n", row->runs);
    fflush(stdout);
    if (s_rows)
        s_write(row, ratio);
}

int bench_close(void)
{
    if (s_rows)
        fclose(s_rows);
    s_rows = NULL;
    return s_missed ? 3 : 0;
}

double bench_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int s_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, s_compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_memcpy_rate(size_t size)
{
    char *a = malloc(size), *b = malloc(size);
    if (!a || !b)
        abort();
    memset(a, 1, size);
    memset(b, 2, size);
    size_t times = ((size_t)1 << 28) / size + 1;
    double rates[5];
    for (int run = 0; run < 5; run++) {
        double start = bench_now_s();
        for (size_t i = 0; i < times; i++) {
            memcpy(i % 2 ? a : b, i % 2 ? b : a, size);
            __asm__ volatile("" ::: "memory");
        }
        rates[run] = (double)(size * times) / (bench_now_s() - start);
    }
    free(a);
    free(b);
    return bench_median(rates, 5);
}
