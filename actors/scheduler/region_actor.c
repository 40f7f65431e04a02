#include "actors/scheduler/region_actor.h"

#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "actors/scheduler/region_core.h"
#include "codec/base/failpoint.h"
#include "codec/base/log.h"
#include "store/kv_lmdb.h"
#include "store/statedir.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REGION_TERM_KEY "term"
#define REGION_WAIT_LOG_US 5000000 /* between two log lines that name whom it waits for */

typedef struct {
    region_actor_t with;
    region_core_t *core; /* the shell's */
    kv_t *kv;
    char actor[WIRE_NAME_SIZE];
    int64_t logged_us;
} region_hint_t;

/* ---- term
 * ---------------------------------------------------------------------------------------------------- */

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
        if (end == entry->d_name + 16 && !*end && incarnation >> 32 > term)
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

/* One more than everything that is known here; on the disk before it is used. */
static err_code_t s_next_term(region_hint_t *self, uint64_t *ret_term, err_t *err)
{
    const topology_region_t *region = &self->with.topology->regions[self->with.region_index];
    char path[STATEDIR_PATH_MAX];
    err_code_t rc = statedir_scheduler(self->with.state_dir, region->name, path, err);
    kv_lmdb_options_t options = {.durability = KV_DURABILITY_DISK};
    if (!rc)
        rc = kv_lmdb_open(path, &options, &self->kv, err);
    uint64_t term = 0;
    if (!rc)
        rc = s_stored_term(self->kv, &term, err);
    if (rc)
        return rc;
    for (uint64_t k = 0; k < region->shards; k++) {
        uint64_t seen = s_shard_term(self->with.state_dir, region->name, k);
        term = seen > term ? seen : term;
    }
    *ret_term = term + 1;
    rc = kv_store(self->kv, REGION_TERM_KEY, ret_term, sizeof *ret_term, err);
    FAILPOINT(scheduler_stored);
    return rc;
}

/* ---- life
 * ---------------------------------------------------------------------------------------------------- */

static err_code_t s_open(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    region_hint_t *self = hint;
    uint64_t term;
    err_code_t rc = s_next_term(self, &term, err);
    if (rc)
        return rc;
    const char *kind = model_data_kind(self->with.topology->job.model);
    region_spec_t spec = {.topology = self->with.topology,
                          .region_index = self->with.region_index,
                          .term = term,
                          .nodes_expected = self->with.nodes_expected,
                          .settle_us = self->with.settle_us,
                          .evaluates = kind && !strcmp(kind, "idx"),
                          .pid = (uint64_t)getpid()};
    *incarnation = term << 32;
    snprintf(self->actor, sizeof self->actor, "scheduler/%s",
             self->with.topology->regions[self->with.region_index].name);
    *ret_core = self->core = region_core_new(&spec, clock_now_us());
    return ERR_OK;
}

static void s_close(void *hint)
{
    region_hint_t *self = hint;
    kv_destroy(&self->kv);
    free(self);
}

/* Long waits are named. */
static int64_t s_work(void *hint, void *core, int64_t now_us)
{
    (void)core;
    region_hint_t *self = hint;
    int64_t since_us = now_us;
    const char *waits_for = region_core_waits_for(self->core, &since_us);
    if (waits_for && *waits_for && now_us - since_us >= REGION_WAIT_LOG_US &&
        now_us - self->logged_us >= REGION_WAIT_LOG_US) {
        self->logged_us = now_us;
        log_event(LEVEL_WARN, self->actor, "waits", "for=\"%s\" since_s=%.1f", waits_for,
                  (double)(now_us - since_us) / 1e6);
    }
    return now_us + REGION_WAIT_LOG_US;
}

static err_code_t s_failure(void *hint, void *core, err_t *err)
{
    (void)core;
    region_hint_t *self = hint;
    const char *reason = "";
    err_code_t rc = region_core_failure(self->core, &reason);
    return rc ? err_set(err, rc, "%s", reason) : ERR_OK;
}

void region_actor_fill(const region_actor_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {.open = s_open, .work = s_work, .failure = s_failure, .close = s_close};
    region_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    spec->role = &region_role;
    spec->ops = &ops;
    spec->hint = hint;
}
