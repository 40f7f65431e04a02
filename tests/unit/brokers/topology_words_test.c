#include "brokers/topology_words.h"

#include <criterion/criterion.h>

#include <string.h>

static const char *s_read(const char *text, size_t most)
{
    static char words[TOPOLOGY_WORDS_MAX];
    strcpy(words, "untouched");
    return words_parse(text, most, words) ? words : strcmp(words, "untouched") ? "changed" : NULL;
}

Test(topology_words, a_list_or_one_word)
{
    cr_assert_str_eq(s_read("[user, movie]", 5), "user,movie");
    cr_assert_str_eq(s_read("[ user ,movie,  1]", 5) ? "read" : "refused", "refused",
                     "a space behind a name");
    cr_assert_str_eq(s_read("user", 5), "user");
    cr_assert_str_eq(s_read("[]", 5), "");
    cr_assert_str_eq(s_read("[a b, größe, 7.x, km/h (max)]", 5), "a b,größe,7.x,km/h (max)");
}

Test(topology_words, what_is_none)
{
    static const char *const wrong[] = {"[a, b, c]", "[a,]", "[,a]", "[a,,b]", "[a:b]", "[\"a\"]",
                                        "[[a]]",     "[-a]", "[#a]", "[a\tb]", "[ ]",   "[{}]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_null(s_read(wrong[i], 2), "%s", wrong[i]);
}

Test(topology_words, there_is_a_limit)
{
    char text[TOPOLOGY_WORDS_MAX + 8];
    memset(text, 'x', sizeof text);
    text[TOPOLOGY_WORDS_MAX - 2] = '\0';
    cr_assert_not_null(s_read(text, 1));
    text[TOPOLOGY_WORDS_MAX - 2] = 'x';
    text[TOPOLOGY_WORDS_MAX] = '\0';
    cr_assert_null(s_read(text, 1));
}

Test(topology_words, are_printed_as_they_are_read)
{
    char out[2 * TOPOLOGY_WORDS_MAX + 8];
    cr_assert_str_eq(words_print("user,movie", 5, out), "[user, movie]");
    cr_assert_str_eq(words_print("", 5, out), "[]");
    cr_assert_str_eq(words_print("label", 1, out), "label");
}

Test(topology_words, are_counted_and_found)
{
    cr_assert(words_count("") == 0 && words_count("a") == 1 && words_count("a,b c,d") == 3);
    cr_assert(words_have("a,rest", "rest") && words_have("rest", "rest"));
    cr_assert(!words_have("", "rest") && !words_have("arrest,rested", "rest"));
}
