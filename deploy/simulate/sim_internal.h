/* sim_internal - what the files of the simulator share. */
#ifndef DEPLOY_SIMULATE_SIM_INTERNAL_H
#define DEPLOY_SIMULATE_SIM_INTERNAL_H

#include "deploy/simulate/sim.h"

#include "actors/keeper/keeper_core.h"
#include "actors/model/dataset.h"
#include "actors/model/model.h"
#include "actors/node/node_core.h"
#include "actors/scheduler/region/region_core.h"
#include "actors/shard/shard_core.h"
#include "actors/shard/shard_start.h"
#include "actors/synchronizer/synchronizer_core.h"
#include "actors/worker/worker_core.h"
#include "codec/base/names.h"
#include "codec/base/run_id.h"
#include "codec/wire/says.h"
#include "deploy/simulate/queue.h"

#define SIM_OLDER 6 /* snapshots before the newest that a disk may be found at */
#define SIM_MARKS_MAX 16
#define SIM_RUN UINT64_C(1) /* identity of the job's run, which regions and nodes learn */

typedef enum {
    SIM_TICK,
    SIM_DELIVER,
    SIM_COMPUTED,
    SIM_COMMITTED,
    SIM_KEPT,
    SIM_KILL,
    SIM_LOSE_NODE,
    SIM_FILL,
    SIM_RETURN,
    SIM_JOIN,
    SIM_LEAVE,
    SIM_STOP,
    SIM_SCHEDULER,
    SIM_WIPE,
    SIM_HEARD,
    SIM_CUT,
    SIM_WAKE,
    SIM_SLEEP,
    SIM_LINKS
} sim_event_kind_t;

/* An event points to: SIM_DELIVER message_t, SIM_COMMITTED snapshot_t, SIM_KEPT keeper_job_t with its
 * snapshot. */
typedef queue_event_t sim_event_t;

/* Everything on a node's disk of one shard: its own snapshots, or copies of them; the newest, and common
 * points. */
typedef struct {
    wire_name_t node;
    wire_name_t shard;
    bool kept;
    uint64_t seal;
    snapshot_t *snapshot;              /* NULL: none */
    snapshot_t *marked[SIM_MARKS_MAX]; /* with a tag of a common point, oldest first; the oldest goes */
    size_t marked_count;
    snapshot_t *older[SIM_OLDER]; /* those before the newest, of its own alone */
    uint32_t skipped;             /* newer ones that lie there damaged ... */
    snapshot_t *damaged;          /* ... the newest of them; how many batches it had can be read */
    bool exposed; /* something has left since that is not here (checkpoint.when_full: go_on) */
} sim_copy_t;

typedef struct {
    wire_name_t name;
    size_t region;
    actor_role_t kind;
    says_t says; /* as schema.def knows it */
    const role_t *role;
    void *core;
    bool alive;
    uint64_t life; /* grows with each start */
    uint64_t tick;
    uint64_t incarnation;
    /* worker */
    float *gradient;
    worker_task_t task;
    bool computing;
    size_t node;           /* hosted: by which node */
    int64_t slow;          /* node: times the time for a step */
    int64_t full_until_us; /* node: its disk refuses everything before this */
    bool leaves;           /* node: it was told to end ... */
    bool left;             /* ... and has, with nothing that the region needs */
    bool hangs;            /* died in silence */
    bool zombie;           /* has a successor by the same name, in another place */
    int64_t tick_us;       /* when it is ticked next; ROLE_NEVER: nothing is scheduled */
    int64_t free_us;       /* when it has done what it was sent; what it says leaves no sooner */
    size_t place;          /* node: row of the spec's list */
    size_t scheduler;      /* scheduler: row of the schedulers; SIZE_MAX: is none */
    sim_spent_t spent;     /* worker: what its time went to */
    sim_spends_t spends;   /* now */
    int64_t spends_us;     /* since when */
} sim_actor_t;

/* How a world has actors of a role that nodes host. */
typedef struct {
    const role_t *role; /* NULL: nodes host none of it */
    void *(*make)(sim_t *self, sim_actor_t *actor, size_t number, const node_command_t *command);
    void (*effects)(sim_t *self, size_t actor); /* what its core wants done; NULL: nothing */
    err_code_t (*failure)(const void *core);    /* of one that has finished; NULL: none */
    bool wakes; /* after it hung it may go on for a while, beside its successor */
} sim_role_t;

/* A region's batches, for who asks which elements one touches. */
typedef struct {
    sim_t *sim;
    size_t region;
} sim_touches_t;

struct sim {
    const topology_t *topology;
    sim_spec_t spec;
    job_t job;
    layout_t layout;
    char digest[17];     /* of the topology */
    size_t *shard_first; /* (shards + 1) */
    rng_t rng;
    int64_t now_us;
    queue_t queue;
    sim_actor_t *actors; /* (actor_capacity) stay where they are */
    size_t actor_count, actor_capacity;
    names_t names;       /* of actors, zombies apart */
    size_t global;       /* the global scheduler's */
    size_t zombies;      /* slots that were ever one's */
    sim_copy_t **copies; /* (copy_capacity) */
    size_t copy_count, copy_capacity;
    dataset_t *datasets[TOPOLOGY_REGIONS_MAX];
    model_t *model;
    sim_touches_t touches[TOPOLOGY_REGIONS_MAX]; /* by a batch of a region */
    struct sim_schedulers *schedulers;
    size_t cut_node; /* once stats.cut_nodes says that there is one */
    float *x;
    uint32_t *indices, *labels;
    sim_stats_t stats;
};

