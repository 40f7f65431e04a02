/* global_regions - what the regions have reported: their newest reports and their curves.
 *
 * Owns     an entry for each region of the topology, in its order.
 * Reads    base.
 * Threads  one owner.      Limits  GLOBAL_ROWS_MAX rows of a curve.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_REGIONS_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_REGIONS_H

#include "actors/scheduler/global/global_base.h"

#define GLOBAL_ROWS_MAX (1u << 20) /* of one region's curve */

typedef struct {
    wire_name_t scheduler;
    message_t *report; /* NULL: none yet */
    int64_t seen_us;   /* -1: never */
    curve_row_t *rows;
    size_t row_count, row_capacity;
    bool placed;  /* has been */
    bool stopped; /* its final report is here, with its whole curve */
    bool given_up;
    uint64_t foreign; /* incarnation of a scheduler of another run, 0: none has reported */
} region_entry_t;

typedef struct {
    global_base_t *base;
    region_entry_t list[TOPOLOGY_REGIONS_MAX];
} global_regions_t;

void global_regions_init(global_regions_t *self, global_base_t *base);
void global_regions_fini(global_regions_t *self);

size_t global_regions_of(const global_regions_t *self, const message_t *message); /* the count: of none */
bool global_regions_all(const global_regions_t *self, bool (*holds)(const region_entry_t *region));

/* Reports of one incarnation are numbered; one that comes late is not newer. */
bool global_regions_is_late(const global_regions_t *self, size_t region, const message_t *report);
/* Takes a report that is not late. `ended`: the curve of a scheduler that was started again is not asked
 * anew. True: the region has got on since the one before. */
bool global_regions_take(global_regions_t *self, size_t region, message_t **report_p, bool ended,
                         int64_t now_us);
void global_regions_take_curve(global_regions_t *self, const message_t *message);
void global_regions_add_row(global_regions_t *self, size_t region,
                            const message_t *curve); /* if it is the next */
/* Another region whose data set has another size than this one's; the count: none. */
size_t global_regions_other_data(const global_regions_t *self, size_t region);

#endif
