#include "actors/scheduler/region/base/region_links.h"

static size_t s_region_count(const region_links_t *self)
{
    return self->base->spec.topology->region_count;
}

void region_links_init(region_links_t *self, region_base_t *base)
{
    *self = (region_links_t){.base = base};
}

void region_links_fini(region_links_t *self)
{
    for (size_t index = 0; index < s_region_count(self); index++)
        message_destroy(&self->list[index].state);
}

/* ---- hearing ---- */

/* A broker counts from its own start; what it had counted before a restart is kept. */
static void s_take_reading(uint64_t *now, uint64_t *before, uint64_t reading)
{
    if (reading < *now)
        *before += *now;
    *now = reading;
}

bool region_links_take(region_links_t *self, message_t **message_p, int64_t now_us)
{
    const message_t *message = *message_p;
    size_t index = topology_region_index(self->base->spec.topology, message->link_state.region);
    if (index == SIZE_MAX || index == self->base->spec.region_index)
        return false;
    region_link_t *link = &self->list[index];
    link->rate = message->link_state.rate_bytes_per_s;
    s_take_reading(&link->sent, &link->sent_before, message->link_state.sent_bytes);
    s_take_reading(&link->received, &link->received_before, message->link_state.received_bytes);
    bool changed = !link->state || link->state->link_state.up != message->link_state.up;
    message_destroy(&link->state);
    link->state = *message_p;
    *message_p = NULL;
    if (link->state->link_state.since_us < 0 || link->state->link_state.since_us > INT64_MAX / 2)
        link->state->link_state.since_us = 0;
    link->state_us = now_us;
    return changed;
}

bool region_links_is_away(const region_links_t *self)
{
    for (size_t index = 0; index < s_region_count(self); index++)
        if (self->list[index].state && !self->list[index].state->link_state.up)
            return true;
    return false;
}

/* ---- telling ---- */

void region_links_tell(const region_links_t *self, int64_t now_us)
{
    for (size_t index = 0; index < s_region_count(self); index++) {
        const region_link_t *link = &self->list[index];
        if (!link->state)
            continue;
        message_t *state = message_dup(link->state);
        message_set_name(state->to, ACTOR_GLOBAL);
        state->link_state.since_us += now_us - link->state_us;
        core_send(&self->base->core, &state);
    }
}

void region_links_report(const region_links_t *self, message_t *report)
{
    region_report_links_t *links = message_set_rows(&report->region_report.links, s_region_count(self));
    for (size_t index = 0; index < s_region_count(self); index++) {
        const region_link_t *link = &self->list[index];
        links[index] = (region_report_links_t){link->sent + link->sent_before, link->rate};
        report->region_report.wan_sent_bytes += links[index].sent_bytes;
        report->region_report.wan_received_bytes += link->received + link->received_before;
    }
}

/* ---- for a successor ---- */

void region_links_put(const region_links_t *self, message_t *state)
{
    region_state_links_t *rows = message_set_rows(&state->region_state.links, s_region_count(self));
    for (size_t index = 0; index < s_region_count(self); index++) {
        const region_link_t *link = &self->list[index];
        rows[index] = (region_state_links_t){.sent = link->sent,
                                             .received = link->received,
                                             .sent_before = link->sent_before,
                                             .received_before = link->received_before};
    }
}

void region_links_load(region_links_t *self, const message_t *saved)
{
    for (size_t index = 0; index < s_region_count(self) && index < saved->region_state.links.count; index++) {
        const region_state_links_t *row = &saved->region_state.links.items[index];
        self->list[index] = (region_link_t){.sent = row->sent,
                                            .received = row->received,
                                            .sent_before = row->sent_before,
                                            .received_before = row->received_before};
    }
}
