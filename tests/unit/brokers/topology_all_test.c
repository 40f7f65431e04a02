/* All mistakes of a topology are told by one call, and nothing that only follows from them. */
#include "brokers/topology_all.h"
#include "brokers/topology_idle.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static mistakes_t *s_read(const char *text, const char *const *sets, size_t count, err_code_t expected)
{
    mistakes_t *mistakes = mistakes_new();
    topology_t *topology = NULL;
    err_t err = {0};
    cr_assert_eq(topology_parse_all("t.yaml", text, strlen(text), sets, count, mistakes, &topology, &err),
                 expected, "%s", err.text);
    cr_assert_not_null(topology);
    topology_destroy(&topology);
    return mistakes;
}

static void s_check(mistakes_t *mistakes, const char *const *expected, size_t count)
{
    size_t told = 0;
    for (size_t i = 0; i < mistakes->count; i++)
        if (mistakes->rows[i].text[0]) {
            cr_assert_lt(told, count, "too many: %s", mistakes->rows[i].text);
            cr_expect_eq(strncmp(mistakes->rows[i].text, expected[told], strlen(expected[told])), 0, "%s",
                         mistakes->rows[i].text);
            told++;
        }
    cr_expect_eq(told, count);
    free(mistakes);
}

Test(topology_all, every_mistake_is_told_and_none_that_follows_from_another)
{
    static const char text[] =
        "job:\n"
        "  name: t\n"
        "  modle: lenet\n"
        "  data: {kind: idx, dir: /nowhere}\n"
        "  epochs: many\n"
        "  sync: {strategy: diloc, overlap: 3, threshold: 5}\n"
        "regions:\n"
        "  - {name: a, data_share: 1, shards: 2, broker: {bind: \"tcp://127.0.0.1:5000\"}}\n"
        "  - {name: b, data_share: -1, broker: {bind: \"tcp://127.0.0.1:5000\"}}\n"
        "links:\n"
        "  - {between: [a, c], rate: fast}\n";
    static const char *const sets[] = {"nonsense", "job.x]=1", "job.seed=x"};
    static const char *const expected[] = {
        "--set nonsense: no KEY=VALUE",
        "--set job.x]=1: the path is not understood",
        "t.yaml:3:3: job.modle: unknown key; write model",
        "t.yaml:5:11: job.epochs: \"many\" is not a whole number",
        "--set job.seed=x: \"x\" is not a whole number",
        "t.yaml:6:20: job.sync.strategy: \"diloc\" is not known here",
        "t.yaml:6:50: job.sync.threshold: \"5\" is too large",
        "t.yaml:9:27: regions[1].data_share: \"-1\" is not a number",
        "t.yaml:11:29: links[0].rate: \"fast\" is not a rate",
        "t.yaml:9:5: regions[1].shards: differs from a, which has 2",
        "t.yaml:9:46: regions[1].broker.bind: a listens there already",
        "t.yaml:11:19: links[0].between[1]: no region has the name \"c\"",
    };
    s_check(s_read(text, sets, 3, ERR_CONFIG), expected, sizeof expected / sizeof *expected);
}

static const char s_right[] = "job: {name: t, model: lenet, data: {dir: /data}}\n"
                              "regions:\n"
                              "  - {name: a, data_share: 1}\n"
                              "  - {name: b, data_share: 1}\n"
                              "links:\n"
                              "  - {between: [a, b]}\n";

Test(topology_all, relations_are_told_beside_each_other)
{
    static const char *const sets[] = {"job.sync.overlap=2", "checkpoint.durability=replica",
                                       "checkpoint.elsewhere=true", "regions[b].name=A"};
    static const char *const expected[] = {
        "--set job.sync.overlap=2: only rounds of diloco",
        "--set regions[b].name=A: regions[1].name: differs from a in small and large letters",
        "--set checkpoint.durability=replica: replica needs copies",
        "--set checkpoint.elsewhere=true: says where one of the copies lies",
    };
    mistakes_t *mistakes = s_read(s_right, sets, 4, ERR_CONFIG);
    size_t told = mistakes->told;
    cr_expect_eq(told, 4, "a region whose name is wrong is not missed by links");
    s_check(mistakes, expected, 4);
}

Test(topology_all, more_mistakes_than_there_is_room_for_are_counted)
{
    mistakes_t *mistakes = mistakes_new();
    for (int i = 0; i < MISTAKES_MAX + 3; i++)
        mistakes_add(mistakes, "a.b", "x");
    cr_expect_eq(mistakes->told, MISTAKES_MAX);
    cr_expect_eq(mistakes->more, 3);
    cr_expect(mistakes_touch(mistakes, "a") && mistakes_touch(mistakes, "a.b[0].c"));
    cr_expect_not(mistakes_touch(mistakes, "a.bc"));
    mistakes_add(mistakes, "a.b", "x");
    free(mistakes);
    mistakes = mistakes_new();
    mistakes_add(mistakes, "r[12].name", "x");
    cr_expect(mistakes_touch_any(mistakes, "other|r[].name"));
    cr_expect_not(mistakes_touch_any(mistakes, "r[1].name|r[12].names|"));
    free(mistakes);
}

