/* sim - a whole run of Cloudless in one thread and in virtual time: the cores that run live, a seeded network
 * between them, disks that take time and sometimes fail, nodes that start what the schedulers place.
 *
 * Why      hundreds of worlds with losses, duplicates, reordering, partitions and deaths in the time of one
 *          live run, and each can be replayed from its seed.
 * Not      sockets, threads, brokers: a message goes from one core's outbox through pack and unpack to
 *          another core.
 * Threads  one.
 */
#ifndef DEPLOY_SIMULATE_SIM_H
#define DEPLOY_SIMULATE_SIM_H

#include "actors/kit/breaks.h"
#include "actors/kit/role.h"
#include "actors/scheduler/global/global_core.h"
#include "brokers/job.h"
#include "codec/base/rng.h"
#include "codec/wire/roles.h"

#include <stdio.h>

#define SIM_PARTITIONS_MAX 8
#define SIM_ROW 4 /* counters in a row */

typedef struct {
    size_t from_region, to_region;
    int64_t from_us, until_us;
    bool one_way;
} sim_partition_t;

/* One node of a world. */
typedef struct {
    size_t region;
    char name[2 * TOPOLOGY_NAME_MAX]; /* last part of its name; of a unit OFFER-K */
    const char *offer;                /* that it is a unit of; NULL: of none */
    uint64_t cores;
} sim_node_t;

/* Units that a region rents from the beginning on; all are kept until the end, or returned as live ones
 * are. */
typedef struct {
    uint64_t units[TOPOLOGY_OFFERS_MAX];
    bool stay;
} sim_rent_t;

/* How long everything takes, for a world that is to be as slow as a real one; times in virtual
 * microseconds. */
typedef struct {
    void *hint;
    /* When a message that leaves now has arrived. */
    int64_t (*arrives)(void *hint, const message_t *message, size_t from_region, size_t to_region,
                       int64_t now_us);
    /* How long the receiver is busy with it; what it answers leaves after that. */
    int64_t (*serves)(void *hint, const message_t *message);
    /* How long a worker on the node of this row takes for so many samples; 0 samples: an evaluation. */
    int64_t (*computes)(void *hint, size_t node, uint64_t samples);
    int64_t (*commits)(void *hint); /* how long a snapshot takes */
    /* A broker's word on the way to another region; false: nothing. */
    bool (*link)(void *hint, size_t region, size_t other, message_t *link_state);
    int64_t link_every_us; /* how often it says so */
} sim_pace_t;

/* The uses of a worker's time. */
typedef enum {
    SPENDS_COMPUTING,
    SPENDS_EVALUATING,
    SPENDS_SHARD,
    SPENDS_SCHEDULER,
    SPENDS_COUNT
} sim_spends_t;
typedef struct {
    int64_t us[SPENDS_COUNT];
} sim_spent_t;

/* Every knob of a world, with its unit. */
typedef struct {
    const sim_pace_t
        *pace; /* borrowed; then tensors have one element per shard, no delay or fault below counts, and
                                   messages are handed over as they are; NULL: the knobs below */
    const sim_node_t *node_list; /* (node_count) borrowed; NULL: `nodes` per region */
    size_t node_count;
    const sim_rent_t *rents; /* (regions) borrowed; node_list has their units; NULL: nothing is rented */
    uint64_t samples;        /* of the data set; 0: job.data.samples */
    bool evaluates;          /* there is a test set */
    int64_t beat_us;         /* between two signs of life of workers and nodes; 0: as in a real run */
    uint64_t seed;
    uint64_t term;                      /* of the schedulers: larger for each life of a job; 0 is 1 */
    int64_t lan_delay_us, wan_delay_us; /* one way; up to twice as long at random */
    double loss, duplicate, reorder;    /* probability per message */
    int64_t reorder_us;                 /* a reordered message is later by up to this */
    sim_partition_t partitions[SIM_PARTITIONS_MAX];
    size_t partition_count;
    int64_t step_us;       /* of one gradient, up to twice as long at random */
    int64_t commit_us;     /* of one snapshot, up to twice as long at random */
    double commit_failure; /* probability that a snapshot fails with ERR_FULL */
    /* disks of random nodes and schedulers that become full, for up to full_us; not after kill_until_us */
    double full_per_s;
    int64_t full_us;
    double kill_per_s;      /* deaths of random workers, shards and synchronizers, per virtual second */
    double kill_silent;     /* probability that nobody tells the node: as an actor that hangs */
    int64_t kill_until_us;  /* none after this */
    size_t nodes;           /* per region, each with a disk of its own; 0: one */
    double lose_node_per_s; /* nodes that go with all that runs on them, where others have what they hold */
    double join_per_s, leave_per_s; /* nodes that come; nodes that are told to end, and do in order */
    size_t nodes_most;              /* per region, for those that come; 0: none comes */
    int64_t stays_us;               /* see region_core.h */
    bool uneven;                    /* nodes have 1 to 3 cores, and up to four times the time for a step */
    double lose_node_disk; /* probability that its disk is gone too; else it is there when the node is back */
    /* probability that a shard's disk dies with it: emptied, or back at an older snapshot */
    double lose_disk;
    double zombie; /* probability that a shard or synchronizer that hangs wakes up beside its successor */
    double damage; /* probability that a byte of a message's data is changed under way */
    /* nothing passes between the global scheduler and anybody; until 0: it does */
    int64_t cut_global_us, cut_global_until_us;
    /* a node is cut off for good when the job ends, and ends by itself after so long; 0: none is */
    int64_t alone_us;
    int64_t wipe_us; /* a whole region dies with its disks and comes back empty; 0: never */
    size_t wipe_region;
    /* deaths of random schedulers, per virtual second, from the start to the farewell */
    double scheduler_kill_per_s;
    double scheduler_zombie; /* probability that one had only stood still and wakes up later */
    bool
        rows; /* counters are rows of a sparse tensor, SIM_ROW each: batches push and pull those they touch */
    size_t chunk_bytes;
    unsigned breaks;  /* of actors/kit/breaks.h */
    int64_t limit_us; /* virtual time after which a run counts as stuck */
} sim_spec_t;

