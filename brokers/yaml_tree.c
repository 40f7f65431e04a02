#include "brokers/yaml_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- nodes ------------------------------------------------------------------------------------------------
 */

void tree_clear(tree_node_t *self)
{
    for (tree_node_t *child = self->first; child;) {
        tree_node_t *next = child->next;
        tree_clear(child); /* as deep as TREE_DEPTH_MAX at most */
        free(child->key);
        free(child);
        child = next;
    }
    free(self->text);
    self->text = NULL;
    self->first = self->last = NULL;
    self->count = 0;
}

void tree_destroy(tree_t **self_p)
{
    tree_t *self = *self_p;
    if (!self)
        return;
    if (self->root) {
        tree_clear(self->root);
        free(self->root);
    }
    free(self->name);
    free(self);
    *self_p = NULL;
}

tree_node_t *tree_get(const tree_node_t *map, const char *key)
{
    for (tree_node_t *child = map->first; child; child = child->next)
        if (child->key && strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

tree_node_t *tree_at(const tree_node_t *list, size_t index)
{
    tree_node_t *child = list->first;
    while (child && index-- > 0)
        child = child->next;
    return child;
}

tree_node_t *tree_add(tree_node_t *parent, const char *key, tree_kind_t kind)
{
    tree_node_t *child = calloc(1, sizeof *child);
    if (!child)
        return NULL;
    if (key && !(child->key = strdup(key))) {
        free(child);
        return NULL;
    }
    child->kind = kind;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
    return child;
}

err_code_t tree_set_text(tree_node_t *scalar, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return ERR_MEMORY;
    free(scalar->text);
    scalar->text = copy;
    return ERR_OK;
}

void tree_become(tree_node_t *self, tree_kind_t kind)
{
    tree_clear(self);
    self->kind = kind;
    self->quoted = false;
}

static void s_mark(tree_node_t *self, const char *set)
{
    self->set = set;
    for (tree_node_t *child = self->first; child; child = child->next)
        s_mark(child, set);
}

void tree_take(tree_node_t *self, tree_node_t *from, const char *set)
{
    tree_become(self, from->kind);
    self->quoted = from->quoted;
    self->text = from->text;
    self->first = from->first;
    self->last = from->last;
    self->count = from->count;
    from->text = NULL;
    from->first = from->last = NULL;
    from->count = 0;
    s_mark(self, set);
}

/* -- paths ------------------------------------------------------------------------------------------------
 */

bool tree_step(const char **cursor_p, tree_step_t *ret_step)
{
    const char *at = *cursor_p;
    bool bracket = *at == '[';
    if (bracket || *at == '.')
        at++;
    size_t length = strcspn(at, bracket ? "]" : ".[]");
    if (length == 0 || (bracket && at[length] != ']'))
        return false;
    const char *end = at + length + (bracket ? 1 : 0);
    if (*end != '\0' && *end != '.' && *end != '[')
        return false;
    *ret_step = (tree_step_t){.text = at, .length = length, .bracket = bracket};
    *cursor_p = end;
    return true;
}

static bool s_same(const char *text, const tree_step_t *step)
{
    return text && strlen(text) == step->length && memcmp(text, step->text, step->length) == 0;
}

tree_node_t *tree_child(const tree_node_t *self, const tree_step_t *step)
{
    if (self->kind == TREE_LIST && step->bracket && strspn(step->text, "0123456789") >= step->length)
        return step->length > 6 ? NULL : tree_at(self, strtoul(step->text, NULL, 10));
    for (tree_node_t *child = self->first; child; child = child->next) {
        if (!step->bracket && self->kind == TREE_MAP && s_same(child->key, step))
            return child;
        const tree_node_t *name = step->bracket && child->kind == TREE_MAP ? tree_get(child, "name") : NULL;
        if (self->kind == TREE_LIST && name && s_same(name->text, step))
            return child;
    }
    return NULL;
}

const tree_node_t *tree_nearest(const tree_t *self, const char *path, bool *ret_found)
{
    const tree_node_t *node = self->root;
    tree_step_t step;
    *ret_found = false;
    while (tree_step(&path, &step)) {
        const tree_node_t *child = tree_child(node, &step);
        if (!child)
            return node;
        node = child;
    }
    *ret_found = true;
    return node;
}

/* -- errors -----------------------------------------------------------------------------------------------
 */

const char *tree_quote(const char *text, char out[TREE_QUOTE_MAX])
{
    size_t length = strlen(text);
    size_t room = TREE_QUOTE_MAX - 6; /* two quotes, three dots, the zero */
    size_t taken = length > room ? room : length;
    out[0] = '"';
    for (size_t i = 0; i < taken; i++)
        out[1 + i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    snprintf(out + 1 + taken, TREE_QUOTE_MAX - 1 - taken, "%s", taken < length ? "...\"" : "\"");
    return out;
}

/* Control characters would break the one line that an error is. */
static void s_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

/* The text of a place keeps room for the reason, which says more. */
#define WHERE_MAX 240

static err_code_t s_fail_at(const tree_t *self, const char *where, const char *key, const char *shown_key,
                            err_t *err, const char *format, va_list args)
{
    char text[ERR_TEXT_MAX];
    err_t whole = {0};
    vsnprintf(text, sizeof text, format, args);
    err_set(&whole, ERR_CONFIG, "%s: %s%s%s", where, shown_key, *shown_key ? ": " : "", text);
    s_one_line(whole.text);
    if (err && !(self->mistakes && self->mistakes->told))
        *err = whole;
    if (self->mistakes)
        mistakes_add(self->mistakes, key, whole.text);
    return ERR_CONFIG;
}

/* "--set A=V", the value shortened; without the key when the set names that key itself. */
static const char *s_set_place(const char *set, const char *key, char *out, size_t size)
{
    size_t key_length = strcspn(set, "=");
    snprintf(out, size, "--set %.120s%s", set, strlen(set) > 120 ? "..." : "");
    return strlen(key) == key_length && strncmp(set, key, key_length) == 0 ? "" : key;
}

/* "NAME:LINE:COLUMN"; of a long name its end, which is the file's own. */
static void s_file_place(const tree_t *self, const tree_node_t *node, bool at_key, char *out, size_t size)
{
    size_t length = strlen(self->name);
    bool cut = length > 160;
    snprintf(out, size, "%s%s:%zu:%zu", cut ? "..." : "", self->name + (cut ? length - 157 : 0),
             at_key ? node->key_line : node->line, at_key ? node->key_column : node->column);
}

static bool s_at_key(const tree_node_t *node)
{
    return node->kind != TREE_SCALAR && node->key_line > 0;
}

const char *tree_place(const tree_t *self, const char *path, char out[MISTAKES_PLACE_MAX])
{
    bool found;
    const tree_node_t *node = tree_nearest(self, path, &found);
    if (node->set)
        s_set_place(node->set, "", out, MISTAKES_PLACE_MAX);
    else
        s_file_place(self, node, s_at_key(node), out, MISTAKES_PLACE_MAX);
    s_one_line(out);
    return out;
}

static err_code_t s_fail_node(const tree_t *self, const tree_node_t *node, bool at_key, const char *key,
                              err_t *err, const char *format, va_list args)
{
    char where[WHERE_MAX];
    const char *shown = key;
    if (node->set)
        shown = s_set_place(node->set, key, where, sizeof where);
    else
        s_file_place(self, node, at_key, where, sizeof where);
    return s_fail_at(self, where, key, shown, err, format, args);
}

err_code_t tree_fail(const tree_t *self, const tree_node_t *node, const char *key, err_t *err,
                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_code_t code = s_fail_node(self, node, s_at_key(node), key, err, format, args);
    va_end(args);
    return code;
}

err_code_t tree_fail_key(const tree_t *self, const tree_node_t *node, const char *key, err_t *err,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_code_t code = s_fail_node(self, node, node->key_line > 0, key, err, format, args);
    va_end(args);
    return code;
}

void tree_note(const tree_t *self, const char *key, const char *format, ...)
{
    mistakes_t *mistakes = self->mistakes;
    if (!mistakes || mistakes->note_count == MISTAKES_NOTES_MAX)
        return;
    char place[MISTAKES_PLACE_MAX], text[ERR_TEXT_MAX / 2];
    err_t note = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)err_set(&note, ERR_CONFIG, "%s: %s: %s", tree_place(self, key, place), key, text);
    memcpy(mistakes->notes[mistakes->note_count++], note.text, sizeof note.text);
}
