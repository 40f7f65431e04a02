#include "tests/live/live_marks.h"

#include "store/kv_lmdb.h"
#include "store/snapshot.h"
#include "store/statedir.h"
#include "store/statedir_stores.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INCARNATIONS_MAX 256
#define TAGS_MAX 256

typedef char tag_t[MANIFEST_NAME_MAX + 1];

static int s_fail(const err_t *err)
{
    fprintf(stderr, "%s\n", err->text);
    return 1;
}

static int s_compare(const void *a, const void *b)
{
    unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The incarnations that have a store, newest first. */
static size_t s_incarnations(const char *state, const char *region, unsigned shard, unsigned long long *ret)
{
    char path[STATEDIR_PATH_MAX];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s/shard-%u", state, region, shard);
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) && count < INCARNATIONS_MAX)
        if (strlen(entry->d_name) == 16)
            ret[count++] = strtoull(entry->d_name, NULL, 16);
    if (dir)
        closedir(dir);
    qsort(ret, count, sizeof *ret, s_compare);
    return count;
}

/* Opens a store, for reading unless it is `fresh`. */
static err_code_t s_open(const char *state, const char *region, unsigned shard,
                         unsigned long long incarnation, bool fresh, kv_t **ret_kv,
                         snapshot_store_t **ret_store, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    kv_lmdb_options_t options = {.read_only = !fresh};
    err_code_t rc = statedir_shard(state, region, shard, incarnation, path, err);
    if (!rc)
        rc = kv_lmdb_open(path, &options, ret_kv, err);
    return rc ? rc : snapshot_store_open(*ret_kv, NULL, ret_store, err);
}

/* Adds the tags of one store. */
static err_code_t s_add_tags(snapshot_store_t *store, tag_t *tags, size_t *count, err_t *err)
{
    snapshot_info_t *infos = NULL;
    size_t info_count = 0;
    err_code_t rc = snapshot_list(store, &infos, &info_count, err);
    for (size_t i = 0; i < info_count && !rc; i++)
        if (snapshot_is_mark(infos[i].id.tag) && *count < TAGS_MAX)
            memcpy(tags[(*count)++], infos[i].id.tag, sizeof *tags);
    free(infos);
    return rc;
}

static err_code_t s_tags(const char *state, const char *region, unsigned shard, tag_t *tags,
                         size_t *ret_count, err_t *err)
{
    unsigned long long incarnations[INCARNATIONS_MAX];
    size_t count = s_incarnations(state, region, shard, incarnations);
    err_code_t rc = ERR_OK;
    *ret_count = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        kv_t *kv = NULL;
        snapshot_store_t *store = NULL;
        rc = s_open(state, region, shard, incarnations[i], false, &kv, &store, err);
        if (!rc)
            rc = s_add_tags(store, tags, ret_count, err);
        snapshot_store_destroy(&store);
        kv_destroy(&kv);
    }
    return rc;
}

/* Keeps of `tags` what is among `others`. */
static size_t s_common(tag_t *tags, size_t count, tag_t *others, size_t other_count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < other_count; j++)
            found |= !strcmp(tags[i], others[j]);
        if (found)
            memmove(tags[kept++], tags[i], sizeof *tags);
    }
    return kept;
}

int live_marks_print(const char *state, unsigned shards, char **regions, size_t region_count)
{
    static tag_t tags[TAGS_MAX], others[TAGS_MAX];
    size_t count = 0, other_count = 0;
    err_t err = {0};
    for (size_t r = 0; r < region_count; r++) {
        for (unsigned k = 0; k < shards; k++) {
            bool first = r == 0 && k == 0;
            if (s_tags(state, regions[r], k, first ? tags : others, first ? &count : &other_count, &err))
                return s_fail(&err);
            count = first ? count : s_common(tags, count, others, other_count);
        }
    }
    for (size_t i = 0; i < count; i++)
        printf("%s\n", tags[i]);
    return 0;
}

/* The number of the snapshot with a tag; 0: there is none. */
static uint64_t s_number(snapshot_store_t *store, const char *tag)
{
    snapshot_info_t *infos = NULL;
    size_t count = 0;
    uint64_t number = 0;
    if (!snapshot_list(store, &infos, &count, NULL))
        for (size_t i = 0; i < count; i++)
            number = strcmp(infos[i].id.tag, tag) ? number : infos[i].id.number;
    free(infos);
    return number;
}

static err_code_t s_find(const char *state, const char *region, unsigned shard, const char *tag,
                         snapshot_t **ret_snapshot, unsigned long long *ret_newest, err_t *err)
{
    unsigned long long incarnations[INCARNATIONS_MAX];
    size_t count = s_incarnations(state, region, shard, incarnations);
    err_code_t rc = ERR_OK;
    for (size_t i = 0; i < count && !rc && !*ret_snapshot; i++) {
        kv_t *kv = NULL;
        snapshot_store_t *store = NULL;
        rc = s_open(state, region, shard, incarnations[i], false, &kv, &store, err);
        uint64_t number = rc ? 0 : s_number(store, tag);
        if (number)
            rc = snapshot_load(store, number, ret_snapshot, err);
        snapshot_store_destroy(&store);
        kv_destroy(&kv);
    }
    if (!rc && !*ret_snapshot)
        rc = err_set(err, ERR_NOT_FOUND, "shard %u of %s has no %s", shard, region, tag);
    *ret_newest = count ? incarnations[0] : 0;
    return rc;
}

static err_code_t s_restore(const char *state, const char *region, unsigned shard, const char *tag,
                            err_t *err)
{
    snapshot_t *snapshot = NULL;
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    unsigned long long newest = 0;
    err_code_t rc = s_find(state, region, shard, tag, &snapshot, &newest, err);
    if (!rc)
        rc = s_open(state, region, shard, newest + 1, true, &kv, &store, err);
    if (!rc)
        rc = snapshot_commit(store, snapshot, err);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    snapshot_destroy(&snapshot);
    return rc;
}

int live_marks_restore(const char *state, const char *tag, unsigned shards, char **regions,
                       size_t region_count)
{
    err_t err = {0};
    for (size_t r = 0; r < region_count; r++)
        for (unsigned k = 0; k < shards; k++)
            if (s_restore(state, regions[r], k, tag, &err))
                return s_fail(&err);
    return 0;
}
