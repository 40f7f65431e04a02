/* Topologies that are right: defaults, --set, printing and reading back, digest, schema. */
#include "brokers/topology.h"
#include "codec/compress/encoding.h"
#include "brokers/topology_field.h"
#include "brokers/topology_value.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char s_small[] = "job: {name: t, model: lenet, data: {dir: /data}}\n"
                              "regions: [{name: a, data_share: 2}, {name: b, data_share: 1}]\n"
                              "links: [{between: [b, a]}]\n";

static topology_t *s_parse(const char *text, const char *const *sets, size_t set_count)
{
    topology_t *topology = NULL;
    err_t err = {0};
    err_code_t code = topology_parse("t.yaml", text, strlen(text), sets, set_count, &topology, &err);
    cr_assert_eq(code, ERR_OK, "%s", err.text);
    return topology;
}

static topology_t *s_set(const char *set)
{
    return s_parse(s_small, &set, 1);
}

static char *s_print(const topology_t *topology)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    topology_print(topology, out);
    fclose(out);
    return text;
}

static char *s_print_default(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    topology_print_default(out);
    fclose(out);
    return text;
}

/* A printed topology reads back to the same bytes, and prints the same again. */
static void s_check_round_trip(topology_t *topology, const char *what)
{
    char *text = s_print(topology);
    topology_t *back = s_parse(text, NULL, 0);
    char *again = s_print(back);
    cr_assert_str_eq(again, text, "%s", what);
    cr_assert(memcmp(topology, back, sizeof *back) == 0, "%s: %s", what, text);
    free(text);
    free(again);
    topology_destroy(&back);
    topology_destroy(&topology);
}

/* The regions' samples say how much there is: nobody needs a file to know it. */
Test(topology, of_data_that_regions_own_the_whole_is_known)
{
    static const char text[] = "job: {name: t, model: lenet, data: {dir: /all, split: own, test: b}}\n"
                               "regions:\n"
                               "  - {name: a, data: {dir: /a, samples: 300}}\n"
                               "  - {name: b, data: {samples: 100}}\n"
                               "links: [{between: [a, b]}]\n";
    topology_t *t = s_parse(text, NULL, 0);
    cr_assert_eq(t->job.data.samples, 400);
    cr_assert(t->regions[0].data_share == 300 && t->regions[1].data_share == 100);
    cr_assert_str_eq(topology_data_dir(t, 0), "/a");
    cr_assert_str_eq(topology_data_dir(t, 1), "/all");
    cr_assert(!topology_tests(t, 0) && topology_tests(t, 1));
    s_check_round_trip(t, "own");
    topology_t *wrong = NULL;
    err_t err;
    cr_assert_eq(
        topology_parse("t", text, strlen(text), (const char *[]){"job.data.samples=399"}, 1, &wrong, &err),
        ERR_CONFIG);
    cr_assert(strstr(err.text, "the 400 samples of all regions"), "%s", err.text);
    cr_assert_eq(
        topology_parse("t", text, strlen(text), (const char *[]){"regions[a].data_share=3"}, 1, &wrong, &err),
        ERR_CONFIG);
    cr_assert(strstr(err.text, "is the 300 samples that it has"), "%s", err.text);
}

