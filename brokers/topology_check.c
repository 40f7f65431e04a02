#include "brokers/topology_check.h"
#include "brokers/topology_field.h"
#include "brokers/topology_value.h"
#include "brokers/way.h"

#include "codec/wire/actor_name.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define PATH_MAX_LENGTH 96

static bool s_written(const tree_t *tree, const char *path)
{
    bool found;
    tree_nearest(tree, path, &found);
    return found;
}

/* Located by the path: itself, or the nearest parent when it was not written. */
__attribute__((format(printf, 4, 5))) static err_code_t s_fail(const tree_t *tree, const char *path,
                                                               err_t *err, const char *format, ...)
{
    bool found;
    const tree_node_t *node = tree_nearest(tree, path, &found);
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tree_fail(tree, node, path, err, "%s", text);
}

/* Returns whether all of "A|B" was read as it was meant, so that a relation among them says something. */
static bool s_sound(const tree_t *tree, const char *keys)
{
    return !mistakes_touch_any(tree->mistakes, keys);
}

static err_code_t s_first(err_code_t first, err_code_t next)
{
    return first ? first : next;
}

static bool s_steps_alone(const topology_t *self)
{
    return strategy_find(self->job.sync.strategy)->every_step;
}

static uint64_t s_own_samples(const topology_t *self)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < self->region_count; i++)
        sum += self->regions[i].data.samples;
    return sum;
}

/* A region's samples are its share of the whole, so everybody knows the whole without a file. */
static void s_complete_own(const tree_t *tree, topology_t *self)
{
    if (self->job.data.split != SPLIT_OWN)
        return;
    if (!s_written(tree, "job.data.samples"))
        self->job.data.samples = s_own_samples(self);
    for (size_t i = 0; i < self->region_count; i++) {
        char path[PATH_MAX_LENGTH];
        snprintf(path, sizeof path, "regions[%zu].data_share", i);
        if (!s_written(tree, path) && self->regions[i].data.samples)
            self->regions[i].data_share = (double)self->regions[i].data.samples;
    }
}

/* At a half and at three quarters of the run. */
static void s_give_milestones(topology_t *self)
{
    self->job.optimizer.milestones[0] = 50;
    self->job.optimizer.milestones[1] = 75;
    self->job.optimizer.milestone_count = 2;
}

void topology_complete(const tree_t *tree, topology_t *self)
{
    topology_note_seen(self, &self->job.data.seen);
    if (s_steps_alone(self) && !s_written(tree, "job.sync.every"))
        self->job.sync.every = 1;
    const strategy_t *strategy = strategy_find(self->job.sync.strategy);
    if (strategy->outer_lr > 0 && !s_written(tree, "job.sync.outer_lr"))
        self->job.sync.outer_lr = strategy->outer_lr;
    if (strategy->outer_momentum > 0 && !s_written(tree, "job.sync.outer_momentum"))
        self->job.sync.outer_momentum = strategy->outer_momentum;
    const optimizer_row_t *optimizer = optimizer_find(self->job.optimizer.name);
    if (optimizer->moving && self->job.optimizer.momentum > 0 && s_written(tree, "job.optimizer.momentum")) {
        self->job.optimizer.name = optimizer->moving;
        optimizer = optimizer_find(optimizer->moving);
    }
    if (self->job.optimizer.schedule == SCHEDULE_STEPS && !self->job.optimizer.milestone_count)
        s_give_milestones(self);
    if (optimizer->decay > 0 && !s_written(tree, "job.optimizer.weight_decay"))
        self->job.optimizer.weight_decay = optimizer->decay;
    if (optimizer->lr > 0 && !s_written(tree, "job.optimizer.lr"))
        self->job.optimizer.lr = optimizer->lr;
    if (!optimizer->momentum && !s_written(tree, "job.optimizer.momentum"))
        self->job.optimizer.momentum = 0;
    for (size_t i = 0; self->plan.apply && i < self->region_count; i++)
        self->regions[i].workers = 0; /* as many as what is rented has cores */
    s_complete_own(tree, self);
}

/* "a, b, c", cut off where it becomes too long. */
static const char *s_names(const topology_t *self, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < self->region_count && at + TOPOLOGY_NAME_MAX + 2 < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", self->regions[i].name);
    return out;
}

