#include "deploy/cli/beside.h"

#include "codec/base/units.h"
#include "deploy/simulate/predict.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MEASURE_US 1000000

err_code_t beside_prepare(beside_t *self, const char *strategy, const char *path, const char *const *sets,
                          size_t set_count, const char *seed, err_t *err)
{
    *self = (beside_t){.strategy = strategy};
    launch_init(&self->launch);
    if (!strategy)
        return ERR_OK;
    char sync[64];
    snprintf(sync, sizeof sync, "job.sync={strategy: %.32s}", strategy);
    const char **with = calloc(set_count + 1, sizeof *with);
    CHECK(with);
    for (size_t i = 0; i < set_count; i++)
        with[i] = sets[i];
    with[set_count] = sync; /* behind the others: it replaces what they say of it */
    err_code_t rc = launch_read(&self->launch, path, with, set_count + 1, seed, err);
    free(with);
    return rc ? err_prefix(err, rc, "--beside %s", strategy) : ERR_OK;
}

static err_code_t s_predict(beside_t *self, prediction_t *ret_prediction, err_t *err)
{
    const topology_t *topology = self->launch.topology;
    predict_spec_t spec = {.topology = topology,
                           .machine_cores = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN),
                           .limit_us = INT64_MAX,
                           .seed = topology->job.seed};
    uint64_t workers = 0;
    for (size_t r = 0; r < topology->region_count; r++)
        workers += topology->regions[r].workers;
    err_code_t rc = launch_try_dataset(&self->launch, err);
    if (!rc)
        rc = pace_measure(topology, workers && workers < spec.machine_cores ? workers : spec.machine_cores,
                          MEASURE_US, &spec.pace, err);
    spec.samples = self->launch.job.samples;
    spec.tests = self->launch.facts.tests;
    return rc ? rc : predict_run(&spec, ret_prediction, err);
}

void beside_print(beside_t *self)
{
    if (!self->strategy)
        return;
    err_t err = {0};
    char took[UNITS_TEXT_MAX], sent[UNITS_TEXT_MAX];
    prediction_t *prediction = calloc(1, sizeof *prediction);
    CHECK(prediction);
    if (s_predict(self, prediction, &err))
        printf("  %s beside it cannot be simulated: %s\n", self->strategy, err.text);
    else
        printf("  %s would have taken %s, with %s over the WAN (simulated)\n", self->strategy,
               units_print_duration((int64_t)(prediction->run_s * 1e6), took),
               units_print_size(prediction->total.sent_bytes, sent));
    free(prediction);
}

void beside_fini(beside_t *self)
{
    launch_fini(&self->launch);
}
