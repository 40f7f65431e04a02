#include "brokers/topology_words.h"

#include <stdio.h>
#include <string.h>

/* A word that can stand in a YAML list as it is. */
static bool s_is_word(const char *text, size_t length)
{
    static const char never[] = ",[]{}\"'\\#:&*!|>%@`";
    if (length == 0 || strchr("-? ", text[0]) || text[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127 || strchr(never, text[i]))
            return false;
    return true;
}

/* Takes the brackets away, and spaces; returns how many characters are left. */
static size_t s_inside(const char **text, size_t length)
{
    if (length >= 2 && (*text)[0] == '[' && (*text)[length - 1] == ']') {
        ++*text;
        length -= 2;
    }
    return length;
}

bool words_parse(const char *text, size_t most, char ret_words[TOPOLOGY_WORDS_MAX])
{
    char words[TOPOLOGY_WORDS_MAX] = "";
    size_t left = s_inside(&text, strlen(text)), at = 0, count = 0;
    while (left) {
        size_t skip = strspn(text, " "), length = 0;
        text += skip;
        left -= skip < left ? skip : left;
        while (length < left && text[length] != ',')
            length++;
        if (count++ == most || !s_is_word(text, length) || at + length + 2 > sizeof words)
            return false;
        at += (size_t)snprintf(words + at, sizeof words - at, "%s%.*s", at ? "," : "", (int)length, text);
        bool more = length < left;
        text += length + more;
        left -= length + more;
        if (more && !left)
            return false;
    }
    memcpy(ret_words, words, sizeof words);
    return true;
}

size_t words_count(const char *words)
{
    size_t count = *words != '\0';
    for (; *words; words++)
        count += *words == ',';
    return count;
}

bool words_have(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strcspn(at, ",") == length && memcmp(at, word, length) == 0)
            return true;
    return false;
}

const char *words_print(const char *words, size_t most, char *out)
{
    char *at = out;
    if (most > 1)
        *at++ = '[';
    for (; *words; words++) {
        *at++ = *words;
        if (*words == ',')
            *at++ = ' ';
    }
    if (most > 1)
        *at++ = ']';
    *at = '\0';
    return out;
}
