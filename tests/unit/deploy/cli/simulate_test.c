#include "deploy/cli/commands.h"

#include "codec/base/json.h"
#include "codec/base/rng.h"
#include "deploy/launch/host.h"
#include "tests/unit/codec/base/seed.h"
#include "tests/unit/store/temp.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

#define CASES 40
#define OBJECTIVES 7
static const char *const s_objectives[OBJECTIVES] = {"everything", "match",  "fastest",   "cheapest",
                                                     "deadline",   "budget", "until-done"};

/* ---- a topology, drawn ---- */

#define ONE_OF(rng, list) list[rng_below(rng, sizeof list / sizeof *list)]

static void s_write_job(rng_t *rng, FILE *file)
{
    static const char *const models[] = {"softmax", "lenet"};
    static const char *const strategies[] = {"ama", "sma", "asgd-ga", "ssgd"};
    static const char *const encodings[] = {"none", "fp16", "int8", "int4"};
    static const int every[] = {1, 8, 32};
    const char *strategy = ONE_OF(rng, strategies);
    fprintf(file,
            "job:\n  name: drawn\n  model: %s\n  data: {dir: /usr/share/datasets/fashion-mnist, samples: "
            "%llu}\n  epochs: %llu\n  batch: 64\n"
            "  sync: {strategy: %s, every: %d, encoding: %s}\n",
            ONE_OF(rng, models), (unsigned long long)(2000 + rng_below(rng, 60000)),
            (unsigned long long)(1 + rng_below(rng, 10)), strategy,
            strcmp(strategy, "ssgd") ? ONE_OF(rng, every) : 1, ONE_OF(rng, encodings));
    fprintf(file, "plan: {samples_per_s: %llu, deadline: %llus, budget: %g}\n",
            (unsigned long long)(500 + rng_below(rng, 4000)), (unsigned long long)(2 + rng_below(rng, 300)),
            0.1 + 100 * rng_unit(rng));
}

static void s_write_topology(rng_t *rng, const char *path)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    s_write_job(rng, file);
    fprintf(file, "regions:\n");
    size_t regions = 1 + rng_below(rng, 4);
    for (size_t r = 0; r < regions; r++) {
        fprintf(file, "  - name: r%zu\n    data_share: %llu\n    offers:\n", r,
                (unsigned long long)(1 + rng_below(rng, 4)));
        for (size_t i = 0, offers = 1 + rng_below(rng, 3); i < offers; i++)
            fprintf(file, "      - {name: o%zu, count: %llu, cores: %llu, power: %g, price_per_s: %g}\n", i,
                    (unsigned long long)(1 + rng_below(rng, 8)), (unsigned long long)(1 + rng_below(rng, 2)),
                    0.25 * (double)(1 + rng_below(rng, 8)), 0.01 * (double)(1 + rng_below(rng, 9)));
    }
    static const char *const rates[] = {"10Mbit", "100Mbit", "1Gbit"};
    if (regions > 1)
        fprintf(file, "links:\n  - {between: all, rate: %s, rtt: 30ms, price_per_gb: %g}\n",
                ONE_OF(rng, rates), 0.02 * (double)rng_below(rng, 50));
    cr_assert_eq(fclose(file), 0);
}

/* ---- what the commands say of it ---- */

/* Runs a command of the real table with its standard output in a file; NULL where that is no document. */
static json_value_t *s_run(const temp_t *temp, const char *const *argv, int argc, int *ret_status)
{
    char path[TEMP_PATH_MAX];
    int file = open(temp_path(temp, "out", path), O_CREAT | O_TRUNC | O_RDWR, 0600),
        saved = dup(STDOUT_FILENO);
    cr_assert(file >= 0 && saved >= 0);
    fflush(stdout);
    cr_assert(dup2(file, STDOUT_FILENO) >= 0);
    *ret_status = cli_main(argc, (char **)(uintptr_t)argv, commands);
    fflush(stdout);
    cr_assert(dup2(saved, STDOUT_FILENO) >= 0);
    close(saved);
    close(file);
    json_value_t *document = NULL;
    return json_read_file(path, &document, NULL) ? NULL : document;
}

