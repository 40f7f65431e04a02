#include "brokers/topology_value.h"
#include "brokers/yaml_tree.h"
#include "codec/base/units.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A number on its way: durations, rates and sizes are whole numbers of their base unit. */
typedef struct {
    uint64_t whole;
    double number;
} number_t;

static bool s_is_whole(field_type_t type)
{
    return type == FIELD_WHOLE || type == FIELD_DURATION || type == FIELD_RATE || type == FIELD_SIZE;
}

static const char *s_kind(field_type_t type)
{
    switch (type) {
    case FIELD_WHOLE:
        return "a whole number";
    case FIELD_DURATION:
        return "a duration with its unit";
    case FIELD_RATE:
        return "a rate with its unit";
    case FIELD_SIZE:
        return "a size with its unit";
    case FIELD_RATIO:
        return "a ratio";
    default:
        return "a number";
    }
}

/* -- numbers ----------------------------------------------------------------------------------------------
 */

static err_code_t s_parse_number(field_type_t type, const char *text, number_t *ret)
{
    int64_t us = 0;
    err_code_t code = ERR_MALFORMED;
    /* Signs and white space before a number are refused whatever the parser of units thinks of them. */
    if (text[0] < '0' || text[0] > '9')
        return code;
    switch (type) {
    case FIELD_WHOLE:
        return units_parse_u64(text, &ret->whole, NULL);
    case FIELD_DURATION:
        code = units_parse_duration(text, &us, NULL);
        ret->whole = (uint64_t)us;
        return code;
    case FIELD_RATE:
        return units_parse_rate(text, &ret->whole, NULL);
    case FIELD_SIZE:
        return units_parse_size(text, &ret->whole, NULL);
    case FIELD_RATIO:
        return units_parse_ratio(text, &ret->number, NULL);
    default:
        return units_parse_double(text, &ret->number, NULL);
    }
}

static int s_compare_numbers(field_type_t type, const number_t *a, const number_t *b)
{
    if (s_is_whole(type))
        return (a->whole > b->whole) - (a->whole < b->whole);
    return (a->number > b->number) - (a->number < b->number);
}

static number_t s_bound(const field_t *field, const char *text)
{
    number_t bound = {0};
    CHECK(s_parse_number(field->type, text, &bound) == ERR_OK);
    return bound;
}

double value_bound(const field_t *field, const char *text)
{
    number_t bound = s_bound(field, text);
    return s_is_whole(field->type) ? (double)bound.whole : bound.number;
}

static bool s_in_range(const field_t *field, const char *text, const number_t *number,
                       char what[VALUE_WHAT_MAX])
{
    number_t min = s_bound(field, field->min), max = s_bound(field, field->max);
    int from_min = s_compare_numbers(field->type, number, &min),
        from_max = s_compare_numbers(field->type, number, &max);
    char quote[TREE_QUOTE_MAX];
    if (from_min < 0 || (from_min == 0 && field->above))
        snprintf(what, VALUE_WHAT_MAX, "%s is too small", tree_quote(text, quote));
    else if (from_max > 0 || (from_max == 0 && field->below))
        snprintf(what, VALUE_WHAT_MAX, "%s is too large", tree_quote(text, quote));
    else
        return true;
    return false;
}

static bool s_parse_numeric(const field_t *field, const char *text, void *at, char what[VALUE_WHAT_MAX])
{
    number_t number = {0};
    err_code_t code = s_parse_number(field->type, text, &number);
    char quote[TREE_QUOTE_MAX];
    if (code == ERR_LIMIT) {
        snprintf(what, VALUE_WHAT_MAX, "%s is out of range", tree_quote(text, quote));
        return false;
    }
    if (code) {
        snprintf(what, VALUE_WHAT_MAX, "%s is not %s", tree_quote(text, quote), s_kind(field->type));
        return false;
    }
    if (!s_in_range(field, text, &number, what))
        return false;
    if (s_is_whole(field->type))
        memcpy(at, &number.whole, sizeof number.whole);
    else
        memcpy(at, &number.number, sizeof number.number);
    return true;
}

/* -- words ------------------------------------------------------------------------------------------------
 */

static bool s_parse_bool(const char *text, bool *at)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return false;
    *at = text[0] == 't';
    return true;
}