Test(topology, what_is_left_out_has_its_default)
{
    topology_t *t = s_parse(s_small, NULL, 0);
    cr_assert_str_eq(t->job.data.kind, "idx");
    cr_assert(t->job.data.split == SPLIT_SHARE && !strcmp(t->job.data.test, "all"));
    cr_assert(topology_tests(t, 0) && topology_tests(t, 1));
    cr_assert_eq(t->job.epochs, 1);
    cr_assert_eq(t->job.batch, 64);
    cr_assert_eq(t->job.seed, 1);
    cr_assert(t->job.optimizer.name == OPTIMIZER_MOMENTUM && t->job.optimizer.schedule == SCHEDULE_LINEAR);
    cr_assert(t->job.optimizer.lr == 0.01 && t->job.optimizer.momentum == 0.9);
    cr_assert_eq(t->job.sync.strategy, STRATEGY_ASGD_GA);
    cr_assert_eq(t->job.sync.every, 8);
    cr_assert_str_eq(t->job.sync.encoding, "none");
    cr_assert_str_eq(t->job.sync.topk_values, "fp16");
    cr_assert(t->job.sync.topk_ratio == 0.01 && t->job.sync.threshold == 0.01);
    cr_assert_eq(t->job.sync.inside, INSIDE_ASYNC);
    cr_assert_eq(t->job.sync.staleness, 4);
    cr_assert_eq(t->job.sync.window_bytes, 4u << 20);
    cr_assert_eq(t->job.sync.away_after_us, 60000000);
    cr_assert_eq(t->job.sync.grace_us, 10000000);
    cr_assert(t->job.sync.quorum == 1);
    cr_assert(t->job.sync.outer_lr == 0.7 && t->job.sync.outer_momentum == 0.9);
    cr_assert(!(t->job.sync.compensate > 0));
    cr_assert(t->job.sync.every_least == 1 && t->job.sync.every_most == 256);
    cr_assert_eq(t->job.sync.overlap, 0);
    cr_assert_eq(t->checkpoint.every, 32);
    cr_assert_eq(t->checkpoint.keep, 3);
    cr_assert_eq(t->checkpoint.durability, DURABILITY_DISK);
    cr_assert_eq(t->checkpoint.replicas, 0);
    cr_assert_not(t->checkpoint.elsewhere);
    cr_assert(t->checkpoint.wan_share == 0.2);
    cr_assert_eq(t->checkpoint.move_after_us, 30000000);
    cr_assert(!t->security_given);
    cr_assert_eq(t->region_count, 2);
    cr_assert_eq(t->regions[1].workers, 1);
    cr_assert_eq(t->regions[1].shards, 1);
    cr_assert_str_eq(t->regions[1].bind, "tcp://127.0.0.1:*");
    cr_assert_str_eq(t->regions[1].advertise, "");
    cr_assert_eq(t->regions[1].offer_count, 0);
    cr_assert_eq(t->link_count, 1);
    cr_assert_eq(t->links[0].between[0], 1);
    cr_assert_eq(t->links[0].between[1], 0);
    cr_assert_eq(t->links[0].rate_bytes_per_s, 0);
    cr_assert_eq(t->links[0].connections, 0, "auto");
    cr_assert_str_eq(t->links[0].congestion, "bbr");
    cr_assert(!t->links[0].emulate);
    topology_destroy(&t);
    cr_assert_null(t);
}

Test(topology, every_encoding_can_be_chosen_and_is_in_the_digest)
{
    char digests[8][17];
    size_t count = 0;
    for (; encoding_at(count); count++) {
        char set[64];
        const char *sets[] = {set};
        snprintf(set, sizeof set, "job.sync.encoding=%s", encoding_at(count)->name);
        topology_t *t = s_parse(s_small, sets, 1);
        cr_assert_str_eq(t->job.sync.encoding, encoding_at(count)->name);
        topology_digest(t, digests[count]);
        for (size_t i = 0; i < count; i++)
            cr_assert_str_neq(digests[i], digests[count]);
        s_check_round_trip(t, set);
    }
    const char *others[][1] = {
        {"job.sync.topk_ratio=0.02"}, {"job.sync.topk_values=int8"}, {"job.sync.topk_values=int4"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        topology_t *t = s_parse(s_small, others[i], 1);
        topology_digest(t, digests[count]);
        cr_assert_str_neq(digests[count], digests[0]);
        topology_destroy(&t);
    }
}

Test(topology, the_shipped_ones_are_right)
{
    static const char *const names[] = {"two-regions", "ledger", "one-room"};
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/deploy/topologies/%s.yaml", SOURCE_DIR, names[i]);
        topology_t *t = NULL;
        err_t err = {0};
        cr_assert_eq(topology_read(path, NULL, 0, &t, &err), ERR_OK, "%s", err.text);
        s_check_round_trip(t, names[i]);
    }
}

Test(topology, two_regions_is_what_the_demo_promises)
{
    topology_t *t = NULL;
    cr_assert_eq(topology_read(SOURCE_DIR "/deploy/topologies/two-regions.yaml", NULL, 0, &t, NULL), ERR_OK);
    cr_assert_str_eq(t->job.model.name, "lenet");
    cr_assert_eq(topology_region_index(t, "shanghai"), 0);
    cr_assert_eq(topology_region_index(t, "chongqing"), 1);
    cr_assert_eq(topology_region_index(t, "beijing"), SIZE_MAX);
    cr_assert(t->regions[0].data_share == 2 && t->regions[1].data_share == 1);
    cr_assert_eq(t->regions[0].workers, 2);
    const topology_link_t *link = topology_link(t, 1, 0);
    cr_assert_eq(link, &t->links[0]);
    cr_assert_eq(link->rate_bytes_per_s, 12500000);
    cr_assert_eq(link->rtt_us, 30000);
    cr_assert(link->emulate);
    cr_assert_null(topology_link(t, 0, 0));
    topology_destroy(&t);
}

