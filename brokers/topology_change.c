/* Which changes of its file a running job may go on with. */
#include "brokers/topology_field.h"
#include "brokers/topology_value.h"

#include <stdio.h>
#include <string.h>

static err_code_t s_refuse(const char *path, err_t *err)
{
    return err_set(
        err, ERR_CONFIG,
        "%s: may not change while the job runs; change prices, counts of offers, and rate, rtt and "
        "price of links alone",
        path);
}

static size_t s_count(const field_t *list, const void *base)
{
    return *(const size_t *)(const void *)((const char *)base + list->count_offset);
}

static err_code_t s_compare(const field_t *parent, const char *prefix, const void *a, const void *b,
                            err_t *err);

static err_code_t s_compare_list(const field_t *list, const char *path, const void *a, const void *b,
                                 err_t *err)
{
    if (s_count(list, a) != s_count(list, b))
        return s_refuse(path, err);
    for (size_t i = 0; i < s_count(list, a); i++) {
        char element[TOPOLOGY_TEXT_MAX];
        size_t at = list->offset + i * list->element_size;
        snprintf(element, sizeof element, "%s[%zu]", path, i);
        err_code_t rc = s_compare(list, element, (const char *)a + at, (const char *)b + at, err);
        if (rc)
            return rc;
    }
    return ERR_OK;
}

/* Values are equal when they print the same. */
static err_code_t s_compare(const field_t *parent, const char *prefix, const void *a, const void *b,
                            err_t *err)
{
    err_code_t rc = ERR_OK;
    for (const field_t *field = field_next(parent, NULL); field && !rc; field = field_next(parent, field)) {
        char path[TOPOLOGY_TEXT_MAX], text_a[VALUE_TEXT_MAX], text_b[VALUE_TEXT_MAX];
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", field_key(field));
        if (field->type == FIELD_MAP)
            rc = s_compare(field, path, a, b, err);
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
    return s_compare(NULL, "", self, changed, err);
}

/* ---- what a digest is made of ---- */

static bool s_find_difference(const field_t *parent, const char *prefix, const void *a, const void *b,
                              char *ret_text, size_t size);

static bool s_find_in_list(const field_t *list, const char *path, const void *a, const void *b,
                           char *ret_text, size_t size)
{
    size_t count = s_count(list, a) < s_count(list, b) ? s_count(list, a) : s_count(list, b);
    for (size_t i = 0; i < count; i++) {
        char element[TOPOLOGY_TEXT_MAX];
        size_t at = list->offset + i * list->element_size;
        snprintf(element, sizeof element, "%s[%zu]", path, i);
        if (s_find_difference(list, element, (const char *)a + at, (const char *)b + at, ret_text, size))
            return true;
    }
    return false;
}

static bool s_find_difference(const field_t *parent, const char *prefix, const void *a, const void *b,
                              char *ret_text, size_t size)
{
    bool found = false;
    for (const field_t *field = field_next(parent, NULL); field && !found;
         field = field_next(parent, field)) {
        char path[TOPOLOGY_TEXT_MAX], text_a[VALUE_TEXT_MAX], text_b[VALUE_TEXT_MAX];
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", field_key(field));
        if (field->type == FIELD_MAP)
            found = s_find_difference(field, path, a, b, ret_text, size);
        else if (field->type == FIELD_LIST)
            found = s_find_in_list(field, path, a, b, ret_text, size);
        else if (field->digest && strcmp(value_print(field, a, text_a), value_print(field, b, text_b)) != 0) {
            snprintf(ret_text, size, "%.100s is %.60s, not %.60s", path, text_a, text_b);
            found = true;
        }
    }
    return found;
}

bool topology_difference(const topology_t *self, const topology_t *other, char *ret_text, size_t size)
{
    return s_find_difference(NULL, "", self, other, ret_text, size);
}
