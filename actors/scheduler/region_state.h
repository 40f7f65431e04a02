/* region_state - what the files of the regional scheduler share: its nodes, actors, leases, figures and how it
 * ends.
 *
 * Why      one state machine in several files: region_core.c (messages, reports), region_nodes.c (who is there),
 *          region_run.c (to which run it belongs), region_place.c (plan, actors), region_workers.c (how many work), region_move.c (shards that go on elsewhere), region_balance.c (onto nodes that join), region_keep.c (keepers, and
 *          shards whose node is gone), region_adopt.c (those of a predecessor), region_train.c (leases, progress, evaluations, curve), region_still.c (how long nothing was applied), region_stop.c (close, stop, farewell) and region_kept.c (what a
 *          successor must know).
 * Not      for anybody else: the contract is region_core.h.
 */
#ifndef ACTORS_SCHEDULER_REGION_STATE_H
#define ACTORS_SCHEDULER_REGION_STATE_H

#include "actors/scheduler/lease.h"
#include "actors/scheduler/region_core.h"
#include "actors/scheduler/region_rent.h"
#include "codec/base/names.h"
#include "codec/base/run_id.h"

#define MILLISECOND_US ((int64_t)1000)
#define SECOND_US (1000 * MILLISECOND_US)
#define REPORT_EVERY_US (250 * MILLISECOND_US)
#define STATUS_EVERY_US (500 * MILLISECOND_US)
#define LINKS_PER_STATUS 2        /* links are told so much more seldom than actors */
#define STANDS_US (1 * SECOND_US) /* workers that have waited for so long have nothing to compute */
#define REPEAT_EVERY_US (300 * MILLISECOND_US) /* place, close, stop */
#define PLAN_PATIENCE_US (2 * SECOND_US)       /* then the topology's own numbers are the plan */
#define SILENCE_US (5 * SECOND_US)             /* a node or an actor silent for so long is lost */
#define HELD_UP_US (1 * SECOND_US)             /* between two events: this scheduler itself stood still */
#define SILENCE_STOPPING_US                                                                                  \
    (20 * SECOND_US) /* a node that drains does not announce itself; a last snapshot takes time */
#define FAREWELL_US (5 * SECOND_US) /* the final report of a drain of our own is repeated for so long */
#define TELL_US (2 * SECOND_US)     /* grants wait so long for adopted workers to tell what they hold */
#define PAUSE_FIRST_US (200 * MILLISECOND_US) /* before an actor that ended is placed again; doubles */
#define PAUSE_MOST_US (5 * SECOND_US)
#define DEATHS_MAX 8                           /* of an actor, in a row, while the region gets nothing done */
#define PAUSE_FORGOTTEN_US (2 * SECOND_US)     /* after running so long an end counts as the first again */
#define REPLACEMENTS_MAX 3                     /* of an actor that fails to start */
#define WORKERS_EVERY_US (50 * MILLISECOND_US) /* between two looks at how many workers are needed */
#define WORKER_IDLE_US (1 * SECOND_US)         /* a worker for which there is nothing ends after so long */
#define NODES_MAX 1024
#define NODE_WORKERS_MAX 192 /* of NODE_ACTORS_MAX actors */
#define WORKERS_MAX 4096
#define NOWHERE SIZE_MAX

typedef struct {
    wire_name_t name;    /* node/REGION/NAME */
    message_t *announce; /* the newest */
    int64_t joined_us;
    int64_t seen_us;
    int64_t rented_us;  /* of stays that ended in silence */
    int64_t came_us;    /* of this process */
    int64_t trained_us; /* the first batch that was applied for it; 0: none yet */
    int64_t age_us;     /* of its process when it joined */
    int64_t let_go_us;  /* leaving: next `stop` */
    bool joins;         /* came while the region trained */
    bool lost;
    bool stopped;
} region_node_t;

typedef enum { ROLE_SHARD, ROLE_SYNCHRONIZER, ROLE_WORKER, ROLE_KEEPER } region_role_t;
typedef enum { PLACE_NONE, PLACE_ASKED, PLACE_READY } place_state_t;