Test(topology, a_file_that_is_not_there_is_not_found)
{
    topology_t *t = NULL;
    err_t err = {0};
    cr_assert_eq(topology_read("/no/such/t.yaml", NULL, 0, &t, &err), ERR_NOT_FOUND);
    cr_assert_str_eq(err.text,
                     "/no/such/t.yaml: No such file or directory; write the path of a topology file");
    cr_assert_eq(topology_read("/", NULL, 0, &t, &err), ERR_CONFIG);
    cr_assert_str_eq(err.text, "/: Is a directory; write the path of a topology file");
    cr_assert_null(t);
}

/* -- other ways to write ----------------------------------------------------------------------------------
 */

Test(topology, consistency_inside_is_a_word_a_text_or_a_map)
{
    static const struct {
        const char *set;
        inside_t inside;
        uint64_t slack;
    } cases[] = {
        {"job.sync.inside=sync", INSIDE_SYNC, 0},
        {"job.sync.inside=async", INSIDE_ASYNC, 0},
        {"job.sync.inside=ssp: 4", INSIDE_SSP, 4},
        {"job.sync.inside=ssp:12", INSIDE_SSP, 12},
        {"job.sync.inside=\"ssp: 4\"", INSIDE_SSP, 4},
        {"job.sync.inside={ssp: 1000000}", INSIDE_SSP, 1000000},
        {"job.sync={inside: {ssp: 3}}", INSIDE_SSP, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        topology_t *t = s_set(cases[i].set);
        cr_assert_eq(t->job.sync.inside, cases[i].inside, "%s", cases[i].set);
        cr_assert_eq(t->job.sync.inside_slack, cases[i].slack, "%s", cases[i].set);
        s_check_round_trip(t, cases[i].set);
    }
}

Test(topology, defaults_follow_strategy_and_optimizer)
{
    topology_t *t = s_set("job.sync.strategy=asgd");
    cr_assert_eq(t->job.sync.every, 1);
    s_check_round_trip(t, "asgd");
    t = s_set("job.sync.strategy=ssgd");
    cr_assert_eq(t->job.sync.every, 1);
    s_check_round_trip(t, "ssgd");
    t = s_set("job.sync.every=auto");
    cr_assert_eq(t->job.sync.every, 0);
    s_check_round_trip(t, "auto");
    t = s_set("job.sync.strategy=diloco-async");
    cr_assert_eq(t->job.sync.strategy, STRATEGY_DILOCO_ASYNC);
    s_check_round_trip(t, "diloco-async");
    t = s_set("job.sync.strategy=asp");
    cr_assert(t->job.sync.strategy == STRATEGY_ASP && t->job.sync.every == 8);
    s_check_round_trip(t, "asp");
    t = s_set("job.sync.compensate=0.04");
    cr_assert(t->job.sync.compensate == 0.04);
    s_check_round_trip(t, "compensate");
    t = s_set("job.sync.strategy=ama");
    cr_assert_eq(t->job.sync.every, 8);
    s_check_round_trip(t, "ama");
    t = s_set("job.optimizer.name=sgd");
    cr_assert(t->job.optimizer.name == OPTIMIZER_SGD && t->job.optimizer.momentum == 0);
    s_check_round_trip(t, "sgd");
    t = s_parse(s_small, (const char *[]){"job.optimizer.name=sgd", "job.optimizer.momentum=0.8"}, 2);
    cr_assert(t->job.optimizer.name == OPTIMIZER_MOMENTUM && t->job.optimizer.momentum > 0.7);
    s_check_round_trip(t, "sgd with a momentum");
    t = s_parse(s_small,
                (const char *[]){"job.optimizer.schedule=steps", "job.optimizer.milestones=[30, 75]"}, 2);
    cr_assert(t->job.optimizer.milestone_count == 2 && t->job.optimizer.milestones[1] == 75);
    s_check_round_trip(t, "steps");
    t = s_set("job.optimizer.schedule=steps");
    cr_assert(t->job.optimizer.milestone_count == 2 && t->job.optimizer.milestones[0] == 50);
    s_check_round_trip(t, "steps of its own");
    t = s_set("job.optimizer.name=adamw");
    cr_assert(t->job.optimizer.weight_decay > 0.009 && t->job.optimizer.lr < 0.0011);
    s_check_round_trip(t, "adamw");
    t = s_set("job.optimizer.name=adam");
    cr_assert(t->job.optimizer.lr == 0.001 && t->job.optimizer.momentum == 0.9);
    s_check_round_trip(t, "adam");
    t = s_parse(s_small, (const char *[]){"job.optimizer.name=adam", "job.optimizer.lr=0.01"}, 2);
    cr_assert(t->job.optimizer.lr == 0.01, "what is written holds");
    topology_destroy(&t);
}

Test(topology, extremes_read_and_print)
{
    static const char *const sets[] = {
        "job.seed=18446744073709551615",
        "job.optimizer.lr=1e-300",
        "job.optimizer.momentum=0.9999999999999999",
        "job.sync.window=1025B",
        "job.sync.away_after=100001us",
        "job.sync.quorum=33.3%",
        "links[0].rate=8bit",
        "links[0].loss=0.1%",
        "links[0].jitter=1500us",
        "links[0].rate=1.5MB/s",
        "regions[0].data_share=0.1",
        "job.data.dir=\"a \\\"b\\\" \\\\ c: d\"",
        "job.data.dir=données # 1",
        "job.name=no",
        "job.name=007",
        "job.name=_-_",
        "regions[0].broker.bind=tcp://[::1]:5555",
        "links[0].between=[a, b]",
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        topology_t *t = s_set(sets[i]);
        s_check_round_trip(t, sets[i]);
    }
}

Test(topology, a_broker_may_be_reached_from_outside_when_the_file_says_so)
{
    static const char *const sets[] = {"regions[b].broker={bind: tcp://10.0.0.7:7000}", "security=none"};
    topology_t *t = s_parse(s_small, sets, 2);
    cr_assert(t->security_given);
    cr_assert_str_eq(t->regions[1].bind, "tcp://10.0.0.7:7000");
    s_check_round_trip(t, "security: none");
    static const char *const wild[] = {"regions[b].broker.bind=tcp://*:7000",
                                       "regions[b].broker.advertise=tcp://b.example.org:7000",
                                       "security=none"};
    t = s_parse(s_small, wild, 3);
    cr_assert_str_eq(t->regions[1].advertise, "tcp://b.example.org:7000");
    s_check_round_trip(t, "wildcard");
    static const char *const again[] = {
        "regions[b].broker={bind: tcp://127.0.0.1:7000, advertise: tcp://b.example.org:7000}",
        "regions[b].broker.advertise="};
    t = s_parse(s_small, again, 2);
    cr_assert_str_eq(t->regions[1].advertise, "",
                     "and taken back where the whole job goes on on one machine");
    s_check_round_trip(t, "taken back");
    static const char *const loopback[] = {"tcp://127.1.2.3:*", "tcp://localhost:80", "tcp://[::1]:80"};
    for (size_t i = 0; i < 3; i++) {
        char set[64];
        snprintf(set, sizeof set, "regions[0].broker.bind=%s", loopback[i]);
        t = s_set(set);
        topology_destroy(&t);
    }
}

/* -- --set ------------------------------------------------------------------------------------------------
 */

Test(topology, sets_change_and_create)
{
    static const char *const sets[] = {
        "job.epochs=3",
        "regions[0].workers=4",
        "regions[b].workers=2",
        "checkpoint.keep=9",
        "links[0].rate=10Mbit",
        "regions[0].offers[0].name=big",
        "job.epochs=5",
        "regions[a].offers[big].cores=8",
        "regions[0].offers[1]={name: huge, power: 2.5}",
        "regions[2]={name: c, data_share: 1}",
        "links[1].between=[a, c]",
        "links[2]={between: [b, c], rtt: 5ms}",
    };
    topology_t *t = s_parse(s_small, sets, sizeof sets / sizeof *sets);
    cr_assert_eq(t->job.epochs, 5, "the later of two wins");
    cr_assert_eq(t->regions[0].workers, 4);
    cr_assert_eq(t->regions[1].workers, 2);
    cr_assert_eq(t->checkpoint.keep, 9);
    cr_assert_eq(t->links[0].rate_bytes_per_s, 1250000);
    cr_assert_eq(t->regions[0].offer_count, 2);
    cr_assert_eq(t->regions[0].offers[0].cores, 8);
    cr_assert(t->regions[0].offers[1].power == 2.5);
    cr_assert_eq(t->region_count, 3);
    cr_assert_eq(topology_link(t, 2, 1)->rtt_us, 5000);
    s_check_round_trip(t, "sets");
}

Test(topology, snapshots_can_be_kept_by_others)
{
    static const char *const sets[] = {"checkpoint.durability=replica", "checkpoint.replicas=2",
                                       "checkpoint.elsewhere=true", "checkpoint.wan_share=0.5",
                                       "checkpoint.move_after=2s"};
    topology_t *t = s_parse(s_small, sets, 5);
    cr_assert_eq(t->checkpoint.durability, DURABILITY_REPLICA);
    cr_assert_eq(t->checkpoint.replicas, 2);
    cr_assert(t->checkpoint.elsewhere);
    cr_assert(t->checkpoint.wan_share == 0.5);
    cr_assert_eq(t->checkpoint.move_after_us, 2000000);
    s_check_round_trip(t, "replica");
}

/* One row says it for every pair that has none of its own, and is one row again when it is printed. */
Test(topology, a_row_for_all_links_every_pair_without_a_row_of_its_own)
{
    static const char text[] = "job: {name: t, model: lenet, data: {dir: /data}}\n"
                               "regions: [{name: a, data_share: 1}, {name: b, data_share: 1}, {name: c, "
                               "data_share: 1}, {name: d, data_share: 1}]\n"
                               "links:\n  - {between: all, rtt: 40ms}\n  - {between: [c, b], rtt: 5ms}\n";
    topology_t *t = s_parse(text, NULL, 0);
    cr_assert_eq(t->link_count, 6);
    for (size_t a = 0; a < 4; a++)
        for (size_t b = 0; b < 4; b++) {
            const topology_link_t *link = topology_link(t, a, b);
            cr_assert_eq(link != NULL, a != b);
            cr_assert(!link || (link->rtt_us == (a + b == 3 && a && b ? 5000 : 40000) &&
                                link == topology_link(t, b, a)));
        }
    cr_assert_eq(topology_link(t, 1, 2)->between[0], 2, "a row of its own says who listens");
    char *printed = s_print(t);
    const char *first = strstr(printed, "between: all");
    cr_assert(first && !strstr(first + 1, "between: all"), "%s", printed);
    free(printed);
    s_check_round_trip(t, "all");
}

Test(topology, as_many_regions_as_there_may_be_are_all_linked)
{
    char text[16384];
    int n = snprintf(text, sizeof text,
                     "job: {name: t, model: lenet, data: {dir: /data}}\nlinks: [{between: all}]\nregions:\n");
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        n += snprintf(text + n, sizeof text - (size_t)n, "  - {name: r%zu, data_share: 1}\n", r);
    topology_t *t = s_parse(text, NULL, 0);
    cr_assert_eq(t->link_count, TOPOLOGY_LINKS_MAX);
    cr_assert_not_null(topology_link(t, TOPOLOGY_REGIONS_MAX - 1, 0));
    topology_destroy(&t);
}

Test(topology, a_set_gives_a_key_without_a_value_what_it_needs)
{
    static const char *const sets[] = {"checkpoint.every=4", "links[0].between=[a, b]"};
    static const char text[] =
        "job: {name: t, model: lenet, data: {dir: /data}}\nregions: [{name: a, data_share: 2}, "
        "{name: b, data_share: 1}]\nlinks:\ncheckpoint: ~\n";
    topology_t *t = s_parse(text, sets, 2);
    cr_assert_eq(t->checkpoint.every, 4);
    cr_assert_eq(t->link_count, 1);
    topology_destroy(&t);
}

/* -- the table --------------------------------------------------------------------------------------------
 */

Test(table, defaults_and_bounds_of_every_row_are_values_of_its_type)
{
    topology_t *scratch = calloc(1, sizeof *scratch);
    size_t numbers = 0;
    for (size_t i = 0; i < field_count(); i++) {
        const field_t *field = field_at(i);
        bool container = field->type == FIELD_MAP || field->type == FIELD_LIST;
        cr_assert(field->help && *field->help, "%s", field->path);
        if (!container && !field->required)
            value_default(field, scratch); /* aborts when it is wrong */
        if (field->later || field->optional)
            cr_assert(value_is_default(field, scratch), "%s: write its default as it is printed",
                      field->path);
        if (!field->min || field->type == FIELD_INSIDE || field->type == FIELD_WHOLES)
            continue;
        numbers++;
        double min = value_bound(field, field->min), max = value_bound(field, field->max);
        cr_assert_leq(min, max, "%s", field->path);
        char what[VALUE_WHAT_MAX];
        cr_assert_eq(value_parse(field, field->min, false, scratch, what), !field->above, "%s", field->path);
        cr_assert_eq(value_parse(field, field->max, false, scratch, what), !field->below, "%s", field->path);
    }
    cr_assert_gt(numbers, 20);
    free(scratch);
}

/* The reader relies on it: what is missing is blamed on a parent that was written. */
Test(table, what_is_required_is_not_in_a_map_that_may_be_left_out)
{
    size_t maps = 0;
    for (size_t i = 0; i < field_count(); i++) {
        const field_t *map = field_at(i);
        if (map->type != FIELD_MAP || map->required)
            continue;
        maps++;
        for (const field_t *field = field_next(map, NULL); field; field = field_next(map, field))
            cr_assert(!field->required, "%s", field->path);
    }
    cr_assert_gt(maps, 2);
}

Test(topology, the_default_file_has_every_key_and_reads_back)
{
    char *text = s_print_default();
    size_t keys = 0;
    for (size_t i = 0; i < field_count(); i++, keys++) {
        char key[64];
        snprintf(key, sizeof key, "%s:", field_key(field_at(i)));
        cr_assert(strstr(text, key), "no %s in the default file", field_at(i)->path);
        cr_assert(strstr(text, field_at(i)->help), "no help of %s in the default file", field_at(i)->path);
    }
    cr_assert_gt(keys, 50);
    topology_t *t = s_parse(text, NULL, 0);
    cr_assert_eq(t->region_count, 2);
    s_check_round_trip(t, "default");
    free(text);
}

/* Follows a path of the table through the schema. */
static const json_value_t *s_schema_at(const json_value_t *schema, const char *path)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    char *rest = copy;
    for (char *key = strsep(&rest, "."); key && schema; key = strsep(&rest, ".")) {
        char *brackets = strstr(key, "[]");
        if (brackets)
            *brackets = '\0';
        const json_value_t *either = json_get(schema, "anyOf"); /* a word, or a map */
        schema = json_get(json_get(either ? json_at(either, 1) : schema, "properties"), key);
        if (brackets)
            schema = json_get(schema, "items");
    }
    return schema;
}

