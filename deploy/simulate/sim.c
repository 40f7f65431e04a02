#include "deploy/simulate/sim_internal.h"

#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

void sim_schedule(sim_t *self, sim_event_t event)
{
    queue_add(&self->queue, event);
}

int64_t sim_random_us(sim_t *self, int64_t mean_us)
{
    return mean_us + (int64_t)rng_below(&self->rng, (uint64_t)mean_us + 1);
}

int64_t sim_commit_us(sim_t *self)
{
    return self->spec.pace ? self->spec.pace->commits(self->spec.pace->hint)
                           : sim_random_us(self, self->spec.commit_us);
}

/* ---- driving a core ---- */

/* A tick that is scheduled too soon finds that nothing is due, and looks again. */
static void s_schedule_tick(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    int64_t due = actor->role->due(actor->core);
    if (due == ROLE_NEVER)
        return;
    int64_t at = due > self->now_us ? due : self->now_us + 1;
    if (at >= actor->tick_us)
        return;
    actor->tick_us = at;
    sim_schedule(self, (sim_event_t){.at_us = at,
                                     .kind = SIM_TICK,
                                     .actor = (uint32_t)index,
                                     .life = actor->life,
                                     .tick = ++actor->tick});
}

static void s_tick_actor(sim_t *self, sim_actor_t *actor)
{
    actor->tick_us = ROLE_NEVER;
    if (actor->role == &node_role)
        sim_node_hears(self, (size_t)(actor - self->actors));
    if (actor->role->due(actor->core) <= self->now_us)
        actor->role->tick(actor->core, self->now_us);
}

void sim_after(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (!actor->alive)
        return;
    sim_effects(self, index);
    sim_spend(self, index);
    message_t *message;
    while (actor->alive && (message = outbox_take(actor->role->outbox(actor->core))))
        sim_send(self, index, &message);
    sim_end_finished(self, index);
    if (actor->alive && actor->role == &node_role && node_role.finished(actor->core))
        sim_node_ended(self, index);
    if (actor->alive)
        s_schedule_tick(self, index);
}

/* Handles what happens to the world rather than to one of its actors; false: it is an actor's. */
static bool s_handle_world(sim_t *self, const sim_event_t *event)
{
    switch ((sim_event_kind_t)event->kind) {
    case SIM_STOP:
        if (!self->actors[self->global].alive) {
            sim_stop_at(self, self->now_us + 100000);
            return true;
        }
        global_core_stop(self->actors[self->global].core, 5000000, self->now_us);
        sim_after(self, self->global);
        return true;
    case SIM_KILL:
        sim_kill_some(self);
        return true;
    case SIM_FILL:
        sim_fill(self);
        return true;
    case SIM_LOSE_NODE:
        sim_lose_node(self);
        return true;
    case SIM_RETURN:
        sim_return(self, event->actor);
        return true;
    case SIM_JOIN:
        sim_join(self);
        return true;
    case SIM_LEAVE:
        sim_leave(self);
        return true;
    case SIM_WIPE:
        sim_wipe_region(self);
        return true;
    case SIM_HEARD:
        sim_heard(self);
        return true;
    case SIM_CUT:
        sim_cut_node(self);
        return true;
    case SIM_SCHEDULER:
        sim_handle_scheduler(self, event);
        return true;
    case SIM_LINKS:
        sim_tell_links(self);
        return true;
    case SIM_WAKE:
    case SIM_SLEEP:
        if (self->actors[event->actor].life == event->life)
            event->kind == SIM_WAKE ? sim_wake(self, event->actor) : sim_sleep(self, event->actor);
        return true;
    default:
        return false;
    }
}

static void s_deliver(sim_t *self, sim_actor_t *actor, sim_event_t *event)
{
    message_t *message = event->what;
    event->what = NULL;
    if (self->spec.pace) {
        int64_t busy_us = actor->free_us > self->now_us ? actor->free_us : self->now_us;
        actor->free_us = busy_us + self->spec.pace->serves(self->spec.pace->hint, message);
    }
    actor->role->message(actor->core, &message, self->now_us);
}

static void s_committed(sim_t *self, sim_actor_t *actor, sim_event_t *event)
{
    snapshot_t *snapshot = event->what;
    uint64_t number = snapshot->id.number;
    event->what = NULL;
    if (sim_is_full(self, actor->node))
        event->code = ERR_FULL;
    if (!event->code)
        sim_commit(self, event->actor, &snapshot);
    snapshot_destroy(&snapshot);
    shard_core_committed(actor->core, number, (err_code_t)event->code, self->now_us);
    sim_uncover(self, event->actor);
}