static bool s_parse_choice(const field_t *field, const char *text, void *at)
{
    size_t length;
    for (unsigned i = 0; field_value(field, i, &length); i++) {
        if (strlen(text) != length || memcmp(text, field_value(field, i, &length), length) != 0)
            continue;
        if (field->type == FIELD_ENUM)
            memcpy(at, &i, sizeof i);
        else if (field->type == FIELD_FLAG)
            *(bool *)at = i == 1;
        else
            snprintf(at, TOPOLOGY_NAME_MAX, "%s", text);
        return true;
    }
    return false;
}

static bool s_parse_inside(const field_t *field, const char *text, topology_t *topology)
{
    uint64_t slack = 0;
    inside_t inside = INSIDE_SSP;
    if (strcmp(text, "async") == 0 || strcmp(text, "sync") == 0) {
        inside = text[0] == 'a' ? INSIDE_ASYNC : INSIDE_SYNC;
    } else {
        const char *digits = strncmp(text, "ssp:", 4) == 0 ? text + 4 + strspn(text + 4, " ") : "";
        number_t number = {0}, min = {0}, max = {0};
        if (s_parse_number(FIELD_WHOLE, digits, &number) || s_parse_number(FIELD_WHOLE, field->min, &min) ||
            s_parse_number(FIELD_WHOLE, field->max, &max) || number.whole < min.whole ||
            number.whole > max.whole)
            return false;
        slack = number.whole;
    }
    topology->job.sync.inside = inside;
    topology->job.sync.inside_slack = slack;
    return true;
}

/* -- texts ------------------------------------------------------------------------------------------------
 */

static bool s_is_name(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length < TOPOLOGY_NAME_MAX && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == length;
}

static bool s_is_path(const char *text)
{
    size_t length = strlen(text);
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            return false;
    return length > 0 && length < TOPOLOGY_TEXT_MAX;
}

bool value_endpoint(const char *text, char ret_host[TOPOLOGY_TEXT_MAX], unsigned *ret_port)
{
    const char *host = text + strlen("tcp://");
    const char *colon = strrchr(text, ':');
    if (strlen(text) >= TOPOLOGY_TEXT_MAX || strncmp(text, "tcp://", strlen("tcp://")) != 0 || colon <= host)
        return false;
    for (const char *at = host; at < colon; at++)
        if (*at <= ' ' || *at > '~' || *at == '/' || *at == '"' || *at == '\\' || *at == ';')
            return false;
    number_t port = {0};
    if (strcmp(colon + 1, "*") != 0 &&
        (s_parse_number(FIELD_WHOLE, colon + 1, &port) || port.whole == 0 || port.whole > 65535))
        return false;
    snprintf(ret_host, TOPOLOGY_TEXT_MAX, "%.*s", (int)(colon - host), host);
    *ret_port = (unsigned)port.whole;
    return true;
}

