/* The document that `status` shows, on every machine, and what it is made of. */
#include "deploy/launch/picture.h"
#include "deploy/launch/region_row.h"
#include "deploy/launch/watch.h"
#include "tests/unit/actors/scheduler/global/global_bench.h"

#include <criterion/criterion.h>

static json_value_t *s_picture(bench_t *bench, int64_t now_us)
{
    static const process_rows_t none;
    headway_t headway;
    headway_init(&headway, 0);
    report_context_t context = {
        .topology = &bench->topology, .now_us = now_us, .wall_us = now_us, .processes = &none};
    return picture_new(bench->by.core, &headway, &context);
}

static void s_link(bench_t *bench, size_t from, bool up, bool was_up, const char *relay)
{
    message_t *state = message_new(KIND_link_state, GLOBAL, s_schedulers[from]);
    message_set_name(state->link_state.region, s_names[1 - from]);
    message_set_name(state->link_state.relay, relay);
    message_set_text(&state->link_state.address, "tcp://there:5590");
    message_set_text(&state->link_state.error, up ? "" : "connection refused: nobody listens there");
    state->link_state.up = up;
    state->link_state.was_up = was_up;
    state->link_state.since_us = 7 * SECOND;
    state->link_state.rtt_us = 30000;
    state->link_state.rate_bytes_per_s = 12500000;
    driver_give(&bench->by, state);
}

static const char *s_link_state_of(const json_value_t *document, size_t index)
{
    return json_get_string(json_at(json_get(document, "links"), index), "state", "");
}

Test(picture, links_are_rows_whatever_became_of_them)
{
    static const struct {
        bool up, was_up;
        const char *relay, *state;
    } rows[] = {{false, false, "", "never up"},
                {true, true, "", "up"},
                {false, true, "", "down"},
                {true, true, "asia", "relayed"}};
    bench_t *bench = s_bench();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s_link(bench, 0, rows[i].up, rows[i].was_up, rows[i].relay);
        json_value_t *document = s_picture(bench, 3 * SECOND);
        cr_expect_str_eq(s_link_state_of(document, 0), rows[i].state);
        const json_value_t *link = json_at(json_get(document, "links"), 0);
        cr_expect_float_eq(json_get_number(link, "since_s", 0), 10, 1e-9, "as old as it is by now");
        cr_expect_float_eq(json_get_number(link, "seen_s", 0), 3, 1e-9);
        cr_expect_str_eq(json_get_string(link, "address", ""), "tcp://there:5590");
        json_destroy(&document);
    }
    s_free(bench);
}

Test(picture, rows_have_machine_and_node_and_an_age)
{
    bench_t *bench = s_bench();
    message_t *status = message_new(KIND_status, GLOBAL, "scheduler/eu");
    message_set_name(status->status.actor, "worker/eu/0");
    message_set_name(status->status.node, "node/eu/a");
    message_set_name(status->status.machine, "machine-7");
    driver_give(&bench->by, status);
    json_value_t *document = s_picture(bench, 25 * SECOND);
    const json_value_t *row = json_at(json_get(document, "actors"), 1);
    cr_assert_str_eq(json_get_string(row, "name", ""), "worker/eu/0");
    cr_assert_str_eq(json_get_string(row, "machine", ""), "machine-7");
    cr_assert_str_eq(json_get_string(row, "node", ""), "node/eu/a");
    cr_assert_float_eq(json_get_number(row, "seen_s", 0), 25, 1e-9);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    picture_print(document, true, out);
    fclose(out);
    cr_assert(strstr(text, "machine-7"), "%s", text);
    cr_assert_null(strstr(text, " 0  worker"), "an unknown process is no number");
    free(text);
    json_destroy(&document);
    s_free(bench);
}

static size_t s_figures_in(const json_value_t *row)
{
    size_t count = 0;
    char *text = json_print(row, false);
    for (const char *at = strstr(text, "\n  \""); at; at = strstr(at + 1, "\n  \""))
        count++;
    free(text);
    return count;
}

static void s_expect_figures(const json_value_t *row, row_when_t when, size_t others)
{
    size_t count = 0;
    for (const row_field_t *field = region_row_fields; field->name; field++) {
        bool wanted = field->when == ROW_ALWAYS || field->when == when;
        cr_expect_eq(json_get(row, field->name) != NULL, wanted, "%s", field->name);
        count += wanted;
    }
    cr_expect_eq(s_figures_in(row), count + others, "a figure that is not in the list");
}

static char *s_table(void print(const json_value_t *, FILE *), const json_value_t *document)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    print(document, out);
    fclose(out);
    return text;
}

static void s_print_picture(const json_value_t *document, FILE *out)
{
    picture_print(document, false, out);
}

/* One list: what is not in it is in neither, and what is lost is shown while it goes on and when it is
 * over. */
