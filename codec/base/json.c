#include "codec/base/json.h"

#include "codec/base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (64u << 20)

/* A json_value_t is a jansson json_t under a name that keeps jansson out of everybody else's files. */
static json_t *s_in(const json_value_t *self)
{
    return (json_t *)(uintptr_t)self;
}

static json_value_t *s_out(json_t *value)
{
    CHECK(value);
    return (json_value_t *)value;
}

json_value_t *json_new_object(void)
{
    return s_out(json_object());
}

json_value_t *json_new_array(void)
{
    return s_out(json_array());
}

void json_destroy(json_value_t **self_p)
{
    json_decref(s_in(*self_p));
    *self_p = NULL;
}

json_value_t *json_dup(const json_value_t *self)
{
    return s_out(json_deep_copy(s_in(self)));
}

/* ---- building ---- */

static json_t *s_ascii(const char *text)
{
    char *copy = strdup(text);
    CHECK(copy);
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    json_t *value = json_string(copy);
    free(copy);
    return value;
}

static json_t *s_string(const char *text)
{
    if (!text)
        return json_null();
    json_t *value = json_string(text);
    return value ? value : s_ascii(text); /* jansson refuses what is not UTF-8 */
}

static json_t *s_u64(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

static json_t *s_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void s_set(json_value_t *object, const char *key, json_t *value)
{
    CHECK(value);
    CHECK(json_object_set_new(s_in(object), key, value) == 0);
}

static void s_add_value(json_value_t *array, json_t *value)
{
    CHECK(value);
    CHECK(json_array_append_new(s_in(array), value) == 0);
}

void json_set_string(json_value_t *object, const char *key, const char *value)
{
    s_set(object, key, s_string(value));
}

void json_set_u64(json_value_t *object, const char *key, uint64_t value)
{
    s_set(object, key, s_u64(value));
}

void json_set_i64(json_value_t *object, const char *key, int64_t value)
{
    s_set(object, key, json_integer((json_int_t)value));
}

void json_set_number(json_value_t *object, const char *key, double value)
{
    s_set(object, key, s_number(value));
}

void json_set_bool(json_value_t *object, const char *key, bool value)
{
    s_set(object, key, json_boolean(value));
}

void json_set_moved(json_value_t *object, const char *key, json_value_t **value_p)
{
    s_set(object, key, s_in(*value_p));
    *value_p = NULL;
}

void json_add_string(json_value_t *array, const char *value)
{
    s_add_value(array, s_string(value));
}

void json_add_u64(json_value_t *array, uint64_t value)
{
    s_add_value(array, s_u64(value));
}

void json_add_number(json_value_t *array, double value)
{
    s_add_value(array, s_number(value));
}

void json_add_moved(json_value_t *array, json_value_t **value_p)
{
    s_add_value(array, s_in(*value_p));
    *value_p = NULL;
}

/* ---- reading ---- */

const json_value_t *json_get(const json_value_t *object, const char *key)
{
    return (const json_value_t *)json_object_get(s_in(object), key);
}

const char *json_key_after(const json_value_t *object, const char *key)
{
    json_t *self = s_in(object);
    void *at = key ? json_object_iter_next(self, json_object_key_to_iter(key)) : json_object_iter(self);
    return at ? json_object_iter_key(at) : NULL;
}

const json_value_t *json_at(const json_value_t *array, size_t index)
{
    return (const json_value_t *)json_array_get(s_in(array), index);
}

size_t json_count(const json_value_t *array)
{
    return json_array_size(s_in(array));
}

const char *json_get_string(const json_value_t *object, const char *key, const char *otherwise)
{
    const json_t *value = s_in(json_get(object, key));
    return json_is_string(value) ? json_string_value(value) : otherwise;
}

uint64_t json_u64(const json_value_t *self, uint64_t otherwise)
{
    const json_t *value = s_in(self);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return otherwise;
    return (uint64_t)json_integer_value(value);
}

uint64_t json_get_u64(const json_value_t *object, const char *key, uint64_t otherwise)
{
    return json_u64(json_get(object, key), otherwise);
}

double json_get_number(const json_value_t *object, const char *key, double otherwise)
{
    const json_t *value = s_in(json_get(object, key));
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool json_get_bool(const json_value_t *object, const char *key, bool otherwise)
{
    const json_t *value = s_in(json_get(object, key));
    return json_is_boolean(value) ? json_boolean_value(value) : otherwise;
}

/* ---- text ---- */

static void s_print_value(const json_t *value, int indent, FILE *out);

static void s_break(int indent, FILE *out)
{
    if (indent >= 0)
        fprintf(out, "\n%*s", indent, "");
}

/* The shortest digits that read back as the same double: jansson would print 0.1 as 0.10000000000000001. */
static void s_print_real(double value, FILE *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    for (char *comma; (comma = strchr(text, ','));)
        *comma = '.';
    fprintf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void s_print_scalar(const json_t *value, FILE *out)
{
    if (json_is_real(value)) {
        s_print_real(json_real_value(value), out);
        return;
    }
    CHECK(json_dumpf(value, out, JSON_ENCODE_ANY) == 0);
}

static void s_print_array(const json_t *array, int indent, FILE *out)
{
    int inner = indent < 0 ? -1 : indent + 2;
    size_t count = json_array_size(array);
    fputc('[', out);
    for (size_t index = 0; index < count; index++) {
        s_break(inner, out);
        s_print_value(json_array_get(array, index), inner, out);
        if (index + 1 < count)
            fputs(indent < 0 ? ", " : ",", out);
    }
    if (count)
        s_break(indent, out);
    fputc(']', out);
}

static void s_print_object(json_t *object, int indent, FILE *out)
{
    int inner = indent < 0 ? -1 : indent + 2;
    bool first = true;
    const char *key;
    json_t *value;
    fputc('{', out);
    json_object_foreach(object, key, value)
    {
        if (!first)
            fputs(indent < 0 ? ", " : ",", out);
        first = false;
        s_break(inner, out);
        json_t *name = json_string(key);
        CHECK(name);
        s_print_scalar(name, out);
        json_decref(name);
        fputs(": ", out);
        s_print_value(value, inner, out);
    }
    if (!first)
        s_break(indent, out);
    fputc('}', out);
}

static void s_print_value(const json_t *value, int indent, FILE *out)
{
    if (json_is_object(value))
        s_print_object((json_t *)(uintptr_t)value, indent, out);
    else if (json_is_array(value))
        s_print_array(value, indent, out);
    else
        s_print_scalar(value, out);
}

static char *s_to_text(const json_value_t *self, bool compact, size_t *ret_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);
    CHECK(out);
    s_print_value(s_in(self), compact ? -1 : 0, out);
    if (!compact)
        fputc('\n', out);
    CHECK(fclose(out) == 0);
    return text;
}

char *json_print(const json_value_t *self, bool compact)
{
    size_t size;
    return s_to_text(self, compact, &size);
}

err_code_t json_parse(const char *text, size_t size, json_value_t **ret_self, err_t *err)
{
    json_error_t error;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return err_set(err, ERR_MALFORMED, "line %d column %d: %s", error.line, error.column, error.text);
    *ret_self = (json_value_t *)value;
    return ERR_OK;
}

/* ---- files ---- */

static err_code_t s_fail_json(const char *verb, const char *path, err_t *err)
{
    int why = errno;
    err_code_t code = why == ENOENT ? ERR_NOT_FOUND : why == ENOSPC || why == EDQUOT ? ERR_FULL : ERR_IO;
    return err_set(err, code, "%s %s: %s", verb, path, strerror(why));
}

err_code_t json_write_file(const json_value_t *self, const char *path, err_t *err)
{
    output_t output;
    size_t size;
    char *text = s_to_text(self, false, &size);
    err_code_t code = output_begin(&output, path, true, err);
    if (!code)
        code = output_write(&output, text, size, err);
    if (!code)
        code = output_finish(&output, err);
    free(text);
    output_abandon(&output);
    return code;
}

static err_code_t s_read_all(int fd, const char *path, char **ret_text, size_t *ret_size, err_t *err)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return s_fail_json("read", path, err);
    if (!S_ISREG(about.st_mode))
        return err_set(err, ERR_IO, "read %s: not a regular file", path);
    if (about.st_size > (off_t)FILE_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "read %s: larger than %u bytes", path, FILE_MAX_BYTES);
    size_t size = 0, room = (size_t)about.st_size;
    char *text = malloc(room + 1);
    CHECK(text);
    while (size < room) {
        ssize_t got = read(fd, text + size, room - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(text);
            return s_fail_json("read", path, err);
        }
        if (got == 0)
            break;
        size += (size_t)got;
    }
    *ret_text = text;
    *ret_size = size;
    return ERR_OK;
}

err_code_t json_read_file(const char *path, json_value_t **ret_self, err_t *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return s_fail_json("open", path, err);
    char *text = NULL;
    size_t size = 0;
    err_code_t code = s_read_all(fd, path, &text, &size, err);
    close(fd);
    if (code)
        return code;
    code = json_parse(text, size, ret_self, err);
    free(text);
    return code ? err_prefix(err, code, "%s", path) : ERR_OK;
}
