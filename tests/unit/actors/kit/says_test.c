/* Dispatch tables and the SAYS rows of schema.def say the same: what a role takes somebody may say to it, and
 * the other way round. */
#include "codec/wire/says.h"
#include "actors/node/node_core.h"
#include "actors/scheduler/global/global_core.h"
#include "actors/scheduler/region/region_core.h"
#include "actors/shard/shard_core.h"
#include "codec/wire/actor_name.h"
#include "codec/wire/schema.h"

#include <criterion/criterion.h>

/* The senders of dispatch.h as roles of schema.def. */
static const struct {
    sender_t sender;
    says_t role;
} s_senders[] = {
#define SENDER(id, role, ...) {FROM_##id, FROM_##id == FROM_GLOBAL ? SAYS_GLOBAL : SAYS_##role},
#include "codec/wire/roles.def"
    {FROM_ANYBODY, SAYS_ANYBODY},
};
#define SENDERS (sizeof s_senders / sizeof *s_senders)

/* A table, whose it is, and what brokers tell everybody, which a role need not take. */
static const struct {
    const dispatch_t *table;
    says_t role;
} s_tables[] = {
    {&shard_dispatch, SAYS_SHARD},
    {&region_dispatch, SAYS_SCHEDULER},
    {&global_dispatch, SAYS_GLOBAL},
    {&node_dispatch, SAYS_NODE},
};

Test(says, what_a_role_takes_its_senders_may_say)
{
    for (size_t t = 0; t < sizeof s_tables / sizeof *s_tables; t++)
        for (size_t i = 0; i < s_tables[t].table->count; i++) {
            const dispatch_row_t *row = &s_tables[t].table->rows[i];
            unsigned known = 0;
            for (size_t s = 0; s < SENDERS; s++) {
                known |= s_senders[s].sender;
                if (row->senders & s_senders[s].sender)
                    cr_assert(says_may(row->kind, s_senders[s].role, s_tables[t].role),
                              "table %zu: %s from %d", t, message_kind_name(row->kind),
                              (int)s_senders[s].role);
            }
            cr_assert_eq(row->senders & ~known, 0, "a sender that this test does not know");
        }
}

static bool s_are(says_t senders, says_t from)
{
    bool hosted = from < SAYS_GLOBAL && role_is_hosted((actor_role_t)from);
    return senders == from || senders == SAYS_ANYBODY || (senders == SAYS_HOSTED && hosted);
}

static bool s_takes(const dispatch_t *table, message_kind_t kind, says_t from)
{
    for (size_t i = 0; i < table->count; i++)
        for (size_t s = 0; s < SENDERS; s++)
            if (table->rows[i].kind == kind && (table->rows[i].senders & s_senders[s].sender) &&
                s_are(s_senders[s].role, from))
                return true;
    return false;
}

/* Kinds that are told to everybody, or is an answer that a role need not look at. */
static bool s_may_be_passed_over(message_kind_t kind)
{
    return kind == KIND_registered || kind == KIND_unreachable || kind == KIND_refused ||
           kind == KIND_measure || kind == KIND_params || kind == KIND_picture || kind == KIND_report_ack;
}

Test(says, what_may_be_said_to_a_role_it_takes)
{
    for (size_t t = 0; t < sizeof s_tables / sizeof *s_tables; t++)
        for (uint64_t kind = 0; kind < schema_end(); kind++)
            for (says_t from = 0; from < SAYS_ANYBODY; from++)
                if (schema_find(kind) && !s_may_be_passed_over((message_kind_t)kind) &&
                    says_may((message_kind_t)kind, from, s_tables[t].role))
                    cr_assert(s_takes(s_tables[t].table, (message_kind_t)kind, from), "table %zu: %s from %d",
                              t, message_kind_name((message_kind_t)kind), (int)from);
}

Test(says, names_say_what_their_bearers_are)
{
    cr_assert_eq(says_of("shard/eu/0"), SAYS_SHARD);
    cr_assert_eq(says_of("scheduler/eu"), SAYS_SCHEDULER);
    cr_assert_eq(says_of("scheduler/global"), SAYS_GLOBAL);
    cr_assert_eq(says_of("broker/eu"), SAYS_BROKER);
    cr_assert_eq(says_of("watcher/eu/a"), SAYS_WATCHER);
    cr_assert_eq(says_of("whoever"), SAYS_ANYBODY);
    cr_assert(says_may(KIND_push, SAYS_WORKER, SAYS_SHARD));
    cr_assert_not(says_may(KIND_push, SAYS_SHARD, SAYS_SHARD));
    cr_assert_not(says_may(KIND_push, SAYS_ANYBODY, SAYS_SHARD));
    cr_assert(says_may(KIND_pull, SAYS_ANYBODY, SAYS_SHARD));
    cr_assert(says_may(KIND_pull, SAYS_WATCHER, SAYS_SHARD));
    cr_assert_not(says_may(KIND_shard_state, SAYS_SHARD, SAYS_SHARD), "it is stored, and never said");
}