typedef struct {
    wire_name_t name;
    region_role_t role;
    size_t index; /* within its role */
    place_state_t state;
    size_t node; /* where it is or last was; NOWHERE before */
    uint64_t incarnation;
    bool ran; /* has been READY ... */
    /* ... the newest that was, and where: it may have stored what it could not tell any more */
    uint64_t ran_incarnation;
    size_t ran_node;
    bool untold;            /* worker: adopted, and has not said what it holds */
    unsigned failures;      /* starts that failed in a row */
    unsigned deaths;        /* in a row since the region got ... */
    uint64_t died_at;       /* ... so far */
    wire_name_t lacks_room; /* "disk for NAME": the newest start found none on its node; empty: it did */
    int64_t pause_us;       /* before the next placement after an end */
    int64_t next_us;        /* next `place`, or the earliest next placement */
    int64_t since_us;       /* of `state` */
    int64_t seen_us;
    message_t *status; /* newest of this incarnation, or NULL */
    int64_t status_us;
    bool wanted;        /* worker, keeper: else it is not placed, and ends if it runs */
    int64_t full_us;    /* keeper: its disk was full then; 0: never */
    size_t home;        /* worker of an elastic region: the node for a core of which it is */
    bool moved;         /* it ends, or has ended, in order: its next start is no restart */
    int64_t retire_us;  /* next `retire` */
    int64_t idle_us;    /* worker: since when there is nothing for it; 0: there is */
    int64_t decided_us; /* worker: when it was decided to start it; 0: that start is accounted for */
    int64_t ready_us;
    struct {
        size_t node; /* NOWHERE: none */
        uint64_t incarnation;
        int64_t next_us;
    } former; /* an incarnation that has a successor elsewhere and is to be ended */
} region_actor_t;

typedef struct {
    message_t *progress; /* newest of the newest incarnation, or NULL; its sets are in the lease table */
    uint64_t newest_incarnation, newest_number; /* of the newest snapshot known to be durable */
    uint64_t ran_on,
        ran_process;  /* node (checksum of its name) and process where it ran last; 0: not known */
    int64_t close_us; /* next `close` */
} region_shard_t;

#define REGION_KEEPERS_MAX 8
#define REGION_ANSWERS_MAX 64

typedef struct {
    wire_name_t name;
    uint64_t incarnation; /* 0: of another region */
} region_keeper_t;

/* What a sealed keeper holds of a shard. */
typedef struct {
    wire_name_t keeper;
    uint64_t incarnation, number; /* 0: nothing */
} region_answer_t;

/* The newest snapshot of a shard is on no node that is here. */
typedef enum { MISSING_NONE, MISSING_AWAITED, MISSING_ACCEPTED } region_missing_state_t;

/* Who keeps a shard's snapshots, and how it goes on when its node is gone. */
typedef struct {
    region_missing_state_t missing; /* its newest snapshot, ... */
    bool missing_untold;            /* ... which the log is still to say */
    uint64_t assignment;
    bool changed;
    region_keeper_t keepers[REGION_KEEPERS_MAX];
    size_t keeper_count;
    int64_t told_us;                         /* when it is told again */
    wire_name_t elsewhere;                   /* keeper in another region, empty: none */
    wire_name_t outside[REGION_KEEPERS_MAX]; /* all that were named, the newest last */
    size_t outside_count;
    size_t asked_region; /* how many regions after the own one; 0: nobody was asked */
    int64_t want_us, named_us;
    uint64_t process; /* of the node where it was placed last */
    bool inherited;   /* placed by a predecessor: who keeps for it is not known */
    uint64_t seal;    /* incarnation that the keepers are being sealed with; 0: they are not */
    int64_t seal_us;
    region_answer_t answers[REGION_ANSWERS_MAX];
    size_t answer_count;
    wire_name_t target; /* keeper that fetches for it from another region */
    wire_name_t waits_for;
    bool handing; /* its node leaves, or it goes to another one: it is to hand over */
    bool goes;    /* to `target_node`, although its own stays ... */
    size_t target_node;
    int64_t goes_us; /* ... since then, as ... */
    char why[64];
    size_t from_node; /* where it handed over; NOWHERE: nothing is to be told */
    int64_t hand_us;  /* next `hand_over` */
    bool handed;      /* its newest snapshot is its last, and its keepers have it */
    int64_t handed_us;
    uint64_t handed_incarnation, handed_number; /* the newest that was handed over */
} region_keep_t;