static void s_handle(sim_t *self, sim_event_t *event)
{
    if (s_handle_world(self, event))
        return;
    sim_actor_t *actor = &self->actors[event->actor];
    /* Messages go to a name: one that was on its way reaches the successor. */
    if (!actor->alive || (event->kind != SIM_DELIVER && actor->life != event->life))
        return;
    if (event->kind == SIM_TICK && event->tick != actor->tick)
        return;
    if (event->kind == SIM_TICK)
        s_tick_actor(self, actor);
    if (event->kind == SIM_DELIVER)
        s_deliver(self, actor, event);
    if (event->kind == SIM_COMPUTED)
        actor->task.evaluate ? sim_evaluate(self, event->actor, (int64_t)event->tick)
                             : sim_compute(self, event->actor);
    if (event->kind == SIM_KEPT)
        sim_kept(self, event);
    if (event->kind == SIM_COMMITTED)
        s_committed(self, actor, event);
    sim_after(self, event->actor);
}

static void s_event_fini(sim_event_t *event)
{
    message_t *message = event->kind == SIM_DELIVER ? event->what : NULL;
    snapshot_t *snapshot = event->kind == SIM_COMMITTED ? event->what : NULL;
    keeper_job_t *job = event->kind == SIM_KEPT ? event->what : NULL;
    message_destroy(&message);
    if (job)
        snapshot = job->snapshot;
    snapshot_destroy(&snapshot);
    free(job);
}

bool sim_run(sim_t *self)
{
    return sim_run_until(self, self->spec.limit_us);
}

bool sim_run_until(sim_t *self, int64_t at_us)
{
    const queue_event_t *next;
    while ((next = queue_peek(&self->queue)) && next->at_us < at_us && !sim_is_over(self)) {
        sim_event_t event = queue_take(&self->queue);
        self->now_us = event.at_us;
        self->stats.events++;
        s_handle(self, &event);
        s_event_fini(&event);
    }
    self->stats.virtual_us = self->now_us;
    return sim_state(self) == RUN_DONE;
}

void sim_stop_at(sim_t *self, int64_t at_us)
{
    sim_schedule(self, (sim_event_t){.at_us = at_us, .kind = SIM_STOP});
}

/* ---- the world ---- */

static void s_open_data(sim_t *self)
{
    double shares[TOPOLOGY_REGIONS_MAX];
    size_t batch_max = 1;
    for (size_t r = 0; r < self->topology->region_count; r++) {
        shares[r] = self->topology->regions[r].data_share;
        if (self->job.regions[r].batch_max > batch_max)
            batch_max = self->job.regions[r].batch_max;
    }
    err_t err = {0};
    bool counter = !strcmp(self->topology->job.data.kind, "counter");
    for (size_t r = 0; counter && r < self->topology->region_count; r++) {
        dataset_spec_t spec = {.kind = "counter",
                               .samples = self->topology->job.data.samples,
                               .seed = self->topology->job.seed,
                               .region_shares = shares,
                               .region_count = self->topology->region_count,
                               .region_index = r};
        CHECK(dataset_open(&spec, &self->datasets[r], &err) == ERR_OK);
    }
    CHECK(model_new(&self->topology->job.model, batch_max, &self->model, &err) == ERR_OK);
    self->x = calloc(batch_max * model_sample_size(self->model), sizeof *self->x);
    self->indices = calloc(batch_max, sizeof *self->indices);
    self->labels = calloc(batch_max, sizeof *self->labels);
    CHECK(self->x && self->indices && self->labels);
}

void sim_sample(uint64_t seed, uint64_t number, size_t size, float *ret_x, uint32_t *ret_label)
{
    rng_t rng;
    rng_init_for(&rng, seed, "sample", number, 0);
    *ret_label = (uint32_t)rng_below(&rng, 10);
    for (size_t i = 0; i < size; i++)
        ret_x[i] = (float)rng_unit(&rng);
}

/* Room for all that may run, and as much again for zombies. */
static size_t s_capacity(const sim_t *self)
{
    const topology_t *topology = self->topology;
    size_t nodes = self->spec.nodes ? self->spec.nodes : 1, count = 256;
    for (size_t r = 0; r < topology->region_count; r++)
        count += 1 + 2 * nodes + 2 * topology->regions[r].shards + topology->regions[r].workers;
    return 2 * (count + 2 * self->spec.node_count);
}

