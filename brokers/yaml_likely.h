/* yaml_likely - what a mistake in YAML likely is, and where: libyaml names the place where it could not go
 * on, which is often lines after it.
 *
 * Why      an unclosed quote, a colon or dash without its space, a tab, and UTF-16 are most of what people
 *          get wrong.
 * Threads  any; pure.
 */
#ifndef BROKERS_YAML_LIKELY_H
#define BROKERS_YAML_LIKELY_H

#include <stddef.h>

typedef struct {
    const char *problem;             /* libyaml's, such as "did not find expected key" */
    const char *context;             /* "while scanning a quoted scalar"; NULL: none */
    size_t line, column;             /* of the problem, from 1; moved to where the mistake likely is */
    size_t begin_line, begin_column; /* of what the context speaks of, from 1 */
} yaml_fault_t;

/* "what; write ...", borrowed for ever; NULL: nothing better than the problem itself is known. */
const char *yaml_likely(const char *text, size_t size, yaml_fault_t *fault);

#endif
