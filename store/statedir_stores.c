#include "store/statedir_stores.h"

#include "codec/wire/message.h"
#include "store/file.h"
#include "store/statedir_paths.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEAL_FILE "seal"

/* ---- The stores of a shard ---- */

bool statedir_store_parse(const char *name, statedir_store_t *ret_store)
{
    size_t digits = strspn(name, "0123456789abcdef");
    if (digits != 16 || (name[16] && name[16] != '.'))
        return false;
    const char *replacement = name[16] ? name + 17 : "0";
    size_t length = strspn(replacement, "0123456789");
    if (length == 0 || length > 18 || replacement[length] || (name[16] && replacement[0] == '0'))
        return false;
    *ret_store = (statedir_store_t){strtoull(name, NULL, 16), strtoull(replacement, NULL, 10)};
    return incarnation_is_possible(ret_store->incarnation);
}

const char *statedir_store_name(const statedir_store_t *store, char out[STATEDIR_STORE_NAME_SIZE])
{
    int length = snprintf(out, STATEDIR_STORE_NAME_SIZE, "%016" PRIx64, store->incarnation);
    if (store->replacement)
        snprintf(out + length, STATEDIR_STORE_NAME_SIZE - (size_t)length, ".%" PRIu64, store->replacement);
    return out;
}

int statedir_store_compare(const statedir_store_t *a, const statedir_store_t *b)
{
    return incarnation_compare(a->incarnation, a->replacement, b->incarnation, b->replacement);
}

static int s_newest_first(const void *a, const void *b)
{
    return statedir_store_compare(b, a);
}

static err_code_t s_add_store(statedir_store_t **stores, size_t *count, const statedir_store_t *store,
                              err_t *err)
{
    statedir_store_t *items = realloc(*stores, (*count + 1) * sizeof *items);
    if (!items)
        return err_set(err, ERR_MEMORY, "no memory for %zu stores", *count + 1);
    *stores = items;
    items[(*count)++] = *store;
    return ERR_OK;
}

err_code_t statedir_stores(const char *parent, statedir_store_t **ret_stores, size_t *ret_count, err_t *err)
{
    statedir_store_t store, *stores = NULL;
    size_t count = 0;
    DIR *dir = opendir(parent);
    if (!dir && errno != ENOENT)
        return err_set(err, file_code_of(errno), "read directory %s: %s", parent, strerror(errno));
    err_code_t code = ERR_OK;
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry && !code; entry = readdir(dir))
        if (statedir_store_parse(entry->d_name, &store))
            code = s_add_store(&stores, &count, &store, err);
    if (dir)
        closedir(dir);
    if (code) {
        free(stores);
        return code;
    }
    if (count > 1)
        qsort(stores, count, sizeof *stores, s_newest_first);
    *ret_stores = stores;
    *ret_count = count;
    return ERR_OK;
}

err_code_t statedir_stores_all(char parents[][STATEDIR_PATH_MAX], size_t parent_count,
                               statedir_store_t **ret_stores, size_t *ret_count, err_t *err)
{
    statedir_store_t *all = NULL;
    size_t count = 0, unique = 0;
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < parent_count && !code; i++) {
        statedir_store_t *stores = NULL;
        size_t found = 0;
        code = statedir_stores(parents[i], &stores, &found, err);
        for (size_t k = 0; k < found && !code; k++)
            code = s_add_store(&all, &count, &stores[k], err);
        free(stores);
    }
    if (count > 1)
        qsort(all, count, sizeof *all, s_newest_first);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || statedir_store_compare(&all[unique - 1], &all[i]) != 0)
            all[unique++] = all[i];
    *ret_stores = all;
    *ret_count = unique;
    return code;
}

/* ---- A shard's own ---- */

err_code_t statedir_store_dir(const char *parent, const statedir_store_t *store, char ret[STATEDIR_PATH_MAX],
                              err_t *err)
{
    char name[STATEDIR_STORE_NAME_SIZE];
    return statedir_join(parent, statedir_store_name(store, name), ret, err);
}

err_code_t statedir_shard(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                          char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    err_code_t code = statedir_parent(path, region, shard, STORES_OWN, parent, err);
    if (!code)
        code = statedir_store_dir(parent, &(statedir_store_t){incarnation, 0}, ret, err);
    return code ? code : file_make_dirs(ret, err);
}

