#include "brokers/topology_idle.h"

#include "brokers/topology_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- keys of the whole job --------------------------------------------------------------------------------
 */

static bool s_waits(const topology_t *self)
{
    return topology_waits(self);
}

static bool s_waits_for_all(const topology_t *self)
{
    return topology_waits(self) && self->job.sync.quorum < 1;
}

static bool s_goes_alone(const topology_t *self)
{
    return !topology_waits(self) && self->region_count > 1;
}

static bool s_is_several(const topology_t *self)
{
    return self->region_count > 1;
}

static bool s_is_outer(const topology_t *self)
{
    return strategy_find(self->job.sync.strategy)->outer;
}

static bool s_is_asp(const topology_t *self)
{
    return strategy_find(self->job.sync.strategy)->selects;
}

static bool s_is_auto(const topology_t *self)
{
    return self->job.sync.every == 0;
}

static bool s_is_topk(const topology_t *self)
{
    return strcmp(self->job.sync.encoding, "topk") == 0;
}

static bool s_has_files(const topology_t *self)
{
    const data_kind_row_t *kind = data_kind_find(self->job.data.kind);
    return kind && kind->files;
}

static bool s_is_dirichlet(const topology_t *self)
{
    return self->job.data.split == SPLIT_DIRICHLET;
}

static bool s_is_of_pictures(const topology_t *self)
{
    const data_kind_row_t *kind = data_kind_find(self->job.data.kind);
    return kind && kind->form == DATA_PICTURES;
}

static bool s_is_of_tables(const topology_t *self)
{
    const data_kind_row_t *kind = data_kind_find(self->job.data.kind);
    return kind && kind->form == DATA_TABLE;
}

static bool s_has_far_copies(const topology_t *self)
{
    return self->checkpoint.replicas > 0 && self->region_count > 1;
}

static bool s_keeps_deadline(const topology_t *self)
{
    return self->plan.objective == OBJECTIVE_DEADLINE;
}

static bool s_keeps_budget(const topology_t *self)
{
    return self->plan.objective == OBJECTIVE_BUDGET;
}

static bool s_rents(const topology_t *self)
{
    return self->plan.apply;
}

static bool s_falls_in_steps(const topology_t *self)
{
    return self->job.optimizer.schedule == SCHEDULE_STEPS;
}

static const struct {
    const char *key;
    bool (*counts)(const topology_t *self);
    const char *why;
} s_rows[] = {
    {"job.data.dir", s_has_files, "kind counter reads no files; leave it out"},
    {"job.data.split", s_has_files, "kind counter has no labels; leave it out"},
    {"job.data.alpha", s_is_dirichlet, "is for split: dirichlet; write that, or leave it out"},
    {"job.data.test", s_has_files, "kind counter has nothing to test with; leave it out"},
    {"job.data.columns.label", s_is_of_tables, "is for tables; leave it out"},
    {"job.data.columns.categorical", s_is_of_tables, "is for tables; leave it out"},
    {"job.data.columns.numeric", s_is_of_tables, "is for tables; leave it out"},
    {"job.data.columns.hash", s_is_of_tables, "is for tables; leave it out"},
    {"job.data.augment.shift", s_is_of_pictures, "is for pictures; leave it out"},
    {"job.data.augment.flip", s_is_of_pictures, "is for pictures; leave it out"},
    {"job.optimizer.milestones", s_falls_in_steps, "is for schedule: steps; write that, or leave it out"},
    {"job.optimizer.factor", s_falls_in_steps, "is for schedule: steps; write that, or leave it out"},
    {"job.sync.every_least", s_is_auto, "is for every: auto; write that, or leave it out"},
    {"job.sync.every_most", s_is_auto, "is for every: auto; write that, or leave it out"},
    {"job.sync.outer_lr", s_is_outer,
     "is for strategies with an outer optimizer; write strategy: diloco, or leave it out"},
    {"job.sync.outer_momentum", s_is_outer,
     "is for strategies with an outer optimizer; write strategy: diloco, or leave it out"},
    {"job.sync.threshold", s_is_asp, "is for asp; write strategy: asp, or leave it out"},
    {"job.sync.encoding", s_is_several,
     "is for what crosses between regions, and there is one; leave it out"},
    {"job.sync.window", s_is_several, "is for what crosses between regions, and there is one; leave it out"},
    {"job.sync.topk_ratio", s_is_topk, "is for topk; write encoding: topk, or leave it out"},
    {"job.sync.topk_values", s_is_topk, "is for topk; write encoding: topk, or leave it out"},
    {"job.sync.staleness", s_goes_alone,
     "is for regions that go on without each other's last rounds, as none here does; write strategy: asgd-ga "
     "for "
     "instance, or leave it out"},
    {"job.sync.quorum", s_waits,
     "is for rounds that regions wait for; write strategy: sma, ssgd or diloco, or leave it out"},
    {"job.sync.grace", s_waits_for_all,
     "is for rounds that need not every region; write a quorum below 1 for sma, ssgd or diloco, or leave it "
     "out"},
    {"checkpoint.when_full", s_is_several, "is for a region among several, and there is one; leave it out"},
    {"checkpoint.wan_share", s_has_far_copies,
     "is for copies on their way to another region, and there are none; write checkpoint.replicas too, or "
     "leave it "
     "out"},
    {"plan.deadline", s_keeps_deadline, "is for objective deadline; write that, or leave it out"},
    {"plan.budget", s_keeps_budget, "is for objective budget; write that, or leave it out"},
    {"plan.rent", s_rents, "rents only with plan.apply: true; write that, or leave it out"},
    {"plan.rent_patience", s_rents, "is for plan.apply: true; write that, or leave it out"},
};

