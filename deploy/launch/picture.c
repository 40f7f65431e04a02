#include "deploy/launch/picture.h"
#include "deploy/launch/region_row.h"

#include "deploy/launch/carry.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *job, *state, *machine, *failure, *waits_for, *stopper, *refused, *carried_on;
    uint64_t pid, samples, samples_total, restarts, wan_sent_bytes;
    double done_share, samples_per_s, left_s, elapsed_s, train_s, loss, test_accuracy, test_auc, cost,
        still_s;
} picture_run_t;

#define RUN(member, type, unit, help, head) ROW_FIELD(picture_run_t, member, type, unit, help, head)
const row_field_t picture_run_fields[] = {
    RUN(job, ROW_TEXT, "", "name of the job", NULL),
    RUN(state, ROW_TEXT, "", "starting, training, stopping, done, drained or failed", NULL),
    RUN(failure, ROW_TEXT, "", "why it failed", NULL),
    RUN(refused, ROW_TEXT, "", "who says to be of this run and is refused, and why", NULL),
    RUN(stopper, ROW_TEXT, "", "who asked for a drain", NULL),
    RUN(waits_for, ROW_TEXT, "", "without progress: who waits for whom or what", "waits"),
    RUN(still_s, ROW_NUMBER, "s", "since when no batch was applied", NULL),
    RUN(machine, ROW_TEXT, "", "where the global scheduler runs", NULL),
    RUN(pid, ROW_COUNT, "process", "process of the global scheduler", NULL),
    RUN(done_share, ROW_NUMBER, "share", "of all samples of all epochs", "done"),
    RUN(samples, ROW_COUNT, "samples", "applied, of all regions", NULL),
    RUN(samples_total, ROW_COUNT, "samples", "to be applied in the whole run; 0: not known yet", NULL),
    RUN(samples_per_s, ROW_NUMBER, "samples/s", "applied just now", "samples/s"),
    RUN(left_s, ROW_NUMBER, "s", "until all regions are done, at the rate of now", "left"),
    RUN(elapsed_s, ROW_NUMBER, "s", "since the command began", "after"),
    RUN(train_s, ROW_NUMBER, "s", "training time of the whole job", NULL),
    RUN(loss, ROW_NUMBER, "", "mean training loss of the newest batches", "loss"),
    RUN(test_accuracy, ROW_NUMBER, "", "of the newest evaluation", "accuracy"),
    RUN(test_auc, ROW_NUMBER, "", "area under the ROC curve, of the newest evaluation of two classes", "AUC"),
    RUN(wan_sent_bytes, ROW_COUNT, "bytes", "between regions", "WAN"),
    RUN(cost, ROW_NUMBER, "price", "of machines and of what was sent, so far", "cost"),
    RUN(restarts, ROW_COUNT, "", "actors placed again after they had run", "restarts"),
    RUN(carried_on, ROW_TEXT, "", "settings that the run was carried on with, after a stop or its end",
        "carried on with"),
    {0}};

typedef struct {
    const char *from, *to, *state, *relay, *address, *error;
    bool up;
    uint64_t rate_bytes_per_s, connections, queued_bytes, sent_bytes, received_bytes;
    double seen_s, since_s, rtt_s;
} picture_link_t;

#define LINK(member, type, unit, help, head) ROW_FIELD(picture_link_t, member, type, unit, help, head)
const row_field_t picture_link_fields[] = {
    LINK(from, ROW_TEXT, "", "region that tells", "from"),
    LINK(to, ROW_TEXT, "", "region that is reached", "to"),
    LINK(state, ROW_TEXT, "", "up, relayed, down, or never up since its broker started", "link"),
    LINK(since_s, ROW_NUMBER, "s", "how long it has been so", "since"),
    LINK(up, ROW_BOOL, "", "what is sent arrives, over the link or a relay", NULL),
    LINK(relay, ROW_TEXT, "", "region that what is sent goes over", "over"),
    LINK(rate_bytes_per_s, ROW_COUNT, "bytes/s", "measured", "rate"),
    LINK(rtt_s, ROW_NUMBER, "s", "round trip", "round trip"),
    LINK(connections, ROW_COUNT, "", "for data, that are used; 0: the own link is not up", "conns"),
    LINK(queued_bytes, ROW_COUNT, "bytes", "wait to be sent", NULL),
    LINK(sent_bytes, ROW_COUNT, "bytes", "over the link since its broker started", NULL),
    LINK(received_bytes, ROW_COUNT, "bytes", "over the link since its broker started", NULL),
    LINK(seen_s, ROW_NUMBER, "s", "age of this row", NULL),
    LINK(address, ROW_TEXT, "", "where it is dialled", "address"),
    LINK(error, ROW_TEXT, "", "the last reason for which it was not up", "last error"),
    {0}};

typedef struct {
    const char *name, *state, *node, *machine, *waits_for;
    uint64_t pid, incarnation, applied, durable;
    double since_s, seen_s;
} picture_actor_t;

#define ACTOR(member, type, unit, help, head) ROW_FIELD(picture_actor_t, member, type, unit, help, head)
const row_field_t picture_actor_fields[] = {
    ACTOR(name, ROW_TEXT, "", "the actor", "actor"),
    ACTOR(state, ROW_TEXT, "", "starting, running, waiting, draining, stopped, failed or lost", "state"),
    ACTOR(pid, ROW_COUNT, "process", "its process, as its machine numbers it; 0: not known", "pid"),
    ACTOR(applied, ROW_COUNT, "", "batches applied (shards, schedulers) or computed, deltas delivered",
          "applied"),
    ACTOR(durable, ROW_COUNT, "", "how many of them are durable", "durable"),
    ACTOR(since_s, ROW_NUMBER, "s", "how long it has been in this state", "since"),
    ACTOR(machine, ROW_TEXT, "", "host name of its machine", "machine"),
    ACTOR(node, ROW_TEXT, "", "node that hosts it", "node"),
    ACTOR(incarnation, ROW_COUNT, "", "term in the upper and count in the lower 32 bits", NULL),
    ACTOR(seen_s, ROW_NUMBER, "s", "age of this row", NULL),
    ACTOR(waits_for, ROW_TEXT, "", "whom or what it waits for", "waits for"),
    {0}};