/* -- the job ----------------------------------------------------------------------------------------------
 */

static err_code_t s_check_init(const tree_t *tree, const topology_t *self, err_t *err)
{
    const char *init = self->job.init;
    if (!*init || (strlen(init) == 64 && strspn(init, "0123456789abcdef") == 64))
        return ERR_OK;
    return s_fail(
        tree, "job.init", err,
        "is no SHA-256; write the 64 digits that cloudless checkpoint import --model prints, or leave "
        "it out");
}

/* Options that another model has, and this one not. */
static err_code_t s_check_model(const tree_t *tree, const topology_t *self, err_t *err)
{
    const field_t *model = field_find(field_find(NULL, "job"), "model");
    const model_row_t *row = model_row(self->job.said.name);
    for (const field_t *field = field_next(model, NULL); row && field; field = field_next(model, field))
        if (field->optional && !value_is_default(field, self) && !model_row_takes(row, field_key(field)))
            return s_fail(tree, field->path, err,
                          "model %s has no such option; write another model, or leave it out",
                          row->otherwise.name);
    return ERR_OK;
}

/* Each region would number the categories of its own files. */
static err_code_t s_check_columns(const tree_t *tree, const topology_t *self, err_t *err)
{
    const data_kind_row_t *kind = data_kind_find(self->job.data.kind);
    if (!kind || kind->form != DATA_TABLE || self->job.data.split != SPLIT_OWN ||
        self->job.data.columns.hash || !self->job.data.columns.categorical[0])
        return ERR_OK;
    return s_fail(
        tree, "job.data.columns.hash", err,
        "missing: regions with files of their own would number categories each in its own way; write "
        "hash: 100000 for instance");
}

static err_code_t s_check_data(const tree_t *tree, const topology_t *self, err_t *err)
{
    bool counter = strcmp(self->job.data.kind, "counter") == 0;
    const model_row_t *row = model_row(self->job.said.name);
    bool ledger = row && row->form == DATA_COUNTS;
    if (ledger && !counter)
        return s_fail(tree, "job.data.kind", err,
                      "model ledger counts samples and reads no files; write counter");
    if (counter && !ledger)
        return s_fail(tree, "job.data.kind", err,
                      "counter is for model ledger alone; write idx, or change job.model to ledger");
    if (counter && self->job.data.samples == 0)
        return s_fail(tree, "job.data.samples", err,
                      "missing with kind counter; write samples: 1000 for instance");
    if (!counter && self->job.data.dir[0] == '\0' && self->job.data.split != SPLIT_OWN)
        return s_fail(tree, "job.data.dir", err,
                      "missing with kind %s; write dir: /usr/share/datasets/fashion-mnist for instance",
                      self->job.data.kind);
    return ERR_OK;
}

static err_code_t s_check_own_region(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    const topology_region_t *region = &self->regions[index];
    char path[PATH_MAX_LENGTH];
    snprintf(path, sizeof path, "regions[%zu].data.samples", index);
    if (!region->data.samples)
        return s_fail(tree, path, err,
                      "missing with job.data.split: own; write what `cloudless data` counts in its files");
    snprintf(path, sizeof path, "regions[%zu].data.dir", index);
    if (!topology_data_dir(self, index)[0])
        return s_fail(tree, path, err, "missing with job.data.split: own; write the folder of its files");
    snprintf(path, sizeof path, "regions[%zu].data_share", index);
    if (region->data_share != (double)region->data.samples)
        return s_fail(
            tree, path, err,
            "with job.data.split: own a region's share is the %llu samples that it has; leave it out",
            (unsigned long long)region->data.samples);
    return ERR_OK;
}

static err_code_t s_check_own(const tree_t *tree, const topology_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    if (self->job.data.split != SPLIT_OWN)
        return ERR_OK;
    if (!data_kind_find(self->job.data.kind)->files)
        return s_fail(tree, "job.data.split", err,
                      "kind counter has no files that a region could own; write share or label");
    for (size_t i = 0; i < self->region_count; i++)
        code = s_first(code, s_check_own_region(tree, self, i, err));
    uint64_t sum = s_own_samples(self);
    if (!code && self->job.data.samples != sum)
        code = s_fail(tree, "job.data.samples", err,
                      "with split own it is the %llu samples of all regions; leave it out",
                      (unsigned long long)sum);
    return code;
}

