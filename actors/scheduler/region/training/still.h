/* still - how long a region stood still at most, and why: the longest time in which there were batches to do
 * and none was applied.
 *
 * Owns     that time, and what was waited for in it.
 * Reads    base, actors, shards, training.
 * Who      the core has it look after every event; reports and successors are told.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_TRAINING_STILL_H
#define ACTORS_SCHEDULER_REGION_TRAINING_STILL_H

#include "actors/scheduler/region/training/training.h"

#define STILL_WHY_MAX (3 * WIRE_NAME_SIZE + 64)
#define STILL_WHYS 4

typedef struct {
    region_base_t *base;
    actors_t *actors;
    shards_t *shards;
    training_t *training;
    bool trained;     /* there was something to apply when it was last looked */
    int64_t since_us; /* nothing was applied */
    int64_t looked_us;
    uint64_t applied; /* batches */
    struct {
        char text[STILL_WHY_MAX];
        int64_t us;
    } whys[STILL_WHYS]; /* since then */
    size_t why_count;
    int64_t longest_us;
    char longest_why[STILL_WHY_MAX];
} still_t;

void still_init(still_t *self, region_base_t *base, actors_t *actors, shards_t *shards, training_t *training);
void still_look(still_t *self, int64_t now_us);
void still_report(const still_t *self, message_t *report);
void still_put(const still_t *self, message_t *state);
void still_load(still_t *self, const message_t *saved);

#endif
