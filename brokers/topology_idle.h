/* topology_idle - what a topology says that comes to nothing in this job: not wrong, but not what one wants.
 *
 * Why      a key that is swallowed makes one believe that it works.
 * Threads  any.
 */
#ifndef BROKERS_TOPOLOGY_IDLE_H
#define BROKERS_TOPOLOGY_IDLE_H

#include "brokers/topology.h"
#include "brokers/yaml_tree.h"

/* Adds "FILE:LINE:COL: key: what; write ..." to the tree's mistakes' notes for each key that was written with
 * another value than its default and does nothing, for brokers that nobody on another machine is told to
 * dial, and for copies that no node will hold. `self` has no mistakes. */
void topology_note_idle(const tree_t *tree, const topology_t *self);

/* The keys of the whole job that may do nothing, one after the other; NULL behind the last. A test has a
 * case for each. */
const char *topology_idle_key(size_t index);

#endif
