#include "actors/model/data/columns.h"

#include <stdlib.h>
#include <string.h>

size_t columns_slot(const columns_t *self, const char *name, size_t length)
{
    size_t slot = 0;
    while (slot < self->count &&
           (strlen(self->names[slot]) != length || memcmp(self->names[slot], name, length) != 0))
        slot++;
    return slot;
}

const char *columns_kind(const columns_t *self, size_t slot)
{
    return slot == 0 ? "label" : slot <= self->categorical ? "categorical" : "numeric";
}

static err_code_t s_append(columns_t *self, const char *name, size_t length, err_t *err)
{
    if (self->count == COLUMNS_MAX)
        return err_set(err, ERR_LIMIT, "job.data.columns: more than %d columns", COLUMNS_MAX - 1);
    char *copy = strndup(name, length), **names = realloc(self->names, (self->count + 1) * sizeof *names);
    self->names = names ? names : self->names;
    if (!copy || !names) {
        free(copy);
        return err_set(err, ERR_MEMORY, "no memory for the names of columns");
    }
    self->names[self->count++] = copy;
    return ERR_OK;
}

/* Appends a name of a list, or notes that the rest is meant. */
static err_code_t s_declare(columns_t *self, const char *name, size_t length, bool *rest, err_t *err)
{
    if (rest && length == strlen(COLUMNS_REST) && !memcmp(name, COLUMNS_REST, length)) {
        *rest = true;
        return ERR_OK;
    }
    if (columns_slot(self, name, length) < self->count)
        return err_set(err, ERR_CONFIG, "job.data.columns: '%.*s' stands there twice; write each column once",
                       (int)length, name);
    return s_append(self, name, length, err);
}

static err_code_t s_declare_list(columns_t *self, const char *list, bool *rest, size_t *ret_count, err_t *err)
{
    size_t before = self->count;
    err_code_t code = ERR_OK;
    while (!code && list && *list) {
        size_t length = strcspn(list, ",");
        if (length)
            code = s_declare(self, list, length, rest, err);
        list += length + (list[length] == ',');
    }
    *ret_count = self->count - before;
    return code;
}

err_code_t columns_declare(columns_t *self, const char *label, const char *categorical, const char *numeric,
                           err_t *err)
{
    *self = (columns_t){0};
    const char *name = label && *label ? label : "label";
    err_code_t code = s_declare(self, name, strlen(name), NULL, err);
    if (!code)
        code = s_declare_list(self, categorical, &self->rest_categorical, &self->categorical, err);
    if (!code)
        code = s_declare_list(self, numeric, &self->rest_numeric, &self->numeric, err);
    if (!code && self->rest_categorical && self->rest_numeric)
        code = err_set(err, ERR_CONFIG,
                       "job.data.columns: `" COLUMNS_REST "` stands there twice; write it once");
    if (code)
        columns_fini(self);
    return code;
}

/* Moves the slot that was appended last before the numeric ones. */
static void s_last_is_categorical(columns_t *self)
{
    char *name = self->names[self->count - 1];
    size_t slot = 1 + self->categorical++;
    memmove(self->names + slot + 1, self->names + slot, self->numeric * sizeof *self->names);
    self->names[slot] = name;
}

err_code_t columns_rest(columns_t *self, const char *const *names, size_t count, err_t *err)
{
    if (!self->rest_categorical && !self->rest_numeric)
        return ERR_OK;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (!length || columns_slot(self, names[i], length) < self->count)
            continue;
        err_code_t code = s_append(self, names[i], length, err);
        if (code)
            return code;
        if (self->rest_categorical)
            s_last_is_categorical(self);
        else
            self->numeric++;
    }
    return ERR_OK;
}

void columns_fini(columns_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->names[i]);
    free(self->names);
    *self = (columns_t){0};
}
