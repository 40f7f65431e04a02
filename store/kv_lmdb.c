#include "store/kv_lmdb.h"

#include "codec/base/failpoint.h"
#include "store/file.h"
#include "store/lockfile.h"
#include "store/room.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define READERS_EVERY 32 /* transactions between two looks for readers that died */
#define ROOM_SLACK_BYTES ((uint64_t)1 << 20)
#define LOCK_BYTES 8192        /* lock.mdb, with as many readers as LMDB has room for by default */
#define FIRST_BYTES (2 * 4096) /* a new data.mdb */

/* Directories open in this process: LMDB loses its locks when one is opened twice. */
typedef struct place {
    struct place *next;
    dev_t device;
    ino_t inode;
} place_t;

static pthread_mutex_t s_places_lock = PTHREAD_MUTEX_INITIALIZER;
static place_t *s_places;

typedef struct {
    kv_t base;
    MDB_env *env;
    MDB_dbi dbi;
    char *dir;
    place_t *place;
    int lock_fd;
    size_t map_max_bytes;
    MDB_txn *held;          /* what kv_lmdb_hold began: all reads see its moment */
    pthread_mutex_t writer; /* held from begin to the end of a transaction */
    unsigned begun;         /* transactions, by the writer */
    pthread_rwlock_t remap; /* held for reading by readers, for writing while the map is made larger */
} kv_lmdb_t;

/* One write of a transaction, kept so that it can be repeated in a larger map. */
typedef struct {
    char key[KV_KEY_MAX + 1];
    size_t size;
    kv_fill_fn *fill; /* NULL: the key is removed */
    void *hint;
} op_t;

typedef struct {
    kv_txn_t base;
    MDB_txn *txn;
    op_t *ops;
    size_t count;
    size_t capacity;
    uint64_t size_bytes; /* of all values put */
} lmdb_txn_t;

/* ---- Errors ---- */

static err_code_t s_code_of(int rc)
{
    switch (rc) {
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
        return ERR_FULL;
    case MDB_TXN_FULL:
    case MDB_READERS_FULL:
    case MDB_BAD_VALSIZE:
        return ERR_LIMIT;
    case MDB_VERSION_MISMATCH:
        return ERR_VERSION;
    case MDB_PANIC:
        return ERR_IO;
    default:
        return rc < 0 ? ERR_MALFORMED : file_code_of(rc);
    }
}

static err_code_t s_fail_lmdb(const kv_lmdb_t *self, int rc, const char *what, err_t *err)
{
    return err_set(err, s_code_of(rc), "%s %s: %s", what, self->dir, mdb_strerror(rc));
}

/* LMDB says EIO for a write that was cut short because the disk is full. */
static bool s_disk_full(const kv_lmdb_t *self, uint64_t wanted_bytes)
{
    struct statvfs status;
    if (statvfs(self->dir, &status) != 0)
        return false;
    return (uint64_t)status.f_bavail * status.f_frsize < wanted_bytes + ROOM_SLACK_BYTES;
}

/* A write failed. On a full disk the data before it is intact; after any other refusal of the disk nothing is
 * sure. */
static err_code_t s_fail_write(kv_lmdb_t *self, int rc, const char *what, uint64_t size_bytes, err_t *err)
{
    if (rc == EIO && s_disk_full(self, size_bytes))
        rc = ENOSPC;
    err_code_t code = s_fail_lmdb(self, rc, what, err);
    if (code == ERR_IO)
        atomic_store(&self->base.suspect, true);
    return code;
}

/* ---- The places open in this process ---- */

static void s_places_take(void)
{
    pthread_mutex_lock(&s_places_lock);
}

static void s_places_give(void)
{
    pthread_mutex_unlock(&s_places_lock);
}

/* A child has its parent's memory but none of its environments: it may open what the parent has open. */
static void s_places_forget(void)
{
    s_places = NULL;
    pthread_mutex_unlock(&s_places_lock);
}

static void s_places_at_fork(void)
{
    pthread_atfork(s_places_take, s_places_give, s_places_forget);
}

