/* A mistake in YAML is told where it is, which is seldom where the parser stops. */
#include "brokers/yaml_tree.h"

#include <criterion/criterion.h>
#include <string.h>

static void s_check(const char *text, size_t size, const char *expected)
{
    tree_t *tree = NULL;
    err_t err = {0};
    cr_expect_eq(tree_parse("t", text, size, &tree, &err), ERR_CONFIG, "%s", text);
    cr_expect_eq(strncmp(err.text, expected, strlen(expected)), 0, "\n  got      %s\n  expected %s", err.text,
                 expected);
    cr_expect(strstr(err.text, "; "), "%s", err.text);
    tree_destroy(&tree);
}

Test(yaml_likely, the_line_with_the_mistake_is_told)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"job:\n  name: \"abc\n  model: lenet\n  epochs: 3\n",
         "t:2:9: yaml: a quote that is opened here is never closed"},
        {"job:\n  name: \"abc\n  dir: \"/x\"\n",
         "t:2:9: yaml: a quote that is opened here is not closed in its line"},
        {"job:\n  name: 'abc\n  model: lenet\n", "t:2:9: yaml: a quote that is opened here is never closed"},
        {"job:\n  epochs:3\n  batch: 4\n", "t:2:9: yaml: no space after the colon"},
        {"job:\n  batch: 4\n  epochs:3\n", "t:3:9: yaml: no space after the colon"},
        {"regions:\n  -name: a\n    data_share: 1\n", "t:2:3: yaml: no space after the dash"},
        {"regions:\n  - name: a\n  -name: b\n", "t:3:3: yaml: no space after the dash"},
        {"job:\n\tname: t\n", "t:2:1: yaml: a tab where the line is indented"},
        {"job:\n  name: t\n\tmodel: lenet\n", "t:3:1: yaml: a tab where the line is indented"},
        {"job:\n  name\n  model: lenet\n", "t:2:3: yaml: no colon after this key"},
        {"job:\n  name: a: b\n", "t:2:10: yaml: a colon in a text"},
        {"job:\n  name: t\n    model: lenet\n",
         "t:3:10: yaml: a colon in a text, or a key that is indented too far"},
        {"job:\n  name: t\n model: lenet\n", "t:3:2: yaml: indented other than the keys"},
        {"job: {name: t\nregions: []\n", "t:1:6: yaml: a brace that is opened here is not closed"},
        {"links:\n  - between: [a, b\n", "t:2:14: yaml: a bracket that is opened here is not closed"},
        {"job:\n  name: @t\n", "t:2:9: yaml: a character that cannot begin a text"},
        {"job:\n  dir: \"C:\\data\"\n", "t:2:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        s_check(rows[i].text, strlen(rows[i].text), rows[i].expected);
}

Test(yaml_likely, the_encoding_of_a_file_is_told)
{
    s_check("\xff\xfej\0o\0b\0", 8, "t:1:1: yaml: the file is UTF-16; write it as UTF-8");
    s_check("\xfe\xff\0j\0o\0b", 8, "t:1:1: yaml: the file is UTF-16; write it as UTF-8");
    s_check("j\0o\0b\0:\0", 8, "t:1:1: yaml: the file is UTF-16; write it as UTF-8");
    s_check("a: b\nc: \xe4\n", 10, "t:2:4: yaml: a byte that is no UTF-8; write the file as UTF-8");
    s_check("a: b\nc: \x01\n", 10, "t:2:4: yaml: a control character; write without it");
}

/* Editors of some systems put it there; it is no mistake. */
Test(yaml_likely, a_byte_order_mark_of_utf8_is_read_over)
{
    tree_t *tree = NULL;
    cr_assert_eq(tree_parse("t", "\xef\xbb\xbfjob: 1\n", 10, &tree, NULL), ERR_OK);
    cr_expect_not_null(tree_get(tree->root, "job"));
    tree_destroy(&tree);
}
