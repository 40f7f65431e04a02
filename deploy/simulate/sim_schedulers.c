/* Deaths of schedulers: what they kept is on a disk in memory, a successor starts from it a while later, and
 * sometimes the one that was taken for dead had only stood still, wakes up, and goes on as if nothing had
 * happened. */
#include "deploy/simulate/sim_internal.h"

#include "actors/scheduler/base/journal.h"
#include "store/kv_mem.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

#define BACKLOG_MAX 64        /* messages that one that stands still finds when it wakes */
#define DOWN_MOST_US 8000000  /* between a death and the successor */
#define WAKES_MOST_US 3000000 /* after the successor's start */
#define FENCE_US 20000000     /* then its broker has cut a zombie off that nobody refused */

typedef enum { EVENT_KILL, EVENT_START, EVENT_WAKE, EVENT_ZOMBIE, EVENT_FENCE } scheduler_event_t;

/* One that stands still, or has woken up. */
typedef struct {
    void *core;         /* NULL: none */
    journal_t *journal; /* its successor has the store: whatever it had not kept it never will */
    bool awake;
    uint64_t tick;   /* the newest scheduled wins */
    uint64_t number; /* of this one */
    message_t *backlog[BACKLOG_MAX];
    size_t backlog_count;
} zombie_t;

typedef struct {
    wire_name_t name;
    size_t region; /* region_count: the global one */
    uint64_t term;
    kv_t *kv;
    journal_t *journal;
    int64_t full_until_us; /* its disk refuses everything before this */
    zombie_t zombie;
} scheduler_t;

struct sim_schedulers {
    scheduler_t items[TOPOLOGY_REGIONS_MAX + 1];
    size_t count;
    uint64_t kills_left;
};

static scheduler_t *s_find_scheduler(const sim_t *self, const char *name)
{
    for (size_t i = 0; i < self->schedulers->count; i++)
        if (!strcmp(self->schedulers->items[i].name, name))
            return &self->schedulers->items[i];
    return NULL;
}

static bool s_is_global(const sim_t *self, const scheduler_t *scheduler)
{
    return scheduler->region == self->topology->region_count;
}

static const role_t *s_role(const sim_t *self, const scheduler_t *scheduler)
{
    return s_is_global(self, scheduler) ? &global_role : &region_role;
}

/* ---- starting ---- */

static size_t s_nodes_of(const sim_t *self, size_t region)
{
    size_t count = 0;
    for (size_t n = 0; n < self->spec.node_count; n++)
        count += self->spec.node_list[n].region == region;
    if (!self->spec.node_list)
        count = self->spec.nodes;
    return count ? count : 1;
}

static void *s_new_core(sim_t *self, const scheduler_t *scheduler, const legacy_t *legacy)
{
    if (s_is_global(self, scheduler)) {
        global_spec_t spec = {
            .topology = self->topology, .incarnation = scheduler->term, .run = SIM_RUN, .legacy = legacy};
        return global_core_new(&spec, self->now_us);
    }
    region_spec_t spec = {.topology = self->topology,
                          .region_index = scheduler->region,
                          .term = scheduler->term,
                          .run = legacy->state ? legacy->state->region_state.run : RUN_ID_NONE,
                          .nodes_expected = s_nodes_of(self, scheduler->region),
                          .settle_us = 1000000,
                          .evaluates =
                              self->spec.evaluates && topology_tests(self->topology, scheduler->region),
                          .stays_us = self->spec.stays_us,
                          .status_us = 8 * self->spec.beat_us,
                          .legacy = legacy};
    region_core_t *core = region_core_new(&spec, self->now_us);
    const sim_rent_t *rent = self->spec.rents ? &self->spec.rents[scheduler->region] : NULL;
    if (rent)
        region_core_rent(core, rent->units, rent->stay, self->now_us);
    return core;
}

