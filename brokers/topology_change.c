/* Which changes of its file a running job may go on with. */
#include "brokers/topology_field.h"
#include "brokers/topology_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static err_code_t s_refuse(const char *path, err_t *err)
{
    return err_set(
        err, ERR_CONFIG,
        "%s: may not change while the job runs; change prices, counts of offers, and rate, rtt and "
        "price of links alone",
        path);
}

static size_t s_count_items(const field_t *list, const void *base)
{
    return *(const size_t *)(const void *)((const char *)base + list->count_offset);
}

static err_code_t s_compare_fields(const field_t *parent, const char *prefix, const void *a, const void *b,
                                   err_t *err);

static err_code_t s_compare_list(const field_t *list, const char *path, const void *a, const void *b,
                                 err_t *err)
{
    if (s_count_items(list, a) != s_count_items(list, b))
        return s_refuse(path, err);
    for (size_t i = 0; i < s_count_items(list, a); i++) {
        char element[TOPOLOGY_TEXT_MAX];
        size_t at = list->offset + i * list->element_size;
        snprintf(element, sizeof element, "%s[%zu]", path, i);
        err_code_t rc = s_compare_fields(list, element, (const char *)a + at, (const char *)b + at, err);
        if (rc)
            return rc;
    }
    return ERR_OK;
}

/* Values are equal when they print the same. */
static err_code_t s_compare_fields(const field_t *parent, const char *prefix, const void *a, const void *b,
                                   err_t *err)
{
    err_code_t rc = ERR_OK;
    for (const field_t *field = field_next(parent, NULL); field && !rc; field = field_next(parent, field)) {
        char path[TOPOLOGY_TEXT_MAX], text_a[VALUE_TEXT_MAX], text_b[VALUE_TEXT_MAX];
        field_path(parent, field, prefix, path, sizeof path);
        if (field->type == FIELD_MAP)
            rc = s_compare_fields(field, path, a, b, err);
        else if (field->type == FIELD_LIST)
            rc = s_compare_list(field, path, a, b, err);
        else if (field->type == FIELD_BETWEEN)
            rc = memcmp((const char *)a + field->offset, (const char *)b + field->offset, 2 * sizeof(size_t))
                     ? s_refuse(path, err)
                     : ERR_OK;
        else if (!field->live && strcmp(value_print(field, a, text_a), value_print(field, b, text_b)))
            rc = s_refuse(path, err);
    }
    return rc;
}

err_code_t topology_may_become(const topology_t *self, const topology_t *changed, err_t *err)
{
    return s_compare_fields(NULL, "", self, changed, err);
}

/* ---- what a digest is made of ---- */

/* Told of each key that differs; true: enough. */
typedef bool differs_fn(void *hint, const field_t *field, const char *path, const char *a, const char *b);

typedef struct {
    differs_fn *tell;
    void *hint;
} listener_t;

static bool s_find_change(const listener_t *self, const field_t *parent, const char *prefix, const void *a,
                          const void *b);

static bool s_find_in_list(const listener_t *self, const field_t *list, const char *path, const void *a,
                           const void *b)
{
    size_t count =
        s_count_items(list, a) < s_count_items(list, b) ? s_count_items(list, a) : s_count_items(list, b);
    for (size_t i = 0; i < count; i++) {
        char element[TOPOLOGY_TEXT_MAX];
        size_t at = list->offset + i * list->element_size;
        snprintf(element, sizeof element, "%s[%zu]", path, i);
        if (s_find_change(self, list, element, (const char *)a + at, (const char *)b + at))
            return true;
    }
    return false;
}

static bool s_find_change(const listener_t *self, const field_t *parent, const char *prefix, const void *a,
                          const void *b)
{
    bool found = false;
    for (const field_t *field = field_next(parent, NULL); field && !found;
         field = field_next(parent, field)) {
        char path[TOPOLOGY_TEXT_MAX], text_a[VALUE_TEXT_MAX], text_b[VALUE_TEXT_MAX];
        field_path(parent, field, prefix, path, sizeof path);
        if (field->type == FIELD_MAP)
            found = s_find_change(self, field, path, a, b);
        else if (field->type == FIELD_LIST)
            found = s_find_in_list(self, field, path, a, b);
        else if (field->digest && strcmp(value_print(field, a, text_a), value_print(field, b, text_b)) != 0)
            found = self->tell(self->hint, field, path, text_a, text_b);
    }
    return found;
}

/* ---- what a job may go on with ---- */

typedef struct {
    topology_carried_t *rows;
    size_t *count;
    err_t *err;
} carrying_t;

static bool s_carry(void *hint, const field_t *field, const char *path, const char *a, const char *b)
{
    const carrying_t *self = hint;
    if (!field->carry || *self->count == TOPOLOGY_CARRIED_MAX) {
        err_set(self->err, ERR_JOB, "%.100s is %.60s, not %.60s", path, a, b);
        return true;
    }
    topology_carried_t *row = &self->rows[(*self->count)++];
    snprintf(row->key, sizeof row->key, "%s", path);
    snprintf(row->from, sizeof row->from, "%s", a);
    snprintf(row->to, sizeof row->to, "%s", b);
    return false;
}

/* Compares what counts alone, such as regions, or workers in step. */
static bool s_differs_otherwise(const topology_t *self, const topology_t *next)
{
    char a[17], b[17];
    topology_t *same = malloc(sizeof *same);
    CHECK(same);
    *same = *self;
    same->job.epochs = next->job.epochs;
    same->job.optimizer = next->job.optimizer;
    topology_digest(same, a);
    topology_digest(next, b);
    free(same);
    return strcmp(a, b) != 0;
}

err_code_t topology_carry(const topology_t *self, const topology_t *next, topology_carried_t *ret_carried,
                          size_t *ret_count, err_t *err)
{
    *ret_count = 0;
    carrying_t carrying = {ret_carried, ret_count, err};
    if (s_find_change(&(listener_t){s_carry, &carrying}, NULL, "", self, next))
        return ERR_JOB;
    if (s_differs_otherwise(self, next))
        return err_set(err, ERR_JOB, "it has other regions, or other workers in step");
    return ERR_OK;
}