Test(topology, the_schema_is_json_and_has_every_key)
{
    json_value_t *schema = topology_schema();
    char *text = json_print(schema, false);
    json_destroy(&schema);
    err_t err = {0};
    cr_assert_eq(json_parse(text, strlen(text), &schema, &err), ERR_OK, "%s", err.text);
    for (size_t i = 0; i < field_count(); i++) {
        const json_value_t *at = s_schema_at(schema, field_at(i)->path);
        cr_assert(at, "no %s in the schema", field_at(i)->path);
        cr_assert(strstr(json_get_string(at, "description", ""), field_at(i)->help), "%s", field_at(i)->path);
    }
    cr_assert_null(s_schema_at(schema, "job.epocs"));
    const json_value_t *momentum = s_schema_at(schema, "job.optimizer.momentum");
    cr_assert(json_get_number(momentum, "exclusiveMaximum", 0) == 1);
    cr_assert(json_get_number(momentum, "minimum", -1) == 0);
    cr_assert_eq(json_count(json_get(s_schema_at(schema, "job.sync.strategy"), "enum")), 9);
    cr_assert(json_get(s_schema_at(schema, "job.sync.every"), "anyOf"));
    cr_assert(!json_get_bool(s_schema_at(schema, "job"), "additionalProperties", true));
    free(text);
    json_destroy(&schema);
}

