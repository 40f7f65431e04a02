/* topology - the one file that describes a job: what is trained, where data and machines are, how regions are
 * linked.
 *
 * Why      every process reads the same file and derives the same facts from it; nothing else configures a
 *          run.
 * Not      deciding anything: plans are the scheduler's.
 * Threads  immutable once read; any thread may read.
 * Limits   TOPOLOGY_REGIONS_MAX regions, a link for each pair of them, TOPOLOGY_OFFERS_MAX offers per region,
 *          files of at most 1 MiB.
 */
#ifndef BROKERS_TOPOLOGY_H
#define BROKERS_TOPOLOGY_H

#include "brokers/data_kinds.h"
#include "brokers/model_spec.h"
#include "brokers/optimizers.h"
#include "brokers/strategies.h"
#include "brokers/topology_words.h"
#include "codec/base/err.h"
#include "codec/base/json.h"
#include "codec/wire/actor_name.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TOPOLOGY_REGIONS_MAX 128
#define TOPOLOGY_LINKS_MAX (TOPOLOGY_REGIONS_MAX * (TOPOLOGY_REGIONS_MAX - 1) / 2)
#define TOPOLOGY_VOTERS_MAX 64 /* regions of a job whose rounds do not need everybody: a bit each */
#define TOPOLOGY_ALL                                                                                         \
    (SIZE_MAX - 1) /* links[].between while a file is read: every pair without a row of its own */
#define TOPOLOGY_OFFERS_MAX 20
#define TOPOLOGY_MILESTONES_MAX 8
#define TOPOLOGY_NAME_MAX                                                                                    \
    32 /* region and offer names: letters, digits, '-' and '_', terminating zero included */
#define TOPOLOGY_TEXT_MAX 256   /* paths, endpoints */
#define TOPOLOGY_TEST_ALL "all" /* every region tests: job.data.test */

typedef enum { INSIDE_ASYNC, INSIDE_SYNC, INSIDE_SSP } inside_t; /* consistency inside a region */
typedef enum { DURABILITY_PROCESS, DURABILITY_DISK, DURABILITY_REPLICA } durability_t;
typedef enum { WHEN_FULL_WAIT, WHEN_FULL_GO_ON } when_full_t;
typedef enum { SECURITY_NONE } security_t;
/* The aim that a plan is made for. */
typedef enum {
    OBJECTIVE_EVERYTHING, /* rent all there is: the baseline */
    OBJECTIVE_MATCH,      /* the paper's rule: computing alone counts, nobody faster than the straggler */
    OBJECTIVE_FASTEST,    /* least time, WAN included; of those the cheapest */
    OBJECTIVE_CHEAPEST,   /* least cost */
    OBJECTIVE_DEADLINE,   /* least cost within a time */
    OBJECTIVE_BUDGET,     /* least time within a cost */
    /* rent all there is; a region that has done its part returns what it does not need */
    OBJECTIVE_UNTIL_DONE,
} objective_t;
#define TOPOLOGY_OBJECTIVES 7

typedef struct {
    char name[TOPOLOGY_NAME_MAX];
    uint64_t count;     /* units there are; default 1 */
    uint64_t cores;     /* per unit; default 1 */
    double power;       /* relative speed of one core; default 1 */
    double price_per_s; /* of one unit, in the job's currency; default 0 */
} topology_offer_t;

typedef struct {
    char name[TOPOLOGY_NAME_MAX];
    double data_share; /* any positive scale; default 1, of split own its samples */
    struct {
        char dir[TOPOLOGY_TEXT_MAX]; /* of split own; empty: job.data.dir */
        uint64_t samples;            /* of split own */
    } data;
    uint64_t workers;                  /* 0: auto, one per core of the nodes that are there; default 1 */
    uint64_t shards;                   /* default 1; equal in all regions (checked) */
    char bind[TOPOLOGY_TEXT_MAX];      /* broker.bind; default tcp://127.0.0.1:* */
    char advertise[TOPOLOGY_TEXT_MAX]; /* broker.advertise; default: what bind came to */
    topology_offer_t offers[TOPOLOGY_OFFERS_MAX];
    size_t offer_count;
} topology_region_t;

