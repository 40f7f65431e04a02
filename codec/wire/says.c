#include "codec/wire/says.h"

#include "codec/wire/actor_name.h"

#include <string.h>

static const struct {
    message_kind_t kind;
    says_t from, to;
} s_rows[] = {
#define MESSAGE(name, number, class, doc)
#define FIELD(message, number, type, name, doc)
#define SAYS(message, from, to) {KIND_##message, SAYS_##from, SAYS_##to},
#define END(name)
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END
};

says_t says_of(const char *name)
{
    actor_role_t role = actor_role_of(name);
    if (!strcmp(name, ACTOR_GLOBAL))
        return SAYS_GLOBAL;
    return role < ROLE_NONE ? (says_t)role : SAYS_ANYBODY;
}

/* The role is one of those that a row names. */
static bool s_is_named(says_t named, says_t role)
{
    bool hosted = role < SAYS_GLOBAL && role_is_hosted((actor_role_t)role);
    return named == role || named == SAYS_ANYBODY || (named == SAYS_HOSTED && hosted);
}

/* A row of a kind after another: every delivery of a simulated world asks, so kinds are not searched for. */
bool says_may(message_kind_t kind, says_t from, says_t to)
{
    switch (kind) {
#define MESSAGE(name, number, class, doc)                                                                    \
    case KIND_##name:                                                                                        \
        return false
#define FIELD(message, number, type, name, doc)
#define SAYS(message, its_from, its_to)                                                                      \
    || (s_is_named(SAYS_##its_from, from) && s_is_named(SAYS_##its_to, to))
#define END(name) ;
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END
    default:
        return false;
    }
}

bool says_is_row(message_kind_t kind, says_t from, says_t to)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++)
        if (s_rows[i].kind == kind && s_rows[i].from == from && s_rows[i].to == to)
            return true;
    return false;
}

const char *says_text(says_t role)
{
    static const char *const texts[] = {
        [SAYS_GLOBAL] = "the global scheduler",
        [SAYS_HOSTED] = "whoever a node hosts",
        [SAYS_ANYBODY] = "anybody",
    };
    return role < SAYS_GLOBAL ? role_row((actor_role_t)role)->one : texts[role];
}
