#include "tests/bench/kit/probe.h"

#include "actors/kit/clock.h"
#include "actors/kit/shell_link.h"
#include "brokers/broker.h"
#include "codec/base/rng.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct probe {
    const topology_t *topology;
    size_t region_index;
    const char *run_dir;
    char shard[WIRE_NAME_SIZE], name[WIRE_NAME_SIZE];
    shell_link_t *link;
    uint64_t request;
};

static err_code_t s_find(void *hint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err)
{
    probe_t *self = hint;
    return broker_find(self->topology, self->region_index, self->run_dir, ret_endpoint, err);
}

void probe_renew(probe_t *self)
{
    if (self->link)
        shell_link_destroy(&self->link, false);
    snprintf(self->name, sizeof self->name, "worker/%s/%u", self->topology->regions[self->region_index].name,
             900 + (unsigned)(rng_entropy() % 1000000)); /* nobody's successor */
    self->link = shell_link_new(self->name, 1, 0, s_find, self);
}

probe_t *probe_new(const topology_t *topology, size_t region_index, const char *run_dir, const char *shard)
{
    probe_t *self = calloc(1, sizeof *self);
    CHECK(self);
    *self = (probe_t){.topology = topology, .region_index = region_index, .run_dir = run_dir};
    snprintf(self->shard, sizeof self->shard, "%s", shard);
    probe_renew(self);
    return self;
}

void probe_destroy(probe_t **self_p)
{
    probe_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    shell_link_destroy(&self->link, false);
    free(self);
}

static void s_pull(probe_t *self)
{
    message_t *pull = message_new(KIND_pull, self->shard, self->name);
    pull->incarnation = 1;
    pull->number = ++self->request;
    pull->pull.newest = true;
    shell_link_send(self->link, &pull);
}

static bool s_answer(probe_t *self, uint64_t *ret_version, uint64_t *ret_incarnation)
{
    message_t *message = NULL;
    bool found = false;
    while (!found && shell_link_receive(self->link, &message, NULL) == ERR_OK) {
        found = message->kind == KIND_params && message->number == self->request;
        *ret_version = message->params.version;
        *ret_incarnation = message->incarnation;
        message_destroy(&message);
    }
    return found;
}

bool probe_ask(probe_t *self, int64_t patience_us, uint64_t *ret_version, uint64_t *ret_incarnation)
{
    int64_t end_us = clock_now_us() + patience_us;
    shell_link_tick(self->link, clock_now_us());
    s_pull(self);
    while (clock_now_us() < end_us) {
        shell_link_tick(self->link, clock_now_us());
        if (s_answer(self, ret_version, ret_incarnation))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return false;
}
