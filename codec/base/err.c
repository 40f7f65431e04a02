#include "codec/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is quoted may come from a file or a peer: it must not break the line, nor tell a terminal what to do. */
static void s_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

err_code_t err_set(err_t *err, err_code_t code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        s_one_line(err->text);
        err->code = code;
    }
    return code;
}

err_code_t err_prefix(err_t *err, err_code_t code, const char *format, ...)
{
    if (err) {
        char prefix[ERR_TEXT_MAX], tail[ERR_TEXT_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(prefix, sizeof prefix, format, args);
        va_end(args);
        memcpy(tail, err->text, sizeof tail);
        /* A text that is too long loses its end: the beginning says where it happened. */
        int length = snprintf(err->text, sizeof err->text, "%s: ", prefix);
        if (length >= 0 && (size_t)length < sizeof err->text)
            stpncpy(err->text + length, tail, sizeof err->text - (size_t)length - 1);
        err->text[sizeof err->text - 1] = 0;
        s_one_line(err->text);
        err->code = code;
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
