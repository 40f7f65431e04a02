#include "brokers/model_spec.h"
#include "brokers/topology.h"

#include <criterion/criterion.h>
#include <string.h>

static topology_t *s_parse(const char *model)
{
    char text[512];
    topology_t *topology = NULL;
    err_t err = {0};
    snprintf(text, sizeof text,
             "job: {name: t, model: %s, data: {dir: /data}}\nregions: [{name: a, data_share: 1}]\n", model);
    cr_assert_eq(topology_parse("t.yaml", text, strlen(text), NULL, 0, &topology, &err), ERR_OK, "%s: %s",
                 model, err.text);
    return topology;
}

static void s_digest_of(const char *model, char ret_hex[17])
{
    topology_t *topology = s_parse(model);
    topology_digest(topology, ret_hex);
    topology_destroy(&topology);
}

Test(model_spec, every_option_that_a_model_takes_is_a_key_of_topologies_and_has_a_value)
{
    for (size_t i = 0; model_row_at(i); i++) {
        const model_row_t *row = model_row_at(i);
        cr_expect_eq(model_row(row->otherwise.name), row);
        cr_expect(row->otherwise.classes > 0 && row->otherwise.input[0] > 0, "%s", row->otherwise.name);
        cr_expect_eq(model_row_takes(row, "hidden"), row->otherwise.hidden_count > 0);
        cr_expect(!model_row_takes(row, "hid") && !model_row_takes(row, "name"));
    }
}

Test(model_spec, what_is_said_stands_and_the_rest_is_filled_in)
{
    model_spec_t spec = {.name = "mlp", .classes = 26};
    model_spec_complete(&spec, &model_row("mlp")->otherwise);
    cr_assert_eq(spec.classes, 26);
    cr_assert(spec.hidden_count == 2 && spec.hidden[0] == 256 && spec.hidden[1] == 128);
    cr_assert(spec.input[0] == 1 && spec.input[1] == 28 && spec.input[2] == 28);
    cr_assert_str_eq(model_spec_of("lenet").name, "lenet");
    cr_assert_str_eq(model_spec_of("a-name-that-is-longer-than-any-name-may-be").name, "");
}

/* Runs that were begun before there were options go on: the digest is that of then, written down. */
Test(model_spec, a_bare_word_a_map_with_a_name_and_what_was_seen_have_the_digest_of_the_word)
{
    char word[17], map[17], seen[17], other[17];
    s_digest_of("lenet", word);
    s_digest_of("{name: lenet, classes: auto}", map);
    cr_assert_str_eq(map, word);
    cr_assert_str_eq(word, "84f2df4f1ffef61e");
    topology_t *topology = s_parse("lenet");
    topology_note_seen(topology, &(model_spec_t){.classes = 26, .input = {3, 32, 32}});
    topology_digest(topology, seen);
    cr_assert_str_eq(seen, word);
    cr_assert(topology->job.model.classes == 26 && topology->job.model.input[0] == 3);
    topology_destroy(&topology);
    static const char *const others[] = {"{name: lenet, classes: 10}", "{name: lenet, input: [1, 28, 28]}",
                                         "{name: mlp, hidden: [5]}", "{name: mlp, hidden: [5, 5]}", "mlp"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        s_digest_of(others[i], other);
        cr_assert_str_neq(other, word, "%s", others[i]);
    }
}

Test(model_spec, what_was_seen_first_stays_and_what_is_said_goes_before_it)
{
    topology_t *topology = s_parse("{name: lenet, classes: 47}");
    topology_note_seen(topology, &(model_spec_t){.classes = 10, .input = {1, 32, 32}});
    topology_note_seen(topology, &(model_spec_t){.classes = 11, .input = {1, 16, 16}});
    cr_assert_eq(topology->job.data.seen.classes, 10);
    cr_assert_eq(topology->job.model.classes, 47);
    cr_assert_eq(topology->job.model.input[2], 32);
    topology_destroy(&topology);
}

static topology_t *s_set(const char *model, const char *const *sets, size_t count, err_t *err)
{
    char text[512];
    topology_t *topology = NULL;
    snprintf(text, sizeof text,
             "job: {name: t, model: %s, data: {dir: /data}}\nregions: [{name: a, data_share: 1}]\n", model);
    return topology_parse("t.yaml", text, strlen(text), sets, count, &topology, err) ? NULL : topology;
}

