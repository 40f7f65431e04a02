#include "actors/model/data/vocabulary.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

static void s_add(vocabulary_t *self, const char *word)
{
    cr_assert_eq(vocabulary_add(self, word, strlen(word), NULL), ERR_OK);
}

static uint32_t s_find(const vocabulary_t *self, const char *word)
{
    return vocabulary_find(self, word, strlen(word));
}

Test(vocabulary, numbers_are_in_the_order_of_bytes_and_not_of_arrival)
{
    vocabulary_t self = {0};
    cr_assert_eq(s_find(&self, "red"), 0);
    s_add(&self, "red"), s_add(&self, "blue"), s_add(&self, "red"), s_add(&self, ""), s_add(&self, "re");
    cr_assert_eq(vocabulary_number(&self, 5, NULL), ERR_OK);
    cr_assert_eq(self.count, 4);
    cr_assert(s_find(&self, "") == 5 && s_find(&self, "blue") == 6 && s_find(&self, "re") == 7 &&
              s_find(&self, "red") == 8 && s_find(&self, "green") == 0);
    vocabulary_fini(&self);
}

Test(vocabulary, many)
{
    enum { COUNT = 5000 };
    vocabulary_t self = {0};
    char word[16];
    for (size_t round = 0; round < 2; round++)
        for (size_t i = COUNT; i-- > 0;) {
            snprintf(word, sizeof word, "%06zu", i * 7);
            s_add(&self, word);
        }
    cr_assert_eq(vocabulary_number(&self, 1, NULL), ERR_OK);
    cr_assert_eq(self.count, COUNT);
    for (size_t i = 0; i < 7 * COUNT; i++) {
        snprintf(word, sizeof word, "%06zu", i);
        cr_assert_eq(s_find(&self, word), i % 7 ? 0 : i / 7 + 1, "%s", word);
    }
    vocabulary_fini(&self);
}
