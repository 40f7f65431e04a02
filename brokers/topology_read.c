/* From a file to a topology_t: the tree is walked along the table, then what its keys demand of each other is
 * checked. */
#include "brokers/topology.h"
#include "brokers/topology_all.h"
#include "brokers/topology_check.h"
#include "brokers/topology_field.h"
#include "brokers/topology_idle.h"
#include "brokers/topology_set.h"
#include "brokers/topology_value.h"
#include "brokers/yaml_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 128 /* the longest: regions[127].offers[19].price_per_s */

typedef struct {
    const tree_t *tree;
    topology_t *topology;
    err_t *err;
} reader_t;

static err_code_t s_read_map(reader_t *self, const field_t *parent, const tree_node_t *node, const char *path,
                             void *base);

/* Returns what went wrong first; what is right further on is read all the same, and what is wrong is told
 * too. */
static err_code_t s_first(err_code_t first, err_code_t next)
{
    return first ? first : next;
}

/* -- values -----------------------------------------------------------------------------------------------
 */

static err_code_t s_wrong_kind(reader_t *self, const field_t *field, const tree_node_t *node,
                               const char *path)
{
    static const char *const kinds[] = {
        [TREE_SCALAR] = "is one value", [TREE_MAP] = "has keys of its own", [TREE_LIST] = "is a list"};
    char remedy[FIELD_REMEDY_MAX];
    return tree_fail(self->tree, node, path, self->err, "%s; %s",
                     node->kind == TREE_SCALAR && node->text[0] == '\0' ? "has no value" : kinds[node->kind],
                     field_remedy(field, remedy));
}

static err_code_t s_read_scalar(reader_t *self, const field_t *field, const tree_node_t *node,
                                const char *path, void *base)
{
    char text[TREE_QUOTE_MAX];
    const char *value = node->text;
    const tree_node_t *slack =
        field->type == FIELD_INSIDE && node->kind == TREE_MAP ? tree_get(node, "ssp") : NULL;
    if (slack && node->count == 1 && slack->kind == TREE_SCALAR) { /* inside: {ssp: 4} */
        snprintf(text, sizeof text, "ssp: %.40s", slack->text);
        value = text;
    } else if (node->kind != TREE_SCALAR) {
        return s_wrong_kind(self, field, node, path);
    }
    char what[VALUE_WHAT_MAX], remedy[FIELD_REMEDY_MAX];
    if (value_parse(field, value, node->quoted, base, what))
        return ERR_OK;
    if (!field->required)
        value_default(field, base);
    return tree_fail(self->tree, node, path, self->err, "%s; %s", what, field_remedy(field, remedy));
}

/* A name that is unknown becomes SIZE_MAX: names of regions are checked first, then what refers to them. */
static err_code_t s_read_between(reader_t *self, const field_t *field, const tree_node_t *node,
                                 const char *path, void *base)
{
    topology_link_t *link = base;
    char remedy[FIELD_REMEDY_MAX];
    if (node->kind == TREE_SCALAR && strcmp(node->text, "all") == 0) {
        link->between[0] = link->between[1] = TOPOLOGY_ALL;
        return ERR_OK;
    }
    if (node->kind != TREE_LIST)
        return s_wrong_kind(self, field, node, path);
    if (node->count != 2)
        return tree_fail(self->tree, node, path, self->err, "is a list of %zu; %s", node->count,
                         field_remedy(field, remedy));
    const tree_node_t *end = node->first;
    link->between[0] = link->between[1] = SIZE_MAX;
    for (size_t i = 0; i < 2; i++, end = end->next) {
        if (end->kind != TREE_SCALAR)
            return s_wrong_kind(self, field, end, path);
        link->between[i] = topology_region_index(self->topology, end->text);
    }
    return ERR_OK;
}

static err_code_t s_read_list(reader_t *self, const field_t *field, const tree_node_t *node, const char *path,
                              void *base)
{
    if (node->kind != TREE_LIST)
        return s_wrong_kind(self, field, node, path);
    if (node->count == 0 && field->required)
        return tree_fail(self->tree, node, path, self->err, "is empty; write at least one element");
    if (node->count > field->element_max)
        return tree_fail(self->tree, tree_at(node, field->element_max), path, self->err,
                         "has more than %zu elements; write fewer", field->element_max);
    size_t *count = (size_t *)(void *)((char *)base + field->count_offset);
    char *elements = (char *)base + field->offset;
    err_code_t code = ERR_OK;
    for (const tree_node_t *child = node->first; child; child = child->next, ++*count) {
        char child_path[PATH_SIZE];
        snprintf(child_path, sizeof child_path, "%.100s[%u]", path, (unsigned)*count);
        code = s_first(code,
                       s_read_map(self, field, child, child_path, elements + *count * field->element_size));
    }
    return code;
}

/* -- maps -------------------------------------------------------------------------------------------------
 */

/* An unknown key: what it was to be is not known either, so nothing is said about its neighbours'
 * relations. */
