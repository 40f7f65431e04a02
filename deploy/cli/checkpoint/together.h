/* together - snapshots of all shards that can go on together, from one moment of a state directory.
 *
 * Why      beside a running job the moments at which stores are read differ a little; what was sent in
 *          between would be lost or doubled. So it is looked again until nothing was.
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_TOGETHER_H
#define DEPLOY_CLI_CHECKPOINT_TOGETHER_H

#include "deploy/state/catalog.h"

typedef struct {
    const char *dir;
    const char *region; /* NULL: all that have anything here */
    bool here;          /* shards without a store here are left out */
    bool abreast;       /* beside a running job: at a moment at which the shards of each region are, too */
    choice_t choice;
} together_spec_t; /* `choice.older` is for a directory that nobody works in */

typedef struct {
    catalog_t *catalog; /* held */
    pick_t *picks;      /* (count) */
    size_t count;
    /* False in a directory that nobody works in, which is as it is: */
    bool fits; /* regions can go on together */
    char why[256];
    bool abreast; /* the shards of each region are of about one moment */
    char why_apart[256];
} together_t;

/* Errors: those of catalog_open and catalog_pick; ERR_STATE (a running job did not come to a moment that
 * fits). */
MUST_USE err_code_t together_open(together_t *self, const together_spec_t *spec, err_t *err);
void together_fini(together_t *self);

#endif