/* A world that is only to be timed has one element per shard. */
static void s_cut_shards(sim_t *self)
{
    size_t shards = self->topology->regions[0].shards;
    self->shard_first = calloc(shards + 1, sizeof *self->shard_first);
    CHECK(self->shard_first);
    for (size_t k = 0; k < shards; k++)
        if (self->spec.pace)
            self->shard_first[k + 1] = k + 1;
        else
            layout_shard(&self->layout, shards, k, &self->shard_first[k], &self->shard_first[k + 1]);
}

/* The counters as rows, of which a batch touches few. */
static void s_make_rows(layout_t *layout)
{
    size_t dims[] = {layout->count / SIM_ROW, SIM_ROW};
    *layout = (layout_t){0};
    CHECK(layout_add(layout, "counters", 2, dims, NULL) == ERR_OK);
    layout_last(layout)->sparse = true;
}

sim_t *sim_new(const topology_t *topology, const sim_spec_t *spec)
{
    sim_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->topology = topology;
    self->spec = *spec;
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        self->touches[r] = (sim_touches_t){self, r};
    rng_init_for(&self->rng, spec->seed, "world", 0, 0);
    if (!self->spec.samples)
        self->spec.samples = topology->job.data.samples;
    err_t err = {0};
    CHECK(job_derive(topology, self->spec.samples, &self->job, &err) == ERR_OK);
    CHECK(model_layout_of(&topology->job.model, &self->layout, &err) == ERR_OK);
    if (spec->rows)
        s_make_rows(&self->layout);
    topology_digest(topology, self->digest);
    self->actor_capacity = s_capacity(self);
    self->actors = calloc(self->actor_capacity, sizeof *self->actors);
    CHECK(self->actors);
    s_cut_shards(self);
    if (!spec->pace)
        s_open_data(self);
    sim_start_all(self);
    if (spec->pace)
        sim_schedule(self, (sim_event_t){.at_us = 1, .kind = SIM_LINKS});
    if (spec->kill_per_s > 0)
        sim_schedule(self, (sim_event_t){.at_us = (int64_t)(1e6 / spec->kill_per_s), .kind = SIM_KILL});
    if (spec->full_per_s > 0)
        sim_schedule(self, (sim_event_t){.at_us = (int64_t)(1e6 / spec->full_per_s), .kind = SIM_FILL});
    if (spec->lose_node_per_s > 0)
        sim_schedule(self,
                     (sim_event_t){.at_us = (int64_t)(1e6 / spec->lose_node_per_s), .kind = SIM_LOSE_NODE});
    sim_elastic_new(self);
    sim_cuts_new(self);
    if (spec->wipe_us)
        sim_schedule(self, (sim_event_t){.at_us = spec->wipe_us, .kind = SIM_WIPE});
    return self;
}

void sim_destroy(sim_t **self_p)
{
    sim_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    while (self->queue.count)
        s_event_fini(&self->queue.items[--self->queue.count]);
    queue_fini(&self->queue);
    for (size_t i = 0; i < self->actor_count; i++) {
        if (self->actors[i].core)
            self->actors[i].role->destroy(&self->actors[i].core);
    }
    sim_disks_destroy(self);
    sim_schedulers_destroy(self);
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        dataset_destroy(&self->datasets[r]);
    model_destroy(&self->model);
    names_fini(&self->names);
    free(self->actors);
    free(self->shard_first);
    free(self->x);
    free(self->indices);
    free(self->labels);
    free(self);
}

static size_t s_shard(const sim_t *self, size_t region, uint64_t shard)
{
    return sim_find(self, actor_name_numbered(ROLE_SHARD, self->topology->regions[region].name, shard).text);
}

static void s_open_shard(sim_t *self, const char *name, size_t node)
{
    node_command_t command = {.incarnation = (INCARNATION_TERM_MAX << 32) - 1};
    sim_start_actor(self, name, node, &command);
}

void sim_open_shards(sim_t *self)
{
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (size_t k = 0; k < self->topology->regions[r].shards; k++) {
            size_t index = s_shard(self, r, k);
            actor_name_t name = actor_name_numbered(ROLE_SHARD, self->topology->regions[r].name, k);
            if (index == SIZE_MAX || !self->actors[index].core)
                s_open_shard(self, name.text, sim_newest_node(self, r, name.text));
        }
}

void sim_parameters(const sim_t *self, size_t region_index, float *ret_values)
{
    for (size_t k = 0; k < self->topology->regions[region_index].shards; k++) {
        size_t index = s_shard(self, region_index, k);
        CHECK(index != SIZE_MAX && self->actors[index].core);
        memcpy(ret_values + self->shard_first[k], shard_core_parameters(self->actors[index].core),
               (self->shard_first[k + 1] - self->shard_first[k]) * sizeof *ret_values);
    }
}

