#include "actors/model/data/vocabulary.h"

#include "codec/base/hash.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64 /* a power of 2, as all sizes are */

static err_code_t s_no_memory(const vocabulary_t *self, err_t *err)
{
    return err_set(err, ERR_MEMORY, "no memory for %zu categories of a column", self->count);
}

static int s_compare(const vocabulary_t *self, const struct word *a, const char *text, size_t length)
{
    size_t common = a->length < length ? a->length : length;
    int order = memcmp(self->text + a->at, text, common);
    return order ? order : (a->length > length) - (a->length < length);
}

/* Where the word stands in the table, or where it would. */
static uint32_t *s_place(const vocabulary_t *self, const char *word, size_t length)
{
    size_t at = (size_t)hash_checksum(word, length) & (self->table_size - 1);
    while (self->table[at] && s_compare(self, self->words + self->table[at] - 1, word, length) != 0)
        at = (at + 1) & (self->table_size - 1);
    return self->table + at;
}

uint32_t vocabulary_find(const vocabulary_t *self, const char *word, size_t length)
{
    uint32_t place = self->table_size ? *s_place(self, word, length) : 0;
    return place ? self->words[place - 1].number : 0;
}

/* Twice the table, when it is half full. */
static err_code_t s_widen(vocabulary_t *self, err_t *err)
{
    if (2 * (self->count + 1) <= self->table_size)
        return ERR_OK;
    size_t size = self->table_size ? 2 * self->table_size : FIRST_SIZE;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table)
        return s_no_memory(self, err);
    free(self->table);
    self->table = table;
    self->table_size = size;
    for (size_t i = 0; i < self->count; i++)
        *s_place(self, self->text + self->words[i].at, self->words[i].length) = (uint32_t)i + 1;
    return ERR_OK;
}

/* Room for `more` items behind `count`. */
static void *s_room(void *items, size_t count, size_t more, size_t *room, size_t item_size)
{
    if (count + more <= *room)
        return items;
    size_t wanted = 2 * (count + more);
    void *moved = realloc(items, wanted * item_size);
    *room = moved ? wanted : *room;
    return moved;
}

err_code_t vocabulary_add(vocabulary_t *self, const char *word, size_t length, err_t *err)
{
    err_code_t code = s_widen(self, err);
    if (code)
        return code;
    uint32_t *place = s_place(self, word, length);
    if (*place)
        return ERR_OK;
    char *text = s_room(self->text, self->length, length + 1, &self->text_room, 1);
    self->text = text ? text : self->text;
    struct word *words = s_room(self->words, self->count, 1, &self->word_room, sizeof *words);
    self->words = words ? words : self->words;
    if (!text || !words)
        return s_no_memory(self, err);
    memcpy(self->text + self->length, word, length);
    self->words[self->count++] = (struct word){.at = self->length, .length = length};
    self->length += length;
    *place = (uint32_t)self->count;
    return ERR_OK;
}

static int s_order(const void *a, const void *b, void *hint)
{
    const vocabulary_t *self = hint;
    const struct word *one = self->words + *(const uint32_t *)a, *other = self->words + *(const uint32_t *)b;
    return s_compare(self, one, self->text + other->at, other->length);
}

err_code_t vocabulary_number(vocabulary_t *self, uint32_t first, err_t *err)
{
    uint32_t *order = malloc((self->count ? self->count : 1) * sizeof *order);
    if (!order)
        return s_no_memory(self, err);
    for (size_t i = 0; i < self->count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, self->count, sizeof *order, s_order, self);
    for (size_t i = 0; i < self->count; i++)
        self->words[order[i]].number = first + (uint32_t)i;
    free(order);
    return ERR_OK;
}

void vocabulary_fini(vocabulary_t *self)
{
    free(self->text);
    free(self->words);
    free(self->table);
    *self = (vocabulary_t){0};
}