static err_code_t s_check_test(const tree_t *tree, const topology_t *self, err_t *err)
{
    char names[200];
    if (strcmp(self->job.data.test, TOPOLOGY_TEST_ALL) == 0 ||
        topology_region_index(self, self->job.data.test) != SIZE_MAX)
        return ERR_OK;
    return s_fail(tree, "job.data.test", err, "no region has the name \"%s\"; write all, or one of %s",
                  self->job.data.test, s_names(self, names, sizeof names));
}

static err_code_t s_check_auto(const tree_t *tree, const topology_t *self, err_t *err)
{
    if (self->job.sync.every_least > self->job.sync.every_most)
        return s_fail(tree, "job.sync.every_least", err,
                      "is more than every_most, which is %llu; write less here, or more there",
                      (unsigned long long)self->job.sync.every_most);
    if (self->job.sync.every == 0 && topology_waits(self))
        return s_fail(
            tree, "job.sync.every", err,
            "auto is for regions that do not wait for each other; write a number, or strategy: asgd-ga, "
            "ama or diloco-async");
    return ERR_OK;
}

static err_code_t s_check_overlap(const tree_t *tree, const topology_t *self, err_t *err)
{
    const uint64_t overlap = self->job.sync.overlap, every = self->job.sync.every;
    if (overlap && !strategy_find(self->job.sync.strategy)->overlaps)
        return s_fail(
            tree, "job.sync.overlap", err,
            "only rounds of diloco are overlapped with steps; write strategy: diloco, or leave it out");
    if (overlap && overlap >= every)
        return s_fail(
            tree, "job.sync.overlap", err,
            "a round is to be over before the next one begins, after %llu steps; write less here, or "
            "more at every",
            (unsigned long long)every);
    return ERR_OK;
}

static err_code_t s_check_compensate(const tree_t *tree, const topology_t *self, err_t *err)
{
    if (!(self->job.sync.compensate > 0))
        return ERR_OK;
    if (!strategy_find(self->job.sync.strategy)->compensates)
        return s_fail(
            tree, "job.sync.compensate", err,
            "corrects gradients that come late, which this strategy does not send; write strategy: asgd-ga "
            "or asgd, or leave it out");
    if (strcmp(self->job.data.kind, "counter") == 0)
        return s_fail(
            tree, "job.sync.compensate", err,
            "with kind counter gradients are counts, which are added as they are; write 0, or leave it "
            "out");
    return ERR_OK;
}

static err_code_t s_check_every(const tree_t *tree, const topology_t *self, err_t *err)
{
    if (s_steps_alone(self) && self->job.sync.every != 1)
        return s_fail(tree, "job.sync.every", err,
                      "strategy %s exchanges at every step; write 1, or leave it out",
                      strategy_find(self->job.sync.strategy)->name);
    return ERR_OK;
}

static err_code_t s_check_momentum(const tree_t *tree, const topology_t *self, err_t *err)
{
    const optimizer_row_t *optimizer = optimizer_find(self->job.optimizer.name);
    if (!optimizer->momentum && self->job.optimizer.momentum > 0)
        return s_fail(tree, "job.optimizer.momentum", err,
                      "%s has none; write name: momentum, or leave it out", optimizer->name);
    if (self->job.optimizer.nesterov && !optimizer->nesterov)
        return s_fail(tree, "job.optimizer.nesterov", err,
                      "is for a momentum of sgd; write name: momentum, or leave it out");
    if (self->job.optimizer.nesterov && !(self->job.optimizer.momentum > 0))
        return s_fail(
            tree, "job.optimizer.nesterov", err,
            "looks ahead along a momentum, and there is none; write momentum: 0.9 too, or leave it out");
    return ERR_OK;
}

