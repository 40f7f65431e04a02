#include "actors/keeper/keeper_actor.h"

#include "actors/keeper/keeper_core.h"
#include "actors/kit/clock.h"
#include "codec/base/log.h"
#include "store/kv_lmdb.h"
#include "store/lockfile.h"
#include "store/statedir.h"
#include "store/statedir_stores.h"
#include "store/verify.h"
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SNAPSHOTS_KEPT 2    /* in a store */
#define INCARNATIONS_KEPT 2 /* with copies: the newest and the one before */

/* The open store of a shard. */
typedef struct {
    keeper_job_t job; /* of the snapshot that is being written */
    size_t region;
    uint64_t shard, incarnation;
    uint64_t damaged,
        good;        /* the incarnation whose store was found damaged, 0: none, and its newest whole copy */
    bool unreadable; /* that store must not be mapped by this process */
    int lock_fd;     /* nodes that share a state directory must not write the same copies */
    kv_t *kv;        /* NULL: closed */
    snapshot_store_t *store;
    writer_t *writer;
} place_t;

typedef struct {
    keeper_actor_t with;
    char name[WIRE_NAME_SIZE];
    keeper_core_t *core;
    int epoll_fd; /* of the writers' */
    place_t *places;
    size_t place_count;
    uint64_t refused_logged;
} keeper_hint_t;

static const char *s_region(const keeper_hint_t *self, size_t region)
{
    return self->with.topology->regions[region].name;
}

/* ---- what lies here at the start ---- */

static place_t *s_place(keeper_hint_t *self, size_t region, uint64_t shard)
{
    for (size_t i = 0; i < self->place_count; i++)
        if (self->places[i].region == region && self->places[i].shard == shard)
            return &self->places[i];
    place_t *place = &self->places[self->place_count++]; /* as many as the core has entries, at most */
    *place = (place_t){.region = region, .shard = shard, .lock_fd = -1};
    return place;
}

static void s_note_damage(keeper_hint_t *self, size_t region, uint32_t shard, uint64_t incarnation,
                          const char *path, const verify_report_t *report)
{
    place_t *place = s_place(self, region, shard);
    log_event(LEVEL_WARN, self->name, "copy_damaged",
              "path=%s problems=%llu reason=\"%s\"; it does not count", path,
              (unsigned long long)report->problem_total,
              report->problem_count ? report->problems[report->problem_count - 1].text : "damaged");
    if (incarnation < place->damaged)
        return;
    place->damaged = incarnation;
    place->good = report->newest_good;
    place->unreadable = report->killed;
}

/* The newest copy that is whole; a damaged one does not count, and is told. */
static err_code_t s_newest_whole(keeper_hint_t *self, size_t region, uint32_t shard,
                                 const uint64_t *incarnations, size_t count, uint64_t *ret_incarnation,
                                 uint64_t *ret_number, err_t *err)
{
    for (size_t i = 0; i < count; i++) {
        char path[STATEDIR_PATH_MAX];
        verify_report_t report = {0};
        err_code_t rc =
            statedir_kept(self->with.state_dir, s_region(self, region), shard, incarnations[i], path, err);
        if (!rc)
            rc = verify_dir(path, &report, err);
        if (rc && rc != ERR_NOT_FOUND)
            return rc;
        uint64_t number = rc ? 0 : report.newest_good;
        if (!rc && report.problem_total)
            s_note_damage(self, region, shard, incarnations[i], path, &report);
        if (!rc)
            verify_report_fini(&report);
        if (!number)
            continue;
        *ret_incarnation = incarnations[i];
        *ret_number = number;
        return ERR_OK;
    }
    return ERR_OK;
}

static err_code_t s_find_held(keeper_hint_t *self, size_t region, uint32_t shard, err_t *err)
{
    uint64_t *incarnations = NULL, incarnation = 0, number = 0, seal = 0;
    size_t count = 0;
    err_code_t rc =
        statedir_kept_list(self->with.state_dir, s_region(self, region), shard, &incarnations, &count, err);
    if (!rc)
        rc = statedir_sealed(self->with.state_dir, s_region(self, region), shard, &seal, err);
    if (!rc)
        rc = s_newest_whole(self, region, shard, incarnations, count, &incarnation, &number, err);
    free(incarnations);
    if (!rc && (number || seal))
        keeper_core_held(self->core, region, shard, incarnation, number, seal);
    return rc;
}

static err_code_t s_open_keeper(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    keeper_hint_t *self = hint;
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll_fd < 0)
        return err_set(err, ERR_LIMIT, "no more descriptors; raise the limit of open files");
    keeper_spec_t spec = {.topology = self->with.topology,
                          .region_index = self->with.region_index,
                          .name = self->name,
                          .incarnation = *incarnation};
    self->core = keeper_core_new(&spec);
    err_code_t rc = ERR_OK;
    for (size_t r = 0; r < self->with.topology->region_count && !rc; r++)
        for (uint32_t k = 0; k < self->with.topology->regions[r].shards && !rc; k++)
            rc = s_find_held(self, r, k, err);
    void *core = self->core;
    if (rc)
        keeper_role.destroy(&core);
    else
        *ret_core = core;
    return rc;
}

