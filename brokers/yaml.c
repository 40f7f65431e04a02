/* From bytes to a tree, through libyaml: the only file that calls it. */
#include "brokers/yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

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
    tree_clear(&key);
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
