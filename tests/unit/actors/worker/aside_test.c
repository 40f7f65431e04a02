#include "actors/worker/aside.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <semaphore.h>

typedef struct {
    sem_t may_end;
    int done;
} work_t;

static void s_work(void *arg)
{
    work_t *work = arg;
    sem_wait(&work->may_end);
    work->done++;
}

static bool s_is_readable(const aside_t *aside, int timeout_ms)
{
    struct pollfd item = {.fd = aside_fd(aside), .events = POLLIN};
    return poll(&item, 1, timeout_ms) == 1;
}

Test(aside, goes_on_beside_and_tells_when_it_is_over)
{
    aside_t *aside = NULL;
    work_t work = {0};
    sem_init(&work.may_end, 0, 0);
    cr_assert_eq(aside_new(&aside, NULL), ERR_OK);
    for (int i = 1; i <= 3; i++) {
        aside_begin(aside, s_work, &work);
        cr_assert(!aside_is_over(aside) && !s_is_readable(aside, 0));
        sem_post(&work.may_end);
        cr_assert(s_is_readable(aside, 60000));
        cr_assert(aside_is_over(aside) && work.done == i && !s_is_readable(aside, 0));
    }
    aside_destroy(&aside);
    cr_assert_null(aside);
}

Test(aside, who_goes_waits_for_what_is_under_way)
{
    aside_t *aside = NULL;
    work_t work = {0};
    sem_init(&work.may_end, 0, 1);
    cr_assert_eq(aside_new(&aside, NULL), ERR_OK);
    aside_begin(aside, s_work, &work);
    while (!aside_is_over(aside))
        s_is_readable(aside, 60000);
    sem_post(&work.may_end);
    aside_begin(aside, s_work, &work);
    aside_destroy(&aside);
    cr_assert(work.done >= 1);
}
