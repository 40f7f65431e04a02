/* Who is there: nodes announce themselves, and are lost when they fall silent. */
#include "actors/scheduler/region/region_state.h"

#include <stdlib.h>
#include <string.h>

region_node_t *region_node_find(region_core_t *self, const char *name)
{
    for (size_t index = 0; index < self->node_count; index++)
        if (!strcmp(self->nodes[index].name, name))
            return &self->nodes[index];
    return NULL;
}

static bool s_is_node_name(const region_core_t *self, const char *name)
{
    char prefix[WIRE_NAME_SIZE];
    int length = snprintf(prefix, sizeof prefix, "node/%s/", self->region->name);
    return !strncmp(name, prefix, (size_t)length) && name[length];
}

/* The job follows from the topology and the size of the data set, which the first node tells. */
err_code_t region_derive(region_core_t *self, uint64_t samples, err_t *err)
{
    if (self->job_known && samples != self->samples_announced)
        return err_set(err, ERR_JOB,
                       "the data set has %llu samples, other nodes have %llu; use the same data set",
                       (unsigned long long)samples, (unsigned long long)self->samples_announced);
    if (self->job_known)
        return ERR_OK;
    err_code_t code = job_derive(self->spec.topology, samples, &self->job, err);
    if (code)
        return code;
    self->job_known = true;
    self->samples_announced = samples;
    self->share = &self->job.regions[self->spec.region_index];
    return ERR_OK;
}

static bool s_held_well_formed(const message_t *message)
{
    return message->announce.held_shards.count == message->announce.held_incarnations.count &&
           message->announce.held_shards.count == message->announce.held_numbers.count;
}

/* What nobody can have given would be the fence, and every term that may follow it is below. */
static bool s_are_possible(const wire_u64s_t *incarnations)
{
    for (size_t index = 0; index < incarnations->count; index++)
        if (!incarnation_is_possible(incarnations->items[index]))
            return false;
    return true;
}

static bool s_is_possible(const message_t *message)
{
    return s_are_possible(&message->announce.held_incarnations) &&
           s_are_possible(&message->announce.hosted) && incarnation_is_possible(message->announce.scheduler);
}

static err_code_t s_check_announce(region_core_t *self, const message_t *message, err_t *err)
{
    if (strcmp(message->announce.digest, self->digest))
        return err_set(err, ERR_JOB, "this node has another topology; start it with the topology of the job");
    err_code_t code = region_run_check(self, message, err);
    if (code)
        return code;
    if (!s_held_well_formed(message))
        return err_set(err, ERR_MALFORMED, "the lists of held shards differ in length");
    if (!s_is_possible(message))
        return err_set(err, ERR_LIMIT, "it tells of an incarnation that nobody can have given");
    return region_derive(self, message->announce.samples, err);
}

/* Ids of processes come again, and in a container it is always 1: after its disk was lost only this tells them apart. */
uint64_t region_process(const message_t *announce)
{
    return announce->announce.process ? announce->announce.process : announce->announce.pid;
}

static void s_node_emptied(region_core_t *self, const region_node_t *node, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count; index++)
        if (self->actors[index].node == (size_t)(node - self->nodes))
            region_actor_ended(self, &self->actors[index], now_us);
}

/* A process that was not there. */
static void s_joined(region_core_t *self, region_node_t *node, const message_t *message, int64_t now_us)
{
    node->came_us = now_us;
    node->trained_us = 0;
    node->joins = self->first_lease_us >= 0;
    node->age_us = message->announce.age_us > 0 ? message->announce.age_us : 0;
    self->workers_us = now_us;
}

static region_node_t *s_add_node(region_core_t *self, const message_t *message, int64_t now_us)
{
    if (self->node_count == NODES_MAX)
        return NULL;
    region_node_t *node = &self->nodes[self->node_count++];
    message_set_name(node->name, message->from);
    node->joined_us = self->newest_node_us = now_us;
    s_joined(self, node, message, now_us);
    return node;
}

/* A node that runs what a predecessor placed may never be told anything else: it must hear of this scheduler, or it would
 * do what one that was taken for dead goes on to ask for. One that leaves goes on its own when it hears of nobody. */
static void s_make_known(region_core_t *self, const message_t *announce)
{
    bool knows = announce->announce.scheduler >= self->spec.term << 32 && !announce->announce.leaving;
    if (knows || self->decisions_kept < self->term_decision)
        return;
    message_t *ack = message_new(KIND_report_ack, announce->from, self->name);
    region_send(self, &ack);
}