typedef struct {
    uint64_t incarnation;
    uint64_t samples;
    double loss_sum;
    int64_t compute_us;
} region_loss_t;

typedef struct {
    message_t *state; /* the broker's newest, NULL: none yet */
    int64_t state_us;
    uint64_t rate;                         /* measured, 0: unknown */
    uint64_t sent, received;               /* newest reading */
    uint64_t sent_before, received_before; /* of brokers that ended */
} region_link_t;

typedef struct {
    int64_t train_us;
    double epoch, loss, test_accuracy, test_loss;
} region_row_t;

#define REGION_LATER_MAX 16
#define REGION_STARTS_MAX 64

typedef struct {
    bool pending; /* a worker is to be asked, or has been */
    bool final;
    bool granted;
    size_t worker;
    uint64_t grant;
    int64_t granted_us;
    region_row_t row;                     /* as of the trigger; the result is filled in */
    region_row_t later[REGION_LATER_MAX]; /* of quarters that passed meanwhile */
    size_t later_count;
} region_evaluation_t;

typedef struct {
    uint64_t name; /* checksum */
    uint64_t process;
    bool heard; /* it is there again, was started anew, or has stopped */
} region_known_t;

#define REGION_WHY_MAX (3 * WIRE_NAME_SIZE + 64)
#define REGION_WHYS 4

typedef struct {
    bool trained;     /* there was something to apply when it was last looked */
    int64_t since_us; /* nothing was applied */
    int64_t looked_us;
    uint64_t applied; /* batches */
    struct {
        char text[REGION_WHY_MAX];
        int64_t us;
    } whys[REGION_WHYS]; /* since then */
    size_t why_count;
    int64_t longest_us;
    char longest_why[REGION_WHY_MAX];
} region_still_t;

struct region_core {
    region_spec_t spec;
    const topology_region_t *region;
    wire_name_t name;
    outbox_t outbox;
    char digest[17];
    int64_t started_us;
    int64_t advanced_us; /* newest event */
    int64_t listens_us;  /* since when without a gap */
    bool due_known;      /* nothing but news that move nothing on has come since it was found ... */
    int64_t due_us;      /* ... when the next tick is needed */

    job_t job;
    bool job_known;
    const job_region_t *share; /* this region's part of the job */
    uint64_t samples_announced;

    region_node_t nodes[NODES_MAX];
    size_t node_count;
    int64_t newest_node_us;

    uint64_t run;          /* RUN_ID_NONE: nobody has said yet */
    bool run_adopts;       /* directories without an identity may belong to it */
    bool run_shared;       /* the global scheduler that was heard in this life is of the same */
    uint64_t run_decision; /* it is in the directory when so many decisions are kept */
    uint64_t plan;
    bool plan_taken;
    bool elastic; /* workers follow the cores of the nodes */
    size_t shard_count, synchronizer_count;
    size_t worker_count;    /* numbers that workers may have; not all of them run */
    region_actor_t *actors; /* shards, synchronizers, workers; NULL before there is a plan */
    size_t actor_count;
    names_t names;   /* of actors: index; an entry that does not fit any more is looked for anew */
    uint64_t issued; /* newest incarnation */
    uint64_t restarts, moves;
    /* checksums of the names of actors that ran under a predecessor and have not been seen since */
    uint64_t *died;
    size_t died_count;
    int64_t balance_us;                       /* when it is next looked at who hosts how many shards */
    int64_t workers_us;                       /* when it is next looked at how many workers there are to be */
    int64_t worker_starts[REGION_STARTS_MAX]; /* the newest, from decision to first computation */
    uint64_t worker_start_count;
    int64_t worker_start_worst_us, join_worst_us;
    uint64_t join_count;

    message_t *saved;      /* a predecessor's state, NULL: none */
    region_known_t *known; /* nodes of the predecessor */
    size_t known_count;
    bool drain_known;   /* it was draining; carried on when a node of that time is heard */
    bool drained_known; /* all of them had stopped: carried on as well when no node is heard */
    bool settled;       /* placing has begun */
    size_t adopted;     /* actors that were running */
    int64_t settled_us; /* when */
    int64_t ask_us;     /* next question to adopted workers */
    uint64_t decisions, decisions_kept, term_decision;

