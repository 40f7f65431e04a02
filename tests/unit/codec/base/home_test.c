#include "codec/base/home.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void s_expect(const char *path, const char *expected)
{
    char out[24];
    cr_expect_str_eq(home_expand(path, out, sizeof out), expected);
}

Test(home, a_tilde_alone_or_before_a_slash_is_the_home_directory)
{
    setenv("HOME", "/home/me", 1);
    s_expect("~", "/home/me");
    s_expect("~/x y", "/home/me/x y");
    s_expect("~you/x", "~you/x");
    s_expect("x/~/y", "x/~/y");
    s_expect("", "");
}

Test(home, without_a_home_or_room_a_path_stays_as_it_is)
{
    setenv("HOME", "/home/me/far/away", 1);
    s_expect("~/12345", "/home/me/far/away/12345");
    s_expect("~/123456", "~/123456");
    unsetenv("HOME");
    s_expect("~/x", "~/x");
}
