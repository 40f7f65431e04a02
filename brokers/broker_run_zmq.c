/* broker_run - nothing of another run is handed on.
 *
 * The directory of a region that was never begun learns its run from the first plan, long after its broker
 * has started; so schedulers can talk to each other before. What training says (shards, synchronizers,
 * keepers) crosses a link only when both ends have said that they belong to the same run, and of actors that
 * were placed in another run none is known here.
 */
#include "brokers/broker_state_zmq.h"

#include "codec/base/log.h"
#include "codec/base/run_id.h"
#include "codec/wire/actor_name.h"
#include "store/statedir.h"

#include <string.h>

#define LOOK_US 20000 /* between two looks at the directory while somebody waits for it */

/* Whoever is here from another run is not known any more. */
static void s_send_away(broker_t *self)
{
    const route_t *route;
    for (size_t position = 0; (route = routes_each(self->routes, &position));)
        if (run_id_differs(route->run, self->spec.run)) {
            wire_name_t name;
            message_set_name(name, route->name);
            routes_gone(self->routes, name, strlen(name));
        }
}

static void s_join(broker_t *self, uint64_t run)
{
    char text[RUN_ID_TEXT_SIZE];
    self->spec.run = run;
    log_event(LEVEL_INFO, self->name, "joined", "run=%s", run_id_text(run, text));
    s_send_away(self);
    for (size_t i = 0; i < self->peer_count; i++) {
        link_set_run(self->peers[i].link, run, self->now_us);
        self->peers[i].dirty = true;
    }
}

void broker_run_look(broker_t *self)
{
    statedir_run_t run;
    if (self->spec.run != RUN_ID_NONE || !self->spec.state_dir || self->now_us < self->run_due_us)
        return;
    self->run_due_us = self->now_us + LOOK_US;
    if (statedir_run(self->spec.state_dir, &run, NULL) == ERR_OK && run.id != RUN_ID_NONE)
        s_join(self, run.id);
}

static bool s_trains(const char *name, size_t length)
{
    actor_parts_t actor;
    return actor_split(name, length, &actor) && role_row(actor.role)->in_run;
}

bool broker_run_may_cross(broker_t *self, const broker_peer_t *peer, const envelope_t *envelope)
{
    if (!self->spec.state_dir ||
        (!s_trains(envelope->from, envelope->from_length) && !s_trains(envelope->to, envelope->to_length)))
        return true;
    broker_run_look(self);
    return link_is_of_run(peer->link);
}

err_code_t broker_run_admits(const broker_t *self, const message_t *hello, err_t *err)
{
    if (!run_id_differs(hello->hello.run, self->spec.run))
        return ERR_OK;
    return run_id_refuse(err, hello->from, hello->hello.run, self->spec.run);
}