uint64_t sim_round(const sim_t *self, size_t region_index)
{
    uint64_t least = UINT64_MAX;
    for (size_t k = 0; k < self->topology->regions[region_index].shards; k++) {
        size_t index = s_shard(self, region_index, k);
        uint64_t round =
            index == SIZE_MAX || !self->actors[index].core ? 0 : shard_core_round(self->actors[index].core);
        least = round < least ? round : least;
    }
    return least;
}

uint64_t sim_batches(const sim_t *self)
{
    uint64_t sum = 0;
    for (size_t r = 0; r < self->topology->region_count; r++)
        sum += self->job.regions[r].batches;
    return sum;
}

uint64_t sim_batches_applied(const sim_t *self)
{
    uint64_t sum = 0;
    for (size_t r = 0; r < self->topology->region_count; r++) {
        uint64_t least = self->job.regions[r].batches;
        for (size_t k = 0; k < self->topology->regions[r].shards; k++) {
            size_t index = s_shard(self, r, k);
            uint64_t have = index == SIZE_MAX || !self->actors[index].core
                                ? 0
                                : ranges_size(shard_core_applied(self->actors[index].core));
            least = have < least ? have : least;
        }
        sum += least;
    }
    return sum;
}

run_state_t sim_state(const sim_t *self)
{
    return global_core_state(self->actors[self->global].core);
}

sim_stats_t sim_stats(const sim_t *self)
{
    sim_stats_t stats = self->stats;
    const global_core_t *global = self->actors[self->global].core;
    for (size_t r = 0; r < self->topology->region_count; r++) {
        region_view_t view = global_core_region(global, r);
        if (view.report) {
            stats.duplicates_refused += view.report->region_report.duplicates_refused;
            stats.restarts += view.report->region_report.restarts;
            stats.moves += view.report->region_report.moves;
            stats.samples_repeated += view.report->region_report.samples_repeated;
        }
    }
    for (size_t i = 0; i < self->actor_count && !self->spec.pace; i++) {
        const sim_actor_t *actor = &self->actors[i];
        if (actor->role != &shard_role || actor->zombie || !actor->core)
            continue;
        stats.rolled_back += shard_core_rolled_back(actor->core);
        stats.transfers += shard_core_transfers(actor->core);
    }
    stats.marks_made = global_mark_made(global_core_mark(global));
    stats.marks_given_up = global_mark_given_up(global_core_mark(global));
    return stats;
}

const char *sim_report_fault(const sim_t *self)
{
    const global_core_t *global = self->actors[self->global].core;
    for (size_t r = 0; r < self->topology->region_count; r++) {
        region_view_t view = global_core_region(global, r);
        double epochs = (double)self->topology->job.epochs;
        if (!view.report || !view.report->region_report.stopped)
            return "a region's final report is missing";
        if (view.report->region_report.samples != self->job.regions[r].samples * self->topology->job.epochs)
            return "samples in the final report";
        if (!view.curve_count || view.curve_count != view.report->region_report.curve_rows)
            return "rows of the curve";
        if (view.curve[view.curve_count - 1].epoch < epochs ||
            view.curve[view.curve_count - 1].epoch > epochs)
            return "the last row of the curve is not of the end";
    }
    return NULL;
}

const global_core_t *sim_global(const sim_t *self)
{
    return self->actors[self->global].core;
}

int64_t sim_now_us(const sim_t *self)
{
    return self->now_us;
}

sim_spent_t sim_spent(const sim_t *self, size_t region_index)
{
    sim_spent_t sum = {0};
    for (size_t i = 0; i < self->actor_count; i++) {
        const sim_actor_t *actor = &self->actors[i];
        if (actor->role != &worker_role || actor->region != region_index)
            continue;
        for (size_t k = 0; k < SPENDS_COUNT; k++)
            sum.us[k] += actor->spent.us[k];
        if (actor->alive)
            sum.us[actor->spends] += self->now_us - actor->spends_us;
    }
    return sum;
}

void sim_print_waits(const sim_t *self, FILE *out)
{
    const global_core_t *global = self->actors[self->global].core;
    const char *why = "";
    global_core_failure(global, &why);
    fprintf(out, "  t=%.3f s, run state %d %s\n", (double)self->now_us / 1e6, (int)sim_state(self), why);
    for (size_t i = 0; i < global_core_actor_count(global); i++) {
        const message_t *status = global_core_actor(global, i).status;
        fprintf(out, "  ");
        message_print(status, out);
    }
    for (size_t r = 0; r < self->topology->region_count; r++) {
        region_view_t view = global_core_region(global, r);
        if (view.report) {
            fprintf(out, "  ");
            message_print(view.report, out);
        }
    }
}
