#include "actors/scheduler/region/region_actor.h"

#include "actors/kit/clock.h"
#include "actors/scheduler/base/journal.h"
#include "actors/scheduler/region/region_core.h"
#include "codec/base/failpoint.h"
#include "codec/base/log.h"
#include "codec/base/machine.h"
#include "codec/wire/actor_name.h"
#include "store/file.h"
#include "store/statedir.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REGION_TERM_KEY "term"
#define REGION_TERM_FILE "scheduler-" /* and the region's name, in the run folder */
#define REGION_WAIT_LOG_US 5000000    /* between two log lines that name whom it waits for */

typedef struct {
    region_actor_t with;
    region_core_t *core; /* the shell's */
    kv_t *kv;
    journal_t *journal;
    bool journal_failed, withheld; /* and it was said */
    uint64_t run;                  /* of the directory */
    char actor[WIRE_NAME_SIZE], machine[WIRE_NAME_SIZE];
    int64_t logged_us;
} region_hint_t;

/* ---- term ---- */

/* The greatest term among the stores of a shard: a lost scheduler store must not let incarnations repeat. */
static uint64_t s_shard_term(const char *state_dir, const char *region, uint64_t shard)
{
    char path[STATEDIR_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s/shard-%llu", state_dir, region, (unsigned long long)shard);
    uint64_t term = 0;
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char *end;
        uint64_t incarnation = strtoull(entry->d_name, &end, 16);
        if (end == entry->d_name + 16 && !*end && incarnation_is_possible(incarnation) &&
            incarnation >> 32 > term)
            term = incarnation >> 32;
    }
    if (dir)
        closedir(dir);
    return term;
}

static err_code_t s_stored_term(kv_t *kv, uint64_t *ret_term, err_t *err)
{
    buf_t *value = NULL;
    *ret_term = 0;
    err_code_t rc = kv_get(kv, REGION_TERM_KEY, &value, err);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (!rc && buf_size(value) != sizeof *ret_term)
        rc = err_set(err, ERR_MALFORMED, "the stored term has %zu bytes", buf_size(value));
    else if (!rc)
        memcpy(ret_term, buf_peek(value), sizeof *ret_term);
    buf_destroy(&value);
    return rc;
}

/* The term stands in a file too: on a machine without shards nothing else tells it when the store is lost,
 * and a scheduler of an older term than its nodes know is refused. */
static err_code_t s_term_path(const region_hint_t *self, char path[STATEDIR_PATH_MAX + 64], err_t *err)
{
    char folder[STATEDIR_PATH_MAX];
    err_code_t rc = statedir_folder(self->with.state_dir, STATEDIR_RUN, folder, err);
    snprintf(path, STATEDIR_PATH_MAX + 64, "%s/%s%s", rc ? "" : folder, REGION_TERM_FILE,
             self->with.topology->regions[self->with.region_index].name);
    return rc;
}

static uint64_t s_noted_term(const region_hint_t *self)
{
    char path[STATEDIR_PATH_MAX + 64];
    buf_t *text = NULL;
    uint64_t term = 0;
    if (!s_term_path(self, path, NULL) && !file_read(path, 32, &text, NULL))
        term = strtoull(buf_peek(text), NULL, 10);
    buf_destroy(&text);
    return term < UINT32_MAX ? term : 0;
}

static err_code_t s_note_term(const region_hint_t *self, uint64_t term, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 64], text[32];
    int length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)term);
    err_code_t rc = s_term_path(self, path, err);
    return rc ? rc : file_write(path, text, (size_t)length, err);
}

/* State that the predecessor kept; nothing when it cannot be read, as the truth is elsewhere. */
static void s_load_legacy(region_hint_t *self, legacy_t *ret_legacy)
{
    err_t err = {0};
    self->journal = journal_new(self->kv, &region_source, self->with.topology->region_count);
    if (journal_load(self->journal, KIND_region_state, ret_legacy, &err))
        log_event(LEVEL_WARN, self->actor, "kept_lost", "reason=\"%s\"; figures and curve begin anew",
                  err.text);
}