/* -- digest -----------------------------------------------------------------------------------------------
 */

/* States that were stored before a key was there are of the same job still: these digests were made then. */
Test(topology, keys_that_came_later_change_no_digest_of_a_job_that_has_none_of_them)
{
    static const char counting[] =
        "job: {name: t, model: ledger, data: {kind: counter, samples: 7}, epochs: 3, "
        "sync: {strategy: sma, inside: sync}}\n"
        "regions: [{name: a, data_share: 2, workers: 3}, {name: b, data_share: 1}]\n"
        "links: [{between: [a, b]}]\n";
    char digest[17];
    topology_t *small = s_parse(s_small, NULL, 0), *ledger = s_parse(counting, NULL, 0);
    topology_digest(small, digest);
    cr_expect_str_eq(digest, "b93fc2028374906e");
    topology_digest(ledger, digest);
    cr_expect_str_eq(digest, "582bffef7926ac02");
    snprintf(small->job.data.test, sizeof small->job.data.test, "a");
    topology_digest(small, digest);
    cr_expect_str_neq(digest, "b93fc2028374906e");
    topology_destroy(&small), topology_destroy(&ledger);
}

static void s_digest_of(const char *set, char ret_hex[17])
{
    topology_t *t = s_parse(s_small, &set, set ? 1 : 0);
    topology_digest(t, ret_hex);
    topology_destroy(&t);
}

