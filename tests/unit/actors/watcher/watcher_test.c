#include "actors/watcher/watcher.h"
#include "tests/unit/actors/scheduler/global/global_bench.h"

#include <criterion/criterion.h>

#define WATCHER "watcher/us/1"

static message_t *s_asked_of(driver_t *by, bench_t *bench)
{
    message_t *want = driver_take(by, KIND_picture_want);
    cr_assert_not_null(want);
    cr_assert_str_eq(want->to, GLOBAL);
    driver_give(&bench->by, want);
    message_t *picture = driver_take(&bench->by, KIND_picture);
    cr_assert_not_null(picture);
    cr_assert_str_eq(picture->to, WATCHER);
    return picture;
}

Test(watcher, is_shown_what_the_global_scheduler_shows_and_how_old_it_is)
{
    bench_t *bench = s_bench();
    buf_t *shown = buf_new_copy("{}", 2);
    driver_t by = {.role = &watcher_role, .core = watcher_new(WATCHER, 0)};
    global_core_show(bench->by.core, &shown, 0);
    cr_assert_null(shown);
    driver_tick(&by, 0);
    driver_tick(&by, 100 * MS);
    cr_assert_eq(driver_count(&by, KIND_picture_want), 1);
    driver_tick(&by, 400 * MS);
    driver_tick(&bench->by, 400 * MS);
    message_t *picture = s_asked_of(&by, bench);
    cr_assert_eq(picture->picture.age_us, 400 * MS);
    driver_give(&by, picture);
    cr_assert_eq(watcher_picture(by.core)->data.size_bytes, 2);
    cr_assert(watcher_role.finished(by.core));
    cr_assert_eq(watcher_role.due(by.core), ROLE_NEVER);
    driver_fini(&by);
    s_free(bench);
}

Test(watcher, believes_nobody_else_and_knows_when_nobody_is_there)
{
    driver_t by = {.role = &watcher_role, .core = watcher_new(WATCHER, 0)};
    driver_give(&by, message_new(KIND_picture, WATCHER, "scheduler/us"));
    cr_assert_null(watcher_picture(by.core));
    cr_assert_not(watcher_is_alone(by.core));
    driver_give(&by, message_new(KIND_unreachable, WATCHER, "broker/us"));
    cr_assert(watcher_is_alone(by.core));
    cr_assert_not(watcher_role.finished(by.core));
    driver_fini(&by);
}

Test(watcher, a_global_scheduler_that_has_just_begun_shows_nothing)
{
    bench_t *bench = s_bench();
    driver_give(&bench->by, message_new(KIND_picture_want, GLOBAL, WATCHER));
    message_t *picture = driver_take(&bench->by, KIND_picture);
    cr_assert_not_null(picture);
    cr_assert_null(picture->data.buf);
    message_destroy(&picture);
    s_free(bench);
}
