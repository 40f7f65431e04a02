#include "store/snapshot.h"

#include <stdlib.h>
#include <string.h>

bool snapshot_is_mark(const char *tag)
{
    return strncmp(tag, SNAPSHOT_MARK_PREFIX, strlen(SNAPSHOT_MARK_PREFIX)) == 0;
}

size_t snapshot_mark_length(const char *tag)
{
    return strcspn(tag, ":");
}

snapshot_t *snapshot_new(const snapshot_id_t *id)
{
    snapshot_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->id = *id;
    self->id.tag[MANIFEST_NAME_MAX] = '\0';
    return self;
}

void snapshot_destroy(snapshot_t **self_p)
{
    snapshot_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        buf_destroy(&self->values[i].buf);
    free(self->values);
    free(self);
}

static err_code_t s_reserve(snapshot_t *self, err_t *err)
{
    if (self->count < self->capacity)
        return ERR_OK;
    if (self->count >= MANIFEST_VALUES_MAX)
        return err_set(err, ERR_LIMIT, "a snapshot of more than %d values", MANIFEST_VALUES_MAX);
    size_t capacity = self->capacity ? 2 * self->capacity : 16;
    snapshot_value_t *values = realloc(self->values, capacity * sizeof *values);
    if (!values)
        return err_set(err, ERR_MEMORY, "no memory for %zu values", capacity);
    self->values = values;
    self->capacity = capacity;
    return ERR_OK;
}

err_code_t snapshot_add(snapshot_t *self, const char *name, buf_t **buf_p, err_t *err)
{
    size_t length = strlen(name);
    err_code_t code = ERR_OK;
    if (length == 0 || length > MANIFEST_NAME_MAX)
        code = err_set(err, ERR_LIMIT, "value '%.80s': names have 1 to %d bytes", name, MANIFEST_NAME_MAX);
    if (!code)
        code = s_reserve(self, err);
    if (code) {
        buf_destroy(buf_p);
        return code;
    }
    snapshot_value_t *value = &self->values[self->count++];
    memcpy(value->name, name, length + 1);
    value->buf = *buf_p;
    *buf_p = NULL;
    return ERR_OK;
}

snapshot_t *snapshot_share(const snapshot_t *self, bool (*wants)(const void *hint, const char *name),
                           const void *hint)
{
    snapshot_t *shared = snapshot_new(&self->id);
    for (size_t i = 0; shared && i < self->count; i++) {
        if (wants && !wants(hint, self->values[i].name))
            continue;
        buf_t *buf = buf_ref(self->values[i].buf);
        if (snapshot_add(shared, self->values[i].name, &buf, NULL))
            snapshot_destroy(&shared);
    }
    return shared;
}

buf_t *snapshot_peek(const snapshot_t *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->values[i].name, name) == 0)
            return self->values[i].buf;
    }
    return NULL;
}