Test(topology, the_digest_is_of_what_must_be_equal_and_of_nothing_else)
{
    static const char *const matters[] = {
        "job.name=u",
        "job.model=mlp",
        "job.seed=2",
        "job.batch=65",
        "job.epochs=2",
        "job.sync.every=9",
        "job.sync.every=auto",
        "job.sync.every_least=2",
        "job.sync.every_most=9",
        "job.sync.outer_lr=1",
        "job.sync.outer_momentum=0",
        "job.sync.threshold=2%",
        "job.sync.compensate=0.04",
        "job.sync.strategy=diloco",
        "job.optimizer.lr=1",
        "job.data.split=label",
        "regions[0].name=c",
        "job.data.samples=9",
        "regions[1].data_share=1.5",
        "job.sync.inside=sync",
    };
    static const char *const does_not[] = {
        "job.data.dir=/elsewhere", "checkpoint.every=7", "regions[0].workers=5",
        "links[0].rtt=1ms",        "security=none",      "regions[0].broker.bind=tcp://127.0.0.1:99",
    };
    char plain[17], other[17];
    s_digest_of(NULL, plain);
    cr_assert_eq(strlen(plain), 16);
    cr_assert_eq(strspn(plain, "0123456789abcdef"), 16);
    for (size_t i = 0; i < sizeof does_not / sizeof *does_not; i++) {
        s_digest_of(does_not[i], other);
        cr_assert_str_eq(other, plain, "%s", does_not[i]);
    }
    for (size_t i = 0; i < sizeof matters / sizeof *matters; i++) {
        if (strstr(matters[i], "name=c")) {
            static const char *const sets[] = {"regions[0].name=c", "links[0].between=[b, c]"};
            topology_t *t = s_parse(s_small, sets, 2);
            topology_digest(t, other);
            topology_destroy(&t);
        } else {
            s_digest_of(matters[i], other);
        }
        cr_assert_str_neq(other, plain, "%s", matters[i]);
    }
}

Test(topology, workers_matter_to_the_digest_where_they_are_in_step)
{
    static const char *const sets[] = {"job.sync.inside=sync", "regions[0].workers=5"};
    char one[17], five[17];
    s_digest_of(sets[0], one);
    topology_t *t = s_parse(s_small, sets, 2);
    topology_digest(t, five);
    cr_assert_str_neq(one, five);
    topology_destroy(&t);
}

Test(topology, the_order_of_keys_does_not_matter_to_the_digest)
{
    static const char turned[] =
        "links: [{between: [b, a]}]\nregions: [{data_share: 2, name: a}, {data_share: 1, name: b}]\n"
        "job: {data: {dir: /data}, model: lenet, name: t}\n";
    char plain[17], other[17];
    s_digest_of(NULL, plain);
    topology_t *t = s_parse(turned, NULL, 0);
    topology_digest(t, other);
    cr_assert_str_eq(plain, other);
    topology_destroy(&t);
}
