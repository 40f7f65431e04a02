#include "actors/shard/shard_actor.h"

#include "actors/kit/breaks.h"
#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "actors/shard/shard_core.h"
#include "codec/base/backoff.h"
#include "codec/base/failpoint.h"
#include "codec/base/log.h"
#include "codec/base/rng.h"
#include "store/cover.h"
#include "store/kv_lmdb.h"
#include "store/snapshot.h"
#include "store/statedir.h"
#include "store/writer.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_AGAIN_FIRST_US 100000
#define STORE_AGAIN_LAST_US 5000000

typedef struct {
    shard_actor_t with;
    char name[WIRE_NAME_SIZE]; /* for the log */
    shard_core_t *core;
    uint64_t incarnation;
    char dir[STATEDIR_PATH_MAX];
    kv_t *kv;
    snapshot_store_t *store;
    writer_t *writer; /* NULL: the store was given up and no new one could be made yet */
    bool uncovered;   /* trains on without its disk, and the store says so */
    int64_t again_us; /* when the next attempt is made to have a store */
    backoff_t pause;  /* after one that failed */
    bool cleaned;     /* the predecessors' directories are removed */
} shard_hint_t;

/* ---- where it goes on from ---- */

/* Reads the predecessor's snapshot. Its directory is opened for reading only and closed at once. */
static err_code_t s_load(const statedir_latest_t *latest, snapshot_t **ret_snapshot, err_t *err)
{
    kv_lmdb_options_t options = {.read_only = true};
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    err_code_t rc = kv_lmdb_open(latest->path, &options, &kv, err);
    if (!rc)
        rc = snapshot_store_open(kv, NULL, &store, err);
    if (!rc)
        rc = snapshot_load(store, latest->number, ret_snapshot, err);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    return rc ? err_prefix(err, rc, "load snapshot %llu of %s", (unsigned long long)latest->number,
                           latest->path)
              : ERR_OK;
}

/* How many own batches a damaged snapshot had, if that much of it can be read; 0: not known. */
static uint64_t s_count_damaged(const statedir_latest_t *latest)
{
    kv_lmdb_options_t options = {.read_only = true};
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    buf_t *state = NULL;
    uint64_t count = 0;
    if (latest->damaged_path[0] && !kv_lmdb_open(latest->damaged_path, &options, &kv, NULL) &&
        !snapshot_store_open(kv, NULL, &store, NULL) &&
        !snapshot_load_value(store, latest->damaged_number, "state", &state, NULL) &&
        shard_core_count(state, &count, NULL))
        count = 0;
    buf_destroy(&state);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    return count;
}

/* Batches that are lost by starting from `snapshot`: at least one for each snapshot that is passed over,
 * when nobody can tell. */
static uint64_t s_lost(const shard_hint_t *self, const statedir_latest_t *latest, const snapshot_t *snapshot)
{
    uint64_t had = s_count_damaged(latest), has = 0;
    const buf_t *state = snapshot_peek(snapshot, "state");
    if (state && !shard_core_count(state, &has, NULL) && had)
        return had > has ? had - has : 0;
    uint64_t newest =
        latest->damaged_number > self->with.newest_number ? latest->damaged_number : self->with.newest_number;
    return newest > latest->number ? newest - latest->number : latest->skipped;
}

/* A newer snapshot is known to have been durable, or may have been: copies follow in the background unless a
 * snapshot counts only with its copies. */
static bool s_is_old(const shard_hint_t *self, const statedir_latest_t *latest)
{
    uint64_t incarnation = self->with.newest_incarnation;
    const topology_t *topology = self->with.topology;
    if (self->with.handed && latest->incarnation == incarnation && latest->number == self->with.newest_number)
        return false;
    if (latest->kept ? topology->checkpoint.durability != DURABILITY_REPLICA ||
                           topology->checkpoint.when_full == WHEN_FULL_GO_ON
                     : cover_is_off(latest->path))
        return true;
    return incarnation_compare(latest->incarnation, latest->number, incarnation, self->with.newest_number) <
           0;
}

