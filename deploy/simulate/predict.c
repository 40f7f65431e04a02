#include "deploy/simulate/predict.h"

#include "actors/model/model.h"
#include "actors/scheduler/global/global_cost.h"
#include "deploy/simulate/sizes.h"
#include "deploy/simulate/wan.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

#define LAN_BYTES_PER_S                                                                                      \
    1.25e9 /* between the nodes of a region: 10 Gbit/s, which clouds give machines of a few cores */
#define CROWD_BEAT_US 2000000 /* the schedulers take nobody for lost before 5 s */
#define CROWD_LINK_US 30000000
#define LINK_US 1000000  /* brokers say so once a second */
#define NODE_WORKERS 128 /* of a node that stands for the machines nobody described */
#define SLICE_US 1000000
#define STUCK_US (3600 * (int64_t)1000000) /* without a sample */
#define LIMIT_MOST_US (INT64_MAX / 4)

typedef struct {
    const predict_spec_t *spec;
    topology_t *topology; /* as the cores see it */
    job_t job;
    sizes_t sizes;
    wan_t wan;
    rng_t rng;
    sim_node_t *nodes; /* (node_count) */
    double *power;     /* (node_count) */
    sim_rent_t *rents; /* (regions) of units; NULL: none are given */
    size_t node_count;
    uint64_t *region_nodes; /* (regions) */
    double *ports;          /* (regions, shards, in and out) when the shard's network is free */
    double crowding;        /* workers per core of the one machine, at least 1 */
    bool no_core_spare;
    double background_us; /* work of that machine beside steps, which will make a step longer */
} world_t;

/* ---- the pace of the world ---- */

static double s_plain(const world_t *self, const message_t *message, const char *name)
{
    size_t index = message->kind == KIND_delta ? message->delta.shard : sizes_shard(&self->sizes, name);
    return (double)self->sizes.plain[index < self->sizes.shard_count ? index : 0];
}

/* A delta is encoded before its synchronizer has it, decoded and applied where it arrives; both beside the
 * steps. */
static int64_t s_serves(void *hint, const message_t *message)
{
    world_t *self = hint;
    const pace_t *pace = &self->spec->pace;
    if (!message->data.buf)
        return 0;
    if (message->kind == KIND_push)
        return (int64_t)(1e6 * s_plain(self, message, message->to) / pace->apply_bytes_per_s);
    if (message->kind == KIND_params)
        return (int64_t)(1e6 * s_plain(self, message, message->from) / pace->copy_bytes_per_s);
    if (message->kind != KIND_delta)
        return 0;
    double took_us = 1e6 * s_plain(self, message, message->to) / pace->delta_bytes_per_s;
    self->background_us += took_us;
    return (int64_t)took_us;
}

/* Between the nodes of a region a shard's bytes go through its own network, one after the other. */
static double s_lan(world_t *self, const message_t *message, size_t region, double now_us)
{
    bool in = message->kind == KIND_push;
    uint64_t bytes = sizes_data(&self->sizes, message);
    if (self->region_nodes[region] < 2 || !bytes || (!in && message->kind != KIND_params))
        return now_us;
    size_t shard = sizes_shard(&self->sizes, in ? message->to : message->from);
    double *free_us = &self->ports[2 * (region * self->sizes.shard_count + shard) + in];
    *free_us = (*free_us > now_us ? *free_us : now_us) + 1e6 * (double)bytes / LAN_BYTES_PER_S;
    return *free_us;
}

static int64_t s_arrives(void *hint, const message_t *message, size_t from_region, size_t to_region,
                         int64_t now_us)
{
    world_t *self = hint;
    int64_t hop_us = (int64_t)self->spec->pace.hop_us;
    if (from_region == to_region)
        return (int64_t)s_lan(self, message, from_region, (double)now_us) + hop_us;
    uint64_t bytes = sizes_message(message, sizes_data(&self->sizes, message));
    bool control = message_kind_class(message->kind) == CLASS_CONTROL;
    return wan_arrives(&self->wan, from_region, to_region, bytes, control, now_us + hop_us) + hop_us;
}