bool value_is_loopback(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static bool s_parse_text(const field_t *field, const char *text, char *at)
{
    char host[TOPOLOGY_TEXT_MAX];
    unsigned port;
    bool right = field->type == FIELD_NAME   ? s_is_name(text)
                 : field->type == FIELD_PATH ? s_is_path(text)
                                             : value_endpoint(text, host, &port);
    if (right)
        snprintf(at, field->type == FIELD_NAME ? TOPOLOGY_NAME_MAX : TOPOLOGY_TEXT_MAX, "%s", text);
    return right;
}

/* -- lists ------------------------------------------------------------------------------------------------
 */

/* "[]", or "[512, 256]" with as many as there may be. Every value is in range, as FIELD_WHOLE's is. */
static bool s_parse_wholes(const field_t *field, const char *text, void *base)
{
    uint64_t values[FIELD_WHOLES_MAX] = {0};
    number_t number, min = {0}, max = {0};
    size_t count = 0, length = strlen(text);
    char copy[VALUE_TEXT_MAX], *rest = copy;
    CHECK(field->element_max <= FIELD_WHOLES_MAX && !s_parse_number(FIELD_WHOLE, field->min, &min) &&
          !s_parse_number(FIELD_WHOLE, field->max, &max));
    if (length < 2 || length >= sizeof copy || text[0] != '[' || text[length - 1] != ']')
        return false;
    snprintf(copy, sizeof copy, "%.*s", (int)length - 2, text + 1);
    for (char *item; *copy && (item = strsep(&rest, ",")); values[count++] = number.whole) {
        item += strspn(item, " ");
        if (count == field->element_max || s_parse_number(FIELD_WHOLE, item, &number) ||
            number.whole < min.whole || number.whole > max.whole)
            return false;
    }
    if (count && count != field->element_max && !field->count_offset)
        return false;
    memcpy((char *)base + field->offset, values, field->element_max * sizeof *values);
    if (field->count_offset)
        *(size_t *)(void *)((char *)base + field->count_offset) = count;
    return true;
}

/* -- all --------------------------------------------------------------------------------------------------
 */

/* Everything without a range: right, or "not known here". */
static bool s_parse_other(const field_t *field, const char *text, void *base)
{
    void *at = (char *)base + field->offset;
    switch (field->type) {
    case FIELD_BOOL:
        return s_parse_bool(text, at);
    case FIELD_ENUM:
    case FIELD_FLAG:
    case FIELD_WORD:
        return s_parse_choice(field, text, at);
    case FIELD_INSIDE:
        return s_parse_inside(field, text, base);
    case FIELD_WHOLES:
        return s_parse_wholes(field, text, base);
    case FIELD_WORDS:
        return words_parse(text, field->element_max, at);
    case FIELD_NAME:
    case FIELD_PATH:
    case FIELD_ENDPOINT:
        return s_parse_text(field, text, at);
    default:
        CHECK(!"a map, a list or the regions of a link have no text");
        return false;
    }
}

static bool s_has_range(field_type_t type)
{
    return s_is_whole(type) || type == FIELD_NUMBER || type == FIELD_RATIO;
}

static const char *s_wrong(field_type_t type)
{
    switch (type) {
    case FIELD_BOOL:
        return "is neither true nor false";
    case FIELD_NAME:
        return "is not a name";
    case FIELD_PATH:
        return "is not a path";
    case FIELD_ENDPOINT:
        return "is not an endpoint";
    case FIELD_WHOLES:
    case FIELD_WORDS:
        return "is not such a list";
    default:
        return "is not known here";
    }
}

/* A key that may be left out may be taken back as well: an address, on a machine where it means nothing. */
static bool s_may_be_empty(const field_t *field)
{
    return field->type == FIELD_ENDPOINT && field->otherwise && !field->otherwise[0];
}

bool value_parse(const field_t *field, const char *text, bool quoted, void *base, char what[VALUE_WHAT_MAX])
{
    char quote[TREE_QUOTE_MAX];
    bool plain_only = field->type == FIELD_WHOLE || field->type == FIELD_NUMBER || field->type == FIELD_BOOL;
    if (quoted && plain_only) {
        snprintf(what, VALUE_WHAT_MAX, "%s in quotes is text", tree_quote(text, quote));
        return false;
    }
    if (text[0] == '\0' && s_may_be_empty(field)) {
        ((char *)base)[field->offset] = '\0';
        return true;
    }
    if (!quoted && (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0)) {
        snprintf(what, VALUE_WHAT_MAX, "has no value");
        return false;
    }
    if (field->type == FIELD_WHOLE && field->values && strcmp(text, field->values) == 0) {
        *(uint64_t *)(void *)((char *)base + field->offset) = 0;
        return true;
    }
    if (s_has_range(field->type))
        return s_parse_numeric(field, text, (char *)base + field->offset, what);
    if (s_parse_other(field, text, base))
        return true;
    bool dash = field->type == FIELD_NAME && text[0] == '-'; /* would be an option where it is an argument */
    snprintf(what, VALUE_WHAT_MAX, "%s %s", tree_quote(text, quote),
             dash ? "begins with '-'" : s_wrong(field->type));
    return false;
}

void value_default(const field_t *field, void *base)
{
    char what[VALUE_WHAT_MAX];
    bool text = field->type == FIELD_PATH || field->type == FIELD_ENDPOINT;
    if (text && field->otherwise[0] == '\0')
        ((char *)base)[field->offset] = '\0';
    else
        CHECK(value_parse(field, field->otherwise, false, base, what));
}

/* -- printing ---------------------------------------------------------------------------------------------
 */

/* The shortest of the exact forms. */
static const char *s_print_double(double value, char out[VALUE_TEXT_MAX])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, VALUE_TEXT_MAX, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return out;
}

