/* region_links - what the region's broker says of the ways to other regions.
 *
 * Owns     the newest state of each way, and the bytes that were counted, over restarts of the broker and of
 *          this scheduler.
 * Reads    base.
 * Who      the core tells it what the broker says; training asks whether a region is away, reports what was
 *          sent.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_BASE_REGION_LINKS_H
#define ACTORS_SCHEDULER_REGION_BASE_REGION_LINKS_H

#include "actors/scheduler/region/base/region_base.h"

typedef struct {
    message_t *state; /* the broker's newest, NULL: none yet */
    int64_t state_us;
    uint64_t rate;                         /* measured, 0: unknown */
    uint64_t sent, received;               /* newest reading */
    uint64_t sent_before, received_before; /* of brokers that ended */
} region_link_t;

typedef struct {
    region_base_t *base;
    region_link_t list[TOPOLOGY_REGIONS_MAX];
} region_links_t;

void region_links_init(region_links_t *self, region_base_t *base);
void region_links_fini(region_links_t *self);

/* Takes a link_state; whether the way went up or down, or was not known. Of a region that there is not
 * nothing is taken. */
bool region_links_take(region_links_t *self, message_t **message_p, int64_t now_us);
bool region_links_is_away(const region_links_t *self); /* another region's broker is not there */

/* Sends the newest of every way on to the global scheduler. */
void region_links_tell(const region_links_t *self, int64_t now_us);
void region_links_report(const region_links_t *self, message_t *report);

void region_links_put(const region_links_t *self, message_t *state);
void region_links_load(region_links_t *self, const message_t *saved);

#endif