/* Where every core of the machine has its worker, other work makes steps longer by as much. */
static double s_background_us(world_t *self)
{
    double took_us = self->no_core_spare ? self->background_us : 0;
    self->background_us = 0;
    return took_us;
}

/* The part that an emulated core computes of a core of this machine; evaluations are not slowed down. */
static double s_emulated(const world_t *self)
{
    double part = self->topology->plan.emulate;
    return self->spec->units && part > 0 ? part : 1;
}

static int64_t s_computes(void *hint, size_t node, uint64_t samples)
{
    world_t *self = hint;
    const pace_t *pace = &self->spec->pace;
    double rate = self->power[node] * (samples ? pace->samples_per_s * s_emulated(self) : pace->tests_per_s);
    double took_us = 1e6 * (double)(samples ? samples : self->spec->tests) / rate * self->crowding;
    took_us *= 1 + pace->spread * (2 * rng_unit(&self->rng) - 1);
    return (int64_t)(took_us + s_background_us(self)) + 1;
}

/* Parameters, what the optimizer remembers, and what is kept for other regions. */
static int64_t s_commits(void *hint)
{
    world_t *self = hint;
    size_t state = optimizer_state(optimizer_find(self->topology->job.optimizer.name),
                                   topology_lanes(self->topology, 0));
    double copies = 1 + (double)state + (self->topology->region_count > 1);
    double bytes_us = 1e6 * copies * (double)self->sizes.plain[0] / self->spec->pace.commit_bytes_per_s;
    self->background_us += bytes_us;
    return (int64_t)(self->spec->pace.commit_us + bytes_us);
}

static bool s_link(void *hint, size_t region, size_t other, message_t *state)
{
    const world_t *self = hint;
    const wan_line_t *way = wan_line(&self->wan, region, other);
    const wan_line_t *own = &self->wan.lines[region * self->wan.count + other];
    const wan_line_t *back = &self->wan.lines[other * self->wan.count + region];
    state->link_state.up = true;
    state->link_state.rate_bytes_per_s =
        (uint64_t)((double)way->link->rate_bytes_per_s / sizes_scale(&self->sizes)) +
        (way->link->rate_bytes_per_s > 0);
    state->link_state.rtt_us = (uint64_t)way->link->rtt_us;
    state->link_state.sent_bytes = own->bytes;
    state->link_state.received_bytes = back->bytes;
    return true;
}

/* ---- what it is made of ---- */

static uint64_t s_workers(const world_t *self, size_t r)
{
    const topology_region_t *region = &self->spec->topology->regions[r];
    if (!self->spec->units)
        return region->workers;
    uint64_t workers = 0;
    for (size_t i = 0; i < region->offer_count; i++)
        workers += self->spec->units[r][i] * region->offers[i].cores;
    return workers;
}

static err_code_t s_set_workers(world_t *self, err_t *err)
{
    for (size_t r = 0; r < self->topology->region_count; r++) {
        topology_region_t *region = &self->topology->regions[r];
        region->workers = s_workers(self, r);
        if (!region->workers)
            return err_set(err, ERR_CONFIG,
                           "region %s would have no worker; rent a unit of one of its offers", region->name);
        if (region->workers > PREDICT_WORKERS_MAX)
            return err_set(err, ERR_LIMIT, "region %s would have %llu workers; at most %d are simulated",
                           region->name, (unsigned long long)region->workers, PREDICT_WORKERS_MAX);
    }
    return ERR_OK;
}

static void s_add_node(world_t *self, sim_node_t node, double power)
{
    self->nodes = realloc(self->nodes, (self->node_count + 1) * sizeof *self->nodes);
    self->power = realloc(self->power, (self->node_count + 1) * sizeof *self->power);
    CHECK(self->nodes && self->power);
    self->region_nodes[node.region]++;
    self->nodes[self->node_count] = node;
    self->power[self->node_count++] = power;
}

static void s_add_unit(world_t *self, size_t r, const topology_offer_t *offer, uint64_t number)
{
    sim_node_t node = {.region = r, .cores = offer->cores, .offer = offer->name};
    snprintf(node.name, sizeof node.name, "%s-%llu", offer->name, (unsigned long long)number);
    s_add_node(self, node, offer->power);
}

