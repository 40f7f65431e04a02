#include "actors/kit/core_base.h"
#include "codec/base/run_id.h"

#include <criterion/criterion.h>

typedef struct {
    core_base_t base;
    int rooms;
} body_t;

static const topology_t s_topology = {.regions = {{.name = "west"}}, .region_count = 1};

static body_t s_body(void)
{
    body_t body = {.rooms = 1};
    core_init(&body.base, "keeper/west/0", UINT64_C(7) << 32, &s_topology);
    return body;
}

Test(core_base, what_is_sent_bears_the_name_and_the_incarnation_of_the_core)
{
    body_t body = s_body();
    message_t *message = core_message(&body.base, KIND_status, "scheduler/west");
    core_send(&body.base, &message);
    cr_assert_null(message, "it is taken");
    message_t *sent = outbox_take(core_outbox(&body));
    cr_assert_str_eq(sent->to, "scheduler/west");
    cr_assert_str_eq(sent->from, "keeper/west/0");
    cr_assert_eq(sent->incarnation, UINT64_C(7) << 32);
    message_destroy(&sent);
    core_fini(&body.base);
}

Test(core_base, what_another_has_said_is_passed_on_by_its_own_name)
{
    body_t body = s_body();
    message_t *message = message_new(KIND_delta, "shard/east/0", "shard/west/0");
    message->incarnation = 3;
    core_send(&body.base, &message);
    message_t *sent = outbox_take(core_outbox(&body));
    cr_assert_str_eq(sent->from, "keeper/west/0");
    cr_assert_eq(sent->incarnation, UINT64_C(7) << 32);
    message_destroy(&sent);
    core_fini(&body.base);
}

Test(core_base, a_refusal_names_what_is_refused_and_why)
{
    body_t body = s_body();
    message_t *seal = message_new(KIND_seal, "keeper/west/0", "scheduler/west");
    seal->incarnation = 5;
    seal->number = 9;
    core_refuse(&body.base, seal, ERR_STALE, "a newer one runs");
    message_t *answer = outbox_take(core_outbox(&body));
    cr_assert_eq(answer->kind, KIND_refused);
    cr_assert_str_eq(answer->to, "scheduler/west");
    cr_assert_eq(answer->number, 9);
    cr_assert_eq(answer->refused.kind, KIND_seal);
    cr_assert_eq(answer->refused.code, ERR_STALE);
    cr_assert_eq(answer->refused.incarnation, 5);
    cr_assert_eq(answer->refused.run, RUN_ID_NONE);
    cr_assert_str_eq(answer->refused.reason, "a newer one runs");
    message_destroy(&answer);
    message_destroy(&seal);
    core_fini(&body.base);
}

Test(core_base, a_refusal_about_runs_says_of_which_it_is)
{
    body_t body = s_body();
    message_t *plan = message_new(KIND_plan, "keeper/west/0", "scheduler/global");
    err_t why = {.code = ERR_JOB, .text = "of another run"};
    core_refuse_run(&body.base, plan, &why, 42);
    message_t *answer = outbox_take(core_outbox(&body));
    cr_assert_eq(answer->refused.code, ERR_JOB);
    cr_assert_eq(answer->refused.run, 42);
    cr_assert_str_eq(answer->refused.reason, "of another run");
    message_destroy(&answer);
    message_destroy(&plan);
    core_fini(&body.base);
}

Test(core_base, a_core_that_begins_with_it_shows_its_end)
{
    body_t body = s_body();
    cr_assert_not(core_finished(&body));
    body.base.finished = true;
    cr_assert(core_finished(&body));
    cr_assert_str_eq(core_region_name(&body.base, 0), "west");
    core_fini(&body.base);
}