Test(model_spec, an_option_may_be_set_below_a_word_and_a_word_in_the_place_of_a_map)
{
    static const char *const sets[] = {"job.model=mlp", "job.model.hidden=[7, 8, 9]",
                                       "job.model.hidden[1]=5"};
    err_t err = {0};
    topology_t *topology = s_set("lenet", sets, 3, &err);
    cr_assert_not_null(topology, "%s", err.text);
    cr_assert_str_eq(topology->job.model.name, "mlp");
    cr_assert_eq(topology->job.model.hidden_count, 3);
    cr_assert_eq(topology->job.model.hidden[1], 5);
    topology_destroy(&topology);
    topology = s_set("{name: mlp, hidden: [3]}", (const char *const[]){"job.model=softmax"}, 1, &err);
    cr_assert_not_null(topology, "%s", err.text);
    cr_assert_eq(topology->job.model.hidden_count, 0);
    topology_destroy(&topology);
}

Test(model_spec, mistakes_are_told_where_they_are)
{
    static const struct {
        const char *model, *error;
    } rows[] = {
        {"{name: lenet, hidden: [5]}", "t.yaml:1:37: job.model.hidden: model lenet has no such option; write "
                                       "another model, or leave it out"},
        {"{name: ledger, classes: 5}",
         "t.yaml:1:47: job.model.classes: model ledger has no such option; write another model, or leave it "
         "out"},
        {"{name: mlp, hidden: [5, x]}", "t.yaml:1:35: job.model.hidden: \"[5, x]\" is not such a list; write "
                                        "a list of up to 8 whole numbers "
                                        "from 1 to 65536, such as [512, 256]"},
        {"{name: mlp, hidden: 5}",
         "t.yaml:1:43: job.model.hidden: is one value; write a list of up to 8 whole "
         "numbers from 1 to 65536, such as [512, 256]"},
        {"{name: mlp, hidden: [1, 2, 3, 4, 5, 6, 7, 8, 9]}",
         "t.yaml:1:35: job.model.hidden: \"[1, 2, 3, 4, 5, 6, 7, 8, 9]\" is not such a list; write a list of "
         "up "
         "to 8 whole numbers from 1 to 65536, such as [512, 256]"},
        {"{name: mlp, hidden: [0]}", "t.yaml:1:35: job.model.hidden: \"[0]\" is not such a list; write a "
                                     "list of up to 8 whole numbers from "
                                     "1 to 65536, such as [512, 256]"},
        {"{name: mlp, input: [28, 28]}", "t.yaml:1:35: job.model.input: \"[28, 28]\" is not such a list; "
                                         "write a list of 3 whole numbers from 1 "
                                         "to 4096, such as [1, 28, 28]"},
        {"{name: mlp, clases: 5}", "t.yaml:1:35: job.model.clases: unknown key; write classes"},
        {"{hidden: [5]}", "t.yaml:1:16: job.model.name: missing; write softmax, mlp, mlp-large, lenet, "
                          "resnet8, resnet20, resnet18, deepfm or ledger"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        err_t err = {0};
        topology_t *topology = s_set(rows[i].model, NULL, 0, &err);
        cr_expect_null(topology, "%s", rows[i].model);
        cr_expect_str_eq(err.text, rows[i].error, "\n%s\n%s", err.text, rows[i].error);
        topology_destroy(&topology);
    }
}

Test(model_spec, a_topology_prints_its_model_as_briefly_as_it_can)
{
    static const struct {
        const char *model, *printed;
    } rows[] = {{"lenet", "  model: lenet\n"},
                {"{name: lenet}", "  model: lenet\n"},
                {"{name: mlp, hidden: [5, 6], input: [3, 8, 8]}",
                 "  model:\n    name: mlp\n    hidden: [5, 6]\n    input: [3, 8, 8]\n"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        topology_t *topology = s_parse(rows[i].model);
        topology_print(topology, out);
        fclose(out);
        cr_expect_not_null(strstr(text, rows[i].printed), "%s", text);
        topology_destroy(&topology);
        free(text);
    }
}
