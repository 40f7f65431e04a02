#include "codec/wire/actor_name.h"

#include <string.h>

/* ---- making ---- */

/* Names are made for every message to many, so not by printf. What does not fit is cut off. */
static size_t s_append(actor_name_t *name, size_t length, const char *text)
{
    size_t more = strnlen(text, sizeof name->text - 1 - length);
    memcpy(name->text + length, text, more);
    return length + more;
}

static actor_name_t s_name(actor_role_t role, role_named_t named, const char *region, const char *rest)
{
    actor_name_t name = {{0}};
    CHECK(role < ROLE_NONE && role_row(role)->named == named);
    size_t length = s_append(&name, 0, role_row(role)->text);
    length = s_append(&name, s_append(&name, length, "/"), region);
    if (*rest)
        s_append(&name, s_append(&name, length, "/"), rest);
    return name;
}

actor_name_t actor_name(actor_role_t role, const char *region)
{
    return s_name(role, NAMED_ALONE, region, "");
}

actor_name_t actor_name_numbered(actor_role_t role, const char *region, uint64_t number)
{
    char text[24] = {0}, *at = text + sizeof text - 1;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    return s_name(role, NAMED_NUMBERED, region, at);
}

actor_name_t actor_name_called(actor_role_t role, const char *region, const char *part)
{
    return s_name(role, NAMED_CALLED, region, part);
}

actor_name_t actor_name_nth(actor_role_t role, const char *region, uint64_t number)
{
    bool alone = role_row(role)->named == NAMED_ALONE;
    return alone ? actor_name(role, region) : actor_name_numbered(role, region, number);
}

/* ---- taking apart ---- */

static actor_role_t s_role(const char *text, size_t length)
{
    actor_role_t role = 0;
    for (; role < ROLE_NONE; role++) {
        const role_row_t *row = role_row(role);
        if (row->length == length && memcmp(row->text, text, length) == 0)
            break;
    }
    return role;
}

/* As printf writes it: "01" is another name than "1". */
static uint64_t s_number(const char *text, size_t length)
{
    uint64_t number = 0;
    if (!length || (length > 1 && text[0] == '0'))
        return ACTOR_NO_NUMBER;
    for (size_t i = 0; i < length; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (text[i] < '0' || text[i] > '9' || number > (UINT64_MAX - digit) / 10)
            return ACTOR_NO_NUMBER;
        number = 10 * number + digit;
    }
    return number;
}

bool actor_split(const char *name, size_t length, actor_parts_t *ret_parts)
{
    const char *end = name + length, *slash = memchr(name, '/', length);
    if (!slash)
        return false;
    const char *region = slash + 1, *after = memchr(region, '/', (size_t)(end - region));
    const char *rest = after ? after + 1 : end;
    *ret_parts = (actor_parts_t){.role = s_role(name, (size_t)(slash - name)),
                                 .region = region,
                                 .rest = rest,
                                 .region_length = (size_t)((after ? after : end) - region),
                                 .rest_length = (size_t)(end - rest)};
    ret_parts->number = s_number(rest, ret_parts->rest_length);
    return ret_parts->region_length > 0;
}

bool actor_is_in(const actor_parts_t *parts, const char *region)
{
    return strlen(region) == parts->region_length && memcmp(region, parts->region, parts->region_length) == 0;
}

actor_role_t actor_role_of(const char *name)
{
    size_t length = strcspn(name, "/");
    return name[length] ? s_role(name, length) : ROLE_NONE;
}

actor_role_t actor_role_find(const char *text)
{
    return s_role(text, strlen(text));
}

bool actor_is_of(const char *name, actor_role_t role, const char *region)
{
    actor_parts_t parts;
    return actor_split(name, strlen(name), &parts) && parts.role == role && actor_is_in(&parts, region) &&
           (role_row(role)->named == NAMED_ALONE) == (parts.rest_length == 0);
}