/* One for each unit; else as few as hold the topology's workers. */
static void s_add_nodes(world_t *self, size_t r)
{
    const topology_region_t *region = &self->topology->regions[r];
    for (size_t i = 0; self->spec->units && i < region->offer_count; i++)
        for (uint64_t u = 0; u < self->spec->units[r][i]; u++)
            s_add_unit(self, r, &region->offers[i], u);
    uint64_t nodes = 1 + (region->workers - 1) / NODE_WORKERS;
    for (uint64_t n = 0; !self->spec->units && n < nodes; n++) {
        sim_node_t node = {.region = r, .cores = 1 + (region->workers - 1) / nodes};
        snprintf(node.name, sizeof node.name, "n%llu", (unsigned long long)n);
        s_add_node(self, node, 1);
    }
    if (self->spec->units)
        memcpy(self->rents[r].units, self->spec->units[r], sizeof self->rents[r].units);
}

/* Limits in bytes are compared with tensors of one element. */
static void s_scale_windows(world_t *self)
{
    uint64_t *window = &self->topology->job.sync.window_bytes;
    double scaled = (double)*window / sizes_scale(&self->sizes);
    *window = scaled < 1 ? 1 : (uint64_t)scaled;
}

static uint64_t s_all_workers(const world_t *self)
{
    uint64_t workers = 0;
    for (size_t r = 0; r < self->topology->region_count; r++)
        workers += self->topology->regions[r].workers;
    return workers;
}

static err_code_t s_make(world_t *self, const predict_spec_t *spec, err_t *err)
{
    *self = (world_t){.spec = spec, .topology = malloc(sizeof *self->topology), .crowding = 1};
    layout_t *layout = calloc(1, sizeof *layout);
    CHECK(self->topology && layout);
    *self->topology = *spec->topology;
    size_t regions = self->topology->region_count;
    self->region_nodes = calloc(regions, sizeof *self->region_nodes);
    self->ports = calloc(2 * regions * self->topology->regions[0].shards, sizeof *self->ports);
    self->rents = spec->units ? calloc(regions, sizeof *self->rents) : NULL;
    CHECK(self->region_nodes && self->ports && (self->rents || !spec->units));
    for (size_t r = 0; r < regions && self->rents; r++)
        self->rents[r].stay = spec->stay;
    rng_init_for(&self->rng, spec->seed, "steps", 0, 0);
    wan_init(&self->wan, self->topology, spec->seed);
    err_code_t rc = s_set_workers(self, err);
    if (!rc)
        rc = model_layout_of(&self->topology->job.model, layout, err);
    if (!rc) {
        sizes_init(&self->sizes, self->topology, layout);
        s_scale_windows(self);
        self->topology->job.sync.threshold = 0; /* all is sent; how much that is of a real model sizes says */
        rc = job_derive(self->topology, spec->samples, &self->job, err);
    }
    free(layout);
    for (size_t r = 0; r < regions && !rc; r++)
        s_add_nodes(self, r);
    if (!rc && spec->machine_cores) {
        double each = s_emulated(self) * (double)s_all_workers(self) / (double)spec->machine_cores;
        self->crowding = each > 1 ? each : 1;
        self->no_core_spare = each >= 1;
    }
    return rc;
}

static void s_fini(world_t *self)
{
    sizes_fini(&self->sizes);
    wan_fini(&self->wan);
    free(self->topology);
    free(self->nodes);
    free(self->power);
    free(self->rents);
    free(self->region_nodes);
    free(self->ports);
}

/* ---- the run ---- */

static uint64_t s_done(const sim_t *sim, size_t regions)
{
    uint64_t samples = 0;
    for (size_t r = 0; r < regions; r++) {
        region_view_t view = global_core_region(sim_global(sim), r);
        samples += view.report ? view.report->region_report.samples : 0;
    }
    return samples;
}

static bool s_ended(const sim_t *sim)
{
    return sim_state(sim) >= RUN_DONE;
}

