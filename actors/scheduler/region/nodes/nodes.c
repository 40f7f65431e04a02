#include "actors/scheduler/region/nodes/nodes.h"

#include "codec/base/hash.h"
#include "codec/wire/actor_name.h"

#include <string.h>

#define SILENCE_STOPPING_US                                                                                  \
    (20 * SECOND_US) /* who drains does not announce itself; a last snapshot takes time */

void nodes_init(nodes_t *self, region_base_t *base, region_run_t *run)
{
    memset(self, 0, sizeof *self);
    self->base = base;
    self->run = run;
}

void nodes_fini(nodes_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        message_destroy(&self->list[index].announce);
}

/* ---- who is there ---- */

region_node_t *nodes_find(nodes_t *self, const char *name)
{
    for (size_t index = 0; index < self->count; index++)
        if (!strcmp(self->list[index].name, name))
            return &self->list[index];
    return NULL;
}

size_t nodes_index(const nodes_t *self, const region_node_t *node)
{
    return (size_t)(node - self->list);
}

bool nodes_is_alive(const nodes_t *self, size_t node)
{
    return node != NOWHERE && !self->list[node].lost && !self->list[node].stopped;
}

bool nodes_leaves(const nodes_t *self, size_t node)
{
    return nodes_is_alive(self, node) && self->list[node].announce->announce.leaving;
}

bool nodes_stays(const nodes_t *self, size_t node)
{
    return nodes_is_alive(self, node) && !self->list[node].announce->announce.leaving;
}

size_t nodes_staying(const nodes_t *self)
{
    size_t count = 0;
    for (size_t node = 0; node < self->count; node++)
        count += nodes_stays(self, node);
    return count;
}

const region_node_t *nodes_running(const nodes_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        if (nodes_is_alive(self, index))
            return &self->list[index];
    return NULL;
}

const char *nodes_last_part(const char *name)
{
    actor_parts_t node;
    return actor_split(name, strlen(name), &node) ? node.rest : name;
}

uint64_t nodes_process(const message_t *announce)
{
    return announce->announce.process ? announce->announce.process : announce->announce.pid;
}

uint64_t nodes_hash(const char *name)
{
    return hash_checksum(name, strlen(name));
}

bool nodes_holds(const nodes_t *self, size_t node, size_t shard, uint64_t *ret_incarnation,
                 uint64_t *ret_number)
{
    const message_t *announce = self->list[node].announce;
    for (size_t i = 0; i < announce->announce.held.count; i++) {
        const announce_held_t *held = &announce->announce.held.items[i];
        if (held->shard != shard)
            continue;
        *ret_incarnation = held->incarnation;
        *ret_number = held->number;
        return true;
    }
    return false;
}

/* ---- what is announced ---- */

/* An incarnation that nobody can have given would be the fence, and every term that may follow it is
 * below. */
static bool s_is_possible(const message_t *message)
{
    bool possible = incarnation_is_possible(message->announce.scheduler);
    for (size_t i = 0; i < message->announce.held.count; i++)
        possible &= incarnation_is_possible(message->announce.held.items[i].incarnation);
    for (size_t i = 0; i < message->announce.hosted.count; i++)
        possible &= incarnation_is_possible(message->announce.hosted.items[i]);
    return possible;
}

static err_code_t s_check_announce(nodes_t *self, const message_t *message, err_t *err)
{
    if (strcmp(message->announce.digest, self->base->digest))
        return err_set(err, ERR_JOB, "this node has another topology; start it with the topology of the job");
    err_code_t code = region_run_check(self->run, message, err);
    if (code)
        return code;
    if (!s_is_possible(message))
        return err_set(err, ERR_LIMIT, "it tells of an incarnation that nobody can have given");
    return region_run_derive(self->run, message->announce.samples, err);
}

/* ---- coming ---- */

static bool s_is_node_name(const nodes_t *self, const char *name)
{
    return actor_is_of(name, ROLE_NODE, self->base->region->name);
}

/* A process that was not there. */
static void s_joined(region_node_t *node, const message_t *message, bool trains, int64_t now_us)
{
    node->came_us = now_us;
    node->trained_us = 0;
    node->joins = trains;
    node->age_us = message->announce.age_us > 0 ? message->announce.age_us : 0;
}

static region_node_t *s_add_node(nodes_t *self, const message_t *message, int64_t now_us)
{
    if (self->count == NODES_MAX)
        return NULL;
    region_node_t *node = &self->list[self->count++];
    message_set_name(node->name, message->from);
    node->joined_us = self->newest_us = now_us;
    return node;
}

static bool s_is_replaced(const region_node_t *node, const message_t *message)
{
    return message->incarnation > node->announce->incarnation ||
           nodes_process(node->announce) != nodes_process(message);
}

