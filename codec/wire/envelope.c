#include "codec/wire/message.h"
#include "codec/wire/token.h"

#include <string.h>

#define ENVELOPE_VALUES 7
#define KIND_LIMIT 65535

static err_code_t s_wrong(const reader_t *reader, const char *value, const char *what, err_t *err)
{
    return err_set(err, ERR_MALFORMED, "envelope: %s before byte %zu: %s", value, reader_offset(reader),
                   what);
}

static err_code_t s_read_u64(reader_t *reader, const char *value, uint64_t *ret_number, err_t *err)
{
    token_t token;
    const char *wrong = token_read(reader, &token);
    if (wrong)
        return s_wrong(reader, value, wrong, err);
    if (token.type != TOKEN_UINT)
        return s_wrong(reader, value, "not an unsigned integer", err);
    *ret_number = token.uint;
    return ERR_OK;
}

static err_code_t s_read_name(reader_t *reader, const char *value, const char **ret_name, size_t *ret_length,
                              err_t *err)
{
    token_t token;
    const char *wrong = token_read(reader, &token);
    if (wrong)
        return s_wrong(reader, value, wrong, err);
    if (token.type != TOKEN_STR)
        return s_wrong(reader, value, "not a str", err);
    if (token.length >= WIRE_NAME_SIZE)
        return err_set(err, ERR_LIMIT, "envelope: %s before byte %zu: a name of %zu bytes; at most %d", value,
                       reader_offset(reader), token.length, WIRE_NAME_SIZE - 1);
    if (token.length && memchr(token.body, 0, token.length))
        return s_wrong(reader, value, "a zero byte in a name", err);
    *ret_name = (const char *)token.body;
    *ret_length = token.length;
    return ERR_OK;
}

/* The array's header and the version, which decides whether the rest means anything. */
static err_code_t s_read_version(reader_t *reader, err_t *err)
{
    token_t token;
    const char *wrong = token_read(reader, &token);
    if (wrong)
        return s_wrong(reader, "array", wrong, err);
    if (token.type != TOKEN_ARRAY || token.length < 1)
        return s_wrong(reader, "array", "not an array", err);
    size_t count = token.length;
    uint64_t version = 0;
    err_code_t code = s_read_u64(reader, "version", &version, err);
    if (code)
        return code;
    if (version != MESSAGE_PROTOCOL)
        return err_set(err, ERR_VERSION, "protocol %llu; this side speaks %d", (unsigned long long)version,
                       MESSAGE_PROTOCOL);
    return count == ENVELOPE_VALUES ? ERR_OK : s_wrong(reader, "array", "not of 7 values", err);
}

static err_code_t s_read_values(reader_t *reader, envelope_t *self, err_t *err)
{
    uint64_t kind = 0, class = 0;
    err_code_t code = s_read_u64(reader, "kind", &kind, err);
    if (!code && kind > KIND_LIMIT)
        code = err_set(err, ERR_LIMIT, "envelope: kind above %d", KIND_LIMIT);
    if (!code)
        code = s_read_name(reader, "to", &self->to, &self->to_length, err);
    if (!code)
        code = s_read_name(reader, "from", &self->from, &self->from_length, err);
    if (!code)
        code = s_read_u64(reader, "incarnation", &self->incarnation, err);
    if (!code && !incarnation_is_possible(self->incarnation))
        code = err_set(err, ERR_LIMIT, "envelope: nobody can have given the incarnation %llx",
                       (unsigned long long)self->incarnation);
    if (!code)
        code = s_read_u64(reader, "number", &self->number, err);
    if (!code)
        code = s_read_u64(reader, "class", &class, err);
    if (!code && class >= CLASS_COUNT)
        code = s_wrong(reader, "class", "no such class", err);
    self->kind = (message_kind_t)kind;
    self->class = (message_class_t) class;
    return code;
}

err_code_t envelope_peek(const void *bytes, size_t size, envelope_t *ret_self, err_t *err)
{
    if (size > MESSAGE_ENVELOPE_MAX)
        return err_set(err, ERR_LIMIT, "envelope of %zu bytes; at most %d", size, MESSAGE_ENVELOPE_MAX);
    reader_t reader;
    reader_init(&reader, bytes, size);
    envelope_t self = {0};
    err_code_t code = s_read_version(&reader, err);
    if (!code)
        code = s_read_values(&reader, &self, err);
    if (!code && reader_left(&reader))
        code = s_wrong(&reader, "end", "bytes behind it", err);
    if (!code)
        *ret_self = self;
    return code;
}
