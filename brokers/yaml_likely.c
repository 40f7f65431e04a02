#include "brokers/yaml_likely.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define LINES_BACK 16 /* a mistake further up than that is not looked for */

typedef struct {
    const char *text;
    size_t size;
} line_t;

/* The line with this number from 1; empty when there is none. */
static line_t s_line(const char *text, size_t size, size_t number)
{
    const char *at = text, *end = text + size;
    while (at < end && --number > 0) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        at = next ? next + 1 : end;
    }
    const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return (line_t){at, (size_t)((stop ? stop : end) - at)};
}

/* -- mistakes that one line shows -------------------------------------------------------------------------
 * Each returns the column from 1, or 0. */

static size_t s_indent(line_t line)
{
    size_t at = 0;
    while (at < line.size && (line.text[at] == ' ' || line.text[at] == '\t'))
        at++;
    return at;
}

static size_t s_tab(line_t line)
{
    for (size_t i = 0; i < s_indent(line); i++)
        if (line.text[i] == '\t')
            return i + 1;
    return 0;
}

static size_t s_dash(line_t line)
{
    size_t at = s_indent(line);
    return at + 1 < line.size && line.text[at] == '-' && isalpha((unsigned char)line.text[at + 1]) ? at + 1
                                                                                                   : 0;
}

/* KEY:VALUE at the beginning, and no KEY: VALUE. */
static size_t s_colon(line_t line)
{
    size_t at = s_indent(line);
    if (at + 1 < line.size && line.text[at] == '-' && line.text[at + 1] == ' ')
        at += 2;
    size_t start = at;
    while (at < line.size && (isalnum((unsigned char)line.text[at]) || line.text[at] == '_'))
        at++;
    bool close =
        at > start && at + 1 < line.size && line.text[at] == ':' && !strchr(" \t\r/", line.text[at + 1]);
    return close ? at + 1 : 0;
}

/* A word alone in its line. */
static size_t s_bare(line_t line)
{
    size_t start = s_indent(line), at = start;
    while (at < line.size && (isalnum((unsigned char)line.text[at]) || line.text[at] == '_'))
        at++;
    return at > start && (at == line.size || line.text[at] == '\r') ? start + 1 : 0;
}

/* A quote that begins a text and is not closed in its line. */
static size_t s_quote(line_t line)
{
    char open = 0;
    size_t where = 0;
    for (size_t i = 0; i < line.size; i++) {
        char c = line.text[i];
        bool begins = i == 0 || strchr(" \t[{,", line.text[i - 1]);
        if (!open && c == '#' && begins)
            break;
        if (open == '"' && c == '\\')
            i++;
        else if (open && c == open)
            open = 0;
        else if (!open && begins && (c == '"' || c == '\'')) {
            open = c;
            where = i + 1;
        }
    }
    return open ? where : 0;
}

static const struct {
    size_t (*find)(line_t line);
    const char *text;
} s_signs[] = {
    {s_tab, "a tab where the line is indented; write spaces"},
    {s_dash, "no space after the dash; write \"- \" before each element of a list"},
    {s_colon, "no space after the colon; write KEY: VALUE"},
    {s_quote, "a quote that is opened here is not closed in its line; write one at the end of the text too"},
    {s_bare, "no colon after this key; write KEY: VALUE"},
};

/* The nearest line, from where libyaml stopped upwards to where it began, that shows a mistake. */
static const char *s_sign(const char *text, size_t size, yaml_fault_t *fault)
{
    size_t first = fault->line > LINES_BACK ? fault->line - LINES_BACK : 1;
    for (size_t number = fault->line; number >= first; number--)
        for (size_t i = 0; i < sizeof s_signs / sizeof *s_signs; i++) {
            size_t column = s_signs[i].find(s_line(text, size, number));
            if (!column)
                continue;
            fault->line = number;
            fault->column = column;
            return s_signs[i].text;
        }
    return NULL;
}

/* -- mistakes that libyaml's words show -------------------------------------------------------------------
 */

typedef enum { AT_PROBLEM, AT_BEGIN } place_t;

static const struct {
    const char *problem, *context; /* parts of these; NULL: any */
    bool looks;                    /* a sign in the lines above says more */
    place_t place;
    const char *text;
} s_words[] = {
    {"invalid", NULL, false, AT_PROBLEM, "a byte that is no UTF-8; write the file as UTF-8"},
    {"incomplete UTF-8", NULL, false, AT_PROBLEM, "a byte that is no UTF-8; write the file as UTF-8"},
    {"control characters", NULL, false, AT_PROBLEM, "a control character; write without it"},
    {"unexpected end of stream", "quoted scalar", false, AT_BEGIN,
     "a quote that is opened here is never closed; write one at the end of the text too"},
    {"unexpected document indicator", "quoted scalar", false, AT_BEGIN,
     "a quote that is opened here is never closed; write one at the end of the text too"},
    {"unknown escape character", NULL, false, AT_PROBLEM,
     "a backslash in double quotes begins an escape; write single quotes, or two backslashes"},
    {"tab character", NULL, true, AT_PROBLEM, "a tab where the line is indented; write spaces"},
    {"cannot start any token", NULL, true, AT_PROBLEM,
     "a character that cannot begin a text; write the text in quotes"},
    {"expected ':'", NULL, true, AT_BEGIN, "no colon after this key; write KEY: VALUE"},
    {"mapping values are not allowed", NULL, true, AT_PROBLEM,
     "a colon in a text, or a key that is indented too far; write the text in quotes, or fewer spaces"},
    {"expected ',' or '}'", NULL, true, AT_BEGIN,
     "a brace that is opened here is not closed, or a comma is missing; write KEY: VALUE, ... and }"},
    {"expected ',' or ']'", NULL, true, AT_BEGIN,
     "a bracket that is opened here is not closed, or a comma is missing; write A, B, ... and ]"},
    {"expected key", NULL, true, AT_PROBLEM,
     "indented other than the keys that it belongs to, or a list's element among keys; write as many spaces "
     "as "
     "they have"},
    {"expected '-' indicator", NULL, true, AT_PROBLEM,
     "no dash before an element of a list; write \"- \" with as many spaces before it as the others have"},
    {"block sequence entries are not allowed", NULL, true, AT_PROBLEM,
     "a list begins in the middle of a line; write \"- \" on a line of its own"},
};

/* Zeros between letters, or the mark that such a file begins with. */
static bool s_is_utf16(const char *text, size_t size)
{
    if (size < 2)
        return false;
    bool mark = memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0;
    return mark || (!text[0] != !text[1] && isprint((unsigned char)(text[0] | text[1])));
}

const char *yaml_likely(const char *text, size_t size, yaml_fault_t *fault)
{
    if (s_is_utf16(text, size)) {
        fault->line = fault->column = 1;
        return "the file is UTF-16; write it as UTF-8";
    }
    for (size_t i = 0; i < sizeof s_words / sizeof *s_words; i++) {
        if (!strstr(fault->problem, s_words[i].problem) ||
            (s_words[i].context && !(fault->context && strstr(fault->context, s_words[i].context))))
            continue;
        const char *sign = s_words[i].looks ? s_sign(text, size, fault) : NULL;
        if (!sign && s_words[i].place == AT_BEGIN && fault->begin_line) {
            fault->line = fault->begin_line;
            fault->column = fault->begin_column;
        }
        return sign ? sign : s_words[i].text;
    }
    return NULL;
}
