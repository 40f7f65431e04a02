#include "actors/scheduler/global/global_actor.h"

#include "actors/kit/clock.h"
#include "actors/scheduler/base/journal.h"
#include "codec/base/log.h"
#include "codec/base/machine.h"
#include "codec/wire/actor_name.h"
#include "store/file.h"
#include "store/statedir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GLOBAL_STRANGERS_LOG_US 60000000 /* between two lines about the same one */

typedef struct {
    global_actor_t with;
    global_core_t *core; /* the shell's */
    kv_t *kv;
    journal_t *journal;
    bool journal_failed, withheld; /* and it was said */
    int64_t observed_us;
    char machine[WIRE_NAME_SIZE];
    uint64_t marks_made, marks_given_up; /* as logged */
    bool last_observed;
    size_t plans;                 /* logged */
    char strangers[ERR_TEXT_MAX]; /* as logged ... */
    int64_t strangers_us;         /* ... when */
} global_hint_t;

/* ---- what is kept ---- */

static err_code_t s_open_kv(const char *state_dir, kv_t **ret_kv, err_t *err)
{
    char folder[STATEDIR_PATH_MAX], path[STATEDIR_PATH_MAX + 32];
    err_code_t rc = statedir_folder(state_dir, STATEDIR_RUN, folder, err);
    if (rc)
        return rc;
    err_t lost = {0};
    snprintf(path, sizeof path, "%s/global", folder);
    rc = journal_open(path, ret_kv, &lost, err);
    if (!rc && lost.code)
        log_event(LEVEL_WARN, ACTOR_GLOBAL, "kept_damaged", "reason=\"%s\"; asking the regions", lost.text);
    return rc;
}

err_code_t global_actor_forget(const char *state_dir, err_t *err)
{
    kv_t *kv = NULL;
    err_code_t rc = s_open_kv(state_dir, &kv, err);
    if (!rc)
        rc = journal_clear(kv, err);
    kv_destroy(&kv);
    return rc;
}

/* A predecessor's decisions; nothing when they cannot be read, as the regions tell them again. */
static void s_load_legacy(global_hint_t *self, legacy_t *ret_legacy)
{
    err_t err = {0};
    self->journal = journal_new(self->kv, &global_source, self->with.topology->region_count);
    if (journal_load(self->journal, KIND_global_state, ret_legacy, &err))
        log_event(LEVEL_WARN, ACTOR_GLOBAL, "kept_lost", "reason=\"%s\"; asking the regions", err.text);
}

/* A full disk ends no run: it is said once, and tried again. */
static void s_journal(global_hint_t *self, void *core, int64_t now_us)
{
    err_t err = {0};
    bool failed = journal_work(self->journal, core, now_us, &err) != ERR_OK;
    if (failed && !self->journal_failed)
        log_event(LEVEL_WARN, ACTOR_GLOBAL, "keep_failed", "reason=\"%s\"; going on, trying again", err.text);
    self->journal_failed = failed;
    if (journal_withhold(self->journal, core, global_role.outbox(core), now_us) && !self->withheld) {
        log_event(LEVEL_WARN, ACTOR_GLOBAL, "end_withheld", JOURNAL_WITHHELD);
        self->withheld = true;
    }
}

/* ---- incarnation ---- */

/* One more than the last time, on the disk before it is used. */
static err_code_t s_next_incarnation(const global_hint_t *self, uint64_t *ret_incarnation, err_t *err)
{
    char folder[STATEDIR_PATH_MAX], path[STATEDIR_PATH_MAX + 32], text[32];
    err_code_t rc = statedir_folder(self->with.state_dir, STATEDIR_RUN, folder, err);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/" GLOBAL_STARTS_FILE, folder);
    buf_t *stored = NULL;
    uint64_t last = 0;
    rc = file_read(path, sizeof text, &stored, err);
    if (!rc)
        last = strtoull(buf_peek(stored), NULL, 10);
    else if (rc != ERR_NOT_FOUND)
        return rc;
    buf_destroy(&stored);
    *ret_incarnation = last + 1;
    int length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)*ret_incarnation);
    return file_write(path, text, (size_t)length, err);
}

/* ---- life ---- */

static err_code_t s_open_global(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    global_hint_t *self = hint;
    err_code_t rc = s_next_incarnation(self, incarnation, err);
    if (!rc)
        rc = s_open_kv(self->with.state_dir, &self->kv, err);
    if (rc)
        return rc;
    statedir_run_t run;
    rc = statedir_run(self->with.state_dir, &run, err);
    if (rc)
        return rc;
    legacy_t legacy;
    machine_name(self->machine);
    s_load_legacy(self, &legacy);
    global_spec_t spec = {.topology = self->with.topology,
                          .incarnation = *incarnation,
                          .pid = (uint64_t)getpid(),
                          .run = run.id,
                          .run_adopts = run.adopted,
                          .machine = self->machine,
                          .legacy = &legacy,
                          .plan = self->with.plan};
    *ret_core = self->core = global_core_new(&spec, clock_now_us());
    legacy_fini(&legacy);
    return ERR_OK;
}

static void s_log_marks(global_hint_t *self)
{
    const global_mark_t *mark = global_core_mark(self->core);
    if (global_mark_made(mark) > self->marks_made)
        log_event(LEVEL_INFO, ACTOR_GLOBAL, "marked", "tag=%s", global_mark_newest(mark));
    if (global_mark_given_up(mark) > self->marks_given_up)
        log_event(LEVEL_WARN, ACTOR_GLOBAL, "mark_given_up", "times=%llu; trying again under a new number",
                  (unsigned long long)global_mark_given_up(mark));
    self->marks_made = global_mark_made(mark);
    self->marks_given_up = global_mark_given_up(mark);
}

