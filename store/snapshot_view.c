#include "store/snapshot_view.h"

#include <stdlib.h>

bool snapshot_view_is_damage(err_code_t code)
{
    return code == ERR_CHECKSUM || code == ERR_MALFORMED || code == ERR_VERSION || code == ERR_LIMIT ||
           code == ERR_NOT_FOUND;
}

static err_code_t s_read_one(kv_t *kv, uint64_t number, snapshot_view_t *view, err_t *err)
{
    err_t why = {.code = ERR_OK};
    err_code_t code = manifest_load(kv, number, &view->good[view->good_count], &why);
    if (code == ERR_OK) {
        view->good_count++;
    } else if (code == ERR_NOT_FOUND) {
        return ERR_OK; /* removed by the process that writes, since the keys were listed */
    } else if (snapshot_view_is_damage(code)) {
        view->bad[view->bad_count++] = number;
    } else {
        return err_set(err, code, "%s", why.text);
    }
    return ERR_OK;
}

static err_code_t s_read_all(kv_t *kv, const kv_keys_t *keys, snapshot_view_t *view, err_t *err)
{
    err_code_t code = ERR_OK;
    view->good = calloc(keys->count, sizeof *view->good);
    view->bad = calloc(keys->count, sizeof *view->bad);
    if (!view->good || !view->bad)
        return err_set(err, ERR_MEMORY, "no memory for %zu snapshots", keys->count);
    for (size_t i = 0; i < keys->count && !code; i++) {
        uint64_t number = 0;
        if (manifest_parse_key(keys->items[i].key, &number) && number > 0)
            code = s_read_one(kv, number, view, err);
    }
    return code;
}

err_code_t snapshot_view_read(kv_t *kv, snapshot_view_t *ret_view, err_t *err)
{
    snapshot_view_t view = {0};
    kv_keys_t keys = {0};
    err_code_t code = kv_keys(kv, MANIFEST_PREFIX, &keys, err);
    if (!code && keys.count > 0)
        code = s_read_all(kv, &keys, &view, err);
    kv_keys_fini(&keys);
    if (code)
        snapshot_view_fini(&view);
    else
        *ret_view = view;
    return code;
}

void snapshot_view_fini(snapshot_view_t *self)
{
    for (size_t i = 0; i < self->good_count; i++)
        manifest_fini(&self->good[i]);
    free(self->good);
    free(self->bad);
    *self = (snapshot_view_t){0};
}

uint64_t snapshot_view_before(const snapshot_view_t *self, uint64_t limit)
{
    uint64_t number = 0;
    for (size_t i = 0; i < self->good_count; i++) {
        if (self->good[i].id.number < limit && self->good[i].id.number > number)
            number = self->good[i].id.number;
    }
    for (size_t i = 0; i < self->bad_count; i++) {
        if (self->bad[i] < limit && self->bad[i] > number)
            number = self->bad[i];
    }
    return number;
}

uint64_t snapshot_view_last(const snapshot_view_t *self)
{
    uint64_t good = self->good_count ? self->good[self->good_count - 1].id.number : 0;
    uint64_t bad = self->bad_count ? self->bad[self->bad_count - 1] : 0;
    return good > bad ? good : bad;
}

manifest_t *snapshot_view_find(const snapshot_view_t *self, uint64_t number)
{
    for (size_t i = 0; i < self->good_count; i++) {
        if (self->good[i].id.number == number)
            return &self->good[i];
    }
    return NULL;
}

static int s_compare_values(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void s_add_keys(number_set_t *keys, const manifest_t *manifest)
{
    for (size_t i = 0; i < manifest->count; i++)
        keys->items[keys->count++] = manifest->values[i].key;
}

err_code_t snapshot_view_keys(const snapshot_view_t *self, size_t first, const manifest_t *extra,
                              number_set_t *ret_keys, err_t *err)
{
    number_set_t keys = {0};
    size_t total = extra ? extra->count : 0, unique = 0;
    for (size_t i = first; i < self->good_count; i++)
        total += self->good[i].count;
    keys.items = malloc((total + 1) * sizeof *keys.items);
    if (!keys.items)
        return err_set(err, ERR_MEMORY, "no memory for %zu keys", total);
    for (size_t i = first; i < self->good_count; i++)
        s_add_keys(&keys, &self->good[i]);
    if (extra)
        s_add_keys(&keys, extra);
    qsort(keys.items, keys.count, sizeof *keys.items, s_compare_values);
    for (size_t i = 0; i < keys.count; i++) {
        if (unique == 0 || keys.items[unique - 1] != keys.items[i])
            keys.items[unique++] = keys.items[i];
    }
    keys.count = unique;
    *ret_keys = keys;
    return ERR_OK;
}

bool number_set_has(const number_set_t *self, uint64_t number)
{
    return self->count && bsearch(&number, self->items, self->count, sizeof *self->items, s_compare_values);
}

void number_set_fini(number_set_t *self)
{
    free(self->items);
    *self = (number_set_t){0};
}