/* Plain when no reader of YAML could take it for anything else, else in quotes. */
static const char *s_print_text(const char *text, char out[VALUE_TEXT_MAX])
{
    static const char *const words[] = {"true", "false", "null", "yes",  "no",  "on",
                                        "off",  "y",     "n",    ".inf", ".nan"};
    bool plain =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == strlen(text) &&
        strspn(text, "0123456789-._") == 0 && text[0] != '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        plain = plain && strcasecmp(text, words[i]) != 0;
    char *at = out;
    if (!plain)
        *at++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    if (!plain)
        *at++ = '"';
    *at = '\0';
    return out;
}

static const char *s_print_choice(const field_t *field, unsigned index, char out[VALUE_TEXT_MAX])
{
    size_t length = 0;
    const char *value = field_value(field, index, &length);
    CHECK(value);
    snprintf(out, VALUE_TEXT_MAX, "%.*s", (int)length, value);
    return out;
}

static const char *s_print_inside(const topology_t *topology, char out[VALUE_TEXT_MAX])
{
    static const char *const words[] = {[INSIDE_ASYNC] = "async", [INSIDE_SYNC] = "sync"};
    if (topology->job.sync.inside == INSIDE_SSP)
        snprintf(out, VALUE_TEXT_MAX, "\"ssp: %llu\"", (unsigned long long)topology->job.sync.inside_slack);
    else
        snprintf(out, VALUE_TEXT_MAX, "%s", words[topology->job.sync.inside]);
    return out;
}

static const char *s_print_number(field_type_t type, const void *at, char out[VALUE_TEXT_MAX])
{
    uint64_t whole;
    double number;
    char text[UNITS_TEXT_MAX];
    memcpy(&whole, at, sizeof whole);
    memcpy(&number, at, sizeof number);
    if (type == FIELD_NUMBER || type == FIELD_RATIO)
        return s_print_double(number, out);
    if (type == FIELD_DURATION)
        snprintf(out, VALUE_TEXT_MAX, "%s", units_format_duration((int64_t)whole, text));
    else if (type == FIELD_RATE)
        snprintf(out, VALUE_TEXT_MAX, "%s", units_format_rate(whole, text));
    else if (type == FIELD_SIZE)
        snprintf(out, VALUE_TEXT_MAX, "%s", units_format_size(whole, text));
    else
        snprintf(out, VALUE_TEXT_MAX, "%llu", (unsigned long long)whole);
    return out;
}

static const char *s_print_wholes(const field_t *field, const void *base, char out[VALUE_TEXT_MAX])
{
    const uint64_t *values = (const uint64_t *)(const void *)((const char *)base + field->offset);
    size_t count = field_wholes(field, base), length = 1;
    snprintf(out, VALUE_TEXT_MAX, "[");
    for (size_t i = 0; i < count; i++, length = strlen(out))
        snprintf(out + length, VALUE_TEXT_MAX - length, "%s%llu", i ? ", " : "",
                 (unsigned long long)values[i]);
    snprintf(out + length, VALUE_TEXT_MAX - length, "]");
    return out;
}

const char *value_print(const field_t *field, const void *base, char out[VALUE_TEXT_MAX])
{
    const void *at = (const char *)base + field->offset;
    unsigned index;
    switch (field->type) {
    case FIELD_BOOL:
        snprintf(out, VALUE_TEXT_MAX, "%s", *(const bool *)at ? "true" : "false");
        return out;
    case FIELD_ENUM:
        memcpy(&index, at, sizeof index);
        return s_print_choice(field, index, out);
    case FIELD_FLAG:
        return s_print_choice(field, *(const bool *)at ? 1 : 0, out);
    case FIELD_INSIDE:
        return s_print_inside(base, out);
    case FIELD_WHOLES:
        return s_print_wholes(field, base, out);
    case FIELD_WORDS:
        return words_print(at, field->element_max, out);
    case FIELD_NAME:
    case FIELD_WORD:
    case FIELD_PATH:
    case FIELD_ENDPOINT:
        return s_print_text(at, out);
    default:
        CHECK(s_has_range(field->type));
        if (field->type == FIELD_WHOLE && field->values && *(const uint64_t *)at == 0)
            return s_print_text(field->values, out);
        return s_print_number(field->type, at, out);
    }
}

bool value_is_default(const field_t *field, const void *base)
{
    char text[VALUE_TEXT_MAX];
    if (field->otherwise && !*field->otherwise) /* a path */
        return ((const char *)base)[field->offset] == '\0';
    return field->otherwise && strcmp(value_print(field, base, text), field->otherwise) == 0;
}