static err_code_t s_resume(shard_hint_t *self, const shard_spec_t *spec, const statedir_latest_t *latest,
                           err_t *err)
{
    snapshot_t *snapshot = NULL;
    err_code_t rc = s_load(latest, &snapshot, err);
    if (rc)
        return rc;
    shard_spec_t from = *spec;
    bool alone = self->with.topology->region_count == 1;
    bool old = s_is_old(self, latest);
    if (latest->skipped || old) {
        from.loses = alone;
        from.uncertain = !alone;
        from.lost = s_lost(self, latest, snapshot);
        log_event(
            LEVEL_WARN, self->name, "rolled_back", "snapshot=%llu skipped=%u lost=%llu reason=\"%s\"; %s",
            (unsigned long long)latest->number, latest->skipped, (unsigned long long)from.lost,
            latest->skipped ? latest->why : "something newer than that was or may have been seen by others",
            alone ? "going on from it" : "asking the other regions where they stand");
    } else {
        log_event(LEVEL_INFO, self->name, "resumes", "snapshot=%llu incarnation=%llx",
                  (unsigned long long)latest->number, (unsigned long long)latest->incarnation);
    }
    rc = shard_core_restore(&from, snapshot, &self->core, err);
    snapshot_destroy(&snapshot);
    return rc;
}

/* The first start: this shard's part of the model's initial parameters, the same in every region. */
static err_code_t s_begin(shard_hint_t *self, const shard_spec_t *spec, const layout_t *layout, size_t first,
                          err_t *err)
{
    model_t *model = NULL;
    err_code_t rc = model_new(self->with.topology->job.model, 1, &model, err);
    if (rc)
        return rc;
    float *w = malloc(layout->count * sizeof *w);
    buf_t *initial = w ? buf_new(spec->elements * sizeof *w) : NULL;
    if (initial) {
        model_init(model, self->with.topology->job.seed, w);
        memcpy(buf_data(initial), w + first, spec->elements * sizeof *w);
        shard_spec_t from = *spec;
        from.uncertain = true;
        from.lost = self->with.newest_number; /* at least one batch for each snapshot, when nobody can tell */
        self->core = shard_core_new(&from, &initial);
    } else {
        rc = err_set(err, ERR_MEMORY, "no memory for %zu parameters", layout->count);
    }
    free(w);
    model_destroy(&model);
    return rc;
}

static err_code_t s_make_core(shard_hint_t *self, err_t *err)
{
    layout_t *layout = calloc(1, sizeof *layout);
    CHECK(layout);
    err_code_t rc = model_layout_of(self->with.topology->job.model, layout, err);
    const topology_region_t *region = &self->with.topology->regions[self->with.region_index];
    size_t first = 0, end = 0;
    if (!rc)
        layout_shard(layout, region->shards, self->with.shard_index, &first, &end);
    shard_spec_t spec = {.topology = self->with.topology,
                         .job = self->with.job,
                         .run = self->with.run,
                         .region_index = self->with.region_index,
                         .shard_index = self->with.shard_index,
                         .incarnation = self->incarnation,
                         .elements = end - first,
                         .layout = rc ? 0 : layout_digest(layout),
                         .chunk_bytes = MESSAGE_CHUNK_BYTES,
                         .history = rng_entropy() | 1,
                         .checksums = self->with.checksums,
                         .breaks = breaks_off()};
    statedir_latest_t latest;
    if (!rc) {
        err_t found_err = {0};
        rc = statedir_shard_latest(self->with.state_dir, region->name, (uint32_t)self->with.shard_index,
                                   &latest, &found_err);
        bool others = self->with.topology->region_count > 1;
        if (rc == ERR_CHECKSUM && others)
            log_event(LEVEL_ERROR, self->name, "damaged", "reason=\"%s\"; asking the other regions",
                      found_err.text);
        if (rc == ERR_NOT_FOUND || (rc == ERR_CHECKSUM && others))
            rc = s_begin(self, &spec, layout, first, err);
        else if (rc)
            rc = err_set(err, rc, "%s", found_err.text);
        else
            rc = s_resume(self, &spec, &latest, err);
    }
    free(layout);
    return rc;
}