static err_code_t s_place_enter(kv_lmdb_t *self, err_t *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, s_places_at_fork);
    struct stat status;
    if (stat(self->dir, &status) != 0)
        return err_set(err, file_code_of(errno), "open %s: %s", self->dir, strerror(errno));
    place_t *place = malloc(sizeof *place);
    if (!place)
        return err_set(err, ERR_MEMORY, "open %s: no memory", self->dir);
    *place = (place_t){NULL, status.st_dev, status.st_ino};
    pthread_mutex_lock(&s_places_lock);
    place_t *other = s_places;
    while (other && (other->device != place->device || other->inode != place->inode))
        other = other->next;
    if (!other) {
        place->next = s_places;
        s_places = place;
        self->place = place;
    }
    pthread_mutex_unlock(&s_places_lock);
    if (!other)
        return ERR_OK;
    free(place);
    return err_set(err, ERR_IN_USE, "open %s: already open in this process (%ld)", self->dir, (long)getpid());
}

static void s_place_leave(place_t *place)
{
    if (!place)
        return;
    pthread_mutex_lock(&s_places_lock);
    for (place_t **at = &s_places; *at; at = &(*at)->next) {
        if (*at == place) {
            *at = place->next;
            break;
        }
    }
    pthread_mutex_unlock(&s_places_lock);
    free(place);
}

/* ---- The map ---- */

static size_t s_map_bytes(MDB_env *env)
{
    MDB_envinfo info;
    return mdb_env_info(env, &info) == 0 ? info.me_mapsize : 0;
}

size_t kv_lmdb_map_bytes(kv_t *self)
{
    return s_map_bytes(((kv_lmdb_t *)self)->env);
}

/* Doubles the map. No transaction of this process is open: the writer's was dropped, readers wait. */
static int s_grow(kv_lmdb_t *self)
{
    size_t old = s_map_bytes(self->env);
    size_t size = old > self->map_max_bytes / 2 ? self->map_max_bytes : 2 * old;
    if (size <= old)
        return MDB_MAP_FULL;
    pthread_rwlock_wrlock(&self->remap);
    int rc = mdb_env_set_mapsize(self->env, size);
    pthread_rwlock_unlock(&self->remap);
    return rc;
}

/* ---- Writing ---- */

static void s_txn_end(lmdb_txn_t *self)
{
    kv_lmdb_t *kv = (kv_lmdb_t *)self->base.kv;
    free(self->ops);
    free(self);
    pthread_mutex_unlock(&kv->writer);
}

/* Another process that died while it read (a check of this store, say) would make the file grow for ever. */
static void s_clear_readers(kv_lmdb_t *self)
{
    int dead = 0, rc = mdb_reader_check(self->env, &dead);
    (void)rc; /* the next time it looks again */
}

static err_code_t s_begin_lmdb(kv_t *base, kv_txn_t **ret_txn, err_t *err)
{
    kv_lmdb_t *kv = (kv_lmdb_t *)base;
    lmdb_txn_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "write %s: no memory for a transaction", kv->dir);
    self->base.kv = base;
    pthread_mutex_lock(&kv->writer);
    if (++kv->begun % READERS_EVERY == 0)
        s_clear_readers(kv);
    int rc = mdb_txn_begin(kv->env, NULL, 0, &self->txn);
    if (rc) {
        s_txn_end(self);
        return s_fail_write(kv, rc, "write", 0, err);
    }
    *ret_txn = &self->base;
    return ERR_OK;
}

static int s_apply_lmdb(lmdb_txn_t *self, const op_t *op)
{
    MDB_dbi dbi = ((kv_lmdb_t *)self->base.kv)->dbi;
    MDB_val key = {strlen(op->key), (void *)(uintptr_t)op->key};
    MDB_val value = {op->size, NULL};
    if (!op->fill) {
        int rc = mdb_del(self->txn, dbi, &key, NULL);
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    int rc = mdb_put(self->txn, dbi, &key, &value, MDB_RESERVE);
    if (rc == 0)
        op->fill(op->hint, value.mv_data, op->size);
    return rc;
}

/* Repeats the transaction in larger and larger maps until it fits, or fails for another reason. */
static int s_repeat(lmdb_txn_t *self)
{
    kv_lmdb_t *kv = (kv_lmdb_t *)self->base.kv;
    int rc = MDB_MAP_FULL;
    while (rc == MDB_MAP_FULL) {
        mdb_txn_abort(self->txn);
        self->txn = NULL;
        rc = s_grow(kv);
        if (rc == MDB_MAP_FULL)
            break;
        if (rc == 0)
            rc = mdb_txn_begin(kv->env, NULL, 0, &self->txn);
        for (size_t i = 0; i < self->count && rc == 0; i++)
            rc = s_apply_lmdb(self, &self->ops[i]);
    }
    return rc;
}

static err_code_t s_write_op(lmdb_txn_t *self, const op_t *op, err_t *err)
{
    kv_lmdb_t *kv = (kv_lmdb_t *)self->base.kv;
    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? 2 * self->capacity : 16;
        op_t *ops = realloc(self->ops, capacity * sizeof *ops);
        if (!ops)
            return err_set(err, ERR_MEMORY, "write %s: no memory for a transaction", kv->dir);
        self->ops = ops;
        self->capacity = capacity;
    }
    self->ops[self->count++] = *op;
    self->size_bytes += op->size;
    int rc = s_apply_lmdb(self, op);
    if (rc == MDB_MAP_FULL)
        rc = s_repeat(self);
    return rc ? s_fail_write(kv, rc, "write", self->size_bytes, err) : ERR_OK;
}

