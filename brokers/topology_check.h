/* topology_check - what the keys of a topology demand of each other, once each is right by itself.
 *
 * Threads  any.      Not  whether model and data fit: brokers know neither.
 */
#ifndef BROKERS_TOPOLOGY_CHECK_H
#define BROKERS_TOPOLOGY_CHECK_H

#include "brokers/topology.h"
#include "brokers/yaml_tree.h"

/* Completes the defaults that depend on other keys (every, momentum). `tree` says what was written, and
 * where. */
void topology_complete(const tree_t *tree, topology_t *self);

/* Errors: ERR_CONFIG with "FILE:LINE:COL: key: what; write ..." for the first relation that does not hold;
 * the tree's mistakes take all. Nothing is told of relations among keys that are wrong by themselves. */
MUST_USE err_code_t topology_check(const tree_t *tree, const topology_t *self, err_t *err);

/* Puts a link for each pair without one in the place of the row `between: all`, and fills in the table of
 * pairs. What was checked before. */
void topology_expand(topology_t *self);

#endif
