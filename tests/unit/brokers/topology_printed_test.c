/* Everything printed can be written: the words that help and remedies tell to write, and the names under
 * which others print them. */
#include "actors/model/model.h"
#include "actors/scheduler/plan/plan.h"
#include "actors/synchronizer/strategy.h"
#include "brokers/topology.h"
#include "brokers/topology_value.h"
#include "codec/compress/encoding.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

static const field_t *s_field(const char *path)
{
    for (size_t i = 0; i < field_count(); i++)
        if (!strcmp(field_at(i)->path, path))
            return field_at(i);
    cr_assert_fail("no field %s", path);
    return NULL;
}

/* The next word of "write a, b or c with ...", each S of it a 4; false when there is none. */
static bool s_next_word(const char **at_p, char ret_word[WORD_MAX])
{
    static const char *const joins[] = {", ", " or ", " with ", ""};
    const char *end = NULL, *next = NULL;
    if (!**at_p)
        return false;
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        const char *found = *joins[i] ? strstr(*at_p, joins[i]) : strchr(*at_p, 0);
        if (!found || (end && found >= end))
            continue;
        end = found;
        next = strcmp(joins[i], " with ") ? found + strlen(joins[i]) : strchr(found, 0);
    }
    snprintf(ret_word, WORD_MAX, "%.*s", (int)(end - *at_p), *at_p);
    for (char *c = ret_word; *c; c++)
        *c = *c == 'S' ? '4' : *c;
    *at_p = next;
    return true;
}

static bool s_is_listed(field_type_t type)
{
    return type == FIELD_ENUM || type == FIELD_FLAG || type == FIELD_WORD || type == FIELD_BOOL ||
           type == FIELD_INSIDE;
}

/* As a value in a file: what is told to write goes there as it stands. */
static void s_write(const field_t *field, const char *word)
{
    char text[512];
    topology_t *topology = NULL;
    err_t err = {0};
    snprintf(text, sizeof text,
             "job: {name: t, model: ledger, data: {kind: counter, samples: 100}, sync: {inside: %s}}\n"
             "regions: [{name: a, data_share: 1}]\n",
             field->type == FIELD_INSIDE ? word : "sync");
    cr_expect_eq(topology_parse("t", text, strlen(text), NULL, 0, &topology, &err), ERR_OK, "%s: %s", text,
                 err.text);
    topology_destroy(&topology);
}

Test(topology_printed, every_word_that_a_remedy_tells_to_write_can_be_written)
{
    topology_t *scratch = calloc(1, sizeof *scratch);
    size_t words = 0;
    for (size_t i = 0; i < field_count(); i++) {
        char remedy[FIELD_REMEDY_MAX], word[WORD_MAX], what[VALUE_WHAT_MAX], printed[VALUE_TEXT_MAX];
        const field_t *field = field_at(i);
        const char *at = field_remedy(field, remedy) + strlen("write ");
        if (!s_is_listed(field->type))
            continue;
        while (s_next_word(&at, word)) {
            cr_expect(value_parse(field, word, false, scratch, what), "%s: %s", field->path, what);
            if (field->type != FIELD_INSIDE)
                cr_expect_str_eq(value_print(field, scratch, printed), word);
            else
                s_write(field, word);
            words++;
        }
    }
    cr_expect_gt(words, 40, "%zu", words);
    free(scratch);
}

/* "such as 30ms or 10s": of the right kind, though perhaps out of a key's range. */
Test(topology_printed, every_example_of_a_remedy_is_of_the_kind_that_is_asked_for)
{
    topology_t *scratch = calloc(1, sizeof *scratch);
    size_t words = 0;
    for (size_t i = 0; i < field_count(); i++) {
        char remedy[FIELD_REMEDY_MAX], word[WORD_MAX], what[VALUE_WHAT_MAX];
        const field_t *field = field_at(i);
        const char *at = strstr(field_remedy(field, remedy), "such as ");
        if (!at || field->type == FIELD_BETWEEN)
            continue;
        at += strlen("such as ");
        if (field->type == FIELD_WHOLES || field->type == FIELD_WORDS) {
            cr_expect(value_parse(field, at, false, scratch, what), "%s: %s", field->path, what);
            continue;
        }
        for (; s_next_word(&at, word); words++)
            cr_expect(value_parse(field, word, false, scratch, what) || !strstr(what, "is not"), "%s: %s",
                      field->path, what);
    }
    cr_expect_gt(words, 20, "%zu", words);
    free(scratch);
}

static void s_expect_word(const char *path, const char *name)
{
    topology_t *scratch = calloc(1, sizeof *scratch);
    char what[VALUE_WHAT_MAX], printed[VALUE_TEXT_MAX];
    const field_t *field = s_field(path);
    cr_expect(value_parse(field, name, false, scratch, what), "%s: %s", path, what);
    cr_expect_str_eq(value_print(field, scratch, printed), name);
    free(scratch);
}

Test(topology_printed, names_in_reports_and_plans_are_those_of_the_keys)
{
    size_t length;
    for (unsigned i = 0; field_value(s_field("job.sync.strategy"), i, &length); i++) {
        s_expect_word("job.sync.strategy", strategy_find((strategy_name_t)i)->name);
        cr_expect_eq(strlen(strategy_find((strategy_name_t)i)->name), length);
    }
    for (unsigned i = 0; i < TOPOLOGY_OBJECTIVES; i++)
        s_expect_word("plan.objective", plan_objective_name((objective_t)i));
    for (size_t i = 0; encoding_at(i); i++)
        s_expect_word("job.sync.encoding", encoding_at(i)->name);
    const char *at = model_names();
    for (char word[WORD_MAX]; s_next_word(&at, word);)
        s_expect_word("job.model.name", word);
}