const char *topology_idle_key(size_t index)
{
    return index < sizeof s_rows / sizeof *s_rows ? s_rows[index].key : NULL;
}

/* Returns whether it was written, and differs from what it is when left out: --default's file is well. */
static bool s_is_chosen(const tree_t *tree, const topology_t *self, topology_t *scratch, const char *key)
{
    bool found;
    char is[VALUE_TEXT_MAX], otherwise[VALUE_TEXT_MAX];
    tree_nearest(tree, key, &found);
    for (size_t i = 0; found && i < field_count(); i++) {
        const field_t *field = field_at(i);
        if (strcmp(field->path, key) != 0)
            continue;
        value_default(field, scratch);
        return strcmp(value_print(field, self, is), value_print(field, scratch, otherwise)) != 0;
    }
    return false;
}

static void s_note_keys(const tree_t *tree, const topology_t *self)
{
    topology_t *scratch = calloc(1, sizeof *scratch);
    CHECK(scratch);
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++)
        if (!s_rows[i].counts(self) && s_is_chosen(tree, self, scratch, s_rows[i].key))
            tree_note(tree, s_rows[i].key, "does nothing in this job: %s", s_rows[i].why);
    free(scratch);
}

/* -- regions ----------------------------------------------------------------------------------------------
 */

/* Whoever is on another machine knows a broker by its advertise alone. */
static void s_note_undialled(const tree_t *tree, const topology_t *self, size_t index)
{
    char host[TOPOLOGY_TEXT_MAX], path[MISTAKES_KEY_MAX];
    unsigned port;
    const topology_region_t *region = &self->regions[index];
    if (region->advertise[0] || !value_endpoint(region->bind, host, &port) || value_is_loopback(host))
        return;
    snprintf(path, sizeof path, "regions[%zu].broker.bind", index);
    tree_note(tree, path,
              "nobody on another machine is told to dial it; write advertise: tcp://HOST:PORT too, or bind: "
              "tcp://127.0.0.1:*");
}

static void s_note_own(const tree_t *tree, const topology_t *self, size_t index)
{
    char path[MISTAKES_KEY_MAX];
    bool found;
    snprintf(path, sizeof path, "regions[%zu].data", index);
    const tree_node_t *node = tree_nearest(tree, path, &found);
    if (self->job.data.split != SPLIT_OWN && found && node->count)
        tree_note(tree, path,
                  "does nothing in this job: is for job.data.split: own; write that, or leave it out");
}

static void s_note_workers(const tree_t *tree, const topology_t *self, size_t index)
{
    char path[MISTAKES_KEY_MAX];
    bool found;
    snprintf(path, sizeof path, "regions[%zu].workers", index);
    const tree_node_t *node = tree_nearest(tree, path, &found);
    if (self->plan.apply && found && strcmp(node->text, "auto") != 0)
        tree_note(tree, path,
                  "does nothing in this job: plan.apply makes as many workers as what is rented has cores; "
                  "leave it out");
}

/* -- copies -----------------------------------------------------------------------------------------------
 */

static bool s_is_of_machines(const topology_t *self)
{
    for (size_t i = 0; i < self->region_count; i++)
        if (self->regions[i].advertise[0])
            return true;
    return false;
}

static uint64_t s_nodes(const topology_t *self, size_t index)
{
    uint64_t units = 0;
    for (size_t i = 0; i < self->regions[index].offer_count; i++)
        units += self->regions[index].offers[i].count;
    return self->plan.apply ? units : 1;
}

/* Where no broker advertises, all of it is `up` on one machine: one node for each region, or what is
 * rented. */
static void s_note_copies(const tree_t *tree, const topology_t *self)
{
    for (size_t i = 0; i < self->region_count && !s_is_of_machines(self); i++) {
        uint64_t others = s_nodes(self, i) - 1 + (self->checkpoint.elsewhere ? 1 : 0);
        if (self->checkpoint.replicas <= others)
            continue;
        tree_note(tree, "checkpoint.replicas",
                  "%llu copies need as many other nodes, and with `up` %s has %llu; write less, or start "
                  "nodes on other "
                  "machines",
                  (unsigned long long)self->checkpoint.replicas, self->regions[i].name,
                  (unsigned long long)others);
        return;
    }
}

void topology_note_idle(const tree_t *tree, const topology_t *self)
{
    s_note_keys(tree, self);
    for (size_t i = 0; i < self->region_count; i++) {
        s_note_undialled(tree, self, i);
        s_note_workers(tree, self, i);
        s_note_own(tree, self, i);
    }
    s_note_copies(tree, self);
}