static err_code_t s_put_lmdb(kv_txn_t *base, const char *key, size_t size, kv_fill_fn *fill, void *hint,
                             err_t *err)
{
    op_t op = {.size = size, .fill = fill, .hint = hint};
    memcpy(op.key, key, strlen(key) + 1);
    return s_write_op((lmdb_txn_t *)base, &op, err);
}

static err_code_t s_del_lmdb(kv_txn_t *base, const char *key, err_t *err)
{
    op_t op = {.fill = NULL};
    memcpy(op.key, key, strlen(key) + 1);
    return s_write_op((lmdb_txn_t *)base, &op, err);
}

static err_code_t s_commit_lmdb(kv_txn_t *base, err_t *err)
{
    lmdb_txn_t *self = (lmdb_txn_t *)base;
    kv_lmdb_t *kv = (kv_lmdb_t *)base->kv;
    int rc = 0;
    while (rc == 0) {
        if (FAILPOINT_FAILS(store_commit_eio))
            rc = EIO;
        else if (FAILPOINT_FAILS(store_commit_full))
            rc = ENOSPC;
        if (rc)
            break;
        /* ends it also when it fails; its list of free pages may need room too */
        rc = mdb_txn_commit(self->txn);
        self->txn = NULL;
        if (rc != MDB_MAP_FULL)
            break;
        rc = s_repeat(self);
    }
    err_code_t code = rc ? s_fail_write(kv, rc, "commit", self->size_bytes, err) : ERR_OK;
    mdb_txn_abort(self->txn);
    s_txn_end(self);
    return code;
}

static void s_abort_lmdb(kv_txn_t *base)
{
    lmdb_txn_t *self = (lmdb_txn_t *)base;
    mdb_txn_abort(self->txn);
    s_txn_end(self);
}

static err_code_t s_sync_lmdb(kv_t *base, err_t *err)
{
    kv_lmdb_t *self = (kv_lmdb_t *)base;
    int rc = mdb_env_sync(self->env, 1);
    return rc ? s_fail_write(self, rc, "sync", 0, err) : ERR_OK;
}

/* ---- Reading ---- */

/* Another process made the map larger: follow it. */
static int s_follow(kv_lmdb_t *self)
{
    pthread_rwlock_unlock(&self->remap);
    pthread_rwlock_wrlock(&self->remap);
    int rc = mdb_env_set_mapsize(self->env, 0);
    pthread_rwlock_unlock(&self->remap);
    pthread_rwlock_rdlock(&self->remap);
    return rc;
}

/* Begins a short read; on success `remap` is held for reading until s_read_end. */
static int s_read_begin(kv_lmdb_t *self, MDB_txn **ret_txn)
{
    pthread_rwlock_rdlock(&self->remap);
    *ret_txn = self->held;
    if (self->held)
        return 0;
    int rc = mdb_txn_begin(self->env, NULL, MDB_RDONLY, ret_txn);
    while (rc == MDB_MAP_RESIZED) {
        rc = s_follow(self);
        if (rc == 0)
            rc = mdb_txn_begin(self->env, NULL, MDB_RDONLY, ret_txn);
    }
    if (rc)
        pthread_rwlock_unlock(&self->remap);
    return rc;
}

static void s_read_end(kv_lmdb_t *self, MDB_txn *txn)
{
    if (txn != self->held)
        mdb_txn_abort(txn);
    pthread_rwlock_unlock(&self->remap);
}

err_code_t kv_lmdb_hold(kv_t *base, err_t *err)
{
    kv_lmdb_t *self = (kv_lmdb_t *)base;
    MDB_txn *txn = NULL;
    CHECK(base->read_only && !self->held);
    int rc = s_read_begin(self, &txn);
    if (rc)
        return s_fail_lmdb(self, rc, "read", err);
    self->held = txn;
    pthread_rwlock_unlock(&self->remap);
    return ERR_OK;
}