static err_code_t s_stuck(const world_t *self, const sim_t *sim, err_t *err)
{
    const char *why = "";
    if (global_core_failure(sim_global(sim), &why))
        return err_set(err, ERR_STATE, "the run fails at %.0f s: %s", (double)sim_now_us(sim) / 1e6, why);
    size_t count = global_core_actor_count(sim_global(sim));
    for (size_t i = 0; i < count; i++) {
        const message_t *status = global_core_actor(sim_global(sim), i).status;
        if (status->status.waits_for[0] && actor_role_of(status->status.actor) == ROLE_SHARD)
            return err_set(err, ERR_STATE, "the run stands still at %.0f s: %s waits for %s",
                           (double)sim_now_us(sim) / 1e6, status->status.actor, status->status.waits_for);
    }
    return err_set(err, ERR_STATE, "the run stands still at %.0f s: the samples of %zu regions do not grow",
                   (double)sim_now_us(sim) / 1e6, self->topology->region_count);
}

static err_code_t s_run_world(const world_t *self, sim_t *sim, err_t *err)
{
    const predict_spec_t *spec = self->spec;
    int64_t limit_us = spec->limit_us < LIMIT_MOST_US ? spec->limit_us : LIMIT_MOST_US, moved_us = 0;
    int64_t until_us = 0;
    uint64_t before = 0;
    while (!s_ended(sim) && until_us < limit_us) {
        until_us = until_us + SLICE_US < limit_us ? until_us + SLICE_US : limit_us;
        sim_run_until(sim, until_us);
        uint64_t done = s_done(sim, self->topology->region_count);
        if (done != before)
            moved_us = until_us;
        before = done;
        if (until_us - moved_us > STUCK_US)
            return s_stuck(self, sim, err);
        predict_progress_t progress = {.done = (double)done / (double)self->job.samples_total,
                                       .virtual_us = until_us,
                                       .events = sim_stats(sim).events};
        if (spec->progress && !spec->progress(spec->hint, &progress))
            break;
    }
    return sim_state(sim) == RUN_FAILED ? s_stuck(self, sim, err) : ERR_OK;
}

/* ---- what it came to ---- */

/* A second of everything that is rented in a region. */
static double s_price_per_s(const world_t *self, size_t r)
{
    const topology_region_t *region = &self->topology->regions[r];
    double price = 0;
    for (size_t i = 0; i < region->offer_count; i++)
        price += (double)region->offers[i].count * region->offers[i].price_per_s;
    return price;
}

/* Units are paid from the beginning until each has ended; without any, a region's nodes stand for all that
 * it offers. */
static void s_judge_rent(const world_t *self, const message_t *report, size_t r, predict_region_t *ret)
{
    const topology_region_t *region = &self->topology->regions[r];
    ret->rented_s = (double)report->region_report.rented_us / 1e6;
    ret->rent = ret->rented_s / (double)ret->nodes * s_price_per_s(self, r);
    if (!self->rents)
        return;
    ret->rented_s = ret->rent = 0;
    for (size_t i = 0; i < region->offer_count; i++) {
        double rented_s = (double)global_report_offer(report, i).rented_us / 1e6;
        ret->rented_s += rented_s;
        ret->rent += rented_s * region->offers[i].price_per_s;
    }
}

static double s_part(double us, double all_us)
{
    return us > all_us ? 1 : us / all_us;
}

/* Of the time from the first lease to the last change, that of other regions included; evaluations come on
 * top of it. A worker that neither computes nor waits for a shard has no batch to compute. */
static void s_add_shares(const sim_spent_t *spent, predict_region_t *ret)
{
    double tests_us = (double)spent->us[SPENDS_EVALUATING];
    double all_us = 1e6 * ret->train_s * (double)ret->workers + tests_us;
    if (all_us <= 0)
        return;
    ret->computed = s_part((double)spent->us[SPENDS_COMPUTING], all_us);
    ret->evaluated = s_part(tests_us, all_us);
    ret->waited_shard = s_part((double)spent->us[SPENDS_SHARD], all_us);
    double rest = 1 - ret->computed - ret->evaluated - ret->waited_shard;
    ret->waited_scheduler = rest > 0 ? rest : 0;
}

