#include "brokers/route.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NAME(text) text, strlen(text)

Test(route, finds_what_registered)
{
    routes_t *routes = routes_new();
    cr_assert_null(routes_find(routes, NAME("shard/eu/0")));
    cr_assert_eq(routes_register(routes, "shard/eu/0", "id-a", 4, 1, 77, 0), ERR_OK);
    cr_assert_eq(routes_register(routes, "shard/eu/01", "id-b", 4, 1, 77, 0), ERR_OK);
    const route_t *route = routes_find(routes, NAME("shard/eu/0"));
    cr_assert_not_null(route);
    cr_assert_eq(route->id_size, 4);
    cr_assert_arr_eq(route->id, "id-a", 4);
    cr_assert_eq(route->pid, 77);
    cr_assert_null(routes_find(routes, NAME("shard/eu/")));
    cr_assert_null(routes_find(routes, NAME("")));
    routes_destroy(&routes);
    cr_assert_null(routes);
}

Test(route, an_older_incarnation_is_fenced_off_even_when_the_newer_is_gone)
{
    routes_t *routes = routes_new();
    cr_assert_eq(routes_register(routes, "shard/eu/0", "new", 3, 5, 1, 0), ERR_OK);
    cr_assert_eq(routes_register(routes, "shard/eu/0", "old", 3, 4, 2, 0), ERR_STALE);
    cr_assert_arr_eq(routes_find(routes, NAME("shard/eu/0"))->id, "new", 3);
    routes_gone(routes, NAME("shard/eu/0"));
    cr_assert_null(routes_find(routes, NAME("shard/eu/0")));
    cr_assert_eq(routes_register(routes, "shard/eu/0", "old", 3, 4, 2, 0), ERR_STALE);
    cr_assert_null(routes_find(routes, NAME("shard/eu/0")));
    cr_assert_eq(routes_register(routes, "shard/eu/0", "same", 4, 5, 2, 0), ERR_OK);
    cr_assert_arr_eq(routes_find(routes, NAME("shard/eu/0"))->id, "same", 4);
    cr_assert_eq(routes_register(routes, "shard/eu/0", "more", 4, 6, 3, 0), ERR_OK);
    cr_assert_eq(routes_find(routes, NAME("shard/eu/0"))->incarnation, 6);
    routes_destroy(&routes);
}

Test(route, expires_who_is_silent)
{
    routes_t *routes = routes_new();
    cr_assert_eq(routes_register(routes, "a", "1", 1, 0, 0, 1000), ERR_OK);
    cr_assert_eq(routes_register(routes, "b", "2", 1, 0, 0, 1000), ERR_OK);
    cr_assert_eq(routes_register(routes, "b", "2", 1, 0, 0, 2000), ERR_OK);
    cr_assert_eq(routes_expire(routes, 1000 + ROUTE_EXPIRE_US - 1), 0);
    cr_assert_eq(routes_expire(routes, 1000 + ROUTE_EXPIRE_US), 1);
    cr_assert_null(routes_find(routes, NAME("a")));
    cr_assert_not_null(routes_find(routes, NAME("b")));
    size_t position = 0;
    cr_assert_str_eq(routes_each(routes, &position)->name, "b");
    cr_assert_null(routes_each(routes, &position));
    routes_destroy(&routes);
}

Test(route, is_bounded_and_forgets_the_gone_first)
{
    routes_t *routes = routes_new();
    char name[32];
    for (int i = 0; i < ROUTE_MAX; i++) {
        snprintf(name, sizeof name, "worker/eu/%d", i);
        cr_assert_eq(routes_register(routes, name, &i, sizeof i, 1, 0, 0), ERR_OK);
    }
    cr_assert_eq(routes_register(routes, "worker/eu/one-more", "x", 1, 1, 0, 0), ERR_LIMIT);
    routes_gone(routes, NAME("worker/eu/7"));
    cr_assert_eq(routes_register(routes, "worker/eu/one-more", "x", 1, 1, 0, 0), ERR_OK);
    for (int i = 0; i < ROUTE_MAX; i++) {
        snprintf(name, sizeof name, "worker/eu/%d", i);
        const route_t *route = routes_find(routes, NAME(name));
        cr_assert_eq(route != NULL, i != 7);
        if (route)
            cr_assert_arr_eq(route->id, &i, sizeof i);
    }
    routes_destroy(&routes);
}

Test(route, names_and_ids_out_of_bounds_are_refused)
{
    routes_t *routes = routes_new();
    char name[WIRE_NAME_SIZE + 1], id[ROUTE_ID_MAX + 1] = {0};
    memset(name, 'x', sizeof name);
    name[WIRE_NAME_SIZE] = '\0';
    cr_assert_eq(routes_register(routes, name, "x", 1, 1, 0, 0), ERR_LIMIT);
    cr_assert_eq(routes_register(routes, "", "x", 1, 1, 0, 0), ERR_LIMIT);
    cr_assert_eq(routes_register(routes, "a", "", 0, 1, 0, 0), ERR_LIMIT);
    cr_assert_eq(routes_register(routes, "a", id, sizeof id, 1, 0, 0), ERR_LIMIT);
    cr_assert_null(routes_find(routes, name, WIRE_NAME_SIZE));
    routes_destroy(&routes);
}

Test(route, of_two_schedulers_the_one_that_is_heard_stays_and_a_silent_one_is_replaced)
{
    routes_t *routes = routes_new();
    const char *name = "scheduler/global";
    cr_assert_eq(routes_contend(routes, name, 1, 11, 0), ERR_OK);
    cr_assert_eq(routes_register(routes, name, "a", 1, 1, 77, 0), ERR_OK);
    routes_note(routes, name, 11, 7, 0, "first");
    cr_assert_eq(routes_contend(routes, name, 1, 11, 1000), ERR_OK, "its own next hello");
    cr_assert_eq(routes_contend(routes, name, 5, 22, 1000), ERR_TIMEOUT, "whatever its number");
    cr_assert_eq(routes_register(routes, name, "a", 1, 1, 77, 2000), ERR_OK);
    cr_assert_eq(routes_contend(routes, name, 5, 22, 3000), ERR_IN_USE);
    cr_assert_str_eq(routes_find(routes, NAME("scheduler/global"))->host, "first");
    cr_assert_eq(routes_contend(routes, name, 5, 22, 2000 + ROUTE_CONTEND_US), ERR_OK, "the first is gone");
    cr_assert_eq(routes_contend(routes, "worker/eu/0", 5, 22, 3000), ERR_OK,
                 "actors that are placed are not contended");
    routes_destroy(&routes);
}