static err_code_t s_check_steps(const tree_t *tree, const topology_t *self, err_t *err)
{
    size_t count = self->job.optimizer.milestone_count;
    if (self->job.optimizer.schedule != SCHEDULE_STEPS)
        return ERR_OK;
    if (!count)
        return s_fail(
            tree, "job.optimizer.schedule", err,
            "steps needs to know where the rate falls; write milestones: [50, 75] too, in percent of "
            "all samples");
    for (size_t i = 1; i < count; i++)
        if (self->job.optimizer.milestones[i] <= self->job.optimizer.milestones[i - 1])
            return s_fail(tree, "job.optimizer.milestones", err,
                          "%llu does not follow %llu; write them ascending, in percent of all samples",
                          (unsigned long long)self->job.optimizer.milestones[i],
                          (unsigned long long)self->job.optimizer.milestones[i - 1]);
    return ERR_OK;
}

static err_code_t s_check_clip(const tree_t *tree, const topology_t *self, err_t *err)
{
    bool norm = self->job.optimizer.clip_norm > 0;
    if ((norm || self->job.optimizer.clip_value > 0) && strcmp(self->job.data.kind, "counter") == 0)
        return s_fail(
            tree, norm ? "job.optimizer.clip_norm" : "job.optimizer.clip_value", err,
            "with kind counter gradients are counts, which are added as they are; write 0, or leave "
            "it out");
    return ERR_OK;
}

static err_code_t s_check_quorum(const tree_t *tree, const topology_t *self, err_t *err)
{
    if (self->job.sync.quorum < 1 && self->region_count > TOPOLOGY_VOTERS_MAX)
        return s_fail(tree, "job.sync.quorum", err,
                      "with more than %d regions every round needs all of them; write 1, or leave it out",
                      TOPOLOGY_VOTERS_MAX);
    return ERR_OK;
}

static err_code_t s_check_encoding(const tree_t *tree, const topology_t *self, err_t *err)
{
    const strategy_t *strategy = strategy_find(self->job.sync.strategy);
    if (strategy->cuts == DELTA_MODEL && strcmp(self->job.sync.encoding, "topk") == 0)
        return s_fail(
            tree, "job.sync.encoding", err,
            "topk sends some of the values alone, which is no model to average; write fp16, bf16 or "
            "int8, or strategy: asgd-ga or diloco");
    if (strategy->selects && strcmp(self->job.sync.encoding, "topk") == 0)
        return s_fail(
            tree, "job.sync.encoding", err,
            "asp itself chooses which values it sends, and this says how each is written; write none, "
            "fp16, bf16, int8 or int4, or strategy: asgd-ga");
    return ERR_OK;
}

/* -- regions ----------------------------------------------------------------------------------------------
 */

#define UNIT_NAME_MAX                                                                                        \
    52 /* of a region and an offer: node/REGION/OFFER-1023 is one name of a message (wire_name_t) */

static err_code_t s_check_unit_name(const tree_t *tree, const topology_region_t *region, size_t index,
                                    size_t offer, err_t *err)
{
    size_t length = strlen(region->name) + strlen(region->offers[offer].name);
    char path[PATH_MAX_LENGTH];
    snprintf(path, sizeof path, "regions[%zu].offers[%zu].name", index, offer);
    if (length <= UNIT_NAME_MAX || !s_sound(tree, path))
        return ERR_OK;
    return s_fail(
        tree, path, err,
        "this name and the region's are %zu letters together, and units are named by both; write at "
        "most %d",
        length, UNIT_NAME_MAX);
}

static err_code_t s_check_offers(const tree_t *tree, const topology_region_t *region, size_t index,
                                 err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < region->offer_count; i++)
        code = s_first(code, s_check_unit_name(tree, region, index, i, err));
    for (size_t i = 0; i < region->offer_count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(region->offers[i].name, region->offers[k].name) == 0) {
                char path[PATH_MAX_LENGTH];
                snprintf(path, sizeof path, "regions[%zu].offers[%zu].name", index, i);
                if (region->offers[i].name[0] && s_sound(tree, path))
                    code = s_first(code, s_fail(tree, path, err,
                                                "%s is the name of offers[%zu] already; write another",
                                                region->offers[i].name, k));
            }
    return code;
}

static bool s_is_wildcard(const char *host)
{
    return strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0;
}

/* Two brokers cannot listen at one place of a machine, nor be dialled at one. Several machines may use the
 * same address and port where an address is not of one machine alone. */
