/* From bytes to a tree, through libyaml: the only file that calls it. */
#include "brokers/yaml_likely.h"
#include "brokers/yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* -- what is not read -------------------------------------------------------------------------------------
 */

/* A first pass over the events, before libyaml builds anything: it takes quadratic time for deep nesting and
 * for many anchors, and a document that uses one value again and again could grow without bound. */
typedef struct {
    const tree_t *tree;
    size_t depth;
    size_t count;
    size_t documents;
    err_t *err;
} guard_t;

static tree_node_t s_place(const yaml_mark_t *mark)
{
    return (tree_node_t){.line = mark->line + 1, .column = mark->column + 1};
}

static err_code_t s_check_node(guard_t *self, const yaml_event_t *event, const unsigned char *anchor,
                               const unsigned char *tag)
{
    tree_node_t place = s_place(&event->start_mark);
    if (anchor)
        return tree_fail(self->tree, &place, "yaml", self->err,
                         "anchors (&) and aliases (*) are not read; write the value out");
    if (tag)
        return tree_fail(self->tree, &place, "yaml", self->err,
                         "tags (!) are not read; write the value alone");
    if (self->depth >= TREE_DEPTH_MAX)
        return tree_fail(self->tree, &place, "yaml", self->err,
                         "nested deeper than %d levels; write it flatter", TREE_DEPTH_MAX);
    if (++self->count > TREE_NODES_MAX)
        return tree_fail(self->tree, &place, "yaml", self->err, "more than %d values; write fewer",
                         TREE_NODES_MAX);
    return ERR_OK;
}

static err_code_t s_check_event(guard_t *self, const yaml_event_t *event)
{
    tree_node_t place = s_place(&event->start_mark);
    err_code_t code = ERR_OK;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++self->documents > 1)
            code = tree_fail(self->tree, &place, "yaml", self->err,
                             "a second document begins; write one per file");
        break;
    case YAML_ALIAS_EVENT:
        code = s_check_node(self, event, event->data.alias.anchor, NULL);
        break;
    case YAML_SCALAR_EVENT:
        code = s_check_node(self, event, event->data.scalar.anchor, event->data.scalar.tag);
        break;
    case YAML_SEQUENCE_START_EVENT:
        code = s_check_node(self, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        self->depth++;
        break;
    case YAML_MAPPING_START_EVENT:
        code = s_check_node(self, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        self->depth++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        self->depth--;
        break;
    default:
        break;
    }
    return code;
}

/* -- conversion -------------------------------------------------------------------------------------------
 */

typedef struct {
    const tree_t *tree;
    yaml_document_t *document;
    err_t *err;
} converter_t;

static err_code_t s_convert(converter_t *self, int number, tree_node_t *ret_node);

static err_code_t s_convert_scalar(converter_t *self, const yaml_node_t *from, tree_node_t *node)
{
    const char *value = (const char *)from->data.scalar.value;
    node->kind = TREE_SCALAR;
    node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (memchr(value, 0, from->data.scalar.length))
        return tree_fail(self->tree, node, "yaml", self->err, "a zero byte inside a text; write it without");
    return tree_set_text(node, value);
}

static err_code_t s_convert_list(converter_t *self, const yaml_node_t *from, tree_node_t *node)
{
    node->kind = TREE_LIST;
    for (yaml_node_item_t *item = from->data.sequence.items.start; item < from->data.sequence.items.top;
         item++) {
        tree_node_t *child = tree_add(node, NULL, TREE_SCALAR);
        err_code_t code = child ? s_convert(self, *item, child) : ERR_MEMORY;
        if (code)
            return code;
    }
    return ERR_OK;
}

static err_code_t s_convert_pair(converter_t *self, const yaml_node_pair_t *pair, tree_node_t *node)
{
    tree_node_t key = {.kind = TREE_SCALAR};
    err_code_t code = s_convert(self, pair->key, &key);
    if (!code && key.kind != TREE_SCALAR)
        code =
            tree_fail(self->tree, &key, "yaml", self->err, "a key that is not plain text; write KEY: VALUE");
    if (!code) {
        tree_node_t *child = tree_add(node, key.text, TREE_SCALAR);
        if (child) {
            child->key_line = key.line;
            child->key_column = key.column;
        }
        code = child ? s_convert(self, pair->value, child) : ERR_MEMORY;
    }
    tree_clear(&key);
    return code;
}

