#include "actors/scheduler/region/base/region_links.h"

#define LINK_WORDS 4

static size_t s_count(const region_links_t *self)
{
    return self->base->spec.topology->region_count;
}

void region_links_init(region_links_t *self, region_base_t *base)
{
    *self = (region_links_t){.base = base};
}

void region_links_fini(region_links_t *self)
{
    for (size_t index = 0; index < s_count(self); index++)
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
    for (size_t index = 0; index < s_count(self); index++)
        if (self->list[index].state && !self->list[index].state->link_state.up)
            return true;
    return false;
}

/* ---- telling ---- */

void region_links_tell(const region_links_t *self, int64_t now_us)
{
    for (size_t index = 0; index < s_count(self); index++) {
        const region_link_t *link = &self->list[index];
        if (!link->state)
            continue;
        message_t *state = message_dup(link->state);
        message_set_name(state->to, GLOBAL_NAME);
        state->link_state.since_us += now_us - link->state_us;
        core_send(&self->base->core, &state);
    }
}

void region_links_report(const region_links_t *self, message_t *report)
{
    uint64_t sent[TOPOLOGY_REGIONS_MAX], rates[TOPOLOGY_REGIONS_MAX];
    for (size_t index = 0; index < s_count(self); index++) {
        const region_link_t *link = &self->list[index];
        sent[index] = link->sent + link->sent_before;
        rates[index] = link->rate;
        report->region_report.wan_sent_bytes += sent[index];
        report->region_report.wan_received_bytes += link->received + link->received_before;
    }
    message_set_u64s(&report->region_report.link_sent, sent, s_count(self));
    message_set_u64s(&report->region_report.link_rates, rates, s_count(self));
}

/* ---- for a successor ---- */

void region_links_put(const region_links_t *self, message_t *state)
{
    uint64_t words[LINK_WORDS * TOPOLOGY_REGIONS_MAX];
    size_t count = 0;
    for (size_t index = 0; index < s_count(self); index++) {
        const region_link_t *link = &self->list[index];
        words[count++] = link->sent;
        words[count++] = link->received;
        words[count++] = link->sent_before;
        words[count++] = link->received_before;
    }
    message_set_u64s(&state->region_state.links, words, count);
}

void region_links_load(region_links_t *self, const message_t *saved)
{
    const wire_u64s_t *links = &saved->region_state.links;
    for (size_t index = 0; index < s_count(self); index++)
        if (links->count >= LINK_WORDS * (index + 1)) {
            const uint64_t *words = links->items + LINK_WORDS * index;
            self->list[index] = (region_link_t){
                .sent = words[0], .received = words[1], .sent_before = words[2], .received_before = words[3]};
        }
}