static void s_start_scheduler(sim_t *self, scheduler_t *scheduler)
{
    bool global = s_is_global(self, scheduler);
    legacy_t legacy;
    err_t err = {0};
    journal_destroy(&scheduler->journal);
    scheduler->journal =
        journal_new(scheduler->kv, global ? &global_source : &region_source, self->topology->region_count);
    CHECK(journal_load(scheduler->journal, global ? KIND_global_state : KIND_region_state, &legacy, &err) ==
          ERR_OK);
    void *core = s_new_core(self, scheduler, &legacy);
    legacy_fini(&legacy);
    sim_put(self, scheduler->name, global ? 0 : scheduler->region, s_role(self, scheduler), core,
            global ? scheduler->term : scheduler->term << 32);
    size_t index = sim_find(self, scheduler->name);
    self->actors[index].scheduler = (size_t)(scheduler - self->schedulers->items);
    if (global)
        self->global = index;
}

void sim_schedulers_new(sim_t *self)
{
    size_t regions = self->topology->region_count;
    self->schedulers = calloc(1, sizeof *self->schedulers);
    CHECK(self->schedulers);
    self->schedulers->count = regions + 1;
    self->schedulers->kills_left = 40;
    for (size_t i = 0; i <= regions; i++) {
        scheduler_t *scheduler = &self->schedulers->items[i];
        scheduler->region = regions - i; /* the global one first */
        scheduler->term = self->spec.term ? self->spec.term : 1;
        scheduler->kv = kv_mem_new(KV_DURABILITY_DISK);
        CHECK(scheduler->kv);
        const char *region = i ? self->topology->regions[scheduler->region].name : ACTOR_GLOBAL_REGION;
        message_set_name(scheduler->name, actor_name(ROLE_SCHEDULER, region).text);
        s_start_scheduler(self, scheduler);
    }
    if (self->spec.scheduler_kill_per_s > 0)
        sim_schedule(self, (sim_event_t){.at_us = sim_random_us(self, 200000), .kind = SIM_SCHEDULER});
}

static void s_drop_zombie(zombie_t *zombie, const role_t *role)
{
    while (zombie->backlog_count)
        message_destroy(&zombie->backlog[--zombie->backlog_count]);
    if (zombie->core)
        role->destroy(&zombie->core);
    journal_destroy(&zombie->journal);
    zombie->awake = false;
}

void sim_schedulers_destroy(sim_t *self)
{
    for (size_t i = 0; self->schedulers && i < self->schedulers->count; i++) {
        scheduler_t *scheduler = &self->schedulers->items[i];
        s_drop_zombie(&scheduler->zombie, s_role(self, scheduler));
        journal_destroy(&scheduler->journal);
        kv_destroy(&scheduler->kv);
    }
    free(self->schedulers);
    self->schedulers = NULL;
}

/* ---- what is kept ---- */

static bool s_is_full(const sim_t *self, const scheduler_t *scheduler)
{
    return self->now_us < scheduler->full_until_us;
}

static void s_set_full(scheduler_t *scheduler, bool full)
{
    kv_mem_set_fault(scheduler->kv, KV_MEM_COMMIT,
                     (kv_mem_fault_t){.repeat = full ? -1 : 0, .code = full ? ERR_FULL : ERR_OK});
}

void sim_fill_scheduler(sim_t *self, size_t actor)
{
    scheduler_t *scheduler = &self->schedulers->items[self->actors[actor].scheduler];
    if (s_is_full(self, scheduler))
        return;
    self->stats.full_schedulers++;
    scheduler->full_until_us =
        self->now_us + 1 + (int64_t)rng_below(&self->rng, (uint64_t)self->spec.full_us);
}

