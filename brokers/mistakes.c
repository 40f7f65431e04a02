#include "brokers/mistakes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

mistakes_t *mistakes_new(void)
{
    mistakes_t *self = calloc(1, sizeof *self);
    CHECK(self);
    return self;
}

void mistakes_add(mistakes_t *self, const char *key, const char *text)
{
    if (self->count == MISTAKES_MAX) {
        self->more += *text != '\0';
        return;
    }
    mistake_t *row = &self->rows[self->count++];
    snprintf(row->key, sizeof row->key, "%s", key);
    snprintf(row->text, sizeof row->text, "%s", text);
    self->told += *text != '\0';
}

/* Returns whether one is the other, or above it; "[]" is every "[N]". */
static bool s_related(const char *a, const char *b)
{
    while (*a && *b) {
        bool any = a[0] == '[' && b[0] == '[' && (a[1] == ']' || b[1] == ']');
        if (any) {
            a += strcspn(a, "]");
            b += strcspn(b, "]");
        } else if (*a++ != *b++) {
            return false;
        }
    }
    const char *rest = *a ? a : b;
    return !*rest || *rest == '.' || *rest == '[';
}

bool mistakes_touch(const mistakes_t *self, const char *key)
{
    for (size_t i = 0; self && i < self->count; i++)
        if (self->rows[i].key[0] && s_related(self->rows[i].key, key))
            return true;
    return false;
}

bool mistakes_touch_any(const mistakes_t *self, const char *keys)
{
    while (*keys) {
        char key[MISTAKES_KEY_MAX];
        size_t length = strcspn(keys, "|");
        snprintf(key, sizeof key, "%.*s", (int)length, keys);
        if (mistakes_touch(self, key))
            return true;
        keys += length + (keys[length] == '|');
    }
    return false;
}
