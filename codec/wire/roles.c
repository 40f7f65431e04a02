#include "codec/wire/roles.h"

const role_row_t role_rows[ROLE_NONE + 1] = {
#define ROLE(id, its_text, its_one, its_named, its_placed, ...)                                              \
    [ROLE_##id] = {.text = its_text,                                                                         \
                   .length = sizeof its_text - 1,                                                            \
                   .one = its_one,                                                                           \
                   .named = NAMED_##its_named,                                                               \
                   .placed = PLACED_##its_placed,                                                            \
                   __VA_ARGS__},
#include "codec/wire/roles.def"
    [ROLE_NONE] = {.text = "", .one = ""},
};
