#include "brokers/topology_field.h"

#include <stdio.h>
#include <string.h>

const char *field_key(const field_t *self)
{
    const char *dot = strrchr(self->path, '.');
    return dot ? dot + 1 : self->path;
}

static bool s_is_under(const field_t *self, const field_t *parent)
{
    const char *rest = self->path;
    if (parent) {
        size_t length = strlen(parent->path);
        const char *join = parent->type == FIELD_LIST ? "[]." : ".";
        if (strncmp(rest, parent->path, length) != 0 || strncmp(rest + length, join, strlen(join)) != 0)
            return false;
        rest += length + strlen(join);
    }
    return strchr(rest, '.') == NULL;
}

const field_t *field_next(const field_t *parent, const field_t *previous)
{
    for (size_t i = previous ? (size_t)(previous - field_at(0)) + 1 : 0; i < field_count(); i++)
        if (s_is_under(field_at(i), parent))
            return field_at(i);
    return NULL;
}

const field_t *field_find(const field_t *parent, const char *key)
{
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field))
        if (strcmp(field_key(field), key) == 0)
            return field;
    return NULL;
}

const char *field_value(const field_t *self, size_t index, size_t *ret_length)
{
    const char *at = self->values;
    while (at && index-- > 0) {
        at = strchr(at, '|');
        at = at ? at + 1 : NULL;
    }
    if (at)
        *ret_length = strcspn(at, "|");
    return at;
}

bool field_is_bare(const field_t *parent, const field_t *field)
{
    return parent && parent->bare && strcmp(field_key(field), parent->bare) == 0;
}

size_t field_wholes(const field_t *self, const void *base)
{
    const char *at = base;
    const uint64_t *values = (const uint64_t *)(const void *)(at + self->offset);
    if (self->count_offset)
        return *(const size_t *)(const void *)(at + self->count_offset);
    return values[0] ? self->element_max : 0;
}

const char *field_path(const field_t *parent, const field_t *field, const char *prefix, char *out,
                       size_t size)
{
    if (field_is_bare(parent, field))
        snprintf(out, size, "%s", prefix);
    else
        snprintf(out, size, "%s%s%s", prefix, *prefix ? "." : "", field_key(field));
    return out;
}

/* -- remedies ---------------------------------------------------------------------------------------------
 */

static const char *s_range_remedy(const field_t *self, const char *kind, const char *sample,
                                  char out[FIELD_REMEDY_MAX])
{
    if (strcmp(self->min, self->max) == 0)
        snprintf(out, FIELD_REMEDY_MAX, "write %s", self->min);
    else
        snprintf(out, FIELD_REMEDY_MAX, "write %s %s %s %s %s%s", kind, self->above ? "above" : "from",
                 self->min,
                 self->above && !self->below ? "up to"
                 : self->below               ? "to below"
                                             : "to",
                 self->max, sample);
    return out;
}

/* Adds to what is in out already, cut off at its end. */
static void s_append(char out[FIELD_REMEDY_MAX], const char *join, const char *text, size_t length)
{
    size_t at = strlen(out);
    snprintf(out + at, FIELD_REMEDY_MAX - at, "%s%.*s", join, (int)length, text);
}

/* "write a, b or c" from "a|b|c". */
static const char *s_values_remedy(const field_t *self, char out[FIELD_REMEDY_MAX])
{
    size_t length = 0, next_length;
    const char *value = field_value(self, 0, &length);
    snprintf(out, FIELD_REMEDY_MAX, "write %.*s", (int)length, value);
    for (size_t i = 1; (value = field_value(self, i, &length)); i++)
        s_append(out, field_value(self, i + 1, &next_length) ? ", " : " or ", value, length);
    return out;
}

const char *field_remedy(const field_t *self, char out[FIELD_REMEDY_MAX])
{
    const char *text = "";
    switch (self->type) {
    case FIELD_WHOLE:
        s_range_remedy(self, "a whole number", "", out);
        if (self->values)
            s_append(out, ", or ", self->values, strlen(self->values));
        return out;
    case FIELD_NUMBER:
        return s_range_remedy(self, "a number", "", out);
    case FIELD_RATIO:
        return s_range_remedy(self, "a ratio", ", such as 0.05 or 5%", out);
    case FIELD_DURATION:
        return s_range_remedy(self, "a duration", ", such as 30ms or 10s", out);
    case FIELD_RATE:
        return s_range_remedy(self, "a rate", ", such as 100Mbit or 20MB", out);
    case FIELD_SIZE:
        return s_range_remedy(self, "a size", ", such as 64MiB", out);
    case FIELD_ENUM:
    case FIELD_FLAG:
    case FIELD_WORD:
        return s_values_remedy(self, out);
    case FIELD_WHOLES:
        snprintf(out, FIELD_REMEDY_MAX, "write a list of %s%zu whole numbers from %s to %s, such as %s",
                 self->count_offset ? "up to " : "", self->element_max, self->min, self->max, self->unit);
        return out;
    case FIELD_WORDS:
        snprintf(out, FIELD_REMEDY_MAX, "write a name%s, such as %s",
                 self->element_max > 1 ? " or a list of names, none of which has any of ,[]{}\"'#:" : "",
                 self->unit);
        return out;
    case FIELD_MAP:
        if (self->bare)
            return field_remedy(field_find(self, self->bare), out);
        snprintf(out, FIELD_REMEDY_MAX, "write %s: and its keys below it, indented", field_key(self));
        return out;
    case FIELD_LIST:
        text = "write a list, each element beginning with \"- \"";
        break;
    case FIELD_BOOL:
        text = "write true or false";
        break;
    case FIELD_NAME:
        text = "write 1 to 31 letters, digits, '-' and '_'";
        break;
    case FIELD_PATH:
        text = "write a path of 1 to 255 characters";
        break;
    case FIELD_ENDPOINT:
        text = "write tcp://HOST:PORT";
        break;
    case FIELD_INSIDE:
        text = "write async, sync or ssp:S with S from 1 to 1000000";
        break;
    case FIELD_BETWEEN:
        text = "write two different regions, such as [north, south], or all";
        break;
    }
    snprintf(out, FIELD_REMEDY_MAX, "%s", text);
    return out;
}

/* -- suggestions ------------------------------------------------------------------------------------------
 */

#define KEY_MAX 32 /* longer ones are near to none of ours */

static size_t s_least3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance, one row at a time; two neighbours swapped count as two. */
static size_t s_distance(const char *a, const char *b)
{
    size_t row[KEY_MAX + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = s_least3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *field_suggest(const field_t *parent, const char *key, char out[FIELD_REMEDY_MAX])
{
    const field_t *best = NULL;
    size_t best_distance = SIZE_MAX;
    snprintf(out, FIELD_REMEDY_MAX, "write one of");
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field)) {
        size_t distance = strlen(key) <= KEY_MAX ? s_distance(key, field_key(field)) : SIZE_MAX;
        if (distance < best_distance && distance < strlen(field_key(field))) {
            best = field;
            best_distance = distance;
        }
        s_append(out, field == field_next(parent, NULL) ? " " : ", ", field_key(field),
                 strlen(field_key(field)));
    }
    if (best && best_distance <= 1 + strlen(key) / 2)
        snprintf(out, FIELD_REMEDY_MAX, "write %s", field_key(best));
    return out;
}