/* One more than everything that is known here; on the disk before it is used. */
static err_code_t s_next_term(region_hint_t *self, const legacy_t *legacy, uint64_t *ret_term, err_t *err)
{
    const topology_region_t *region = &self->with.topology->regions[self->with.region_index];
    uint64_t term = 0;
    err_code_t rc = s_stored_term(self->kv, &term, err);
    if (rc)
        return rc;
    if (legacy->state && legacy->state->region_state.term > term)
        term = legacy->state->region_state.term;
    for (uint64_t k = 0; k < region->shards; k++) {
        uint64_t seen = s_shard_term(self->with.state_dir, region->name, k);
        term = seen > term ? seen : term;
    }
    uint64_t noted = s_noted_term(self);
    *ret_term = (noted > term ? noted : term) + 1;
    if (*ret_term >= INCARNATION_TERM_MAX)
        return err_set(
            err, ERR_LIMIT,
            "%s/%s/scheduler: term %llu is more than a scheduler can be started; remove that folder",
            self->with.state_dir, region->name, (unsigned long long)*ret_term);
    rc = s_note_term(self, *ret_term, err);
    if (!rc)
        rc = kv_store(self->kv, REGION_TERM_KEY, ret_term, sizeof *ret_term, err);
    FAILPOINT(scheduler_stored);
    return rc;
}

static err_code_t s_open_kv(region_hint_t *self, err_t *err)
{
    const topology_region_t *region = &self->with.topology->regions[self->with.region_index];
    char path[STATEDIR_PATH_MAX];
    err_code_t rc = statedir_scheduler(self->with.state_dir, region->name, path, err);
    err_t lost = {0};
    if (!rc)
        rc = journal_open(path, &self->kv, &lost, err);
    if (!rc && lost.code)
        log_event(LEVEL_WARN, self->actor, "kept_damaged", "reason=\"%s\"; figures and curve begin anew",
                  lost.text);
    return rc;
}

/* ---- life ---- */

static err_code_t s_open_region(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    region_hint_t *self = hint;
    message_set_name(
        self->actor,
        actor_name(ROLE_SCHEDULER, self->with.topology->regions[self->with.region_index].name).text);
    machine_name(self->machine);
    err_code_t rc = s_open_kv(self, err);
    if (rc)
        return rc;
    uint64_t term;
    statedir_run_t run;
    rc = statedir_run(self->with.state_dir, &run, err);
    if (rc)
        return rc;
    self->run = run.id;
    legacy_t legacy;
    s_load_legacy(self, &legacy);
    rc = s_next_term(self, &legacy, &term, err);
    region_spec_t spec = {.topology = self->with.topology,
                          .region_index = self->with.region_index,
                          .term = term,
                          .nodes_expected = self->with.nodes_expected,
                          .settle_us = self->with.settle_us,
                          .evaluates = topology_tests(self->with.topology, self->with.region_index),
                          .pid = (uint64_t)getpid(),
                          .run = run.id,
                          .run_adopts = run.adopted,
                          .machine = self->machine,
                          .units_outlive = self->with.units_outlive,
                          .legacy = &legacy};
    if (!rc) {
        *incarnation = term << 32;
        *ret_core = self->core = region_core_new(&spec, clock_now_us());
    }
    legacy_fini(&legacy);
    return rc;
}

static void s_close_region(void *hint)
{
    region_hint_t *self = hint;
    journal_destroy(&self->journal);
    kv_destroy(&self->kv);
    free(self);
}

/* Long waits are named. */
static void s_log_wait(region_hint_t *self, int64_t now_us)
{
    int64_t since_us = now_us;
    const char *waits_for = region_core_waits_for(self->core, &since_us);
    if (!waits_for || !*waits_for || now_us - since_us < REGION_WAIT_LOG_US ||
        now_us - self->logged_us < REGION_WAIT_LOG_US)
        return;
    self->logged_us = now_us;
    log_event(LEVEL_WARN, self->actor, "waits", "for=\"%s\" since_s=%.1f", waits_for,
              (double)(now_us - since_us) / 1e6);
}

