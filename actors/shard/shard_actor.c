#include "actors/shard/shard_actor.h"

#include "actors/kit/breaks.h"
#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "actors/shard/shard_core.h"
#include "actors/shard/shard_start.h"
#include "codec/base/backoff.h"
#include "codec/base/failpoint.h"
#include "codec/base/log.h"
#include "codec/base/rng.h"
#include "codec/tensor/safetensors.h"
#include "store/cover.h"
#include "store/kv_lmdb.h"
#include "store/snapshot.h"
#include "store/statedir.h"
#include "store/statedir_latest.h"
#include "store/statedir_stores.h"
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
    layout_t *layout; /* of the model, which the core reads */
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
static err_code_t s_load_latest(const statedir_latest_t *latest, snapshot_t **ret_snapshot, err_t *err)
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

/* Looks at what lies here. Errors: ERR_IO, ERR_MEMORY. Damage is none, but err says what is damaged. */
static err_code_t s_find(const shard_hint_t *self, statedir_latest_t *ret_latest, start_facts_t *ret_facts,
                         err_t *err)
{
    const topology_t *topology = self->with.topology;
    *ret_latest = (statedir_latest_t){0};
    err_code_t rc =
        statedir_shard_latest(self->with.state_dir, topology->regions[self->with.region_index].name,
                              (uint32_t)self->with.shard_index, ret_latest, err);
    start_disk_t disk = rc == ERR_NOT_FOUND  ? START_NOTHING
                        : rc == ERR_CHECKSUM ? START_SPOILED
                        : ret_latest->kept   ? START_COPY
                                             : START_OWN;
    *ret_facts = (start_facts_t){.topology = topology,
                                 .disk = disk,
                                 .incarnation = ret_latest->incarnation,
                                 .number = ret_latest->number,
                                 .skipped = ret_latest->skipped,
                                 .uncovered = disk == START_OWN && cover_is_off(ret_latest->path),
                                 .newest_incarnation = self->with.newest_incarnation,
                                 .newest_number = self->with.newest_number,
                                 .handed = self->with.handed,
                                 .damaged_number = ret_latest->damaged_number};
    return disk == START_NOTHING || disk == START_SPOILED ? ERR_OK : rc;
}

static const char *s_next(const start_t *start)
{
    if (start->verdict == START_ASKS)
        return "asking the other regions where they stand";
    return start->found == START_CASE_emptied ? "training begins anew" : "going on from it";
}

static void s_log_start(const shard_hint_t *self, const start_facts_t *facts, const start_t *start,
                        const char *damage)
{
    const char *why = facts->skipped ? damage : start->why;
    if (start->found == START_CASE_first)
        return;
    if (start->found == START_CASE_spoiled)
        log_event(LEVEL_ERROR, self->name, "damaged", "reason=\"%s\"; %s", damage, s_next(start));
    else if (start->verdict == START_GOES_ON)
        log_event(LEVEL_INFO, self->name, "resumes", "snapshot=%llu incarnation=%llx",
                  (unsigned long long)facts->number, (unsigned long long)facts->incarnation);
    else
        log_event(LEVEL_WARN, self->name, "rolled_back",
                  "snapshot=%llu skipped=%u lost=%llu reason=\"%s\"; %s", (unsigned long long)facts->number,
                  facts->skipped, (unsigned long long)start->lost, why, s_next(start));
}

static err_code_t s_resume(shard_hint_t *self, shard_spec_t *spec, const statedir_latest_t *latest,
                           start_facts_t *facts, err_t *err)
{
    snapshot_t *snapshot = NULL;
    err_code_t rc = s_load_latest(latest, &snapshot, err);
    if (rc)
        return rc;
    const buf_t *state = snapshot_peek(snapshot, "state");
    if (state && !shard_core_count(state, &facts->batches, NULL))
        facts->damaged_batches = s_count_damaged(latest);
    start_t start = shard_start_decide(facts);
    s_log_start(self, facts, &start, latest->why);
    shard_start_tell(&start, spec);
    rc = shard_core_restore(spec, snapshot, &self->core, err);
    snapshot_destroy(&snapshot);
    return rc;
}

/* Those that the job was given, or those of its seed: (layout->count) values. */
static err_code_t s_first_values(const shard_hint_t *self, const model_t *model, float *ret_w, err_t *err)
{
    const topology_t *topology = self->with.topology;
    if (!topology->job.init[0]) {
        model_init(model, topology->job.seed, ret_w);
        return ERR_OK;
    }
    char path[STATEDIR_PATH_MAX + 32], hex[SHA256_HEX_SIZE];
    snprintf(path, sizeof path, "%s/" STATEDIR_INITIAL_FILE, self->with.state_dir);
    err_code_t rc = safetensors_read(path, model_layout(model), ret_w, err);
    if (rc)
        return err_prefix(err, rc,
                          "the first parameters (job.init), to be put here by cloudless checkpoint "
                          "import --model");
    safetensors_sha256(model_layout(model), ret_w, hex);
    return strcmp(hex, topology->job.init) == 0
               ? ERR_OK
               : err_set(err, ERR_CHECKSUM,
                         "%s: are not the first parameters that job.init names; import them "
                         "again with cloudless checkpoint import --model",
                         path);
}

