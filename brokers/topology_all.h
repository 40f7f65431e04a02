/* topology_all - reading a topology so that every mistake is told, not only the first.
 *
 * Threads  as topology.
 */
#ifndef BROKERS_TOPOLOGY_ALL_H
#define BROKERS_TOPOLOGY_ALL_H

#include "brokers/mistakes.h"
#include "brokers/topology.h"

/* As topology_read and topology_parse, but *ret_self is given with ERR_CONFIG too when the file is YAML: then
 * only keys that `mistakes` does not touch may be relied on. The first mistake is in `err` too; one in YAML
 * itself is in `err` alone, and *ret_self untouched. */
MUST_USE err_code_t topology_read_all(const char *path, const char *const *sets, size_t set_count,
                                      mistakes_t *mistakes, topology_t **ret_self, err_t *err);
MUST_USE err_code_t topology_parse_all(const char *name, const char *text, size_t size,
                                       const char *const *sets, size_t set_count, mistakes_t *mistakes,
                                       topology_t **ret_self, err_t *err);

#endif