/* ---- life ---- */

static void s_remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(path);
}

/* Opens the store in self->dir and starts its writer. */
static err_code_t s_open_dir(shard_hint_t *self, err_t *err)
{
    const topology_t *topology = self->with.topology;
    kv_lmdb_options_t options = {.durability = topology->checkpoint.durability == DURABILITY_PROCESS
                                                   ? KV_DURABILITY_PROCESS
                                                   : KV_DURABILITY_DISK};
    err_code_t rc = kv_lmdb_open(self->dir, &options, &self->kv, err);
    if (rc)
        return rc;
    snapshot_store_options_t keep = {.keep = (uint32_t)topology->checkpoint.keep,
                                     .marks = (uint32_t)topology->checkpoint.marks + 1};
    rc = snapshot_store_open(self->kv, &keep, &self->store, err);
    if (!rc && topology->checkpoint.when_full == WHEN_FULL_GO_ON)
        rc = cover_put_on(self->dir, err);
    return rc ? rc : writer_new(self->store, &self->writer, err);
}

static void s_close_store(shard_hint_t *self)
{
    writer_destroy(&self->writer);
    snapshot_store_destroy(&self->store);
    kv_destroy(&self->kv);
}

static const char *s_region(const shard_hint_t *self)
{
    return self->with.topology->regions[self->with.region_index].name;
}

static err_code_t s_open_store(shard_hint_t *self, err_t *err)
{
    err_code_t rc = statedir_shard(self->with.state_dir, s_region(self), (uint32_t)self->with.shard_index,
                                   self->incarnation, self->dir, err);
    return rc ? rc : s_open_dir(self, err);
}

static err_code_t s_open(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    shard_hint_t *self = hint;
    self->incarnation = *incarnation;
    err_code_t rc = s_make_core(self, err);
    if (!rc)
        rc = s_open_store(self, err);
    if (!rc) {
        FAILPOINT(shard_opened);
        *ret_core = self->core;
        return ERR_OK;
    }
    void *core = self->core;
    if (core)
        shard_role.destroy(&core);
    s_close_store(self);
    if (rc == ERR_FULL && self->dir[0]) /* it is tried again, each time in a directory of its own */
        s_remove_dir(self->dir);
    return rc;
}

static void s_close(void *hint)
{
    shard_hint_t *self = hint;
    s_close_store(self);
    free(self);
}

/* ---- snapshots ---- */

/* After the first commit into this store those before it are no longer needed, but for the newest few. */
static void s_clean(shard_hint_t *self)
{
    if (self->cleaned)
        return;
    self->cleaned = true;
    char parent[STATEDIR_PATH_MAX], name[STATEDIR_STORE_NAME_SIZE];
    snprintf(parent, sizeof parent, "%s", self->dir);
    char *slash = strrchr(parent, '/');
    CHECK(slash);
    *slash = '\0';
    statedir_store_t own, *stores = NULL;
    size_t count = 0;
    if (!statedir_store_parse(slash + 1, &own) || statedir_stores(parent, &stores, &count, NULL))
        return; /* the next start looks again */
    int64_t keep = self->with.topology->checkpoint.keep;
    for (size_t i = 0; i < count; i++) {
        if (statedir_store_compare(&stores[i], &own) >= 0 || --keep > 0 ||
            shard_core_keeps(self->core, stores[i].incarnation))
            continue;
        char path[STATEDIR_PATH_MAX + STATEDIR_STORE_NAME_SIZE];
        snprintf(path, sizeof path, "%s/%s", parent, statedir_store_name(&stores[i], name));
        s_remove_dir(path);
    }
    free(stores);
}

/* ---- a store that the disk has spoiled ---- */

/* Nothing more is written there, and what was durable may be gone too: a new store, from
 * memory, takes its place. */
static void s_give_up(shard_hint_t *self, int64_t now_us)
{
    log_event(LEVEL_ERROR, self->name, "store_suspect",
              "dir=%s; training goes on, everything is written into another directory", self->dir);
    s_close_store(self);
    self->again_us = now_us;
    self->pause = backoff_of(STORE_AGAIN_FIRST_US, STORE_AGAIN_LAST_US);
}