static err_code_t s_check_apart(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    const topology_region_t *region = &self->regions[index];
    char path[PATH_MAX_LENGTH], host[TOPOLOGY_TEXT_MAX];
    unsigned port;
    CHECK(value_endpoint(region->bind, host, &port));
    bool own = port && !s_is_wildcard(host);
    for (size_t i = 0; i < index; i++) {
        const topology_region_t *other = &self->regions[i];
        snprintf(path, sizeof path, "regions[%zu].broker", i);
        if (!s_sound(tree, path))
            continue;
        snprintf(path, sizeof path, "regions[%zu].broker.bind", index);
        if (own && strcmp(region->bind, other->bind) == 0)
            return s_fail(tree, path, err, "%s listens there already; write another port, or tcp://HOST:*",
                          other->name);
        snprintf(path, sizeof path, "regions[%zu].broker.advertise", index);
        if (region->advertise[0] && strcmp(region->advertise, other->advertise) == 0)
            return s_fail(tree, path, err,
                          "%s is dialled there already; write this broker's own address and port",
                          other->name);
    }
    return ERR_OK;
}

static err_code_t s_check_broker(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    const topology_region_t *region = &self->regions[index];
    char path[PATH_MAX_LENGTH], host[TOPOLOGY_TEXT_MAX];
    unsigned port;
    snprintf(path, sizeof path, "regions[%zu].broker.bind", index);
    CHECK(value_endpoint(region->bind, host, &port));
    if (!value_is_loopback(host) && !self->security_given)
        return s_fail(
            tree, path, err,
            "others can reach it there, and nothing is encrypted; write security: none to accept that, or "
            "bind: tcp://127.0.0.1:*");
    if (s_is_wildcard(host) && region->advertise[0] == '\0')
        return s_fail(
            tree, path, err,
            "is every address of the machine, so others cannot tell which to dial; write advertise: "
            "tcp://HOST:PORT too");
    err_code_t code = s_check_apart(tree, self, index, err);
    if (code || region->advertise[0] == '\0')
        return code;
    snprintf(path, sizeof path, "regions[%zu].broker.advertise", index);
    CHECK(value_endpoint(region->advertise, host, &port));
    if (s_is_wildcard(host) || port == 0)
        return s_fail(tree, path, err, "cannot be dialled; write tcp://HOST:PORT with both given");
    return ERR_OK;
}

/* Where workers go in step, or at most so far apart, a step is as many batches as there are workers. */
static err_code_t s_check_workers(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    if (self->regions[index].workers || self->job.sync.inside == INSIDE_ASYNC)
        return ERR_OK;
    char path[PATH_MAX_LENGTH];
    snprintf(path, sizeof path, "regions[%zu].workers", index);
    char slack[32];
    snprintf(slack, sizeof slack, "ssp:%llu", (unsigned long long)self->job.sync.inside_slack);
    return s_fail(
        tree, path, err,
        "auto changes their number while it trains, and job.sync.inside: %s counts steps by it; write "
        "a number, or inside: async",
        self->job.sync.inside == INSIDE_SYNC ? "sync" : slack);
}

/* Names are those of directories, also on disks that know no small and large letters, and of command-line
 * arguments. */
static err_code_t s_check_name(const tree_t *tree, const topology_t *self, size_t index, const char *path,
                               err_t *err)
{
    const char *name = self->regions[index].name;
    if (strcasecmp(name, ACTOR_GLOBAL_REGION) == 0)
        return s_fail(tree, path, err, "%s stands for all regions in names of actors; write another", name);
    for (size_t i = 0; i < index; i++)
        if (strcasecmp(name, self->regions[i].name) == 0)
            return s_fail(tree, path, err, "differs from %s in small and large letters alone; write another",
                          self->regions[i].name);
    return ERR_OK;
}

static err_code_t s_check_names(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    char path[PATH_MAX_LENGTH];
    size_t first = topology_region_index(self, self->regions[index].name);
    snprintf(path, sizeof path, "regions[%zu].name", index);
    if (first < index)
        return s_fail(tree, path, err, "%s is the name of regions[%zu] already; write another",
                      self->regions[index].name, first);
    return s_check_name(tree, self, index, path, err);
}