static void s_log_plan(const global_hint_t *self, size_t index)
{
    const topology_t *topology = self->with.topology;
    const global_plan_entry_t *entry = global_plan_at(global_core_plan(self->core), index);
    char reason[GLOBAL_PLAN_REASON_MAX], units[1024] = "";
    size_t at = 0;
    for (size_t r = 0; r < topology->region_count; r++)
        for (size_t i = 0; i < topology->regions[r].offer_count && at < sizeof units; i++)
            at += (size_t)snprintf(units + at, sizeof units - at, "%s%s/%s=%llu", at ? " " : "",
                                   topology->regions[r].name, topology->regions[r].offers[i].name,
                                   (unsigned long long)entry->units[r][i]);
    log_event(LEVEL_INFO, ACTOR_GLOBAL, "plan",
              "number=%zu reason=\"%s\" objective=%s predicted_s=%.3f predicted_cost=%.6g units=\"%s\"",
              index + 1, global_plan_reason(entry, topology, reason),
              plan_objective_name(topology->plan.objective), entry->predicted_s, entry->predicted_cost,
              units);
}

/* Every change of plan, once. */
static void s_log_plans(global_hint_t *self)
{
    const global_plan_t *plan = global_core_plan(self->core);
    for (size_t count = plan ? global_plan_count(plan) : 0; self->plans < count; self->plans++)
        s_log_plan(self, self->plans);
}

/* Refusals are logged at once, and now and then while they go on. */
static void s_log_strangers(global_hint_t *self, int64_t now_us)
{
    const char *text = global_core_strangers(self->core, now_us);
    if (!text[0] || (!strcmp(text, self->strangers) && now_us - self->strangers_us < GLOBAL_STRANGERS_LOG_US))
        return;
    snprintf(self->strangers, sizeof self->strangers, "%s", text);
    self->strangers_us = now_us;
    log_event(LEVEL_WARN, ACTOR_GLOBAL, "refused", "error=\"%s\"", text);
}

static void s_observe(global_hint_t *self, int64_t now_us, bool last)
{
    self->observed_us = now_us;
    self->last_observed |= last;
    s_log_marks(self);
    s_log_plans(self);
    s_log_strangers(self, now_us);
    buf_t *picture =
        self->with.observe ? self->with.observe(self->with.observe_hint, self->core, now_us, last) : NULL;
    global_core_show(self->core, &picture, now_us);
}

static int64_t s_work_global(void *hint, void *core, int64_t now_us)
{
    global_hint_t *self = hint;
    s_journal(self, core, now_us);
    if (global_role.finished(core)) {
        if (!self->last_observed)
            s_observe(self, now_us, true);
    } else if (now_us - self->observed_us >= GLOBAL_OBSERVE_US) {
        s_observe(self, now_us, false);
    }
    return self->observed_us + GLOBAL_OBSERVE_US;
}

/* Called when the loop has ended, finished or not: the last look at the core. */
static err_code_t s_failure_global(void *hint, void *core, err_t *err)
{
    (void)core;
    global_hint_t *self = hint;
    if (!self->last_observed)
        s_observe(self, clock_now_us(), true);
    const char *reason = "";
    err_code_t rc = global_core_failure(self->core, &reason);
    return rc ? err_set(err, rc, "%s", reason) : ERR_OK;
}

static void s_close_global(void *hint)
{
    global_hint_t *self = hint;
    journal_destroy(&self->journal);
    kv_destroy(&self->kv);
    free(self);
}

void global_actor_fill(const global_actor_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {
        .open = s_open_global, .work = s_work_global, .failure = s_failure_global, .close = s_close_global};
    global_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    spec->role = &global_role;
    spec->ops = &ops;
    spec->hint = hint;
}

/* ---- calls ---- */

typedef struct {
    int64_t patience_us;
    size_t region_index;
    err_t failure;
} global_call_t;

static void s_drain(void *core, void *arg, int64_t now_us)
{
    const global_call_t *call = arg;
    global_core_stop(core, call->patience_us, now_us);
}

static void s_region_failed(void *core, void *arg, int64_t now_us)
{
    const global_call_t *call = arg;
    global_core_region_failed(core, call->region_index, call->failure.code, call->failure.text, now_us);
}

static void s_reread(void *core, void *arg, int64_t now_us)
{
    global_core_reread(core, arg, now_us);
}

void global_actor_reread(shell_t *shell, const topology_t *changed)
{
    topology_t *copy = malloc(sizeof *copy);
    CHECK(copy);
    *copy = *changed;
    shell_call(shell, s_reread, copy, free);
}

typedef struct {
    char name[GLOBAL_MARK_NAME_MAX + 1];
    bool fresh;
} mark_call_t;

static void s_mark(void *core, void *arg, int64_t now_us)
{
    const mark_call_t *call = arg;
    global_core_ask_mark(core, call->name, call->fresh, now_us);
}

void global_actor_mark(shell_t *shell, const char *name, bool fresh)
{
    mark_call_t *call = calloc(1, sizeof *call);
    CHECK(call);
    snprintf(call->name, sizeof call->name, "%s", name);
    call->fresh = fresh;
    shell_call(shell, s_mark, call, free);
}

void global_actor_drain(shell_t *shell, int64_t patience_us)
{
    global_call_t *call = calloc(1, sizeof *call);
    CHECK(call);
    call->patience_us = patience_us;
    shell_call(shell, s_drain, call, free);
}

void global_actor_region_failed(shell_t *shell, size_t region_index, err_code_t code, const char *reason)
{
    global_call_t *call = calloc(1, sizeof *call);
    CHECK(call);
    call->region_index = region_index;
    err_set(&call->failure, code, "%s", reason);
    shell_call(shell, s_region_failed, call, free);
}
