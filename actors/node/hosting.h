/* hosting - where the actors of a node run: in threads of its own process, or in processes that it starts for
 * them.
 *
 * Why      in one process buffers are handed over by reference; in processes of their own actors can die, or
 *          be killed, one by one. The node decides the same either way.
 * How      a table of ops, one row per kind; takes the node's commands and tells what became of the actors.
 * Threads  the node's.
 * Limits   NODE_ACTORS_MAX actors.
 */
#ifndef ACTORS_NODE_HOSTING_H
#define ACTORS_NODE_HOSTING_H

#include "actors/kit/shell.h"
#include "actors/model/dataset.h"
#include "actors/node/node_core.h"
#include "brokers/job.h"

/* Actors that share a process. */
typedef enum {
    ISOLATE_REGION, /* everything of a region: its node is one process */
    ISOLATE_ROLE,   /* the actors of a node that have the same role */
    ISOLATE_ACTOR,  /* nothing */
    ISOLATE_COUNT,
} isolate_t;

/* "region", "role", "actor"; borrowed for ever. */
const char *isolate_name(isolate_t isolate);
/* ISOLATE_COUNT for anything else. */
isolate_t isolate_find(const char *name);

typedef struct {
    const topology_t *topology; /* this and the next five are borrowed for the life of the hosting */
    const job_t *job;
    const dataset_t *dataset; /* of the workers; NULL where none runs in this process */
    const char *state_dir;
    const char *node; /* "node/eu/a" */
    const char *const
        *host_arguments; /* how a process that hosts actors is started: "cloudless", ..., NULL */
    size_t region_index;
    isolate_t isolate;
    bool checksums; /* actors of the region are in several processes */
    double pace;    /* part of a core that a worker computes with; 0: all of it */
    shell_find_fn *find;
    void *find_hint;
} hosting_spec_t;

typedef struct {
    bool ended; /* else it is READY */
    char actor[WIRE_NAME_SIZE];
    uint64_t incarnation;
    err_t why; /* as node_core_ended takes it */
} hosting_event_t;

typedef struct {
    /* Errors: ERR_LIMIT. */
    err_code_t (*open)(const hosting_spec_t *spec, void **ret_self, err_t *err);
    /* Ends what still runs, where it stands. */
    void (*close)(void **self_p);
    /* Of one actor at most one incarnation runs: what a start finds of a predecessor is killed first. What a
     * command leads to at once is there to be taken after it. Every start is followed by one event that the
     * incarnation has ended, sooner or later. */
    void (*command)(void *self, const node_command_t *command, int64_t now_us);
    bool (*take)(void *self, hosting_event_t *ret_event, int64_t now_us);
    /* Readable when there may be something to take. */
    int (*fd)(const void *self);
    int64_t (*due)(const void *self); /* when to take at the latest, ROLE_NEVER */
} hosting_ops_t;

extern const hosting_ops_t hosting_threads, hosting_processes;

/* Sets what the shell of an actor needs that is to be started. False: it is of another region or node, nodes
 * host no such role, or there are fewer of it in this job. */
bool hosting_fill(const hosting_spec_t *with, const node_command_t *command, shell_spec_t *ret_spec);

/* The row for a kind of isolation; all but ISOLATE_REGION need host_arguments. */
const hosting_ops_t *hosting_ops(isolate_t isolate);

/* ---- what a node and a process that hosts actors for it tell each other, one line each ---- */

/* "start NAME INCARNATION ..." and "READY" or "ENDED" the other way; false for what is no such line. */
void hosting_print_command(const node_command_t *command, char *ret_line, size_t size);
bool hosting_parse_command(const char *line, node_command_t *ret_command);
void hosting_print_event(const hosting_event_t *event, char *ret_line, size_t size);
bool hosting_parse_event(const char *line, hosting_event_t *ret_event);

#endif