static err_code_t s_read_lmdb(kv_t *base, const char *key, kv_visit_fn *visit, void *hint, err_t *err)
{
    kv_lmdb_t *self = (kv_lmdb_t *)base;
    MDB_val name = {strlen(key), (void *)(uintptr_t)key};
    MDB_val value;
    MDB_txn *txn = NULL;
    if (name.mv_size == 0 || name.mv_size > KV_KEY_MAX)
        return err_set(err, ERR_NOT_FOUND, "%s: not stored", key);
    int rc = s_read_begin(self, &txn);
    if (rc)
        return s_fail_lmdb(self, rc, "read", err);
    rc = mdb_get(txn, self->dbi, &name, &value);
    if (rc == 0)
        visit(hint, value.mv_data, value.mv_size);
    s_read_end(self, txn);
    if (rc == MDB_NOTFOUND)
        return err_set(err, ERR_NOT_FOUND, "%s: not stored", key);
    return rc ? s_fail_lmdb(self, rc, "read", err) : ERR_OK;
}

static err_code_t s_walk(kv_lmdb_t *self, MDB_cursor *cursor, const char *prefix, kv_keys_t *keys, err_t *err)
{
    size_t length = strlen(prefix);
    MDB_val key = {length, (void *)(uintptr_t)prefix}, value;
    int rc = mdb_cursor_get(cursor, &key, &value, length ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && key.mv_size >= length && memcmp(key.mv_data, prefix, length) == 0) {
        err_code_t code = kv_keys_append(keys, key.mv_data, key.mv_size, value.mv_size, err);
        if (code)
            return code;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return rc && rc != MDB_NOTFOUND ? s_fail_lmdb(self, rc, "read", err) : ERR_OK;
}

static err_code_t s_keys_lmdb(kv_t *base, const char *prefix, kv_keys_t *keys, err_t *err)
{
    kv_lmdb_t *self = (kv_lmdb_t *)base;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    int rc = s_read_begin(self, &txn);
    if (rc)
        return s_fail_lmdb(self, rc, "read", err);
    rc = mdb_cursor_open(txn, self->dbi, &cursor);
    err_code_t code = rc ? s_fail_lmdb(self, rc, "read", err) : s_walk(self, cursor, prefix, keys, err);
    if (cursor)
        mdb_cursor_close(cursor);
    s_read_end(self, txn);
    return code;
}

/* ---- Opening ---- */

static void s_destroy_lmdb(kv_t *base)
{
    kv_lmdb_t *self = (kv_lmdb_t *)base;
    mdb_txn_abort(self->held);
    if (self->env)
        mdb_env_close(self->env);
    lockfile_release(&self->lock_fd);
    s_place_leave(self->place);
    pthread_rwlock_destroy(&self->remap);
    pthread_mutex_destroy(&self->writer);
    free(self->dir);
    free(self);
}

static const kv_ops_t s_ops = {s_destroy_lmdb, s_begin_lmdb, s_put_lmdb,  s_del_lmdb, s_commit_lmdb,
                               s_abort_lmdb,   s_sync_lmdb,  s_read_lmdb, s_keys_lmdb};

/* Before LMDB maps them: its lock file, which it writes through the map, and the first pages of a new
 * store. */
static err_code_t s_reserve(const kv_lmdb_t *self, bool fresh, err_t *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/lock.mdb", self->dir);
    err_code_t code = room_take(path, LOCK_BYTES, err);
    if (code || !fresh)
        return code;
    snprintf(path, sizeof path, "%s/data.mdb", self->dir);
    return room_take_ahead(path, FIRST_BYTES, err);
}

/* A store whose first pages could not all be written would be taken for a damaged one. */
static void s_undo_first(const kv_lmdb_t *self)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/data.mdb", self->dir);
    if (truncate(path, 0) != 0)
        errno = 0; /* then it is damaged, and the next start says so */
}

static bool s_is_empty(const kv_lmdb_t *self)
{
    char path[PATH_SIZE];
    struct stat status;
    snprintf(path, sizeof path, "%s/data.mdb", self->dir);
    return stat(path, &status) != 0 ? errno == ENOENT : status.st_size == 0;
}

static int s_try_env(kv_lmdb_t *self, const kv_lmdb_options_t *options, unsigned flags)
{
    int rc = mdb_env_create(&self->env);
    if (rc == 0 && !options->read_only)
        rc = mdb_env_set_mapsize(self->env, options->map_bytes ? options->map_bytes : KV_LMDB_MAP_BYTES);
    return rc ? rc : mdb_env_open(self->env, self->dir, flags, 0600);
}