static err_code_t s_check_offered(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    if (!self->plan.apply || self->regions[index].offer_count)
        return s_check_offers(tree, &self->regions[index], index, err);
    char path[PATH_MAX_LENGTH];
    snprintf(path, sizeof path, "regions[%zu].offers", index);
    return s_fail(tree, path, err,
                  "missing, and plan.apply rents nothing else; write \"- {name: small, count: 4}\" "
                  "below it for "
                  "instance, or plan.apply: false");
}

static err_code_t s_check_shards(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    char path[PATH_MAX_LENGTH];
    snprintf(path, sizeof path, "regions[%zu].shards", index);
    if (self->regions[index].shards == self->regions[0].shards)
        return ERR_OK;
    return s_fail(tree, path, err, "differs from %s, which has %llu; write the same number in all regions",
                  self->regions[0].name, (unsigned long long)self->regions[0].shards);
}

/* Demands on each region, and which of its keys, and of others, must be right for that to mean
 * something. */
static const struct {
    err_code_t (*check)(const tree_t *tree, const topology_t *self, size_t index, err_t *err);
    const char *own;    /* of this region */
    const char *others; /* "A|B" */
} s_region_checks[] = {
    {s_check_names, "name", "regions[].name"},
    {s_check_offered, "offers", "plan.apply"},
    {s_check_shards, "shards", "regions[0].shards"},
    {s_check_workers, "workers", "job.sync.inside|plan.apply"},
    {s_check_broker, "broker", "security"},
};

static err_code_t s_check_regions(const tree_t *tree, const topology_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < self->region_count; i++)
        for (size_t k = 0; k < sizeof s_region_checks / sizeof *s_region_checks; k++) {
            char path[PATH_MAX_LENGTH];
            snprintf(path, sizeof path, "regions[%zu].%s", i, s_region_checks[k].own);
            if (s_sound(tree, path) && s_sound(tree, s_region_checks[k].others))
                code = s_first(code, s_region_checks[k].check(tree, self, i, err));
        }
    return code;
}

/* -- links ------------------------------------------------------------------------------------------------
 */

static err_code_t s_check_ends(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_MAX_LENGTH], quote[TREE_QUOTE_MAX], names[200];
        bool found;
        snprintf(path, sizeof path, "links[%zu].between[%zu]", index, i);
        if (self->links[index].between[i] == SIZE_MAX)
            return s_fail(tree, path, err, "no region has the name %s; write one of %s",
                          tree_quote(tree_nearest(tree, path, &found)->text, quote),
                          s_names(self, names, sizeof names));
    }
    return ERR_OK;
}

/* The row for every pair without one of its own. */
static err_code_t s_check_all(const tree_t *tree, const topology_t *self, size_t index, const char *path,
                              err_t *err)
{
    for (size_t i = 0; i < index; i++)
        if (self->links[i].between[0] == TOPOLOGY_ALL)
            return s_fail(tree, path, err, "all is written in links[%zu] already; write one such row", i);
    return ERR_OK;
}

static bool s_has_all(const topology_t *self)
{
    for (size_t i = 0; i < self->link_count; i++)
        if (self->links[i].between[0] == TOPOLOGY_ALL)
            return true;
    return false;
}

static err_code_t s_check_link(const tree_t *tree, const topology_t *self, size_t index, err_t *err)
{
    err_code_t code = s_check_ends(tree, self, index, err);
    if (code)
        return code;
    const topology_link_t *link = &self->links[index];
    char path[PATH_MAX_LENGTH];
    snprintf(path, sizeof path, "links[%zu].between", index);
    if (link->between[0] == TOPOLOGY_ALL)
        return s_check_all(tree, self, index, path, err);
    const char *a = self->regions[link->between[0]].name;
    const char *b = self->regions[link->between[1]].name;
    if (link->between[0] == link->between[1])
        return s_fail(tree, path, err, "%s is linked with itself; write two different regions", a);
    size_t first = (size_t)(topology_link(self, link->between[0], link->between[1]) - self->links);
    if (first < index)
        return s_fail(tree, path, err, "%s and %s are linked by links[%zu] already; write each pair once", a,
                      b, first);
    return ERR_OK;
}