    region_rent_t *rent;
    uint64_t rent_noted; /* commands that are among the decisions */
    uint64_t computed;   /* samples, by workers */
    double core_s;       /* that they took, each second times the power of its core */

    lease_table_t *leases;
    region_shard_t *shards;
    region_keep_t *keeps;  /* per shard */
    wire_name_t *named;    /* (regions, shards) keepers that other regions were told of */
    region_loss_t *losses; /* per worker */
    region_link_t links[TOPOLOGY_REGIONS_MAX];
    uint64_t samples_repeated;
    int64_t compute_us;       /* of all workers */
    uint64_t samples_reached; /* applied by every shard */
    uint64_t samples_most;    /* that it ever came to: what is done again after a loss is no progress */

    int64_t first_lease_us, train_end_us;                       /* -1: not yet */
    int64_t train_before_us, rented_before_us, lived_before_us; /* of predecessors */
    bool stands;           /* another region's broker is not there, and nobody has anything to compute ... */
    int64_t stands_us;     /* ... as of then */
    int64_t stood_us;      /* so long until then */
    int64_t evaluating_us; /* sum over workers, before the end of training */
    uint64_t loss_samples; /* since the newest row */
    double loss_sum;
    double loss_before; /* mean up to that row, NaN when none was told */
    bool quarter_known;
    uint64_t quarter; /* newest quarter of an epoch that has its row */
    region_evaluation_t evaluation;
    region_row_t *rows;
    size_t row_count, row_capacity;
    uint64_t rows_known; /* by the global scheduler */
    bool complete;

    region_still_t still;

    bool stopping, stop_done, stop_own, final, finished, outdated;
    int64_t stop_us; /* next `stop` to nodes */
    int64_t final_us;

    uint64_t global_incarnation;
    int64_t global_heard_us; /* -1: never */
    uint64_t reports;
    int64_t report_us, status_us, links_us; /* next */

    err_code_t failure;
    char reason[ERR_TEXT_MAX];
    char waits_for[WIRE_NAME_SIZE];
    int64_t waits_since_us;
};

