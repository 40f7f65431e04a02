/* node_bench - a node driven by hand in virtual time: what its scheduler and its driver tell it, and what it
 * wants of them.
 *
 * Why      its tests are in several files, by topic.
 */
#ifndef TESTS_UNIT_ACTORS_NODE_NODE_BENCH_H
#define TESTS_UNIT_ACTORS_NODE_NODE_BENCH_H

#include "actors/node/node_core.h"

#include <criterion/criterion.h>
#include <string.h>

#define S ((int64_t)1000000)
#define RUN 7u

static inline node_core_t *s_new(void)
{
    node_spec_t spec = {.name = "node/eu/a",
                        .region = "eu",
                        .host = "host",
                        .digest = "0123456789abcdef",
                        .pid = 42,
                        .cores = 2,
                        .samples = 100,
                        .run = RUN};
    return node_core_new(&spec);
}

static inline void s_destroy(node_core_t **core_p)
{
    void *core = *core_p;
    node_role.destroy(&core);
    *core_p = NULL;
}

static inline void s_place(node_core_t *core, const char *actor, uint64_t incarnation, int64_t now_us)
{
    message_t *message = message_new(KIND_place, "node/eu/a", "scheduler/eu");
    message_set_name(message->place.actor, actor);
    message->place.incarnation = incarnation;
    message->place.run = RUN;
    node_role.message(core, &message, now_us);
    cr_assert_null(message);
}

static inline void s_send(node_core_t *core, message_kind_t kind, int64_t now_us)
{
    message_t *message = message_new(kind, "node/eu/a", "scheduler/eu");
    node_role.message(core, &message, now_us);
}

/* The next message of a kind; what comes before it is dropped. */
static inline message_t *s_take(node_core_t *core, message_kind_t kind)
{
    message_t *message;
    while ((message = outbox_take(node_role.outbox(core)))) {
        if (message->kind == kind)
            return message;
        message_destroy(&message);
    }
    return NULL;
}

static inline void s_expect_command(node_core_t *core, node_verb_t verb, const char *actor,
                                    uint64_t incarnation)
{
    node_command_t command;
    cr_assert(node_core_take_command(core, &command), "expected a command for %s", actor);
    cr_assert_eq(command.verb, verb);
    cr_assert_str_eq(command.actor, actor);
    cr_assert_eq(command.incarnation, incarnation);
}

static inline void s_expect_no_command(node_core_t *core)
{
    node_command_t command;
    cr_assert_not(node_core_take_command(core, &command), "did not expect a command for %s", command.actor);
}

static inline void s_expect_placed(node_core_t *core, uint64_t incarnation, err_code_t code)
{
    message_t *placed = s_take(core, KIND_placed);
    cr_assert_not_null(placed);
    cr_assert_eq(placed->placed.incarnation, incarnation);
    cr_assert_eq(placed->placed.code, code);
    message_destroy(&placed);
}

/* Placed and READY. */
static inline void s_run(node_core_t *core, const char *actor, uint64_t incarnation)
{
    s_place(core, actor, incarnation, S);
    s_expect_command(core, NODE_START, actor, incarnation);
    node_core_ready(core, actor, incarnation, S);
    s_expect_placed(core, incarnation, ERR_OK);
}

static const err_t s_finished = {.code = ERR_OK};

#endif