static const char s_alone[] = "job: {name: t, model: ledger, data: {kind: counter, samples: 100}}\n"
                              "regions:\n"
                              "  - {name: a, data_share: 1}\n";
static const char s_offered[] = "job: {name: t, model: lenet, data: {dir: /data}}\n"
                                "regions:\n"
                                "  - {name: a, data_share: 1, offers: [{name: c, count: 1}]}\n"
                                "  - {name: b, data_share: 1, offers: [{name: c, count: 1}]}\n"
                                "links:\n"
                                "  - {between: [a, b]}\n";

/* A file and what is set in it, or nothing, before the key is. */
typedef struct {
    const char *text, *with;
} setting_t;

/* A key, a value that is not its default, where that comes to nothing, and where it counts. */
static const struct {
    const char *key, *value;
    setting_t idle, counts;
} s_idle[] = {
    {"job.data.dir", "/x", {s_alone, NULL}, {s_right, NULL}},
    {"job.data.split", "label", {s_alone, NULL}, {s_right, NULL}},
    {"job.data.alpha", "2", {s_right, NULL}, {s_right, "job.data.split=dirichlet"}},
    {"job.data.test", "a", {s_alone, NULL}, {s_right, NULL}},
    {"job.data.columns.label", "liked", {s_right, NULL}, {s_right, "job.data.kind=table"}},
    {"job.data.columns.categorical", "user", {s_right, NULL}, {s_right, "job.data.kind=table"}},
    {"job.data.columns.numeric", "year", {s_right, NULL}, {s_right, "job.data.kind=table"}},
    {"job.data.columns.hash", "1000", {s_right, NULL}, {s_right, "job.data.kind=table"}},
    {"job.data.augment.shift", "2", {s_alone, NULL}, {s_right, NULL}},
    {"job.data.augment.flip", "true", {s_alone, NULL}, {s_right, NULL}},
    {"job.sync.every_least", "2", {s_right, NULL}, {s_right, "job.sync.every=auto"}},
    {"job.sync.every_most", "20", {s_right, NULL}, {s_right, "job.sync.every=auto"}},
    {"job.sync.outer_lr", "0.5", {s_right, NULL}, {s_right, "job.sync.strategy=diloco"}},
    {"job.sync.outer_momentum", "0.5", {s_right, NULL}, {s_right, "job.sync.strategy=diloco-async"}},
    {"job.sync.threshold", "5%", {s_right, NULL}, {s_right, "job.sync.strategy=asp"}},
    {"job.sync.encoding", "int8", {s_alone, NULL}, {s_right, NULL}},
    {"job.sync.window", "1MiB", {s_alone, NULL}, {s_right, NULL}},
    {"job.optimizer.milestones", "[10]", {s_right, NULL}, {s_right, "job.optimizer.schedule=steps"}},
    {"job.optimizer.factor", "0.5", {s_right, NULL}, {s_right, "job.optimizer.schedule=steps"}},
    {"job.sync.topk_ratio", "5%", {s_right, NULL}, {s_right, "job.sync.encoding=topk"}},
    {"job.sync.topk_values", "int8", {s_right, NULL}, {s_right, "job.sync.encoding=topk"}},
    {"job.sync.staleness", "3", {s_right, "job.sync.strategy=sma"}, {s_right, NULL}},
    {"job.sync.quorum", "0.5", {s_right, NULL}, {s_right, "job.sync.strategy=sma"}},
    {"job.sync.grace",
     "1s",
     {s_right, "job.sync.strategy=sma"},
     {s_right, "job.sync={strategy: sma, quorum: 0.5}"}},
    {"checkpoint.when_full", "go_on", {s_alone, NULL}, {s_right, NULL}},
    {"checkpoint.wan_share", "0.5", {s_right, NULL}, {s_right, "checkpoint={replicas: 1, elsewhere: true}"}},
    {"plan.deadline", "3s", {s_right, NULL}, {s_right, "plan.objective=deadline"}},
    {"plan.budget", "3", {s_right, NULL}, {s_right, "plan.objective=budget"}},
    {"plan.rent", "/bin/rent", {s_offered, NULL}, {s_offered, "plan.apply=true"}},
    {"plan.rent_patience", "3s", {s_offered, NULL}, {s_offered, "plan.apply=true"}},
};

static void s_expect_notes(const setting_t *where, const char *set, const char *key, bool idle)
{
    const char *sets[2] = {where->with ? where->with : set, set};
    mistakes_t *mistakes = s_read(where->text, sets, where->with ? 2 : 1, ERR_OK);
    cr_expect_eq(mistakes->note_count, idle ? 1 : 0, "%s with %s: %s", set, where->with, mistakes->notes[0]);
    char text[MISTAKES_KEY_MAX];
    snprintf(text, sizeof text, "%s: does nothing in this job", key);
    cr_expect(!idle || strstr(mistakes->notes[0], text), "%s", mistakes->notes[0]);
    free(mistakes);
}