static void s_judge_region(const world_t *self, const sim_t *sim, size_t r, predict_region_t *ret)
{
    const message_t *report = global_core_region(sim_global(sim), r).report;
    sim_spent_t spent = sim_spent(sim, r);
    *ret = (predict_region_t){.workers = self->topology->regions[r].workers,
                              .nodes = self->region_nodes[r],
                              .samples_total = self->job.regions[r].samples * self->job.epochs,
                              .sent_bytes = wan_sent(&self->wan, r),
                              .received_bytes = wan_received(&self->wan, r),
                              .wan_cost = wan_cost(&self->wan, r)};
    if (report) {
        ret->samples = report->region_report.samples;
        ret->rounds = report->region_report.rounds;
        ret->restarts = report->region_report.restarts;
        ret->train_s = (double)report->region_report.train_us / 1e6;
        s_judge_rent(self, report, r, ret);
    }
    s_add_shares(&spent, ret);
    ret->cost = ret->rent + ret->wan_cost;
}

static void s_add_region(predict_region_t *sum, const predict_region_t *one)
{
    double before = (double)sum->workers, more = (double)one->workers;
#define WEIGHED(name) sum->name = (sum->name * before + one->name * more) / (before + more);
    WEIGHED(computed)
    WEIGHED(evaluated)
    WEIGHED(waited_shard)
    WEIGHED(waited_scheduler)
#undef WEIGHED
#define SUMMED(name) sum->name += one->name;
    SUMMED(workers)
    SUMMED(nodes)
    SUMMED(samples)
    SUMMED(samples_total)
    SUMMED(restarts)
    SUMMED(sent_bytes)
    SUMMED(received_bytes)
    SUMMED(rented_s)
    SUMMED(rent)
    SUMMED(wan_cost)
    SUMMED(cost)
#undef SUMMED
    sum->rounds = one->rounds > sum->rounds ? one->rounds : sum->rounds;
    sum->train_s = one->train_s > sum->train_s ? one->train_s : sum->train_s;
}

/* A run that the limit ended goes on at the rate it had: the region that has most left to do is last. */
static void s_extend(prediction_t *self)
{
    double longest = 1;
    for (size_t r = 0; r < self->region_count && !self->over; r++) {
        const predict_region_t *region = &self->regions[r];
        double times = region->samples ? (double)region->samples_total / (double)region->samples : 0;
        longest = times > longest ? times : longest;
    }
    self->run_s = self->total.train_s * longest;
    self->run_cost = self->total.cost * longest;
}

static void s_judge(const world_t *self, const sim_t *sim, prediction_t *ret)
{
    sim_stats_t stats = sim_stats(sim);
    *ret = (prediction_t){.over = s_ended(sim),
                          .virtual_s = (double)sim_now_us(sim) / 1e6,
                          .events = stats.events,
                          .messages = stats.messages,
                          .region_count = self->topology->region_count};
    for (size_t r = 0; r < ret->region_count; r++) {
        s_judge_region(self, sim, r, &ret->regions[r]);
        s_add_region(&ret->total, &ret->regions[r]);
    }
    s_extend(ret);
}

err_code_t predict_run(const predict_spec_t *spec, prediction_t *ret_self, err_t *err)
{
    world_t world;
    err_code_t rc = s_make(&world, spec, err);
    bool crowd = !rc && s_all_workers(&world) > PREDICT_CROWD;
    sim_pace_t pace = {.hint = &world,
                       .arrives = s_arrives,
                       .serves = s_serves,
                       .computes = s_computes,
                       .commits = s_commits,
                       .link = s_link,
                       .link_every_us = crowd ? CROWD_LINK_US : LINK_US};
    sim_spec_t wanted = {.pace = &pace,
                         .node_list = world.nodes,
                         .node_count = world.node_count,
                         .rents = world.rents,
                         .samples = spec->samples,
                         .evaluates = spec->tests > 0,
                         .beat_us = crowd ? CROWD_BEAT_US : 0,
                         .seed = spec->seed,
                         .chunk_bytes = MESSAGE_CHUNK_BYTES,
                         .limit_us = INT64_MAX};
    if (!rc) {
        sim_t *sim = sim_new(world.topology, &wanted);
        rc = s_run_world(&world, sim, err);
        if (!rc)
            s_judge(&world, sim, ret_self);
        sim_destroy(&sim);
    }
    s_fini(&world);
    return rc;
}
