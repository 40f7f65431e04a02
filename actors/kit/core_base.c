#include "actors/kit/core_base.h"

#include "codec/base/run_id.h"

void core_init(core_base_t *self, const char *name, uint64_t incarnation, const topology_t *topology)
{
    *self = (core_base_t){.incarnation = incarnation, .topology = topology};
    message_set_name(self->name, name);
    outbox_init(&self->outbox);
}

void core_fini(core_base_t *self)
{
    outbox_fini(&self->outbox);
}

const char *core_region_name(const core_base_t *self, size_t region)
{
    return self->topology->regions[region].name;
}

message_t *core_message(const core_base_t *self, message_kind_t kind, const char *to)
{
    return message_new(kind, to, self->name);
}

void core_send(core_base_t *self, message_t **message_p)
{
    message_set_name((*message_p)->from, self->name);
    (*message_p)->incarnation = self->incarnation;
    outbox_add(&self->outbox, message_p);
}

static void s_refuse(core_base_t *self, const message_t *message, err_code_t code, const char *reason,
                     uint64_t run)
{
    message_t *answer = core_message(self, KIND_refused, message->from);
    answer->number = message->number;
    answer->refused.kind = (uint64_t)message->kind;
    answer->refused.code = (uint64_t)code;
    answer->refused.incarnation = message->incarnation;
    answer->refused.run = run;
    message_set_text(&answer->refused.reason, reason);
    core_send(self, &answer);
}

void core_refuse(core_base_t *self, const message_t *message, err_code_t code, const char *reason)
{
    s_refuse(self, message, code, reason, RUN_ID_NONE);
}

void core_refuse_run(core_base_t *self, const message_t *message, const err_t *why, uint64_t run)
{
    s_refuse(self, message, why->code, why->text, run);
}

outbox_t *core_outbox(void *core)
{
    return &((core_base_t *)core)->outbox;
}

bool core_finished(const void *core)
{
    return ((const core_base_t *)core)->finished;
}
