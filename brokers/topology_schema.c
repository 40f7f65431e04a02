/* The table as a JSON Schema (draft 7), which editors use to complete and to check a topology while it is
 * written. */
#include "brokers/topology.h"
#include "brokers/topology_field.h"
#include "brokers/topology_value.h"

#include <stdio.h>
#include <string.h>

static json_value_t *s_object_of(const field_t *parent);

static void s_set_pattern(json_value_t *schema, const char *pattern)
{
    json_set_string(schema, "type", "string");
    json_set_string(schema, "pattern", pattern);
}

/* Either of two types, as with a duration, which may also be the number 0. */
static void s_set_either(json_value_t *schema, json_value_t *first, json_value_t *second)
{
    json_value_t *choices = json_new_array();
    json_add_moved(choices, &first);
    json_add_moved(choices, &second);
    json_set_moved(schema, "anyOf", &choices);
}

static void s_set_range(json_value_t *schema, const field_t *field)
{
    json_set_string(schema, "type", field->type == FIELD_WHOLE ? "integer" : "number");
    json_set_number(schema, field->above ? "exclusiveMinimum" : "minimum", value_bound(field, field->min));
    json_set_number(schema, field->below ? "exclusiveMaximum" : "maximum", value_bound(field, field->max));
}

/* A number, or the word that stands for 0. */
static void s_set_number(json_value_t *schema, const field_t *field)
{
    if (!field->values) {
        s_set_range(schema, field);
        return;
    }
    json_value_t *number = json_new_object(), *word = json_new_object();
    s_set_range(number, field);
    json_set_string(word, "const", field->values);
    s_set_either(schema, number, word);
}

static void s_set_unit(json_value_t *schema, const char *units)
{
    char pattern[128];
    snprintf(pattern, sizeof pattern, "^[0-9]+(\\.[0-9]+)? ?(%s)$", units);
    json_value_t *text = json_new_object();
    s_set_pattern(text, pattern);
    json_value_t *zero = json_new_object();
    json_set_u64(zero, "const", 0);
    s_set_either(schema, text, zero);
}

static void s_set_ratio(json_value_t *schema, const field_t *field)
{
    json_value_t *number = json_new_object();
    s_set_range(number, field);
    json_value_t *percent = json_new_object();
    s_set_pattern(percent, "^[0-9]+(\\.[0-9]+)?%$");
    s_set_either(schema, number, percent);
}

static void s_set_values(json_value_t *schema, const field_t *field)
{
    json_value_t *values = json_new_array();
    size_t length;
    const char *value;
    for (size_t i = 0; (value = field_value(field, i, &length)); i++) {
        char text[TOPOLOGY_NAME_MAX];
        snprintf(text, sizeof text, "%.*s", (int)length, value);
        json_add_string(values, text);
    }
    json_set_moved(schema, "enum", &values);
}

/* async, sync, "ssp: 4" or {ssp: 4}. */
static void s_set_inside(json_value_t *schema)
{
    json_value_t *text = json_new_object();
    s_set_pattern(text, "^(async|sync|ssp: *[0-9]+)$");
    json_value_t *map = json_new_object();
    json_value_t *keys = json_new_object();
    json_value_t *ssp = json_new_object();
    json_set_string(ssp, "type", "integer");
    json_set_moved(keys, "ssp", &ssp);
    json_set_string(map, "type", "object");
    json_set_moved(map, "properties", &keys);
    json_set_bool(map, "additionalProperties", false);
    s_set_either(schema, text, map);
}

static void s_set_list(json_value_t *schema, json_value_t *items, size_t least, size_t most)
{
    json_set_string(schema, "type", "array");
    json_set_u64(schema, "minItems", least);
    json_set_u64(schema, "maxItems", most);
    json_set_moved(schema, "items", &items);
}

static json_value_t *s_name(void)
{
    json_value_t *name = json_new_object();
    s_set_pattern(name, "^[A-Za-z0-9_][A-Za-z0-9_-]{0,30}$");
    return name;
}

/* One word, or a list of them. */
static void s_set_words(json_value_t *schema, const field_t *field)
{
    json_value_t *word = json_new_object(), *item = json_new_object(), *list = json_new_object();
    json_set_string(word, "type", "string");
    json_set_string(item, "type", "string");
    s_set_list(list, item, 0, field->element_max);
    s_set_either(schema, word, list);
}

