/* picture - how a run stands, as one document: for status.json, for `status` here and on other machines, for
 * programs.
 *
 * Why      everybody sees the same, whomever they ask; the table for people is printed from the document.
 * Age      a document is as old as its asker makes it: whoever hands it on says so. Regions, links and actors
 *          have ages of their own (seen_s), since when the global scheduler has not heard of them.
 * Threads  picture_new in the global scheduler's thread (it reads the core), the rest anywhere.
 */
#ifndef DEPLOY_LAUNCH_PICTURE_H
#define DEPLOY_LAUNCH_PICTURE_H

#include "deploy/launch/headway.h"
#include "deploy/launch/report.h"
#include "deploy/launch/rows.h"

/* The figures of a run, a link, and an actor; those of a region are region_row_fields. */
extern const row_field_t picture_run_fields[], picture_link_fields[], picture_actor_fields[];

json_value_t *picture_new(const global_core_t *core, const headway_t *headway,
                          const report_context_t *context);

/* For people: how far it is and how fast, then regions, links, actors; with `actors` false without those. */
void picture_print(const json_value_t *document, bool actors, FILE *out);

/* Name, unit and meaning of every figure. */
void picture_explain(FILE *out);

/* Where the model is, and what to type for it: from the state directory when it is there, else on which
 * machines. Nothing when there is none yet. `document` has regions and actors as a picture does. */
void picture_print_model(const json_value_t *document, const char *state_dir, FILE *out);

#endif