Test(topology_all, every_key_that_does_nothing_in_this_job_is_told)
{
    for (size_t i = 0; i < sizeof s_idle / sizeof *s_idle; i++) {
        char set[64];
        snprintf(set, sizeof set, "%s=%s", s_idle[i].key, s_idle[i].value);
        s_expect_notes(&s_idle[i].idle, set, s_idle[i].key, true);
        s_expect_notes(&s_idle[i].counts, set, s_idle[i].key, false);
    }
}

Test(topology_all, every_key_that_may_do_nothing_has_a_case)
{
    for (size_t row = 0; topology_idle_key(row); row++) {
        bool has = false;
        for (size_t i = 0; i < sizeof s_idle / sizeof *s_idle; i++)
            has = has || !strcmp(s_idle[i].key, topology_idle_key(row));
        cr_expect(has, "%s has no case", topology_idle_key(row));
    }
}

Test(topology_all, data_of_a_region_do_nothing_where_all_have_one_copy)
{
    static const char *const sets[] = {"regions[a].data.samples=1", "regions[b].data.samples=1",
                                       "job.data.split=own"};
    mistakes_t *mistakes = s_read(s_right, sets, 2, ERR_OK);
    cr_expect_eq(mistakes->note_count, 2);
    cr_expect(strstr(mistakes->notes[0], "regions[0].data: does nothing in this job"), "%s",
              mistakes->notes[0]);
    free(mistakes);
    mistakes = s_read(s_offered, sets, 3, ERR_OK);
    cr_expect_eq(mistakes->note_count, 0);
    free(mistakes);
}

Test(topology_all, a_number_of_workers_does_nothing_where_machines_are_rented)
{
    static const char *const sets[] = {"plan.apply=true", "regions[a].workers=2", "regions[b].workers=auto"};
    mistakes_t *mistakes = s_read(s_offered, sets, 3, ERR_OK);
    cr_expect_eq(mistakes->note_count, 1);
    cr_expect(strstr(mistakes->notes[0], "regions[0].workers: does nothing in this job: plan.apply"), "%s",
              mistakes->notes[0]);
    free(mistakes);
    mistakes = s_read(s_offered, sets + 1, 1, ERR_OK);
    cr_expect_eq(mistakes->note_count, 0);
    free(mistakes);
}

/* As README has it: whatever sums what crosses takes a part of it; a model, and what chooses for itself,
 * does not. */
Test(topology_all, every_strategy_takes_every_encoding_but_for_parts_of_a_model_and_parts_of_parts)
{
    static const char *const strategies[] = {"asgd", "asgd-ga", "ama",          "sma",
                                             "ssgd", "diloco",  "diloco-async", "asp"};
    static const char *const encodings[] = {"none", "fp16", "bf16", "int8", "int4", "topk"};
    for (size_t s = 0; s < sizeof strategies / sizeof *strategies; s++)
        for (size_t e = 0; e < sizeof encodings / sizeof *encodings; e++) {
            char strategy[64], encoding[64];
            snprintf(strategy, sizeof strategy, "job.sync.strategy=%s", strategies[s]);
            snprintf(encoding, sizeof encoding, "job.sync.encoding=%s", encodings[e]);
            const char *const sets[] = {strategy, encoding};
            bool refused = !strcmp(encodings[e], "topk") && (s == 2 || s == 3 || s == 7);
            mistakes_t *mistakes = s_read(s_right, sets, 2, refused ? ERR_CONFIG : ERR_OK);
            free(mistakes);
        }
}

Test(topology_all, copies_and_brokers_that_lead_nowhere_are_told)
{
    static const char *const copies[] = {"checkpoint.replicas=1"};
    mistakes_t *mistakes = s_read(s_right, copies, 1, ERR_OK);
    cr_expect_str_eq(
        mistakes->notes[0],
        "--set checkpoint.replicas=1: checkpoint.replicas: 1 copies need as many other nodes, and with "
        "`up` a has 0; write less, or start nodes on other machines");
    free(mistakes);
    static const char *const fixed[] = {"security=none", "regions[a].broker.bind=tcp://10.0.0.1:5000",
                                        "regions[a].broker.advertise=tcp://10.0.0.1:5000"};
    mistakes = s_read(s_right, fixed, 2, ERR_OK);
    cr_expect_eq(mistakes->note_count, 1);
    cr_expect(strstr(mistakes->notes[0], "nobody on another machine is told to dial it"), "%s",
              mistakes->notes[0]);
    free(mistakes);
    mistakes = s_read(s_right, fixed, 3, ERR_OK);
    cr_expect_eq(mistakes->note_count, 0);
    free(mistakes);
}