static json_value_t *s_plan(const temp_t *temp, const char *path)
{
    const char *argv[] = {"cloudless", "plan", path, "--json"};
    int status;
    json_value_t *document = s_run(temp, argv, 4, &status);
    cr_assert_not_null(document, "plan: status %d", status);
    return document;
}

/* It ends at once: what it has rented is known by then. */
static json_value_t *s_simulate(const temp_t *temp, const char *path, const char *objective, int *ret_status)
{
    const char *argv[] = {"cloudless", "simulate", path,      "--objective", objective,
                          "--json",    "--quiet",  "--hours", "0.000000001"};
    return s_run(temp, argv, 9, ret_status);
}

static void s_compare_units(const json_value_t *planned, const json_value_t *rented, const char *where)
{
    cr_assert_eq(json_count(json_get(planned, "regions")), json_count(json_get(rented, "regions")));
    for (size_t r = 0; r < json_count(json_get(planned, "regions")); r++) {
        char *a = json_print(json_get(json_at(json_get(planned, "regions"), r), "units"), true);
        char *b = json_print(json_get(json_at(json_get(rented, "regions"), r), "units"), true);
        cr_assert_str_eq(b, a, "%s, region %zu: simulate rents %s, plan says %s", where, r, b, a);
        free(a);
        free(b);
    }
}

static void s_compare(const temp_t *temp, const char *path, unsigned number)
{
    json_value_t *plan = s_plan(temp, path);
    for (size_t i = 0; i < OBJECTIVES; i++) {
        char where[64];
        int status;
        snprintf(where, sizeof where, "case %u, %s", number, s_objectives[i]);
        const json_value_t *planned = json_get(json_get(plan, "objectives"), s_objectives[i]);
        json_value_t *rented = s_simulate(temp, path, s_objectives[i], &status);
        bool possible = json_get_bool(planned, "possible", false);
        cr_assert_eq(status, possible ? EXIT_DONE : EXIT_PROBLEMS, "%s: simulate ends with %d", where,
                     status);
        if (possible)
            s_compare_units(planned, rented, where);
        json_destroy(&rented);
    }
    json_destroy(&plan);
}

Test(simulate, rents_what_plan_prints, .timeout = 240)
{
    temp_t temp;
    char path[TEMP_PATH_MAX];
    rng_t rng;
    rng_init(&rng, test_seed());
    temp_init(&temp);
    host_prepare();
    for (unsigned number = 0; number < CASES; number++) {
        s_write_topology(&rng, temp_path(&temp, "job.yaml", path));
        s_compare(&temp, path, number);
    }
    temp_fini(&temp);
}

/* With every byte unencoded the link of 100 Mbit/s would be what this job waits for, and machines would do
 * nothing for it. */
Test(simulate, counts_encoded_bytes_as_plan_does, .timeout = 60)
{
    static const char *const text =
        "job:\n  name: cost\n  model: lenet\n"
        "  data: {dir: /usr/share/datasets/fashion-mnist, samples: 60000}\n  epochs: 10\n  batch: 64\n"
        "  sync: {strategy: ama, every: 32, encoding: int8}\n"
        "plan: {samples_per_s: 1700, deadline: 24s, budget: 4}\n"
        "regions:\n"
        "  - {name: a, data_share: 2, offers: [{name: core, count: 12, price_per_s: 0.01}]}\n"
        "  - {name: b, data_share: 1, offers: [{name: core, count: 12, price_per_s: 0.01}]}\n"
        "links:\n  - {between: [a, b], rate: 100Mbit, rtt: 30ms, price_per_gb: 0.02}\n";
    temp_t temp;
    char path[TEMP_PATH_MAX];
    temp_init(&temp);
    host_prepare();
    FILE *file = fopen(temp_path(&temp, "job.yaml", path), "w");
    cr_assert_not_null(file);
    cr_assert(fputs(text, file) >= 0 && fclose(file) == 0);
    s_compare(&temp, path, 0);
    int status;
    json_value_t *fastest = s_simulate(&temp, path, "fastest", &status);
    const json_value_t *regions = json_get(fastest, "regions");
    cr_assert_eq(json_get_u64(json_get(json_at(regions, 0), "units"), "core", 0), 12);
    cr_assert_eq(json_get_u64(json_get(json_at(regions, 1), "units"), "core", 0), 6);
    json_destroy(&fastest);
    temp_fini(&temp);
}
