#include "store/stores.h"

#include "store/file.h"
#include "store/statedir_stores.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const s_kinds[] = {[STORE_SHARD] = "shard", [STORE_KEPT] = "kept", [STORE_OTHER] = ""};

const char *stores_kind_name(store_kind_t kind)
{
    return s_kinds[kind];
}

static store_place_t s_place(store_kind_t kind, const char *region, uint32_t shard,
                             const statedir_store_t *store)
{
    char name[STATEDIR_STORE_NAME_SIZE];
    store_place_t place = {
        .kind = kind, .shard = shard, .incarnation = store->incarnation, .replacement = store->replacement};
    snprintf(place.region, sizeof place.region, "%s", region);
    snprintf(place.below, sizeof place.below, "%s/%s-%" PRIu32 "/%s", place.region, s_kinds[kind], shard,
             statedir_store_name(store, name));
    return place;
}

store_place_t stores_place(store_kind_t kind, const char *region, uint32_t shard, uint64_t incarnation)
{
    return s_place(kind, region, shard, &(statedir_store_t){incarnation, 0});
}

bool stores_is_scheduler(const store_place_t *place)
{
    const char *slash = strrchr(place->below, '/');
    return place->kind == STORE_OTHER &&
           (!strcmp(place->below, STORES_GLOBAL) || (slash && !strcmp(slash, "/scheduler")));
}

bool stores_same_shard(const store_place_t *a, const store_place_t *b)
{
    return a->kind == b->kind && a->kind != STORE_OTHER && a->shard == b->shard &&
           !strcmp(a->region, b->region);
}

int stores_compare_age(const store_place_t *a, const store_place_t *b)
{
    return statedir_store_compare(&(statedir_store_t){a->incarnation, a->replacement},
                                  &(statedir_store_t){b->incarnation, b->replacement});
}

err_code_t stores_path(const char *state_dir, const store_place_t *place, char ret[STATEDIR_PATH_MAX],
                       err_t *err)
{
    int length = snprintf(ret, STATEDIR_PATH_MAX, "%s/%s", state_dir, place->below);
    if (length < 0 || length >= STATEDIR_PATH_MAX)
        return err_set(err, ERR_LIMIT, "%s/%s: the path is too long", state_dir, place->below);
    return ERR_OK;
}

/* Reads a path below the state directory; anything of another form is STORE_OTHER. */
static store_place_t s_parse(const char *below)
{
    store_place_t other = {.kind = STORE_OTHER};
    snprintf(other.below, sizeof other.below, "%s", below);
    const char *slash = strchr(below, '/');
    if (!slash || slash - below > STATEDIR_NAME_MAX)
        return other;
    char region[STATEDIR_NAME_MAX + 1];
    snprintf(region, sizeof region, "%.*s", (int)(slash - below), below);
    for (store_kind_t kind = STORE_SHARD; kind < STORE_OTHER; kind++) {
        size_t length = strlen(s_kinds[kind]);
        if (strncmp(slash + 1, s_kinds[kind], length) != 0 || slash[1 + length] != '-')
            continue;
        char *end;
        unsigned long shard = strtoul(slash + 2 + length, &end, 10);
        statedir_store_t store;
        if (*end != '/' || !statedir_store_parse(end + 1, &store))
            continue;
        store_place_t place = s_place(kind, region, (uint32_t)shard, &store);
        if (!strcmp(place.below, below)) /* only what the same numbers would be written as */
            return place;
    }
    return other;
}

static err_code_t s_add_store(stores_t *self, const char *below, err_t *err)
{
    store_place_t *items = realloc(self->items, (self->count + 1) * sizeof *items);
    if (!items)
        return err_set(err, ERR_MEMORY, "no memory for %zu stores", self->count + 1);
    self->items = items;
    self->items[self->count++] = s_parse(below);
    return ERR_OK;
}

/* Folders of a run that hold no stores, and what an interrupted tool has left. */
static bool s_skipped(const char *name, int depth)
{
    static const char *const folders[] = {"run", "log", "data"};
    for (size_t i = 0; depth == 0 && i < sizeof folders / sizeof *folders; i++)
        if (!strcmp(name, folders[i]))
            return true;
    return name[0] == '.';
}

static err_code_t s_walk(stores_t *self, const char *path, const char *below, int depth, err_t *err)
{
    DIR *dir = opendir(path);
    if (!dir && depth > 0 && errno == ENOENT)
        return ERR_OK; /* removed by a running job since it was listed */
    if (!dir)
        return err_set(err, file_code_of(errno), "%s: %s", path, strerror(errno));
    err_code_t code = ERR_OK;
    for (const struct dirent *entry = readdir(dir); entry && !code; entry = readdir(dir)) {
        char inner[STATEDIR_PATH_MAX], inner_below[STATEDIR_PATH_MAX];
        struct stat status;
        if (s_skipped(entry->d_name, depth))
            continue;
        if (!strcmp(entry->d_name, "data.mdb") && depth > 0)
            code = s_add_store(self, below, err);
        int length = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        snprintf(inner_below, sizeof inner_below, "%s%s%s", below, *below ? "/" : "", entry->d_name);
        if (length >= (int)sizeof inner)
            code = err_set(err, ERR_LIMIT, "%s/%s: the path is too long", path, entry->d_name);
        else if (!code && depth < STORES_DEPTH && lstat(inner, &status) == 0 && S_ISDIR(status.st_mode))
            code = s_walk(self, inner, inner_below, depth + 1, err);
    }
    closedir(dir);
    return code;
}

static int s_compare_stores(const void *a, const void *b)
{
    const store_place_t *left = a, *right = b;
    int order = (left->kind > right->kind) - (left->kind < right->kind);
    if (!order)
        order = strcmp(left->region, right->region);
    if (!order)
        order = (left->shard > right->shard) - (left->shard < right->shard);
    if (!order)
        order = stores_compare_age(left, right);
    return order ? order : strcmp(left->below, right->below);
}

/* The one store among what is otherwise only of a moment. */
static err_code_t s_add_global(stores_t *self, const char *state_dir, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    struct stat status;
    snprintf(path, sizeof path, "%s/" STORES_GLOBAL "/data.mdb", state_dir);
    return stat(path, &status) == 0 ? s_add_store(self, STORES_GLOBAL, err) : ERR_OK;
}

err_code_t stores_find(const char *state_dir, stores_t *ret_stores, err_t *err)
{
    stores_t self = {0};
    err_code_t code = s_walk(&self, state_dir, "", 0, err);
    if (!code)
        code = s_add_global(&self, state_dir, err);
    if (self.count > 1)
        qsort(self.items, self.count, sizeof *self.items, s_compare_stores);
    if (code)
        stores_fini(&self);
    else
        *ret_stores = self;
    return code;
}

void stores_fini(stores_t *self)
{
    free(self->items);
    *self = (stores_t){0};
}