static err_code_t s_check_joined(const tree_t *tree, const topology_t *self, err_t *err)
{
    for (size_t a = 0; a < self->region_count && !s_has_all(self); a++)
        for (size_t b = a + 1; b < self->region_count; b++)
            if (way_next(self, a, b, NULL) == SIZE_MAX)
                return s_fail(
                    tree, "links", err,
                    "none joins %s and %s, and no third region is linked with both; write \"- between: "
                    "[%s, %s]\" with its rate and rtt",
                    self->regions[a].name, self->regions[b].name, self->regions[a].name,
                    self->regions[b].name);
    return ERR_OK;
}

/* A link that names nobody may be the one that is missed elsewhere. */
static err_code_t s_check_links(const tree_t *tree, const topology_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < self->link_count; i++) {
        char path[PATH_MAX_LENGTH];
        snprintf(path, sizeof path, "links[%zu].between", i);
        if (s_sound(tree, path))
            code = s_first(code, s_check_link(tree, self, i, err));
    }
    return code || !s_sound(tree, "links") ? code : s_check_joined(tree, self, err);
}

/* -- checkpoint -------------------------------------------------------------------------------------------
 */

static err_code_t s_check_replica(const tree_t *tree, const topology_t *self, err_t *err)
{
    if (self->checkpoint.durability == DURABILITY_REPLICA && !self->checkpoint.replicas)
        return s_fail(tree, "checkpoint.durability", err,
                      "replica needs copies on other nodes; write checkpoint.replicas: 1 or more too");
    return ERR_OK;
}

static err_code_t s_check_full(const tree_t *tree, const topology_t *self, err_t *err)
{
    if (self->checkpoint.when_full == WHEN_FULL_GO_ON && self->job.sync.quorum < 1)
        return s_fail(
            tree, "checkpoint.when_full", err,
            "rounds that need not every region vote on what is durable, and go on without one whose disk is "
            "full; write wait, or job.sync.quorum: 1");
    return ERR_OK;
}

static err_code_t s_check_elsewhere(const tree_t *tree, const topology_t *self, err_t *err)
{
    if (self->checkpoint.elsewhere && !self->checkpoint.replicas)
        return s_fail(
            tree, "checkpoint.elsewhere", err,
            "says where one of the copies lies, and there is none; write checkpoint.replicas: 1 or more too");
    if (self->checkpoint.elsewhere && self->region_count == 1)
        return s_fail(tree, "checkpoint.elsewhere", err, "needs another region; write false");
    return ERR_OK;
}

/* -- all of it --------------------------------------------------------------------------------------------
 */

/* Demands, and which keys must be right for that to mean something. */
static const struct {
    err_code_t (*check)(const tree_t *tree, const topology_t *self, err_t *err);
    const char *keys;
} s_checks[] = {
    {s_check_every, "job.sync.every|job.sync.strategy"},
    {s_check_auto, "job.sync.every|job.sync.every_least|job.sync.every_most|job.sync.strategy"},
    {s_check_overlap, "job.sync.overlap|job.sync.every|job.sync.strategy"},
    {s_check_compensate, "job.sync.compensate|job.sync.strategy|job.data.kind"},
    {s_check_momentum, "job.optimizer"},
    {s_check_steps, "job.optimizer"},
    {s_check_clip, "job.optimizer|job.data.kind"},
    {s_check_quorum, "job.sync.quorum"},
    {s_check_encoding, "job.sync.encoding|job.sync.strategy"},
    {s_check_model, "job.model"},
    {s_check_init, "job.init"},
    {s_check_data, "job.data|job.model"},
    {s_check_columns, "job.data"},
    {s_check_own, "job.data|regions"},
    {s_check_test, "job.data.test|regions[].name"},
    {s_check_regions, ""},
    {s_check_links, "regions[].name"},
    {s_check_replica, "checkpoint.durability|checkpoint.replicas"},
    {s_check_full, "checkpoint.when_full|job.sync.quorum"},
    {s_check_elsewhere, "checkpoint.elsewhere|checkpoint.replicas"},
};

err_code_t topology_check(const tree_t *tree, const topology_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < sizeof s_checks / sizeof *s_checks; i++)
        if (s_sound(tree, s_checks[i].keys))
            code = s_first(code, s_checks[i].check(tree, self, err));
    return code;
}
