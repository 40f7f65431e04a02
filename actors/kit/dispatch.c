#include "actors/kit/dispatch.h"

#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

/* ---- senders ---- */

typedef enum { REGION_OWN, REGION_OTHER, REGION_EVERY, REGION_GLOBAL } where_t;
enum { NUMBER_ANY, NUMBER_SAME }; /* any that names of the role have; the taker's */

static bool s_is_role(actor_role_t wanted, actor_role_t role)
{
    return wanted == ROLE_HOSTED ? role_is_hosted(role) : role == wanted;
}

static bool s_is_there(where_t where, bool own, bool global)
{
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

/* Every set that somebody of this name is in. */
static unsigned s_sets_of(const dispatch_self_t *self, const char *name)
{
    actor_parts_t parts;
    unsigned sets = FROM_ANYBODY;
    if (!actor_split(name, strlen(name), &parts))
        return sets;
    bool own = actor_is_in(&parts, self->region), global = actor_is_in(&parts, ACTOR_GLOBAL_REGION);
    bool whole = (role_row(parts.role)->named == NAMED_ALONE) == !parts.rest_length;
    bool same = self->number != DISPATCH_NO_NUMBER && parts.number == self->number;
#define SENDER(id, its_role, where, which)                                                                   \
    if (s_is_role(ROLE_##its_role, parts.role) && s_is_there(REGION_##where, own, global) &&                 \
        (NUMBER_##which == NUMBER_SAME ? same : whole))                                                      \
        sets |= FROM_##id;
#include "codec/wire/roles.def"
    return sets;
}

bool sender_is(unsigned senders, const dispatch_self_t *self, const char *name)
{
    return senders & s_sets_of(self, name);
}

/* ---- messages ---- */

static bool s_is_stale(const message_t *message, uint64_t *newest)
{
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
    unsigned sender = s_sets_of(self, message->from);
    if ((sender & table->obeys) && s_is_stale(message, newest))
        return DISPATCH_STALE;
    for (size_t i = 0; i < table->count; i++) {
        const dispatch_row_t *row = &table->rows[i];
        if (row->kind != message->kind)
            continue;
        bool allowed = row->senders & sender;
        if (allowed && (row->phases & DISPATCH_IN(phase))) {
            *ret_row = row;
            return DISPATCH_ACCEPTED;
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
