#include "actors/kit/dispatch.h"

#include <stdlib.h>
#include <string.h>

/* ---- senders ---- */

#define GLOBAL "global"

typedef enum { REGION_OWN, REGION_OTHER, REGION_ANY, REGION_GLOBAL } where_t;
typedef enum { NUMBER_NONE, NUMBER_SAME, NUMBER_SOME } which_t;

static const struct {
    sender_t sender;
    const char *role;
    where_t where;
    which_t which;
} s_senders[] = {
    {FROM_SCHEDULER, "scheduler", REGION_OWN, NUMBER_NONE},
    {FROM_GLOBAL, "scheduler", REGION_GLOBAL, NUMBER_NONE},
    {FROM_SCHEDULERS, "scheduler", REGION_OTHER, NUMBER_NONE},
    {FROM_WORKERS, "worker", REGION_OWN, NUMBER_SOME},
    {FROM_SHARDS, "shard", REGION_OWN, NUMBER_SOME},
    {FROM_PEERS, "shard", REGION_OTHER, NUMBER_SAME},
    {FROM_SYNCHRONIZER, "synchronizer", REGION_OWN, NUMBER_SAME},
    {FROM_PEER_SYNCHRONIZERS, "synchronizer", REGION_OTHER, NUMBER_SAME},
    {FROM_SHARD, "shard", REGION_OWN, NUMBER_SAME},
    {FROM_SYNCHRONIZERS, "synchronizer", REGION_OWN, NUMBER_SOME},
    {FROM_OWN_KEEPERS, "keeper", REGION_OWN, NUMBER_SOME},
    {FROM_KEEPERS, "keeper", REGION_ANY, NUMBER_SOME},
    {FROM_NODES, "node", REGION_OWN, NUMBER_SOME},
    {FROM_BROKER, "broker", REGION_OWN, NUMBER_NONE},
    {FROM_ALL_SHARDS, "shard", REGION_ANY, NUMBER_SOME},
};

/* "ROLE/REGION" or "ROLE/REGION/REST", as it stands in a name. */
typedef struct {
    const char *role, *region, *rest; /* rest: "" when there is none */
    size_t role_length, region_length;
} parts_t;

static bool s_split(const char *name, parts_t *ret_parts)
{
    const char *slash = strchr(name, '/');
    if (!slash)
        return false;
    size_t length = strcspn(slash + 1, "/");
    const char *rest = slash + 1 + length;
    *ret_parts = (parts_t){.role = name,
                           .role_length = (size_t)(slash - name),
                           .region = slash + 1,
                           .region_length = length,
                           .rest = *rest ? rest + 1 : rest};
    return length > 0;
}

static bool s_equals(const char *text, size_t length, const char *whole)
{
    return strlen(whole) == length && !memcmp(text, whole, length);
}

static bool s_is_there(where_t where, const dispatch_self_t *self, const parts_t *parts)
{
    bool global = s_equals(parts->region, parts->region_length, GLOBAL);
    bool own = s_equals(parts->region, parts->region_length, self->region);
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

static bool s_is_that(which_t which, const dispatch_self_t *self, const parts_t *parts)
{
    if (which != NUMBER_SAME)
        return (which == NUMBER_NONE) == !parts->rest[0];
    char number[24];
    snprintf(number, sizeof number, "%zu", self->number);
    return self->number != DISPATCH_NO_NUMBER && !strcmp(parts->rest, number);
}

bool sender_is(unsigned senders, const dispatch_self_t *self, const char *name)
{
    parts_t parts;
    if (senders & FROM_ANYBODY)
        return true;
    if (!s_split(name, &parts))
        return false;
    for (size_t i = 0; i < sizeof s_senders / sizeof *s_senders; i++)
        if ((senders & s_senders[i].sender) && s_equals(parts.role, parts.role_length, s_senders[i].role) &&
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
