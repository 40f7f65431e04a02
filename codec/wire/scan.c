#include "codec/wire/scan.h"

#define DATA_HEAD_BYTES 5 /* 0xc6 and four bytes of length */

static err_code_t s_malformed(const reader_t *reader, const char *what, err_t *err)
{
    return err_set(err, ERR_MALFORMED, "byte %zu: %s", reader_offset(reader), what);
}

/* Elements that follow a header as values of their own. */
static size_t s_children(const token_t *token)
{
    if (token->type == TOKEN_ARRAY)
        return token->length;
    return token->type == TOKEN_MAP ? 2 * token->length : 0;
}

err_code_t scan_value(reader_t *reader, const scan_limits_t *limits, size_t *elements, err_t *err)
{
    size_t left[SCAN_DEPTH_MAX + 1]; /* values still to come on each level */
    size_t level = 0;
    CHECK(limits->depth >= 1 && limits->depth <= SCAN_DEPTH_MAX);
    left[0] = 1;
    for (;;) {
        while (left[level] == 0)
            if (level-- == 0)
                return ERR_OK;
        left[level]--;
        size_t at = reader_offset(reader);
        token_t token;
        const char *wrong = token_read(reader, &token);
        if (wrong)
            return s_malformed(reader, wrong, err);
        if (++*elements > limits->elements)
            return err_set(err, ERR_LIMIT, "byte %zu: more than %zu values", at, limits->elements);
        size_t children = s_children(&token);
        if (!children)
            continue;
        if (level + 2 > limits->depth) /* the top map is a level that is not counted here */
            return err_set(err, ERR_LIMIT, "byte %zu: nested deeper than %zu", at, limits->depth);
        left[++level] = children;
    }
}

typedef struct {
    uint64_t bits[(SCAN_KEY_MAX + 1) / 64];
} keys_t;

static err_code_t s_scan_key(reader_t *reader, keys_t *seen, uint64_t *ret_key, err_t *err)
{
    size_t at = reader_offset(reader);
    token_t token;
    const char *wrong = token_read(reader, &token);
    if (wrong)
        return s_malformed(reader, wrong, err);
    if (token.type != TOKEN_UINT)
        return err_set(err, ERR_MALFORMED, "byte %zu: a key is %s; field numbers are unsigned integers", at,
                       token_type_name(token.type));
    if (token.uint > SCAN_KEY_MAX)
        return err_set(err, ERR_LIMIT, "byte %zu: field number above %d", at, SCAN_KEY_MAX);
    uint64_t *word = &seen->bits[token.uint / 64], bit = UINT64_C(1) << token.uint % 64;
    if (*word & bit)
        return err_set(err, ERR_MALFORMED, "byte %zu: field %u comes twice", at, (unsigned)token.uint);
    *word |= bit;
    *ret_key = token.uint;
    return ERR_OK;
}

/* Key 0: the header of a bin 32, and nothing behind it. */
static err_code_t s_scan_data(reader_t *reader, bool is_last, scan_t *scan, err_t *err)
{
    token_t token;
    if (!is_last || reader_left(reader) != DATA_HEAD_BYTES || *reader->at != 0xc6)
        return s_malformed(reader, "key 0 is not the last one with the header of a bin 32", err);
    const char *wrong = token_head(reader, &token);
    if (wrong)
        return s_malformed(reader, wrong, err);
    scan->has_data = true;
    scan->data_bytes = token.length;
    return ERR_OK;
}

static err_code_t s_scan_fields(reader_t *reader, const scan_limits_t *limits, scan_t *scan, err_t *err)
{
    keys_t seen = {{0}};
    size_t elements = 1;
    for (size_t index = 0; index < scan->field_count; index++) {
        uint64_t key = 0;
        err_code_t code = s_scan_key(reader, &seen, &key, err);
        if (!code && ++elements > limits->elements)
            code = err_set(err, ERR_LIMIT, "byte %zu: more than %zu values", reader_offset(reader),
                           limits->elements);
        if (!code)
            code = key ? scan_value(reader, limits, &elements, err)
                       : s_scan_data(reader, index + 1 == scan->field_count, scan, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

err_code_t scan_msgpack(const void *bytes, size_t size, const scan_limits_t *limits, scan_t *ret_scan,
                        err_t *err)
{
    reader_t reader;
    token_t token;
    reader_init(&reader, bytes, size);
    const char *wrong = token_read(&reader, &token);
    if (wrong)
        return s_malformed(&reader, wrong, err);
    if (token.type != TOKEN_MAP)
        return err_set(err, ERR_MALFORMED, "byte 0: the frame is %s, not a map", token_type_name(token.type));
    scan_t scan = {.field_count = token.length};
    err_code_t code = s_scan_fields(&reader, limits, &scan, err);
    if (code)
        return code;
    if (reader_left(&reader))
        return s_malformed(&reader, "bytes behind the end of the map", err);
    *ret_scan = scan;
    return ERR_OK;
}
