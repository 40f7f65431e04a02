#include "codec/base/failpoint.h"

#include <criterion/criterion.h>

/* Which of its first six hits strike, as a text of '-' and 'x'. */
static void s_assert_strikes(const char *armed, const char *wanted)
{
    char seen[7] = {0};
    failpoint_arm(armed);
    for (size_t i = 0; i < 6; i++)
        seen[i] = failpoint_strikes(FAILPOINT_store_commit_full) ? 'x' : '-';
    cr_assert_str_eq(seen, wanted, "%s: %s, not %s", armed, seen, wanted);
}

Test(failpoint, strikes_at_the_hits_that_were_armed)
{
    s_assert_strikes("store.commit.full", "x-----");
    s_assert_strikes("store.commit.full:3", "--x---");
    s_assert_strikes("store.commit.full:3+", "--xxxx");
    s_assert_strikes("store.commit.full:3+2,store.commit.eio:1", "--xxx-");
    s_assert_strikes("store.commit.eio:1+,store.commit.full:6", "-----x");
    s_assert_strikes("store.commit.eio", "------");
}