static err_code_t s_unknown(reader_t *self, const field_t *parent, const tree_node_t *child, const char *path,
                            const char *child_path)
{
    char remedy[FIELD_REMEDY_MAX];
    mistakes_add(self->tree->mistakes, path, "");
    return tree_fail_key(self->tree, child, child_path, self->err, "unknown key; %s",
                         field_suggest(parent, child->key, remedy));
}

/* Every key known, and once. */
static err_code_t s_check_keys(reader_t *self, const field_t *parent, const tree_node_t *node,
                               const char *path)
{
    err_code_t code = ERR_OK;
    for (const tree_node_t *child = node->first; child; child = child->next) {
        char quote[TREE_QUOTE_MAX], child_path[PATH_SIZE];
        bool known = field_find(parent, child->key) != NULL;
        if (!known) {
            tree_quote(child->key, quote);
            quote[strlen(quote) - 1] = '\0'; /* the key as it is, but printable and short */
        }
        snprintf(child_path, sizeof child_path, "%s%s%s", path, *path ? "." : "",
                 known ? child->key : quote + 1);
        const tree_node_t *first = tree_get(node, child->key);
        if (!known)
            code = s_first(code, s_unknown(self, parent, child, path, child_path));
        else if (first != child)
            code = s_first(code, tree_fail_key(self->tree, child, child_path, self->err,
                                               "is here a second time, after line %zu; write it once",
                                               first->key_line));
    }
    return code;
}

/* Returns whether a missing key is there under a name near to its own, which was told already. */
static bool s_is_misspelt(const field_t *field, const field_t *parent, const tree_node_t *node)
{
    char remedy[FIELD_REMEDY_MAX], right[FIELD_REMEDY_MAX];
    snprintf(right, sizeof right, "write %s", field_key(field));
    for (const tree_node_t *child = node->first; child; child = child->next)
        if (!field_find(parent, child->key) && strcmp(field_suggest(parent, child->key, remedy), right) == 0)
            return true;
    return false;
}

static err_code_t s_read_absent(reader_t *self, const field_t *field, const field_t *above,
                                const tree_node_t *parent, const char *path, void *base)
{
    char remedy[FIELD_REMEDY_MAX];
    if (field->required && s_is_misspelt(field, above, parent)) {
        mistakes_add(self->tree->mistakes, path, "");
        return ERR_CONFIG;
    }
    if (field->required)
        return tree_fail(self->tree, parent, path, self->err, "missing; %s", field_remedy(field, remedy));
    if (field->type == FIELD_MAP) {
        static const tree_node_t nothing = {.kind = TREE_MAP};
        return s_read_map(self, field, &nothing, path, base);
    }
    if (field->type != FIELD_LIST)
        value_default(field, base);
    return ERR_OK;
}

/* "[512, 256]" out of its elements; what is no plain value becomes something that is neither number nor name.
 */
static err_code_t s_read_values(reader_t *self, const field_t *field, const tree_node_t *node,
                                const char *path, void *base)
{
    bool words = field->type == FIELD_WORDS;
    if (words && node->kind == TREE_SCALAR)
        return s_read_scalar(self, field, node, path, base);
    if (node->kind != TREE_LIST)
        return s_wrong_kind(self, field, node, path);
    char text[VALUE_TEXT_MAX] = "[", what[VALUE_WHAT_MAX], remedy[FIELD_REMEDY_MAX];
    for (const tree_node_t *child = node->first; child; child = child->next) {
        size_t at = strlen(text);
        bool plain = child->kind == TREE_SCALAR && (words || !child->quoted);
        snprintf(text + at, sizeof text - at, "%s%s", child == node->first ? "" : ", ",
                 plain ? child->text : "?");
    }
    strncat(text, "]", sizeof text - strlen(text) - 1);
    if (value_parse(field, text, false, base, what))
        return ERR_OK;
    value_default(field, base);
    return tree_fail(self->tree, node, path, self->err, "%s; %s", what, field_remedy(field, remedy));
}

/* The word that stands for a map. */
static err_code_t s_read_bare(reader_t *self, const field_t *map, const tree_node_t *node, const char *path,
                              void *base)
{
    static const tree_node_t nothing = {.kind = TREE_MAP};
    err_code_t code = ERR_OK;
    for (const field_t *field = field_next(map, NULL); field; field = field_next(map, field))
        code =
            s_first(code, field_is_bare(map, field) ? s_read_scalar(self, field, node, path, base)
                                                    : s_read_absent(self, field, map, &nothing, path, base));
    return code;
}

static err_code_t s_read_present(reader_t *self, const field_t *field, const tree_node_t *node,
                                 const char *path, void *base)
{
    if (field->given_offset)
        *(bool *)((char *)base + field->given_offset) = true;
    switch (field->type) {
    case FIELD_MAP:
        return field->bare && node->kind == TREE_SCALAR ? s_read_bare(self, field, node, path, base)
                                                        : s_read_map(self, field, node, path, base);
    case FIELD_WHOLES:
    case FIELD_WORDS:
        return s_read_values(self, field, node, path, base);
    case FIELD_LIST:
        return s_read_list(self, field, node, path, base);
    case FIELD_BETWEEN:
        return s_read_between(self, field, node, path, base);
    default:
        return s_read_scalar(self, field, node, path, base);
    }
}

