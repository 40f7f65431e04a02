#include "codec/base/quote.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

/* A shell makes the same text of it again. */
static void s_expect_round(const char *text)
{
    char out[QUOTE_MAX], command[QUOTE_MAX + 32], got[QUOTE_MAX] = "";
    snprintf(command, sizeof command, "printf %%s %s", quote_word(text, out));
    FILE *pipe = popen(command, "r");
    cr_assert(pipe);
    size_t size = fread(got, 1, sizeof got - 1, pipe);
    cr_assert_eq(pclose(pipe), 0);
    cr_assert(size == strlen(text) && !strcmp(got, text), "%s became %s", text, got);
}

Test(quote, a_shell_reads_back_what_was_meant)
{
    static const char *const texts[] = {"/data/run 1", "it's", "$HOME/`id`", "a\"b\\c*?",
                                        "~/x",         "''",   "a;b&c|d",    "\xc3\xa4"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        s_expect_round(texts[i]);
}

Test(quote, what_is_plain_stays_as_it_is)
{
    char out[QUOTE_MAX];
    cr_assert_str_eq(quote_word("/srv/run-1/topology.yaml", out), "/srv/run-1/topology.yaml");
    cr_assert_str_eq(quote_word("", out), "''");
}

Test(quote, what_is_too_long_is_cut_off_and_closed)
{
    char text[2 * QUOTE_MAX], out[QUOTE_MAX];
    memset(text, '\'', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    size_t length = strlen(quote_word(text, out));
    cr_assert(length < QUOTE_MAX && out[0] == '\'' && out[length - 1] == '\'');
}
