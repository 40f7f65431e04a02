#include "brokers/yaml_tree.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* -- nodes ------------------------------------------------------------------------------------------------
 */

static void s_clear(tree_node_t *self)
{
    for (tree_node_t *child = self->first; child;) {
        tree_node_t *next = child->next;
        s_clear(child); /* as deep as TREE_DEPTH_MAX at most */
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
        s_clear(self->root);
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
    s_clear(self);
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

static err_code_t s_fail_at(const char *where, const char *key, err_t *err, const char *format, va_list args)
{
    char text[ERR_TEXT_MAX];
    vsnprintf(text, sizeof text, format, args);
    err_set(err, ERR_CONFIG, "%s: %s%s%s", where, key, *key ? ": " : "", text);
    if (err)
        s_one_line(err->text);
    return ERR_CONFIG;
}

/* "--set A=V", the value shortened; without the key when the set names that key itself. */
static const char *s_set_place(const char *set, const char *key, char *out, size_t size)
{
    size_t key_length = strcspn(set, "=");
    snprintf(out, size, "--set %.120s%s", set, strlen(set) > 120 ? "..." : "");
    return strlen(key) == key_length && strncmp(set, key, key_length) == 0 ? "" : key;
}

static err_code_t s_fail_node(const tree_t *self, const tree_node_t *node, bool at_key, const char *key,
                              err_t *err, const char *format, va_list args)
{
    char where[ERR_TEXT_MAX];
    if (node->set)
        key = s_set_place(node->set, key, where, sizeof where);
    else
        snprintf(where, sizeof where, "%.200s:%zu:%zu", self->name, at_key ? node->key_line : node->line,
                 at_key ? node->key_column : node->column);
    return s_fail_at(where, key, err, format, args);
}

err_code_t tree_fail(const tree_t *self, const tree_node_t *node, const char *key, err_t *err,
                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool at_key = node->kind != TREE_SCALAR && node->key_line > 0;
    err_code_t code = s_fail_node(self, node, at_key, key, err, format, args);
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

/* -- conversion -------------------------------------------------------------------------------------------
 */

typedef struct {
    const tree_t *tree;
    yaml_document_t *document;
    unsigned char *seen; /* by node number: libyaml gives an alias the number of what it means */
    size_t count;
    err_t *err;
} converter_t;

static err_code_t s_convert(converter_t *self, int number, int depth, tree_node_t *ret_node);

static bool s_has_own_tag(const yaml_node_t *from)
{
    const char *tag = (const char *)from->tag;
    return strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, YAML_MAP_TAG) != 0 && strcmp(tag, YAML_SEQ_TAG) != 0;
}

static err_code_t s_convert_scalar(converter_t *self, const yaml_node_t *from, tree_node_t *node)
{
    const char *value = (const char *)from->data.scalar.value;
    node->kind = TREE_SCALAR;
    node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (memchr(value, 0, from->data.scalar.length))
        return tree_fail(self->tree, node, "yaml", self->err, "a zero byte inside a text; write it without");
    return tree_set_text(node, value);
}

static err_code_t s_convert_list(converter_t *self, const yaml_node_t *from, int depth, tree_node_t *node)
{
    node->kind = TREE_LIST;
    for (yaml_node_item_t *item = from->data.sequence.items.start; item < from->data.sequence.items.top;
         item++) {
        tree_node_t *child = tree_add(node, NULL, TREE_SCALAR);
        err_code_t code = child ? s_convert(self, *item, depth + 1, child) : ERR_MEMORY;
        if (code)
            return code;
    }
    return ERR_OK;
}

static err_code_t s_convert_pair(converter_t *self, const yaml_node_pair_t *pair, int depth,
                                 tree_node_t *node)
{
    tree_node_t key = {.kind = TREE_SCALAR};
    err_code_t code = s_convert(self, pair->key, depth + 1, &key);
    if (!code && key.kind != TREE_SCALAR)
        code =
            tree_fail(self->tree, &key, "yaml", self->err, "a key that is not plain text; write KEY: VALUE");
    if (!code) {
        tree_node_t *child = tree_add(node, key.text, TREE_SCALAR);
        if (child) {
            child->key_line = key.line;
            child->key_column = key.column;
        }
        code = child ? s_convert(self, pair->value, depth + 1, child) : ERR_MEMORY;
    }
    s_clear(&key);
    return code;
}

static err_code_t s_convert_map(converter_t *self, const yaml_node_t *from, int depth, tree_node_t *node)
{
    node->kind = TREE_MAP;
    for (yaml_node_pair_t *pair = from->data.mapping.pairs.start; pair < from->data.mapping.pairs.top;
         pair++) {
        err_code_t code = s_convert_pair(self, pair, depth, node);
        if (code)
            return code;
    }
    return ERR_OK;
}

static err_code_t s_convert(converter_t *self, int number, int depth, tree_node_t *node)
{
    const yaml_node_t *from = yaml_document_get_node(self->document, number);
    bool alias = self->seen[number];
    self->seen[number] = 1;
    node->line = from->start_mark.line + 1;
    node->column = from->start_mark.column + 1;
    if (alias)
        return tree_fail_key(self->tree, node, "yaml", self->err,
                             "is used again by an alias (*); write it out");
    if (s_has_own_tag(from))
        return tree_fail(self->tree, node, "yaml", self->err,
                         "a tag (!) has no meaning here; write the value alone");
    if (depth >= TREE_DEPTH_MAX)
        return tree_fail(self->tree, node, "yaml", self->err,
                         "nested deeper than %d levels; write it flatter", TREE_DEPTH_MAX);
    if (++self->count > TREE_NODES_MAX)
        return tree_fail(self->tree, node, "yaml", self->err, "more than %d values; write fewer",
                         TREE_NODES_MAX);
    switch (from->type) {
    case YAML_SCALAR_NODE:
        return s_convert_scalar(self, from, node);
    case YAML_SEQUENCE_NODE:
        return s_convert_list(self, from, depth, node);
    case YAML_MAPPING_NODE:
        return s_convert_map(self, from, depth, node);
    case YAML_NO_NODE:
        break;
    }
    return ERR_MEMORY;
}

/* -- reading ----------------------------------------------------------------------------------------------
 */

/* The reader knows only the offset of a byte that is not UTF-8. */
static void s_locate(const char *text, size_t size, size_t offset, tree_node_t *place)
{
    place->line = place->column = 1;
    for (size_t i = 0; i < offset && i < size; i++) {
        place->column++;
        if (text[i] == '\n') {
            place->line++;
            place->column = 1;
        }
    }
}

static err_code_t s_syntax_error(const tree_t *self, const yaml_parser_t *parser, const char *text,
                                 size_t size, err_t *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return err_set(err, ERR_MEMORY, "%s: no memory to read it", self->name);
    tree_node_t place = {.line = parser->problem_mark.line + 1, .column = parser->problem_mark.column + 1};
    if (parser->error == YAML_READER_ERROR)
        s_locate(text, size, parser->problem_offset, &place);
    return tree_fail(self, &place, "yaml", err, "%s; write valid YAML",
                     parser->problem ? parser->problem : "wrong syntax");
}

static err_code_t s_convert_document(tree_t *self, yaml_document_t *document, err_t *err)
{
    static const tree_node_t start = {.line = 1, .column = 1};
    if (!yaml_document_get_root_node(document))
        return tree_fail(self, &start, "yaml", err, "nothing is in it; write at least job: and regions:");
    size_t count = (size_t)(document->nodes.top - document->nodes.start);
    converter_t converter = {.tree = self, .document = document, .err = err};
    converter.seen = calloc(count + 1, 1);
    self->root = calloc(1, sizeof *self->root);
    err_code_t code = converter.seen && self->root ? s_convert(&converter, 1, 0, self->root) : ERR_MEMORY;
    free(converter.seen);
    return code == ERR_MEMORY ? err_set(err, code, "%s: no memory to read it", self->name) : code;
}

/* After the document nothing but the end may follow. */
static err_code_t s_check_end(const tree_t *self, yaml_parser_t *parser, const char *text, size_t size,
                              err_t *err)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document))
        return s_syntax_error(self, parser, text, size, err);
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    err_code_t code = ERR_OK;
    if (root) {
        tree_node_t place = {.line = root->start_mark.line + 1, .column = root->start_mark.column + 1};
        code = tree_fail(self, &place, "yaml", err, "a second document begins; write one per file");
    }
    yaml_document_delete(&document);
    return code;
}

static err_code_t s_load(tree_t *self, const char *text, size_t size, err_t *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return err_set(err, ERR_MEMORY, "%s: no memory to read it", self->name);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    err_code_t code;
    if (yaml_parser_load(&parser, &document)) {
        code = s_convert_document(self, &document, err);
        yaml_document_delete(&document);
        if (!code)
            code = s_check_end(self, &parser, text, size, err);
    } else {
        code = s_syntax_error(self, &parser, text, size, err);
    }
    yaml_parser_delete(&parser);
    return code;
}

err_code_t tree_parse(const char *name, const char *text, size_t size, tree_t **ret_self, err_t *err)
{
    tree_t *self = calloc(1, sizeof *self);
    if (!self || !(self->name = strdup(name))) {
        free(self);
        return err_set(err, ERR_MEMORY, "%s: no memory to read it", name);
    }
    static const tree_node_t start = {.line = 1, .column = 1};
    err_code_t code = size > TREE_SIZE_MAX ? tree_fail(self, &start, "yaml", err,
                                                       "longer than %u bytes; write less", TREE_SIZE_MAX)
                                           : s_load(self, text, size, err);
    if (code) {
        tree_destroy(&self);
        return code;
    }
    *ret_self = self;
    return ERR_OK;
}
