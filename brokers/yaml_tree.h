/* yaml_tree - a YAML document as a plain tree in which every node knows its line and column; the one place
 * that calls libyaml.
 *
 * Why      an error about a configuration must say where; and --set changes a document before it is read.
 * Not      types: every value is text here. Aliases, tags and several documents in one file are refused.
 * Threads  one owner per tree.      Limits  TREE_SIZE_MAX bytes, TREE_DEPTH_MAX levels, TREE_NODES_MAX nodes.
 */
#ifndef BROKERS_YAML_TREE_H
#define BROKERS_YAML_TREE_H

#include "brokers/mistakes.h"
#include "codec/base/err.h"

#include <stddef.h>

#define TREE_SIZE_MAX (1u << 20)
#define TREE_DEPTH_MAX 16
#define TREE_NODES_MAX 65536
#define TREE_QUOTE_MAX 48

typedef enum { TREE_SCALAR, TREE_MAP, TREE_LIST } tree_kind_t;

typedef struct tree_node tree_node_t;
struct tree_node {
    tree_kind_t kind;
    bool quoted; /* a scalar in quotes, or a block of text */
    char *key;   /* in a map, else NULL */
    char *text;  /* of a scalar, else NULL; no zero byte inside */
    size_t line; /* of the value; from 1 */
    size_t column;
    size_t key_line; /* of the key; 0 without one */
    size_t key_column;
    const char *set; /* the "a.b=v" that made this node, borrowed from the caller; NULL when the file did */
    tree_node_t *first, *last, *next; /* children in order; the next child of the same parent */
    size_t count;                     /* of children */
};

typedef struct {
    char *name; /* of the file, for errors */
    tree_node_t *root;
    mistakes_t *mistakes; /* borrowed; where errors are gathered, so that `err` keeps the first; or NULL */
} tree_t;

/* Errors: ERR_CONFIG with "NAME:LINE:COLUMN: yaml: what; write ..." for bad syntax or a limit, ERR_MEMORY. */
MUST_USE err_code_t tree_parse(const char *name, const char *text, size_t size, tree_t **ret_self,
                               err_t *err);
void tree_destroy(tree_t **self_p);

/* The first child with this key, or NULL; the child at this index, or NULL. */
tree_node_t *tree_get(const tree_node_t *map, const char *key);
tree_node_t *tree_at(const tree_node_t *list, size_t index);

/* For changes. A new scalar child has no text until tree_set_text. NULL or ERR_MEMORY without memory. */
tree_node_t *tree_add(tree_node_t *parent, const char *key, tree_kind_t kind);
MUST_USE err_code_t tree_set_text(tree_node_t *scalar, const char *text);
/* Drops text and children. */
void tree_clear(tree_node_t *self);
/* Drops text and children and makes it an empty node of another kind; key and place stay. */
void tree_become(tree_node_t *self, tree_kind_t kind);
/* Moves value and children of `from` into `self` and marks all of it as made by `set`. */
void tree_take(tree_node_t *self, tree_node_t *from, const char *set);

/* One step of a path like links[2].between: a key, an index or a name in brackets. */
typedef struct {
    const char *text;
    size_t length;
    bool bracket;
} tree_step_t;

/* The next step and the cursor behind it; false at the end, or (then *cursor_p is not at the zero) at a
 * mistake. */
bool tree_step(const char **cursor_p, tree_step_t *ret_step);
/* The child that a step means: by key in a map; by index, or by the key `name` of the elements, in a list; or
 * NULL. */
tree_node_t *tree_child(const tree_node_t *self, const tree_step_t *step);
/* The deepest node on the way of a path: itself when it is there, else the nearest parent; *ret_found says
 * which. */
const tree_node_t *tree_nearest(const tree_t *self, const char *path, bool *ret_found);

/* ERR_CONFIG with "NAME:LINE:COLUMN: KEY: text", or "--set A=V: KEY: text" for what a --set made; always one
 * line. Scalars are located by their value, maps and lists by their key. `key` "" leaves the key out. */
err_code_t tree_fail(const tree_t *self, const tree_node_t *node, const char *key, err_t *err,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same, located by the node's key whatever it is. */
err_code_t tree_fail_key(const tree_t *self, const tree_node_t *node, const char *key, err_t *err,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));

/* "NAME:LINE:COLUMN: KEY: text" among the notes of the mistakes, where there is room. */
void tree_note(const tree_t *self, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "NAME:LINE:COLUMN", or "--set A=V", of what a path names or is nearest to it. Returns out. */
const char *tree_place(const tree_t *self, const char *path, char out[MISTAKES_PLACE_MAX]);

/* `text` in double quotes for an error: printable ASCII only, shortened. Returns out. */
const char *tree_quote(const char *text, char out[TREE_QUOTE_MAX]);

#endif