void sim_keep(sim_t *self, size_t actor)
{
    size_t row = self->actors[actor].scheduler;
    scheduler_t *scheduler =
        row == SIZE_MAX ? s_find_scheduler(self, self->actors[actor].name) : &self->schedulers->items[row];
    const journal_source_t *source = s_is_global(self, scheduler) ? &global_source : &region_source;
    if (!self->spec.pace) {
        s_set_full(scheduler, s_is_full(self, scheduler));
        uint64_t failed = kv_mem_failed(scheduler->kv, KV_MEM_COMMIT);
        err_code_t code = journal_work(scheduler->journal, self->actors[actor].core, self->now_us, NULL);
        CHECK(!code || (code == ERR_FULL && s_is_full(self, scheduler)));
        self->stats.unkept += kv_mem_failed(scheduler->kv, KV_MEM_COMMIT) - failed;
        void *core = self->actors[actor].core;
        self->stats.withheld +=
            journal_withhold(scheduler->journal, core, s_role(self, scheduler)->outbox(core), self->now_us);
    } else if (source->stored) { /* none dies here */
        source->stored(self->actors[actor].core, source->decisions(self->actors[actor].core));
    }
}

/* The schedulers' disks of a former life of the job; the global one's run is over. */
void sim_take_schedulers(sim_t *self, sim_t *from)
{
    for (size_t i = 0; i < self->schedulers->count; i++) {
        scheduler_t *to = &self->schedulers->items[i], *before = &from->schedulers->items[i];
        kv_t *kv = to->kv;
        if (i > 0) {
            to->kv = before->kv;
            before->kv = kv;
        }
        to->term = before->term < to->term ? to->term : before->term + 1;
        s_start_scheduler(self, to);
    }
}

/* ---- deaths and successors ---- */

static void s_schedule(sim_t *self, scheduler_event_t what, const scheduler_t *scheduler, int64_t after_us,
                       uint64_t tick)
{
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + (after_us > 0 ? after_us : 1),
                                     .kind = SIM_SCHEDULER,
                                     .actor = (uint32_t)(scheduler - self->schedulers->items),
                                     .life = (uint64_t)what,
                                     .tick = tick});
}

static void s_kill_one(sim_t *self)
{
    scheduler_t *scheduler = &self->schedulers->items[rng_below(&self->rng, self->schedulers->count)];
    sim_actor_t *actor = &self->actors[sim_find(self, scheduler->name)];
    if (!actor->alive || actor->role->finished(actor->core))
        return;
    actor->alive = false;
    *(s_is_global(self, scheduler) ? &self->stats.killed_global : &self->stats.killed_regional) += 1;
    self->stats.killed_at_end += sim_state(self) >= RUN_STOPPING;
    self->schedulers->kills_left--;
    if (rng_unit(&self->rng) < self->spec.scheduler_zombie && !scheduler->zombie.core &&
        !s_is_global(self, scheduler)) {
        scheduler->zombie.core = actor->core; /* the global one is looked at until its successor is there */
        actor->core = NULL;
        scheduler->zombie.journal = scheduler->journal;
        scheduler->journal = NULL;
    }
    s_schedule(self, EVENT_START, scheduler, 20000 + (int64_t)rng_below(&self->rng, DOWN_MOST_US), 0);
}

static void s_kill(sim_t *self)
{
    s_kill_one(self);
    if (self->schedulers->kills_left)
        s_schedule(self, EVENT_KILL, self->schedulers->items,
                   sim_random_us(self, (int64_t)(1e6 / self->spec.scheduler_kill_per_s)), 0);
}

static void s_succeed(sim_t *self, scheduler_t *scheduler)
{
    scheduler->term++;
    s_start_scheduler(self, scheduler);
    if (scheduler->zombie.core && !scheduler->zombie.awake)
        s_schedule(self, EVENT_WAKE, scheduler, (int64_t)rng_below(&self->rng, WAKES_MOST_US), 0);
}

/* Its term must be on the disk before it says anything. */
static void s_wait_for_room(sim_t *self, const scheduler_t *scheduler)
{
    self->stats.without_room++;
    s_schedule(self, EVENT_START, scheduler, scheduler->full_until_us - self->now_us, 0);
}

