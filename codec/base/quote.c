#include "codec/base/quote.h"

#include <stdio.h>
#include <string.h>

const char *quote_word(const char *text, char out[QUOTE_MAX])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
    size_t at = 0;
    if (*text && text[strspn(text, plain)] == '\0') {
        snprintf(out, QUOTE_MAX, "%s", text);
        return out;
    }
    out[at++] = '\'';
    for (; *text && at < QUOTE_MAX - 6; text++) {
        if (*text == '\'') { /* ends the quotes, stands for itself, and begins them again */
            memcpy(out + at, "'\\''", 4);
            at += 4;
        } else {
            out[at++] = *text;
        }
    }
    out[at++] = '\'';
    out[at] = '\0';
    return out;
}