/* region_core.c */
void region_send(region_core_t *self, message_t **message_p);
void region_fail(region_core_t *self, err_code_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void region_refuse(region_core_t *self, const message_t *message, err_code_t code, const char *reason);
void region_decide(region_core_t *self);   /* something that must be durable before it is told */
void region_outdated(region_core_t *self); /* a newer scheduler runs: ends this one where it stands */

/* region_nodes.c */
void region_take_announce(region_core_t *self, const message_t *message, int64_t now_us);
/* The kernels that nodes have told they compute with, each once: "Haswell, SkylakeX"; into text. */
#define REGION_KERNELS_MAX 256
const char *region_kernels(const region_core_t *self, char text[REGION_KERNELS_MAX]);
err_code_t region_derive(region_core_t *self, uint64_t samples, err_t *err);
region_node_t *region_node_find(region_core_t *self, const char *name);
region_actor_t *region_actor_named(region_core_t *self, const char *name); /* NULL: there is none */
void region_lose_silent(region_core_t *self, int64_t now_us);
bool region_is_silent(const region_core_t *self, int64_t seen_us, int64_t silence_us, int64_t now_us);
/* it is gone, and all on it */
void region_node_left(region_core_t *self, region_node_t *node, int64_t now_us);
int64_t region_rented_us(const region_core_t *self, int64_t now_us);
bool region_node_alive(const region_core_t *self, size_t node);
bool region_node_leaves(const region_core_t *self, size_t node);
bool region_node_stays(const region_core_t *self, size_t node); /* alive, and not leaving */
size_t region_nodes_staying(const region_core_t *self);

/* region_run.c */
/* of another run's global scheduler; it is told */
bool region_run_is_foreign(region_core_t *self, const message_t *message);
err_code_t region_run_check(const region_core_t *self, const message_t *announce, err_t *err);
bool region_run_join(region_core_t *self, const message_t *plan,
                     int64_t now_us);             /* false: the plan is not for this region */
bool region_run_ready(const region_core_t *self); /* it is known and kept, and something may be placed */
void region_run_refused(region_core_t *self, const message_t *message);
void region_run_end(region_core_t *self, const err_t *why); /* ends, and tells the nodes why */

/* region_place.c */
void region_take_placed(region_core_t *self, const message_t *message, int64_t now_us);
void region_take_plan(region_core_t *self, const message_t *message, int64_t now_us);
void region_set_plan(region_core_t *self, size_t workers, bool elastic);
void region_add_actors(region_core_t *self); /* of the plan */
region_actor_t *region_actor_add(region_core_t *self, region_role_t role, size_t index, const char *rest);
/* sender, in its incarnation */
region_actor_t *region_actor_find(region_core_t *self, const message_t *message);
void region_actor_ended(region_core_t *self, region_actor_t *actor, int64_t now_us); /* it is placed again */
void region_place(region_core_t *self, int64_t now_us);
void region_retire(region_core_t *self, size_t node, const char *actor, uint64_t incarnation);
void region_actor_retire(region_core_t *self, region_actor_t *actor, int64_t now_us); /* it ends in order */
size_t region_ready(const region_core_t *self, region_role_t role);
bool region_placed(const region_core_t *self);
int64_t region_place_due(const region_core_t *self);
const char *region_place_waits_for(const region_core_t *self);

size_t region_least_loaded(const region_core_t *self);

/* region_workers.c */
void region_workers(region_core_t *self, int64_t now_us);
region_actor_t *
region_worker_add(region_core_t *self); /* a further number; NULL: there are as many as may be */
bool region_worker_may_start(const region_core_t *self, const region_actor_t *worker);
size_t region_worker_home(const region_core_t *self, const region_actor_t *worker);
void region_worker_told(region_core_t *self, const message_t *want, region_actor_t *worker, int64_t now_us);
int64_t region_worker_start_median_us(const region_core_t *self);

/* region_move.c */
void region_move(region_core_t *self, int64_t now_us);
void region_let_go(region_core_t *self, int64_t now_us); /* nodes that leave and on which nothing is left */
/* of one that handed over */
size_t region_move_home(region_core_t *self, const region_actor_t *shard, int64_t now_us);
void region_former_ended(region_core_t *self, size_t node, const char *actor, uint64_t incarnation);
int64_t region_move_due(const region_core_t *self);

/* region_balance.c */
void region_balance(region_core_t *self, int64_t now_us);

/* region_units.c */
void region_units_init(region_core_t *self, int64_t now_us);
void region_units_seen(region_core_t *self, const region_node_t *node, int64_t now_us);
void region_units_gone(region_core_t *self, const region_node_t *node, int64_t now_us);
void region_units_plan(region_core_t *self, const message_t *plan, int64_t now_us);
void region_units(region_core_t *self, int64_t now_us);
size_t region_units_expected(const region_core_t *self); /* SIZE_MAX: nothing is rented by plan */
int64_t region_units_due(const region_core_t *self);
void region_units_computed(region_core_t *self, const region_actor_t *worker, uint64_t samples,
                           int64_t took_us);
void region_units_report(const region_core_t *self, message_t *report, int64_t now_us);
void region_units_put(const region_core_t *self, message_t *state, int64_t now_us);
void region_units_take_figures(region_core_t *self, const message_t *saved);
void region_units_take_units(region_core_t *self, const message_t *saved, int64_t now_us);
void region_units_take_plan(region_core_t *self, const message_t *saved, int64_t now_us);

/* region_keep.c */
/* the keeper there is one of its */
bool region_keep_has(const region_core_t *self, size_t shard, size_t node);
bool region_keep_is_on(const region_core_t *self, const char *keeper, size_t node);
bool region_keep_sealed(region_core_t *self, size_t shard, size_t *ret_node); /* by all that keep for it */
void region_keep_on(region_core_t *self, size_t node); /* a keeper there, for a while */
region_actor_t *region_keep_found_keeper(region_core_t *self, const char *actor, size_t node);
void region_keep_start(region_core_t *self); /* with the plan */
void region_keep_fini(region_core_t *self);
void region_keep(region_core_t *self, int64_t now_us);
void region_keep_message(region_core_t *self, const message_t *message, int64_t now_us);
void region_keep_joined(region_core_t *self, size_t node);
/* Of a predecessor's shard: it runs there; or has ended there, and its node goes on. */
void region_keep_found(region_core_t *self, region_actor_t *actor, size_t node);
void region_keep_put(const region_core_t *self, message_t *state);
void region_keep_placed(region_core_t *self, const region_actor_t *actor); /* where was decided */
size_t region_keeper_home(const region_core_t *self, const region_actor_t *keeper);
/* NOWHERE: not yet */
size_t region_keep_home(region_core_t *self, const region_actor_t *shard, int64_t now_us);
int64_t region_keep_due(const region_core_t *self);
int64_t region_keep_lag_us(const region_core_t *self);
const char *region_keep_waits_for(const region_core_t *self, const region_actor_t *actor);
/* region_adopt.c */
void region_check_fence(region_core_t *self, const message_t *announce);
void region_known_heard(region_core_t *self, const message_t *announce, int64_t now_us);
void region_known_drained(region_core_t *self, int64_t now_us); /* nobody has come back */
bool region_known_all_heard(const region_core_t *self);
bool region_known_stopped(region_core_t *self, const char *node); /* whether it is one of the predecessor's */
bool region_adopt(region_core_t *self, region_actor_t *actor, size_t node, uint64_t incarnation,
                  int64_t now_us);
bool region_settle(region_core_t *self, int64_t now_us); /* whether placing, or an end, may go on */
void region_ask_workers(region_core_t *self, int64_t now_us);
bool region_workers_told(const region_core_t *self, int64_t now_us);
const char *region_adopt_waits_for(const region_core_t *self);

/* region_kept.c */
uint64_t region_name_hash(const char *name);
/* Which process a node is that announces itself. */
uint64_t region_process(const message_t *announce);
void region_restore(region_core_t *self, int64_t now_us);
void region_restore_shards(region_core_t *self); /* when there are shards */
void region_shard_ran(region_core_t *self,
                      const region_actor_t *actor);            /* where it is now; a successor knows */
bool region_came_back(region_core_t *self, const char *actor); /* it ran under a predecessor; said once */

/* region_train.c */
void region_train_start(region_core_t *self); /* with the plan */
void region_train_fini(region_core_t *self);
void region_take_progress(region_core_t *self, const message_t *message, size_t shard);
void region_take_want(region_core_t *self, const message_t *message, region_actor_t *worker, int64_t now_us);
void region_take_evaluated(region_core_t *self, const message_t *message, const region_actor_t *worker,
                           int64_t now_us);
/* batches per second */
double region_worker_expected(const region_core_t *self, const region_actor_t *worker);
void region_worker_lost(region_core_t *self, size_t worker);
bool region_shards_known(const region_core_t *self);
bool region_has_all(const region_core_t *self); /* and every other region's last delta is */
bool region_closed(const region_core_t *self);  /* every shard's final cut is durable */
void region_train(region_core_t *self, int64_t now_us);
void region_conclude(region_core_t *self, int64_t now_us);
int64_t region_train_us(const region_core_t *self, int64_t now_us);
void region_note_standing(region_core_t *self, int64_t now_us);
double region_loss(const region_core_t *self);
void region_add_row(region_core_t *self, const region_row_t *row);
const char *region_train_waits_for(const region_core_t *self);

/* region_still.c */
void region_still(region_core_t *self, int64_t now_us);
void region_still_report(const region_core_t *self, message_t *report);
void region_still_put(const region_core_t *self, message_t *state);
void region_still_take(region_core_t *self, const message_t *saved);

/* region_stop.c */
void region_take_stop(region_core_t *self, const message_t *message, int64_t now_us);
void region_begin_stop(region_core_t *self, bool done, int64_t now_us);
void region_take_stopped(region_core_t *self, const message_t *message, int64_t now_us);
void region_take_bye(region_core_t *self);
void region_stop(region_core_t *self, int64_t now_us);
int64_t region_stop_due(const region_core_t *self);
const char *region_stop_waits_for(const region_core_t *self);

#endif