/* The directory is one of the run before anything follows from that. */
static err_code_t s_join_run(region_hint_t *self, err_t *err)
{
    statedir_run_t run;
    run.id = region_core_run(self->core, &run.adopted);
    if (run.id == self->run)
        return ERR_OK;
    err_code_t rc = statedir_join_run(self->with.state_dir, &run, err);
    if (!rc)
        self->run = run.id;
    return rc;
}

/* A full disk stops no training: it is said once, and tried again. */
static void s_journal(region_hint_t *self, void *core, int64_t now_us)
{
    err_t err = {0};
    bool failed = s_join_run(self, &err) || journal_work(self->journal, core, now_us, &err);
    if (failed && !self->journal_failed)
        log_event(LEVEL_WARN, self->actor, "keep_failed", "reason=\"%s\"; going on, trying again", err.text);
    self->journal_failed = failed;
    if (journal_withhold(self->journal, core, region_role.outbox(core), now_us) && !self->withheld) {
        log_event(LEVEL_WARN, self->actor, "end_withheld", JOURNAL_WITHHELD);
        self->withheld = true;
    }
}

static void s_rent(region_hint_t *self)
{
    rent_command_t command;
    while (self->with.rent && region_core_take_command(self->core, &command))
        self->with.rent(self->with.rent_hint, &command);
}

static void s_log_moves(const region_hint_t *self)
{
    region_move_t move;
    while (region_core_take_move(self->core, &move))
        log_event(LEVEL_INFO, move.shard, "moved", "from=%s to=%s reason=\"%s\"", move.from, move.to,
                  move.why);
}

/* Snapshots that are lost or missed, and what ends the wait. */
static void s_log_missing(const region_hint_t *self)
{
    region_missing_t loss;
    while (region_core_take_missing(self->core, &loss))
        if (loss.awaited)
            log_event(LEVEL_WARN, loss.shard, "newest_missing",
                      "snapshot=%llu incarnation=%016llx reason=\"no node that is here has it\"; waiting for "
                      "who had it, for %.0f s "
                      "(job.sync.away_after), then going on without",
                      (unsigned long long)loss.number, (unsigned long long)loss.incarnation,
                      (double)loss.patience_us / 1e6);
        else
            log_event(LEVEL_WARN, loss.shard, "newest_lost",
                      "snapshot=%llu incarnation=%016llx reason=\"no node has it\"; going on at %s from what "
                      "there is",
                      (unsigned long long)loss.number, (unsigned long long)loss.incarnation, loss.node);
}

static int64_t s_work_region(void *hint, void *core, int64_t now_us)
{
    region_hint_t *self = hint;
    s_journal(self, core, now_us);
    s_rent(self);
    s_log_moves(self);
    s_log_missing(self);
    s_log_wait(self, now_us);
    return now_us + REGION_WAIT_LOG_US;
}

static err_code_t s_failure_region(void *hint, void *core, err_t *err)
{
    (void)core;
    region_hint_t *self = hint;
    const char *reason = "";
    err_code_t rc = region_core_failure(self->core, &reason);
    return rc ? err_set(err, rc, "%s", reason) : ERR_OK;
}

void region_actor_fill(const region_actor_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {
        .open = s_open_region, .work = s_work_region, .failure = s_failure_region, .close = s_close_region};
    region_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    spec->role = &region_role;
    spec->ops = &ops;
    spec->hint = hint;
}

typedef struct {
    rent_end_t end;
    char name[2 * TOPOLOGY_NAME_MAX];
} unit_end_t;

static void s_unit_ended(void *core, void *arg, int64_t now_us)
{
    const unit_end_t *unit = arg;
    region_core_unit_ended(core, unit->name, unit->end, now_us);
}

void region_actor_unit_ended(shell_t *shell, const char *name, rent_end_t end)
{
    unit_end_t *unit = calloc(1, sizeof *unit);
    CHECK(unit);
    unit->end = end;
    snprintf(unit->name, sizeof unit->name, "%s", name);
    shell_call(shell, s_unit_ended, unit, free);
}