/* sim.c */
void sim_schedule(sim_t *self, sim_event_t event);
int64_t sim_random_us(sim_t *self, int64_t mean_us); /* between once and twice */
int64_t sim_commit_us(sim_t *self);                  /* of one snapshot */
void sim_after(sim_t *self, size_t actor); /* outbox, effects and next tick, after a call into a core */

/* sim_network.c */
void sim_send(sim_t *self, size_t from_actor, message_t **message_p);
void sim_tell_links(sim_t *self); /* brokers say how regions are reached, and are due again */

/* sim_cuts.c */
void sim_cuts_new(sim_t *self);
bool sim_is_cut(sim_t *self, const sim_actor_t *from, const sim_actor_t *to); /* counts it */
void sim_node_hears(sim_t *self, size_t node); /* its broker answers, where it is not cut off */
void sim_heard(sim_t *self);                   /* the global scheduler hears again */
void sim_cut_node(sim_t *self);                /* when it is time; else it is looked again */

/* sim_disks.c */
/* made when it is not there */
sim_copy_t *sim_copy(sim_t *self, const char *node, const char *shard, bool kept);
void sim_copy_set(sim_copy_t *copy, snapshot_t **snapshot_p);
bool sim_is_newer(const snapshot_t *a, const snapshot_t *b);
const sim_copy_t *sim_newest_copy(const sim_t *self, const char *node, const char *shard); /* NULL: none */
size_t sim_newest_node(const sim_t *self, size_t region, const char *shard); /* the first when none has any */
void sim_disks_destroy(sim_t *self);
void sim_copy_clear(sim_copy_t *copy);
void sim_wipe(sim_t *self, const char *node);
void sim_take_jobs(sim_t *self, size_t keeper);
void sim_kept(sim_t *self, sim_event_t *event);
void sim_find_kept(const sim_t *self, const char *node, keeper_core_t *core);
void sim_find_held(const sim_t *self, size_t region, const char *node, node_spec_t *spec);
void sim_lose_node(sim_t *self);
void sim_fill(sim_t *self);
bool sim_is_full(const sim_t *self, size_t node);
void sim_check_move(sim_t *self, const message_t *hand_over); /* that a copy is where it can go */
void sim_uncover(sim_t *self, size_t shard); /* after each commit, or none: whether it goes on without */
void sim_return(sim_t *self, size_t node);
/* sim_elastic.c */
void sim_elastic_new(sim_t *self);
void sim_join(sim_t *self);
void sim_leave(sim_t *self);
void sim_rent(sim_t *self, size_t region_scheduler); /* what it wants returned leaves */
void sim_node_ended(sim_t *self, size_t node);
uint64_t sim_cores(const sim_t *self, const char *node);
int64_t sim_slowness(const sim_t *self, const char *node);
/* sim_faults.c */
void sim_commit(sim_t *self, size_t actor, snapshot_t **snapshot_p);
sim_copy_t *sim_disk(sim_t *self, const sim_actor_t *shard);
start_t sim_start(sim_t *self, const sim_actor_t *shard, const node_command_t *command);
bool sim_may_lose(const sim_t *self);
void sim_lose_disk(sim_t *self, size_t actor);
void sim_wipe_region(sim_t *self);
void sim_raise_zombie(sim_t *self, size_t actor); /* before its successor takes its place */
void sim_wake(sim_t *self, size_t actor);
void sim_sleep(sim_t *self, size_t actor);
size_t sim_zombie_of(const sim_t *self, const char *name); /* that is awake; SIZE_MAX: none */
void sim_damage(sim_t *self, message_t *message);

/* sim_actors.c */
size_t sim_find(const sim_t *self, const char *name); /* SIZE_MAX when it never was */
void sim_start_all(sim_t *self);                      /* schedulers and nodes */
void sim_start_node(sim_t *self, const char *name, size_t region, size_t place);
void sim_unit_name(const sim_t *self, size_t region, const char *unit, wire_name_t ret_name);
/* Of nodes that are no units, and back; 0 for those that are. */
void sim_node_name(const sim_t *self, size_t region, size_t number, wire_name_t ret_name);
uint64_t sim_node_number(const char *name);
void sim_put(sim_t *self, const char *name, size_t region, const role_t *role, void *core,
             uint64_t incarnation);
const sim_role_t *sim_role(const sim_actor_t *actor); /* one without `role`: it is not hosted */
void sim_start_actor(sim_t *self, const char *name, size_t node, const node_command_t *command);
void sim_kill(sim_t *self, size_t actor, bool silent);
void sim_end_finished(sim_t *self, size_t actor);
void sim_kill_some(sim_t *self);
void sim_effects(sim_t *self, size_t actor);
void sim_compute(sim_t *self, size_t actor);
void sim_evaluate(sim_t *self, size_t actor, int64_t took_us);
void sim_spend(sim_t *self, size_t actor); /* a worker may do something else now */

/* sim_schedulers.c */
void sim_schedulers_new(sim_t *self);
void sim_schedulers_destroy(sim_t *self);
void sim_keep(sim_t *self, size_t actor);
void sim_fill_scheduler(sim_t *self, size_t actor);
void sim_take_schedulers(sim_t *self, sim_t *from);
void sim_zombie_hears(sim_t *self, const message_t *message);
void sim_handle_scheduler(sim_t *self, const sim_event_t *event);
bool sim_is_over(const sim_t *self);

#endif
