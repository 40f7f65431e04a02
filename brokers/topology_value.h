/* topology_value - one value of the table: from text into its struct, and back.
 *
 * Threads  any.      Not  maps, lists and the regions of a link: these need more than one text.
 */
#ifndef BROKERS_TOPOLOGY_VALUE_H
#define BROKERS_TOPOLOGY_VALUE_H

#include "brokers/topology_field.h"
#include "brokers/topology_words.h"

#define FIELD_WHOLES_MAX 8 /* values of a FIELD_WHOLES */
#define VALUE_WHAT_MAX 160
#define VALUE_TEXT_MAX (TOPOLOGY_WORDS_MAX * 2 + 8) /* every character escaped, in quotes */

/* Reads `text` into the field of the struct at `base`. False with what is wrong ("\"3ms\" is not a whole
 * number") in what, and nothing written. `quoted`: it was in quotes, so it is no number. */
bool value_parse(const field_t *field, const char *text, bool quoted, void *base, char what[VALUE_WHAT_MAX]);

/* The default of the table; it is right by test, so anything else aborts. */
void value_default(const field_t *field, void *base);

/* As YAML that value_parse reads back to the same value, in out; returns out. */
const char *value_print(const field_t *field, const void *base, char out[VALUE_TEXT_MAX]);

/* Returns whether a key that may be left out has the value that it has then. */
bool value_is_default(const field_t *field, const void *base);

/* min and max of a number, in its base unit, for the schema. */
double value_bound(const field_t *field, const char *text);

/* HOST and PORT of tcp://HOST:PORT. False when it is something else. PORT is 0 for *. */
bool value_endpoint(const char *text, char ret_host[TOPOLOGY_TEXT_MAX], unsigned *ret_port);

/* Returns whether an endpoint's HOST is of this machine alone. */
bool value_is_loopback(const char *host);

#endif