typedef struct {
    uint64_t messages, bytes, lost, duplicated, reordered, cut; /* network */
    uint64_t snapshots, snapshot_failures;
    uint64_t full_disks, full_schedulers; /* of nodes; of schedulers */
    uint64_t without_room;                /* starts that found none */
    uint64_t unkept;                      /* times that a scheduler could not keep what it had to ... */
    uint64_t withheld;                    /* ... and let nobody go for that */
    uint64_t moved_blind;                 /* shards told to hand over of which no other node had a copy */
    /* shards that trained on with a full disk; starts after one that did had died */
    uint64_t went_on, exposed;
    uint64_t killed[ROLE_NONE], killed_in_silence; /* by role */
    uint64_t lost_nodes, lost_disks;
    uint64_t cut_global, done_unheard; /* messages; whether all was trained when it was over */
    /* nodes that were cut off at the end; that have ended by themselves */
    uint64_t cut_nodes, ended_alone;
    /* left: with nothing that the region needs; drained: with it */
    uint64_t joined, told_to_leave, left, drained;
    uint64_t moves, samples_repeated, workers_most; /* as the regions report it */
    uint64_t kept, moved; /* snapshots that keepers stored; starts from one of those */
    uint64_t disks_emptied, disks_rolled_back, regions_wiped, zombies, zombies_refused, damaged;
    uint64_t killed_regional, killed_global, killed_at_end, schedulers_woken, schedulers_refused;
    uint64_t starts;   /* of workers, shards and synchronizers */
    uint64_t restarts; /* as the regions report it */
    /* as the regions report them, and the shards at the end */
    uint64_t duplicates_refused, rolled_back, transfers;
    uint64_t marks_made, marks_given_up;
    uint64_t events;
    int64_t virtual_us;
} sim_stats_t;

typedef struct sim sim_t;

/* A world of a topology. Data kind counter: the numbers of the ledger; else samples made of the seed
 * (sim_sample), job.data.samples of them, where a region's lie behind those of the regions before it. */
sim_t *sim_new(const topology_t *topology, const sim_spec_t *spec);
void sim_destroy(sim_t **self_p);

/* Sample `number` of all regions together: x (size) and its label below 10. */
void sim_sample(uint64_t seed, uint64_t number, size_t size, float *ret_x, uint32_t *ret_label);

/* Runs until the global scheduler says the run is over, or limit_us. True when it is done. */
bool sim_run(sim_t *self);

/* The same, or until a virtual time: then everything stands still, as in a power cut. */
bool sim_run_until(sim_t *self, int64_t at_us);

/* Stops the run through the global scheduler, as SIGTERM does, at a virtual time. */
void sim_stop_at(sim_t *self, int64_t at_us);

/* Moves what the shards of another world of the same topology have committed onto the disks of a new one: its
 * shards go on from there. */
void sim_take_disks(sim_t *self, sim_t *from);

/* Returns whether a new one may have another topology, as far as the newest snapshots on the disks go
 * (actors/shard/durable/carry.h). */
bool sim_may_carry(const sim_t *self, const topology_t *next);

/* The tags of the common points that every shard of a world has on its disk, oldest first; at most `max`. */
size_t sim_marks(sim_t *self, wire_name_t *ret_tags, size_t max);

/* Moves the snapshots of one of them onto the disks of a new world, and nothing else. */
void sim_take_mark(sim_t *self, sim_t *from, const char *tag);

/* How many batches are applied in every shard of their region; all of them at the end. */
uint64_t sim_batches_applied(const sim_t *self);
uint64_t sim_batches(const sim_t *self);

/* Says what is wrong with the final report: samples, rows of the curve; NULL: nothing. */
const char *sim_report_fault(const sim_t *self);

/* Shards that this life of a job did not need any more are opened from their disks. */
void sim_open_shards(sim_t *self);

/* Copies a region's parameters (elements of the model) together from its shards. */
void sim_parameters(const sim_t *self, size_t region_index, float *ret_values);

/* The last round that all shards of a region have applied. */
uint64_t sim_round(const sim_t *self, size_t region_index);

sim_stats_t sim_stats(const sim_t *self);
run_state_t sim_state(const sim_t *self);
const global_core_t *sim_global(const sim_t *self); /* with the regions' reports; borrowed */
int64_t sim_now_us(const sim_t *self);
sim_spent_t sim_spent(const sim_t *self, size_t region_index); /* sum over a region's workers that run */
void sim_print_waits(const sim_t *self, FILE *out); /* who waits for whom: for a run that is stuck */

#endif