/* Two names, or the word for every pair. */
static void s_set_between(json_value_t *schema)
{
    json_value_t *names = json_new_object(), *all = json_new_object();
    s_set_list(names, s_name(), 2, 2);
    json_set_string(all, "const", "all");
    s_set_either(schema, names, all);
}

static void s_set_text(json_value_t *schema, const field_t *field)
{
    json_set_string(schema, "type", "string");
    json_set_u64(schema, "maxLength", TOPOLOGY_TEXT_MAX - 1);
    if (field->type == FIELD_ENDPOINT)
        json_set_string(schema, "pattern", "^tcp://.+:([0-9]+|\\*)$");
}

/* All or none where there is no count. */
static void s_set_wholes(json_value_t *schema, const field_t *field)
{
    json_value_t *item = json_new_object();
    json_set_string(item, "type", "integer");
    json_set_number(item, "minimum", value_bound(field, field->min));
    json_set_number(item, "maximum", value_bound(field, field->max));
    s_set_list(schema, item, field->count_offset ? 0 : field->element_max, field->element_max);
}

static json_value_t *s_value_of(const field_t *field);

/* A map, or the value of one of its keys. */
static json_value_t *s_map_of(const field_t *field)
{
    if (!field->bare)
        return s_object_of(field);
    json_value_t *schema = json_new_object();
    s_set_either(schema, s_value_of(field_find(field, field->bare)), s_object_of(field));
    return schema;
}

static json_value_t *s_value_of(const field_t *field)
{
    json_value_t *schema = field->type == FIELD_MAP    ? s_map_of(field)
                           : field->type == FIELD_NAME ? s_name()
                                                       : json_new_object();
    switch (field->type) {
    case FIELD_MAP:
    case FIELD_NAME:
        break;
    case FIELD_LIST:
        s_set_list(schema, s_object_of(field), field->required ? 1 : 0, field->element_max);
        break;
    case FIELD_WHOLES:
        s_set_wholes(schema, field);
        break;
    case FIELD_WORDS:
        s_set_words(schema, field);
        break;
    case FIELD_WHOLE:
    case FIELD_NUMBER:
        s_set_number(schema, field);
        break;
    case FIELD_RATIO:
        s_set_ratio(schema, field);
        break;
    case FIELD_DURATION:
        s_set_unit(schema, "us|ms|s|m|h|d");
        break;
    case FIELD_RATE:
        s_set_unit(schema, "(bit|kbit|Mbit|Gbit|B|kB|MB|GB|KiB|MiB|GiB)(/s)?");
        break;
    case FIELD_SIZE:
        s_set_unit(schema, "B|kB|MB|GB|KiB|MiB|GiB");
        break;
    case FIELD_BOOL:
        json_set_string(schema, "type", "boolean");
        break;
    case FIELD_ENUM:
    case FIELD_FLAG:
    case FIELD_WORD:
        s_set_values(schema, field);
        break;
    case FIELD_INSIDE:
        s_set_inside(schema);
        break;
    case FIELD_BETWEEN:
        s_set_between(schema);
        break;
    case FIELD_PATH:
    case FIELD_ENDPOINT:
        s_set_text(schema, field);
        break;
    }
    return schema;
}

static void s_describe(json_value_t *schema, const field_t *field)
{
    char text[512];
    bool has_default = field->otherwise && *field->otherwise;
    const char *unit = field->type == FIELD_WHOLES || field->type == FIELD_WORDS ? NULL : field->unit;
    snprintf(text, sizeof text, "%s%s%s%s%s%s", field->help, unit ? " (" : "", unit ? unit : "",
             unit ? ")" : "", has_default ? "; default " : "", has_default ? field->otherwise : "");
    json_set_string(schema, "description", text);
}

static json_value_t *s_object_of(const field_t *parent)
{
    json_value_t *schema = json_new_object();
    json_value_t *properties = json_new_object();
    json_value_t *required = json_new_array();
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field)) {
        json_value_t *value = s_value_of(field);
        s_describe(value, field);
        json_set_moved(properties, field_key(field), &value);
        if (field->required)
            json_add_string(required, field_key(field));
    }
    json_set_string(schema, "type", "object");
    json_set_bool(schema, "additionalProperties", false);
    json_set_moved(schema, "required", &required);
    json_set_moved(schema, "properties", &properties);
    return schema;
}

json_value_t *topology_schema(void)
{
    json_value_t *schema = s_object_of(NULL);
    json_set_string(schema, "$schema", "http://json-schema.org/draft-07/schema#");
    json_set_string(schema, "title", "A topology of Cloudless");
    return schema;
}