/* ---- parts ---- */

static double s_seconds(int64_t us)
{
    return (double)us / 1e6;
}

static void s_add_row(json_value_t *array, const row_field_t *fields, const void *row)
{
    json_value_t *object = json_new_object();
    rows_put(object, fields, row);
    json_add_moved(array, &object);
}

static const char *s_link_state(const message_t *state)
{
    if (state->link_state.up)
        return state->link_state.relay[0] ? "relayed" : "up";
    return state->link_state.was_up ? "down" : "never up";
}

static void s_add_link(json_value_t *links, const global_core_t *core, size_t from, size_t to, int64_t now_us)
{
    const topology_t *topology = global_core_topology(core);
    link_view_t view = global_core_link(core, from, to);
    if (!view.state)
        return;
    int64_t age_us = now_us - view.seen_us;
    picture_link_t row = {
        .from = topology->regions[from].name,
        .to = topology->regions[to].name,
        .state = s_link_state(view.state),
        .up = view.state->link_state.up,
        .relay = view.state->link_state.relay,
        .address = view.state->link_state.address ? view.state->link_state.address : "",
        .error = view.state->link_state.error ? view.state->link_state.error : "",
        .rate_bytes_per_s = view.state->link_state.rate_bytes_per_s,
        .connections = view.state->link_state.connections,
        .queued_bytes = view.state->link_state.queued_bytes,
        .sent_bytes = view.state->link_state.sent_bytes,
        .received_bytes = view.state->link_state.received_bytes,
        .seen_s = s_seconds(age_us),
        .since_s = s_seconds(view.state->link_state.since_us + age_us),
        .rtt_s = view.state->link_state.rtt_us ? (double)view.state->link_state.rtt_us / 1e6 : NAN,
    };
    s_add_row(links, picture_link_fields, &row);
}

static void s_add_actor(json_value_t *actors, actor_view_t view, int64_t now_us)
{
    int64_t age_us = now_us - view.seen_us;
    picture_actor_t row = {
        .name = view.status->status.actor,
        .state = view.status->status.state,
        .node = view.status->status.node,
        .machine = view.status->status.machine,
        .waits_for = view.status->status.waits_for,
        .pid = view.status->status.pid,
        .incarnation = view.status->status.incarnation,
        .applied = view.status->status.applied,
        .durable = view.status->status.durable,
        .since_s = s_seconds((int64_t)view.status->status.since_us + age_us),
        .seen_s = s_seconds(age_us),
    };
    s_add_row(actors, picture_actor_fields, &row);
}

/* ---- the whole ---- */

static void s_put_run(json_value_t *document, const global_core_t *core, const headway_t *headway,
                      const report_context_t *context)
{
    report_totals_t totals = report_totals(core, context);
    const char *reason = "";
    char waits[HEADWAY_WAIT_MAX], carried[CARRY_TEXT_MAX];
    carry_print(context->changes ? context->changes : "", carried);
    err_code_t failure = global_core_failure(core, &reason);
    picture_run_t run = {
        .job = context->topology->job.name,
        .state = report_state_name(global_core_state(core)),
        .failure = failure ? reason : "",
        .stopper = global_core_stopper(core),
        .refused = global_core_strangers(core, context->now_us),
        .waits_for = headway_wait(headway, core, context->now_us, waits),
        .still_s = s_seconds(context->now_us - headway->still_us),
        .machine = global_core_machine(core),
        .pid = (uint64_t)getpid(),
        .done_share = headway_share(core, SIZE_MAX),
        .samples = totals.samples,
        .samples_total = headway_samples_total(core, SIZE_MAX),
        .samples_per_s = headway_rate(headway, core, SIZE_MAX),
        .left_s = headway_left_s(headway, core, SIZE_MAX),
        .elapsed_s = s_seconds(context->wall_us),
        .train_s = s_seconds(totals.train_us),
        .loss = totals.loss,
        .test_accuracy = totals.accuracy,
        .test_auc = totals.auc,
        .wan_sent_bytes = totals.wan_sent_bytes,
        .cost = totals.cost,
        .restarts = totals.restarts,
        .carried_on = carried,
    };
    rows_put(document, picture_run_fields, &run);
}

json_value_t *picture_new(const global_core_t *core, const headway_t *headway,
                          const report_context_t *context)
{
    json_value_t *document = json_new_object(), *regions = json_new_array(), *links = json_new_array(),
                 *actors = json_new_array();
    size_t count = global_core_topology(core)->region_count;
    s_put_run(document, core, headway, context);
    for (size_t r = 0; r < count; r++) {
        json_value_t *row = region_row_new(core, headway, context, r);
        json_add_moved(regions, &row);
    }
    for (size_t from = 0; from < count; from++)
        for (size_t to = 0; to < count; to++)
            s_add_link(links, core, from, to, context->now_us);
    for (size_t i = 0; i < global_core_actor_count(core); i++)
        if (global_core_actor(core, i).status)
            s_add_actor(actors, global_core_actor(core, i), context->now_us);
    json_set_moved(document, "regions", &regions);
    json_set_moved(document, "links", &links);
    json_set_moved(document, "actors", &actors);
    process_rows_add(document, context->processes);
    return document;
}