void region_take_announce(region_core_t *self, const message_t *message, int64_t now_us)
{
    err_t err = {0};
    if (!s_is_node_name(self, message->from))
        return;
    if (s_check_announce(self, message, &err)) {
        region_refuse(self, message, err.code, err.text);
        return;
    }
    region_node_t *node = region_node_find(self, message->from);
    if (!node) {
        node = s_add_node(self, message, now_us);
        if (!node) {
            region_refuse(self, message, ERR_LIMIT, "the region has too many nodes");
            return;
        }
    } else if (message->incarnation < node->announce->incarnation) {
        return; /* of a process that was replaced */
    } else if (message->incarnation > node->announce->incarnation ||
               region_process(node->announce) != region_process(message)) {
        s_node_emptied(self, node, now_us);
        node->stopped = false;
        s_joined(self, node, message, now_us);
    }
    if (node->lost) {
        node->lost = false;
        node->joined_us = now_us;
    }
    node->seen_us = now_us;
    if (!node->announce || node->announce->announce.leaving != message->announce.leaving)
        self->workers_us = now_us;
    message_destroy(&node->announce);
    node->announce = message_dup(message);
    region_keep_joined(self, (size_t)(node - self->nodes));
    region_check_fence(self, message);
    region_known_heard(self, message, now_us);
    s_make_known(self, message);
    region_units_seen(self, node, now_us);
}

const char *region_kernels(const region_core_t *self, char text[REGION_KERNELS_MAX])
{
    size_t length = 0;
    text[0] = 0;
    for (size_t i = 0; i < self->node_count; i++) {
        const char *kernel = self->nodes[i].announce->announce.kernel;
        size_t size = strlen(kernel);
        if (!size || strstr(text, kernel) || length + size + sizeof ", " > REGION_KERNELS_MAX)
            continue;
        length +=
            (size_t)snprintf(text + length, REGION_KERNELS_MAX - length, "%s%s", length ? ", " : "", kernel);
    }
    return text;
}

void region_node_left(region_core_t *self, region_node_t *node, int64_t now_us)
{
    if (node->lost)
        return;
    node->lost = true;
    region_units_gone(self, node, now_us);
    node->rented_us += node->seen_us - node->joined_us;
    self->workers_us = now_us;
    s_node_emptied(self, node, now_us);
}

/* Silence is counted while this scheduler listens: after it was held up itself, what the others sent meanwhile
 * is still to be read. */
bool region_is_silent(const region_core_t *self, int64_t seen_us, int64_t silence_us, int64_t now_us)
{
    int64_t from_us = seen_us > self->listens_us ? seen_us : self->listens_us;
    return now_us - from_us >= silence_us;
}

static void s_lose_nodes(region_core_t *self, int64_t now_us)
{
    int64_t silence_us = self->stopping ? SILENCE_STOPPING_US : SILENCE_US;
    for (size_t index = 0; index < self->node_count; index++) {
        region_node_t *node = &self->nodes[index];
        if (!node->stopped && region_is_silent(self, node->seen_us, silence_us, now_us))
            region_node_left(self, node, now_us);
    }
}

/* Every actor that runs tells its status at least once a second. One that does not has died without a word that
 * arrived, or hangs; either way it is placed again. Its node ends what may be left of it before it starts the
 * successor, and where that cannot be done the incarnation keeps it from acting. */
static void s_lose_actors(region_core_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count; index++) {
        region_actor_t *actor = &self->actors[index];
        if (actor->state == PLACE_READY && region_is_silent(self, actor->seen_us, SILENCE_US, now_us))
            region_actor_ended(self, actor, now_us);
    }
}

void region_lose_silent(region_core_t *self, int64_t now_us)
{
    if (now_us - self->advanced_us > HELD_UP_US)
        self->listens_us = now_us;
    self->advanced_us = now_us;
    s_lose_nodes(self, now_us);
    if (!self->stopping)
        s_lose_actors(self, now_us);
}

int64_t region_rented_us(const region_core_t *self, int64_t now_us)
{
    int64_t sum = self->rented_before_us;
    for (size_t index = 0; index < self->node_count; index++) {
        const region_node_t *node = &self->nodes[index];
        sum += node->rented_us;
        if (!node->lost)
            sum += now_us - node->joined_us;
    }
    return sum;
}

bool region_node_alive(const region_core_t *self, size_t node)
{
    return node != NOWHERE && !self->nodes[node].lost && !self->nodes[node].stopped;
}

bool region_node_leaves(const region_core_t *self, size_t node)
{
    return region_node_alive(self, node) && self->nodes[node].announce->announce.leaving;
}

bool region_node_stays(const region_core_t *self, size_t node)
{
    return region_node_alive(self, node) && !self->nodes[node].announce->announce.leaving;
}

size_t region_nodes_staying(const region_core_t *self)
{
    size_t count = 0;
    for (size_t node = 0; node < self->node_count; node++)
        count += region_node_stays(self, node);
    return count;
}
