#include "actors/node/announcing.h"

#define NODE_ANNOUNCE_US 1000000
#define NODE_FIRST_ANNOUNCE_US 200000 /* until something is placed */

static const char *s_copy(wire_name_t ret_copy, const char *text)
{
    message_set_name(ret_copy, text ? text : "");
    return ret_copy;
}

void announcing_init(announcing_t *self, const node_spec_t *spec)
{
    CHECK(spec->held_count <= NODE_HELD_MAX);
    *self = (announcing_t){.spec = *spec, .begun_us = -1, .said_us = INT64_MIN};
    self->spec.name = s_copy(self->name, spec->name);
    self->spec.region = s_copy(self->region, spec->region);
    self->spec.host = s_copy(self->host, spec->host);
    self->spec.digest = s_copy(self->digest, spec->digest);
    self->spec.offer = s_copy(self->offer, spec->offer);
    self->spec.kernel = s_copy(self->kernel, spec->kernel);
}

/* A scheduler that was started again learns from this whom it need not place. */
static void s_set_hosted(const hosted_t *hosted, message_t *announce)
{
    uint64_t incarnations[NODE_ACTORS_MAX];
    size_t count = hosted_living(hosted, incarnations);
    message_set_u64s(&announce->announce.hosted, incarnations, count);
}

static void s_set_held(const node_spec_t *spec, message_t *announce)
{
    announce_held_t *held = message_set_rows(&announce->announce.held, spec->held_count);
    for (size_t i = 0; i < spec->held_count; i++)
        held[i] = spec->held[i];
}

void announcing_fill(announcing_t *self, const hosted_t *hosted, bool leaving, uint64_t scheduler,
                     int64_t now_us, message_t *ret_announce)
{
    const node_spec_t *spec = &self->spec;
    self->said_us = now_us;
    message_set_name(ret_announce->announce.digest, spec->digest);
    ret_announce->announce.run = hosted->run;
    ret_announce->announce.pid = spec->pid;
    ret_announce->announce.process = spec->process;
    message_set_name(ret_announce->announce.host, spec->host);
    ret_announce->announce.cores = spec->cores;
    ret_announce->announce.samples = spec->samples;
    ret_announce->announce.scheduler = scheduler;
    message_set_name(ret_announce->announce.offer, spec->offer);
    message_set_name(ret_announce->announce.kernel, spec->kernel);
    ret_announce->announce.samples_per_s = spec->samples_per_s;
    ret_announce->announce.leaving = leaving;
    ret_announce->announce.age_us = spec->age_us + (self->begun_us < 0 ? 0 : now_us - self->begun_us);
    s_set_held(spec, ret_announce);
    s_set_hosted(hosted, ret_announce);
}

int64_t announcing_due(const announcing_t *self, const hosted_t *hosted, bool leaving)
{
    int64_t usual_us = self->spec.announce_us ? self->spec.announce_us : NODE_ANNOUNCE_US;
    if (self->said_us == INT64_MIN)
        return 0;
    return self->said_us + (!hosted->placed || leaving ? NODE_FIRST_ANNOUNCE_US : usual_us);
}
