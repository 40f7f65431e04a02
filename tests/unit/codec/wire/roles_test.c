/* The table of roles: each row says one thing in all of its columns. */
#include "codec/wire/actor_name.h"
#include "codec/wire/says.h"

#include <criterion/criterion.h>

#include <string.h>

Test(roles, every_role_has_a_text_that_finds_it)
{
    for (actor_role_t role = 0; role < ROLE_NONE; role++) {
        cr_assert_eq(actor_role_find(role_row(role)->text), role, "%s", role_row(role)->text);
        cr_assert(role_row(role)->one[0], "%s", role_row(role)->text);
    }
    cr_assert_eq(actor_role_find(""), ROLE_NONE);
    cr_assert_eq(actor_role_find("shards"), ROLE_NONE);
}

Test(roles, who_is_of_no_role_is_nothing_and_does_nothing)
{
    const role_row_t *none = role_row(ROLE_NONE);
    cr_assert_not(role_is_hosted(ROLE_NONE));
    cr_assert_not(none->stores || none->computes || none->reads_samples || none->hears_links || none->in_run);
    cr_assert_eq(none->claims, CLAIMS_NOT);
}

/* Placing writes the names of those it places as they are written. */
Test(roles, names_are_written_as_the_place_wants_it)
{
    static const role_named_t wanted[PLACED_COUNT] = {[PLACED_PER_SHARD] = NAMED_NUMBERED,
                                                      [PLACED_BESIDE_SHARD] = NAMED_NUMBERED,
                                                      [PLACED_AS_NEEDED] = NAMED_NUMBERED,
                                                      [PLACED_PER_NODE] = NAMED_CALLED,
                                                      [PLACED_ONCE] = NAMED_ALONE};
    for (actor_role_t role = 0; role < ROLE_NONE; role++)
        if (role_is_hosted(role))
            cr_assert_eq(role_row(role)->named, wanted[role_row(role)->placed], "%s", role_row(role)->text);
}

Test(roles, only_what_is_hosted_has_a_part_in_what_nodes_and_schedulers_do)
{
    for (actor_role_t role = 0; role < ROLE_NONE; role++) {
        const role_row_t *row = role_row(role);
        cr_assert(role_is_hosted(role) || !(row->starts || row->stops || row->stores || row->computes), "%s",
                  row->text);
        cr_assert(!role_is_hosted(role) || row->claims == CLAIMS_NOT, "%s", row->text);
        cr_assert_leq(row->stops, ROLE_STOPS_LAST, "%s", row->text);
    }
}

/* Workers find the shards, which are told their last pushes before they end. */
Test(roles, those_that_are_talked_to_start_before_and_stop_after)
{
    const role_row_t *shard = role_row(ROLE_SHARD), *worker = role_row(ROLE_WORKER),
                     *synchronizer = role_row(ROLE_SYNCHRONIZER), *keeper = role_row(ROLE_KEEPER);
    cr_assert_lt(shard->starts, synchronizer->starts);
    cr_assert_lt(synchronizer->starts, worker->starts);
    cr_assert_lt(worker->stops, shard->stops);
    cr_assert_lt(shard->stops, synchronizer->stops);
    cr_assert_eq(keeper->stops, ROLE_STOPS_LAST);
}

Test(roles, a_row_of_who_is_hosted_is_one_of_all_of_them_and_of_nobody_else)
{
    for (actor_role_t role = 0; role < ROLE_NONE; role++) {
        cr_assert_eq(says_may(KIND_stop, SAYS_NODE, (says_t)role), role_is_hosted(role), "%s",
                     role_row(role)->text);
        cr_assert_eq(says_may(KIND_status, (says_t)role, SAYS_SCHEDULER), role_is_hosted(role), "%s",
                     role_row(role)->text);
    }
    cr_assert(says_may(KIND_status, SAYS_SCHEDULER, SAYS_GLOBAL));
    cr_assert_not(says_may(KIND_status, SAYS_ANYBODY, SAYS_SCHEDULER));
}
