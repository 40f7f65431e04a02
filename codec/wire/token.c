#include "codec/wire/token.h"

#include <string.h>

static const char s_truncated[] = "the bytes end inside a value";

void reader_init(reader_t *self, const void *bytes, size_t size)
{
    self->start = self->at = bytes;
    self->end = self->start + size;
}

size_t reader_left(const reader_t *self)
{
    return (size_t)(self->end - self->at);
}

size_t reader_offset(const reader_t *self)
{
    return (size_t)(self->at - self->start);
}

/* Big-endian, at any alignment. */
static uint64_t s_big_endian(const uint8_t *at, size_t width)
{
    uint64_t value = 0;
    for (size_t index = 0; index < width; index++)
        value = value << 8 | at[index];
    return value;
}

static void s_set_int(token_t *token, int64_t value)
{
    token->type = value < 0 ? TOKEN_INT : TOKEN_UINT;
    token->sint = value; /* the same bits as uint when not negative */
}

static void s_set_float(token_t *token, uint64_t bits, size_t width)
{
    token->type = TOKEN_FLOAT;
    if (width == 4) {
        uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof value);
        token->real = (double)value;
    } else {
        memcpy(&token->real, &bits, sizeof bits);
    }
}

static void s_set_length(token_t *token, token_type_t type, uint64_t length)
{
    token->type = type;
    token->length = (size_t)length;
    token->body = NULL;
}

/* Headers with the value or length in the first byte itself. */
static bool s_head_fixed(uint8_t first, token_t *token)
{
    if (first <= 0x7f || first >= 0xe0)
        s_set_int(token, (int8_t)first);
    else if (first <= 0x8f)
        s_set_length(token, TOKEN_MAP, first & 0x0fu);
    else if (first <= 0x9f)
        s_set_length(token, TOKEN_ARRAY, first & 0x0fu);
    else if (first <= 0xbf)
        s_set_length(token, TOKEN_STR, first & 0x1fu);
    else
        return false;
    return true;
}

/* How many bytes follow the first one in the header, for 0xc0 .. 0xdf. Extensions: without their type byte.
 */
static const uint8_t s_widths[32] = {
    0, 0, 0, 0, 1, 2, 4, 1, /* nil, never used, false, true, bin 8 16 32, ext 8 */
    2, 4, 4, 8, 1, 2, 4, 8, /* ext 16 32, float 32 64, uint 8 16 32 64 */
    1, 2, 4, 8, 0, 0, 0, 0, /* int 8 16 32 64, fixext 1 2 4 8 */
    0, 1, 2, 4, 2, 4, 2, 4, /* fixext 16, str 8 16 32, array 16 32, map 16 32 */
};

static void s_head_wide(uint8_t first, uint64_t value, size_t width, token_t *token)
{
    if (first == 0xc0) {
        token->type = TOKEN_NIL;
    } else if (first <= 0xc3) {
        token->type = TOKEN_BOOL;
        token->boolean = first == 0xc3;
    } else if (first <= 0xc6) {
        s_set_length(token, TOKEN_BIN, value);
    } else if (first <= 0xc9) {
        s_set_length(token, TOKEN_EXT, value + 1); /* the type byte counts as part of the body */
    } else if (first <= 0xcb) {
        s_set_float(token, value, width);
    } else if (first <= 0xcf) {
        token->type = TOKEN_UINT;
        token->uint = value;
    } else if (first <= 0xd3) {
        size_t shift = 64 - 8 * width;
        s_set_int(token, (int64_t)(value << shift) >> shift);
    } else if (first <= 0xd8) {
        s_set_length(token, TOKEN_EXT, (1u << (first - 0xd4)) + 1);
    } else if (first <= 0xdb) {
        s_set_length(token, TOKEN_STR, value);
    } else {
        s_set_length(token, first <= 0xdd ? TOKEN_ARRAY : TOKEN_MAP, value);
    }
}

const char *token_head(reader_t *self, token_t *ret_token)
{
    if (self->at == self->end)
        return s_truncated;
    uint8_t first = *self->at;
    if (s_head_fixed(first, ret_token)) {
        self->at++;
        return NULL;
    }
    size_t width = s_widths[first - 0xc0];
    if (first == 0xc1)
        return "0xc1 is not msgpack";
    if (reader_left(self) < 1 + width)
        return s_truncated;
    s_head_wide(first, s_big_endian(self->at + 1, width), width, ret_token);
    self->at += 1 + width;
    return NULL;
}

/* Returns whether the bytes left can hold what the header declares. */
static bool s_fits(const reader_t *self, const token_t *token)
{
    switch (token->type) {
    case TOKEN_STR:
    case TOKEN_BIN:
    case TOKEN_EXT:
    case TOKEN_ARRAY:
        return token->length <= reader_left(self);
    case TOKEN_MAP:
        return token->length <= reader_left(self) / 2;
    default:
        return true;
    }
}

const char *token_read(reader_t *self, token_t *ret_token)
{
    const uint8_t *head = self->at;
    const char *wrong = token_head(self, ret_token);
    if (wrong)
        return wrong;
    if (!s_fits(self, ret_token)) {
        self->at = head;
        return "a declared length is more than the bytes left";
    }
    if (ret_token->type == TOKEN_STR || ret_token->type == TOKEN_BIN || ret_token->type == TOKEN_EXT) {
        ret_token->body = self->at;
        self->at += ret_token->length;
    }
    return NULL;
}

const char *token_type_name(token_type_t type)
{
    static const char *const names[] = {
        "nil",   "boolean", "unsigned integer", "negative integer", "float", "str", "bin", "ext",
        "array", "map"};
    return names[type];
}