/* ---- stores ---- */

static void s_close_place(place_t *place)
{
    writer_destroy(&place->writer); /* its descriptor leaves the epoll set when it is closed */
    snapshot_store_destroy(&place->store);
    kv_destroy(&place->kv);
    lockfile_release(&place->lock_fd);
    snapshot_destroy(&place->job.snapshot);
}

/* Beside the stores of all incarnations. */
static err_code_t s_lock(place_t *place, const char *store, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    snprintf(path, sizeof path, "%s", store);
    char *slash = strrchr(path, '/');
    CHECK(slash);
    snprintf(slash, (size_t)(path + sizeof path - slash), "/lock");
    err_code_t rc = lockfile_take(path, &place->lock_fd, err);
    if (rc != ERR_IN_USE)
        return rc;
    return err_set(err, rc,
                   "%s is held by another node's keeper; give each node a state directory of its own", path);
}

static err_code_t s_watch(keeper_hint_t *self, place_t *place, err_t *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, writer_fd(place->writer), &event))
        return err_set(err, ERR_LIMIT, "no more descriptors; raise the limit of open files");
    return ERR_OK;
}

static err_code_t s_open_store(keeper_hint_t *self, place_t *place, const char *path, err_t *err)
{
    bool process = self->with.topology->checkpoint.durability == DURABILITY_PROCESS;
    kv_lmdb_options_t options = {.durability = process ? KV_DURABILITY_PROCESS : KV_DURABILITY_DISK};
    snapshot_store_options_t keep = {.keep = SNAPSHOTS_KEPT};
    err_code_t rc = kv_lmdb_open(path, &options, &place->kv, err);
    return rc ? rc : snapshot_store_open(place->kv, &keep, &place->store, err);
}

/* A copy that was damaged is given again, under its number: what is left of it goes first. */
static err_code_t s_open_damaged(keeper_hint_t *self, place_t *place, char path[STATEDIR_PATH_MAX],
                                 err_t *err)
{
    err_t why = {0};
    const char *region = s_region(self, place->region);
    uint32_t shard = (uint32_t)place->shard;
    err_code_t rc = place->unreadable ? ERR_IO : s_open_store(self, place, path, &why);
    if (!rc)
        rc = snapshot_forget_after(place->store, place->good, &why);
    if (rc) { /* nothing can be stored there any more */
        snapshot_store_destroy(&place->store);
        kv_destroy(&place->kv);
        rc = statedir_kept_remove(self->with.state_dir, region, shard, place->damaged, err);
        if (!rc)
            rc = statedir_kept(self->with.state_dir, region, shard, place->damaged, path, err);
        if (!rc)
            rc = s_open_store(self, place, path, err);
    }
    if (!rc)
        place->damaged = 0;
    return rc;
}

static err_code_t s_open_place(keeper_hint_t *self, place_t *place, uint64_t incarnation, err_t *err)
{
    if (place->kv && place->incarnation == incarnation)
        return ERR_OK;
    s_close_place(place);
    char path[STATEDIR_PATH_MAX];
    err_code_t rc = statedir_kept(self->with.state_dir, s_region(self, place->region), (uint32_t)place->shard,
                                  incarnation, path, err);
    if (!rc)
        rc = s_lock(place, path, err);
    if (!rc)
        rc = place->damaged && place->damaged == incarnation ? s_open_damaged(self, place, path, err)
                                                             : s_open_store(self, place, path, err);
    if (!rc)
        rc = writer_new(place->store, &place->writer, err);
    if (!rc)
        rc = s_watch(self, place, err);
    if (rc)
        s_close_place(place);
    place->incarnation = incarnation;
    return rc;
}

static void s_remove_older(const keeper_hint_t *self, const place_t *place)
{
    uint64_t *items = NULL;
    size_t count = 0;
    const char *region = s_region(self, place->region);
    if (statedir_kept_list(self->with.state_dir, region, (uint32_t)place->shard, &items, &count, NULL))
        return;
    size_t older = 0;
    for (size_t i = 0; i < count; i++) {
        err_t err = {0};
        older += items[i] < place->incarnation;
        if (older >= INCARNATIONS_KEPT &&
            statedir_kept_remove(self->with.state_dir, region, (uint32_t)place->shard, items[i], &err))
            log_event(LEVEL_WARN, self->name, "not_removed", "reason=\"%s\"", err.text);
    }
    free(items);
}

/* ---- jobs ---- */

