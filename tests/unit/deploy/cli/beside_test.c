#include "deploy/cli/beside.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

static const char s_topology[] = SOURCE_DIR "/deploy/topologies/ledger.yaml";

static void s_print(const char *strategy, char *ret_text, size_t size)
{
    static const char *const sets[] = {"job.data.samples=600", "job.epochs=2", "plan.samples_per_s=1000",
                                       "job.sync.every=4"};
    err_t err = {0};
    static beside_t beside;
    cr_assert_eq(beside_prepare(&beside, strategy, s_topology, sets, 4, NULL, &err), ERR_OK, "%s", err.text);
    beside_print(&beside);
    beside_fini(&beside);
    fflush(stdout);
    FILE *printed = cr_get_redirected_stdout();
    ret_text[fread(ret_text, 1, size - 1, printed)] = '\0';
}

/* A strategy that sends every gradient: more bytes than the gradients of all steps, and some time. */
Test(beside, tells_what_another_strategy_would_have_taken, .init = cr_redirect_stdout)
{
    char text[256] = "", time[4] = "", unit[8] = "";
    double seconds = 0, size = 0;
    s_print("asgd", text, sizeof text);
    cr_assert_eq(sscanf(text, "  asgd would have taken %lf %3s with %lf %7s over the WAN (simulated)",
                        &seconds, time, &size, unit),
                 4, "%s", text);
    cr_assert(seconds > 0 && (!strcmp(time, "ms,") || !strcmp(time, "s,")), "%s", text);
    cr_assert(!strcmp(unit, "MiB") || !strcmp(unit, "KiB"), "%s", text);
}

Test(beside, says_nothing_where_nothing_is_asked, .init = cr_redirect_stdout)
{
    char text[256] = "";
    err_t err = {0};
    static beside_t beside;
    cr_assert_eq(beside_prepare(&beside, NULL, s_topology, NULL, 0, NULL, &err), ERR_OK);
    beside_print(&beside);
    beside_fini(&beside);
    fputs("end", stdout);
    fflush(stdout);
    FILE *printed = cr_get_redirected_stdout();
    text[fread(text, 1, sizeof text - 1, printed)] = '\0';
    cr_assert_str_eq(text, "end");
}

Test(beside, a_strategy_that_there_is_not_is_refused)
{
    err_t err = {0};
    static beside_t beside;
    cr_assert_eq(beside_prepare(&beside, "asgdd", s_topology, NULL, 0, NULL, &err), ERR_CONFIG);
    cr_assert(strstr(err.text, "--beside asgdd") && strstr(err.text, "asgd-ga"), "%s", err.text);
    beside_fini(&beside);
}