/* ---- zombies ---- */

/* It reads what has come and goes on as its shell does; who refuses it is heard, and then it has to end. */
static void s_run_zombie(sim_t *self, scheduler_t *scheduler)
{
    const role_t *role = s_role(self, scheduler);
    zombie_t *zombie = &scheduler->zombie;
    message_t *message;
    for (size_t i = 0; i < zombie->backlog_count; i++)
        role->message(zombie->core, &zombie->backlog[i], self->now_us);
    zombie->backlog_count = 0;
    role->tick(zombie->core, self->now_us);
    journal_withhold(zombie->journal, zombie->core, role->outbox(zombie->core), self->now_us);
    while ((message = outbox_take(role->outbox(zombie->core))))
        sim_send(self, sim_find(self, scheduler->name), &message);
    if (role->finished(zombie->core)) {
        self->stats.schedulers_refused++;
        s_drop_zombie(zombie, role);
    } else if (role->due(zombie->core) != ROLE_NEVER) {
        s_schedule(self, EVENT_ZOMBIE, scheduler, role->due(zombie->core) - self->now_us, ++zombie->tick);
    }
}

static void s_wake(sim_t *self, scheduler_t *scheduler)
{
    scheduler->zombie.awake = true;
    self->stats.schedulers_woken++;
    s_schedule(self, EVENT_FENCE, scheduler, FENCE_US, ++scheduler->zombie.number);
    s_run_zombie(self, scheduler);
}

/* Messages for the name: before it wakes they pile up, afterwards its broker gives everything but refusals
 * to the successor. */
void sim_zombie_hears(sim_t *self, const message_t *message)
{
    scheduler_t *scheduler = self->spec.scheduler_kill_per_s > 0 ? s_find_scheduler(self, message->to) : NULL;
    zombie_t *zombie = scheduler ? &scheduler->zombie : NULL;
    if (!zombie || !zombie->core || zombie->backlog_count == BACKLOG_MAX)
        return;
    bool successor = self->actors[sim_find(self, scheduler->name)].alive;
    if (zombie->awake ? message->kind != KIND_refused : successor)
        return;
    zombie->backlog[zombie->backlog_count++] = message_dup(message);
    if (zombie->awake)
        s_schedule(self, EVENT_ZOMBIE, scheduler, 1, ++zombie->tick);
}

void sim_handle_scheduler(sim_t *self, const sim_event_t *event)
{
    scheduler_t *scheduler = &self->schedulers->items[event->actor];
    bool zombie = scheduler->zombie.core != NULL;
    switch ((scheduler_event_t)event->life) {
    case EVENT_KILL:
        s_kill(self);
        break;
    case EVENT_START:
        if (s_is_full(self, scheduler))
            s_wait_for_room(self, scheduler);
        else
            s_succeed(self, scheduler);
        break;
    case EVENT_WAKE:
        if (zombie && !scheduler->zombie.awake)
            s_wake(self, scheduler);
        break;
    case EVENT_ZOMBIE:
        if (zombie && scheduler->zombie.awake && event->tick == scheduler->zombie.tick)
            s_run_zombie(self, scheduler);
        break;
    case EVENT_FENCE:
        if (zombie && scheduler->zombie.awake && event->tick == scheduler->zombie.number)
            s_drop_zombie(&scheduler->zombie, s_role(self, scheduler));
        break;
    }
}

/* ---- the end ---- */

/* A world ends when all schedulers have said farewell; a node that was cut off may do so later. */
bool sim_is_over(const sim_t *self)
{
    if (sim_state(self) < RUN_DONE)
        return false;
    for (size_t i = 0; i < self->schedulers->count; i++) {
        const sim_actor_t *actor = &self->actors[sim_find(self, self->schedulers->items[i].name)];
        if (!actor->alive || !actor->role->finished(actor->core))
            return false;
    }
    return self->stats.cut_nodes == self->stats.ended_alone;
}