/* Whoever may read a store but not write beside it (another user, a copy kept for safety) cannot enter the
 * list of readers: then without it. A writer at work may use pages again that are being read; checksums tell.
 * A reader that died holding old pages would make the file grow for ever: its slot is cleared. */
static int s_open_env(kv_lmdb_t *self, const kv_lmdb_options_t *options)
{
    unsigned flags = MDB_NOTLS;
    if (options->durability == KV_DURABILITY_PROCESS)
        flags |= MDB_NOSYNC;
    if (options->read_only)
        flags |= MDB_RDONLY;
    int rc = s_try_env(self, options, flags);
    if (options->read_only && (rc == EACCES || rc == EPERM)) {
        mdb_env_close(self->env);
        self->env = NULL;
        rc = s_try_env(self, options, flags | MDB_NOLOCK);
    }
    return rc ? rc : mdb_reader_check(self->env, NULL);
}

static int s_open_dbi(kv_lmdb_t *self)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(self->env, NULL, self->base.read_only ? MDB_RDONLY : 0, &txn);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &self->dbi);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

/* The directory, and the right to write in it. */
static err_code_t s_open_dir(kv_lmdb_t *self, err_t *err)
{
    char path[PATH_SIZE];
    struct stat status;
    int length =
        snprintf(path, sizeof path, "%s/%s", self->dir, self->base.read_only ? "data.mdb" : "writer.lock");
    if (length < 0 || (size_t)length >= sizeof path)
        return err_set(err, ERR_LIMIT, "open %s: the path is too long", self->dir);
    if (self->base.read_only && (stat(path, &status) != 0 || status.st_size == 0))
        return err_set(err, ERR_NOT_FOUND, "open %s: there is no store", self->dir);
    if (self->base.read_only)
        return s_place_enter(self, err);
    if (mkdir(self->dir, 0700) != 0 && errno != EEXIST)
        return err_set(err, file_code_of(errno), "create directory %s: %s", self->dir, strerror(errno));
    err_code_t code = s_place_enter(self, err);
    if (code)
        return code;
    return lockfile_take(path, &self->lock_fd, err);
}

/* The names of the new files and of their directory survive a power cut too. */
static err_code_t s_sync_names(const kv_lmdb_t *self, err_t *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/..", self->dir);
    err_code_t code = file_sync_dir(self->dir, err);
    return code ? code : file_sync_dir(path, err);
}

static err_code_t s_open_lmdb(kv_lmdb_t *self, const kv_lmdb_options_t *options, err_t *err)
{
    err_code_t code = s_open_dir(self, err);
    if (code)
        return code;
    bool fresh = !options->read_only && s_is_empty(self);
    code = s_reserve(self, fresh, err);
    if (code)
        return code;
    int rc = s_open_env(self, options);
    if (rc && fresh)
        s_undo_first(self);
    if (rc == 0)
        rc = s_open_dbi(self);
    if (rc)
        return s_fail_lmdb(self, rc, "open", err);
    if (!options->read_only && options->durability == KV_DURABILITY_DISK)
        return s_sync_names(self, err);
    return ERR_OK;
}

static kv_lmdb_t *s_new(const char *dir, const kv_lmdb_options_t *options)
{
    kv_lmdb_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->base.ops = &s_ops;
    self->base.read_only = options->read_only;
    atomic_init(&self->base.suspect, false);
    self->lock_fd = -1;
    self->map_max_bytes = options->map_max_bytes ? options->map_max_bytes : KV_LMDB_MAP_MAX_BYTES;
    pthread_mutex_init(&self->writer, NULL);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&self->remap, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    self->dir = strdup(dir);
    return self;
}

err_code_t kv_lmdb_open(const char *dir, const kv_lmdb_options_t *options, kv_t **ret_self, err_t *err)
{
    static const kv_lmdb_options_t defaults = {.durability = KV_DURABILITY_PROCESS};
    if (!options)
        options = &defaults;
    kv_lmdb_t *self = s_new(dir, options);
    if (!self)
        return err_set(err, ERR_MEMORY, "open %s: no memory", dir);
    err_code_t code =
        self->dir ? s_open_lmdb(self, options, err) : err_set(err, ERR_MEMORY, "open %s: no memory", dir);
    if (code)
        s_destroy_lmdb(&self->base);
    else
        *ret_self = &self->base;
    return code;
}
