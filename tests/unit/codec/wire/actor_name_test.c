/* Names of actors: made, and taken apart again. */
#include "codec/wire/actor_name.h"

#include <criterion/criterion.h>

#include <string.h>

static actor_parts_t s_split(const char *name)
{
    actor_parts_t parts = {0};
    cr_assert(actor_split(name, strlen(name), &parts), "%s", name);
    return parts;
}

Test(actor_name, a_name_is_written_as_its_role_wants_it)
{
    cr_assert_str_eq(actor_name(ROLE_SCHEDULER, "eu").text, "scheduler/eu");
    cr_assert_str_eq(actor_name(ROLE_BROKER, "us-1").text, "broker/us-1");
    cr_assert_str_eq(actor_name(ROLE_SCHEDULER, ACTOR_GLOBAL_REGION).text, ACTOR_GLOBAL);
    cr_assert_str_eq(actor_name_numbered(ROLE_SHARD, "eu", 2).text, "shard/eu/2");
    cr_assert_str_eq(actor_name_numbered(ROLE_WORKER, "eu", UINT64_MAX).text,
                     "worker/eu/18446744073709551615");
    cr_assert_str_eq(actor_name_called(ROLE_NODE, "eu", "gpu-1").text, "node/eu/gpu-1");
}

Test(actor_name, what_is_made_is_taken_apart_again)
{
    for (actor_role_t role = 0; role < ROLE_NONE; role++) {
        char name[WIRE_NAME_SIZE];
        snprintf(name, sizeof name, "%s/eu/7", role_row(role)->text);
        actor_parts_t parts = s_split(name);
        cr_assert_eq(parts.role, role);
        cr_assert(actor_is_in(&parts, "eu") && !actor_is_in(&parts, "e") && !actor_is_in(&parts, "eu/"));
        cr_assert_eq(parts.number, 7);
        cr_assert_str_eq(parts.rest, "7");
        cr_assert_eq(actor_role_of(name), role);
    }
}

Test(actor_name, the_region_is_the_second_part_of_a_name)
{
    static const struct {
        const char *name, *region;
    } cases[] = {{"shard/eu/2", "eu"},
                 {"scheduler/global", "global"},
                 {"synchronizer/us-1/0", "us-1"},
                 {"x/eu", "eu"},
                 {"shard/eu/", "eu"},
                 {"/eu", "eu"}};
    static const char *const none[] = {"x", "x/", "x//y", "", "/"};
    actor_parts_t parts;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parts = s_split(cases[i].name);
        cr_assert(actor_is_in(&parts, cases[i].region), "%s", cases[i].name);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_assert_not(actor_split(none[i], strlen(none[i]), &parts), "%s", none[i]);
}

Test(actor_name, a_name_ends_where_its_length_says)
{
    actor_parts_t parts;
    cr_assert(actor_split("shard/eu/25", 10, &parts));
    cr_assert_eq(parts.number, 2);
    cr_assert(actor_split("shard/eu/25", 8, &parts));
    cr_assert_eq(parts.rest_length, 0);
    cr_assert_not(actor_split("shard/eu/25", 6, &parts));
}

Test(actor_name, a_number_is_one_only_as_it_is_written)
{
    static const struct {
        const char *name;
        uint64_t number;
    } cases[] = {{"shard/eu/0", 0},
                 {"shard/eu/10", 10},
                 {"shard/eu/18446744073709551614", UINT64_MAX - 1},
                 {"shard/eu/18446744073709551616", ACTOR_NO_NUMBER},
                 {"shard/eu/01", ACTOR_NO_NUMBER},
                 {"shard/eu/+1", ACTOR_NO_NUMBER},
                 {"shard/eu/1 ", ACTOR_NO_NUMBER},
                 {"shard/eu/1/1", ACTOR_NO_NUMBER},
                 {"shard/eu/", ACTOR_NO_NUMBER},
                 {"shard/eu", ACTOR_NO_NUMBER}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(s_split(cases[i].name).number, cases[i].number, "%s", cases[i].name);
}

Test(actor_name, a_role_is_a_whole_word)
{
    cr_assert_eq(actor_role_of("keeper/"), ROLE_KEEPER);
    cr_assert_eq(actor_role_of("shards/eu/1"), ROLE_NONE);
    cr_assert_eq(actor_role_of("shar/eu/1"), ROLE_NONE);
    cr_assert_eq(actor_role_of("shard"), ROLE_NONE);
    cr_assert_eq(actor_role_of(""), ROLE_NONE);
    cr_assert_eq(s_split("guest/eu/1").role, ROLE_NONE);
}

Test(actor_name, of_a_role_and_region_are_names_of_its_form_alone)
{
    cr_assert(actor_is_of("worker/eu/1", ROLE_WORKER, "eu"));
    cr_assert(actor_is_of("scheduler/eu", ROLE_SCHEDULER, "eu"));
    cr_assert(actor_is_of("node/eu/a", ROLE_NODE, "eu"));
    static const char *const no_worker[] = {"worker/us/1", "worker/eu", "worker/eu/",
                                            "shard/eu/1",  "worker",    ""};
    for (size_t i = 0; i < sizeof no_worker / sizeof *no_worker; i++)
        cr_assert_not(actor_is_of(no_worker[i], ROLE_WORKER, "eu"), "%s", no_worker[i]);
    cr_assert_not(actor_is_of("scheduler/eu/1", ROLE_SCHEDULER, "eu"));
}

Test(actor_name, too_long_a_name_is_cut_off)
{
    char part[2 * WIRE_NAME_SIZE];
    memset(part, 'x', sizeof part);
    part[sizeof part - 1] = '\0';
    cr_assert_eq(strlen(actor_name_called(ROLE_NODE, "eu", part).text), WIRE_NAME_SIZE - 1);
}