static void s_make_again(shard_hint_t *self, int64_t now_us)
{
    err_t err = {0};
    err_code_t rc =
        statedir_shard_again(self->with.state_dir, s_region(self), (uint32_t)self->with.shard_index,
                             self->incarnation, self->dir, &err);
    if (!rc)
        rc = s_open_dir(self, &err);
    if (!rc) {
        self->cleaned = false;
        log_event(LEVEL_WARN, self->name, "store_replaced", "dir=%s; the next snapshot holds everything",
                  self->dir);
        return;
    }
    s_close_store(self);
    s_remove_dir(self->dir);
    self->again_us = now_us + backoff_next(&self->pause);
    log_event(LEVEL_ERROR, self->name, "store_failed", "reason=\"%s\"; training goes on, retrying in %lld ms",
              err.text, (long long)(self->pause.now_us / 1000));
}

/* ---- a full disk that is not waited for ---- */

/* Before anything leaves that is not on the disk the store says so, and until all of it is. */
static void s_uncover(shard_hint_t *self, int64_t now_us)
{
    err_t err = {0};
    if (!self->uncovered && shard_core_may_go_on(self->core)) {
        if (cover_take_off(self->dir, &err)) {
            log_event(LEVEL_ERROR, self->name, "waits_for_room", "reason=\"%s\"; cannot go on without",
                      err.text);
            return;
        }
        log_event(LEVEL_ERROR, self->name, "undurable",
                  "reason=\"the disk is full\"; training goes on, and what it does now is lost if it dies");
        self->uncovered = true;
    }
    if (self->uncovered && shard_core_may_go_on(self->core))
        shard_core_go_on(self->core, now_us);
    if (!self->uncovered || shard_core_uncovered(self->core) || cover_put_on(self->dir, &err))
        return;
    log_event(LEVEL_WARN, self->name, "durable_again", "reason=\"there is room\"; nothing was lost");
    self->uncovered = false;
}

static void s_take_result(shard_hint_t *self, int64_t now_us)
{
    writer_result_t result;
    if (!writer_take_result(self->writer, &result))
        return;
    if (snapshot_is_mark(result.id.tag)) /* one more is kept, so one more may go */
        self->cleaned = false;
    if (result.error.code)
        log_event(LEVEL_ERROR, self->name, "snapshot_failed", "number=%llu reason=\"%s\"; training goes on",
                  (unsigned long long)result.id.number, result.error.text);
    else
        s_clean(self);
    shard_core_committed(self->core, result.id.number, result.error.code, now_us);
    s_uncover(self, now_us);
    if (result.suspect)
        s_give_up(self, now_us);
}

static void s_offer(shard_hint_t *self, int64_t now_us)
{
    snapshot_t *snapshot = shard_core_take_snapshot(self->core, now_us);
    if (!snapshot)
        return;
    uint64_t number = snapshot->id.number;
    err_t err = {0};
    err_code_t rc = writer_submit(self->writer, &snapshot, &err);
    if (rc) {
        snapshot_destroy(&snapshot);
        shard_core_committed(self->core, number, rc, now_us);
    }
}

static int64_t s_work(void *hint, void *core, int64_t now_us)
{
    (void)core;
    shard_hint_t *self = hint;
    if (self->writer)
        s_take_result(self, now_us);
    if (!self->writer && now_us >= self->again_us)
        s_make_again(self, now_us);
    if (!self->writer)
        return self->again_us;
    if (writer_idle(self->writer))
        s_offer(self, now_us);
    return ROLE_NEVER;
}

static int s_fd(void *hint)
{
    shard_hint_t *self = hint;
    return self->writer ? writer_fd(self->writer) : -1;
}

void shard_actor_fill(const shard_actor_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {.open = s_open, .work = s_work, .fd = s_fd, .close = s_close};
    shard_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    snprintf(hint->name, sizeof hint->name, "%s", spec->name ? spec->name : "shard");
    spec->role = &shard_role;
    spec->ops = &ops;
    spec->hint = hint;
}