/* `parent` is the row of the map, or of the list that it is an element of; NULL is the whole file. */
static err_code_t s_read_map(reader_t *self, const field_t *parent, const tree_node_t *node, const char *path,
                             void *base)
{
    if (node->kind != TREE_MAP)
        return tree_fail(self->tree, node, path, self->err,
                         "no keys here; write KEY: VALUE, beginning with %s",
                         field_key(field_next(parent, NULL)));
    err_code_t code = s_check_keys(self, parent, node, path);
    for (const field_t *field = field_next(parent, NULL); field; field = field_next(parent, field)) {
        char child_path[PATH_SIZE];
        snprintf(child_path, sizeof child_path, "%s%s%s", path, *path ? "." : "", field_key(field));
        const tree_node_t *child = tree_get(node, field_key(field));
        code = s_first(code, child ? s_read_present(self, field, child, child_path, base)
                                   : s_read_absent(self, field, parent, node, child_path, base));
    }
    return code;
}

/* -- files ------------------------------------------------------------------------------------------------
 */

static err_code_t s_read_tree(const tree_t *tree, topology_t *self, err_t *err)
{
    reader_t reader = {.tree = tree, .topology = self, .err = err};
    err_code_t code = s_read_map(&reader, NULL, tree->root, "", self);
    topology_complete(tree, self);
    code = s_first(code, topology_check(tree, self, err));
    if (!code) {
        topology_expand(self);
        topology_note_idle(tree, self);
    }
    tree_place(tree, "job.data.dir", tree->mistakes->data_place);
    tree_place(tree, "regions[0].shards", tree->mistakes->shards_place);
    return code;
}

/* Every --set is tried, so that all wrong ones are told. */
static err_code_t s_read_with(tree_t *tree, const char *const *sets, size_t set_count, topology_t *self,
                              err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < set_count; i++)
        code = s_first(code, topology_set_apply(tree, sets[i], err));
    return code == ERR_MEMORY ? code : s_first(code, s_read_tree(tree, self, err));
}

err_code_t topology_parse_all(const char *name, const char *text, size_t size, const char *const *sets,
                              size_t set_count, mistakes_t *mistakes, topology_t **ret_self, err_t *err)
{
    tree_t *tree = NULL;
    err_code_t code = tree_parse(name, text, size, &tree, err);
    if (code)
        return code;
    tree->mistakes = mistakes;
    topology_t *self = calloc(1, sizeof *self);
    code = self ? s_read_with(tree, sets, set_count, self, err)
                : err_set(err, ERR_MEMORY, "%s: no memory to read it", name);
    tree_destroy(&tree);
    if (code && code != ERR_CONFIG)
        topology_destroy(&self);
    *ret_self = self;
    return code;
}

err_code_t topology_parse(const char *name, const char *text, size_t size, const char *const *sets,
                          size_t set_count, topology_t **ret_self, err_t *err)
{
    mistakes_t *mistakes = mistakes_new();
    topology_t *self = NULL;
    err_code_t code = topology_parse_all(name, text, size, sets, set_count, mistakes, &self, err);
    free(mistakes);
    if (code)
        topology_destroy(&self);
    else
        *ret_self = self;
    return code;
}

/* One byte more than is allowed is enough to know that there are too many. */
static err_code_t s_read_bytes(FILE *file, const char *path, char *bytes, size_t *ret_size, err_t *err)
{
    errno = 0;
    *ret_size = fread(bytes, 1, TREE_SIZE_MAX + 1, file);
    if (ferror(file))
        return err_set(err, ERR_CONFIG, "%s: %s; write the path of a topology file", path, strerror(errno));
    return ERR_OK;
}

err_code_t topology_read_all(const char *path, const char *const *sets, size_t set_count,
                             mistakes_t *mistakes, topology_t **ret_self, err_t *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_CONFIG,
                       "%s: %s; write the path of a topology file", path, strerror(errno));
    char *bytes = malloc(TREE_SIZE_MAX + 1);
    size_t size = 0;
    err_code_t code = bytes ? s_read_bytes(file, path, bytes, &size, err)
                            : err_set(err, ERR_MEMORY, "%s: no memory to read it", path);
    fclose(file);
    if (!code)
        code = topology_parse_all(path, bytes, size, sets, set_count, mistakes, ret_self, err);
    free(bytes);
    return code;
}

err_code_t topology_read(const char *path, const char *const *sets, size_t set_count, topology_t **ret_self,
                         err_t *err)
{
    mistakes_t *mistakes = mistakes_new();
    topology_t *self = NULL;
    err_code_t code = topology_read_all(path, sets, set_count, mistakes, &self, err);
    free(mistakes);
    if (code)
        topology_destroy(&self);
    else
        *ret_self = self;
    return code;
}