static void s_store_copy(keeper_hint_t *self, keeper_job_t *job, int64_t now_us)
{
    err_t err = {0};
    place_t *place = s_place(self, job->region, job->shard);
    err_code_t rc = s_open_place(self, place, job->incarnation, &err);
    if (!rc)
        rc = writer_submit(place->writer, &job->snapshot, &err);
    if (rc) {
        log_event(LEVEL_ERROR, self->name, "copy_failed", "number=%llu reason=\"%s\"",
                  (unsigned long long)job->number, err.text);
        keeper_core_done(self->core, job, &err, now_us);
        return;
    }
    place->job = *job;
}

static void s_seal(keeper_hint_t *self, keeper_job_t *job, int64_t now_us)
{
    err_t err = {0};
    s_close_place(s_place(self, job->region, job->shard)); /* a shard may start from it in this process */
    if (statedir_seal(self->with.state_dir, s_region(self, job->region), (uint32_t)job->shard,
                      job->incarnation, &err))
        log_event(LEVEL_ERROR, self->name, "seal_failed", "reason=\"%s\"", err.text);
    keeper_core_done(self->core, job, &err, now_us);
}

static err_code_t s_load_closed(const keeper_hint_t *self, keeper_job_t *job, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    kv_lmdb_options_t options = {.read_only = true};
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    err_code_t rc = statedir_kept(self->with.state_dir, s_region(self, job->region), (uint32_t)job->shard,
                                  job->incarnation, path, err);
    if (!rc)
        rc = kv_lmdb_open(path, &options, &kv, err);
    if (!rc)
        rc = snapshot_store_open(kv, NULL, &store, err);
    if (!rc)
        rc = snapshot_load(store, job->number, &job->snapshot, err);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    return rc;
}

static void s_load_copy(keeper_hint_t *self, keeper_job_t *job, int64_t now_us)
{
    err_t err = {0};
    place_t *place = s_place(self, job->region, job->shard);
    bool open = place->kv && place->incarnation == job->incarnation;
    err_code_t rc = open ? snapshot_load(place->store, job->number, &job->snapshot, &err)
                         : s_load_closed(self, job, &err);
    if (rc)
        log_event(LEVEL_ERROR, self->name, "copy_unreadable", "number=%llu reason=\"%s\"",
                  (unsigned long long)job->number, err.text);
    keeper_core_done(self->core, job, &err, now_us);
}

static void s_take_results(keeper_hint_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->place_count; i++) {
        place_t *place = &self->places[i];
        writer_result_t result;
        if (!place->writer || !writer_take_result(place->writer, &result))
            continue;
        if (result.error.code)
            log_event(LEVEL_ERROR, self->name, "copy_failed", "number=%llu reason=\"%s\"",
                      (unsigned long long)result.id.number, result.error.text);
        else
            s_remove_older(self, place);
        keeper_job_t job = place->job;
        if (result.error.code || job.last)
            s_close_place(place); /* what comes next, here or in a shard, begins with what is on the disk */
        keeper_core_done(self->core, &job, &result.error, now_us);
    }
}

static void s_log_refused(keeper_hint_t *self)
{
    const char *reason;
    uint64_t refused = keeper_core_refused(self->core, &reason);
    if (refused == self->refused_logged)
        return;
    self->refused_logged = refused;
    log_event(LEVEL_WARN, self->name, "refused", "reason=\"%s\"; waiting for another", reason);
}

static int64_t s_work_keeper(void *hint, void *core, int64_t now_us)
{
    (void)core;
    keeper_hint_t *self = hint;
    keeper_job_t job;
    s_take_results(self, now_us);
    while (keeper_core_take_job(self->core, &job)) {
        if (job.verb == KEEPER_STORE)
            s_store_copy(self, &job, now_us);
        else if (job.verb == KEEPER_SEAL)
            s_seal(self, &job, now_us);
        else
            s_load_copy(self, &job, now_us);
    }
    s_log_refused(self);
    return ROLE_NEVER;
}

static int s_fd_keeper(void *hint)
{
    const keeper_hint_t *self = hint;
    return self->epoll_fd;
}

static void s_close_keeper(void *hint)
{
    keeper_hint_t *self = hint;
    for (size_t i = 0; i < self->place_count; i++)
        s_close_place(&self->places[i]);
    if (self->epoll_fd >= 0)
        close(self->epoll_fd);
    free(self->places);
    free(self);
}

void keeper_actor_fill(const keeper_actor_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {
        .open = s_open_keeper, .work = s_work_keeper, .fd = s_fd_keeper, .close = s_close_keeper};
    keeper_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    hint->epoll_fd = -1;
    hint->places = calloc(KEEPER_ENTRIES_MAX, sizeof *hint->places);
    CHECK(hint->places);
    snprintf(hint->name, sizeof hint->name, "%s", spec->name);
    spec->role = &keeper_role;
    spec->ops = &ops;
    spec->hint = hint;
}