typedef struct {
    size_t between[2];         /* indices of regions; the first named listens, the second dials */
    uint64_t rate_bytes_per_s; /* 0: unlimited */
    int64_t rtt_us;
    int64_t jitter_us;
    double loss; /* 0..1 */
    double price_per_gb;
    bool emulate;         /* shape this link to the figures above; default false */
    uint64_t connections; /* tcp connections for data beside the one for control; 0: auto, by measuring */
    char congestion[TOPOLOGY_NAME_MAX]; /* of tcp: bbr or system */
    bool of_all;                        /* made of the row `between: all` */
} topology_link_t;

typedef struct {
    struct {
        char name[TOPOLOGY_NAME_MAX];
        model_spec_t said;  /* of the model, by the topology ... */
        model_spec_t model; /* ... and what is trained: completed by job.data.seen */
        struct {
            char kind[TOPOLOGY_NAME_MAX]; /* idx or counter */
            char dir[TOPOLOGY_TEXT_MAX];
            data_split_t split;
            double alpha; /* of dirichlet */
            uint64_t samples;
            struct { /* of a table: names as words_parse leaves them */
                char label[TOPOLOGY_WORDS_MAX], categorical[TOPOLOGY_WORDS_MAX], numeric[TOPOLOGY_WORDS_MAX];
                uint64_t hash; /* rows of each categorical column; 0: one for each category */
            } columns;
            model_spec_t seen; /* what the data say of the model, which is found by looking at them */
            char test[TOPOLOGY_NAME_MAX]; /* the region that tests, or TOPOLOGY_TEST_ALL */
            struct {
                uint64_t shift; /* pixels, each way */
                bool flip;
            } augment;
        } data;
        uint64_t epochs;
        uint64_t batch; /* samples per worker and step; see job.h for the waiting strategies */
        uint64_t seed;
        char init[TOPOLOGY_TEXT_MAX]; /* SHA-256 of the first parameters; empty: drawn from the seed */
        struct {
            optimizer_name_t name;
            double lr;
            double momentum;
            bool nesterov;
            double weight_decay;
            schedule_t schedule;
            uint64_t milestones[TOPOLOGY_MILESTONES_MAX]; /* of schedule steps, percent of all samples */
            size_t milestone_count;
            double factor; /* of the rate, at each */
            double warmup; /* share of all samples over which the rate rises from 0; default 0 */
            double clip_norm,
                clip_value; /* of a worker's gradient; 0: not clipped, but see topology_clip_norm */
        } optimizer;
        struct {
            strategy_name_t strategy;
            uint64_t every;       /* local steps between cuts, 0: auto; 1 for asgd and ssgd (checked) */
            uint64_t every_least; /* of every: auto */
            uint64_t every_most;
            /* local steps that are made while a round of diloco is under way; below every */
            uint64_t overlap;
            char encoding[TOPOLOGY_NAME_MAX]; /* none, fp16, bf16, int8, int4 or topk */
            inside_t inside;                  /* async, sync or "ssp: s" */
            uint64_t inside_slack;            /* s of ssp */
            uint64_t staleness;               /* rounds a destination may lack before the region waits */
            uint64_t window_bytes;            /* unacknowledged bytes of deltas per destination */
            int64_t away_after_us;
            double quorum; /* share of regions a waiting round needs; default 1 */
            int64_t grace_us;
            double outer_lr; /* of diloco */
            double outer_momentum;
            double threshold;                    /* of asp: change of a value, relative to it */
            double compensate;                   /* lambda, of asgd and asgd-ga; 0: off */
            double topk_ratio;                   /* share of the values that topk carries */
            char topk_values[TOPOLOGY_NAME_MAX]; /* how it writes them: fp16, int8 or int4 */
        } sync;
    } job;
    struct {
        uint64_t every; /* steps between snapshots when nothing else asks for one */
        uint64_t keep;
        durability_t durability;
        when_full_t when_full;
        uint64_t replicas;     /* copies on other nodes */
        bool elsewhere;        /* one of them in another region */
        double wan_share;      /* of a link's rate, for copies */
        int64_t move_after_us; /* a node silent for so long is no longer waited for */
        double mark_every;     /* epochs of the whole job between common points of all shards; 0: none */
        uint64_t marks;        /* common points that are kept */
    } checkpoint;
    struct {
        objective_t objective;
        int64_t deadline_us;  /* of the run, for objective deadline */
        double budget;        /* of the run, for objective budget */
        double samples_per_s; /* of one core of power 1; 0: measured */
        bool apply;           /* nodes are rented and returned by plan */
        double emulate; /* part of a core that stands for a core of power 1; 0: cores are what they are */
        char rent[TOPOLOGY_TEXT_MAX]; /* command that rents and returns; empty: nodes on this machine */
        int64_t rent_patience_us;     /* a rented node that has not come by then is rented anew */
    } plan;
    security_t security;
    bool security_given; /* `security: none` is written in the file */
    topology_region_t regions[TOPOLOGY_REGIONS_MAX];
    size_t region_count;
    topology_link_t links[TOPOLOGY_LINKS_MAX];
    size_t link_count;
    uint16_t link_rows[TOPOLOGY_REGIONS_MAX][TOPOLOGY_REGIONS_MAX]; /* of a pair: index + 1; 0: none */
} topology_t;

