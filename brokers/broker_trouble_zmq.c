/* broker_trouble - why a link is not up, and how a region is reached meanwhile: for the log and for status.
 *
 * A link that never came up is as loud as one that went down: a line after some seconds, then at growing
 * distances.
 */
#include "brokers/broker_state_zmq.h"

#include "codec/base/log.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_US 3000000 /* a start, or a short cut, is no trouble */
#define WAIT_MOST_US 300000000
#define REACH_MOST_US 30000000

static const char *s_region_name(const broker_t *self, size_t index)
{
    return self->spec.topology->regions[index].name;
}

static const char *s_address(const broker_t *self, const broker_peer_t *peer)
{
    if (peer->dials)
        return peer->endpoint;
    return self->region->advertise[0] ? self->region->advertise : self->tcp;
}

/* The reason that is known without dialling. */
static const char *s_plain_reason(const broker_peer_t *peer)
{
    if (link_stats(peer->link).turned_away && peer->caller.rival[0])
        return peer->caller.rival;
    if (peer->foreign)
        return "its topology or its run is another: start both regions from the same file, for the same run";
    if (!peer->dials)
        return peer->was_up ? "it was lost, and has not been dialled again" : "nobody has dialled here yet";
    return peer->endpoint[0]
               ? ""
               : "no address: its broker has not been started here, and its broker.advertise is empty";
}

static void s_dial_aside(broker_t *self, broker_peer_t *peer)
{
    if (peer->trouble.reach) {
        char text[REACH_TEXT_MAX];
        if (!reach_done(peer->trouble.reach, text))
            return;
        reach_destroy(&peer->trouble.reach);
        snprintf(peer->trouble.text, sizeof peer->trouble.text, "%s",
                 text[0] ? text : "it can be dialled, but does not greet: is that the broker of this job?");
        return;
    }
    if (self->now_us < peer->trouble.reach_due_us)
        return;
    peer->trouble.reach = reach_begin(peer->endpoint);
    peer->trouble.reach_due_us = self->now_us + backoff_next(&peer->trouble.reach_wait);
}

static void s_log(broker_t *self, broker_peer_t *peer)
{
    if (self->now_us < peer->trouble.log_due_us)
        return;
    peer->trouble.log_due_us = self->now_us + backoff_next(&peer->trouble.log_wait);
    log_event(LEVEL_WARN, self->name, "link_missing",
              "region=%s address=%s state=\"%s\" since_s=%.0f error=\"%s\"; trying on",
              s_region_name(self, peer->region_index), s_address(self, peer),
              peer->was_up ? "down" : "never up", (double)(self->now_us - peer->down_us) / 1e6,
              peer->trouble.text);
}

void broker_trouble_look(broker_t *self, broker_peer_t *peer)
{
    if (peer->up) {
        reach_destroy(&peer->trouble.reach);
        backoff_reset(&peer->trouble.reach_wait);
        backoff_reset(&peer->trouble.log_wait);
        peer->trouble.reach_due_us = peer->trouble.log_due_us = 0;
        return;
    }
    if (self->now_us - peer->down_us < PATIENCE_US)
        return;
    const char *plain = s_plain_reason(peer);
    if (plain[0])
        snprintf(peer->trouble.text, sizeof peer->trouble.text, "%s", plain);
    else
        s_dial_aside(self, peer);
    if (!peer->trouble.reach) /* the reason first, then the line */
        s_log(self, peer);
}

void broker_trouble_init(broker_peer_t *peer)
{
    peer->trouble.reach_wait = backoff_of(PATIENCE_US, REACH_MOST_US);
    peer->trouble.log_wait = backoff_of(PATIENCE_US, WAIT_MOST_US);
}

void broker_trouble_fini(broker_peer_t *peer)
{
    reach_destroy(&peer->trouble.reach);
}

void broker_trouble_tell(const broker_t *self, size_t region, const broker_peer_t *way, message_t *message)
{
    const broker_peer_t *own = broker_peer_of(self, region);
    if (way->region_index != region)
        message_set_name(message->link_state.relay, s_region_name(self, way->region_index));
    const broker_peer_t *shown = own ? own : way;
    message->link_state.since_us = self->now_us - (shown->up ? shown->up_us : shown->down_us);
    if (!own)
        return;
    message->link_state.was_up = own->was_up;
    message->link_state.connections = own->up ? link_stats(own->link).connections : 0;
    message_set_text(&message->link_state.address, s_address(self, own));
    const char *rival = broker_peer_rival(self, own);
    message_set_text(&message->link_state.error, rival[0] ? rival : own->trouble.text);
}