err_code_t statedir_shard_again(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                                char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    statedir_store_t next = {incarnation, 0}, *stores = NULL;
    size_t count = 0;
    err_code_t code = statedir_parent(path, region, shard, STORES_OWN, parent, err);
    if (!code)
        code = statedir_stores(parent, &stores, &count, err);
    for (size_t i = 0; i < count && !code; i++)
        if (stores[i].incarnation == incarnation && stores[i].replacement >= next.replacement)
            next.replacement = stores[i].replacement;
    free(stores);
    next.replacement++;
    if (!code)
        code = statedir_store_dir(parent, &next, ret, err);
    return code ? code : file_make_dirs(ret, err);
}

/* ---- Copies, and their seal ---- */

static err_code_t s_kept_dir(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                             char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    err_code_t code = statedir_parent(path, region, shard, STORES_KEPT, parent, err);
    return code ? code : statedir_store_dir(parent, &(statedir_store_t){incarnation, 0}, ret, err);
}

err_code_t statedir_kept(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                         char ret[STATEDIR_PATH_MAX], err_t *err)
{
    err_code_t code = s_kept_dir(path, region, shard, incarnation, ret, err);
    return code ? code : file_make_dirs(ret, err);
}

static err_code_t s_seal_path(const char *path, const char *region, uint32_t shard,
                              char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    err_code_t code = statedir_parent(path, region, shard, STORES_KEPT, parent, err);
    return code ? code : statedir_join(parent, SEAL_FILE, ret, err);
}

err_code_t statedir_seal(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                         err_t *err)
{
    char parent[STATEDIR_PATH_MAX], file[STATEDIR_PATH_MAX], text[32];
    err_code_t code = statedir_parent(path, region, shard, STORES_KEPT, parent, err);
    if (!code)
        code = file_make_dirs(parent, err);
    if (!code)
        code = s_seal_path(path, region, shard, file, err);
    snprintf(text, sizeof text, "%016" PRIx64 "\n", incarnation);
    return code ? code : file_write(file, text, strlen(text), err);
}

err_code_t statedir_sealed(const char *path, const char *region, uint32_t shard, uint64_t *ret_incarnation,
                           err_t *err)
{
    char file[STATEDIR_PATH_MAX], text[17] = "";
    buf_t *bytes = NULL;
    err_code_t code = s_seal_path(path, region, shard, file, err);
    if (!code)
        code = file_read(file, sizeof text, &bytes, err);
    if (code) {
        *ret_incarnation = 0;
        return code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    if (buf_size(bytes) == sizeof text)
        memcpy(text, buf_peek(bytes), sizeof text - 1);
    buf_destroy(&bytes);
    statedir_store_t store;
    if (statedir_store_parse(text, &store) && !store.replacement) {
        *ret_incarnation = store.incarnation;
        return ERR_OK;
    }
    return err_set(err, ERR_MALFORMED,
                   "the file %s is not what was written there; remove that file and the copies beside it",
                   file);
}

err_code_t statedir_kept_list(const char *path, const char *region, uint32_t shard, uint64_t **ret_items,
                              size_t *ret_count, err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    statedir_store_t *stores = NULL;
    size_t count = 0;
    err_code_t code = statedir_parent(path, region, shard, STORES_KEPT, parent, err);
    if (!code)
        code = statedir_stores(parent, &stores, &count, err);
    if (code)
        return code;
    uint64_t *items = count ? malloc(count * sizeof *items) : NULL;
    if (count && !items)
        code = err_set(err, ERR_MEMORY, "no memory for %zu incarnations", count);
    for (size_t i = 0; i < count && !code; i++)
        items[i] = stores[i].incarnation;
    free(stores);
    if (code)
        return code;
    *ret_items = items;
    *ret_count = count;
    return ERR_OK;
}

err_code_t statedir_kept_remove(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                                err_t *err)
{
    char store[STATEDIR_PATH_MAX];
    err_code_t code = s_kept_dir(path, region, shard, incarnation, store, err);
    DIR *dir = code ? NULL : opendir(store);
    if (!dir)
        return code;
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    if (rmdir(store) && errno != ENOENT)
        return err_set(err, file_code_of(errno), "remove %s: %s", store, strerror(errno));
    return ERR_OK;
}