Test(picture, status_and_report_of_a_region_have_the_same_figures)
{
    static const process_rows_t none;
    bench_t *bench = s_bench();
    message_t *told = s_report(bench, 0);
    told->region_report.samples = 320000;
    told->region_report.updates_rolled_back = 7;
    told->region_report.train_us = 82 * SECOND;
    told->region_report.rented_us = 98 * SECOND;
    told->region_report.wan_sent_bytes = 3 << 20;
    driver_give(&bench->by, told);
    report_context_t context = {
        .topology = &bench->topology, .now_us = SECOND, .wall_us = SECOND, .processes = &none};
    json_value_t *document = s_picture(bench, SECOND), *report = report_new(bench->by.core, &context);
    const json_value_t *live = json_at(json_get(document, "regions"), 0),
                       *final = json_at(json_get(report, "regions"), 0);
    s_expect_figures(live, ROW_LIVE, 0);
    s_expect_figures(final, ROW_FINAL, 2); /* offers, and the checksum of the parameters */
    cr_expect_eq(json_get_u64(live, "updates_rolled_back", 0), 7);
    cr_expect_eq(json_get_u64(final, "updates_rolled_back", 0), 7);
    char *status = s_table(s_print_picture, document), *table = s_table(report_print_table, report);
    cr_expect(strstr(status, "  eu has lost 7 updates, which are computed again; 0 of its shards"), "%s",
              status);
    cr_expect(strstr(table, "320000  1m 22s  1 x 98 s  0.000000     3 MiB           0 B"), "%s", table);
    free(status);
    free(table);
    json_destroy(&document);
    json_destroy(&report);
    s_free(bench);
}

/* The list is walked, so that none can be forgotten. */
Test(picture, each_counter_of_a_region_is_in_status_and_report_and_added_up)
{
    static const process_rows_t none;
    bench_t *bench = s_bench();
    for (uint64_t r = 0; r < 2; r++) {
        message_t *told = s_report(bench, r);
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    told->report = (r + 1) * (100 + (word));
#include "codec/wire/counters.def"
        driver_give(&bench->by, told);
    }
    report_context_t context = {
        .topology = &bench->topology, .now_us = SECOND, .wall_us = SECOND, .processes = &none};
    json_value_t *document = s_picture(bench, SECOND), *final = report_new(bench->by.core, &context);
    const json_value_t *rows[] = {json_at(json_get(document, "regions"), 1),
                                  json_at(json_get(final, "regions"), 1)};
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    uint64_t of_##name = 100 + (word), sum_##name = of_##name;                                               \
    COUNTER_##add(sum_##name, 2 * of_##name);                                                                \
    for (size_t i = 0; i < 2; i++)                                                                           \
        cr_expect_eq(json_get_u64(rows[i], #json, 0), 2 * of_##name, #name);                                 \
    cr_expect_eq(json_get_u64(final, #json, 0), sum_##name, "the run's " #name);
#include "codec/wire/counters.def"
    json_destroy(&document);
    json_destroy(&final);
    s_free(bench);
}

static void s_expect_explained(const char *explained)
{
    static const char *const figures[] = {"left_s", "cost", "rtt_s", "error", "machine", "waits_for"};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        cr_expect(strstr(explained, figures[i]), "%s", figures[i]);
}

Test(picture, every_figure_has_a_meaning)
{
    const row_field_t *const lists[] = {picture_run_fields, region_row_fields, picture_link_fields,
                                        picture_actor_fields};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const row_field_t *field = lists[i]; field->name; field++) {
            cr_expect_gt(strlen(field->help), 0, "%s", field->name);
            bool seconds = strlen(field->name) > 2 && !strcmp(field->name + strlen(field->name) - 2, "_s");
            bool rate = strstr(field->name, "per_s") != NULL;
            cr_expect_eq(seconds && !rate, !strcmp(field->unit, "s"), "%s is in %s", field->name,
                         field->unit);
        }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    picture_explain(out);
    fclose(out);
    s_expect_explained(text);
    free(text);
}

Test(watch, an_answer_tells_its_age_or_why_there_is_none)
{
    json_value_t *document = NULL;
    double age_s = 0;
    err_t err = {0};
    char *answer = watch_print("{\"state\": \"training\"}", 1500000);
    cr_assert_eq(watch_parse(answer, &document, &age_s, &err), ERR_OK, "%s", err.text);
    cr_assert_float_eq(age_s, 1.5, 1e-9);
    cr_assert_str_eq(json_get_string(document, "state", ""), "training");
    json_destroy(&document);
    free(answer);
    cr_assert_eq(watch_parse("!nobody is there\n", &document, &age_s, &err), ERR_UNREACHABLE);
    cr_assert_str_eq(err.text, "nobody is there");
    cr_assert_eq(watch_parse("stopping", &document, &age_s, &err), ERR_MALFORMED);
    cr_assert_eq(watch_parse("12", &document, &age_s, &err), ERR_MALFORMED);
    cr_assert_neq(watch_parse("12\n{", &document, &age_s, &err), ERR_OK);
}