/* Reads, sets and checks. `sets` are "a.b[0].c=v" (forms: topology_set.h) from the command line, applied
 * before the check. Errors: ERR_CONFIG with "FILE:LINE:COL: key: what is wrong; write ..." (or "--set KEY=V:
 * ..."), ERR_NOT_FOUND for a file that is not there. The first error is reported; nothing is returned with
 * it. */
MUST_USE err_code_t topology_read(const char *path, const char *const *sets, size_t set_count,
                                  topology_t **ret_self, err_t *err);
MUST_USE err_code_t topology_parse(const char *name, const char *text, size_t size, const char *const *sets,
                                   size_t set_count, topology_t **ret_self, err_t *err);
void topology_destroy(topology_t **self_p);

/* Notes what data were seen to be, where nothing was noted before, and completes job.model by it. */
void topology_note_seen(topology_t *self, const model_spec_t *seen);

/* SIZE_MAX when there is none. */
size_t topology_region_index(const topology_t *self, const char *name);
/* The region of an actor; SIZE_MAX: of none of these, as the global scheduler is. */
size_t topology_region_of(const topology_t *self, const actor_parts_t *actor);
/* Where a region's files are. */
const char *topology_data_dir(const topology_t *self, size_t region);
/* Returns whether a region has samples to test with. */
bool topology_tests(const topology_t *self, size_t region);
/* Returns whether the strategy has rounds, for which regions wait. */
bool topology_waits(const topology_t *self);
/* In how many lanes the momentum of a region's shards takes turns: one for each of its asynchronous
 * workers, at most OPTIMIZER_LANES_MAX; 1: there is no need to. */
size_t topology_lanes(const topology_t *self, size_t region);
/* The norm to which a worker's gradient is shortened: the topology's, or where there are lanes 2; 0: it is
 * not. */
double topology_clip_norm(const topology_t *self, size_t region);
/* The link between two regions, or NULL. */
const topology_link_t *topology_link(const topology_t *self, size_t region_a, size_t region_b);

/* Checks whether a job that runs may go on with `changed`, read from the changed file.
 *
 * Errors   ERR_CONFIG: names the first key that differs and is not one of those that may (`live` in the
 *          table) */
MUST_USE err_code_t topology_may_become(const topology_t *self, const topology_t *changed, err_t *err);

/* A setting that a job goes on with, and what it was. */
typedef struct {
    char key[TOPOLOGY_NAME_MAX], from[TOPOLOGY_NAME_MAX], to[TOPOLOGY_NAME_MAX];
} topology_carried_t;
#define TOPOLOGY_CARRIED_MAX 8

/* Checks whether a job that was stopped, or is done, may go on as `next`: with more epochs, another rate.
 *
 *   out  ret_carried  (*ret_count, at most TOPOLOGY_CARRIED_MAX) what is another now
 *
 * Errors   ERR_JOB: names the first key that differs and is none of those (`carry` in the table) */
MUST_USE err_code_t topology_carry(const topology_t *self, const topology_t *next,
                                   topology_carried_t *ret_carried, size_t *ret_count, err_t *err);

/* XXH3 over everything that must be equal in all processes of a job and for a resume: job (without data.dir,
 * and what was seen of data), number of shards, regions and their shares, and where inside is sync their
 * workers, which a step's batches are counted by. The order of keys in the file does not matter. As 16
 * hexadecimal digits. */
void topology_digest(const topology_t *self, char ret_hex[17]);

/* From the same table: the JSON Schema for editors, the annotated default file, and the effective topology.
 */
json_value_t *topology_schema(void);
void topology_print_default(FILE *out);
/* YAML that topology_parse reads back to an equal topology */
void topology_print(const topology_t *self, FILE *out);

#endif
