/* topology_set - what --set KEY=VALUE does: changes the document before it is read, so that the same checks
 * see it.
 *
 *   a.b=v          a key; made, with everything above it, when absent
 *   a[0].c=v       an element by its place from 0; the place after the last adds one
 *   a[north].c=v   an element by its name
 *   a=[x, y]       lists and maps in YAML's short form
 *
 * Threads  as the tree.
 */
#ifndef BROKERS_TOPOLOGY_SET_H
#define BROKERS_TOPOLOGY_SET_H

#include "brokers/yaml_tree.h"

/* `set` must live as long as the tree. Errors: ERR_CONFIG with "--set KEY=V: what; write ...", ERR_MEMORY. */
MUST_USE err_code_t topology_set_apply(tree_t *tree, const char *set, err_t *err);

#endif
