#include "codec/wire/roles.h"

#include "codec/base/err.h"

static const role_row_t s_rows[] = {
#define ROLE(id, its_text, its_one, its_named, its_placed, ...)                                              \
    [ROLE_##id] = {.text = its_text,                                                                         \
                   .one = its_one,                                                                           \
                   .named = NAMED_##its_named,                                                               \
                   .placed = PLACED_##its_placed,                                                            \
                   __VA_ARGS__},
#include "codec/wire/roles.def"
    [ROLE_NONE] = {.text = "", .one = ""},
};

const role_row_t *role_row(actor_role_t role)
{
    CHECK(role <= ROLE_NONE);
    return &s_rows[role];
}

bool role_is_hosted(actor_role_t role)
{
    return role_row(role)->placed != PLACED_NEVER;
}
