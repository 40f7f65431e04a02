#include "codec/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Quoted text may come from a file or a peer: it must not break the line, nor tell a terminal what to
 * do. */
static void s_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

#define WHOLE_MAX 12288 /* two of the longest paths, and words */
#define HEAD_MAX 200

static bool s_is_inside_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The beginning of a text that is too long says where it happened, its end why and what to do: the middle
 * goes. */
static void s_put_text(err_t *err, err_code_t code, const char *whole)
{
    static const char gap[] = "...";
    size_t length = strlen(whole), head = HEAD_MAX, tail = sizeof err->text - 1 - HEAD_MAX - (sizeof gap - 1);
    if (length < sizeof err->text) {
        memcpy(err->text, whole, length + 1);
    } else {
        while (head && s_is_inside_character(whole[head]))
            head--;
        while (tail && s_is_inside_character(whole[length - tail]))
            tail--;
        snprintf(err->text, sizeof err->text, "%.*s%s%s", (int)head, whole, gap, whole + length - tail);
    }
    s_one_line(err->text);
    err->code = code;
}

err_code_t err_set(err_t *err, err_code_t code, const char *format, ...)
{
    if (err) {
        char whole[WHOLE_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(whole, sizeof whole, format, args);
        va_end(args);
        s_put_text(err, code, whole);
    }
    return code;
}

err_code_t err_prefix(err_t *err, err_code_t code, const char *format, ...)
{
    if (err) {
        char prefix[WHOLE_MAX - ERR_TEXT_MAX], whole[WHOLE_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(prefix, sizeof prefix, format, args);
        va_end(args);
        snprintf(whole, sizeof whole, "%.*s: %s", (int)sizeof prefix - 3, prefix, err->text);
        s_put_text(err, code, whole);
    }
    return code;
}

const char *err_name(err_code_t code)
{
    switch (code) {
#define ERR_CASE(name, value, meaning)                                                                       \
    case ERR_##name:                                                                                         \
        return #name;
        ERR_MAP(ERR_CASE)
#undef ERR_CASE
    }
    return "UNKNOWN";
}

const char *err_meaning(err_code_t code)
{
    switch (code) {
#define ERR_CASE(name, value, meaning)                                                                       \
    case ERR_##name:                                                                                         \
        return meaning;
        ERR_MAP(ERR_CASE)
#undef ERR_CASE
    }
    return "an error this version does not know";
}

void err_abort(const char *file, int line, const char *condition)
{
    fprintf(stderr, "cloudless: %s:%d: programming error: %s is false\n", file, line, condition);
    abort();
}
