/* global_base - what the parts of the global scheduler stand on: what it sends, what it has decided, whether
 * it has failed or ended.
 *
 * Owns     the base of the core, spec, decisions, failure, and since when it listens without a gap.
 * Reads    nothing: there is nothing below.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_BASE_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_BASE_H

#include "actors/kit/core_base.h"
#include "actors/scheduler/global/global_spec.h"
#include "codec/base/run_id.h"
#include "codec/wire/actor_name.h"

#define MILLISECOND_US ((int64_t)1000)

typedef struct {
    core_base_t core;
    global_spec_t spec;
    char digest[17];
    uint64_t decisions;  /* see journal.h */
    int64_t advanced_us; /* newest event */
    int64_t heard_us;    /* newest word of any region */
    int64_t listens_us;  /* since when without a gap in either */
    bool displaced;
    err_code_t failure;
    char reason[ERR_TEXT_MAX];
} global_base_t;

void global_base_init(global_base_t *self, const global_spec_t *spec, int64_t now_us);
void global_base_fini(global_base_t *self);
size_t global_region_count(const global_base_t *self);

void global_decide(global_base_t *self);
void global_end(global_base_t *self, err_code_t code,
                const char *reason); /* where it stands: the run is another's */

/* Each is a chance to notice that nothing was heard for a while: nobody's silence counts over such a gap.
 * True: there was one. */
bool global_advances(global_base_t *self, int64_t now_us);
bool global_hears(global_base_t *self, int64_t now_us);
/* Since when somebody heard at that time is silent while this scheduler listens; and how long that is. */
int64_t global_listened_us(const global_base_t *self, int64_t seen_us);
int64_t global_silence_us(const global_base_t *self, int64_t seen_us, int64_t now_us);

#endif
