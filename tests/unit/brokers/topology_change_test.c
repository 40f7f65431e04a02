#include "brokers/topology.h"

#include <criterion/criterion.h>
#include <string.h>

static const char s_text[] =
    "job: {name: t, model: lenet, data: {dir: /data}}\n"
    "plan: {objective: match, apply: true}\n"
    "regions:\n"
    "  - {name: a, data_share: 2, offers: [{name: x, count: 3, price_per_s: 1}, {name: y, price_per_s: 2}]}\n"
    "  - {name: b, data_share: 1, offers: [{name: x, price_per_s: 1}]}\n"
    "  - {name: c, data_share: 1, offers: [{name: x, price_per_s: 1}]}\n"
    "links: [{between: [a, b], rate: 1Mbit}, {between: [b, c], rate: 1Mbit}]\n";

static topology_t *s_parse(const char *set)
{
    topology_t *topology = NULL;
    err_t err = {0};
    cr_assert_eq(topology_parse("t.yaml", s_text, strlen(s_text), &set, set ? 1 : 0, &topology, &err), ERR_OK,
                 "%s", err.text);
    return topology;
}

static err_code_t s_change(const char *set, err_t *err)
{
    topology_t *before = s_parse(NULL), *after = s_parse(set);
    err_code_t rc = topology_may_become(before, after, err);
    topology_destroy(&before);
    topology_destroy(&after);
    return rc;
}

Test(topology_change, what_plans_are_made_of_may_change)
{
    static const char *const sets[] = {"regions[0].offers[1].price_per_s=7",
                                       "regions[0].offers[0].count=9",
                                       "links[1].rate=5Mbit",
                                       "links[0].rtt=80ms",
                                       "links[0].price_per_gb=0.5",
                                       NULL};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        err_t err = {0};
        cr_assert_eq(s_change(sets[i], &err), ERR_OK, "%s: %s", sets[i], err.text);
    }
}

Test(topology_change, anything_else_is_named)
{
    static const struct {
        const char *set, *key;
    } rows[] = {
        {"job.epochs=9", "job.epochs"},
        {"job.sync.every=auto", "job.sync.every"},
        {"plan.objective=fastest", "plan.objective"},
        {"plan.emulate=0.5", "plan.emulate"},
        {"checkpoint.every=7", "checkpoint.every"},
        {"regions[1].data_share=5", "regions[1].data_share"},
        {"regions[0].offers[1].power=0.5", "regions[0].offers[1].power"},
        {"regions[0].offers[1].cores=4", "regions[0].offers[1].cores"},
        {"regions[0].offers[1].name=z", "regions[0].offers[1].name"},
        {"links[0].between=[b, a]", "links[0].between"},
        {"links[1].emulate=true", "links[1].emulate"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        err_t err = {0};
        size_t length = strlen(rows[i].key);
        cr_assert_eq(s_change(rows[i].set, &err), ERR_CONFIG, "%s", rows[i].set);
        cr_assert_eq(strncmp(err.text, rows[i].key, length), 0, "%s: %s", rows[i].set, err.text);
        cr_assert_eq(strncmp(err.text + length, ": may not change while the job runs; ", 37), 0, "%s",
                     err.text);
        cr_assert_null(strchr(err.text, '\n'));
    }
}

Test(topology_change, a_list_that_is_longer_is_named)
{
    static const char longer[] =
        "job: {name: t, model: lenet, data: {dir: /data}}\n"
        "plan: {objective: match, apply: true}\n"
        "regions:\n"
        "  - {name: a, data_share: 2, offers: [{name: x, count: 3, price_per_s: 1}]}\n"
        "  - {name: b, data_share: 1, offers: [{name: x, price_per_s: 1}]}\n"
        "  - {name: c, data_share: 1, offers: [{name: x, price_per_s: 1}]}\n"
        "links: [{between: [a, b], rate: 1Mbit}, {between: [b, c], rate: 1Mbit}]\n";
    topology_t *before = s_parse(NULL), *after = NULL;
    err_t err = {0};
    cr_assert_eq(topology_parse("t.yaml", longer, strlen(longer), NULL, 0, &after, &err), ERR_OK, "%s",
                 err.text);
    cr_assert_eq(topology_may_become(before, after, &err), ERR_CONFIG);
    cr_assert_eq(strncmp(err.text, "regions[0].offers: ", 19), 0, "%s", err.text);
    topology_destroy(&before);
    topology_destroy(&after);
}

Test(topology_change, rented_by_plan_workers_are_as_many_as_cores)
{
    topology_t *topology = s_parse("regions[0].workers=7");
    for (size_t r = 0; r < topology->region_count; r++)
        cr_assert_eq(topology->regions[r].workers, 0);
    topology_destroy(&topology);
}

/* ---- what a job that was stopped may go on with ---- */

static err_code_t s_carry(const char *set, topology_carried_t *rows, size_t *count, err_t *err)
{
    topology_t *before = s_parse(NULL), *after = s_parse(set);
    err_code_t rc = topology_carry(before, after, rows, count, err);
    topology_destroy(&before);
    topology_destroy(&after);
    return rc;
}

Test(topology_change, a_stopped_job_may_get_other_epochs_and_another_rate)
{
    static const struct {
        const char *set, *key, *to;
    } rows[] = {{"job.epochs=9", "job.epochs", "9"},
                {"job.optimizer.lr=0.5", "job.optimizer.lr", "0.5"},
                {"job.optimizer.momentum=0.5", "job.optimizer.momentum", "0.5"},
                {"job.optimizer.schedule=constant", "job.optimizer.schedule", "constant"},
                {"job.optimizer.warmup=10%", "job.optimizer.warmup", "0.1"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        topology_carried_t carried[TOPOLOGY_CARRIED_MAX];
        size_t count = 0;
        err_t err = {0};
        cr_assert_eq(s_carry(rows[i].set, carried, &count, &err), ERR_OK, "%s: %s", rows[i].set, err.text);
        cr_assert_eq(count, 1);
        cr_expect_str_eq(carried[0].key, rows[i].key);
        cr_expect_str_eq(carried[0].to, rows[i].to);
        cr_expect_str_neq(carried[0].from, carried[0].to);
    }
}

Test(topology_change, a_stopped_job_may_get_nothing_else_and_the_key_is_named)
{
    static const char *const sets[] = {"job.batch=9", "job.model=mlp", "job.optimizer.name=sgd",
                                       "job.sync.every=4", "regions[0].data_share=7"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        topology_carried_t carried[TOPOLOGY_CARRIED_MAX];
        size_t count = 0, length = strcspn(sets[i], "=");
        err_t err = {0};
        cr_assert_eq(s_carry(sets[i], carried, &count, &err), ERR_JOB, "%s", sets[i]);
        cr_expect_eq(strncmp(err.text, sets[i], length), 0, "%s", err.text);
        cr_expect_not_null(strstr(err.text, ", not "), "%s", err.text);
    }
}

Test(topology_change, what_is_compared_by_its_number_alone_is_no_change_to_go_on_with)
{
    topology_t *before = s_parse(NULL), *after = s_parse(NULL);
    before->job.sync.inside = after->job.sync.inside = INSIDE_SYNC;
    topology_carried_t carried[TOPOLOGY_CARRIED_MAX];
    size_t count = 0;
    err_t err = {0};
    after->regions[1].workers++;
    cr_assert_eq(topology_carry(before, after, carried, &count, &err), ERR_JOB);
    after->regions[1].workers--;
    cr_assert_eq(topology_carry(before, after, carried, &count, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(count, 0);
    topology_destroy(&before);
    topology_destroy(&after);
}