static err_code_t s_convert_map(converter_t *self, const yaml_node_t *from, tree_node_t *node)
{
    node->kind = TREE_MAP;
    for (yaml_node_pair_t *pair = from->data.mapping.pairs.start; pair < from->data.mapping.pairs.top;
         pair++) {
        err_code_t code = s_convert_pair(self, pair, node);
        if (code)
            return code;
    }
    return ERR_OK;
}

static err_code_t s_convert(converter_t *self, int number, tree_node_t *node)
{
    const yaml_node_t *from = yaml_document_get_node(self->document, number);
    node->line = from->start_mark.line + 1;
    node->column = from->start_mark.column + 1;
    switch (from->type) {
    case YAML_SCALAR_NODE:
        return s_convert_scalar(self, from, node);
    case YAML_SEQUENCE_NODE:
        return s_convert_list(self, from, node);
    case YAML_MAPPING_NODE:
        return s_convert_map(self, from, node);
    case YAML_NO_NODE:
        break;
    }
    return ERR_MEMORY;
}

/* -- reading ----------------------------------------------------------------------------------------------
 */

/* The bytes, as a parser that was set up for them; false without memory. */
static bool s_open_parser(yaml_parser_t *parser, const char *text, size_t size)
{
    if (!yaml_parser_initialize(parser))
        return false;
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)text, size);
    return true;
}

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
        return ERR_MEMORY;
    tree_node_t place = s_place(&parser->problem_mark);
    if (parser->error == YAML_READER_ERROR)
        s_locate(text, size, parser->problem_offset, &place);
    yaml_fault_t fault = {.problem = parser->problem ? parser->problem : "wrong syntax",
                          .context = parser->context,
                          .line = place.line,
                          .column = place.column,
                          .begin_line = parser->context ? parser->context_mark.line + 1 : 0,
                          .begin_column = parser->context_mark.column + 1};
    const char *likely = yaml_likely(text, size, &fault);
    place.line = fault.line;
    place.column = fault.column;
    return likely ? tree_fail(self, &place, "yaml", err, "%s", likely)
                  : tree_fail(self, &place, "yaml", err, "%s; write valid YAML", fault.problem);
}

static err_code_t s_guard(const tree_t *self, const char *text, size_t size, err_t *err)
{
    guard_t guard = {.tree = self, .err = err};
    yaml_parser_t parser;
    if (!s_open_parser(&parser, text, size))
        return ERR_MEMORY;
    err_code_t code = ERR_OK;
    for (bool end = false; !end && !code;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            code = s_syntax_error(self, &parser, text, size, err);
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        code = s_check_event(&guard, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return code;
}

static err_code_t s_convert_document(tree_t *self, yaml_document_t *document, err_t *err)
{
    static const tree_node_t start = {.line = 1, .column = 1};
    if (!yaml_document_get_root_node(document))
        return tree_fail(self, &start, "yaml", err, "nothing is in it; write at least job: and regions:");
    converter_t converter = {.tree = self, .document = document, .err = err};
    self->root = calloc(1, sizeof *self->root);
    return self->root ? s_convert(&converter, 1, self->root) : ERR_MEMORY;
}

static err_code_t s_load_tree(tree_t *self, const char *text, size_t size, err_t *err)
{
    err_code_t code = s_guard(self, text, size, err);
    yaml_parser_t parser;
    yaml_document_t document;
    if (code)
        return code;
    if (!s_open_parser(&parser, text, size))
        return ERR_MEMORY;
    if (yaml_parser_load(&parser, &document)) {
        code = s_convert_document(self, &document, err);
        yaml_document_delete(&document);
    } else {
        code = s_syntax_error(self, &parser, text, size, err);
    }
    yaml_parser_delete(&parser);
    return code;
}

err_code_t tree_parse(const char *name, const char *text, size_t size, tree_t **ret_self, err_t *err)
{
    static const tree_node_t start = {.line = 1, .column = 1};
    tree_t *self = calloc(1, sizeof *self);
    err_code_t code = self && (self->name = strdup(name)) ? ERR_OK : ERR_MEMORY;
    if (!code && size > TREE_SIZE_MAX)
        code = tree_fail(self, &start, "yaml", err, "longer than %u bytes; write less", TREE_SIZE_MAX);
    if (!code)
        code = s_load_tree(self, text, size, err);
    if (code == ERR_MEMORY)
        err_set(err, code, "%s: no memory to read it", name);
    if (code)
        tree_destroy(&self);
    else
        *ret_self = self;
    return code;
}
