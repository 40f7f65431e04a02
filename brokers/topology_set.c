#include "brokers/topology_field.h"
#include "brokers/topology_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static err_code_t s_fail_set(const tree_t *tree, const char *set, err_t *err, const char *text)
{
    tree_node_t place = {.kind = TREE_SCALAR, .set = set};
    return tree_fail(tree, &place, "", err, "%s", text);
}

/* The kind of node that the rest of the path needs. */
static tree_kind_t s_kind_for(const char *rest)
{
    return *rest == '[' ? TREE_LIST : *rest == '.' ? TREE_MAP : TREE_SCALAR;
}

/* A node for a step that found none; a NULL key makes an element. */
static err_code_t s_add_step(const tree_t *tree, tree_node_t *parent, const tree_step_t *step,
                             const char *rest, const char *set, err_t *err, tree_node_t **ret_child)
{
    char key[64] = "";
    if (!step->bracket && step->length < sizeof key)
        memcpy(key, step->text, step->length);
    else if (!step->bracket)
        return s_fail_set(tree, set, err, "a key is longer than any known here; write a shorter one");
    else if (strspn(step->text, "0123456789") < step->length)
        return s_fail_set(tree, set, err,
                          "no element has the name in brackets; write its name, or its place from 0");
    else if (step->length > 6 || strtoul(step->text, NULL, 10) != parent->count)
        return s_fail_set(tree, set, err,
                          "the list has no such place; write one from 0, or the next after its last");
    tree_node_t *child = tree_add(parent, step->bracket ? NULL : key, s_kind_for(rest));
    if (!child)
        return err_set(err, ERR_MEMORY, "--set: no memory");
    child->set = set;
    *ret_child = child;
    return ERR_OK;
}

static bool s_is_null(const tree_node_t *node)
{
    return node->kind == TREE_SCALAR && !node->quoted &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

/* A word that stands for a map becomes that map, so that it gets another key. `path` is the word's. */
static err_code_t s_spread(tree_node_t *node, const char *path, size_t length, err_t *err)
{
    const field_t *map = NULL;
    for (size_t i = 0; i < field_count(); i++)
        if (field_at(i)->bare && strlen(field_at(i)->path) == length &&
            !memcmp(field_at(i)->path, path, length))
            map = field_at(i);
    if (!map || node->kind != TREE_SCALAR || s_is_null(node))
        return ERR_OK;
    char *word = strdup(node->text);
    tree_become(node, TREE_MAP);
    tree_node_t *child = word ? tree_add(node, map->bare, TREE_SCALAR) : NULL;
    err_code_t code = child ? tree_set_text(child, word) : ERR_MEMORY;
    free(word);
    if (code)
        return err_set(err, ERR_MEMORY, "--set: no memory");
    child->line = node->line;
    child->column = node->column;
    child->set = node->set;
    return ERR_OK;
}

/* Follows the path, making what is absent. */
static err_code_t s_walk(const tree_t *tree, const char *path, const char *set, err_t *err,
                         tree_node_t **ret_node)
{
    tree_node_t *node = tree->root;
    tree_step_t step;
    const char *whole = path, *before = path;
    for (int depth = 1; tree_step(&path, &step); depth++, before = path) {
        tree_kind_t needed = step.bracket ? TREE_LIST : TREE_MAP;
        if (!step.bracket && s_spread(node, whole, (size_t)(before - whole), err))
            return ERR_MEMORY;
        if (depth >= TREE_DEPTH_MAX)
            return s_fail_set(tree, set, err, "goes deeper than any key known here; write a shorter path");
        if (node->kind != needed && s_is_null(node)) {
            tree_become(node, needed);
            node->set = set;
        }
        if (node->kind != needed)
            return s_fail_set(
                tree, set, err,
                step.bracket ? "brackets after what is no list; write KEY.KEY"
                             : "a key below what has no keys; write KEY[0].KEY for an element of a list");
        tree_node_t *child = tree_child(node, &step);
        err_code_t code = child ? ERR_OK : s_add_step(tree, node, &step, path, set, err, &child);
        if (code)
            return code;
        node = child;
    }
    *ret_node = node;
    return *path || set[0] == '.'
               ? s_fail_set(tree, set, err,
                            "the path is not understood; write it like job.epochs or regions[0].workers")
               : ERR_OK;
}

/* A list, a map or a text in quotes is YAML; anything else is the text itself. */
static err_code_t s_parse_value(const tree_t *tree, const char *value, const char *set, err_t *err,
                                tree_t **ret_value)
{
    bool short_form = strchr("[{\"'", *value) && *value;
    err_code_t code =
        tree_parse("value", short_form ? value : "x", short_form ? strlen(value) : 1, ret_value, NULL);
    if (code == ERR_CONFIG)
        return s_fail_set(tree, set, err, "the value is not valid YAML; write for instance [north, south]");
    if (code)
        return err_set(err, code, "--set: no memory");
    code = short_form ? ERR_OK : tree_set_text((*ret_value)->root, value);
    if (code) {
        tree_destroy(ret_value);
        return err_set(err, code, "--set: no memory");
    }
    return ERR_OK;
}

err_code_t topology_set_apply(tree_t *tree, const char *set, err_t *err)
{
    const char *equals = strchr(set, '=');
    if (!equals || equals == set)
        return s_fail_set(tree, set, err, "no KEY=VALUE; write for instance job.epochs=2");
    char *path = strndup(set, (size_t)(equals - set));
    if (!path)
        return err_set(err, ERR_MEMORY, "--set: no memory");
    tree_t *value = NULL;
    tree_node_t *node = NULL;
    err_code_t code = s_parse_value(tree, equals + 1, set, err, &value);
    if (!code)
        code = s_walk(tree, path, set, err, &node);
    if (!code)
        tree_take(node, value->root, set);
    if (code && node && node->kind == TREE_SCALAR && !node->text && tree_set_text(node, ""))
        code = err_set(err, ERR_MEMORY, "--set: no memory");
    tree_destroy(&value);
    free(path);
    return code;
}