/* The node that announces itself; NULL: it is refused, or of a process that was replaced. */
static region_node_t *s_enter(nodes_t *self, const message_t *message, bool trains, int64_t now_us,
                              nodes_news_t *news)
{
    region_node_t *node = nodes_find(self, message->from);
    bool known = node != NULL;
    if (!known)
        node = s_add_node(self, message, now_us);
    if (!node)
        core_refuse(&self->base->core, message, ERR_LIMIT, "the region has too many nodes");
    if (!node || (known && message->incarnation < node->announce->incarnation))
        return NULL;
    news->emptied = known && s_is_replaced(node, message);
    if (known && !news->emptied)
        return node;
    node->stopped = false;
    news->changed = true;
    s_joined(node, message, trains, now_us);
    return node;
}

size_t nodes_take_announce(nodes_t *self, const message_t *message, bool trains, int64_t now_us,
                           nodes_news_t *ret_news)
{
    err_t err = {0};
    *ret_news = (nodes_news_t){0};
    if (!s_is_node_name(self, message->from))
        return NOWHERE;
    if (s_check_announce(self, message, &err)) {
        core_refuse(&self->base->core, message, err.code, err.text);
        return NOWHERE;
    }
    region_node_t *node = s_enter(self, message, trains, now_us, ret_news);
    if (!node)
        return NOWHERE;
    if (node->lost)
        node->joined_us = now_us;
    node->lost = false;
    node->seen_us = now_us;
    ret_news->changed |= !node->announce || node->announce->announce.leaving != message->announce.leaving;
    message_destroy(&node->announce);
    node->announce = message_dup(message);
    return nodes_index(self, node);
}

/* ---- going ---- */

void nodes_leave(nodes_t *self, size_t index)
{
    region_node_t *node = &self->list[index];
    if (node->lost)
        return;
    node->lost = node->gone = true;
    node->rented_us += node->seen_us - node->joined_us;
}

void nodes_stop(nodes_t *self, size_t index)
{
    self->list[index].stopped = self->list[index].gone = true;
}

void nodes_lose_silent(nodes_t *self, int64_t now_us)
{
    int64_t silence_us = region_stops(self->base) ? SILENCE_STOPPING_US : SILENCE_US;
    for (size_t index = 0; index < self->count; index++)
        if (!self->list[index].stopped &&
            region_is_silent(self->base, self->list[index].seen_us, silence_us, now_us))
            nodes_leave(self, index);
}

void nodes_send_away(nodes_t *self)
{
    for (size_t index = 0; index < self->count; index++) {
        const region_node_t *node = &self->list[index];
        err_t why = {0};
        if (node->lost || !region_run_check(self->run, node->announce, &why))
            continue;
        core_refuse_run(&self->base->core, node->announce, &why, self->run->id);
        nodes_leave(self, index);
    }
}

size_t nodes_take_gone(nodes_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        if (self->list[index].gone) {
            self->list[index].gone = false;
            return index;
        }
    return NOWHERE;
}

void nodes_refuse_all(nodes_t *self, const err_t *why)
{
    for (size_t index = 0; index < self->count; index++)
        if (self->list[index].announce && !self->list[index].lost)
            core_refuse_run(&self->base->core, self->list[index].announce, why, self->run->id);
}

/* ---- figures ---- */

int64_t nodes_rented_us(const nodes_t *self, int64_t now_us)
{
    int64_t sum = self->rented_before_us;
    for (size_t index = 0; index < self->count; index++) {
        const region_node_t *node = &self->list[index];
        sum += node->rented_us;
        if (!node->lost)
            sum += now_us - node->joined_us;
    }
    return sum;
}

/* The kernels that nodes have told they compute with, each once: "Haswell, SkylakeX". */
static void s_kernels(const nodes_t *self, char text[NODES_KERNELS_MAX])
{
    size_t length = 0;
    text[0] = 0;
    for (size_t i = 0; i < self->count; i++) {
        const char *kernel = self->list[i].announce->announce.kernel;
        size_t size = strlen(kernel);
        if (!size || strstr(text, kernel) || length + size + sizeof ", " > NODES_KERNELS_MAX)
            continue;
        length +=
            (size_t)snprintf(text + length, NODES_KERNELS_MAX - length, "%s%s", length ? ", " : "", kernel);
    }
}

void nodes_report(const nodes_t *self, message_t *report, int64_t now_us)
{
    char kernels[NODES_KERNELS_MAX];
    s_kernels(self, kernels);
    message_set_text(&report->region_report.kernels, kernels);
    report->region_report.rented_us = nodes_rented_us(self, now_us);
    for (size_t node = 0; node < self->count; node++)
        report->region_report.nodes += nodes_is_alive(self, node);
}