/* This shard's part of the model's initial parameters, the same in every region. */
static err_code_t s_begin_core(shard_hint_t *self, const shard_spec_t *spec, const layout_t *layout,
                               size_t first, err_t *err)
{
    model_t *model = NULL;
    err_code_t rc = model_new(&self->with.topology->job.model, 1, &model, err);
    if (rc)
        return rc;
    float *w = malloc(layout->count * sizeof *w);
    buf_t *initial = w ? buf_new(spec->elements * sizeof *w) : NULL;
    rc = initial ? s_first_values(self, model, w, err)
                 : err_set(err, ERR_MEMORY, "no memory for %zu parameters", layout->count);
    if (!rc) {
        memcpy(buf_data(initial), w + first, spec->elements * sizeof *w);
        self->core = shard_core_new(spec, &initial);
    }
    buf_destroy(&initial);
    free(w);
    model_destroy(&model);
    return rc;
}

/* Nothing whole is here: the start of the training, where anything may go on from that. */
static err_code_t s_begin_anew(shard_hint_t *self, shard_spec_t *spec, const start_facts_t *facts,
                               const layout_t *layout, size_t first, const err_t *found, err_t *err)
{
    start_t start = shard_start_decide(facts);
    if (start.verdict == START_FAILS)
        return err_set(err, found->code, "%s", found->text);
    s_log_start(self, facts, &start, found->text);
    shard_start_tell(&start, spec);
    return s_begin_core(self, spec, layout, first, err);
}

static err_code_t s_start(shard_hint_t *self, shard_spec_t *spec, const layout_t *layout, size_t first,
                          err_t *err)
{
    statedir_latest_t latest;
    start_facts_t facts;
    err_t found = {0};
    err_code_t rc = s_find(self, &latest, &facts, &found);
    if (rc)
        return err_set(err, rc, "%s", found.text);
    bool here = facts.disk == START_OWN || facts.disk == START_COPY;
    return here ? s_resume(self, spec, &latest, &facts, err)
                : s_begin_anew(self, spec, &facts, layout, first, &found, err);
}

static err_code_t s_make_core(shard_hint_t *self, err_t *err)
{
    layout_t *layout = self->layout = calloc(1, sizeof *layout);
    CHECK(layout);
    err_code_t rc = model_layout_of(&self->with.topology->job.model, layout, err);
    size_t first = 0, end = 0;
    if (!rc)
        layout_shard(layout, self->with.topology->regions[self->with.region_index].shards,
                     self->with.shard_index, &first, &end);
    shard_spec_t spec = {.topology = self->with.topology,
                         .job = self->with.job,
                         .run = self->with.run,
                         .region_index = self->with.region_index,
                         .shard_index = self->with.shard_index,
                         .incarnation = self->incarnation,
                         .elements = end - first,
                         .layout = rc ? 0 : layout_digest(layout),
                         .tensors = layout,
                         .first = first,
                         .chunk_bytes = MESSAGE_CHUNK_BYTES,
                         .history = rng_entropy() | 1,
                         .patches = !rc && job_sends_rows(self->with.topology, layout),
                         .checksums = self->with.checksums,
                         .breaks = breaks_off()};
    if (!rc)
        rc = s_start(self, &spec, layout, first, err);
    return rc;
}

/* ---- life ---- */

static void s_remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return;
    struct dirent *transfer;
    while ((transfer = readdir(dir)))
        if (strcmp(transfer->d_name, ".") && strcmp(transfer->d_name, ".."))
            unlinkat(dirfd(dir), transfer->d_name, 0);
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

static err_code_t s_open_shard(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
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

static void s_close_shard(void *hint)
{
    shard_hint_t *self = hint;
    s_close_store(self);
    free(self->layout);
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
            shard_core_pins(self->core, stores[i].incarnation))
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
static void s_give_up_store(shard_hint_t *self, int64_t now_us)
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
        s_give_up_store(self, now_us);
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

static int64_t s_work_shard(void *hint, void *core, int64_t now_us)
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

static int s_fd_shard(void *hint)
{
    shard_hint_t *self = hint;
    return self->writer ? writer_fd(self->writer) : -1;
}

void shard_actor_fill(const shard_actor_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {
        .open = s_open_shard, .work = s_work_shard, .fd = s_fd_shard, .close = s_close_shard};
    shard_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    snprintf(hint->name, sizeof hint->name, "%s", spec->name ? spec->name : "shard");
    spec->role = &shard_role;
    spec->ops = &ops;
    spec->hint = hint;
}
