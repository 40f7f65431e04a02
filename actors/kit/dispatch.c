#include "actors/kit/dispatch.h"

#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

/* ---- senders ---- */

typedef enum { REGION_OWN, REGION_OTHER, REGION_EVERY, REGION_GLOBAL } where_t;
typedef enum { NUMBER_ANY, NUMBER_SAME } which_t; /* any that names of the role have; the taker's */

static const struct {
    sender_t sender;
    actor_role_t role;
    where_t where;
    which_t which;
} s_senders[] = {
#define SENDER(id, role, where, which) {FROM_##id, ROLE_##role, REGION_##where, NUMBER_##which},
#include "codec/wire/roles.def"
};

static bool s_is_role(actor_role_t wanted, actor_role_t role)
{
    return wanted == ROLE_HOSTED ? role_is_hosted(role) : role == wanted;
}

static bool s_is_there(where_t where, const dispatch_self_t *self, const actor_parts_t *parts)
{
    bool global = actor_is_in(parts, ACTOR_GLOBAL_REGION);
    bool own = actor_is_in(parts, self->region);
    switch (where) {
    case REGION_OWN:
        return own;
    case REGION_OTHER:
        return !own && !global;
    case REGION_GLOBAL:
        return global;
    default:
        return true;
    }
}

static bool s_is_that(which_t which, const dispatch_self_t *self, const actor_parts_t *parts)
{
    if (which == NUMBER_ANY)
        return (role_row(parts->role)->named == NAMED_ALONE) == !parts->rest_length;
    return self->number != DISPATCH_NO_NUMBER && parts->number == self->number;
}

bool sender_is(unsigned senders, const dispatch_self_t *self, const char *name)
{
    actor_parts_t parts;
    if (senders & FROM_ANYBODY)
        return true;
    if (!actor_split(name, strlen(name), &parts))
        return false;
    for (size_t i = 0; i < sizeof s_senders / sizeof *s_senders; i++)
        if ((senders & s_senders[i].sender) && s_is_role(s_senders[i].role, parts.role) &&
            s_is_there(s_senders[i].where, self, &parts) && s_is_that(s_senders[i].which, self, &parts))
            return true;
    return false;
}

/* ---- messages ---- */

static bool s_is_stale(const dispatch_t *table, const dispatch_self_t *self, const message_t *message,
                       uint64_t *newest)
{
    if (!sender_is(table->obeys, self, message->from))
        return false;
    if (message->incarnation < *newest)
        return message->kind != KIND_refused;
    *newest = message->incarnation;
    return false;
}

dispatch_verdict_t dispatch_judge(const dispatch_t *table, const dispatch_self_t *self,
                                  const message_t *message, unsigned phase, uint64_t *newest,
                                  const dispatch_row_t **ret_row)
{
    dispatch_verdict_t verdict = DISPATCH_FOREIGN;
    if (s_is_stale(table, self, message, newest))
        return DISPATCH_STALE;
    for (size_t i = 0; i < table->count; i++) {
        const dispatch_row_t *row = &table->rows[i];
        if (row->kind != message->kind)
            continue;
        bool allowed = sender_is(row->senders, self, message->from);
        if (allowed && (row->phases & DISPATCH_IN(phase))) {
            *ret_row = row;
            return DISPATCH_TAKEN;
        }
        if (allowed || verdict == DISPATCH_FOREIGN)
            verdict = allowed ? DISPATCH_EARLY : DISPATCH_DENIED;
    }
    return verdict;
}

err_code_t dispatch_why(dispatch_verdict_t verdict, const message_t *message, err_t *ret_why)
{
    if (verdict == DISPATCH_STALE)
        return err_set(ret_why, ERR_STALE, "a newer %s runs", message->from);
    if (verdict == DISPATCH_DENIED)
        return err_set(ret_why, ERR_DENIED, "%s is not for %s to say", message_kind_name(message->kind),
                       message->from);
    return ERR_OK;
}
