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
    static const says_t roles[] = {
        [ROLE_SHARD] = SAYS_SHARD,   [ROLE_SYNCHRONIZER] = SAYS_SYNCHRONIZER,
        [ROLE_WORKER] = SAYS_WORKER, [ROLE_KEEPER] = SAYS_KEEPER,
        [ROLE_NODE] = SAYS_NODE,     [ROLE_SCHEDULER] = SAYS_SCHEDULER,
        [ROLE_BROKER] = SAYS_BROKER, [ROLE_WATCHER] = SAYS_ANYBODY,
        [ROLE_NONE] = SAYS_ANYBODY,
    };
    return strcmp(name, ACTOR_GLOBAL) ? roles[actor_role_of(name)] : SAYS_GLOBAL;
}

bool says_may(message_kind_t kind, says_t from, says_t to)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++) {
        bool same = s_rows[i].kind == kind;
        bool by = s_rows[i].from == from || s_rows[i].from == SAYS_ANYBODY;
        if (same && by && (s_rows[i].to == to || s_rows[i].to == SAYS_ANYBODY))
            return true;
    }
    return false;
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
        [SAYS_SHARD] = "a shard",
        [SAYS_SYNCHRONIZER] = "a synchronizer",
        [SAYS_WORKER] = "a worker",
        [SAYS_KEEPER] = "a keeper",
        [SAYS_NODE] = "a node",
        [SAYS_SCHEDULER] = "a regional scheduler",
        [SAYS_GLOBAL] = "the global scheduler",
        [SAYS_BROKER] = "a broker",
        [SAYS_ANYBODY] = "anybody",
    };
    return texts[role];
}
