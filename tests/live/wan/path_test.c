#include "tests/live/wan/path.h"

#include <criterion/criterion.h>
#include <string.h>

static path_t s_path(const char *const *knobs)
{
    path_t path;
    err_t err = {0};
    path_init(&path, 1, 0, 1);
    for (size_t i = 0; knobs[i]; i++)
        cr_assert_eq(path_set(&path, knobs[i], &err), ERR_OK, "%s", err.text);
    return path;
}

Test(path, rate_and_delay)
{
    path_t path = s_path((const char *const[]){"rate=8Mbit", "rtt=30ms", NULL});
    cr_assert_eq(path_send(&path, 1000, 0, 0), 1000 + 15000); /* 1 MB/s */
    cr_assert_eq(path_send(&path, 1000, 0, 0), 2000 + 15000); /* waits for the one before */
    cr_assert_eq(path_send(&path, 1000, 0, 50000), 51000 + 15000);
}

Test(path, drops_beyond_its_queue)
{
    path_t path = s_path((const char *const[]){"rate=8Mbit", "queue=10ms", NULL});
    unsigned came = 0;
    for (unsigned i = 0; i < 100; i++)
        came += path_send(&path, 1000, 0, 0) >= 0;
    cr_assert_eq(came, 11);
    cr_assert_eq(path.stats.dropped, 89);
}

Test(path, caps_each_flow)
{
    path_t path = s_path((const char *const[]){"flow=8Mbit", "rate=80Mbit", NULL});
    cr_assert_eq(path_send(&path, 1000, 1, 0), 1100);
    cr_assert_eq(path_send(&path, 1000, 1, 0), 2100);
    cr_assert_eq(path_send(&path, 1000, 2, 0), 1300); /* another is not held up by it */
}

Test(path, loses_and_reorders_as_often_as_asked)
{
    path_t path = s_path((const char *const[]){"loss=5%", "reorder=10%", "rtt=20ms", "jitter=5ms", NULL});
    int64_t before = 0;
    unsigned late = 0;
    for (int64_t i = 0; i < 20000; i++) {
        int64_t at_us = path_send(&path, 100, 0, i * 1000);
        if (at_us < 0)
            continue;
        late += at_us < before;
        cr_assert(at_us <= i * 1000 + 15000 + 5000);
        before = at_us > before ? at_us : before;
    }
    cr_assert(path.stats.lost > 800 && path.stats.lost < 1200);
    cr_assert(late > 1500 && late < 2300);
}

Test(path, an_outage_cuts_everything)
{
    path_t path = s_path((const char *const[]){"down", NULL});
    cr_assert_eq(path_send(&path, 100, 0, 0), -1);
    cr_assert_eq(path.stats.cut, 1);
    cr_assert_eq(path_set(&path, "up", NULL), ERR_OK);
    cr_assert_eq(path_send(&path, 100, 0, 5), 5);
}

Test(path, refuses_what_it_does_not_know)
{
    path_t path = s_path((const char *const[]){NULL});
    err_t err = {0};
    cr_assert_eq(path_set(&path, "speed=1", &err), ERR_USAGE);
    cr_assert(strstr(err.text, "no such knob"));
    cr_assert_neq(path_set(&path, "rate=fast", &err), ERR_OK);
}
